"""A desk at a real venue: one line to it, its clock, its market data and its orders, wired together."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.settings import Settings, VenueKey
from app.venue_keys import check_key
from app.venue_run import LOOK
from app.venue_section import VenueSection
from domain.money import Symbol
from domain.orders import Order
from execution.guardian import UNKNOWN_FOR
from market.live.clock import VenueClock
from market.live.feed import LiveFeed, set_clock

if TYPE_CHECKING:
    from execution.exchanges.connect import Connection
    from execution.exchanges.line import Line
    from execution.exchanges.venue import CcxtVenue
    from portfolio.portfolio import Portfolio


def protection_bound(timeout: timedelta, speed: float) -> timedelta:
    """How long a position may be without its stop at a venue that takes requests in, in the venue's time.

    A look finds the fill, the stop's placing brings no answer for a whole `timeout`, the guardian waits for
    it to turn up, watching the price, and then sells at market. Placed and read back is shorter than that.
    """
    return LOOK + UNKNOWN_FOR + 2 * timeout * max(speed, 1.0)


class VenueWorld:
    """Implements app.worlds.World. The venue remembers its orders; it is told which of them are ours."""

    reconcile_every = timedelta(minutes=1)

    def __init__(self, feed: LiveFeed, clock: VenueClock, venue: CcxtVenue, speed: float = 1.0) -> None:
        """`speed` is how many seconds of the venue pass in one of this machine."""
        self.feed = feed
        self.clock = clock
        self._venue = venue
        self.bound = protection_bound(venue.line.connection.timeout, speed)

    def venue(self, portfolio: Portfolio) -> CcxtVenue:
        return self._venue

    def put_back(self, orders: Iterable[Order], last: datetime | None, portfolio: Portfolio) -> None:
        self._venue.restore(orders)


class _PublicData:
    """Market data over the same line as the orders: one patience, one measured clock, errors without keys."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def fetch_time(self) -> Any:
        return await self._line.call("fetch_time")

    async def fetch_ohlcv(
        self, symbol: str, timeframe: str = "1m", since: int | None = None, limit: int | None = None
    ) -> Any:
        return await self._line.call("fetch_ohlcv", symbol, timeframe, since, limit)

    async def fetch_order_book(self, symbol: str, limit: int | None = None) -> Any:
        return await self._line.call("fetch_order_book", symbol, limit)


@contextlib.asynccontextmanager
async def open_world(
    settings: Settings, key: VenueKey, began: datetime | None, *, clock: VenueClock | None = None
) -> AsyncIterator[VenueWorld]:
    """Connect to the venue that the settings name, for a session that began then, or begins now.

    `clock` follows the venue's time; without one it is counted by this machine, at the speed of the settings.
    Raises ConfigError for missing keys or an address that is not allowed, UnknownSymbol for a symbol that is
    not listed, DataError for answers that make no sense, VenueError when nobody answers.
    """
    from execution.exchanges.venue import open_venue

    symbols = tuple(Symbol(symbol) for symbol in settings.session.symbols)
    clock = clock or VenueClock(speed=settings.speed)
    venue = await open_venue(connection(settings.venue, key, settings.speed), symbols, clock)
    try:
        data = _PublicData(venue.line)
        await _follow(venue.line, data, clock)
        feed = await LiveFeed.open(
            data,
            venue.instruments,
            settings.session.timeframe,
            name=venue.name,
            clock=clock,
            origin=began,
        )
        await check_key(venue)
        yield VenueWorld(feed, clock, venue, settings.speed)
    finally:
        await venue.close()


async def _follow(line: Line, data: _PublicData, clock: VenueClock) -> None:
    """Set the clock by the venue, and measure the line's own difference anew: it was to the clock before."""
    from execution.exchanges.line import LineFailed

    try:
        await set_clock(data, clock)
        await line.measure()
    except LineFailed as failed:
        raise failed.as_venue_error() from failed


def connection(told: VenueSection, key: VenueKey, speed: float = 1.0) -> Connection:
    """How to reach the venue that is named; live only where the settings say so."""
    from execution.exchanges.connect import Connection, Credentials
    from execution.exchanges.profiles import profile
    from execution.exchanges.url_guard import LiveApproval

    stream = told.stream_url
    if stream is None and told.url is not None:
        stream = told.url.replace("http", "ws", 1)
    return Connection(
        profile=profile(told.name),
        credentials=Credentials(key.key.get_secret_value(), key.secret.get_secret_value()),
        rest_url=told.url,
        stream_url=stream,
        paced=speed == 1,  # the connector counts in this machine's time
        live=LiveApproval(told.name, "the operator, by --confirm-live") if told.live else None,
    )


def guard_addresses(told: VenueSection) -> None:
    """Raise ConfigError for an address where real money could move, before anything is opened."""
    from execution.exchanges.url_guard import UrlGuard

    for url in (told.url, told.stream_url):
        if url is not None:
            UrlGuard(told.name).check(url)
