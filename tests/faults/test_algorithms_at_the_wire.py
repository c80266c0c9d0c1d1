"""Every algorithm at every venue, through unmodified ccxt: a request is lost, an answer is lost, two deaths.

The market trades in small pieces all the while. In the end every child was at the venue once, the books are
the venue's to the last digit, and at no moment could more have been executed than the plan wants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from domain.algorithms import AlgorithmPlan, Method
from domain.events import AlgorithmEnded, OrderFilled
from domain.money import ZERO, Price, Quantity
from domain.orders import OrderIntent, OrderStatus, OrderType, Origin, Side
from execution.algorithms.plans import dca, iceberg, scale, twap, vwap
from execution.quality import QualityFold
from simulator.exchange.model import OrderView, TradeView
from simulator.exchange.policy import FeeIn
from tests.contracts.wire_world import DESK, wire_market
from tests.faults.algorithm_wire import (
    CANCEL_ANSWER,
    CANCEL_REQUEST,
    CAPITAL,
    LARGEST,
    LOST_ANSWER,
    LOST_REQUEST,
    MOST_AT_ONCE,
    Life,
    Lives,
    lives_on,
)
from tests.scenarios.stage import BTC, INSTRUMENT, START, USDT

VENUES = ("binance", "gate", "mexc", "coinbase")
AMOUNT, BUDGET = Decimal("1.003"), Decimal("100.30")
SHOWN, PARTLY = Decimal("0.17"), Decimal("0.87")
"""Five times what is shown, and a rest that no venue takes alone."""
BEGINS, INTERVAL = START + timedelta(minutes=42), timedelta(minutes=6)
PRICE, BOUGHT = Decimal(100), Decimal("0.34")
LEVELS = [Decimal(each) for each in ("99.9968", "99.7132", "99.4271", "99.1399", "98.8577")]
RUNGS = {Decimal(each) for each in ("99.99", "99.71", "99.42", "99.13", "98.85")}
CURVE = (0.1, 0.3, *(0.6 / 22,) * 22)
"""Three times as much is traded in the second hour as in the first."""
_LONGEST = 90


def _parent(at: datetime, limit: str | None = None, amount: Decimal = AMOUNT) -> OrderIntent:
    return OrderIntent(
        client_id="s-000001-00",
        session="s",
        cycle=1,
        leg=0,
        symbol=BTC,
        side=Side.BUY,
        quantity=Quantity(amount),
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        created_at=at,
        origin=Origin.CYCLE,
        limit_price=None if limit is None else Price(Decimal(limit)),
        arrival=Price(PRICE),
    )


def _twap(at: datetime) -> AlgorithmPlan:
    return twap(_parent(at), INSTRUMENT, PRICE, start=at, interval=INTERVAL, parts=6)


def _vwap(at: datetime) -> AlgorithmPlan:
    parent = _parent(at, "99.88")
    return vwap(parent, INSTRUMENT, PRICE, start=at, interval=INTERVAL, parts=6, curve=CURVE)


def _dca(at: datetime) -> AlgorithmPlan:
    return dca(_parent(at), INSTRUMENT, budget=BUDGET, start=at, interval=INTERVAL, parts=6)


def _iceberg(at: datetime) -> AlgorithmPlan:
    end = at + timedelta(minutes=80)
    return iceberg(_parent(at, "99.95", PARTLY), INSTRUMENT, start=at, end=end, shown=SHOWN)


def _scale(at: datetime) -> AlgorithmPlan:
    return scale(_parent(at), INSTRUMENT, LEVELS, start=at, end=at + timedelta(minutes=80))


PLANS: Mapping[Method, Callable[[datetime], AlgorithmPlan]] = {
    Method.TWAP: _twap,
    Method.VWAP: _vwap,
    Method.DCA: _dca,
    Method.ICEBERG: _iceberg,
    Method.SCALE: _scale,
}


class Watch:
    """What must hold at the venue at every single moment; `broken` is what did not."""

    def __init__(self, plan: AlgorithmPlan) -> None:
        self.plan = plan
        self.broken: list[str] = []

    def __call__(self, orders: Mapping[int, OrderView]) -> None:
        plan, mine = self.plan, [view for view in orders.values() if view.side is self.plan.side]
        live = [view for view in mine if view.is_open]
        exposed = sum((self._most(view) for view in mine), ZERO)
        shown = sum((view.remaining for view in live), ZERO)
        if exposed > plan.amount:
            self.broken.append(f"{exposed} of {plan.amount} could be executed")
        if len(live) > (MOST_AT_ONCE if plan.method is Method.SCALE else 1):
            self.broken.append(f"{len(live)} orders are open")
        if any(view.quantity * (view.limit_price or PRICE) > LARGEST for view in live):
            self.broken.append(f"an order is larger than {LARGEST}: {live}")
        if plan.method is Method.ICEBERG and shown > SHOWN:
            self.broken.append(f"{shown} is shown")

    def _most(self, view: OrderView) -> Decimal:
        """The most that an order may come to, in the plan's unit."""
        left = view.remaining if view.is_open else ZERO
        if self.plan.in_quote:
            return view.notional + left * (view.limit_price or ZERO)
        return view.filled + left


async def _work(lives: Lives, life: Life, plan: AlgorithmPlan) -> Life:
    """The plan to its end: one death right after an answer is lost, one when half is done."""
    market = lives.market
    assert life.worker.start(plan)
    life.journal.commit()
    for _ in range(_LONGEST):
        market.move()
        await life.tick()
        states = life.worker.running
        half = bool(states) and states[0].done >= plan.amount / 2
        if (lives.deaths == 0 and market.happened(LOST_ANSWER)) or (lives.deaths == 1 and half):
            life = await lives.born()
            assert not life.worker.start(plan), "started before: it is not started again"
            continue
        life.journal.commit()
        if not states:
            return life
    raise AssertionError([(each.client_id, each.status, each.note) for each in life.children(plan)])


@pytest.mark.parametrize("method", PLANS)
@pytest.mark.parametrize("wire", VENUES)
async def test_a_plan_is_worked_to_its_end(wire: str, method: Method, tmp_path: Path) -> None:
    fee_in = FeeIn.QUOTE if wire == "coinbase" else FeeIn.RECEIVED
    async with (
        wire_market(wire, start=BEGINS, funds={USDT: CAPITAL.amount}, fee_in=fee_in) as up,
        lives_on(up, tmp_path / "desk.db") as lives,
    ):
        market, plan = lives.market, PLANS[method](up.clock.now())
        watch = Watch(plan)
        market.watch.append(watch)
        market.plan(1, LOST_REQUEST)
        market.plan(3, LOST_ANSWER)
        life = await _work(lives, await lives.born(), plan)
        assert watch.broken == []
        assert market.happened(LOST_REQUEST)
        assert lives.deaths == 2
        life.journal.verify()
        life.check_books()
        _check(life, plan)


@pytest.mark.parametrize("wire", VENUES)
async def test_a_ladder_out_of_a_holding_sells_all_of_it(wire: str, tmp_path: Path) -> None:
    fee_in = FeeIn.QUOTE if wire == "coinbase" else FeeIn.RECEIVED
    async with (
        wire_market(wire, start=BEGINS, funds={USDT: CAPITAL.amount}, fee_in=fee_in) as up,
        lives_on(up, tmp_path / "desk.db") as lives,
    ):
        market, life = lives.market, await lives.born()
        up.quote(Side.SELL, "1", "100")
        bought = await life.desk.submit(replace(_parent(BEGINS, amount=BOUGHT), client_id="s-000000-00"))
        market.drift = Decimal("0.02")
        market.move()
        await life.tick()
        assert bought.status is OrderStatus.FILLED
        held = INSTRUMENT.quantity(market.held()[INSTRUMENT.base])  # less than was bought, by the fee
        parent = replace(_parent(BEGINS, amount=held), side=Side.SELL, reduce_only=True)
        levels = [2 * PRICE - level for level in LEVELS]
        end = BEGINS + timedelta(minutes=80)
        plan = scale(parent, INSTRUMENT, levels, start=up.clock.now(), end=end)
        watch = Watch(plan)
        market.watch.append(watch)
        market.plan(2, LOST_REQUEST)
        market.plan(4, LOST_ANSWER)
        life = await _work(lives, life, plan)
        assert market.happened(LOST_REQUEST)
        assert (lives.deaths, watch.broken) == (2, [])
        life.check_books()
        sold = [view for view in up.orders() if view.side is Side.SELL]
        assert {view.limit_price for view in sold} == {2 * PRICE - rung for rung in RUNGS}
        assert len(sold) == len(LEVELS)
        assert sum(view.filled for view in sold) == held
        assert market.held().get(INSTRUMENT.base, ZERO) < INSTRUMENT.step_size


@pytest.mark.parametrize("wire", VENUES)
async def test_withdrawals_that_are_lost_leave_one_part_open_at_most(wire: str, tmp_path: Path) -> None:
    """Nobody sells this low: each part is withdrawn before the next. A request is lost, and an answer."""
    async with (
        wire_market(wire, start=BEGINS, funds={USDT: CAPITAL.amount}) as up,
        lives_on(up, tmp_path / "desk.db") as lives,
    ):
        market, life = lives.market, await lives.born()
        parent = _parent(BEGINS, "95.50")
        plan = twap(parent, INSTRUMENT, PRICE, start=up.clock.now(), interval=INTERVAL, parts=5)
        watch = Watch(plan)
        market.watch.append(watch)
        market.plan(1, CANCEL_REQUEST)
        market.plan(3, CANCEL_ANSWER)
        life.worker.start(plan)
        life.journal.commit()
        while life.worker.running:
            market.move()
            assert market.minute < _LONGEST
            await life.tick()
            if lives.deaths == 0 and market.happened(CANCEL_ANSWER):
                life = await lives.born()
                continue
            life.journal.commit()
        assert market.happened(CANCEL_REQUEST)
        assert (lives.deaths, watch.broken) == (1, [])
        life.check_books()
        assert [view.status for view in up.orders()] == [OrderStatus.CANCELLED] * len(plan.slices)
        (ended,) = life.events(AlgorithmEnded)
        assert (ended.done, ended.rest) == (ZERO, plan.amount)


def _check(life: Life, plan: AlgorithmPlan) -> None:
    children, views = life.children(plan), life.market.wire.orders()
    there = {view.client_id.removeprefix("t-") for view in views}
    (lost,) = [each for each in children if each.client_id not in there]
    assert (lost.status, lost.note.endswith("never had it")) == (OrderStatus.EXPIRED, True)
    assert len(views) == len(plan.slices), "a part was sent more than once"
    assert any(len(each.fills) > 1 for each in children), "nothing was filled in part"
    (ended,) = life.events(AlgorithmEnded)
    done = sum((view.notional if plan.in_quote else view.filled for view in views), ZERO)
    assert (ended.done, ended.rest) == (done, plan.amount - done)
    booked = sum((event.fill.quantity for event in life.events(OrderFilled)), ZERO)
    assert booked == sum((view.filled for view in views), ZERO)
    worst = plan.slices[0].limit_price if plan.method is not Method.SCALE else max(RUNGS)
    trades = life.market.wire.exchange.trades(DESK, BTC)
    assert worst is None or all(trade.price <= worst for trade in trades)
    _check_measured(life, plan, trades)
    match plan.method:
        case Method.DCA:
            spent = [view.notional for view in views]
            assert all(Decimal("16.5") < each < Decimal("17.1") for each in spent), spent
            assert done > plan.amount * Decimal("0.99")
        case Method.SCALE:
            assert {view.limit_price for view in views} == RUNGS
            assert all(not price % INSTRUMENT.tick_size for price in RUNGS)
            assert (ended.reason, done) == ("complete", plan.amount)
        case _:
            assert (ended.reason, done) == ("complete", plan.amount)
    if plan.method is Method.VWAP:  # the second hour trades more, and the first part is withdrawn half done
        sizes = [each.intent.quantity for each in children if each is not lost]
        assert min(sizes[3:]) > Decimal("2.5") * max(sizes[:3])
        assert (children[0].status, children[0].filled > ZERO) == (OrderStatus.CANCELLED, True)


def _check_measured(life: Life, plan: AlgorithmPlan, trades: Sequence[TradeView]) -> None:
    """What `desk execution --by algorithm` is made of: the venue's own figures, over all three lives."""
    fold = QualityFold()
    for _, event in life.journal.events():
        fold.see(event)
    (measured,) = fold.parents()
    assert (measured.name, measured.algorithm) == (plan.algorithm_id, plan.method)
    assert measured.orders == len(life.children(plan))
    assert measured.filled == sum((each.quantity for each in trades), ZERO)
    assert measured.paid == sum((each.notional for each in trades), ZERO)
    assert measured.maker == sum((each.notional for each in trades if each.maker), ZERO)
    fees = (each.fee * (1 if each.fee_currency == USDT else each.price) for each in trades)
    assert (measured.fees, measured.strange_fees) == (sum(fees, ZERO), 0)
