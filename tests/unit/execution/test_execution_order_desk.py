"""The order desk: written down first, reviewed again, sent once, booked once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.errors import NotFound
from domain.events import (
    IntentRecorded,
    IntentRefused,
    Notice,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderSubmitted,
    OrderUnknown,
)
from domain.halt import HaltState
from domain.money import Symbol
from domain.orders import Order, OrderStatus
from domain.reconciliation import IntentReduced
from execution.scripted import Answer, ScriptedVenue
from memory.journal import MemoryJournal
from risk.approval import ApprovedOrder
from tests.faults.world import BTC, ETH, START, World, intent, sell, world


def scripted(at: World) -> ScriptedVenue:
    assert isinstance(at.venue, ScriptedVenue)
    return at.venue


def now(order: Order) -> OrderStatus:
    return order.status


async def test_an_order_is_written_reviewed_sent_and_booked() -> None:
    w = world()
    order = await w.buy()
    assert now(order) is OrderStatus.ACCEPTED
    assert order.venue_id == "venue-s-000001-00"
    scripted(w).fill("s-000001-00", "0.5", "40000.01", START)
    (fill,) = await w.desk.sync()
    assert now(order) is OrderStatus.FILLED
    assert fill.quantity == Decimal("0.5")
    position = w.portfolio.position(BTC)
    assert position is not None
    assert position.quantity == Decimal("0.5")
    assert [type(event) for event in w.seen] == [IntentRecorded, OrderSubmitted, OrderAccepted, OrderFilled]
    assert w.desk.open_orders() == ()
    w.portfolio.check()


async def test_the_intent_is_durable_before_the_venue_hears_of_it() -> None:
    journal = MemoryJournal()
    durable: list[list[str]] = []

    class Watching(ScriptedVenue):
        async def place(self, order: ApprovedOrder) -> str:
            durable.append([event.kind for _, event in journal.events()])
            return await super().place(order)

    await world(journal, Watching()).buy()
    assert durable == [["intent_recorded"]]


async def test_the_same_client_id_again_returns_the_order_and_sends_nothing() -> None:
    w = world()
    first = await w.buy()
    again = await w.desk.submit(intent(quantity="0.3"))
    assert again is first
    assert scripted(w).placed == ["s-000001-00"]


async def test_a_refusal_of_the_second_review_is_recorded_and_sends_nothing() -> None:
    w = world()
    order = await w.buy(stop=None)
    assert now(order) is OrderStatus.REFUSED
    assert "stop" in order.note
    (refusal,) = w.events(IntentRefused)
    assert refusal.stage == 2
    assert [breach.rule for breach in refusal.breaches] == ["stop_required"]
    assert scripted(w).placed == []


async def test_the_second_review_sees_what_changed_since_the_first() -> None:
    w = world()
    w.halt[0] = HaltState.HALTED
    order = await w.buy()
    assert now(order) is OrderStatus.REFUSED
    assert [breach.rule for breach in w.events(IntentRefused)[0].breaches] == ["halt_state"]


async def test_facts_that_cannot_be_gathered_refuse() -> None:
    w = world()
    w.feed.last = {}
    order = await w.buy()
    assert now(order) is OrderStatus.REFUSED
    assert [breach.rule for breach in w.events(IntentRefused)[0].breaches] == ["facts"]
    assert scripted(w).placed == []


async def test_open_orders_count_in_the_review_of_the_next() -> None:
    w = world()
    await w.desk.submit(intent(0, quantity="0.5", limit="40000"))
    order = await w.desk.submit(intent(1, quantity="0.5", limit="40000"))
    assert order.intent.quantity == Decimal("0.25"), "of 30,000 in one symbol 20,000 are pending"
    third = await w.desk.submit(intent(2, quantity="0.5", limit="40000"))
    assert now(third) is OrderStatus.REFUSED
    assert "position_size" in [breach.rule for breach in w.events(IntentRefused)[0].breaches]


async def test_a_clipped_order_is_written_down_smaller_before_it_is_sent() -> None:
    journal = MemoryJournal()
    w = world(journal)
    order = await w.desk.submit(intent(0, quantity="1", limit="40000"))
    assert now(order) is OrderStatus.ACCEPTED
    (event,) = w.events(IntentReduced)
    assert event.client_id == order.client_id
    assert event.quantity == order.intent.quantity == Decimal("0.625")
    assert event.reason == "order_notional allows 0.625 of 1; position_size allows 0.750 of 1"
    assert order.note == event.reason
    kinds = [each.kind for each in w.seen]
    assert kinds.index("intent_reduced") < kinds.index("order_submitted")
    after = world(journal, w.venue)
    after.desk.restore(event for _, event in journal.events())
    assert after.desk.orders[order.client_id].intent == order.intent


async def test_the_order_rate_counts_only_its_window() -> None:
    w = world(limits=replace(world().desk._limits, max_orders_per_window_count=2))
    for leg in range(3):
        await w.desk.submit(intent(leg, quantity="0.01", at=w.clock.now()))
    assert [order.status for order in w.desk.orders.values()] == [
        OrderStatus.ACCEPTED,
        OrderStatus.ACCEPTED,
        OrderStatus.REFUSED,
    ]
    w.feed.now = START + timedelta(hours=1)
    w.clock.set(w.feed.now)
    assert (await w.desk.submit(intent(3, quantity="0.01"))).status is OrderStatus.ACCEPTED


async def test_a_rejection_is_final() -> None:
    w = world()
    scripted(w).answers.append(Answer.REJECT)
    order = await w.buy()
    assert now(order) is OrderStatus.REJECTED
    assert "refuses" in order.note
    await w.desk.sync()
    assert now(order) is OrderStatus.REJECTED


@pytest.mark.parametrize("answer", [Answer.LOSE_ANSWER, Answer.TIME_OUT, Answer.BREAK])
async def test_no_answer_means_unknown_and_a_look_up_finds_the_order(answer: Answer) -> None:
    w = world()
    scripted(w).answers.append(answer)
    order = await w.buy()
    assert now(order) is OrderStatus.UNKNOWN
    assert w.events(OrderUnknown)
    assert w.events(Notice)[0].level == "error"
    await w.desk.sync()
    assert now(order) is OrderStatus.ACCEPTED
    assert scripted(w).placed == ["s-000001-00"]


async def test_an_order_the_venue_never_had_expires_and_is_not_sent_again() -> None:
    w = world()
    scripted(w).answers.append(Answer.LOSE_REQUEST)
    order = await w.buy()
    assert now(order) is OrderStatus.UNKNOWN
    await w.desk.sync()
    assert now(order) is OrderStatus.EXPIRED
    assert scripted(w).placed == []


async def test_an_unknown_order_stays_unknown_while_the_line_is_down() -> None:
    w = world()
    scripted(w).answers.append(Answer.LOSE_ANSWER)
    order = await w.buy()
    scripted(w).silent = True
    for _ in range(3):
        await w.desk.sync()
    assert now(order) is OrderStatus.UNKNOWN
    scripted(w).silent = False
    scripted(w).fill("s-000001-00", "0.5", "40000", START, report=False)
    (fill,) = await w.desk.sync()
    assert fill.fill_id == "s-000001-00-f1"
    assert now(order) is OrderStatus.FILLED


async def test_unknown_exposure_halts_entries_but_not_reductions() -> None:
    w = world()
    await w.buy(0, quantity="0.2")
    scripted(w).fill("s-000001-00", "0.2", "40000", START)
    await w.desk.sync()
    scripted(w).answers.append(Answer.LOSE_ANSWER)
    await w.desk.submit(intent(1, symbol=ETH, quantity="1", stop="1900"))
    entry = await w.desk.submit(intent(2, symbol=ETH, quantity="1", stop="1900"))
    assert entry.status is OrderStatus.REFUSED
    assert "s-000001-01 may or may not exist" in entry.note
    reduction = await w.desk.submit(sell(3, "0.2"))
    assert reduction.status is OrderStatus.ACCEPTED
    await w.desk.sync()
    assert (await w.desk.submit(intent(4, symbol=ETH, quantity="1", stop="1900"))).status is (
        OrderStatus.ACCEPTED
    )


async def test_a_reduction_that_is_an_entry_in_disguise_is_refused() -> None:
    w = world()
    scripted(w).answers.append(Answer.LOSE_ANSWER)
    await w.buy(0, quantity="0.2")
    disguised = await w.desk.submit(replace(intent(1, quantity="0.2"), reduce_only=True))
    assert disguised.status is OrderStatus.REFUSED


async def test_a_venue_that_takes_too_long_leaves_the_order_unknown() -> None:
    import asyncio

    class Slow(ScriptedVenue):
        async def place(self, order: ApprovedOrder) -> str:
            result = await super().place(order)
            await asyncio.sleep(60)
            return result

    w = world(venue=Slow(), place_seconds=0.01)
    order = await w.buy()
    assert now(order) is OrderStatus.UNKNOWN
    await w.desk.sync()
    assert now(order) is OrderStatus.ACCEPTED


async def test_an_interrupted_submission_is_unknown_not_lost() -> None:
    import asyncio

    class Slow(ScriptedVenue):
        async def place(self, order: ApprovedOrder) -> str:
            result = await super().place(order)
            await asyncio.sleep(60)
            return result

    w = world(venue=Slow())
    task = asyncio.create_task(w.buy())
    await asyncio.sleep(0.01)
    assert now(w.desk.orders["s-000001-00"]) is OrderStatus.SUBMITTING
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert now(w.desk.orders["s-000001-00"]) is OrderStatus.UNKNOWN
    await w.desk.sync()
    assert now(w.desk.orders["s-000001-00"]) is OrderStatus.ACCEPTED


async def test_a_fill_that_is_reported_twice_is_booked_once() -> None:
    w = world()
    order = await w.buy()
    fill = scripted(w).fill("s-000001-00", "0.2", "40000", START)
    scripted(w).repeat(fill)
    assert await w.desk.sync() == (fill,)
    scripted(w).repeat(fill)
    assert await w.desk.sync() == ()
    assert order.filled == Decimal("0.2")
    assert w.portfolio.balances()[w.portfolio.capital.currency] == Decimal("91992")
    w.portfolio.check()


async def test_a_fill_nobody_sent_is_said_and_not_booked() -> None:
    w = world()
    await w.buy()
    fill = scripted(w).fill("s-000001-00", "0.2", "40000", START, report=False)
    scripted(w).repeat(replace(fill, client_id="other-000001-00", fill_id="x"))
    assert await w.desk.sync() == ()
    assert "never sent" in w.events(Notice)[0].message


async def test_a_fill_after_the_end_of_its_order_is_real_money_and_is_booked() -> None:
    w = world()
    order = await w.buy()
    await w.desk.cancel(order.client_id, "changed my mind")
    scripted(w).fill("s-000001-00", "0.2", "40000", START)
    assert len(await w.desk.sync()) == 1
    assert now(order) is OrderStatus.CANCELLED
    position = w.portfolio.position(BTC)
    assert position is not None
    assert position.quantity == Decimal("0.2")
    assert "still filled" in w.events(Notice)[0].message


async def test_partial_fills_add_up() -> None:
    w = world()
    order = await w.buy()
    scripted(w).fill("s-000001-00", "0.2", "40000", START)
    await w.desk.sync()
    assert now(order) is OrderStatus.PARTIALLY_FILLED
    scripted(w).fill("s-000001-00", "0.3", "40010", START)
    await w.desk.sync()
    assert now(order) is OrderStatus.FILLED
    assert order.average_price == Decimal("40006")


async def test_a_closure_by_the_venue_ends_the_order() -> None:
    w = world()
    order = await w.buy()
    scripted(w).end(order.client_id, OrderStatus.EXPIRED, START, "ioc")
    await w.desk.sync()
    assert now(order) is OrderStatus.EXPIRED
    assert order.note == "ioc"
    assert w.desk.open_orders() == ()


async def test_a_venue_that_does_not_report_is_a_notice() -> None:
    w = world()
    scripted(w).silent = True
    assert await w.desk.sync() == ()
    assert "did not report" in w.events(Notice)[0].message


# --- cancelling


async def test_a_cancelled_order_is_over_at_once() -> None:
    w = world()
    order = await w.desk.submit(intent(limit="39000"))
    assert (await w.desk.cancel(order.client_id, "newer cycle")).status is OrderStatus.CANCELLED
    assert w.events(OrderClosed)[0].status == "cancelled"


async def test_cancelling_what_has_just_filled_books_the_fill() -> None:
    w = world()
    order = await w.buy()
    scripted(w).fill(order.client_id, "0.5", "40000", START)
    assert (await w.desk.cancel(order.client_id, "late")).status is OrderStatus.FILLED
    assert await w.desk.sync() == ()
    w.portfolio.check()


async def test_a_cancellation_without_an_answer_is_looked_up() -> None:
    w = world()
    order = await w.desk.submit(intent(limit="39000"))
    scripted(w).cancel_answers.append(Answer.LOSE_ANSWER)
    assert (await w.desk.cancel(order.client_id, "x")).status is OrderStatus.UNKNOWN
    await w.desk.sync()
    assert now(order) is OrderStatus.CANCELLED


async def test_a_cancellation_that_never_arrived_leaves_the_order_open() -> None:
    w = world()
    order = await w.desk.submit(intent(limit="39000"))
    scripted(w).cancel_answers.append(Answer.LOSE_REQUEST)
    await w.desk.cancel(order.client_id, "x")
    await w.desk.sync()
    assert now(order) is OrderStatus.ACCEPTED


async def test_a_refused_cancellation_leaves_the_order_open() -> None:
    w = world()
    order = await w.desk.submit(intent(limit="39000"))
    scripted(w).cancel_answers.append(Answer.REJECT)
    assert (await w.desk.cancel(order.client_id, "x")).status is OrderStatus.ACCEPTED


async def test_cancelling_an_unknown_order_looks_it_up_first() -> None:
    w = world()
    scripted(w).answers.append(Answer.LOSE_ANSWER)
    order = await w.desk.submit(intent(limit="39000"))
    assert (await w.desk.cancel(order.client_id, "x")).status is OrderStatus.CANCELLED


async def test_cancelling_what_does_not_exist_is_an_error() -> None:
    with pytest.raises(NotFound, match="nothing-here"):
        await world().desk.cancel("nothing-here", "x")


async def test_an_accepted_order_the_venue_lost_expires_and_is_said() -> None:
    w = world()
    order = await w.desk.submit(intent(limit="39000"))
    scripted(w).forget(order.client_id)
    await w.desk.cancel(order.client_id, "x")
    assert now(order) is OrderStatus.EXPIRED
    assert "lost it" in w.events(Notice)[0].message


async def test_a_symbol_nobody_lists_is_refused() -> None:
    w = world()
    order = await w.desk.submit(intent(symbol=Symbol("DOGE/USDT")))
    assert now(order) is OrderStatus.REFUSED
