"""Orders lost and doubled, as trading bots are known for: a test each, named after what must not happen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.orders import TERMINAL, OrderStatus, OrderType, Side
from execution.scripted import ALL, Answer, ScriptedVenue
from risk.approval import ApprovedOrder
from tests.faults.world import BTC, START, intent, world
from tests.scenarios.field_stage import holding, reborn, tries, venue

D = Decimal


@pytest.mark.parametrize("answer", [Answer.LOSE_ANSWER, Answer.TIME_OUT, Answer.BREAK])
async def test_a_crash_between_exchange_and_database_does_not_lose_the_trade(answer: Answer) -> None:
    """The client id was durable before the venue heard of it, so the next process finds the order by it."""
    w = world()
    venue(w).answers.append(answer)
    order = await w.buy()
    assert order.status is OrderStatus.UNKNOWN, "a timeout is not a failure"
    venue(w).fill(order.client_id, "0.5", "40000", START, report=False)
    after = await reborn(w)
    position = after.portfolio.position(BTC)
    assert position is not None
    assert position.quantity == D("0.5")


async def test_a_filled_market_order_is_not_bought_again_because_its_answer_was_lost() -> None:
    w = world()
    venue(w).answers.append(Answer.LOSE_ANSWER)
    order = await w.buy()
    venue(w).fill(order.client_id, "0.5", "40000", START)
    await w.buy()
    await w.tick()
    await (await reborn(w)).desk.submit(order.intent)
    assert venue(w).placed.count(order.client_id) == 1
    assert [each for each in venue(w)._orders.values() if each.intent.side is Side.BUY and each.fills] != []


async def test_what_the_venue_cannot_tell_is_not_taken_for_cancelled() -> None:
    w = world()
    order = await w.buy()
    venue(w).silent = True
    venue(w).cancel_answers.append(Answer.LOSE_ANSWER)
    await w.desk.cancel(order.client_id, "told to")
    await w.desk.reconcile()
    assert w.desk.orders[order.client_id].status is OrderStatus.UNKNOWN
    assert await tries(w, 1) == ["unknown_exposure"]
    venue(w).silent = False
    await w.tick()
    assert next(iter(w.desk.orders.values())).status is OrderStatus.CANCELLED


async def test_moving_a_stop_leaves_no_gap() -> None:
    """At every call of the venue at least one stop rests."""
    w = await holding()
    book, seen = venue(w), list[int]()
    place, cancel = book.place, book.cancel

    def resting() -> int:
        live = (each for each in book._orders.values() if each.status not in TERMINAL)
        return sum(each.intent.guards for each in live)

    async def placing(order: ApprovedOrder) -> str:
        told = await place(order)
        seen.append(resting())
        return told

    async def cancelling(client_id: str) -> None:
        await cancel(client_id)
        seen.append(resting())

    book.place, book.cancel = placing, cancelling  # type: ignore[method-assign]  # a wire tap
    await w.desk.submit(intent(1, quantity="0.1", stop="39000", at=w.clock.now()))
    book.fill("s-000001-01", "0.1", "40000", w.clock.now())
    await w.tick()
    assert min(seen) >= 1
    assert [each.intent.trigger_price for each in w.desk.open_orders() if each.intent.guards] == [D("39000")]


async def test_a_resting_stop_is_read_back_so_that_a_changed_venue_is_noticed() -> None:
    """A venue that takes stops and keeps something else: the price is watched, and the position sold."""
    w = world(venue=ScriptedVenue(capabilities=ALL))
    await w.buy()
    book = venue(w)
    book.fill("s-000001-00", "0.5", "40000", START)
    place = book.place

    async def forgetting(order: ApprovedOrder) -> str:
        told = await place(order)
        kept = book._orders[book.placed[-1]]
        if kept.intent.order_type is OrderType.STOP:
            kept.intent = replace(kept.intent, trigger_price=None)
        return told

    book.place = forgetting  # type: ignore[method-assign]  # its interface changed
    for _ in range(5):
        w.clock.set(w.clock.now() + timedelta(seconds=1))
        await w.desk.sync()
        await w.guardian.check()
    w.feed.last[BTC] = D("37999")
    await w.tick()
    live = [each.intent for each in book._orders.values() if each.status not in TERMINAL]
    assert [(each.order_type, each.quantity) for each in live] == [(OrderType.MARKET, D("0.5"))]
