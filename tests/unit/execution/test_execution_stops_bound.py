"""A position that stays without protection for longer than the bound is closed, whatever the venue does."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from domain.events import Notice, StopArmed
from domain.halt import HaltState
from domain.orders import OrderStatus, OrderType
from domain.reconciliation import Unprotected
from execution.scripted import ALL, Answer
from execution.venue import Capabilities
from tests.faults.world import BTC, sell
from tests.unit.execution.protected import LOCKING, PLAIN
from tests.unit.execution.stopped import Stage, plan

TEN = timedelta(seconds=10)
D = Decimal


async def unprotected(answers: list[Answer], **more: object) -> Stage:
    """Bought at 40,000; the venue has the given answers for what the guardian asks next."""
    s = Stage(plan(), bound=TEN, **more)  # type: ignore[arg-type]  # what a stage takes
    entry = await s.buy()
    s.venue.fill(entry.client_id, "0.4", "40000", s.w.clock.now())
    s.venue.answers.extend(answers)
    return s


def sold_at(s: Stage) -> list[float]:
    """When the guardian asked for a sale at market, in seconds since the entry."""
    began = s.w.events(Unprotected)[0].since if s.w.events(Unprotected) else s.w.clock.now()
    return [(i.created_at - began).total_seconds() for i in s.own() if i.order_type is OrderType.MARKET]


@pytest.mark.parametrize(("seconds", "told"), [(10, 0), (11, 1)])
async def test_the_bound_is_the_longest_that_is_borne(seconds: int, told: int) -> None:
    s = await unprotected([Answer.DOWN] * 3)
    await s.look()
    await s.look(later=1)
    await s.look(later=seconds - 1)
    events = s.w.events(Unprotected)
    assert len(events) == told
    assert len(s.sales()) == told


async def test_a_stop_that_never_gets_in_ends_in_a_sale() -> None:
    """The venue takes market orders and no stops: what was only measured once is now closed."""
    s = await unprotected([Answer.DOWN] * 3)
    for _ in range(30):
        await s.look(later=1)
    assert [o.order_type for o in s.own()] == [OrderType.STOP] * 3 + [OrderType.MARKET]
    ((quantity, reason),) = s.sales()
    assert (quantity, reason) == (D("0.4"), "it has been without a stop for longer than the bound")
    assert sold_at(s) == [11]
    (told,) = s.w.events(Unprotected)
    assert (told.symbol, told.quantity, told.reason) == (BTC, D("0.4"), "it has none yet and is sold")
    errors = [notice.message for notice in s.w.events(Notice) if notice.level == "error"]
    assert "BTC/USDT was without its stop for 11 s: it has none yet and is sold" in errors
    s.venue.fill(s.own()[-1].client_id, "0.4", "39000", s.w.clock.now())
    await s.look(later=1)
    assert s.held == 0
    assert s.resting() == []


async def test_a_venue_that_is_down_is_asked_until_the_position_is_closed() -> None:
    s = await unprotected([Answer.DOWN] * 1_000)
    for _ in range(300):
        await s.look(later=1)
    assert 15 < len(s.own()) < 40, "neither silence nor a storm"
    assert len(s.w.events(Unprotected)) == 1, "told once"
    s.venue.answers.clear()
    for _ in range(31):
        await s.look(later=1)
    (way_out,) = s.w.desk.open_orders()
    assert way_out.intent.order_type is OrderType.MARKET
    s.venue.fill(way_out.client_id, "0.4", "30000", s.w.clock.now())
    await s.look(later=1)
    assert s.held == 0
    assert s.w.desk.open_orders() == ()


async def test_a_sale_whose_answer_is_lost_is_never_sent_again() -> None:
    s = await unprotected([Answer.DOWN] * 3 + [Answer.LOSE_ANSWER])
    for _ in range(11):
        await s.look(later=1)
    s.venue.silent = True
    for _ in range(60):
        await s.look(later=1)
    assert len(s.sales()) == 1, "it may be there: a second one could sell twice"
    s.venue.silent = False
    await s.look(later=1)
    assert [order.status for order in s.w.desk.open_orders() if not order.intent.guards] == [
        OrderStatus.ACCEPTED
    ]


async def test_a_stop_whose_answer_is_lost_is_sold_after_its_patience_not_after_the_bound() -> None:
    s = await unprotected([Answer.LOSE_REQUEST])
    s.bound = timedelta(seconds=60)
    s.w.guardian.bound = s.bound
    await s.look()
    s.venue.silent = True
    for _ in range(17):
        await s.look(later=1)
    assert [reason for _, reason in s.sales()] == ["the stop s-g-000001-00 is still unknown"]
    assert s.w.events(Unprotected) == []


@pytest.mark.parametrize("status", [OrderStatus.REJECTED])
async def test_a_venue_that_refuses_stops_is_left_at_once(status: OrderStatus) -> None:
    s = await unprotected([Answer.REJECT])
    await s.look()
    stop, sale = (s.w.desk.orders[i.client_id] for i in s.own())
    assert (stop.status, sale.intent.order_type) == (status, OrderType.MARKET)


async def test_a_venue_that_refuses_stops_and_sales_is_loud_and_goes_on_trying() -> None:
    s = await unprotected([Answer.REJECT] * 1_000)
    for _ in range(120):
        await s.look(later=1)
    assert len(s.w.events(Unprotected)) == 1
    assert 5 < len(s.sales()) < 30
    s.venue.answers.clear()
    for _ in range(31):
        await s.look(later=1)
    (way_out,) = s.w.desk.open_orders()
    assert (way_out.intent.order_type, way_out.status) == (OrderType.MARKET, OrderStatus.ACCEPTED)


async def test_a_halted_desk_still_closes_what_is_unprotected() -> None:
    s = await unprotected([Answer.DOWN] * 3)
    s.w.halt[0] = HaltState.HALTED
    for _ in range(12):
        await s.look(later=1)
    assert len(s.sales()) == 1


async def test_a_gap_found_after_a_long_absence_gets_its_stop_first() -> None:
    """The process was away for an hour after its entry: a stop is placed at once, nothing is dumped."""
    s = Stage(plan(), bound=TEN)
    entry = await s.buy()
    s.venue.fill(entry.client_id, "0.4", "40000", s.w.clock.now())
    await s.look(later=3600)
    assert s.sales() == []
    assert s.resting() == [(D("0.4"), D(38_000))]
    (told,) = s.w.events(Unprotected)
    assert told.reason == "it took until now to have its stop"


async def test_a_gap_that_closes_in_time_closes_nothing_else() -> None:
    s = await unprotected([Answer.DOWN] * 2)
    for _ in range(60):
        await s.look(later=1)
    assert s.sales() == []
    assert len(s.w.events(StopArmed)) == 1


async def test_bars_are_a_bound_too() -> None:
    """On paper a look comes with each bar: two bars without a stop are one too many."""
    s = Stage(plan(), bound=timedelta(hours=2))
    await s.buy()
    s.venue.answers.extend([Answer.DOWN] * 2)
    await s.bar("40000")
    await s.bar("40000")
    assert s.sales() == []
    s.venue.answers.extend([Answer.DOWN])
    await s.bar("40000")
    assert [quantity for quantity, _ in s.sales()] == [D("0.4")]
    await s.bar("40000")
    assert s.held == 0


@pytest.mark.parametrize("does", [ALL, PLAIN], ids=["all", "plain"])
async def test_what_others_sell_is_not_sold_twice(does: Capabilities) -> None:
    s = await unprotected([Answer.DOWN, Answer.ACCEPT] + [Answer.DOWN] * 9, does=does)
    await s.look()
    await s.w.desk.submit(sell(1, "0.4", at=s.w.clock.now()))
    for _ in range(30):
        await s.look(later=1)
    assert s.sales() == [], "it is being sold already"


async def test_a_stop_that_the_venue_drops_again_and_again_does_not_reset_the_clock_of_others() -> None:
    s = await unprotected([], does=LOCKING)
    await s.look()
    for _ in range(3):
        (stop,) = (o for o in s.w.desk.open_orders() if o.intent.guards)
        s.venue.end(stop.client_id, OrderStatus.EXPIRED, s.w.clock.now())
        await s.look(later=1)
        assert s.resting() == [(D("0.4"), D(38_000))]
    assert s.w.events(Unprotected) == []
