"""What really happened, replayed on today's book: the worst hours of an event, from the user's candles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import numpy as np

from domain.clock import from_ns, to_ns
from domain.errors import DataError
from domain.money import decimal_from
from risk.measures.returns import SECOND_NS, Column, Times
from risk.stress.scenarios import Scenario

HOURS: Final = 24
"""The stretch over which a replay is measured."""
_ONE: Final = Decimal(1)
_EXACT: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Event:
    """Days on record: the named scenario they stand for, from the first moment to the last, UTC."""

    name: str
    first: datetime
    last: datetime


def _days(name: str, first: tuple[int, int, int], last: tuple[int, int, int]) -> Event:
    return Event(name, datetime(*first, tzinfo=UTC), datetime(*last, tzinfo=UTC) + timedelta(days=1))


EVENTS: Final[tuple[Event, ...]] = (
    _days("2020-03-12", (2020, 3, 11), (2020, 3, 14)),
    _days("2021-05-19", (2021, 5, 17), (2021, 5, 24)),
    _days("2022-05-luna", (2022, 5, 5), (2022, 5, 14)),
    _days("2022-06-3ac", (2022, 6, 10), (2022, 6, 20)),
    _days("2022-11-ftx", (2022, 11, 6), (2022, 11, 15)),
)
"""The events that a named scenario stands in for where there are no candles of them."""


def replay(
    event: Event,
    closes: Mapping[str, tuple[Times, Column]],
    values: Mapping[str, Decimal],
    *,
    hours: int = HOURS,
) -> Scenario:
    """The `hours` of the event in which a book worth `values` (by asset) lost most, as a scenario.

    `closes` are (close times in ns since 1970 UTC, prices) by asset. All assets move as they moved over the
    same hours, close to close; the stretch may begin before the event does. Between two bars nothing is
    known, so a wick that came back within one bar is not in it. An asset that is not held moves by zero.

    Raises DataError for an empty book and where the candles of one asset do not cover the event.
    """
    held = {asset: float(value) for asset, value in values.items() if value}
    if not held:
        raise DataError("the book is empty, so nothing can be replayed on it")
    span = hours * 3600 * SECOND_NS
    begins, ends = to_ns(event.first), to_ns(event.last)
    moments: Times | None = None
    for asset in held:
        if asset not in closes:
            raise DataError(f"there are no candles of {asset}")
        times = closes[asset][0]
        covered = bool(len(times)) and int(times[0]) <= begins and int(times[-1]) >= ends
        inside = times[(times >= begins) & (times <= ends)] if covered else times[:0]
        if not len(inside):
            raise DataError(f"the candles of {asset} do not cover {event.first:%Y-%m-%d}{_reach(times)}")
        whole = inside[np.isin(inside - span, times)]
        moments = whole if moments is None else np.intersect1d(moments, whole)
    if moments is None or not len(moments):
        raise DataError(f"no two closes {hours} hours apart are there for every asset held in {event.name}")
    moves = {asset: _moves(*closes[asset], moments, span) for asset in held}
    lost = -sum((moves[asset] * value for asset, value in held.items()), np.zeros(len(moments)))
    worst = int(np.argmax(lost))
    return Scenario(
        event.name,
        {asset: _exactly(move[worst]) for asset, move in moves.items()},
        Decimal(0),
        f"Replayed: the {hours} hours until {from_ns(int(moments[worst])):%Y-%m-%d %H:%M} UTC",
    )


def _moves(times: Times, prices: Column, moments: Times, span: int) -> Column:
    then, now = np.searchsorted(times, moments - span), np.searchsorted(times, moments)
    moved: Column = prices[now] / prices[then] - 1.0
    return moved


def _exactly(move: float) -> Decimal:
    return max(-_ONE, decimal_from(float(move)).quantize(_EXACT))


def _reach(times: Times) -> str:
    if not len(times):
        return ": there are none"
    return f"; they run from {from_ns(int(times[0])):%Y-%m-%d} to {from_ns(int(times[-1])):%Y-%m-%d}"
