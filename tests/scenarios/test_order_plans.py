"""Every order plan, on the paper venue: what was written down must happen, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.money import Currency
from domain.orders import OrderStatus
from execution.paper import PaperVenue
from execution.venue import Closed, Executed, VenueReport
from simulator.costs import FeeSchedule
from simulator.matching import MatchingCore
from tests.scenarios.order_plans import PLANS, Cancelled, Filled, Over, Plan
from tests.scenarios.order_plans_by_type import TYPE_PLANS
from tests.scenarios.stage import BTC, COIN, HOUR, INSTRUMENT, START, USDT, StageFeed, approve

ALL = (*PLANS, *TYPE_PLANS)
FEES = FeeSchedule(maker=Decimal("0.001"), taker=Decimal("0.002"))


async def play(plan: Plan) -> tuple[list[tuple[int, VenueReport]], PaperVenue, MatchingCore]:
    feed = StageFeed({(bar.open_time - START) // HOUR: bar for bar in plan.bars}, plan.books)
    balances: Mapping[Currency, Decimal] = {USDT: Decimal(1000), COIN: Decimal(plan.coins)}
    core = MatchingCore({BTC: INSTRUMENT}, FEES, plan.model, balances)
    venue = PaperVenue(feed, core)
    seen: list[tuple[int, VenueReport]] = []
    while True:
        for intent in plan.orders.get(feed.at, ()):
            await venue.place(approve(intent))
        if feed.advance() is None:
            return seen, venue, core
        seen += [(feed.at, report) for report in await venue.poll()]


def told(index: int, report: VenueReport) -> Filled | Over:
    if isinstance(report, Closed):
        over = {OrderStatus.EXPIRED: Over, OrderStatus.CANCELLED: Cancelled}[report.status]
        return over(index, report.client_id, report.reason)
    fill = report.fill
    at_open = fill.filled_at == START + index * HOUR
    if not at_open:
        assert fill.filled_at == START + (index + 1) * HOUR - timedelta(microseconds=1)
    return Filled(
        bar=index,
        client_id=fill.client_id,
        quantity=f"{fill.quantity.normalize():f}",
        price=f"{fill.price.normalize():f}",
        fee=f"{fill.fee.amount.normalize():f}",
        at_open=at_open,
        maker=fill.maker,
    )


@pytest.mark.parametrize("plan", ALL, ids=lambda plan: plan.name)
async def test_order_plan(plan: Plan) -> None:
    seen, venue, core = await play(plan)
    happened = [told(index, report) for index, report in seen]
    assert len(happened) == len(plan.expected), happened
    for actual, expected in zip(happened, plan.expected, strict=True):
        if isinstance(expected, Over) and isinstance(actual, Over):
            assert type(actual) is type(expected)
            assert (actual.bar, actual.client_id) == (expected.bar, expected.client_id)
            assert expected.reason in actual.reason
        else:
            assert actual == expected
    assert tuple(order.client_id for order in await venue.open_orders()) == plan.still_open
    if plan.cash_after is not None:
        assert core.balances[USDT] == plan.cash_after
    if not plan.still_open:
        assert core.free(USDT) == core.balances[USDT]
        assert core.free(COIN) == core.balances[COIN]


@pytest.mark.parametrize("plan", ALL, ids=lambda plan: plan.name)
async def test_order_plan_again_is_the_same_to_the_letter(plan: Plan) -> None:
    first, _, _ = await play(plan)
    second, _, _ = await play(plan)
    assert first == second


async def test_fill_ids_count_up_per_order() -> None:
    plan = next(plan for plan in PLANS if plan.name == "the volume cap spreads an order over bars")
    seen, _, _ = await play(plan)
    assert [report.fill.fill_id for _, report in seen if isinstance(report, Executed)] == [
        "a-f1",
        "a-f2",
        "a-f3",
    ]
