"""A run against a venue: decisions at bar closes, looks in between, stops first after a restart."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from app.history import fold
from app.running import _began, _leaves_nothing_behind
from domain.errors import ConfigError
from domain.events import (
    CycleRecorded,
    CycleStarted,
    EquityMarked,
    IntentRefused,
    Notice,
    OrderFilled,
    SessionStarted,
    SessionStopped,
    StopArmed,
    StopsResumed,
)
from domain.halt import HaltState
from domain.orders import OrderStatus, Origin, Side
from graph.state import CycleState
from tests.unit.app.venue_stage import USDT, VenueStage, settings
from tests.unit.market.live_venue import START, MadeUpVenue

HOUR = timedelta(hours=1)


def rising(data: MadeUpVenue) -> None:
    """Every bar closes 1 % above the one before: somebody will want to buy."""
    hour_ms = 3_600_000
    first = int(START.timestamp() * 1000) // hour_ms

    def grow(value: float, opened: int) -> float:
        return round(value * 1.01 ** (opened // hour_ms - first), 2)

    data.bend["candles"] = lambda rows: [[r[0], *(grow(value, r[0]) for value in r[1:5]), r[5]] for r in rows]

    def lift(told: dict[str, object]) -> dict[str, object]:
        opened = int(data.now.timestamp() * 1000)
        sides = {}
        for side in ("bids", "asks"):
            levels = told[side]
            assert isinstance(levels, list)
            sides[side] = [[grow(price, opened), amount] for price, amount in levels]
        return {**told, **sides}

    data.bend["book"] = lift


async def test_it_decides_once_a_bar_and_looks_every_second() -> None:
    stage = VenueStage(pace=1)
    run = await stage.run(bars=4)
    await run.start()
    await run.run()
    await run.close()
    events = stage.events()
    marks = [event for event in events if isinstance(event, EquityMarked)]
    cycles = [event for event in events if isinstance(event, CycleStarted)]
    assert [mark.bar for mark in marks] == [0, 1, 2, 3]
    assert [cycle.cycle for cycle in cycles] == [1, 2, 3, 4]
    assert all(later.at - earlier.at == HOUR for earlier, later in pairwise(marks))
    assert all(
        timedelta(0) <= cycle.at - mark.at <= timedelta(seconds=40)
        for cycle, mark in zip(cycles, marks, strict=True)
    )
    looked = stage.data.now - START
    assert stage.filling.polls >= looked.total_seconds() * 0.95
    assert run.state == "stopping", "a session at a venue goes on with the next run"
    stopped = events[-1]
    assert isinstance(stopped, SessionStopped)
    assert stopped.reason == "interrupted"


async def test_it_trades_and_every_position_has_its_stop() -> None:
    stage = VenueStage()
    rising(stage.data)
    run = await stage.run(bars=6)
    await run.start()
    await run.run()
    events = stage.events()
    assert any(isinstance(event, OrderFilled) for event in events)
    held = run.desk.portfolio.positions
    assert held
    filled = [event.at for event in events if isinstance(event, OrderFilled)]
    armed = [event.at for event in events if isinstance(event, StopArmed)]
    assert all(any(timedelta(0) <= stop - fill < timedelta(minutes=2) for stop in armed) for fill in filled)
    assert {event.symbol for event in events if isinstance(event, StopArmed)} >= set(held)
    run.desk.portfolio.check()
    await run.close()
    resting = {order.intent.symbol for order in run.desk.orders.open_orders()}
    assert resting == set(held), "stops stay when the desk goes"


async def test_after_a_crash_stops_come_first_and_the_numbers_go_on() -> None:
    stage = VenueStage()
    rising(stage.data)
    first = await stage.run(bars=6)
    await first.start()
    await first.run()
    held = set(first.desk.portfolio.positions)
    past = stage.events()
    for order in first.desk.orders.open_orders():  # the venue dropped them while nobody looked
        await stage.filling.cancel(order.client_id)
    stage.data.counter.seconds += 5 * 3_600

    again = await stage.run(bars=2, past=past)
    assert again.desk.resumed
    await again.start()
    assert StopsResumed in {type(event) for event in stage.events()[len(past) :]}, "before the first look"
    await again.run()
    events = stage.events()[len(past) :]
    kinds = [type(event) for event in events]
    assert kinds[0] is SessionStarted
    assert kinds.index(StopsResumed) < kinds.index(CycleStarted)
    resumed = next(event for event in events if isinstance(event, StopsResumed))
    assert resumed.positions == resumed.armed == len(held)
    bars = [event.bar for event in events if isinstance(event, EquityMarked)]
    last = [event.bar for event in past if isinstance(event, EquityMarked)][-1]
    assert bars[0] == last + 5, "bars that passed while it was away are not decided upon"
    ids = [event.cycle_id for event in stage.events() if isinstance(event, CycleRecorded)]
    assert len(ids) == len(set(ids))


async def test_while_a_cycle_thinks_the_desk_goes_on_looking() -> None:
    stage = VenueStage()
    run = await stage.run(bars=1)
    thinking, done = asyncio.Event(), asyncio.Event()
    inner = run.desk.engine._run_cycle

    async def slow(state):  # type: ignore[no-untyped-def]
        thinking.set()
        await done.wait()
        return await inner(state)

    run.desk.engine._run_cycle = slow
    run._seconds = 0.01
    await run.start()
    driving = asyncio.create_task(run.run())
    await thinking.wait()
    before = stage.filling.polls
    while stage.filling.polls < before + 5:  # noqa: ASYNC110 - the venue knows nothing of events
        await asyncio.sleep(0.01)
    assert not any(isinstance(event, EquityMarked) for event in stage.events())
    done.set()
    await driving
    assert [event.bar for event in stage.events() if isinstance(event, EquityMarked)] == [0]
    await run.close()


async def test_trouble_with_the_data_is_said_once_and_nothing_is_decided() -> None:
    stage = VenueStage(pace=1)
    run = await stage.run()
    await run.start()
    for _ in range(3):
        await run.beat()
    stage.data.down = {"candles"}
    before = len([event for event in stage.events() if isinstance(event, CycleStarted)])
    for _ in range(2 * 3_600):
        await stage.rest(1)
        await run.beat()
    events = stage.events()
    assert len([event for event in events if isinstance(event, CycleStarted)]) == before
    warned = [event for event in events if isinstance(event, Notice) and event.source == "market"]
    assert len(warned) == 2
    asked = [what for what, _ in stage.data.asked if what == "candles"]
    assert len(asked) < 1_000, "a venue that is down is not asked every second"
    stage.data.down = set()
    for _ in range(60):
        await stage.rest(1)
        await run.beat()
    assert len([event for event in stage.events() if isinstance(event, CycleStarted)]) == before + 1
    await run.close()


async def test_a_panic_gets_flat_and_stays_so() -> None:
    stage = VenueStage()
    rising(stage.data)
    run = await stage.run(bars=6)
    await run.start()
    await run.run()
    assert run.desk.portfolio.positions
    run._stopping.clear()
    await run.halt("panic", reason="drill", by="a test")
    assert not run.desk.portfolio.positions
    assert not run.desk.orders.open_orders()
    assert run.desk.halts.state() is HaltState.HALTED
    sold = [order for order in run.desk.orders.orders.values() if order.intent.origin is Origin.PANIC]
    assert sold
    await run.close()


async def test_a_new_session_needs_its_capital() -> None:
    stage = VenueStage()
    stage.filling.held = {USDT: Decimal(900)}
    run = await stage.run()
    with pytest.raises(ConfigError, match=r"has 900 USDT free, but session\.capital is 10000") as refused:
        await run.start()
    assert refused.value.exit_code == 4
    assert stage.events() == []


async def test_a_cycle_sends_nothing_while_somebody_else_works_on_orders() -> None:
    stage = VenueStage()
    rising(stage.data)
    run = await stage.run(bars=1)
    await run.start()
    context, inner = run.desk.context, run.desk.engine._run_cycle
    held_back = []

    async def held(state: CycleState) -> CycleState:
        async with context.hands:
            deciding = asyncio.ensure_future(inner(state))
            _, waiting = await asyncio.wait({deciding}, timeout=0.3)
            held_back.append((bool(waiting), list(stage.filling.placed)))
        return await deciding

    run.desk.engine._run_cycle = held
    await run.run()
    assert held_back == [(True, [])]
    assert stage.filling.placed
    await run.close()


async def test_looks_wait_while_a_cycle_sends_and_stop_while_a_panic_sells() -> None:
    stage = VenueStage()
    run = await stage.run()
    await run.start()
    before = stage.filling.polls
    async with run.desk.context.hands:
        looking = asyncio.create_task(run.desk.engine.tend())
        await asyncio.wait({looking}, timeout=0.1)
        assert stage.filling.polls == before
    await looking
    assert stage.filling.polls == before + 1
    run._panicking = True
    run._cycle = asyncio.create_task(asyncio.sleep(60, True))
    await run.beat()
    assert stage.filling.polls == before + 1
    run._cycle.cancel()
    run._cycle = None
    await run.close()


async def test_a_new_session_is_refused_while_an_old_one_holds_something() -> None:
    stage = VenueStage()
    rising(stage.data)
    run = await stage.run(bars=4)
    await run.start()
    await run.run()
    await run.close()
    assert run.desk.portfolio.positions
    last = fold(stage.events()).latest
    assert last is not None
    with pytest.raises(ConfigError, match="s0001 still has") as refused:
        _leaves_nothing_behind(last)
    for symbol in run.desk.portfolio.positions:
        assert symbol in refused.value.message
    await run.halt("panic", reason="drill", by="a test")
    flat = fold(stage.events()).latest
    assert flat is not None
    _leaves_nothing_behind(flat)


async def test_the_first_mark_says_when_a_session_began() -> None:
    stage = VenueStage()
    run = await stage.run(bars=2)
    await run.start()
    told = settings()
    assert _began(told, ()) is None
    begun = _began(told, stage.events())
    assert begun == stage.events()[0].at
    await run.run()
    assert _began(told, stage.events()) == START.replace(minute=0, second=0)
    await run.close()


async def test_a_quote_that_is_older_than_a_minute_opens_nothing() -> None:
    stage = VenueStage()
    rising(stage.data)
    run = await stage.run(bars=1)
    await run.start()
    stage.data.down = {"book"}
    stage.data.counter.seconds += 61
    await run.run()
    refused = [event for event in stage.events() if isinstance(event, IntentRefused)]
    assert refused
    assert all("fresh_price" in [breach.rule for breach in event.breaches] for event in refused)
    assert stage.filling.placed == []
    await run.close()


@pytest.mark.parametrize(("then", "filled"), [("cancel", False), ("market", True)])
async def test_an_entry_that_nobody_takes_rests_as_long_as_the_settings_say(then: str, filled: bool) -> None:
    stage = VenueStage()
    stage.decision = {"entry_patience": 600.0, "entry_unfilled": then}
    stage.filling.takes_limits = False
    rising(stage.data)
    run = await stage.run()
    await run.start()
    await run.beat()
    (entry, *_) = [order for order in run.desk.orders.orders.values() if not order.intent.reduce_only]
    assert not entry.is_terminal
    for _ in range(40):
        await stage.rest(1)
        await run.beat()
    assert entry.status is OrderStatus.CANCELLED
    assert run.desk.portfolio.holds(entry.intent.symbol) is filled
    await run.close()


async def test_bars_that_the_venue_told_anew_are_counted_once_the_run_ends() -> None:
    stage = VenueStage()
    run = await stage.run(bars=1)
    await run.start()
    await run.run()
    stage.world.feed.restated = 3
    await run.close()
    said = [event.message for event in stage.events() if isinstance(event, Notice)]
    assert [each for each in said if "restated 3 candle(s)" in each] == [said[-1]]


async def test_a_loss_limit_acts_within_seconds_and_not_at_the_next_bar() -> None:
    stage = VenueStage(pace=1)
    rising(stage.data)
    run = await stage.run()
    await run.start()
    account, guardian = run.desk.portfolio, run.desk.engine._guardian
    while not account.positions:
        await run.beat()
        await stage.rest(20)
    lost = max(Decimal(0), 1 - account.equity / account.day_start_equity)
    assert guardian._losses is not None
    guardian._losses.limit_to(replace(run.desk.limits, max_daily_loss_fraction=lost + Decimal("0.001")))
    for _ in range(30):
        await run.beat()
        await stage.rest(1)
    assert account.positions, "nothing has fallen yet"
    lift, fell = stage.data.bend["book"], stage.data.now

    def sink(told: Any) -> Any:
        sunk = lift(told)
        sides = {side: [[price * 0.98, amount] for price, amount in sunk[side]] for side in ("bids", "asks")}
        return {**sunk, **sides}

    stage.data.bend["book"] = sink
    while account.positions:
        assert stage.data.now - fell < timedelta(seconds=20), "long before the hour is over"
        await run.beat()
        await stage.rest(1)
    sale = [order for order in run.desk.orders.orders.values() if order.intent.side is Side.SELL][-1]
    assert "by quotes of 10 s" in sale.intent.reason
    await run.close()
