"""Columns of closed bars: what indicators and backtests compute on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from domain.clock import from_ns, to_ns
from domain.instrument import Instrument
from domain.market import Candle, Timeframe
from domain.money import Symbol

Times = NDArray[np.int64]
Column = NDArray[np.float64]

_KINDS = {"open_ns": np.dtype(np.int64), "close_ns": np.dtype(np.int64)} | dict.fromkeys(
    ("open", "high", "low", "close", "volume"), np.dtype(np.float64)
)


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Closed bars of one symbol, oldest first.

    Times are nanoseconds since 1970 UTC, prices in quote currency, volume in base currency. All columns
    have the same length (else ValueError) and are read-only; slices share memory with the whole.
    """

    symbol: Symbol
    timeframe: Timeframe
    open_ns: Times
    close_ns: Times
    open: Column
    high: Column
    low: Column
    close: Column
    volume: Column

    def __post_init__(self) -> None:
        length = len(self.open_ns)
        for name, kind in _KINDS.items():
            column = getattr(self, name)
            if len(column) != length:
                raise ValueError(f"{self.symbol}: column {name} has {len(column)} rows, not {length}")
            if column.dtype != kind:
                column = column.astype(kind)
            if column.flags.writeable:
                column = column.view()
                column.flags.writeable = False
                object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.open_ns)

    def slice(self, start: int, stop: int) -> Bars:
        """Rows `start` up to, not including, `stop` (both from 0), without copying."""
        rows = slice(start, stop)
        return Bars(
            self.symbol,
            self.timeframe,
            self.open_ns[rows],
            self.close_ns[rows],
            self.open[rows],
            self.high[rows],
            self.low[rows],
            self.close[rows],
            self.volume[rows],
        )

    def count_upto(self, as_of: datetime) -> int:
        """How many bars had closed at `as_of`."""
        return int(np.searchsorted(self.close_ns, to_ns(as_of), side="right"))

    def upto(self, as_of: datetime) -> Bars:
        """Only the bars that had closed at `as_of`."""
        return self.slice(0, self.count_upto(as_of))

    def candle(self, index: int, instrument: Instrument) -> Candle:
        """Row `index` as a Candle on the grids of `instrument`; negative counts from the end.

        Raises IndexError outside the rows, MoneyError when a price rounds to zero on the tick grid.
        """
        return Candle(
            symbol=self.symbol,
            timeframe=self.timeframe,
            open_time=from_ns(int(self.open_ns[index])),
            close_time=from_ns(int(self.close_ns[index])),
            open=instrument.price(float(self.open[index])),
            high=instrument.price(float(self.high[index])),
            low=instrument.price(float(self.low[index])),
            close=instrument.price(float(self.close[index])),
            volume=instrument.quantity(float(self.volume[index])),
        )


def empty_bars(symbol: Symbol, timeframe: Timeframe) -> Bars:
    """No bars at all."""
    times, values = np.empty(0, np.int64), np.empty(0, np.float64)
    return Bars(symbol, timeframe, times, times, values, values, values, values, values)
