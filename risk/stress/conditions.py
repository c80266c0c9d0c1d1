"""Stress that depends on the book and its market: correlation to one, a venue that is out, a dry market.

All take what is held (in one currency) and what is known of each asset, and give what each asset loses.
Volatilities are standard deviations of one day's return, as fractions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import NormalDist
from typing import Final

from domain.errors import DataError
from domain.money import ZERO, decimal_from

CostShare = Callable[[Decimal, Decimal], Decimal]
"""What an order costs beyond the spread, as a fraction of its value, from its share of the volume traded
over a stretch of time and the volatility over the same stretch."""

SIGMAS: Final = 4.0
OUTAGE_HOURS: Final = 12.0
STRESSED: Final = 3.0
"""How many times its own the volatility is while a venue is out: outages come when everybody sells."""
DRY: Final = Decimal("0.1")
LEVEL: Final = 0.99
_SMALLEST: Final = Decimal("1e-12")


@dataclass(frozen=True, slots=True)
class Holding:
    """What is held of an asset and what its market is like.

    `value` and `volume_day` (traded in a day, both in the account's currency); `volatility` of a day.
    """

    value: Decimal
    volatility: float
    volume_day: Decimal


Losses = Mapping[str, Decimal]


def all_together(book: Mapping[str, Holding], sigmas: float = SIGMAS) -> Losses:
    """Every asset falls by `sigmas` of its own daily volatility on the same day.

    That is the book's loss at so many standard deviations when every correlation is one, the largest that
    any correlations give a book that only holds: sqrt(w' C w) is at most the sum of w times volatility. No
    asset loses more than everything.
    """
    return {asset: _lost(each, sigmas * _known(asset, each)) for asset, each in book.items()}


def venue_out(
    book: Mapping[str, Holding],
    hours: float = OUTAGE_HOURS,
    multiple: float = STRESSED,
    level: float = LEVEL,
) -> Losses:
    """No exit for `hours` while volatility is `multiple` times its own: a loss that is exceeded with
    probability 1 - level, all assets falling together.

    The normal quantile times volatility times the root of time; stops do not help, nothing can be sent.
    """
    if not (hours > 0.0 and multiple > 0.0 and 0.5 < level < 1.0):
        raise DataError("an outage needs hours and a multiple above zero and a level between 0.5 and 1")
    reach = NormalDist().inv_cdf(level) * multiple * math.sqrt(hours / 24.0)
    return {asset: _lost(each, reach * _known(asset, each)) for asset, each in book.items()}


def dry_market(book: Mapping[str, Holding], cost: CostShare, volume_share: Decimal = DRY) -> Losses:
    """Selling everything within an hour while only `volume_share` of the usual volume trades.

    The cost of getting out, by the impact law `cost` over one hour; the price itself is taken as it stands.
    An asset that never traded cannot be sold: all of it is lost.
    """
    if not ZERO < volume_share <= 1:
        raise DataError(f"a volume share of {volume_share} is not in (0, 1]")
    lost: dict[str, Decimal] = {}
    for asset, each in book.items():
        hour = each.volume_day * volume_share / 24
        if not each.value:
            lost[asset] = ZERO
        elif hour <= ZERO:
            lost[asset] = each.value
        else:
            volatility = decimal_from(_known(asset, each) / math.sqrt(24.0))
            lost[asset] = each.value * min(Decimal(1), cost(each.value / hour, volatility))
    return lost


def _known(asset: str, holding: Holding) -> float:
    if not (holding.value.is_finite() and holding.value >= ZERO and holding.volume_day.is_finite()):
        raise DataError(f"a holding of {asset} worth {holding.value} makes no sense")
    if not (math.isfinite(holding.volatility) and holding.volatility >= 0.0):
        raise DataError(f"the volatility of {asset} is {holding.volatility}")
    return holding.volatility


def _lost(holding: Holding, fall: float) -> Decimal:
    return holding.value * min(Decimal(1), decimal_from(float(fall)))
