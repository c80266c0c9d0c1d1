"""Latency of an order in a market of bars: the price moves before the order arrives.

A candle does not tell the first fraction of a second after its open. What an order sent at the close pays
for arriving `delay` later is the expected adverse part of the move in between: for a driftless walk of
standard deviation s that is E[max(0, s Z)] = s / sqrt(2 pi), with s = bar volatility * sqrt(delay / bar).
The favourable half is never credited, so latency only costs; the same bar always costs the same.

When markets run, queues at the venue and on the way grow. The delay is the usual one times the bar's
volatility over a usual volatility, never shorter than usual and never longer than `longest`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from domain.errors import ConfigError
from domain.market import Candle
from domain.money import ONE, ZERO
from simulator.impact import bar_volatility

_ADVERSE: Final = Decimal("0.398942")
"""1 / sqrt(2 pi)."""
_YEAR: Final = Decimal(365 * 86_400)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Latency:
    """`usual` is the delay in quiet markets, `volatility` what a quiet year's standard deviation is.

    Raises ConfigError for a negative delay, a longest one under the usual, or a volatility not above zero.
    """

    usual: timedelta = timedelta(milliseconds=250)
    volatility: Decimal = Decimal("0.6")
    longest: timedelta = timedelta(seconds=5)

    def __post_init__(self) -> None:
        if not timedelta(0) <= self.usual <= self.longest:
            raise ConfigError(f"a latency of {self.usual} is not between 0 and {self.longest}")
        if self.volatility <= ZERO:
            raise ConfigError(f"a usual volatility of {self.volatility} is not above zero")

    def delay(self, candle: Candle) -> Decimal:
        """Seconds until an order sent at the open of this bar arrives."""
        nervous = bar_volatility(candle) * (_YEAR / _seconds(candle)).sqrt() / self.volatility
        return min(_in_seconds(self.usual) * max(nervous, ONE), _in_seconds(self.longest))

    def share(self, candle: Candle) -> Decimal:
        """What the delay costs, as a fraction of the price."""
        return _ADVERSE * bar_volatility(candle) * min(self.delay(candle) / _seconds(candle), ONE).sqrt()


def _seconds(candle: Candle) -> Decimal:
    return _in_seconds(candle.close_time - candle.open_time)


def _in_seconds(span: timedelta) -> Decimal:
    return Decimal(span // _MICROSECOND) / 1_000_000
