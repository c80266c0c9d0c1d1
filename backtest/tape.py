"""One symbol's bars, already in memory, as a feed: for runs over data that no file holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import numpy as np

from domain.clock import from_ns, to_ns
from domain.errors import DataError, UnknownSymbol
from domain.instrument import Instrument
from domain.market import Candle, Headline, OrderBook, Quote, Timeframe
from domain.money import Price, Quantity, Symbol
from market.bars import Bars, Column
from market.liquidity import Liquidity, depth_at, liquidity


def in_ticks(prices: Column, instrument: Instrument) -> list[int]:
    """Prices as whole ticks. Raises DataError when one is not above zero or not a multiple of the tick."""
    tick = float(instrument.tick_size)
    ticks = np.rint(prices / tick)
    if not (np.abs(ticks * tick - prices) <= tick * 1e-6).all() or not (ticks >= 1).all():
        raise DataError(
            f"a price of {instrument.symbol} is off the tick of {instrument.tick_size:f}",
            fix="Round the prices to the tick first",
        )
    whole: list[int] = ticks.astype(np.int64).tolist()
    return whole


def _in_steps(volumes: Column, instrument: Instrument) -> list[int] | None:
    """Volumes as whole steps; None when the step is no power of ten or one volume lies between two steps."""
    exponent = instrument.step_size.normalize().as_tuple().exponent
    if instrument.step_size != Decimal(1).scaleb(int(exponent)):
        return None
    if not (np.round(volumes, -int(exponent)) == volumes).all():
        return None
    whole: list[int] = np.rint(volumes / float(instrument.step_size)).astype(np.int64).tolist()
    return whole


class TapeFeed:
    """Implements market.feed.Feed over `bars`; a quote is the close, without a spread, and there is no book.

    Candles and quotes are built when they are asked for, and `stand` moves to any bar at once, so a bar on
    which nobody looks costs nothing. Raises DataError for bars that are empty, not in order or off the tick.
    """

    name = "tape"

    def __init__(self, bars: Bars, instrument: Instrument) -> None:
        if not len(bars):
            raise DataError(f"the tape of {bars.symbol} is empty", fix="Give it at least one bar")
        if (bars.close_ns[1:] <= bars.close_ns[:-1]).any():
            raise DataError(f"the bars of {bars.symbol} are not in order", fix="Sort them by time, once each")
        self.bars = bars
        self.symbols: tuple[Symbol, ...] = (bars.symbol,)
        self.timeframe: Timeframe = bars.timeframe
        self.instruments: Mapping[Symbol, Instrument] = {bars.symbol: instrument}
        self._instrument = instrument
        self._open_ns: list[int] = bars.open_ns.tolist()
        self._close_ns: list[int] = bars.close_ns.tolist()
        self._steps = _in_steps(bars.volume, instrument)
        prices = (bars.open, bars.high, bars.low, bars.close)
        self._ticks = tuple(in_ticks(column, instrument) for column in prices)
        self._index = -1
        self._now: datetime | None = None
        self._candle: Candle | None = None
        self._quote: Quote | None = None
        self._model: Liquidity | None = None

    @property
    def now(self) -> datetime | None:
        return self._now

    def advance(self) -> datetime | None:
        if self._index + 1 >= len(self.bars):
            return None
        return self.stand(self._index + 1)

    def stand(self, index: int) -> datetime:
        """Stand on bar `index`, counted from 0, and return its close time."""
        self._index = index
        self._candle = self._quote = None
        self._now = now = from_ns(self._close_ns[index])
        return now

    def seek(self, as_of: datetime) -> None:
        index = self.bars.count_upto(as_of) - 1
        if index >= 0:
            self.stand(index)
        else:
            self._index, self._now, self._candle, self._quote = -1, None, None, None

    def closes_in_ticks(self) -> list[int]:
        """Every close of the tape as whole ticks: for the runner alone, it holds the future too."""
        return self._ticks[3]

    def bar_index(self) -> int:
        return self._index

    def candle(self, symbol: Symbol) -> Candle | None:
        self._check(symbol)
        if self._candle is None and self._index >= 0:
            self._candle = self._build(self._index)
        return self._candle

    def quote(self, symbol: Symbol) -> Quote | None:
        self._check(symbol)
        if self._quote is None and self._now is not None:
            close = Price(self._ticks[3][self._index] * self._instrument.tick_size)
            self._quote = Quote(symbol, close, close, close, self._now, estimated=True)
        return self._quote

    def book(self, symbol: Symbol) -> OrderBook | None:
        self._check(symbol)
        return None

    def depth(self, symbol: Symbol) -> tuple[Decimal, Decimal] | None:
        """What would rest around the close by the model of market.liquidity: the bars say nothing of it."""
        quote = self.quote(symbol)
        if quote is None:
            return None
        if self._model is None:
            self._model = liquidity(self.bars)
        return depth_at(self.bars, self._index, self._model, quote)

    def headlines(self, since: datetime) -> tuple[Headline, ...]:
        return ()

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        self._check(symbol)
        stop = self._index + 1
        if self._now is not None and to_ns(as_of) < to_ns(self._now):
            stop = min(stop, self.bars.count_upto(as_of))
        return self.bars.slice(max(0, stop - limit), stop)

    def _build(self, index: int) -> Candle:
        """The candle that `bars.candle` makes, from ticks instead of floats."""
        bars, tick = self.bars, self._instrument.tick_size
        opens, highs, lows, closes = self._ticks
        return Candle(
            symbol=bars.symbol,
            timeframe=bars.timeframe,
            open_time=from_ns(self._open_ns[index]),
            close_time=from_ns(self._close_ns[index]),
            open=Price(opens[index] * tick),
            high=Price(highs[index] * tick),
            low=Price(lows[index] * tick),
            close=Price(closes[index] * tick),
            volume=self._volume(index),
        )

    def _volume(self, index: int) -> Quantity:
        if self._steps is None:
            return self._instrument.quantity(float(self.bars.volume[index]))
        return Quantity(self._steps[index] * self._instrument.step_size)

    def _check(self, symbol: Symbol) -> None:
        if symbol != self.bars.symbol:
            raise UnknownSymbol(f"this tape does not carry {symbol}", fix=f"It carries {self.bars.symbol}")
