"""The engine's six steps: when it decides, what a halt changes, and that a crash changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from domain.clock import EPOCH
from domain.errors import ConfigError, StorageError
from domain.events import (
    CycleRecorded,
    CycleStarted,
    DeskEvent,
    EquityMarked,
    IntentRecorded,
    OrderFilled,
)
from domain.halt import Halt, HaltState
from domain.orders import Origin, Side
from graph.engine import Engine
from graph.nodes import LEGS_PER_ATTEMPT
from graph.tally import Tally
from memory.journal import MemoryJournal
from tests.unit.graph.graph_rig import make_desk, run_desk, write_candles


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_candles(tmp_path_factory.mktemp("candles"), bars=120)


def kept(journal: MemoryJournal) -> list[DeskEvent]:
    return [event for _, event in journal.events()]


async def test_every_bar_is_closed_by_a_mark_and_committed(candles: Path) -> None:
    journal = MemoryJournal()
    desk = make_desk(candles, journal=journal)
    while (report := await desk.engine.step()) is not None:
        assert journal.pending == 0
        last = kept(journal)[-1]
        assert isinstance(last, EquityMarked)
        assert (last.bar, last.at, last.equity) == (report.bar, report.at, desk.portfolio.equity)
    assert desk.tally.bars == 120
    desk.portfolio.check()


async def test_the_tape_ends_and_stays_ended(candles: Path) -> None:
    desk = make_desk(candles)
    await run_desk(desk)
    assert await desk.engine.step() is None
    assert await desk.engine.step() is None


async def test_an_order_never_fills_before_the_bar_after_its_decision(candles: Path) -> None:
    journal = MemoryJournal()
    await run_desk(make_desk(candles, journal=journal))
    decided = {
        e.intent.client_id: e.intent.created_at for e in kept(journal) if isinstance(e, IntentRecorded)
    }
    fills = [e.fill for e in kept(journal) if isinstance(e, OrderFilled)]
    assert len(fills) > 10
    assert all(fill.filled_at >= decided[fill.client_id] for fill in fills)


@pytest.mark.parametrize("every", [1, 4, 7])
async def test_cycles_come_every_so_many_bars_of_the_tape(candles: Path, every: int) -> None:
    journal = MemoryJournal()
    desk = make_desk(candles, journal=journal, session={"timeframe": "1h", "decide_every": every})
    await run_desk(desk, bars=30)
    cycles = [event.cycle for event in kept(journal) if isinstance(event, CycleStarted)]
    assert cycles == list(range(1, 31, every))
    assert desk.tally.cycles == len(cycles)


def halt(state: HaltState) -> Halt:
    return Halt(state, "because", "test", EPOCH)


async def test_a_halted_desk_makes_no_decision_but_keeps_its_books_and_stops(candles: Path) -> None:
    journal = MemoryJournal()
    desk = make_desk(candles, journal=journal)
    await run_desk(desk, bars=60)
    assert desk.portfolio.positions
    before = len(kept(journal))
    desk.context.halt = lambda: HaltState.HALTED
    report = await desk.engine.step()
    assert report is not None
    assert (report.cycle_id, report.summary) == ("", "halted")
    await run_desk(desk, bars=40)
    later = kept(journal)[before:]
    assert not any(isinstance(event, (CycleStarted, CycleRecorded)) for event in later)
    assert sum(isinstance(event, EquityMarked) for event in later) == 41
    stops = [order for order in desk.orders.open_orders() if order.intent.origin is Origin.GUARDIAN]
    assert {stop.intent.symbol for stop in stops} == set(desk.portfolio.positions)


async def test_a_reducing_desk_only_gets_smaller(candles: Path) -> None:
    journal = MemoryJournal()
    desk = make_desk(candles, journal=journal)
    await run_desk(desk, bars=60)
    before = len(kept(journal))
    held = {symbol: position.quantity for symbol, position in desk.portfolio.positions.items()}
    assert held
    for order in desk.orders.open_orders():
        if order.intent.origin is Origin.CYCLE:
            await desk.orders.cancel(order.client_id, "the test begins clean")
    desk.halts.apply("pause", reason="because", by="test")
    await run_desk(desk)
    later = kept(journal)[before:]
    assert any(isinstance(event, CycleRecorded) for event in later)
    intents = [event.intent for event in later if isinstance(event, IntentRecorded)]
    assert any(intent.origin is Origin.CYCLE for intent in intents)
    assert all(intent.side is Side.SELL and intent.reduce_only for intent in intents)
    for symbol, position in desk.portfolio.positions.items():
        assert position.quantity <= held[symbol]


async def test_the_same_tape_gives_the_same_fingerprint_whatever_the_session_is_called(candles: Path) -> None:
    told = []
    for name in ("monday", "tuesday"):
        desk = make_desk(candles, name=name)
        await run_desk(desk)
        told.append(desk.tally.fingerprint())
    assert told[0] == told[1]


async def test_another_tape_gives_another_fingerprint(candles: Path, tmp_path: Path) -> None:
    told = set()
    for folder in (candles, write_candles(tmp_path, bars=120, seed=6)):
        desk = make_desk(folder)
        await run_desk(desk)
        told.add(desk.tally.fingerprint())
    assert len(told) == 2


class Died(BaseException):
    """The process is gone."""


@dataclass
class Mortal:
    """A journal whose process dies at the given append; what was committed before survives it."""

    dies_at: int
    inner: MemoryJournal = field(default_factory=MemoryJournal)
    appended: int = 0

    def append(self, event: DeskEvent) -> None:
        self.appended += 1
        if self.appended == self.dies_at:
            raise Died
        self.inner.append(event)

    def commit(self) -> None:
        self.inner.commit()


def survivors(journal: MemoryJournal) -> MemoryJournal:
    """The journal as the next process finds it."""
    again = MemoryJournal()
    for event in kept(journal):
        again.append(event)
    again.commit()
    return again


def deaths(events: list[DeskEvent]) -> list[int]:
    """The appends to die at, counted from 1: the first three of every kind of event, and those after them."""
    found: dict[str, list[int]] = {}
    for number, event in enumerate(events, start=1):
        found.setdefault(event.kind, []).append(number)
    chosen = {number for numbers in found.values() for number in numbers[:3]}
    return sorted(chosen | {number + 1 for number in chosen if number < len(events)})


async def test_a_crash_at_any_append_changes_no_fill_and_no_mark(candles: Path) -> None:
    whole_journal = MemoryJournal()
    whole = make_desk(candles, journal=whole_journal)
    await run_desk(whole, bars=40)
    expected = whole.tally
    sent_again = 0
    for moment in deaths(kept(whole_journal)):
        mortal = Mortal(moment)
        desk = make_desk(candles, journal=mortal)
        with pytest.raises(Died):
            await run_desk(desk, bars=40)
        journal = survivors(mortal.inner)
        desk = make_desk(candles, journal=journal, past=kept(journal))
        await desk.orders.reconcile()
        await run_desk(desk, bars=40 - desk.tally.bars)
        desk.portfolio.check()
        tally = desk.tally
        assert tally.curve == expected.curve, f"after a crash at append {moment}"
        assert tally.fingerprint() == expected.fingerprint(), f"after a crash at append {moment}"
        assert (tally.bars, tally.cycles, tally.orders, tally.fees) == (
            expected.bars,
            expected.cycles,
            expected.orders,
            expected.fees,
        )
        sent_again += sum(order.intent.leg >= LEGS_PER_ATTEMPT for order in desk.orders.orders.values())
    assert sent_again > 0, "no crash fell between writing an intent and sending it"


async def test_a_journal_that_cannot_keep_a_bar_stops_the_engine(candles: Path) -> None:
    desk = make_desk(candles)
    await run_desk(desk, bars=5)

    def full() -> None:
        raise StorageError("the disk is full")

    desk.context.journal.commit = full  # type: ignore[method-assign]  # the disk fills up now
    with pytest.raises(StorageError, match="disk is full"):
        await run_desk(desk)


def test_deciding_every_zero_bars_is_refused(candles: Path) -> None:
    desk = make_desk(candles)
    make = partial(
        Engine,
        context=desk.context,
        clock=desk.clock,
        features=desk.context.snapshots,  # type: ignore[arg-type]  # never used
        guardian=desk.guardian,
        cycle_runner=desk.engine._run_cycle,
        tally=Tally(),
    )
    with pytest.raises(ConfigError, match="decide_every 0"):
        make(decide_every=0)
