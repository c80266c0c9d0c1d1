"""Temporary market impact: an order moves the price against itself while it trades.

The square-root law: an order of size Q costs about Y * sigma * sqrt(Q / V), with sigma the volatility and V
the volume over the same stretch of time. It was measured for stocks (Almgren, Thum, Hauptmann and Li,
"Direct Estimation of Equity Market Impact", 2005; Toth et al., "Anomalous Price Impact and the Critical
Nature of Liquidity in Financial Markets", 2011) and for Bitcoin over four decades of size (Donier and
Bonart, "A Million Metaorder Analysis of Market Impact on the Bitcoin", 2015, arXiv 1412.4503), where Y is
of the order of one for the price at the order's end. Along a square root the average price is two thirds of
that away; a part of it is already paid by walking the visible book, so the default Y here is one half.

Depth follows the clock. Around 11:00 UTC the Bitcoin book holds about 1.6 times what it holds at 21:00
(Amberdata, "The Rhythm of Liquidity", 2025: 3.86 and 2.36 million dollars within ten basis points). Between
those hours the depth is taken as a straight line, with a mean of one; V is scaled by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from domain.errors import ConfigError
from domain.market import Candle
from domain.money import ZERO

_PARKINSON: Final = Decimal("0.600561")
"""1 / sqrt(4 ln 2)."""
_HIGH, _LOW = Decimal("1.24"), Decimal("0.76")
_BEST_HOUR, _FALLING, _RISING = 11, 10, 14


def bar_volatility(candle: Candle) -> Decimal:
    """Standard deviation of the return over one bar, from its range (Parkinson, 1980).

    The log of high over low is taken as range over middle, which differs by less than 0.1 % for ranges
    under a tenth of the price.
    """
    return _PARKINSON * 2 * (candle.high - candle.low) / (candle.high + candle.low)


def depth_at(hour: int) -> Decimal:
    """Usual depth of the book at that hour of the day (UTC), relative to its mean over the day."""
    since = (hour - _BEST_HOUR) % 24
    if since <= _FALLING:
        return _HIGH - (_HIGH - _LOW) * since / _FALLING
    return _LOW + (_HIGH - _LOW) * (since - _FALLING) / _RISING


_DEPTH: Final = tuple(depth_at(hour) for hour in range(24))


@dataclass(frozen=True, slots=True)
class Impact:
    """The square-root law with this coefficient. Raises ConfigError for one outside [0, 10]."""

    coefficient: Decimal = Decimal("0.5")

    def __post_init__(self) -> None:
        if not ZERO <= self.coefficient <= 10:
            raise ConfigError(f"an impact coefficient of {self.coefficient} is outside [0, 10]")

    def share(self, quantity: Decimal, candle: Candle) -> Decimal:
        """What `quantity` taken from this bar costs, as a fraction of the price; zero where nothing trades.

        The depth is that of the hour at which the bar opens.
        """
        usual = candle.volume * _DEPTH[candle.open_time.hour]
        if usual <= ZERO or quantity <= ZERO:
            return ZERO
        return self.coefficient * bar_volatility(candle) * (quantity / usual).sqrt()
