"""The process dies at every moment of a panic whose database is locked; the next one finishes it.

Right before and after each event, commit and call to the venue, and before, within and after each write of
the file beside the database. Then: flat, nothing sold twice, the ledger as the venue has it, the chain
whole, the halt latched.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest

from app.emergency import Emergency
from app.history import fold
from app.venue_run import VenueRun
from domain.halt import HaltState
from domain.money import ZERO, Quantity, Symbol
from domain.orders import OrderIntent, OrderType, Origin, Side, client_order_id
from memory.journal import SqliteJournal
from memory.steadfast import SteadfastJournal
from tests.faults.boundaries import Died, Fate, MortalJournal, MortalVenue
from tests.unit.app.venue_stage import SYMBOLS, FillingVenue, VenueStage

_TRIES = 8


class Lives:
    """One home and one venue; `born` is a process, `perish` its end."""

    def __init__(self, home: Path, fate: Fate) -> None:
        self.home = home
        self.fate = fate
        self.stage = VenueStage(pace=1)
        self.database = home / "desk.db"
        self.journal: SteadfastJournal
        self._lock: sqlite3.Connection | None = None

    async def born(self) -> VenueRun:
        self.journal = SteadfastJournal(self.database, busy_seconds=0.0)
        past = [event for _, event in self.journal.events()]
        stage = self.stage
        stage.journal = MortalJournal(self.journal, self.fate)  # type: ignore[assignment]  # as a journal
        stage.filling = _Mortal(stage.filling, self.fate)  # type: ignore[assignment]  # as a venue
        desk = await stage.desk(past=past, halt=fold(past).halt, decide_every=1000)
        run = VenueRun(
            desk, stage.world.feed, rest=stage.rest, emergency=Emergency(self.home, self.journal.hurry)
        )
        self.journal.listener = run.record_trouble
        await run.start()
        return run

    def lock(self) -> None:
        self._lock = sqlite3.connect(self.database, isolation_level=None)
        self._lock.execute("BEGIN IMMEDIATE")

    def perish(self) -> None:
        """The process is gone, and so is whoever held the database."""
        self.journal._connection.close()
        os.close(self.journal._aside._file)
        if self._lock is not None:
            self._lock.close()
            self._lock = None


class _Mortal(MortalVenue):
    """The made-up venue as the stage wants it: it is told the feed, and each life has its own line."""

    def __init__(self, inner: FillingVenue, fate: Fate) -> None:
        venue = inner.inner if isinstance(inner, _Mortal) else inner
        super().__init__(venue, fate)
        self.venue = venue

    @property
    def feed(self) -> object:
        return self.venue.feed

    @feed.setter
    def feed(self, feed: object) -> None:
        self.venue.feed = feed  # type: ignore[assignment]  # handed through


def entry(run: VenueRun, leg: int, symbol: Symbol) -> OrderIntent:
    quote = run.desk.feed.quote(symbol)
    assert quote is not None
    instrument = run.desk.feed.instruments[symbol]
    return OrderIntent(
        client_id=client_order_id("s0001", 900, leg),
        session="s0001",
        cycle=900,
        leg=leg,
        symbol=symbol,
        side=Side.BUY,
        quantity=Quantity(instrument.quantity((300 + leg) / quote.ask)),
        order_type=OrderType.MARKET,
        created_at=run.desk.clock.now(),
        origin=Origin.OPERATOR,
        protective_stop=instrument.price(quote.bid * 97 / 100),
    )


async def panic(home: Path, deadly: int | None, patch: pytest.MonkeyPatch) -> tuple[Lives, list[str], int]:
    """Hold both coins, lock the database, leave PANIC; die at that moment; the next one finishes."""
    fate = Fate()
    lives = Lives(home, fate)
    run = await lives.born()
    lives.stage.data.counter.seconds += 3600  # a price is compared with the last bar's
    await run.beat()
    for leg, symbol in enumerate(SYMBOLS):
        await run.desk.orders.submit(entry(run, leg, symbol))
    for _ in range(3):
        await lives.stage.rest(1)
        await run.desk.engine.tend()
    assert set(run.desk.portfolio.positions) == set(SYMBOLS)
    run.desk.journal.commit()
    (home / "PANIC").write_text("drill")
    lives.lock()
    _writes_may_be_cut_short(patch, fate)
    fate.names.clear()
    fate.deadly = deadly
    deaths = 0
    for _ in range(_TRIES):
        try:
            await run.look_at_requests()
            if not run._is_something_left() and run.desk.halts.current.flatten:
                break
            await lives.stage.rest(60)
        except Died:
            deaths += 1
            lives.perish()
            run = await lives.born()
    names = list(fate.names)
    lives.perish()
    return lives, names, deaths


def _writes_may_be_cut_short(patch: pytest.MonkeyPatch, fate: Fate) -> None:
    write, sync = os.pwrite, os.fsync

    def pwrite(handle: int, data: bytes, at: int) -> int:
        fate.moment("before pwrite")
        half = len(data) // 2
        if half > 1:
            done = write(handle, data[:half], at)
            fate.moment("within pwrite")
            return done
        return write(handle, data, at)

    def fsync(handle: int) -> None:
        fate.moment("before fsync")
        sync(handle)
        fate.moment("after fsync")

    patch.setattr("memory.aside.os.pwrite", pwrite)
    patch.setattr("memory.aside.os.fsync", fsync)


def check(lives: Lives) -> None:
    journal = SqliteJournal(lives.database)
    try:
        journal.verify()
        history = fold(event for _, event in journal.events())
    finally:
        journal.close()
    venue: FillingVenue = lives.stage.filling.venue  # type: ignore[attr-defined]  # the mortal line's end
    assert history.halt is not None
    assert (history.halt.state, history.halt.latched, history.halt.flatten) == (HaltState.HALTED, True, True)
    session = history.latest
    assert session is not None
    assert len(venue.placed) == len(set(venue.placed)), "an order was sent twice"
    unknown = set(venue.placed) - set(session.book.orders)
    assert not unknown, f"sent without a record: {unknown}"
    assert session.portfolio.positions == {}
    left = dict.fromkeys(SYMBOLS, ZERO)
    for kept in venue._orders.values():
        for fill in kept.fills:
            left[fill.symbol] += fill.quantity if fill.side is Side.BUY else -fill.quantity
    assert set(left.values()) == {ZERO}, f"the venue has {left}"
    assert not session.book.open


async def die(folder: Path, empty: Path, *, every: int, offset: int = 0) -> int:
    """Once in peace, then with a death at every so many moments; how many moments there are."""

    def home(name: str) -> Path:
        made = folder / name
        made.mkdir()
        shutil.copy(empty, made / "desk.db")
        return made

    with pytest.MonkeyPatch.context() as patch:
        calm, names, deaths = await panic(home("calm"), None, patch)
    assert deaths == 0
    check(calm)
    for needed in ("before commit", "after fsync", "within pwrite", "before place", "after place"):
        assert names.count(needed) >= 2, (needed, names)
    for deadly in range(offset, len(names), every):
        with pytest.MonkeyPatch.context() as patch:
            lives, _, deaths = await panic(home(f"died-{deadly}"), deadly, patch)
        try:
            assert deaths == 1, "nobody died"
            check(lives)
        except AssertionError as error:
            raise AssertionError(f"death at moment {deadly}, {names[deadly]}: {error}") from error
    return len(names)


def empty_database(path: Path) -> Path:
    SqliteJournal(path).close()
    return path


@pytest.mark.parametrize("offset", [0, 4])
async def test_a_panic_survives_a_death_at_any_moment(tmp_path: Path, offset: int) -> None:
    """A sample in every run; all of them by hand: python -m tests.faults.test_emergency_deaths."""
    moments = await die(tmp_path, empty_database(tmp_path / "empty.db"), every=11, offset=offset)
    assert moments > 100


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        told = asyncio.run(die(Path(name), empty_database(Path(name) / "empty.db"), every=1))
    print(f"a death at each of {told} moments, the same end")
