"""Protection that is read back, venues that lock or lack, trouble, and the gaps, measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.events import Notice, StopArmed
from domain.money import Price
from domain.orders import OrderIntent, OrderStatus, OrderType
from domain.reconciliation import Unprotected
from execution.gaps import Gap
from execution.guardian import StopGuardian
from execution.scripted import Answer, ScriptedVenue
from memory.journal import MemoryJournal
from tests.faults.world import BTC, START, sell, world
from tests.unit.execution.protected import (
    ENTRY,
    HALF,
    NO_STOPS,
    PLAIN,
    PROFIT,
    STOP,
    holding,
    live,
    own,
    scripted,
    second,
    seconds,
)

# --- read back


async def test_a_stop_that_is_not_what_was_sent_is_withdrawn_and_placed_again() -> None:
    w = world()
    await w.buy()
    scripted(w).fill(ENTRY, "0.5", "40000", START)
    venue = scripted(w)
    place = venue.place
    spoilt: list[str] = []

    async def spoiling(order: object) -> str:
        told = await place(order)  # type: ignore[arg-type]  # passes on what it was given
        name = venue.placed[-1]
        if not spoilt:
            spoilt.append(name)
            venue.alter(name, replace(venue._orders[name].intent, quantity=Decimal("0.05")))  # type: ignore[arg-type]
        return told

    venue.place = spoiling  # type: ignore[method-assign]  # a venue that keeps something else
    await second(w)
    assert live(w) == []
    (notice,) = w.events(Notice)
    assert notice.message == "the stop s-g-000001-00 is not what was sent: its quantity is 0.05, not 0.5"
    assert w.events(StopArmed) == []
    await second(w)
    assert live(w) == [STOP]


CHANGES: dict[str, Callable[[OrderIntent], OrderIntent]] = {
    "type": lambda told: replace(told, order_type=OrderType.LIMIT),
    "trigger": lambda told: replace(told, trigger_price=Price(Decimal(30_000))),
    "no trigger": lambda told: replace(told, trigger_price=None),
    "limit": lambda told: replace(told, limit_price=Price(Decimal(30_000))),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_venue_that_never_keeps_what_it_is_sent_is_not_trusted_with_stops(what: str) -> None:
    """A venue that drops the trigger in silence: seen twice, the guardian watches the price itself."""
    w = world()
    await w.buy()
    scripted(w).fill(ENTRY, "0.5", "40000", START)
    venue = scripted(w)
    place = venue.place

    async def dropping(order: object) -> str:
        told = await place(order)  # type: ignore[arg-type]  # passes on what it was given
        kept = venue._orders[venue.placed[-1]]
        if kept.intent.order_type is OrderType.STOP:
            kept.intent = CHANGES[what](kept.intent)
        return told

    venue.place = dropping  # type: ignore[method-assign]  # a venue that keeps something else
    for _ in range(5):
        await second(w)
    assert live(w) == []
    assert len(own(w)) == 2, "no storm"
    await second(w, "37999")
    assert live(w) == [("market", HALF, None)]


async def test_a_venue_that_does_not_tell_is_watched_as_well() -> None:
    w = world()
    scripted(w).tells_terms = False
    await w.buy()
    scripted(w).fill(ENTRY, "0.5", "40000", START)
    await second(w)
    assert live(w) == [STOP]
    assert [notice.level for notice in w.events(Notice)] == ["warning"]
    assert BTC in w.guardian._restless


async def test_a_stop_that_filled_while_it_was_read_back_is_booked() -> None:
    w = world()
    await w.buy()
    scripted(w).fill(ENTRY, "0.5", "40000", START)
    venue = scripted(w)
    place = venue.place

    async def at_once(order: object) -> str:
        told = await place(order)  # type: ignore[arg-type]  # passes on what it was given
        venue.fill(venue.placed[-1], "0.5", "38000", START)
        return told

    venue.place = at_once  # type: ignore[method-assign]  # the market falls in that moment
    await second(w)
    assert w.portfolio.positions == {}
    assert len(own(w)) == 1


# --- holdings that are locked


async def test_a_position_that_grows_gets_another_stop_beside_the_first() -> None:
    w = world(venue=ScriptedVenue(capabilities=PLAIN))
    await w.buy()
    for part in ("0.1", "0.1", "0.1"):
        scripted(w).fill(ENTRY, part, "40000", w.clock.now())
        await second(w)
    assert live(w) == [("market", Decimal("0.2"), None), *[("stop", Decimal("0.1"), Decimal(38_000))] * 3]
    assert [order.status for order in own(w)] == [OrderStatus.ACCEPTED] * 3
    await second(w)
    assert len(own(w)) == 3


async def test_but_not_more_than_four_of_them() -> None:
    w = world(venue=ScriptedVenue(capabilities=PLAIN))
    await w.buy()
    for _ in range(5):
        scripted(w).fill(ENTRY, "0.1", "40000", w.clock.now())
        await second(w)
    assert live(w) == [STOP]


async def test_what_another_sale_has_locked_is_watched() -> None:
    w = await holding(PLAIN)
    resting = replace(sell(1, "0.2", at=w.clock.now()), order_type=OrderType.LIMIT, limit_price=PROFIT)
    await w.desk.submit(resting)
    await second(w)
    assert sorted(live(w)) == [
        ("limit", Decimal("0.2"), PROFIT),
        ("stop", Decimal("0.3"), Decimal(38_000)),
    ]
    stop = next(order for order in own(w) if not order.is_terminal)
    scripted(w).fill(stop.client_id, "0.3", "37990", w.clock.now())
    await second(w, "37990")
    assert live(w) == [("market", Decimal("0.2"), None)]
    assert w.desk.orders["s-000001-01"].status is OrderStatus.CANCELLED


async def test_a_part_that_is_sold_leaves_a_stop_for_the_rest() -> None:
    w = await holding(PLAIN)
    await w.desk.submit(sell(1, "0.2", at=w.clock.now()))
    scripted(w).fill("s-000001-01", "0.2", "40000", w.clock.now())
    await second(w)
    assert live(w) == [("stop", Decimal("0.3"), Decimal(38_000))]


# --- venues without stops


async def test_without_stops_the_guardian_watches_and_sells() -> None:
    w = await holding(NO_STOPS)
    assert live(w) == []
    (armed,) = w.events(StopArmed)
    assert (armed.trigger_price, armed.client_id) == (Decimal(38_000), "")
    await second(w, "38001")
    assert live(w) == []
    await second(w, "38000")
    assert live(w) == [("market", HALF, None)]
    await second(w, "37000")
    assert len(own(w)) == 1
    assert len(w.events(StopArmed)) == 1


async def test_a_watched_stop_trails_too() -> None:
    w = await holding(NO_STOPS, trailing=Decimal("0.05"))
    await second(w, "44000")
    await second(w, "41800.02")
    assert live(w) == []
    await second(w, "41800.01")
    assert live(w) == [("market", HALF, None)]


async def test_a_watched_stop_is_the_first_thing_resumed() -> None:
    w = await holding(NO_STOPS, trailing=Decimal("0.05"))
    await second(w, "44000")
    w.journal.commit()
    w.feed.last[BTC] = Decimal("41000")  # it fell through the stop while nobody watched
    assert isinstance(w.journal, MemoryJournal)
    after = world(w.journal, w.venue, feed=w.feed)
    after.desk.restore(event for _, event in w.journal.events())
    await after.desk.reconcile()
    assert (await after.guardian.resume()).armed == 1
    assert live(after) == [("market", HALF, None)]


# --- a venue in trouble


async def test_a_stop_a_venue_could_not_take_in_is_tried_again_and_the_position_kept() -> None:
    w = world()
    await w.buy()
    scripted(w).fill(ENTRY, "0.5", "40000", START)
    scripted(w).answers.extend([Answer.DOWN] * 3)
    tried = []
    for _ in range(20):
        before = len(own(w))
        await second(w)
        if len(own(w)) > before:
            tried.append((w.clock.now() - START).total_seconds())
    assert tried == [1, 3, 7, 15]
    assert live(w) == [STOP]
    assert w.guardian.gaps.closed == {BTC: Gap(1, timedelta(seconds=15), timedelta(seconds=15))}


async def test_a_breach_while_the_venue_is_down_is_sold_when_it_comes_back() -> None:
    w = world()
    await w.buy()
    scripted(w).fill(ENTRY, "0.5", "40000", START)
    await w.desk.sync()
    scripted(w).answers.extend([Answer.DOWN] * 2)
    await second(w)
    for _ in range(10):
        await second(w, "37000")
    assert live(w) == [("market", HALF, None)]


async def test_an_unknown_stop_is_not_waited_for_when_the_price_is_through_it() -> None:
    w = world()
    await w.buy()
    scripted(w).fill(ENTRY, "0.5", "40000", START)
    await w.desk.sync()
    scripted(w).answers.append(Answer.LOSE_REQUEST)
    scripted(w).silent = True
    await w.guardian.check()
    w.feed.last[BTC] = Decimal(37_000)
    await w.guardian.check()
    assert [order.intent.order_type for order in own(w)] == [OrderType.STOP, OrderType.MARKET]


async def test_a_sale_that_is_rejected_is_repeated_without_a_storm() -> None:
    w = await holding(NO_STOPS)
    scripted(w).answers.extend([Answer.REJECT] * 50)
    for _ in range(100):
        await second(w, "37000")
    assert len(own(w)) <= 8


# --- gaps


async def test_the_time_without_a_stop_is_measured_from_the_fill() -> None:
    w = world()
    await w.buy()
    scripted(w).fill(ENTRY, "0.2", "40000", START)
    scripted(w).fill(ENTRY, "0.1", "40000", START + timedelta(seconds=2))
    await second(w, count=3)
    assert w.guardian.gaps.closed == {BTC: Gap(1, timedelta(seconds=3), timedelta(seconds=3))}
    await second(w, count=3)
    assert w.guardian.gaps.closed[BTC].count == 1
    (stop,) = [order for order in own(w) if not order.is_terminal]
    scripted(w).end(stop.client_id, OrderStatus.EXPIRED, w.clock.now())
    await second(w, count=4)
    assert w.guardian.gaps.closed[BTC] == Gap(2, timedelta(seconds=4), timedelta(seconds=7))
    assert w.guardian.gaps.longest(w.clock.now()) == timedelta(seconds=4)


async def test_a_gap_that_is_still_open_counts() -> None:
    w = world()
    await w.buy()
    scripted(w).fill(ENTRY, "0.5", "40000", START)
    scripted(w).answers.extend([Answer.DOWN] * 30)
    await second(w)
    seconds(w, 100)
    assert w.guardian.gaps.longest(w.clock.now()) == timedelta(seconds=101)


@pytest.mark.parametrize(("waited", "told"), [(10, 0), (11, 1)])
async def test_a_gap_beyond_the_bound_is_an_event(waited: int, told: int) -> None:
    w = world()
    bounded = StopGuardian(w.desk, w.portfolio, w.feed, w.clock, session="s", bound=timedelta(seconds=10))
    await w.buy()
    scripted(w).fill(ENTRY, "0.5", "40000", START)
    seconds(w, waited)
    await w.desk.sync()
    await bounded.check()
    events = w.events(Unprotected)
    assert len(events) == told
    for event in events:
        assert (event.symbol, event.quantity, event.since, event.at) == (BTC, HALF, START, w.clock.now())


async def test_a_position_that_is_gone_has_no_gap_any_more() -> None:
    w = world()
    await w.buy()
    scripted(w).fill(ENTRY, "0.5", "40000", START)
    scripted(w).answers.extend([Answer.DOWN])
    await second(w)
    await w.desk.submit(sell(1, "0.5", at=w.clock.now()))
    scripted(w).fill("s-000001-01", "0.5", "40000", w.clock.now())
    await second(w)
    seconds(w, 1000)
    assert w.guardian.gaps.longest(w.clock.now()) == timedelta(seconds=2)


async def test_a_gap_that_does_not_end_is_an_event_as_soon_as_it_passes_the_bound_and_is_closed() -> None:
    w = world()
    bounded = StopGuardian(w.desk, w.portfolio, w.feed, w.clock, session="s", bound=timedelta(seconds=10))
    await w.buy()
    scripted(w).fill(ENTRY, "0.5", "40000", START)
    scripted(w).answers.extend([Answer.DOWN] * 30)
    await w.desk.sync()
    told: list[float] = []
    for number in range(50):
        seconds(w, 1)
        if number == 30:
            scripted(w).answers.clear()
        await bounded.check()
        told += [(event.at - START).total_seconds() for event in w.events(Unprotected)[len(told) :]]
    assert told == [11], "once, when it passes the bound: from then on it is being closed"
    assert live(w) == [("market", HALF, None)]
    scripted(w).fill(own(w)[-1].client_id, "0.5", "39000", w.clock.now())
    await w.desk.sync()
    await bounded.check()
    assert bounded.gaps.since(BTC) is None
    assert bounded.gaps.closed[BTC].longest == timedelta(seconds=50)


async def test_dust_is_no_position_without_its_stop() -> None:
    w = world()
    bounded = StopGuardian(w.desk, w.portfolio, w.feed, w.clock, session="s", bound=timedelta(seconds=10))
    await w.buy()
    scripted(w).fill(ENTRY, "0.0001", "40000", START)
    await w.desk.sync()
    for _ in range(100):
        await bounded.check()
        seconds(w, 1)
    assert w.portfolio.holds(BTC)
    assert w.events(Unprotected) == []
    assert bounded.gaps.longest(w.clock.now()) == timedelta(0)
