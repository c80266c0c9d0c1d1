"""What time alone does to orders, and what a venue that cannot or will not does to them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import ConfigError
from domain.events import CancelRequested, IntentRefused, Notice, OrderClosed
from domain.orders import Order, OrderIntent, OrderStatus, OrderType, TimeInForce
from execution.patience import Patience, Then
from execution.scripted import ALL, Answer, ScriptedVenue
from execution.venue import Capabilities
from tests.faults.world import ETH, START, World, intent, sell, world

SECOND = timedelta(seconds=1)
ID = "s-000001-00"


def scripted(at: World) -> ScriptedVenue:
    assert isinstance(at.venue, ScriptedVenue)
    return at.venue


def status(order: Order) -> OrderStatus:
    return order.status


async def at(w: World, moment: datetime) -> None:
    w.clock.set(moment)
    w.feed.now = moment
    await w.desk.tick()


def dated(seconds: int = 60, **changes: Any) -> OrderIntent:
    return replace(intent(limit="39000"), expires_at=START + timedelta(seconds=seconds), **changes)


def without(**changes: Any) -> Capabilities:
    return replace(ALL, **changes)


NO_DATES = without(times_in_force=frozenset({TimeInForce.GTC, TimeInForce.IOC}))


# --- dates


async def test_the_desk_withdraws_an_order_whose_date_has_come() -> None:
    w = world()
    order = await w.desk.submit(dated())
    await at(w, START + 59 * SECOND)
    assert status(order) is OrderStatus.ACCEPTED
    await at(w, START + 60 * SECOND)
    assert status(order) is OrderStatus.EXPIRED
    assert order.note == "not filled by 2024-01-01 00:01:00"
    assert w.events(CancelRequested)
    assert w.events(OrderClosed)[0].status == "expired"


async def test_the_desk_keeps_the_date_where_the_venue_knows_none() -> None:
    w = world(venue=ScriptedVenue(capabilities=NO_DATES))
    order = await w.desk.submit(dated(time_in_force=TimeInForce.GTD))
    assert status(order) is OrderStatus.ACCEPTED
    assert scripted(w)._orders[ID].intent.time_in_force is TimeInForce.GTC
    await at(w, START + 60 * SECOND)
    assert status(order) is OrderStatus.EXPIRED


async def test_a_venue_that_ends_orders_itself_gets_a_moment_to_do_so() -> None:
    w = world()
    order = await w.desk.submit(dated(time_in_force=TimeInForce.GTD))
    assert scripted(w)._orders[ID].intent.time_in_force is TimeInForce.GTD
    await at(w, START + 64 * SECOND)
    assert status(order) is OrderStatus.ACCEPTED
    scripted(w).end(ID, OrderStatus.EXPIRED, w.clock.now(), "its date")
    await at(w, START + 65 * SECOND)
    assert status(order) is OrderStatus.EXPIRED


async def test_a_venue_that_forgets_the_date_is_reminded() -> None:
    w = world()
    order = await w.desk.submit(dated(time_in_force=TimeInForce.GTD))
    await at(w, START + 65 * SECOND)
    assert status(order) is OrderStatus.EXPIRED


async def test_a_withdrawal_that_fails_is_repeated_but_not_at_once() -> None:
    w = world()
    order = await w.desk.submit(dated())
    scripted(w).cancel_answers.extend([Answer.DOWN, Answer.DOWN])
    for second in range(60, 65):
        await at(w, START + second * SECOND)
    assert len(w.events(CancelRequested)) == 1
    await at(w, START + 65 * SECOND)
    assert len(w.events(CancelRequested)) == 2
    assert status(order) is OrderStatus.ACCEPTED
    await at(w, START + 70 * SECOND)
    assert status(order) is OrderStatus.EXPIRED
    assert len(w.events(Notice)) == 1, "the same trouble is said once"


async def test_a_date_survives_a_restart() -> None:
    from memory.journal import MemoryJournal

    w = world()
    await w.desk.submit(dated())
    w.journal.commit()
    assert isinstance(w.journal, MemoryJournal)
    after = world(w.journal, w.venue, feed=w.feed)
    after.desk.restore(event for _, event in w.journal.events())
    await after.desk.reconcile()
    await at(after, START + 60 * SECOND)
    assert after.desk.orders[ID].status is OrderStatus.EXPIRED


# --- patience


async def test_an_entry_that_nobody_takes_is_withdrawn() -> None:
    w = world(patience=Patience(timedelta(minutes=5)))
    order = await w.desk.submit(intent(limit="39000"))
    await at(w, START + 299 * SECOND)
    assert status(order) is OrderStatus.ACCEPTED
    await at(w, START + 300 * SECOND)
    assert status(order) is OrderStatus.CANCELLED
    assert "not filled by" in order.note


async def test_or_the_rest_of_it_is_bought_at_market() -> None:
    w = world(patience=Patience(timedelta(minutes=5), Then.MARKET))
    await w.desk.submit(intent(limit="39000"))
    scripted(w).fill(ID, "0.2", "39000", START)
    await w.desk.sync()
    await at(w, START + 300 * SECOND)
    rest = w.desk.orders[f"{ID}r"]
    assert (rest.intent.order_type, rest.intent.quantity) == (OrderType.MARKET, Decimal("0.3"))
    assert rest.status is OrderStatus.ACCEPTED
    assert rest.intent.protective_stop == Decimal("38000")
    assert w.desk.orders[ID].status is OrderStatus.CANCELLED


async def test_if_the_market_order_is_refused_the_old_one_is_withdrawn_all_the_same() -> None:
    from domain.halt import HaltState

    w = world(patience=Patience(timedelta(minutes=5), Then.MARKET))
    order = await w.desk.submit(intent(limit="39000"))
    w.halt[0] = HaltState.HALTED
    await at(w, START + 300 * SECOND)
    assert w.desk.orders[f"{ID}r"].status is OrderStatus.REFUSED
    assert status(order) is OrderStatus.CANCELLED


async def test_ways_out_and_orders_with_a_date_of_their_own_have_all_the_time_they_were_given() -> None:
    w = world(patience=Patience(timedelta(minutes=5)))
    await w.buy(quantity="0.2")
    scripted(w).fill(ID, "0.2", "40000", START)
    await w.desk.sync()
    exit_ = await w.desk.submit(
        replace(sell(1, "0.2"), order_type=OrderType.LIMIT, limit_price=intent(limit="45000").limit_price)
    )
    own = await w.desk.submit(
        replace(dated(600), client_id="s-000001-02", leg=2, quantity=exit_.intent.quantity)
    )
    await at(w, START + 300 * SECOND)
    assert status(exit_) is OrderStatus.ACCEPTED
    assert status(own) is OrderStatus.ACCEPTED


def test_a_patience_without_end_is_no_patience() -> None:
    with pytest.raises(ConfigError, match="not above zero"):
        Patience(timedelta(0))


# --- what the venue cannot do


UNSUPPORTED: list[tuple[Capabilities, OrderIntent, str]] = [
    (without(post_only=False), replace(intent(limit="39000"), post_only=True), "no post-only"),
    (without(groups=False), replace(intent(limit="39000"), group="g"), "no one-cancels-other"),
    (without(groups=False), replace(intent(), group="g"), "no one-cancels-other"),
    (
        without(times_in_force=frozenset({TimeInForce.GTC})),
        replace(intent(limit="40100"), time_in_force=TimeInForce.FOK),
        "no time in force fok",
    ),
    (
        without(times_in_force=frozenset({TimeInForce.GTC})),
        replace(intent(), time_in_force=TimeInForce.IOC),
        "no time in force ioc",
    ),
    (
        without(order_types=frozenset({OrderType.MARKET, OrderType.LIMIT})),
        replace(intent(), order_type=OrderType.STOP, trigger_price=intent(limit="41000").limit_price),
        "no stop orders",
    ),
]


@pytest.mark.parametrize(("does", "asked", "why"), UNSUPPORTED, ids=[each[2] for each in UNSUPPORTED])
async def test_what_the_venue_does_not_do_is_refused_before_anything_is_sent(
    does: Capabilities, asked: OrderIntent, why: str
) -> None:
    w = world(venue=ScriptedVenue(capabilities=does))
    order = await w.desk.submit(asked)
    assert status(order) is OrderStatus.REFUSED
    (refusal,) = w.events(IntentRefused)
    assert [breach.rule for breach in refusal.breaches] == ["capabilities"]
    assert why in order.note
    assert scripted(w).placed == []


# --- a venue that is down


async def test_what_a_venue_certainly_did_not_take_in_is_over() -> None:
    w = world()
    scripted(w).answers.append(Answer.DOWN)
    order = await w.buy()
    assert status(order) is OrderStatus.EXPIRED
    assert "took nothing in: closed for maintenance" in order.note
    assert w.desk.paused_until == START + 5 * SECOND


async def test_entries_pause_longer_each_time_and_ways_out_never() -> None:
    w = world()
    await w.buy(0, quantity="0.1")
    scripted(w).fill(ID, "0.1", "40000", START)
    await w.desk.sync()
    now, waits = START, []
    for leg in range(1, 9):
        scripted(w).answers.append(Answer.DOWN)
        await w.desk.submit(intent(leg, symbol=ETH, quantity="1", stop="1900"))
        until = w.desk.paused_until
        assert until is not None
        waits.append((until - now).total_seconds())
        paused = await w.desk.submit(intent(leg + 20, symbol=ETH, quantity="1", stop="1900"))
        assert paused.status is OrderStatus.REFUSED
        assert "entries pause until" in paused.note
        now = until
        w.clock.set(now)
        w.feed.now = now
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]
    scripted(w).answers.append(Answer.DOWN)
    await w.desk.submit(intent(10, symbol=ETH, quantity="1", stop="1900"))
    assert (await w.desk.submit(sell(11, "0.1"))).status is OrderStatus.ACCEPTED
    assert w.desk.paused_until is None, "it answers again"
    assert sum("is down" in notice.message for notice in w.events(Notice)) == 1


async def test_reports_that_do_not_come_are_said_once_until_they_come_again() -> None:
    w = world()
    for silent, said in ((True, 1), (True, 1), (False, 1), (True, 2)):
        scripted(w).silent = silent
        await w.desk.sync()
        assert len(w.events(Notice)) == said


# --- holdings that a venue locks


LOCKING = without(shares_holdings=False)


async def test_what_guards_a_holding_makes_way_for_a_sale_where_the_venue_locks_it() -> None:
    w = world(venue=ScriptedVenue(capabilities=LOCKING))
    await w.buy()
    scripted(w).fill(ID, "0.5", "40000", START)
    await w.tick()
    (stop,) = w.desk.open_orders()
    sale = await w.desk.submit(sell(1, "0.2", at=w.clock.now()))
    assert sale.status is OrderStatus.ACCEPTED
    assert status(stop) is OrderStatus.CANCELLED
    assert stop.note == "makes way for s-000001-01"


async def test_nothing_makes_way_for_a_sale_that_the_gate_refuses() -> None:
    w = world(venue=ScriptedVenue(capabilities=LOCKING))
    await w.buy()
    scripted(w).fill(ID, "0.5", "40000", START)
    await w.tick()
    (stop,) = w.desk.open_orders()
    assert (await w.desk.submit(sell(1, "0.6"))).status is OrderStatus.REFUSED
    assert status(stop) is OrderStatus.ACCEPTED


async def test_nothing_makes_way_for_a_sale_of_what_is_free() -> None:
    w = world(venue=ScriptedVenue(capabilities=LOCKING))
    await w.buy()
    scripted(w).fill(ID, "0.3", "40000", START)
    await w.tick()
    scripted(w).fill(ID, "0.2", "40000", w.clock.now())
    await w.desk.sync()
    (stop,) = [each for each in w.desk.open_orders() if each.intent.guards]
    assert (await w.desk.submit(sell(1, "0.2", at=w.clock.now()))).status is OrderStatus.ACCEPTED
    assert status(stop) is OrderStatus.ACCEPTED
