"""One order in the place of another: never both, smaller by what filled meanwhile, nothing on a doubt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.errors import NotFound
from domain.events import IntentRefused, OrderSubmitted
from domain.halt import HaltState
from domain.money import Price
from domain.orders import TERMINAL, Order, OrderIntent, OrderStatus
from domain.reconciliation import IntentReduced
from execution.scripted import Answer, ScriptedVenue
from memory.journal import MemoryJournal
from tests.faults.world import BTC, ETH, START, World, intent, sell, world

OLD, NEW = "s-000001-00", "s-000001-01"


def scripted(at: World) -> ScriptedVenue:
    assert isinstance(at.venue, ScriptedVenue)
    return at.venue


def live(at: World) -> dict[str, Decimal]:
    """What rests at the venue: client id and what is left of it."""
    return {
        name: kept.intent.quantity - kept.filled
        for name, kept in scripted(at)._orders.items()
        if kept.status not in TERMINAL
    }


async def resting(quantity: str = "0.5") -> World:
    w = world()
    await w.desk.submit(intent(0, quantity=quantity, limit="39000"))
    return w


def closer(quantity: str = "0.5", limit: str = "39500") -> OrderIntent:
    return intent(1, quantity=quantity, limit=limit)


async def test_the_new_order_takes_the_place_of_the_old() -> None:
    w = await resting()
    new = await w.desk.replace(OLD, closer())
    assert new.status is OrderStatus.ACCEPTED
    assert new.intent.replaces == OLD
    assert w.desk.orders[OLD].status is OrderStatus.CANCELLED
    assert w.desk.orders[OLD].note == f"replaced by {NEW}"
    assert live(w) == {NEW: Decimal("0.5")}


async def test_it_is_written_down_before_the_old_one_is_touched() -> None:
    journal = MemoryJournal()
    seen: list[list[str]] = []

    class Watching(ScriptedVenue):
        async def cancel(self, client_id: str) -> None:
            seen.append([event.kind for _, event in journal.events()])
            await super().cancel(client_id)

    w = world(journal, Watching())
    await w.desk.submit(intent(0, limit="39000"))
    await w.desk.replace(OLD, closer())
    assert seen[0].count("intent_recorded") == 2


async def test_the_review_counts_the_old_order_as_gone() -> None:
    w = await resting("0.6")  # 23,400 of 30,000 allowed in one symbol: a second one would not fit
    beside = await w.desk.submit(replace(intent(2, quantity="0.5", limit="39500"), group="whole"))
    assert beside.status is OrderStatus.REFUSED
    assert (await w.desk.replace(OLD, closer("0.6"))).status is OrderStatus.ACCEPTED


async def test_a_replacement_that_is_refused_leaves_the_old_order_alone() -> None:
    w = await resting()
    w.halt[0] = HaltState.HALTED
    new = await w.desk.replace(OLD, closer())
    assert new.status is OrderStatus.REFUSED
    assert live(w) == {OLD: Decimal("0.5")}


async def test_what_the_old_one_filled_meanwhile_makes_the_new_one_smaller() -> None:
    w = await resting()
    scripted(w).fill(OLD, "0.2", "39000", START, report=False)  # nobody has told the desk yet
    new = await w.desk.replace(OLD, closer())
    assert live(w) == {NEW: Decimal("0.3")}
    assert new.intent.quantity == Decimal("0.3")
    (reduced,) = w.events(IntentReduced)
    assert (reduced.client_id, reduced.quantity) == (NEW, Decimal("0.3"))
    assert w.desk.orders[OLD].filled == Decimal("0.2")


async def test_what_it_had_filled_before_does_not_count_twice() -> None:
    w = await resting()
    scripted(w).fill(OLD, "0.2", "39000", START)
    await w.desk.sync()
    await w.desk.replace(OLD, closer("0.3"))
    assert live(w) == {NEW: Decimal("0.3")}


async def test_an_old_order_that_filled_whole_leaves_nothing_to_send() -> None:
    w = await resting()
    scripted(w).fill(OLD, "0.5", "39000", START, report=False)
    new = await w.desk.replace(OLD, closer())
    assert new.status is OrderStatus.EXPIRED
    assert new.note == f"{OLD} filled 0.5 meanwhile"
    assert scripted(w).placed == [OLD]


@pytest.mark.parametrize("answer", [Answer.LOSE_ANSWER, Answer.LOSE_REQUEST, Answer.TIME_OUT, Answer.BREAK])
async def test_an_old_order_of_unknown_fate_means_nothing_is_sent(answer: Answer) -> None:
    w = await resting()
    scripted(w).cancel_answers.append(answer)
    new = await w.desk.replace(OLD, closer())
    assert new.status is OrderStatus.EXPIRED
    assert "nothing was sent in its place" in new.note
    assert scripted(w).placed == [OLD]
    await w.desk.sync()
    assert w.desk.orders[OLD].status is not OrderStatus.UNKNOWN


@pytest.mark.parametrize("answer", [Answer.REJECT, Answer.DOWN])
async def test_an_old_order_that_cannot_be_withdrawn_stays_the_only_one(answer: Answer) -> None:
    w = await resting()
    scripted(w).cancel_answers.append(answer)
    new = await w.desk.replace(OLD, closer())
    assert new.status is OrderStatus.EXPIRED
    assert w.desk.orders[OLD].status is OrderStatus.ACCEPTED
    assert live(w) == {OLD: Decimal("0.5")}


async def test_the_facts_are_looked_at_again_once_the_old_one_is_gone() -> None:
    w = await resting()
    venue = scripted(w)
    cancel = venue.cancel

    async def and_halt(client_id: str) -> None:
        await cancel(client_id)
        w.halt[0] = HaltState.HALTED

    venue.cancel = and_halt  # type: ignore[method-assign]  # the world changes at the worst moment
    assert (await w.desk.replace(OLD, closer())).status is OrderStatus.REFUSED
    assert live(w) == {}


WRONG = {
    "another symbol": intent(1, symbol=ETH, quantity="1", limit="1990", stop="1900"),
    "another side": sell(1, "0.1"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_only_an_order_of_the_same_kind_can_take_its_place(what: str) -> None:
    w = await resting()
    assert (await w.desk.replace(OLD, WRONG[what])).status is OrderStatus.REFUSED
    assert live(w) == {OLD: Decimal("0.5")}


async def test_an_order_that_is_over_cannot_be_replaced() -> None:
    w = await resting()
    scripted(w).fill(OLD, "0.5", "39000", START)
    await w.desk.sync()
    new = await w.desk.replace(OLD, closer())
    assert new.status is OrderStatus.REFUSED
    assert [breach.rule for breach in w.events(IntentRefused)[0].breaches] == ["replaces"]
    assert scripted(w).placed == [OLD]


async def test_an_order_nobody_knows_cannot_be_replaced() -> None:
    w = world()
    with pytest.raises(NotFound, match="nobody"):
        await w.desk.replace("nobody", closer())
    submitted = await w.desk.submit(replace(closer(), replaces="nobody"))
    assert submitted.status is OrderStatus.REFUSED


async def test_the_same_replacement_again_does_nothing() -> None:
    w = await resting()
    first = await w.desk.replace(OLD, closer())
    assert await w.desk.replace(OLD, closer()) is first
    assert len(w.events(OrderSubmitted)) == 2


# --- after a crash


async def next_life(w: World) -> World:
    journal = w.journal
    assert isinstance(journal, MemoryJournal)
    after = world(journal, w.venue, feed=w.feed)
    after.desk.restore(event for _, event in journal.events())
    await after.desk.reconcile()
    return after


async def interrupted(*, withdrawn: bool, filled: str = "0") -> World:
    """A process that died after writing the replacement down, before or after the old one was gone."""
    w = await resting()
    from domain.events import IntentRecorded

    w.desk.record(IntentRecorded(replace(closer(), replaces=OLD), w.clock.now()))
    w.journal.commit()
    if Decimal(filled):
        scripted(w).fill(OLD, filled, "39000", START, report=False)
    if withdrawn:
        await scripted(w).cancel(OLD)
    return await next_life(w)


@pytest.mark.parametrize("withdrawn", [True, False])
@pytest.mark.parametrize("filled", ["0", "0.1"])
async def test_what_a_crash_cut_short_is_finished_by_the_next_tick(withdrawn: bool, filled: str) -> None:
    after = await interrupted(withdrawn=withdrawn, filled=filled)
    assert NEW not in live(after), "nothing is entered before the stops are back"
    await after.desk.tick()
    assert live(after) == {NEW: Decimal("0.5") - Decimal(filled)}
    await after.desk.tick()
    assert scripted(after).placed == [OLD, NEW]


async def test_what_was_made_smaller_before_the_crash_is_not_made_smaller_again() -> None:
    w = await resting()
    from domain.events import IntentRecorded
    from domain.money import Quantity

    at = w.clock.now()
    w.desk.record(IntentRecorded(replace(closer(), replaces=OLD), at))
    scripted(w).fill(OLD, "0.1", "39000", START)
    await w.desk.sync()
    await w.desk.cancel(OLD, f"replaced by {NEW}")
    w.desk.record(IntentReduced(NEW, BTC, Quantity(Decimal("0.4")), "0.1 filled", at))
    w.journal.commit()
    after = await next_life(w)
    await after.desk.tick()
    assert live(after) == {NEW: Decimal("0.4")}


async def test_a_replacement_that_waits_can_be_withdrawn() -> None:
    after = await interrupted(withdrawn=True)
    order: Order = await after.desk.cancel(NEW, "changed my mind")
    assert order.status is OrderStatus.EXPIRED
    await after.desk.tick()
    assert live(after) == {}


async def test_a_cancellation_that_died_with_its_process_leaves_the_order_open() -> None:
    w = await resting()
    from domain.events import CancelRequested

    w.desk.record(CancelRequested(OLD, BTC, "x", w.clock.now()))
    w.journal.commit()
    after = await next_life(w)
    assert after.desk.orders[OLD].status is OrderStatus.ACCEPTED
    assert (await after.desk.cancel(OLD, "again")).status is OrderStatus.CANCELLED


async def test_a_replacement_may_move_a_price_only(  # the way algorithms chase a market
) -> None:
    w = await resting()
    for number, limit in enumerate(("39100", "39200", "39300"), start=1):
        old = f"s-000001-{number - 1:02d}"
        w.clock.set(START + timedelta(seconds=number))
        w.feed.now = w.clock.now()
        await w.desk.replace(old, replace(intent(number, limit=limit), limit_price=Price(Decimal(limit))))
    assert live(w) == {"s-000001-03": Decimal("0.5")}
