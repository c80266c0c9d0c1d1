"""Bars of every timeframe, grown trade by trade; older ones come from the tape."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from domain.clock import EPOCH
from domain.instrument import Instrument
from domain.market import Timeframe
from simulator.exchange.model import Kline

_KEPT, _SLACK = 9_000, 32
_DAY_MINUTES: Final = 1440


class Bar:
    """One bar on the market's grid: prices in ticks, volumes in lots, turnover in tick-lots."""

    __slots__ = ("buys", "close", "count", "high", "low", "open", "second", "spent", "turnover", "volume")

    def __init__(self, second: int, price: int) -> None:
        self.second = second
        self.open = self.high = self.low = self.close = price
        self.volume = self.turnover = self.count = 0
        self.buys = self.spent = 0

    def add(self, price: int, lots: int, buy: bool) -> None:
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.volume += lots
        self.turnover += price * lots
        self.count += 1
        if buy:
            self.buys += lots
            self.spent += price * lots

    def absorb(self, other: Bar) -> None:
        """Join a bar that follows this one."""
        self.high = max(self.high, other.high)
        self.low = min(self.low, other.low)
        self.close = other.close
        self.volume += other.volume
        self.turnover += other.turnover
        self.count += other.count
        self.buys += other.buys
        self.spent += other.spent


def past_bar(second: int, open_: int, high: int, low: int, close: int, lots: int) -> Bar:
    """A bar of history. Nobody recorded its trades: half its volume counts as bought, one trade a corner."""
    bar = Bar(second, open_)
    bar.high, bar.low, bar.close, bar.volume = high, low, close, lots
    bar.turnover = (open_ + high + low + close) * lots // 4
    bar.buys, bar.spent, bar.count = lots // 2, bar.turnover // 2, 4
    return bar


class Candles:
    """The bars of one market, newest last, in every timeframe. A stretch without a trade is a flat bar.

    The newest 9000 of each timeframe are kept.
    """

    def __init__(self, instrument: Instrument, last: int) -> None:
        self._instrument = instrument
        self._rows: dict[Timeframe, list[Bar]] = {timeframe: [] for timeframe in Timeframe}
        self._last = last
        self._day: tuple[int, Bar] | None = None

    def load(self, timeframe: Timeframe, bars: Iterable[Bar]) -> None:
        """Put history before everything else; the bars must be of this timeframe, without gaps."""
        self._rows[timeframe][:0] = bars
        self._day = None

    def trade(self, second: int, price: int, lots: int, buy: bool) -> None:
        """Count a trade in every timeframe. `second` since 1970 never goes back."""
        self.roll(second)
        self._last = price
        for rows in self._rows.values():
            rows[-1].add(price, lots, buy)

    def roll(self, second: int) -> None:
        """Close the bars that ended by this second and open the ones it falls into."""
        minutes = self._rows[Timeframe.M1]
        if minutes and minutes[-1].second + 60 > second:
            return  # every longer bar is still open too
        for timeframe, rows in self._rows.items():
            length = timeframe.seconds
            now = second - second % length
            at = rows[-1].second + length if rows else now
            while at <= now:
                rows.append(Bar(at, self._last))
                at += length
            if len(rows) > _KEPT + _SLACK:
                del rows[:-_KEPT]
        self._day = None

    def klines(
        self, timeframe: Timeframe, start: datetime | None, end: datetime | None, limit: int
    ) -> tuple[Kline, ...]:
        """Bars that open at or after `start` and at or before `end`, oldest first.

        With a start the first `limit` of them, otherwise the newest.
        """
        rows = self._rows[timeframe]
        first = 0 if start is None else bisect_left(rows, _seconds(start), key=_opened)
        stop = len(rows) if end is None else bisect_left(rows, _seconds(end) + 1, key=_opened)
        if start is None:
            first = max(first, stop - limit)
        return tuple(self._kline(timeframe, row) for row in rows[first : min(stop, first + limit)])

    def day(self) -> Bar:
        """The last 24 hours as one bar, to the minute."""
        minutes = self._rows[Timeframe.M1]
        if not minutes:
            return Bar(0, self._last)
        now = minutes[-1]
        if self._day is None:
            closed = minutes[-_DAY_MINUTES:-1]
            whole = Bar(closed[0].second if closed else now.second, closed[0].open if closed else now.open)
            for row in closed:
                whole.absorb(row)
            self._day = (now.second, whole)
        found = Bar(self._day[1].second, self._day[1].open)
        found.absorb(self._day[1])
        found.absorb(now)
        return found

    def _kline(self, timeframe: Timeframe, row: Bar) -> Kline:
        instrument = self._instrument
        tick, step = instrument.tick_size, instrument.step_size
        cell: Decimal = tick * step
        opened = EPOCH + timedelta(seconds=row.second)
        return Kline(
            instrument.symbol,
            timeframe,
            opened,
            opened + timeframe.delta,
            row.open * tick,
            row.high * tick,
            row.low * tick,
            row.close * tick,
            row.volume * step,
            row.turnover * cell,
            row.count,
            row.buys * step,
            row.spent * cell,
        )


def joined(bars: Sequence[Bar], timeframe: Timeframe) -> list[Bar]:
    """Shorter bars, oldest first, as bars of this timeframe; the first and the last may be incomplete."""
    made: list[Bar] = []
    length = timeframe.seconds
    for bar in bars:
        second = bar.second - bar.second % length
        if not made or made[-1].second != second:
            made.append(Bar(second, bar.open))
        made[-1].absorb(bar)
    return made


def _opened(row: Bar) -> int:
    return row.second


def _seconds(moment: datetime) -> int:
    return -int((EPOCH - moment).total_seconds() // 1)  # rounded up
