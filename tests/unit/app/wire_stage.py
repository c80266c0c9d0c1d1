"""A desk and a simulated exchange, HTTP between them, and one time for both that passes as the desk rests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from app.bootstrap import Desk, build_desk
from app.settings import Settings, VenueKey, load
from app.venue_run import VenueRun
from app.venue_world import open_world
from domain.clock import SimulatedClock
from domain.events import DeskEvent
from domain.money import Currency, Symbol
from execution.exchanges.line import Line
from execution.exchanges.venue import CcxtVenue
from graph.inline import run_inline
from market.live.clock import VenueClock
from memory.database import open_database
from memory.journal import MemoryJournal, SqliteJournal
from memory.records import MemoryRecords, Records, RecordStore
from simulator.exchange.accounts import ApiKey
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.synthetic import synthetic_exchange
from simulator.weather import FAIR, Weather
from simulator.wire.faults import FaultPlan
from simulator.wire.server import Running, serve, venue_module

START = datetime(2026, 1, 5, 12, 0, 20, tzinfo=UTC)
ACCOUNT = "desk"
SYMBOLS = (Symbol("BTC/USDT"), Symbol("ETH/USDT"))
KEY = VenueKey(key=SecretStr("k" * 32), secret=SecretStr("s" * 64))
_GLANCE: Final = 0.002
"""Real seconds between two glances at work that the venue may keep waiting; nothing depends on it."""
NAMES = {"binance": "binance-testnet", "gate": "gate-testnet", "mexc": "mexc"}


class Time:
    """Counts the seconds of both sides; `pass_` moves them together, and wakes who has slept long enough."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(START)
        self.counted = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._delays: set[asyncio.Future[None]] = set()

    def __call__(self) -> float:
        return self.counted

    def pass_(self, seconds: float) -> None:
        self.counted += seconds
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))
        for until, sleeper in self._sleepers:
            if until <= self.counted and not sleeper.done():
                sleeper.set_result(None)
        self._sleepers = [each for each in self._sleepers if not each[1].done()]

    async def sleep(self, seconds: float) -> None:
        """Until so many of these seconds have passed, however long that is on this machine."""
        await self._sleeper(seconds)

    async def delay(self, seconds: float) -> None:
        """The same, for a venue that keeps a request: `kept_waiting` until then, or until it hangs up."""
        sleeper = self._sleeper(seconds)
        self._delays.add(sleeper)
        sleeper.add_done_callback(self._delays.discard)
        await sleeper

    @property
    def kept_waiting(self) -> bool:
        """Whether somebody waits for nothing but these seconds."""
        return bool(self._delays)

    def give_up(self) -> None:
        """Whoever waited has hung up; the delays go on, and nobody waits for them."""
        self._delays.clear()

    def _sleeper(self, seconds: float) -> asyncio.Future[None]:
        sleeper = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.counted + seconds, sleeper))
        return sleeper


def lose_patience(line: Line, time: Time) -> None:
    """From now on the requests of a line time out by simulated time, as they do by this machine's."""
    send, patience = line.client.fetch, line.connection.timeout.total_seconds()

    async def fetch(*arguments: Any, **named: Any) -> Any:
        from ccxt.base.errors import RequestTimeout

        request = asyncio.ensure_future(send(*arguments, **named))
        alarm = asyncio.ensure_future(time.sleep(patience))
        try:
            await asyncio.wait({request, alarm}, return_when=asyncio.FIRST_COMPLETED)
            if request.done():
                return request.result()
            time.give_up()
            raise RequestTimeout(f"no answer in {patience:.0f} seconds")
        finally:
            alarm.cancel()
            request.cancel()

    line.client.fetch = fetch


@dataclass
class WireStage:
    """One venue and one journal. `look` is how many seconds lie between two looks of the desk."""

    venue: str
    time: Time
    exchange: SimulatedExchange
    server: Running
    settings: Settings
    look: float
    journal: MemoryJournal | SqliteJournal
    records: Records

    @asynccontextmanager
    async def run(self, bars: int | None = None, past: Sequence[DeskEvent] = ()) -> AsyncIterator[VenueRun]:
        """A run that has started; it is not closed when the block ends, as after a crash."""
        began = past[0].at if past else None
        async with open_world(self.settings, KEY, began, clock=VenueClock(counter=self.time)) as world:
            desk = build_desk(
                self.settings,
                session="s0001",
                journal=self.journal,
                records=self.records,
                cycles=lambda context: partial(run_inline, context),
                past=past,
                world=world,
            )
            assert isinstance(desk.venue, CcxtVenue)
            lose_patience(desk.venue.line, self.time)
            run = VenueRun(desk, world.feed, bars=bars, rest=self.rest)
            await run.start()
            yield run

    async def rest(self, seconds: float) -> None:
        await self.rest_for(self.look)

    async def through(self, work: Coroutine[Any, Any, None]) -> None:
        """Let this be done to its end; time passes while the venue keeps it waiting, and only then."""
        task = asyncio.ensure_future(work)
        while not task.done():
            await asyncio.wait({task}, timeout=_GLANCE)
            if not task.done() and self.time.kept_waiting:
                await self.rest_for(1.0)
        await task

    async def rest_for(self, seconds: float) -> None:
        self.time.pass_(seconds)
        self.exchange.advance(self.time.clock.now())
        await asyncio.sleep(0)

    def events(self) -> list[DeskEvent]:
        return [event for _, event in self.journal.events()]

    def held(self) -> dict[Currency, Decimal]:
        """What the venue says the account holds, nothing left out."""
        balances = self.exchange.balances(ACCOUNT)
        return {name: each.free + each.locked for name, each in balances.items() if each.free + each.locked}

    def books(self, desk: Desk) -> dict[Currency, Decimal]:
        """What the desk's ledger says, without the money the account had beside the desk's capital."""
        return {name: amount for name, amount in desk.portfolio.balances().items() if amount}


@asynccontextmanager
async def wire_stage(
    venue: str,
    *,
    look: float = 5.0,
    timeframe: str = "5m",
    symbols: tuple[Symbol, ...] = SYMBOLS,
    weather: Weather = FAIR,
    seed: int = 7,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
    home: Path | None = None,
    keep: int = 20_000,
) -> AsyncIterator[WireStage]:
    """A venue with an account of 10,000 USDT. With a `home` journal and records are files in it.

    `sections` are settings beside those that lead to the venue; `keep` is how much of what is over the venue
    remembers.
    """
    time = Time()
    policy = replace(venue_module(venue).POLICY, generosity=1000.0)
    exchange = synthetic_exchange(
        time.clock,
        seed=seed,
        symbols=symbols,
        policy=policy,
        step=timedelta(seconds=5),
        weather=weather,
        keep=keep,
    )
    exchange.open_account(
        ACCOUNT,
        {Currency("USDT"): Decimal(10_000)},
        [ApiKey(KEY.key.get_secret_value(), KEY.secret.get_secret_value())],
    )
    faults = FaultPlan(time.clock, rest=time.delay)
    with ExitStack() as files:
        journal, records = _kept(home, files)
        async with serve(
            venue=venue, exchange=exchange, clock=time.clock, pulse=60.0, faults=faults
        ) as server:
            settings = load(
                overrides={
                    "session": {"symbols": symbols, "timeframe": timeframe},
                    "venue": {"name": NAMES[venue], "url": server.url},
                    "market": {"speed": 3600.0},  # nothing is paced by this machine's time
                    **(sections or {}),
                }
            )
            yield WireStage(venue, time, exchange, server, settings, look, journal, records)


def _kept(home: Path | None, files: ExitStack) -> tuple[MemoryJournal | SqliteJournal, Records]:
    if home is None:
        return MemoryJournal(), MemoryRecords()
    journal = SqliteJournal(home / "desk.db")
    files.callback(journal.close)
    engine = open_database(home / "desk.db")
    files.callback(engine.dispose)
    return journal, RecordStore(engine, journal)
