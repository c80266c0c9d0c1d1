"""What outlives a process that is killed: how far its story has come, the tape, and the venue.

On paper only files are left: the journal, and the tape, which a ground of the next process plays again. On
the wire an exchange in a process of its own lives on; who tells a story moves its market over a pipe, and
the desk reaches it over HTTP and in no other way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, Protocol

from domain.clock import SimulatedClock
from domain.instrument import Instrument
from domain.money import Currency, Money, Symbol
from execution.exchanges.venue import CcxtVenue, open_venue
from execution.order_desk import OrderDesk
from execution.venue import Venue
from portfolio.portfolio import Portfolio
from risk.limits import RiskLimits
from tests.contracts.wire_world import connection_to
from tests.faults.ground import Ground, Seen
from tests.faults.grounds import PaperGround
from tests.faults.wire_ground import OneCoinFeed, WireGround, wire_outside
from tests.faults.world import BTC

_STEP = "step"


class Chronicle:
    """A file, line by line: which step of the story has begun, and what the world outside did since it began.

    A line is written by one call, and never where a process may die between the deed and the line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.told = path.read_text().splitlines() if path.exists() else []

    @property
    def step(self) -> int:
        """The newest step whose market has moved; -1 before the first."""
        return max((int(line.split()[1]) for line in self.told if line.startswith(_STEP)), default=-1)

    def begun(self, step: int) -> None:
        self.add(f"{_STEP} {step}")

    def add(self, line: str) -> None:
        self.told.append(line)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, f"{line}\n".encode())
        finally:
            os.close(file)


class Outliving(Ground, Protocol):
    """A ground whose world goes on where it stood when the process before was killed."""

    def catch_up(self) -> None:
        """Go from the beginning of the story to where the world stands."""
        ...


class TapedGround(PaperGround):
    """The paper venue, whose tape is in a file: all of the venue that a killed process leaves behind."""

    def __init__(self, chronicle: Chronicle) -> None:
        super().__init__()
        self._chronicle = chronicle

    def catch_up(self) -> None:
        for line in self._chronicle.told:
            match line.split():
                case ["step", _]:
                    continue
                case [name, *rest]:
                    getattr(PaperGround, name)(self, *map(Decimal, rest))

    def pass_time(self) -> None:
        super().pass_time()
        self._chronicle.add("pass_time")

    def fill_bids(self, quantity: Decimal) -> None:
        super().fill_bids(quantity)
        self._chronicle.add(f"fill_bids {quantity}")

    def rise(self) -> None:
        super().rise()
        self._chronicle.add("rise")

    def fall(self) -> None:
        super().fall()
        self._chronicle.add("fall")


class FarGround:
    """A simulated exchange in another process, and this process's own line to it."""

    symbol: Symbol = WireGround.symbol
    instruments: Mapping[Symbol, Instrument] = WireGround.instruments
    capital: Money = WireGround.capital
    limits: RiskLimits = WireGround.limits
    price = WireGround.price
    quantity = WireGround.quantity
    moment = WireGround.moment
    forgets = False

    def __init__(self, wire: str, pipe: Pipe) -> None:
        self._wire = wire
        self._pipe = pipe
        self._url, began = pipe.recv()
        self._venue: CcxtVenue | None = None
        self.clock = SimulatedClock(began)
        self.feed = OneCoinFeed()
        self.feed.now = began

    def catch_up(self) -> None:
        self._far("now")

    async def open(self) -> CcxtVenue:
        """Connect as the desk does; within the loop that will use the line."""
        self.catch_up()
        symbols = tuple(self.instruments)
        venue = await open_venue(connection_to(self._wire, self._url), symbols, self.clock, stream=False)
        self._venue = venue
        return venue

    def connect(self) -> Venue:
        if self._venue is None:
            raise AssertionError("nobody has opened the line")
        line, instruments = self._venue.line, self._venue.instruments
        return CcxtVenue(line, instruments, self.clock, reconcile_every=timedelta(0))

    def put_back(self, venue: Venue, desk: OrderDesk, portfolio: Portfolio) -> None:
        assert isinstance(venue, CcxtVenue)
        venue.restore(desk.orders.values())

    def pass_time(self) -> None:
        self._far("pass_time")

    def fill_bids(self, quantity: Decimal) -> None:
        self._far("fill_bids", quantity)

    def rise(self) -> None:
        self._far("rise")

    def fall(self) -> None:
        self._far("fall")

    def orders(self) -> list[Seen]:
        found: list[Seen] = self._far("orders")
        return found

    def held(self) -> Mapping[Currency, Decimal]:
        found: Mapping[Currency, Decimal] = self._far("held")
        return found

    def _far(self, name: str, *rest: object) -> Any:
        """Ask the process outside; its time and its price are ours from then on."""
        self._pipe.send((name, rest))
        answer, now, last = self._pipe.recv()
        if isinstance(answer, BaseException):
            raise answer
        self._set(now, last)
        return answer

    def _set(self, now: datetime, last: Decimal) -> None:
        self.clock.set(now)
        self.feed.now = now
        self.feed.last = {BTC: last}


async def be_the_exchange(wire: str, pipes: list[Pipe], leash: int) -> None:
    """An exchange until nobody holds the other end of `leash`; each pipe moves its market for one process."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    async with wire_outside(wire) as ground:

        def answer(pipe: Pipe) -> None:
            try:
                name, rest = pipe.recv()
            except (EOFError, OSError):
                loop.remove_reader(pipe.fileno())
                return
            told: Any = None
            try:
                if name != "now":
                    told = getattr(ground, name)(*rest)
            except Exception as error:  # noqa: BLE001  whoever asked is told
                told = error
            pipe.send((told, ground.clock.now(), ground.feed.last[BTC]))

        for pipe in pipes:
            loop.add_reader(pipe.fileno(), answer, pipe)
            pipe.send((ground.world.server.url, ground.clock.now()))
        loop.add_reader(leash, over.set)
        await over.wait()
        loop.remove_reader(leash)


@contextlib.asynccontextmanager
async def outside(name: str, pipe: Pipe | None, chronicle: Chronicle) -> AsyncIterator[Outliving]:
    """The ground of a process: "paper", or the name of a wire."""
    if pipe is None:
        yield TapedGround(chronicle)
        return
    ground = FarGround(name, pipe)
    try:
        yield ground
    finally:
        if ground._venue is not None:
            await ground._venue.close()
