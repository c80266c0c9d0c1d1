"""A run against a venue whose time runs by itself: a look every second, a decision at every bar close.

Every look reads the books of what is held, takes in what the venue did and sees that each position has its
stop, also while a decision is being thought about. One bar is worked through at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from app.bootstrap import Desk
from app.emergency import Emergency
from app.session import SessionRun
from domain.clock import EPOCH
from domain.errors import ConfigError, DeskError, StorageError
from domain.events import Notice
from domain.money import Symbol
from execution.flatten import Flattened
from market.live.feed import LiveFeed

LOOK: Final = timedelta(seconds=1)
"""How often the desk looks at the venue, in the venue's time."""
WIDE_LOOK: Final = timedelta(seconds=10)
"""How often it also reads the books of symbols in which it has nothing."""
CLOCK_EVERY: Final = timedelta(minutes=1)
SETTLE: Final = timedelta(seconds=1)
"""How long after a bar close it is first asked for: venues finish their candles a moment later."""
LONGEST_PAUSE: Final = timedelta(seconds=30)
"""Between two attempts to fetch a bar that does not come."""

Rest = Callable[[float], Awaitable[Any]]


class VenueRun(SessionRun):
    """Drives a desk by its venue's clock until `stop` is called, or `bars` were worked through.

    It never "finishes": what the account holds outlives the run, so the next one goes on with the session.
    `rest` waits so many seconds of this machine; `speed` is how many of the venue's pass in one of them.
    """

    def __init__(
        self,
        desk: Desk,
        feed: LiveFeed,
        *,
        requests: Path | None = None,
        bars: int | None = None,
        speed: float = 1.0,
        rest: Rest | None = None,
        emergency: Emergency | None = None,
    ) -> None:
        super().__init__(desk, requests=requests, bars=None, emergency=emergency)
        self._feed = feed
        self._bars_wanted = bars
        self._bars_before = desk.tally.bars
        self._seconds = LOOK.total_seconds() / speed
        self._sleep = rest or self._sleep_unless_stopped
        self._cycle: asyncio.Task[bool] | None = None
        self._next: dict[str, datetime] = {}
        self._pause = LOOK

    @property
    def pace(self) -> timedelta:
        return LOOK

    async def start(self) -> tuple[str, ...]:
        """Settle with the venue before anything is decided: the account, every order, then every stop.

        Raises ConfigError when a new session's capital is more than the account has.
        """
        if not self.desk.resumed:
            await self._afford()
        found = await super().start()
        await self._feed.refresh_quotes()
        await self.desk.engine.tend()
        return found

    async def _settle(self) -> tuple[str, ...]:
        """A venue's account has a past of its own, so a new session is compared with it too."""
        return await self.desk.orders.reconcile()

    async def _afford(self) -> None:
        desk, capital = self.desk, self.desk.portfolio.capital
        held = (await desk.venue.balances()).get(capital.currency)
        free = held.free if held is not None else 0
        if free < capital.amount:
            raise ConfigError(
                f"{desk.venue.name} has {free:f} {capital.currency} free, but session.capital is "
                f"{capital.amount:f}",
                fix="Set [session] capital to what this desk may use",
            )

    async def run(self, seconds_per_bar: float | None = None) -> None:
        """Look, decide, rest, until the end. Raises what a look raised; then the state is "failed"."""
        try:
            async with self._attended():
                while not self._stopping.is_set():
                    await self.beat()
                    await self.look_at_requests()
                    await self._rest()
        except DeskError as error:
            self.state, self.problem = "failed", str(error)
            raise

    async def beat(self) -> None:
        """One look at the venue. A bar that has closed begins to be worked through; it may take its time."""
        await self._read_market()
        await self._collect()
        if self._cycle is None and self._enough():
            self.stop()
            return
        if self._cycle is None and self._feed.ready():
            self._cycle = asyncio.create_task(self.advance())
            await asyncio.wait({self._cycle}, timeout=self._seconds)
            await self._collect()
        if not self._panicking:
            await self.desk.engine.tend()

    def _enough(self) -> bool:
        done = self.desk.tally.bars - self._bars_before
        return self._bars_wanted is not None and done >= self._bars_wanted

    async def _collect(self) -> None:
        """Take over what a finished bar came to; raises what it raised."""
        if self._cycle is not None and self._cycle.done():
            cycle, self._cycle = self._cycle, None
            await cycle

    async def _read_market(self) -> None:
        feed = self._feed
        if self._due("clock", CLOCK_EVERY):
            drift = await feed.refresh_clock()
            if self.desk.watch.machine is not None:
                self.desk.watch.machine.drifted(drift)
        wide = self._due("books", WIDE_LOOK)
        await feed.refresh_quotes(None if wide else self._concerned())
        await self._read_bars()
        for said in feed.take_said():
            self._emit(Notice(said.level, "market", said.message, self.desk.clock.now()))
        if feed.take_reread():
            self.desk.engine.reread()

    async def _read_bars(self) -> None:
        """Fetch the bar that has closed, with a growing pause while it does not come."""
        feed, now = self._feed, self.desk.clock.now()
        if not feed.due() or now < self._next.get("bars", EPOCH) or now < self._bar_close() + SETTLE:
            return
        await feed.refresh_bars()
        if feed.ready():
            await feed.refresh_quotes()
            self._pause = LOOK
        else:
            self._next["bars"] = now + self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _bar_close(self) -> datetime:
        """The newest close on the grid."""
        now, bar = self.desk.clock.now(), self._feed.timeframe.delta
        return now - (now - EPOCH) % bar

    def _concerned(self) -> tuple[Symbol, ...]:
        """The symbols in which something is held or ordered."""
        desk = self.desk
        ordered = {order.intent.symbol for order in desk.orders.open_orders()}
        return tuple(s for s in self._feed.symbols if s in ordered or desk.portfolio.holds(s))

    def _due(self, what: str, every: timedelta) -> bool:
        now = self.desk.clock.now()
        if now < self._next.get(what, EPOCH):
            return False
        self._next[what] = now + every
        return True

    async def _rest(self) -> None:
        """Until the next look; a bar in the works may use the time, and its end is not waited for."""
        if self._cycle is not None and not self._cycle.done():
            await asyncio.wait({self._cycle}, timeout=self._seconds)
        else:
            await self._sleep(self._seconds)

    async def _sleep_unless_stopped(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def record_trouble(self, error: StorageError | None) -> None:
        """A venue does not wait: the desk stays, looks after its stops, and takes on nothing new."""
        super().record_trouble(error)
        if error is not None:
            self._apply("stop", reason=f"the journal cannot be written: {error.message}", by="the desk")

    async def _flatten_now(self, reason: str) -> Flattened:
        if not self._prices_are_fresh():
            await self._feed.refresh_quotes(self._concerned())
        return await super()._flatten_now(reason)

    def _prices_are_fresh(self) -> bool:
        """Whether the gate would take them; asking again may cost the whole patience with a silent venue."""
        now = self.desk.clock.now()
        quotes = [self._feed.quote(symbol) for symbol in self._concerned()]
        return all(quote is not None and now - quote.as_of <= WIDE_LOOK for quote in quotes)

    async def _let_venue_work(self) -> bool:
        """Wait for the venue, see what it did."""
        await self._sleep(self._seconds)
        await self._feed.refresh_quotes(self._concerned())
        await self.desk.engine.tend()
        return True

    async def close(self) -> None:
        """As for any run; a bar in the works is given a moment to end."""
        restated, self._feed.restated = self._feed.restated, 0
        if restated:
            said = f"{self._feed.name} restated {restated} candle(s) in this run, after they were used"
            self._emit(Notice("info", "market", said, self.desk.clock.now()))
        await super().close()
        if self._cycle is not None:
            self._cycle.cancel()
            with contextlib.suppress(asyncio.CancelledError, DeskError):
                await self._cycle
            self._cycle = None
