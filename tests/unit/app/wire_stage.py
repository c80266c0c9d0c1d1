"""A desk and a simulated exchange, HTTP between them, and one time for both that passes as the desk rests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

from pydantic import SecretStr

from app.bootstrap import Desk, build_desk
from app.settings import Settings, VenueKey, load
from app.venue_run import VenueRun
from app.venue_world import open_world
from domain.clock import SimulatedClock
from domain.events import DeskEvent
from domain.money import Currency, Symbol
from graph.inline import run_inline
from market.live.clock import VenueClock
from memory.journal import MemoryJournal
from memory.records import MemoryRecords
from simulator.exchange.accounts import ApiKey
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.synthetic import synthetic_exchange
from simulator.wire.server import Running, serve, venue_module

START = datetime(2026, 1, 5, 12, 0, 20, tzinfo=UTC)
ACCOUNT = "desk"
SYMBOLS = (Symbol("BTC/USDT"), Symbol("ETH/USDT"))
KEY = VenueKey(key=SecretStr("k" * 32), secret=SecretStr("s" * 64))
NAMES = {"binance": "binance-testnet", "gate": "gate-testnet", "mexc": "mexc"}


class Time:
    """Counts the seconds of both sides; `pass_` moves them together."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(START)
        self.counted = 0.0

    def __call__(self) -> float:
        return self.counted

    def pass_(self, seconds: float) -> None:
        self.counted += seconds
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))


@dataclass
class WireStage:
    """One venue and one journal. `look` is how many seconds lie between two looks of the desk."""

    venue: str
    time: Time
    exchange: SimulatedExchange
    server: Running
    settings: Settings
    look: float
    journal: MemoryJournal = field(default_factory=MemoryJournal)

    @asynccontextmanager
    async def run(self, bars: int | None = None, past: Sequence[DeskEvent] = ()) -> AsyncIterator[VenueRun]:
        """A run that has started; it is not closed when the block ends, as after a crash."""
        began = past[0].at if past else None
        async with open_world(self.settings, KEY, began, clock=VenueClock(counter=self.time)) as world:
            desk = build_desk(
                self.settings,
                session="s0001",
                journal=self.journal,
                records=MemoryRecords(),
                cycles=lambda context: partial(run_inline, context),
                past=past,
                world=world,
            )
            run = VenueRun(desk, world.feed, bars=bars, rest=self.rest)
            await run.start()
            yield run

    async def rest(self, seconds: float) -> None:
        self.time.pass_(self.look)
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
async def wire_stage(venue: str, *, look: float = 5.0, timeframe: str = "5m") -> AsyncIterator[WireStage]:
    time = Time()
    policy = replace(venue_module(venue).POLICY, generosity=1000.0)
    exchange = synthetic_exchange(
        time.clock, seed=7, symbols=SYMBOLS, policy=policy, step=timedelta(seconds=5)
    )
    exchange.open_account(
        ACCOUNT,
        {Currency("USDT"): Decimal(10_000)},
        [ApiKey(KEY.key.get_secret_value(), KEY.secret.get_secret_value())],
    )
    async with serve(venue=venue, exchange=exchange, clock=time.clock, pulse=60.0) as server:
        settings = load(
            overrides={
                "session": {"symbols": SYMBOLS, "timeframe": timeframe},
                "venue": {"name": NAMES[venue], "url": server.url},
                "market": {"speed": 3600.0},  # nothing is paced by this machine's time
            }
        )
        yield WireStage(venue, time, exchange, server, settings, look)
