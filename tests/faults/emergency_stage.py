"""A desk at a simulated exchange on the wire, its journal in a real file, its model on a real socket.

And what can be wrong with all three: the model hangs, another process holds the database, nobody serves the
API. One time for exchange and desk, which passes when the desk rests.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from app.bootstrap import Desk, build_desk
from app.emergency import Emergency
from app.history import fold
from app.home import Home
from app.settings import ModelKey, Settings
from app.venue_run import VenueRun
from app.venue_world import open_world
from domain.events import DeskEvent, HaltChanged, Notice
from domain.halt import Halt
from domain.money import Price, Quantity, Symbol
from domain.orders import Order, OrderIntent, OrderType, Origin, Side, client_order_id
from domain.ports import Journal
from execution.venue import Venue
from graph.inline import run_inline
from llm.loopback import Fault, LoopbackServer
from market.live.clock import VenueClock
from memory.journal import SqliteJournal
from memory.records import MemoryRecords
from memory.steadfast import SteadfastJournal
from tests.faults.model_desk import answer
from tests.unit.app.wire_stage import ACCOUNT, KEY, SYMBOLS, WireStage, wire_stage

WITHIN = 10
"""Simulated seconds a panic may take until the venue's own book is flat."""

_LOCK = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN " + sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked_by_another_process(database: Path, how: str = "EXCLUSIVE") -> Iterator[None]:
    """A real process holds a real lock on the database until the block ends."""
    held = subprocess.Popen(
        [sys.executable, "-c", _LOCK, str(database), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    if held.stdin is None or held.stdout is None or held.stdout.readline() != b"held\n":
        raise AssertionError("the database could not be locked")
    try:
        yield
    finally:
        held.stdin.close()
        held.wait(10)
        held.stdout.close()


@dataclass
class EmergencyStage:
    """One home, one venue, one model endpoint; `run` is one life of a desk there."""

    wire: WireStage
    home: Home
    model: LoopbackServer
    settings: Settings
    journal: SteadfastJournal
    around_journal: Callable[[Journal], Journal] = field(default=lambda journal: journal)
    around_venue: Callable[[Venue], Venue] = field(default=lambda venue: venue)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[VenueRun]:
        """The next life, from what the journal kept. It is not closed when the block ends."""
        past = [event for _, event in self.journal.events()]
        began = past[0].at if past else None
        clock = VenueClock(counter=self.wire.time)
        async with open_world(self.settings, KEY, began, clock=clock) as world:
            around = self.around_venue
            inner = world.venue
            world.venue = lambda portfolio: around(inner(portfolio))  # type: ignore[method-assign,assignment,return-value]
            desk = build_desk(
                self.settings,
                session="s0001",
                journal=self.around_journal(self.journal),
                records=MemoryRecords(),
                cycles=lambda context: partial(run_inline, context),
                key=ModelKey(preset="openai", secret=SecretStr("sk-loopback")),
                halt=fold(past).halt,
                past=past,
                world=world,
            )
            run = VenueRun(
                desk,
                world.feed,
                requests=self.home.requests,
                rest=self.rest,
                emergency=Emergency(self.home.path, self.journal.hurry),
            )
            self.journal.listener = run.record_trouble
            try:
                await run.start()
                yield run
            finally:
                if run._cycle is not None:
                    run._cycle.cancel()
                    await asyncio.wait({run._cycle})
                if desk.model is not None:
                    await desk.model.close()  # type: ignore[attr-defined]  # the real client

    async def rest(self, seconds: float) -> None:
        self.wire.time.pass_(1)
        self.wire.exchange.advance(self.wire.time.clock.now())
        await asyncio.sleep(0.002)  # others have their turn: a socket, a thread

    async def hold_something(self, run: VenueRun) -> None:
        """A cycle hangs with its model; both coins are bought, their stops armed; one more entry waits."""
        self.model.then = Fault.HANG
        self.wire.time.pass_(300)
        while not self.model.requests:
            await self.rest(1)
            await run.beat()
        for number, symbol in enumerate(SYMBOLS):
            quote = run.desk.feed.quote(symbol)
            if quote is None:
                raise AssertionError(f"{symbol} has no price")
            await self.buy(run.desk, number, symbol, quote.ask)
        first = run.desk.feed.quote(SYMBOLS[0])
        if first is None:
            raise AssertionError("no price")
        waits = await self.buy(run.desk, 9, SYMBOLS[0], first.bid, limit=Decimal("0.985"))
        for _ in range(4):
            await self.rest(1)
            await run.desk.engine.tend()
        held = set(run.desk.portfolio.positions)
        if held != set(SYMBOLS) or waits.is_terminal:
            orders = {name: (each.status, each.note) for name, each in run.desk.orders.orders.items()}
            raise AssertionError(f"{held} are held: {orders}")

    async def buy(
        self, desk: Desk, leg: int, symbol: Symbol, price: Price, limit: Decimal | None = None
    ) -> Order:
        instrument = desk.feed.instruments[symbol]
        at = instrument.price(price * (limit or 1))
        return await desk.orders.submit(
            OrderIntent(
                client_id=client_order_id(desk.session, 900, leg),
                session=desk.session,
                cycle=900,
                leg=leg,
                symbol=symbol,
                side=Side.BUY,
                quantity=Quantity(instrument.quantity(Decimal(300 + leg) / price)),
                order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
                created_at=desk.clock.now(),
                origin=Origin.OPERATOR,
                limit_price=None if limit is None else at,
                protective_stop=instrument.price(at * Decimal("0.97")),
            )
        )

    async def until(self, true: Callable[[], bool], seconds: float = 30) -> None:
        async with asyncio.timeout(seconds):
            while not true():  # noqa: ASYNC110 - what is waited for happens in other processes, too
                await asyncio.sleep(0.005)

    # -- what is true afterwards

    def flat_at_the_venue(self, run: VenueRun) -> bool:
        """Nothing rests and nothing is held that could be sold, by the exchange's own books."""
        if self.wire.exchange.open_orders(ACCOUNT):
            return False
        held = self.wire.held()
        for symbol in SYMBOLS:
            instrument, quote = run.desk.feed.instruments[symbol], run.desk.feed.quote(symbol)
            left = instrument.quantity(held.get(instrument.base, Decimal(0)))
            if quote is None or not instrument.filter_problems(left, quote.bid):
                return False
        return True

    def events(self) -> list[DeskEvent]:
        """What a reader in another process sees, beside the database as well."""
        reader = SqliteJournal(self.home.database, read_only=True)
        try:
            return [event for _, event in reader.events()]
        finally:
            reader.close()

    def halts(self) -> list[Halt]:
        return [event.halt for event in self.events() if isinstance(event, HaltChanged)]

    def notices(self) -> list[str]:
        return [event.message for event in self.events() if isinstance(event, Notice)]

    def reopen(self) -> None:
        """The process is gone and another one opens the journal: what was not durable is lost."""
        self.journal._connection.close()
        self.journal = SteadfastJournal(self.home.database, busy_seconds=0.05)


@asynccontextmanager
async def emergency_stage(
    venue: str, folder: Path, *, deadline: float = 60.0
) -> AsyncIterator[EmergencyStage]:
    """`deadline` is how long a role waits for its model, in real seconds."""
    home = Home(folder / "home")
    home.prepare("testnet")
    with LoopbackServer(answer) as model:
        async with wire_stage(venue) as wire:
            told = {"base_url": model.base_url, "model": "m", "deadline_seconds": deadline}
            models = wire.settings.models.model_copy(update=told)
            settings = wire.settings.model_copy(update={"models": models})
            journal = SteadfastJournal(home.database, busy_seconds=0.05)
            stage = EmergencyStage(wire, home, model, settings, journal)
            try:
                yield stage
            finally:
                stage.journal._connection.close()
