"""A running exchange as a feed: the network is asked in `refresh_*`, everything else answers from memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeVar

from domain.clock import EPOCH, from_ns, to_ns
from domain.errors import DataError, DeskError, UnknownSymbol, VenueDown
from domain.instrument import Instrument
from domain.market import Candle, Headline, OrderBook, Quote, Timeframe
from domain.money import Price, Symbol
from market.bars import Bars, empty_bars
from market.live.checking import LEVELS, CheckedBook, checked_book, closed_bars
from market.live.client import MarketClient
from market.live.clock import VenueClock
from market.live.series import Merged, merge

WARMUP: Final = 600
"""Bars read before the first decision: enough for every indicator to forget where it was seeded."""
KEEP: Final = 2_000
"""Bars kept per symbol; memory stays flat however long the desk runs."""
PAGE: Final = 500
"""Candles asked for at once; every venue used here gives that many."""
RESTATED_EVERY: Final = timedelta(hours=1)
"""Restated bars of one symbol are said this often at most; `restated` counts them all."""
FAR: Final = 10
"""A price that many times the last one, or as small a part of it, is a slipped digit and not a market."""

_OVERLAP: Final = 2
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Said:
    """Something about the market data that an operator should know."""

    level: Literal["info", "warning"]
    message: str


@dataclass(slots=True)
class _Market:
    """What is known of one symbol."""

    bars: Bars
    quote: Quote | None = None
    book: OrderBook | None = None
    nonce: int | None = None
    nonce_since: datetime = EPOCH
    far: int = 0  # bars restated by more than a trifle, and not said yet
    far_said: datetime = EPOCH
    trouble: dict[str, str] = field(default_factory=dict)


class LiveFeed:
    """Closed candles, order books and quotes of a running venue, by the Feed protocol.

    `now` is the close of the bar it stands on; quotes and books are newer, and their `as_of` says how old.
    `advance` goes to the newest bar there is: bars that passed while nobody looked are filled into the
    history and never decided upon. `bar_index` counts bars since `origin`, the close of the session's bar
    0, so that it is the same after any restart. What a venue answers is checked first (checking.py): an
    answer that cannot be is refused, said once, and what was known before stays, growing old.
    """

    def __init__(
        self,
        client: MarketClient,
        instruments: Mapping[Symbol, Instrument],
        timeframe: Timeframe,
        *,
        name: str,
        clock: VenueClock,
        origin: datetime,
        warmup: int = WARMUP,
        keep: int = KEEP,
        deadline: float = 10.0,
        patience: timedelta | None = None,
    ) -> None:
        """`origin` is a moment in the session's first bar interval. `deadline` (seconds) is for one request.

        `patience` is how long a bar that some symbols have is held back for the others; without it a
        quarter of a bar, at most 30 s.
        """
        self.name = name
        self.timeframe = timeframe
        self.instruments = instruments
        self.symbols = tuple(instruments)
        self._client = client
        self._clock = clock
        self._bar = timeframe.delta
        self._origin = self._floor(origin)
        self._warmup, self._keep, self._deadline = warmup, max(keep, warmup), deadline
        self._patience = patience or min(self._bar / 4, timedelta(seconds=30))
        self._markets = {symbol: _Market(empty_bars(symbol, timeframe)) for symbol in instruments}
        self._now: datetime | None = None
        self.restated = 0  # bars that the venue told anew after the desk had used them, trifles included
        self._said: list[Said] = []
        self._reread = False

    @classmethod
    async def open(
        cls,
        client: MarketClient,
        instruments: Mapping[Symbol, Instrument],
        timeframe: Timeframe,
        *,
        name: str,
        clock: VenueClock,
        origin: datetime | None = None,
        **more: Any,
    ) -> LiveFeed:
        """Ask for the venue's time, the warm-up bars and the first quotes.

        Without `origin` the session begins now. Raises DataError for answers that make no sense, VenueDown
        when the venue cannot be reached: a desk does not start half blind.
        """
        try:
            await set_clock(client, clock, deadline=more.get("deadline", 10.0))
        except DeskError:
            raise
        except Exception as error:
            raise VenueDown(f"{name} cannot be reached: {_words(error)}", fix=_RETRY) from error
        feed = cls(
            client, instruments, timeframe, name=name, clock=clock, origin=origin or clock.now(), **more
        )
        await feed.refresh_bars()
        await feed.refresh_quotes()
        for market in feed._markets.values():
            for what in market.trouble.values():
                raise VenueDown(f"{name} does not answer usefully: {what}", fix=_RETRY)
            if not len(market.bars):
                raise DataError(f"{name} has no {timeframe} candles of {market.bars.symbol}")
        feed.take_said()
        return feed

    # --- the network ---

    async def refresh_bars(self) -> None:
        """Fetch every symbol's bars since the last known one, filling in what an outage left out."""
        await asyncio.gather(*(self._refresh_bars(symbol) for symbol in self.symbols))

    async def refresh_quotes(self, symbols: Iterable[Symbol] | None = None) -> None:
        """Fetch the order books of `symbols`, all by default."""
        chosen = self.symbols if symbols is None else tuple(symbols)
        await asyncio.gather(*(self._refresh_quote(symbol) for symbol in chosen))

    async def refresh_clock(self) -> timedelta | None:
        """Ask the venue for its time; how far our reckoning was behind, None when it did not answer."""
        try:
            drift = await set_clock(self._client, self._clock, deadline=self._deadline)
        except Exception as error:  # noqa: BLE001 - no answer of a venue may stop the desk
            self._say("warning", f"{self.name} did not tell its time: {_words(error)}")
            return None
        return drift

    async def _refresh_bars(self, symbol: Symbol) -> None:
        market = self._markets[symbol]
        try:
            seen = await self._fetch_bars(symbol, market.bars)
            _same_scale(symbol, market.bars, seen)
        except Exception as error:  # noqa: BLE001 - whatever came back, the desk goes on with what it knows
            self._trouble(symbol, "candles", _words(error))
            return
        merged = merge(market.bars, seen, self._keep, float(self.instruments[symbol].tick_size))
        if self._now is not None and merged.earliest is not None and merged.earliest <= to_ns(self._now):
            self._reread = True
            self._restated(market, merged)
        market.bars = merged.bars
        self._recovered(symbol, "candles")

    def _restated(self, market: _Market, merged: Merged) -> None:
        """Count what a venue says anew of bars the desk has used; say it when it matters, once in a while."""
        self.restated += merged.restated
        market.far += merged.far
        now = self._clock.now()
        if market.far and now - market.far_said >= RESTATED_EVERY:
            self._say("info", f"{self.name} restated {market.far} candle(s) of {market.bars.symbol}")
            market.far, market.far_said = 0, now

    async def _fetch_bars(self, symbol: Symbol, known: Bars) -> Bars:
        """All closed bars from a little before the last known one up to now, page by page."""
        now = self._clock.now()
        newest_open = self._floor(now) - self._bar
        since = newest_open - self._bar * (self._warmup - 1)
        if len(known):
            since = max(since, from_ns(int(known.open_ns[-1])) - self._bar * (_OVERLAP - 1))
        found = empty_bars(symbol, self.timeframe)
        while True:
            answer = await self._ask(self._client.fetch_ohlcv(symbol, self.timeframe.value, _ms(since), PAGE))
            page = closed_bars(answer, symbol, self.timeframe, self._clock.now())
            found = merge(found, page, self._keep).bars
            reached = from_ns(int(page.open_ns[-1])) if len(page) else None
            if reached is None or reached >= newest_open or reached < since:
                return found
            since = reached + self._bar

    async def _refresh_quote(self, symbol: Symbol) -> None:
        market, asked_at = self._markets[symbol], self._clock.now()
        try:
            answer = await self._ask(self._client.fetch_order_book(symbol, LEVELS))
            seen = checked_book(answer, self.instruments[symbol], asked_at, self._clock.now())
            self._take_book(market, seen)
        except Exception as error:  # noqa: BLE001 - whatever came back, the desk goes on with what it knows
            self._trouble(symbol, "order book", _words(error))
            return
        self._recovered(symbol, "order book")

    def _take_book(self, market: _Market, seen: CheckedBook) -> None:
        """Take over a checked book, unless trades have passed that it does not show."""
        book, bars = seen.book, market.bars
        bid, ask = book.bids[0].price, book.asks[0].price
        if market.book is not None and book.as_of < market.book.as_of:
            return
        if seen.nonce is None or seen.nonce != market.nonce:
            market.nonce, market.nonce_since = seen.nonce, book.as_of
        elif len(bars) and bars.volume[-1] > 0 and int(bars.open_ns[-1]) >= to_ns(market.nonce_since):
            raise DataError(
                f"the order book stands still since {market.nonce_since:%H:%M:%S}Z while others trade"
            )
        last = self._last_price(market)
        if last is not None and not ask / FAR < last < bid * FAR:
            raise DataError(f"{bid:f} bid does not fit a last price of {last:f}")
        traded = min(max(last if last is not None else bid, bid), ask)
        market.book = book
        market.quote = Quote(book.symbol, bid, ask, Price(traded), book.as_of)

    def _last_price(self, market: _Market) -> Price | None:
        bars = market.bars
        return self.instruments[bars.symbol].price(float(bars.close[-1])) if len(bars) else None

    async def _ask(self, request: Awaitable[_T]) -> _T:
        async with asyncio.timeout(self._deadline):
            return await request

    # --- trouble, said once when it begins and once when it ends ---

    def take_said(self) -> tuple[Said, ...]:
        """What happened to the data since this was last asked."""
        said, self._said = tuple(self._said), []
        return said

    def take_reread(self) -> bool:
        """Whether bars behind `now` came late or changed since this was last asked: reread features then."""
        reread, self._reread = self._reread, False
        return reread

    def _say(self, level: Literal["info", "warning"], message: str) -> None:
        self._said.append(Said(level, message))

    def _trouble(self, symbol: Symbol, what: str, message: str) -> None:
        trouble = self._markets[symbol].trouble
        if what not in trouble:
            self._say("warning", f"{self.name}, {what} of {symbol}: {message}; what was known grows old")
        trouble[what] = message

    def _recovered(self, symbol: Symbol, what: str) -> None:
        if self._markets[symbol].trouble.pop(what, None) is not None:
            self._say("info", f"{self.name}, {what} of {symbol}: good again")

    # --- the clockwork ---

    @property
    def now(self) -> datetime | None:
        return self._now

    def due(self) -> bool:
        """Whether a bar should have closed that the feed does not stand on yet."""
        return self._now is None or self._clock.now() >= self._now + self._bar

    def ready(self) -> bool:
        """Whether `advance` would move: the bar is there for every symbol, or patience has run out."""
        newest = self._newest()
        if newest is None or newest < self._origin or (self._now is not None and newest <= self._now):
            return False
        expected = self._floor(self._clock.now())
        whole = all(self._closed_at(market) == expected for market in self._markets.values())
        return whole or self._clock.now() >= expected + self._patience

    def advance(self) -> datetime | None:
        """Go to the newest closed bar; None when there is none that it does not stand on already."""
        newest = self._newest()
        if newest is None or newest < self._origin or (self._now is not None and newest <= self._now):
            return None
        self._now = newest
        return newest

    def seek(self, as_of: datetime) -> None:
        stand = self._floor(as_of)
        self._now = stand if stand >= self._origin else None

    def bar_index(self) -> int:
        return -1 if self._now is None else (self._now - self._origin) // self._bar

    def _newest(self) -> datetime | None:
        return max((at for market in self._markets.values() if (at := self._closed_at(market))), default=None)

    def _closed_at(self, market: _Market) -> datetime | None:
        return from_ns(int(market.bars.close_ns[-1])) if len(market.bars) else None

    def _floor(self, moment: datetime) -> datetime:
        return moment - (moment - EPOCH) % self._bar

    # --- what can be seen from here ---

    def _market(self, symbol: Symbol) -> _Market:
        market = self._markets.get(symbol)
        if market is None:
            raise UnknownSymbol(
                f"this desk does not watch {symbol}", fix=f"It watches {', '.join(self.symbols)}"
            )
        return market

    def candle(self, symbol: Symbol) -> Candle | None:
        bars = self.history(symbol, self._now, 1) if self._now is not None else self._market(symbol).bars
        if self._now is None or not len(bars) or from_ns(int(bars.close_ns[-1])) != self._now:
            return None
        return bars.candle(-1, self.instruments[symbol])

    def quote(self, symbol: Symbol) -> Quote | None:
        return self._market(symbol).quote

    def book(self, symbol: Symbol) -> OrderBook | None:
        return self._market(symbol).book

    def headlines(self, since: datetime) -> tuple[Headline, ...]:
        """None: a venue's market data carries no news."""
        return ()

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        bars = self._market(symbol).bars
        until = self._origin - self._bar if self._now is None else self._now
        stop = bars.count_upto(min(as_of, until))
        return bars.slice(max(0, stop - limit), stop)


_RETRY: Final = "Check the network and the venue's status, then start again"


async def set_clock(client: MarketClient, clock: VenueClock, *, deadline: float = 10.0) -> timedelta:
    """Ask the venue for its time and set `clock` by it; how far that was behind. Raises DataError."""
    asked = clock.reading()
    async with asyncio.timeout(deadline):
        told = await client.fetch_time()
    answered = clock.reading()
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 < told < _LAST_MS:
        raise DataError(f"the venue tells the time as {told!r}")
    return clock.correct(EPOCH + timedelta(milliseconds=told), asked, answered)


_LAST_MS: Final = 4_102_444_800_000  # the year 2100


def _same_scale(symbol: Symbol, known: Bars, seen: Bars) -> None:
    """Raises DataError when the newest close is no price that could follow the last known one."""
    if len(known) and len(seen):
        before, after = float(known.close[-1]), float(seen.close[-1])
        if not before / FAR < after < before * FAR:
            raise DataError(f"{symbol}: a close of {after:g} cannot follow {before:g}")


def _ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _words(error: BaseException) -> str:
    """What an exception says in one line of bounded length, or its name."""
    said = error.message if isinstance(error, DeskError) else str(error)
    text = " ".join(said.split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."
