"""The stop guardian: one stop per position, for all of it, never looser, without any model."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from domain.events import Notice, StopArmed, StopsResumed
from domain.halt import HaltState
from domain.orders import Order, OrderStatus, OrderType, Origin
from execution.scripted import Answer, ScriptedVenue
from tests.faults.world import BTC, ETH, START, World, intent, sell, world


def scripted(at: World) -> ScriptedVenue:
    assert isinstance(at.venue, ScriptedVenue)
    return at.venue


def stops(at: World) -> list[Order]:
    """The guardian's resting stops, oldest first."""
    return [order for order in at.desk.open_orders() if order.intent.order_type is OrderType.STOP]


def shape(at: World) -> list[tuple[str, Decimal | None, Decimal | None]]:
    return [(order.intent.symbol, order.remaining, order.intent.trigger_price) for order in stops(at)]


def guardian_orders(at: World) -> list[Order]:
    return [order for order in at.desk.orders.values() if order.intent.origin is Origin.GUARDIAN]


async def holding(quantity: str = "0.5", stop: str | None = "38000") -> World:
    """A world that holds bitcoin at 40000, its stop armed."""
    w = world()
    await w.buy(quantity=quantity, stop=stop)
    scripted(w).fill("s-000001-00", quantity, "40000", w.clock.now())
    await w.tick()
    return w


async def test_a_filled_entry_gets_its_stop_for_the_whole_position() -> None:
    w = await holding()
    assert shape(w) == [(BTC, Decimal("0.5"), Decimal("38000"))]
    (order,) = stops(w)
    assert order.intent.reduce_only
    assert order.intent.origin is Origin.GUARDIAN
    (armed,) = w.events(StopArmed)
    assert (armed.client_id, armed.quantity) == (order.client_id, Decimal("0.5"))


async def test_a_stop_that_stands_is_left_alone() -> None:
    w = await holding()
    for _ in range(3):
        await w.tick()
    assert len(guardian_orders(w)) == 1


async def test_a_partial_fill_is_protected_at_once_and_the_stop_grows_with_it() -> None:
    w = world()
    await w.buy()
    scripted(w).fill("s-000001-00", "0.2", "40000", w.clock.now())
    await w.tick()
    assert shape(w) == [(BTC, Decimal("0.2"), Decimal("38000"))]
    scripted(w).fill("s-000001-00", "0.3", "40000", w.clock.now())
    await w.tick()
    assert shape(w) == [(BTC, Decimal("0.5"), Decimal("38000"))]


async def test_the_new_stop_is_placed_before_the_old_one_is_withdrawn() -> None:
    w = await holding()
    history: list[tuple[str, str]] = []
    venue = scripted(w)
    place, cancel = venue.place, venue.cancel

    async def placing(order: object) -> str:
        history.append(("place", ""))
        return await place(order)  # type: ignore[arg-type]  # passes on what it was given

    async def cancelling(client_id: str) -> None:
        history.append(("cancel", client_id))
        await cancel(client_id)

    venue.place, venue.cancel = placing, cancelling  # type: ignore[method-assign]  # a wire tap
    await w.desk.submit(sell(1, "0.2"))
    venue.fill("s-000001-01", "0.2", "40000", w.clock.now())
    history.clear()
    await w.tick()
    assert history == [("place", ""), ("cancel", "s-g-000001-00")]
    assert shape(w) == [(BTC, Decimal("0.3"), Decimal("38000"))]


async def test_a_second_entry_may_tighten_the_stop() -> None:
    w = await holding("0.2")
    await w.desk.submit(intent(1, quantity="0.1", stop="39000"))
    scripted(w).fill("s-000001-01", "0.1", "40000", w.clock.now())
    await w.tick()
    assert shape(w) == [(BTC, Decimal("0.3"), Decimal("39000"))]


async def test_a_second_entry_never_loosens_the_stop() -> None:
    w = await holding("0.2")
    await w.desk.submit(intent(1, quantity="0.1", stop="36000"))
    scripted(w).fill("s-000001-01", "0.1", "40000", w.clock.now())
    await w.tick()
    assert shape(w) == [(BTC, Decimal("0.3"), Decimal("38000"))]


async def test_a_stop_that_the_venue_dropped_is_placed_again() -> None:
    w = await holding()
    scripted(w).end(stops(w)[0].client_id, OrderStatus.EXPIRED, w.clock.now())
    await w.tick()
    assert shape(w) == [(BTC, Decimal("0.5"), Decimal("38000"))]
    assert stops(w)[0].client_id == "s-g-000002-00"


async def test_a_new_position_does_not_inherit_the_stop_of_the_last() -> None:
    w = await holding()
    scripted(w).fill(stops(w)[0].client_id, "0.5", "38000", w.clock.now())
    w.feed.last[BTC] = Decimal("36000")
    await w.tick()
    assert w.portfolio.position(BTC) is None
    await w.desk.submit(intent(1, quantity="0.1", stop="35000"))
    scripted(w).fill("s-000001-01", "0.1", "36000", w.clock.now())
    await w.tick()
    assert shape(w) == [(BTC, Decimal("0.1"), Decimal("35000"))]


async def test_a_stop_without_a_position_is_withdrawn() -> None:
    w = await holding()
    await w.desk.submit(sell(1, "0.5"))
    scripted(w).fill("s-000001-01", "0.5", "40000", w.clock.now())
    await w.tick()
    assert w.portfolio.positions == {}
    assert w.desk.open_orders() == ()


async def test_an_entry_without_a_stop_gets_the_default_distance() -> None:
    from dataclasses import replace

    from tests.faults.world import LIMITS

    w = world(limits=replace(LIMITS, require_stop=False))
    await w.buy(stop=None)
    scripted(w).fill("s-000001-00", "0.5", "40000", w.clock.now())
    await w.tick()
    assert shape(w) == [(BTC, Decimal("0.5"), Decimal("38000.00"))]


async def test_a_refused_stop_means_the_position_is_sold_at_once() -> None:
    w = world()
    await w.buy()
    scripted(w).fill("s-000001-00", "0.5", "40000", w.clock.now())
    scripted(w).answers.append(Answer.REJECT)
    await w.tick()
    stop, sale = guardian_orders(w)
    assert stop.status is OrderStatus.REJECTED
    assert (sale.intent.order_type, sale.remaining) == (OrderType.MARKET, Decimal("0.5"))
    assert sale.status is OrderStatus.ACCEPTED
    assert any("sold at market" in notice.message for notice in w.events(Notice))


async def test_a_new_stop_that_fails_leaves_the_old_one_that_covers_everything() -> None:
    w = await holding("0.2")
    await w.desk.submit(sell(1, "0.1"))
    scripted(w).fill("s-000001-01", "0.1", "40000", w.clock.now())
    scripted(w).answers.append(Answer.REJECT)
    await w.tick()
    assert [order.client_id for order in stops(w)] == ["s-g-000001-00"]
    assert all(order.intent.order_type is OrderType.STOP for order in guardian_orders(w))
    await w.tick()
    assert shape(w) == [(BTC, Decimal("0.1"), Decimal("38000"))]


async def test_a_stop_of_unknown_fate_gets_fifteen_seconds_before_the_position_is_sold() -> None:
    w = world()
    await w.buy()
    scripted(w).fill("s-000001-00", "0.5", "40000", w.clock.now())
    await w.desk.sync()
    scripted(w).answers.append(Answer.LOSE_ANSWER)
    scripted(w).silent = True
    await w.guardian.check()
    for seconds in (1, 15):
        w.clock.set(START + timedelta(seconds=seconds))
        await w.guardian.check()
    assert len(guardian_orders(w)) == 1
    w.clock.set(START + timedelta(seconds=17))
    w.feed.now = w.clock.now()
    await w.guardian.check()
    stop, sale = guardian_orders(w)
    assert stop.status is OrderStatus.UNKNOWN
    assert (sale.intent.order_type, sale.remaining) == (OrderType.MARKET, Decimal("0.5"))


async def test_a_stop_whose_answer_was_late_is_kept() -> None:
    w = world()
    await w.buy()
    scripted(w).fill("s-000001-00", "0.5", "40000", w.clock.now())
    await w.desk.sync()
    scripted(w).answers.append(Answer.LOSE_ANSWER)
    await w.guardian.check()
    await w.tick()
    assert shape(w) == [(BTC, Decimal("0.5"), Decimal("38000"))]
    assert len(guardian_orders(w)) == 1


async def test_a_price_already_under_the_stop_sells_at_once() -> None:
    w = world()
    await w.buy()
    scripted(w).fill("s-000001-00", "0.5", "40000", w.clock.now())
    w.feed.last[BTC] = Decimal("37000")
    await w.tick()
    (sale,) = guardian_orders(w)
    assert sale.intent.order_type is OrderType.MARKET
    await w.tick()
    assert len(guardian_orders(w)) == 1, "the sale is on its way: no second one"


async def test_a_halted_desk_still_has_its_stops() -> None:
    w = world()
    await w.buy()
    w.halt[0] = HaltState.HALTED
    scripted(w).fill("s-000001-00", "0.5", "40000", w.clock.now())
    await w.tick()
    assert shape(w) == [(BTC, Decimal("0.5"), Decimal("38000"))]


async def test_dust_is_said_once_and_left_alone() -> None:
    w = world()
    await w.desk.submit(intent(0, symbol=ETH, quantity="0.006", stop="1900"))
    scripted(w).fill("s-000001-00", "0.004", "2000", w.clock.now())
    for _ in range(3):
        await w.tick()
    assert guardian_orders(w) == []
    (notice,) = w.events(Notice)
    assert notice.message.startswith("ETH/USDT cannot have a stop: value 7.6")


async def test_two_positions_have_a_stop_each() -> None:
    w = await holding("0.2")
    await w.desk.submit(intent(1, symbol=ETH, quantity="2", stop="1900"))
    scripted(w).fill("s-000001-01", "2", "2000", w.clock.now())
    await w.tick()
    assert shape(w) == [
        (BTC, Decimal("0.2"), Decimal("38000")),
        (ETH, Decimal("2"), Decimal("1900")),
    ]


async def test_after_a_restart_every_position_has_its_stop_before_anything_else() -> None:
    before = await holding()
    scripted(before).end(stops(before)[0].client_id, OrderStatus.CANCELLED, before.clock.now())
    from memory.journal import MemoryJournal

    journal = before.journal
    assert isinstance(journal, MemoryJournal)
    w = world(journal, before.venue, feed=before.feed)
    w.desk.restore(event for _, event in journal.events())
    await w.desk.reconcile()
    resumed = await w.guardian.resume()
    assert resumed == StopsResumed(1, 1, w.clock.now())
    assert shape(w) == [(BTC, Decimal("0.5"), Decimal("38000"))]
    assert stops(w)[0].client_id == "s-g-000002-00", "a client id is never used twice"


async def test_after_a_restart_a_stop_that_still_rests_is_kept() -> None:
    before = await holding()
    from memory.journal import MemoryJournal

    journal = before.journal
    assert isinstance(journal, MemoryJournal)
    w = world(journal, before.venue, feed=before.feed)
    w.desk.restore(event for _, event in journal.events())
    assert await w.desk.reconcile() == ()
    assert (await w.guardian.resume()).armed == 1
    assert [order.client_id for order in stops(w)] == ["s-g-000001-00"]


def test_the_guardian_imports_no_model() -> None:
    import ast
    import inspect

    import execution.guardian

    tree = ast.parse(inspect.getsource(execution.guardian))
    rooms = {
        node.module.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
    }
    assert rooms & {"llm", "agents", "tools", "prompts", "graph"} == set()


async def test_an_idle_check_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    w = await holding()
    await w.tick()
    looked: list[object] = []
    monkeypatch.setattr(w.guardian, "_protect", looked.append)
    for _ in range(10):
        await w.guardian.check()
    assert looked == []


async def test_a_change_nobody_marked_is_found_all_the_same() -> None:
    w = await holding()
    (stop,) = stops(w)
    await w.tick()
    scripted(w).end(stop.client_id, OrderStatus.EXPIRED, w.clock.now())
    await w.desk.sync()
    w.desk.take_touched()  # somebody else took the mark
    for _ in range(64):
        await w.guardian.check()
    assert shape(w) == [(BTC, Decimal("0.5"), Decimal("38000"))]
