"""The laws of execution algorithms: whatever the venue does and whenever the process dies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.algorithms import AlgorithmPlan, Method
from domain.halt import HaltState
from domain.market import BookLevel
from domain.money import ZERO, Price, Quantity
from domain.orders import Order, OrderStatus, Side
from execution.algorithms.plans import dca, iceberg, scale, split, twap, vwap
from execution.algorithms.router import VenueOffer, route
from execution.algorithms.schedule import CATCH_UP
from execution.algorithms.volume import FLAT
from execution.scripted import Answer
from tests.faults.world import BTC, INSTRUMENTS, START
from tests.unit.execution.algorithm_stage import MINUTE, Killed, Stage, parent

COIN = INSTRUMENTS[BTC]
PRICE = Decimal(40_000)
CURVE = tuple((hour + 1) / 300 for hour in range(24))


def plan_of(method: Method, quantity: str, parts: int) -> AlgorithmPlan:
    """One bitcoin or so, over ten to forty minutes."""
    whole, every, end = parent(quantity), 5 * MINUTE, START + 40 * MINUTE
    match method:
        case Method.TWAP:
            return twap(whole, COIN, PRICE, start=START, interval=every, parts=parts)
        case Method.VWAP:
            return vwap(whole, COIN, PRICE, start=START, interval=every, parts=parts, curve=CURVE)
        case Method.DCA:
            budget = Decimal(quantity) * PRICE
            return dca(whole, COIN, budget=budget, start=START, interval=every, parts=parts)
        case Method.ICEBERG:
            shown = Decimal(quantity) / parts
            return iceberg(parent(quantity, limit="39990"), COIN, start=START, end=end, shown=shown)
        case _:
            prices = [PRICE - 100 * level for level in range(parts)]
            return scale(whole, COIN, prices, start=START, end=end)


plans = st.builds(
    plan_of,
    st.sampled_from([Method.TWAP, Method.VWAP, Method.DCA, Method.ICEBERG, Method.SCALE]),
    st.sampled_from(["0.1", "0.777", "1", "1.5"]),
    st.integers(1, 7),
)
Trouble = tuple[str, Answer | HaltState | str]
troubles: st.SearchStrategy[Trouble] = st.one_of(
    st.tuples(st.just("answer"), st.sampled_from(Answer)),
    st.tuples(st.just("cancel"), st.sampled_from(Answer)),
    st.tuples(st.just("halt"), st.sampled_from([HaltState.REDUCING, HaltState.HALTED])),
    st.tuples(st.just("kill"), st.sampled_from(["before", "after"])),
    st.sampled_from([("silent", ""), ("crash", ""), ("late", ""), ("stop", "")]),
)


@dataclass(frozen=True)
class Round:
    """Minutes pass amid troubles; then the venue executes a share of what is open."""

    minutes: int
    troubles: list[Trouble]
    share: str


rounds = st.builds(
    Round,
    st.integers(1, 6),
    st.one_of(st.just([]), st.lists(troubles, max_size=2)),
    st.sampled_from(["1", "1", "0.5", "0.1", "0"]),
)


async def play(plan: AlgorithmPlan, script: list[Round]) -> None:
    stage = Stage()
    stage.worker.start(plan)
    stage.journal.commit()
    for each in script:
        kinds = {kind for kind, _ in each.troubles}
        for kind, what in each.troubles:
            match kind, what:
                case "answer", Answer() as answer:
                    stage.venue.answers.append(answer)
                case "cancel", Answer() as answer:
                    stage.venue.cancel_answers.append(answer)
                case "kill", "before":
                    stage.venue.kills = "before"
                case "kill", "after":
                    stage.venue.kills = "after"
                case "halt", HaltState() as state:
                    stage.world.halt[0] = state
        stage.venue.silent = "silent" in kinds
        await pass_time(stage, plan, each.minutes)
        check(stage, plan)
        stage.fill_all(Decimal(each.share), report="late" not in kinds)
        if "crash" in kinds:
            await stage.crash()
        if "stop" in kinds and each.minutes == 6 and stage.worker.running:
            await stage.worker.stop(plan.algorithm_id, "told to")
            await pass_time(stage, plan, 1)
        check(stage, plan)
        stage.world.halt[0] = HaltState.ACTIVE
    await come_to_an_end(stage, plan)


async def pass_time(stage: Stage, plan: AlgorithmPlan, minutes: int) -> None:
    """Some minutes, and what may not be sent in them: intents count, whatever the gate made of them."""
    before = {order.client_id: _open_fate(order) for order in stage.children(plan)}
    told_to_stop = [state.stopping for state in stage.worker.running]
    try:
        await stage.pass_time(minutes)
    except Killed:
        await stage.crash()
    children = stage.children(plan)
    sent = [order for order in children if order.client_id not in before]
    if stage.world.halt[0] is not HaltState.ACTIVE:
        assert not sent, "an entry was asked for in a halted desk"
    if any(told_to_stop):
        assert not sent, "an algorithm that was stopped went on"
    if any(before.get(order.client_id) and _open_fate(order) for order in children):
        assert not sent, "something was sent while a child's fate was open"
    for place, order in enumerate(sent[:-1]):
        assert order.status is not OrderStatus.UNKNOWN, f"{sent[place + 1].client_id} came after an unknown"
    if plan.method in (Method.TWAP, Method.VWAP):
        for order in sent:
            assert order.intent.quantity <= plan.slices[order.intent.leg % len(plan.slices)].amount * CATCH_UP


def _open_fate(order: Order) -> bool:
    return not order.is_terminal and order.status not in (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)


def check(stage: Stage, plan: AlgorithmPlan) -> None:
    """What must hold at any moment."""
    children = stage.children(plan)
    base, quote = stage.executed(plan)
    live = [order for order in children if not order.is_terminal]
    if plan.in_quote:
        assert quote <= plan.amount
        may_cost = sum((order.remaining * (order.intent.limit_price or ZERO) for order in live), ZERO)
        assert sum((order.notional for order in children), ZERO) + may_cost <= plan.amount
    else:
        assert base <= plan.amount
        assert (
            sum((order.filled for order in children), ZERO) + sum((order.remaining for order in live), ZERO)
            <= plan.amount
        )
    slots = [order.intent.leg % len(plan.slices) for order in live]
    assert len(set(slots)) == len(slots), "two children live for the same part"
    if plan.method is not Method.SCALE:
        assert len(live) <= 1
    for level, part in enumerate(plan.slices if plan.method is Method.SCALE else ()):
        mine = [order for order in children if order.intent.leg % len(plan.slices) == level]
        assert sum((order.filled for order in mine), ZERO) <= part.amount
    assert len(set(stage.venue.placed)) == len(stage.venue.placed), "an order was sent twice"


async def come_to_an_end(stage: Stage, plan: AlgorithmPlan) -> None:
    """With a venue that answers, every algorithm ends once, by its deadline, and says what is left."""
    stage.venue.silent = False
    stage.venue.answers.clear()
    stage.venue.cancel_answers.clear()
    stage.venue.kills = ""
    await stage.pass_time(10)
    while stage.world.clock.now() < plan.end:
        await stage.pass_time(10)
    for _ in range(3):
        await stage.pass_time(1)
    check(stage, plan)
    assert stage.worker.running == ()
    (end,) = [event for event in stage.ended() if event.algorithm_id == plan.algorithm_id]
    assert end.done + end.rest == plan.amount
    children = stage.children(plan)
    done = (order.notional for order in children) if plan.in_quote else (order.filled for order in children)
    assert end.done == sum(done, ZERO)
    assert all(order.is_terminal for order in children)
    await stage.pass_time(60)
    assert stage.children(plan) == children, "an algorithm that ended went on"


@given(plan=plans, script=st.lists(rounds, max_size=12))
@settings(max_examples=150)
def test_children_never_exceed_the_parent_and_never_meet(plan: AlgorithmPlan, script: list[Round]) -> None:
    asyncio.run(play(plan, script))


@given(
    steps=st.integers(1, 100_000),
    weights=st.lists(st.integers(1, 1000).map(Decimal), min_size=1, max_size=60),
)
def test_a_split_is_exact_and_within_one_step_of_its_shares(steps: int, weights: list[Decimal]) -> None:
    step = Decimal("0.001")
    total, whole = steps * step, sum(weights)
    parts = split(total, weights, step)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert part % step == 0
        assert abs(part - total * weight / whole) < step


@given(steps=st.integers(1, 10_000), parts=st.integers(1, 48))
def test_the_parts_of_a_twap_are_even_within_one_step(steps: int, parts: int) -> None:
    quantity = str(steps * COIN.step_size)
    plan = twap(parent(quantity), COIN, PRICE, start=START, interval=MINUTE, parts=parts)
    amounts = [part.amount for part in plan.slices]
    assert max(amounts) - min(amounts) <= COIN.step_size
    assert sum(amounts) == Decimal(quantity)
    assert len(amounts) <= parts
    if len(amounts) > 1:
        assert all(not COIN.filter_problems(amount, PRICE) for amount in amounts)


@given(steps=st.integers(10, 10_000), parts=st.integers(1, 48), hour=st.integers(0, 23))
def test_a_vwap_follows_its_curve_and_a_flat_curve_is_a_twap(steps: int, parts: int, hour: int) -> None:
    whole, start = parent(str(steps * COIN.step_size)), START + timedelta(hours=hour)
    every = timedelta(hours=1)
    flat = vwap(whole, COIN, PRICE, start=start, interval=every, parts=parts, curve=FLAT)
    assert sum(part.amount for part in flat.slices) == whole.quantity
    if len(flat.slices) == parts:
        amounts = [part.amount for part in flat.slices]
        assert max(amounts) - min(amounts) <= COIN.step_size


levels = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 3000)), min_size=0, max_size=6)


@st.composite
def offers(draw: st.DrawFn, side: Side) -> list[VenueOffer]:
    made = []
    for name in draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=4, unique=True)):
        away, book = 0, []
        for distance, steps in draw(levels):
            away += distance
            price = PRICE + away if side is Side.BUY else PRICE - away
            book.append(BookLevel(Price(price), Quantity(steps * COIN.step_size)))
        made.append(
            VenueOffer(
                venue=name,
                levels=tuple(book),
                taker=Decimal(draw(st.integers(0, 30))) / 10_000,
                free=Decimal(draw(st.integers(0, 100_000 if side is Side.BUY else 4))),
                instrument=COIN,
                latency=timedelta(milliseconds=draw(st.integers(0, 900))),
            )
        )
    return made


@given(data=st.data(), side=st.sampled_from(Side), steps=st.integers(1, 5000))
@settings(max_examples=200)
def test_the_router_is_never_worse_than_the_best_single_venue(
    data: st.DataObject, side: Side, steps: int
) -> None:
    quantity, found = steps * COIN.step_size, data.draw(offers(side))
    drift = Decimal("0.0005")
    whole = route(side, quantity, found, drift=drift)
    for offer in found:
        alone = route(side, quantity, [offer], drift=drift)
        assert whole.routed >= alone.routed
        if whole.routed == alone.routed:
            assert whole.cost <= alone.cost
    assert whole.routed + whole.rest == quantity
    assert whole.rest >= ZERO


@given(data=st.data(), side=st.sampled_from(Side), steps=st.integers(1, 5000))
@settings(max_examples=200)
def test_the_router_keeps_to_every_venues_depth_balance_and_filters(
    data: st.DataObject, side: Side, steps: int
) -> None:
    found = {offer.venue: offer for offer in data.draw(offers(side))}
    whole = route(side, steps * COIN.step_size, list(found.values()))
    for part in whole.allocations:
        offer = found[part.venue]
        assert part.quantity <= sum(level.quantity for level in offer.levels)
        assert not COIN.filter_problems(part.quantity, part.worst_price)
        needed = part.quantity
        if side is Side.BUY:
            needed = Quantity(part.quantity * part.worst_price * (1 + offer.taker))
        assert needed <= offer.free
        reached = [each.quantity for each in offer.levels if _within(side, each.price, part.worst_price)]
        assert sum(reached) >= part.quantity
    assert len({part.venue for part in whole.allocations}) == len(whole.allocations)


def _within(side: Side, price: Decimal, worst: Decimal) -> bool:
    return price <= worst if side is Side.BUY else price >= worst
