"""Fees by venue: rates that fall with the turnover of 30 days, and what a withdrawal costs.

The figures are what venues publish for an account without their own coin, as of 2025, and those that ccxt
4.5.90 carries. They are defaults for a rehearsal: venues change them, and an account sees its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final

from domain.errors import ConfigError
from domain.money import ZERO, Currency
from simulator.costs import FeeSchedule

_MONTH: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class FeeLadder:
    """Fee rates by turnover: pairs of the 30-day turnover in quote currency from which rates hold, rising.

    Raises ConfigError unless the first step is 0 and each is above the one before.
    """

    steps: tuple[tuple[Decimal, FeeSchedule], ...]

    def __post_init__(self) -> None:
        if not self.steps or self.steps[0][0] != ZERO:
            raise ConfigError(
                "a fee ladder begins at a turnover of 0", fix="Put the rates for everybody first"
            )
        if any(later[0] <= earlier[0] for earlier, later in pairwise(self.steps)):
            raise ConfigError("the turnovers of a fee ladder must rise", fix="Sort its steps, each once")

    def at(self, turnover: Decimal) -> FeeSchedule:
        """The rates of an account that traded this much in 30 days."""
        return next(rates for least, rates in reversed(self.steps) if least <= turnover)


def one_rate(maker: str, taker: str) -> FeeLadder:
    """The same rates for everybody, as fractions ("0.001" is 0.1 %)."""
    return _ladder(("0", maker, taker))


class Turnover:
    """What an account traded on each day (UTC), in quote currency; `before` is what it brings along."""

    def __init__(self, before: Decimal = ZERO) -> None:
        self._before = before
        self._days: dict[date, Decimal] = {}

    def add(self, at: datetime, notional: Decimal) -> None:
        day = at.date()
        self._days[day] = self._days.get(day, ZERO) + notional

    def of_month(self, day: date) -> Decimal:
        """Turnover of the 30 days before `day`, which is what venues set that day's rates by.

        What was brought along counts until 30 days have been traded here.
        """
        since = day - _MONTH
        for old in [each for each in self._days if each < since]:
            self._before = ZERO
            del self._days[old]
        return self._before + sum((notional for each, notional in self._days.items() if each < day), ZERO)


def _ladder(*steps: tuple[str, str, str]) -> FeeLadder:
    return FeeLadder(
        tuple((Decimal(least), FeeSchedule(Decimal(maker), Decimal(taker))) for least, maker, taker in steps)
    )


LADDERS: Final[Mapping[str, FeeLadder]] = {
    "binance": _ladder(
        ("0", "0.001", "0.001"),
        ("1000000", "0.0009", "0.001"),
        ("5000000", "0.0008", "0.001"),
        ("20000000", "0.0004", "0.0006"),
        ("75000000", "0.0004", "0.00052"),
        ("150000000", "0.00025", "0.00031"),
        ("400000000", "0.0002", "0.00029"),
        ("800000000", "0.00019", "0.00028"),
        ("2000000000", "0.00016", "0.00025"),
        ("4000000000", "0.00011", "0.00023"),
    ),
    # Gate counts turnover in bitcoin; here at 60,000 USDT for one.
    "gate": _ladder(
        ("0", "0.002", "0.002"),
        ("90000", "0.00185", "0.00195"),
        ("180000", "0.00175", "0.00185"),
        ("360000", "0.00165", "0.00175"),
        ("750000", "0.00155", "0.00165"),
        ("1500000", "0.00145", "0.00155"),
        ("4500000", "0.00135", "0.00145"),
        ("12000000", "0.00125", "0.00135"),
        ("30000000", "0.00115", "0.00125"),
        ("75000000", "0.00105", "0.00115"),
        ("150000000", "0.00095", "0.00105"),
        ("180000000", "0.00085", "0.00095"),
        ("360000000", "0.00075", "0.00085"),
        ("660000000", "0.00065", "0.00075"),
        ("1200000000", "0.00055", "0.00065"),
    ),
    "mexc": one_rate("0", "0.0005"),
    "coinbase": _ladder(
        ("0", "0.006", "0.012"),
        ("10000", "0.0025", "0.004"),
        ("50000", "0.0015", "0.0025"),
        ("100000", "0.001", "0.002"),
        ("1000000", "0.0008", "0.0018"),
        ("15000000", "0.0006", "0.0016"),
        ("75000000", "0.0003", "0.0012"),
        ("250000000", "0", "0.0008"),
        ("400000000", "0", "0.0005"),
    ),
}
"""Fee ladders by venue."""
_EVERYWHERE: Final = one_rate("0.001", "0.001")

_WITHDRAWAL: Final[Mapping[str, Mapping[str, str]]] = {
    "binance": {"BTC": "0.00003", "ETH": "0.0001", "SOL": "0.001", "XRP": "0.2", "USDT": "1", "USDC": "1"},
    "gate": {"BTC": "0.00005", "ETH": "0.0005", "SOL": "0.005", "XRP": "0.3", "USDT": "1", "USDC": "1"},
    "mexc": {"BTC": "0.00005", "ETH": "0.0003", "SOL": "0.003", "XRP": "0.2", "USDT": "1", "USDC": "1"},
    "coinbase": {"BTC": "0.00002", "ETH": "0.0002", "SOL": "0.001", "XRP": "0.1", "USDT": "1", "USDC": "0"},
}


def withdrawal_fee(venue: str, currency: Currency) -> Decimal:
    """What taking any amount of `currency` off a venue costs, in that currency, on its cheapest main network.

    Venues move this with the network's own fees. Raises ConfigError for a venue or coin without a figure.
    """
    fees = _WITHDRAWAL.get(venue)
    if fees is None:
        raise ConfigError(
            f"no withdrawal fees are known of {venue!r}", fix=f"Known: {', '.join(_WITHDRAWAL)}"
        )
    if currency not in fees:
        raise ConfigError(
            f"no withdrawal fee for {currency} at {venue} is known", fix=f"Known: {', '.join(fees)}"
        )
    return Decimal(fees[currency])


def rates(
    venue: str | None, turnover: Decimal, maker: Decimal | None, taker: Decimal | None
) -> tuple[FeeSchedule, FeeLadder | None]:
    """The rates to begin with, and the ladder they follow from there; None when they stay as they are.

    A rate that is given wins and stays; a missing one is that of the venue at this turnover, and without a
    venue 0.1 %. Raises ConfigError for a venue without a ladder.
    """
    if venue is None:
        ladder = _EVERYWHERE
    elif venue in LADDERS:
        ladder = LADDERS[venue]
    else:
        raise ConfigError(f"no fees are known of {venue!r}", fix=f"Known: {', '.join(LADDERS)}")
    usual = ladder.at(turnover)
    if maker is None and taker is None:
        return usual, None if venue is None else ladder
    return FeeSchedule(usual.maker if maker is None else maker, usual.taker if taker is None else taker), None
