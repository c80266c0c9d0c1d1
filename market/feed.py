"""The port through which the desk sees a market."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Protocol, runtime_checkable

from domain.instrument import Instrument
from domain.market import Candle, Headline, OrderBook, Quote, Timeframe
from domain.money import Symbol
from market.bars import Bars, Times


class Feed(Protocol):
    """A market that moves in closed bars and is pulled, one bar close at a time.

    It never shows anything that closes, or becomes available, after `now`. Before the first `advance`
    `now` is None, `bar_index` is -1, and only the warm-up bars in `history` are visible. A symbol the feed
    does not carry raises UnknownSymbol, in every method. Times are aware UTC.
    """

    @property
    def name(self) -> str:
        """What this feed is, for people: "replay", "synthetic" ..."""
        ...

    @property
    def symbols(self) -> tuple[Symbol, ...]: ...

    @property
    def timeframe(self) -> Timeframe: ...

    @property
    def instruments(self) -> Mapping[Symbol, Instrument]: ...

    @property
    def now(self) -> datetime | None:
        """The close time of the bar the feed stands on; None before the first one."""
        ...

    def advance(self) -> datetime | None:
        """Move to the next bar close on the common grid. None: the tape has ended, and `now` stays."""
        ...

    def seek(self, as_of: datetime) -> None:
        """Stand on the last bar that closed at or before `as_of`, or before the first bar of all.

        What is seen afterwards is what an uninterrupted run saw there.
        """
        ...

    def candle(self, symbol: Symbol) -> Candle | None:
        """The bar that closed exactly now; None when this symbol has a gap here."""
        ...

    def quote(self, symbol: Symbol) -> Quote | None:
        """The newest quote at or before now; its `as_of` shows its age. None when there is none yet."""
        ...

    def book(self, symbol: Symbol) -> OrderBook | None:
        """Up to 20 levels a side, `estimated` when modelled from candles. None when there is none yet."""
        ...

    def headlines(self, since: datetime) -> tuple[Headline, ...]:
        """Those with since < available_at <= now, oldest first."""
        ...

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        """The newest `limit` bars that closed at or before `as_of`, and never after now."""
        ...

    def bar_index(self) -> int:
        """0 for the first bar `advance` ever returned, the same after `seek`; -1 before it."""
        ...


@runtime_checkable
class Depths(Protocol):
    """What a feed adds that knows what its book holds without building it."""

    def depth(self, symbol: Symbol) -> tuple[Decimal, Decimal] | None:
        """About what rests on the bids and on the asks of `book(symbol)`, in quote currency."""
        ...


@runtime_checkable
class Tape(Protocol):
    """What a feed adds when its whole tape is known in advance.

    These columns hold the future too: only the feature engine and the backtest runner may use them, and
    only row by row up to `row(symbol)`.
    """

    def columns(self, symbol: Symbol) -> Bars:
        """Every bar of the tape, warm-up first, then the run."""
        ...

    def offset(self, symbol: Symbol) -> int:
        """The index in `columns` of the first bar of the run; before it lies the warm-up."""
        ...

    def row(self, symbol: Symbol) -> int:
        """The index in `columns` of the newest bar visible now; -1 when there is none yet."""
        ...

    def rows(self, symbol: Symbol) -> Times:
        """`row(symbol)` for every bar_index of the run, as one read-only column."""
        ...
