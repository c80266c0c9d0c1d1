"""Simulated hours at a simulated exchange over real HTTP: what the venue holds is what the books say."""

from __future__ import annotations

import pytest

from app.venue_run import VenueRun
from domain.errors import StorageError
from domain.events import (
    CycleRecorded,
    CycleStarted,
    DeskEvent,
    EquityMarked,
    IntentRecorded,
    Notice,
    OrderFilled,
    OrderUnknown,
    StopArmed,
    StopsResumed,
)
from domain.orders import OrderStatus
from domain.reconciliation import Reconciled
from simulator.wire.faults import Fault, FaultKind, Operation, When
from tests.unit.app.wire_stage import SYMBOLS, WireStage, wire_stage


def in_step(stage: WireStage, run: VenueRun) -> None:
    """To the last digit, and with a stop at the venue for everything that can have one."""
    assert stage.books(run.desk) == stage.held()
    run.desk.portfolio.check()
    resting = {order.symbol for order in stage.exchange.open_orders("desk") if order.trigger_price}
    leaving = {order.intent.symbol for order in run.desk.orders.open_orders() if not order.intent.guards}
    instruments = run.desk.feed.instruments
    held = {
        symbol
        for symbol, position in run.desk.portfolio.positions.items()
        if not instruments[symbol].filter_problems(
            instruments[symbol].quantity(position.quantity), instruments[symbol].price(position.mark)
        )
    }
    if run.desk.venue.capabilities.stops:  # else the guardian watches the price itself
        assert held <= resting | leaving, "what is not dust has its stop"


def nothing_unexplained(events: list[DeskEvent]) -> None:
    for event in events:
        if isinstance(event, Reconciled):
            assert [each for each in event.differences if each.verdict != "explained"] == []


@pytest.mark.parametrize("venue", ["binance", "gate", "mexc"])
async def test_an_hour_of_trading_leaves_no_difference(venue: str) -> None:
    async with wire_stage(venue) as stage, stage.run(bars=12) as run:
        await run.run()
        in_step(stage, run)
        events = stage.events()
        assert [event.bar for event in events if isinstance(event, EquityMarked)] == list(range(12))
        assert len([event for event in events if isinstance(event, CycleStarted)]) == 12
        assert any(isinstance(event, OrderFilled) for event in events)
        assert any(isinstance(event, StopArmed) for event in events)
        assert not any(isinstance(event, OrderUnknown) for event in events)
        assert [e.message for e in events if isinstance(e, Notice) and e.level == "error"] == []
        nothing_unexplained(events)
        await run.close()


OUTAGES = {
    "the venue breaks down": (Fault(FaultKind.ERROR, lasts=400),),
    "connections are reset": (Fault(FaultKind.RESET, lasts=400),),
    "answers to orders are lost": (Fault(FaultKind.DROP, When.AFTER, frozenset({Operation.PLACE}), count=2),),
    "orders are lost": (Fault(FaultKind.DROP, When.BEFORE, frozenset({Operation.PLACE}), count=2),),
    "the data stands still": (Fault(FaultKind.STALE_BOOK, lasts=400),),
    "every third request fails": (Fault(FaultKind.ERROR, lasts=900, probability=0.3, seed=3),),
    "too many requests": (Fault(FaultKind.RATE_LIMIT, lasts=200, retry_after=5),),
}


@pytest.mark.parametrize("faults", OUTAGES.values(), ids=OUTAGES.keys())
async def test_an_outage_passes_and_leaves_nothing_behind(faults: tuple[Fault, ...]) -> None:
    async with wire_stage("binance") as stage, stage.run() as run:
        for fault in faults:
            stage.server.faults.add(fault)
        for _ in range(2_400 // 5):
            await run.beat()
            await stage.rest(1)
        struck = {fault.kind: happened for _, fault, happened in stage.server.faults.planned()}
        assert all(happened for kind, happened in struck.items() if kind is not FaultKind.STALE_BOOK)
        stage.server.faults.clear()
        for _ in range(600 // 5):
            await run.beat()
            await stage.rest(1)
        in_step(stage, run)
        events = stage.events()
        assert [o for o in run.desk.orders.open_orders() if o.status is OrderStatus.UNKNOWN] == []
        marks = [event.bar for event in events if isinstance(event, EquityMarked)]
        assert marks[-1] == 10, "it goes on as soon as the venue does"
        sent = [event.intent.client_id for event in events if isinstance(event, IntentRecorded)]
        assert len(sent) == len(set(sent))
        effects = [o.client_id for symbol in SYMBOLS for o in stage.exchange.orders("desk", symbol)]
        assert len(effects) == len(set(effects)), "an order took effect twice"
        nothing_unexplained(events)
        await run.close()


async def test_a_desk_that_dies_goes_on_where_it_was() -> None:
    async with wire_stage("binance") as stage:
        async with stage.run(bars=3) as first:
            await first.run()
        past = stage.events()
        for _ in range(3):
            await stage.rest(1)
        async with stage.run(bars=3, past=past) as again:
            await again.run()
            in_step(stage, again)
            later = stage.events()[len(past) :]
            kinds = [type(event) for event in later]
            assert kinds.index(StopsResumed) < kinds.index(CycleStarted)
            cycles = [event.cycle_id for event in stage.events() if isinstance(event, CycleRecorded)]
            assert len(cycles) == len(set(cycles)) == 6
            nothing_unexplained(later)
            await again.close()


async def test_a_journal_that_cannot_be_written_ends_the_run() -> None:
    async with wire_stage("binance") as stage, stage.run() as run:

        def full() -> None:
            raise StorageError("the disk is full")

        stage.journal.commit = full  # type: ignore[method-assign]
        with pytest.raises(StorageError):
            await run.run()
        assert run.state == "failed"
