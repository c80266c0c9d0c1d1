"""What is odd about a symbol's market, measured once a bar: moves, gaps, volume, spread, and missing bars.

Everything rests on the last bars alone, so that the same tape gives the same measures after a restart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, log, sqrt
from typing import Final

from domain.instrument import split_symbol
from domain.market import Candle, Quote, Timeframe
from domain.money import Symbol
from risk.anomalies.detectors import median

STABLE: Final = frozenset({"USD", "USDT", "USDC", "DAI", "TUSD", "FDUSD", "BUSD", "USDP", "PYUSD", "USDE"})
"""Coins that are meant to be worth one dollar, and the dollar."""

_DAY: Final = 86_400
_WEEK: Final = 7 * _DAY
_FEWEST, _MOST = 96, 1_000
_RECENT_FEWEST, _RECENT_MOST = 4, 60
_RECENT: Final = 4 * 3600
_MOVE_OF_VOLATILITY: Final = 0.6745  # the median of |x| of a normal x, in standard deviations

_NARROW: Final = 0.002
"""A spread that is nothing to worry about, however narrow the usual one."""

Measure = tuple[str, float]


@dataclass(frozen=True, slots=True)
class Windows:
    """How many bars are "usual" and how many "the latest", and how often the usual is taken anew.

    The usual is a week, the latest four hours, both within bounds that suit any timeframe.
    """

    usual: int
    latest: int
    stride: int

    @classmethod
    def of(cls, timeframe: Timeframe) -> Windows:
        usual = min(max(_WEEK // timeframe.seconds, _FEWEST), _MOST)
        latest = min(max(_RECENT // timeframe.seconds, _RECENT_FEWEST), _RECENT_MOST)
        return cls(usual, latest, max(usual // 16, 4))

    @property
    def memory(self) -> int:
        """How many bars have to be read again after a restart for every measure to be what it was."""
        return self.usual + self.latest + 2 * self.stride


class MarketSensor:
    """Measures of one symbol. `calm_daily_fraction` is the volatility a day below which nothing is a spike.

    A bar's move is the farthest its price went from the last close (a logarithm). The usual move is the
    median of the week's moves, not less than that of a calm day: a median about zero, as robust as the MAD
    (Rousseeuw and Croux, JASA 88, 1993). `volatility_spike` is the root mean square of the latest moves over
    the usual one; one bar of ten usual moves and an hour of three are told alike.
    """

    def __init__(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        *,
        calm_daily_fraction: float,
        spread_fraction: float,
        spread_ratio: float,
    ) -> None:
        """`spread_fraction` is too wide for any market, `spread_ratio` so many usual ones for this one."""
        self.symbol = symbol
        self._widest = spread_fraction
        self._times_usual = spread_ratio
        self.windows = windows = Windows.of(timeframe)
        self._seconds = timeframe.seconds
        self._calm = _MOVE_OF_VOLATILITY * calm_daily_fraction * sqrt(min(timeframe.seconds / _DAY, 1.0))
        self._moves: deque[float] = deque(maxlen=windows.usual)
        self._volumes: deque[float] = deque(maxlen=windows.usual)
        self._squares: deque[float] = deque(maxlen=windows.latest)
        self._turnover: deque[float] = deque(maxlen=windows.latest)
        self._spreads: deque[float] = deque(maxlen=windows.usual)
        self._usual_spread: float | None = None
        self._usual_move: float | None = None
        self._usual_volume: float | None = None
        self._close: float | None = None
        self.missing = 0
        base, quote = split_symbol(symbol)
        self.pegged = base in STABLE and quote in STABLE

    def prime(self, candle: Candle) -> None:
        """Remember a bar from before the session without measuring anything."""
        for _ in self.bar(candle):
            pass

    def bar(self, candle: Candle | None) -> Iterator[Measure]:
        """The measures of the bar that closed now, by the kind of their breaker. None: it is missing."""
        read = None if candle is None else _read(candle)
        if candle is None or read is None:
            self.missing += 1
            yield "data_quality", float(self.missing)
            return
        self.missing = 0
        yield "data_quality", 0.0
        opened, high, low, close, volume = read
        before, self._close = self._close, close
        if before is not None:
            yield "price_gap", abs(opened / before - 1.0)
            self._keep(max(log(high / before), log(before / low), 0.0), volume)
            if self._usual_move is not None and len(self._squares) == self.windows.latest:
                yield "volatility_spike", sqrt(sum(self._squares) / self.windows.latest) / self._usual_move
            if self._usual_volume and len(self._turnover) == self.windows.latest:
                turnover = sum(self._turnover) / self.windows.latest
                yield "volume_collapse", 1.0 - turnover / self._usual_volume
        if (int(candle.close_time.timestamp()) // self._seconds) % self.windows.stride == 0:
            self._take_the_usual()

    def _keep(self, move: float, volume: float) -> None:
        """The latest are set apart from the usual until they are no longer the latest."""
        if len(self._squares) == self.windows.latest:
            self._moves.append(sqrt(self._squares[0]))
            self._volumes.append(self._turnover[0])
        self._squares.append(move * move)
        self._turnover.append(volume)

    def _take_the_usual(self) -> None:
        if len(self._moves) * 2 >= self.windows.usual:
            self._usual_move = max(median(list(self._moves)), self._calm)
            self._usual_volume = median(list(self._volumes))
        if len(self._spreads) * 2 >= self.windows.usual:
            self._usual_spread = median(list(self._spreads))

    def spread(self, quote: Quote) -> Measure:
        """The spread over its limit: so many usual ones, or too wide for any market if that is less."""
        spread = spread_of(quote)
        limit = self._widest
        if self._usual_spread is not None:
            limit = min(limit, max(self._usual_spread * self._times_usual, _NARROW))
        if isfinite(spread):
            self._spreads.append(spread)
        return "spread_blowout", spread / limit

    def off_peg(self) -> tuple[float, float] | None:
        """How far a stable coin is below one of its quote, and how far above; None for what has no peg.

        Below, the coin itself lost its peg; above, what it is quoted in did.
        """
        if not self.pegged or self._close is None:
            return None
        return max(0.0, 1.0 - self._close), max(0.0, self._close - 1.0)


def spread_of(quote: Quote) -> float:
    """The spread as a fraction of the middle; NaN when there is no market in it."""
    bid, ask = float(quote.bid), float(quote.ask)
    if not (isfinite(bid) and isfinite(ask) and 0.0 < bid <= ask):
        return float("nan")
    return 2.0 * (ask - bid) / (ask + bid)


def _read(candle: Candle) -> tuple[float, float, float, float, float] | None:
    """The five numbers of a bar; None when they cannot be true."""
    opened, high, low, close = float(candle.open), float(candle.high), float(candle.low), float(candle.close)
    volume = float(candle.volume)
    if not 0.0 < low <= opened <= high or not low <= close <= high or not isfinite(high):
        return None
    return None if not 0.0 <= volume < float("inf") else (opened, high, low, close, volume)
