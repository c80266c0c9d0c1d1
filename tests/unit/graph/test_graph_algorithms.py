"""A large entry in a thin market: worked in parts, through restarts, until a newer cycle decides."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from app.bootstrap import Desk
from app.explaining import record_of
from domain.events import AlgorithmEnded, AlgorithmStarted, DeskEvent, OrderFilled
from domain.orders import Order, OrderStatus, Origin
from domain.tactics import LARGE_SHARE
from memory.journal import MemoryJournal
from tests.unit.graph.graph_rig import make_desk, run_desk, write_candles

RARELY: dict[str, Any] = {"session": {"decide_every": 4}, "costs": {"slippage": "none"}}
BARS = 48


@pytest.fixture(scope="module")
def thin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Candles that trade a hundredth of what others do, so that a usual entry is large."""
    folder = write_candles(tmp_path_factory.mktemp("thin"), bars=80)
    for path, bitcoins in zip(sorted(folder.iterdir()), (0.5, 15, 700), strict=True):
        frame = pd.read_parquet(path)
        frame["volume"] *= bitcoins / frame["volume"].mean()
        frame.to_parquet(path)
    return folder


def events_of(desk: Desk, journal: MemoryJournal) -> list[DeskEvent]:
    return [event for _, event in journal.events()]


def children(desk: Desk) -> Mapping[str, list[Order]]:
    found: dict[str, list[Order]] = {}
    for order in desk.orders.orders.values():
        if order.intent.origin is Origin.ALGORITHM:
            found.setdefault(order.intent.parent, []).append(order)
    return found


async def test_a_large_entry_is_worked_in_parts_that_are_small_against_the_volume(thin: Path) -> None:
    journal = MemoryJournal()
    desk = make_desk(thin, journal=journal, **RARELY)
    await run_desk(desk, bars=BARS)
    plans = [event.plan for event in events_of(desk, journal) if isinstance(event, AlgorithmStarted)]
    assert plans, "nothing was large"
    worked = children(desk)
    for plan in plans:
        mine = worked.get(plan.algorithm_id, [])
        assert sum(order.filled for order in mine) <= plan.amount
        times = [order.intent.created_at for order in mine]
        assert len(set(times)) == len(times), "two parts in one bar"
        assert times[0] == plan.start, "the first part is sent by the cycle itself"
        if len(plan.slices) < 24:
            volume = desk.feed.history(plan.symbol, plan.start, 24).volume.mean()
            largest = max(part.amount for part in plan.slices)
            step = desk.feed.instruments[plan.symbol].step_size
            assert largest <= Decimal(repr(float(volume))) * LARGE_SHARE + step
    assert max(len(mine) for mine in worked.values()) > 1
    assert all(each.intent.protective_stop is not None for mine in worked.values() for each in mine)


async def test_a_newer_cycle_stops_what_an_older_one_works_on(thin: Path) -> None:
    journal = MemoryJournal()
    desk = make_desk(thin, journal=journal, **RARELY)
    await run_desk(desk, bars=BARS)
    events = events_of(desk, journal)
    ended = [event for event in events if isinstance(event, AlgorithmEnded)]
    superseded = [event for event in ended if event.reason == "a newer cycle decides"]
    assert superseded
    assert all(event.rest > 0 for event in superseded)
    cycles = {state.plan.cycle for state in desk.context.algorithms.running}
    assert len(cycles) <= 1, "algorithms of two cycles run at once"


async def test_the_record_of_a_cycle_names_the_algorithm(thin: Path) -> None:
    journal = MemoryJournal()
    desk = make_desk(thin, journal=journal, **RARELY)
    await run_desk(desk, bars=BARS)
    plan = next(event.plan for event in events_of(desk, journal) if isinstance(event, AlgorithmStarted))
    record = desk.context.records.get(f"test-{plan.cycle:06d}")  # type: ignore[attr-defined]  # MemoryRecords
    (mine,) = [order for order in record.orders if order.client_id == plan.algorithm_id]
    assert (mine.status, "worked in parts" in mine.note) == (OrderStatus.ACCEPTED, True)
    child = children(desk)[plan.algorithm_id][0]
    assert record_of(child, desk.context.records) == record  # type: ignore[arg-type]  # desk explain finds it


async def test_what_an_older_algorithm_has_open_does_not_count_against_a_newer_cycle(thin: Path) -> None:
    desk = make_desk(thin, **RARELY)
    await run_desk(desk, bars=1)
    (order,) = [each for each in desk.orders.open_orders() if each.intent.origin is Origin.ALGORITHM]
    assert order in desk.context.standing_orders(order.intent.cycle)
    assert order not in desk.context.standing_orders(order.intent.cycle + 1)


class Died(BaseException):
    """The process ends here."""


class Mortal(MemoryJournal):
    """Dies at its n-th append: what was not committed by then is lost."""

    def __init__(self, moment: int) -> None:
        super().__init__()
        self._left = moment

    def append(self, event: DeskEvent) -> None:
        self._left -= 1
        if self._left == 0:
            raise Died
        super().append(event)


def fills(journal: MemoryJournal) -> list[tuple[str, Decimal, Decimal]]:
    seen = [event.fill for _, event in journal.events() if isinstance(event, OrderFilled)]
    return [(fill.symbol, fill.quantity, fill.price) for fill in seen]


def moments(events: list[DeskEvent]) -> list[int]:
    """The appends at and after every event of the first algorithms and of their children."""
    chosen: set[int] = set()
    for number, event in enumerate(events, start=1):
        intent = getattr(event, "intent", None)
        ours = event.kind.startswith("algorithm") or (intent is not None and intent.parent)
        if ours:
            chosen |= {number, number + 1, number + 2, number + 3}
    return sorted(chosen)[:60]


async def test_a_crash_at_any_append_of_an_algorithm_changes_no_fill(thin: Path) -> None:
    whole = MemoryJournal()
    await run_desk(make_desk(thin, journal=whole, **RARELY), bars=BARS)
    expected = fills(whole)
    died = 0
    for moment in moments([event for _, event in whole.events()]):
        mortal = Mortal(moment)
        with pytest.raises(Died):
            await run_desk(make_desk(thin, journal=mortal, **RARELY), bars=BARS)
        died += 1
        kept = MemoryJournal()
        for _, event in mortal.events():
            kept.append(event)
        kept.commit()
        desk = make_desk(thin, journal=kept, past=[event for _, event in kept.events()], **RARELY)
        await desk.orders.reconcile()
        await run_desk(desk, bars=BARS - desk.tally.bars)
        assert fills(kept) == expected, f"after a crash at append {moment}"
    assert died > 20
