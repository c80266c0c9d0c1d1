"""Algorithms at work on a real desk: what is sent when, and what is left at the end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.algorithms import AlgorithmPlan
from domain.errors import NotFound
from domain.events import AlgorithmStopping
from domain.halt import HaltState
from domain.money import Price, Symbol
from domain.orders import OrderStatus, OrderType, Origin, Side
from execution.algorithms.actions import Finish, MarketFacts, Send, Stop
from execution.algorithms.plans import dca, iceberg, scale, twap
from execution.algorithms.state import AlgorithmState, Child
from execution.algorithms.step import step
from execution.scripted import Answer
from tests.faults.world import BTC, INSTRUMENTS, START, sell
from tests.unit.execution.algorithm_stage import MINUTE, Stage, parent

COIN = INSTRUMENTS[BTC]
PRICE = Decimal(40_000)
HOUR = 60 * MINUTE


def four_parts(quantity: str = "1") -> AlgorithmPlan:
    return twap(parent(quantity), COIN, PRICE, start=START, interval=10 * MINUTE, parts=4)


def sizes(stage: Stage, plan: AlgorithmPlan) -> list[str]:
    return [f"{order.intent.quantity:f}" for order in stage.children(plan)]


async def started(plan: AlgorithmPlan) -> Stage:
    stage = Stage()
    assert stage.worker.start(plan)
    stage.journal.commit()
    return stage


async def test_a_twap_sends_a_part_when_it_is_due_and_never_before() -> None:
    plan = four_parts()
    stage = await started(plan)
    seen = []
    for _ in range(41):
        await stage.pass_time(1)
        stage.fill_all()
        seen.append(len(stage.children(plan)))
    assert seen == [1] * 9 + [2] * 10 + [3] * 10 + [4] * 12
    assert sizes(stage, plan) == ["0.250"] * 4
    (end,) = stage.ended()
    assert (end.reason, end.done, end.rest) == ("complete", Decimal("1"), Decimal(0))


async def test_children_carry_their_parent_their_stop_and_what_they_are_measured_against() -> None:
    plan = four_parts()
    stage = await started(plan)
    await stage.pass_time(1)
    (order,) = stage.children(plan)
    intent = order.intent
    assert intent.client_id == "s-000001-00-00"
    assert (intent.origin, intent.parent, intent.order_type) == (
        Origin.ALGORITHM,
        "s-000001-00",
        OrderType.MARKET,
    )
    assert (intent.protective_stop, intent.arrival) == (Price(Decimal(36_000)), Decimal(40_000))


async def test_what_a_part_did_not_get_is_spread_over_the_rest() -> None:
    plan = four_parts()
    stage = await started(plan)
    stage.venue.answers.append(Answer.REJECT)
    for _ in range(4):
        await stage.pass_time(10)
        stage.fill_all()
    await stage.pass_time(10)
    assert sizes(stage, plan) == ["0.333", "0.500", "0.500"]  # the first tick came when part 1 was due
    assert stage.children(plan)[0].status is OrderStatus.REJECTED
    assert stage.ended()[0].rest == 0


async def test_an_early_refusal_is_made_up_for_evenly() -> None:
    plan = four_parts("1.2")
    stage = await started(plan)
    stage.venue.answers.append(Answer.REJECT)
    for minutes in (1, 10, 10, 10, 10):
        await stage.pass_time(minutes)
        stage.fill_all()
    assert sizes(stage, plan) == ["0.300", "0.400", "0.400", "0.400"]
    assert stage.ended()[0].rest == 0


async def test_a_long_pause_does_not_end_in_a_burst() -> None:
    plan = four_parts()
    stage = await started(plan)
    stage.world.halt[0] = HaltState.REDUCING
    await stage.pass_time(31)
    assert stage.children(plan) == []
    stage.world.halt[0] = HaltState.ACTIVE
    await stage.pass_time(1)
    assert sizes(stage, plan) == ["0.500"]  # the last part was planned as a quarter: at most twice that
    stage.fill_all()
    await stage.pass_time(10)
    assert stage.ended()[0].rest == Decimal("0.5")


async def test_a_child_that_rests_is_withdrawn_when_the_next_part_is_due() -> None:
    plan = twap(parent(limit="39000"), COIN, PRICE, start=START, interval=10 * MINUTE, parts=2)
    stage = await started(plan)
    await stage.pass_time(1)
    stage.venue.fill("s-000001-00-00", "0.1", "39000", stage.world.clock.now())
    await stage.pass_time(9)
    first, second = stage.children(plan)
    assert (first.status, first.filled) == (OrderStatus.CANCELLED, Decimal("0.1"))
    assert second.intent.quantity == Decimal("0.9")


async def test_it_ends_exactly_at_its_deadline_and_names_the_rest() -> None:
    plan = twap(parent(limit="39000"), COIN, PRICE, start=START, interval=10 * MINUTE, parts=2)
    stage = await started(plan)
    await stage.pass_time(19)
    assert stage.ended() == []
    await stage.pass_time(1)
    (end,) = stage.ended()
    assert (end.reason, end.done, end.rest) == ("its time is up", Decimal(0), Decimal(1))
    assert all(order.is_terminal for order in stage.children(plan))


async def test_an_unknown_child_blocks_the_next_part_until_it_is_settled() -> None:
    plan = four_parts()
    stage = await started(plan)
    stage.venue.answers.append(Answer.LOSE_ANSWER)
    await stage.pass_time(1)
    stage.venue.silent = True
    await stage.pass_time(15)
    assert sizes(stage, plan) == ["0.250"]
    stage.venue.silent = False
    stage.fill_all()
    await stage.pass_time(1)
    assert sizes(stage, plan) == ["0.250", "0.250"]


async def test_the_same_decision_twice_is_one_algorithm_also_after_a_crash() -> None:
    plan = four_parts()
    stage = await started(plan)
    assert not stage.worker.start(plan)
    await stage.pass_time(1)
    await stage.crash()
    assert stage.worker.knows(plan.algorithm_id)
    assert not stage.worker.start(plan)
    await stage.pass_time(1)
    assert sizes(stage, plan) == ["0.250"]


async def test_a_stop_outlives_the_process_that_was_told_to() -> None:
    plan = four_parts()
    stage = await started(plan)
    stage.venue.answers.append(Answer.LOSE_ANSWER)
    stage.venue.cancel_answers.append(Answer.LOSE_REQUEST)
    await stage.pass_time(1)
    stage.venue.silent = True
    await stage.worker.stop(plan.algorithm_id, "a newer cycle decides")
    stage.journal.commit()
    await stage.crash()
    stage.venue.silent = False
    for _ in range(3):
        await stage.pass_time(10)
    assert sizes(stage, plan) == ["0.250"]
    assert stage.ended()[0].reason == "a newer cycle decides"


async def test_only_algorithms_of_earlier_cycles_are_stopped() -> None:
    old, new = four_parts(), replace(four_parts(), algorithm_id="s-000002-00", cycle=2)
    stage = await started(old)
    stage.worker.start(new)
    assert await stage.worker.stop_older(2, "a newer cycle decides") == 1
    assert [state.plan.algorithm_id for state in stage.worker.running] == ["s-000002-00"]
    with pytest.raises(NotFound, match="no algorithm"):
        await stage.worker.stop("s-000001-00", "again")


async def test_an_entry_is_not_worked_any_further_once_the_price_is_at_its_stop() -> None:
    plan = four_parts()
    stage = await started(plan)
    await stage.pass_time(1)
    stage.fill_all()
    stage.feed.last[BTC] = Decimal("36000.01")
    await stage.pass_time(10)
    stage.feed.last[BTC] = PRICE
    await stage.pass_time(10)
    assert len(stage.children(plan)) == 1
    assert "protective stop" in stage.ended()[0].reason
    (told,) = stage.world.events(AlgorithmStopping)
    assert told.algorithm_id == plan.algorithm_id


async def test_a_halt_withdraws_what_rests_of_an_entry_and_a_ladder_is_put_up_again() -> None:
    plan = scale(parent("0.9"), COIN, [PRICE - 100, PRICE - 200, PRICE - 300], start=START, end=START + HOUR)
    stage = await started(plan)
    await stage.pass_time(1)
    stage.venue.fill("s-000001-00-00", "0.1", "39900", stage.world.clock.now())
    stage.world.halt[0] = HaltState.HALTED
    await stage.pass_time(1)
    assert stage.world.desk.open_orders() == ()
    stage.world.halt[0] = HaltState.ACTIVE
    await stage.pass_time(1)
    again = [f"{order.intent.quantity:f}" for order in stage.world.desk.open_orders()]
    assert again == ["0.200", "0.300", "0.300"]


async def test_a_ladder_waits_while_the_fate_of_a_level_is_open() -> None:
    plan = scale(parent("0.9"), COIN, [PRICE - 100, PRICE - 200, PRICE - 300], start=START, end=START + HOUR)
    stage = await started(plan)
    stage.venue.answers.extend([Answer.ACCEPT, Answer.LOSE_ANSWER])
    await stage.pass_time(1)
    assert len(stage.children(plan)) == 2
    stage.venue.silent = True
    await stage.pass_time(1)
    assert len(stage.children(plan)) == 2
    stage.venue.silent = False
    await stage.pass_time(1)
    assert len(stage.world.desk.open_orders()) == 3


async def test_an_exit_goes_on_while_the_desk_may_only_get_smaller() -> None:
    stage = Stage()
    await stage.world.buy(quantity="1")
    stage.fill_all()
    await stage.pass_time(1)
    plan = twap(
        parent("1", side=Side.SELL, name="s-000002-00"),
        COIN,
        PRICE,
        start=stage.world.clock.now(),
        interval=10 * MINUTE,
        parts=2,
    )
    stage.worker.start(plan)
    stage.world.halt[0] = HaltState.REDUCING
    await stage.pass_time(1)
    assert sizes(stage, plan) == ["0.500"]
    stage.fill_all()
    stage.world.halt[0] = HaltState.HALTED
    await stage.pass_time(10)
    assert sizes(stage, plan) == ["0.500"]  # a halted desk is left to whoever flattens it
    stage.world.halt[0] = HaltState.ACTIVE
    await stage.pass_time(1)
    assert sizes(stage, plan) == ["0.500", "0.500"]


async def test_an_iceberg_shows_one_part_at_a_time() -> None:
    plan = iceberg(parent("1", limit="39990"), COIN, start=START, end=START + HOUR, shown=Decimal("0.4"))
    stage = await started(plan)
    for _ in range(4):
        await stage.pass_time(1)
        assert len(stage.world.desk.open_orders()) <= 1
        stage.fill_all()
    await stage.pass_time(1)
    assert sizes(stage, plan) == ["0.400", "0.400", "0.200"]
    assert stage.ended()[0].rest == 0


@pytest.mark.parametrize(
    ("amount", "shown", "parts", "rest"),
    [
        ("0.0021", "0.0010", ["0.0010", "0.0006", "0.0005"], "0"),  # 0.0001 alone is not taken
        ("0.0015", "0.0010", ["0.0010", "0.0005"], "0"),  # just enough for one more
        ("0.0010", "0.0009", ["0.0005", "0.0005"], "0"),
        ("0.0009", "0.0008", ["0.0008"], "0.0001"),  # two do not fit: more than the part is never shown
    ],
)
def test_an_iceberg_never_shows_more_than_its_part_for_the_sake_of_the_rest(
    amount: str, shown: str, parts: list[str], rest: str
) -> None:
    fine = replace(COIN, step_size=Decimal("0.0001"), min_quantity=Decimal("0.0005"))
    plan = iceberg(parent(amount, limit="39990"), fine, start=START, end=START + HOUR, shown=Decimal(shown))
    state = AlgorithmState(plan, ())
    facts = MarketFacts(fine, None, HaltState.ACTIVE)
    while isinstance(action := step(state, START, facts)[0], Send):
        intent, number = action.intent, len(state.children)
        quantity, price = intent.quantity, intent.limit_price
        whole = Child(
            number,
            intent.client_id,
            OrderStatus.FILLED,
            quantity,
            quantity,
            quantity * PRICE,
            price,
            START,
        )
        state = replace(state, children=(*state.children, whole))
    assert [f"{child.quantity:f}" for child in state.children] == parts
    assert state.free == Decimal(rest)
    assert isinstance(action, Finish if state.free == 0 else Stop)


async def test_an_iceberg_that_nobody_takes_in_gives_up_after_three() -> None:
    plan = iceberg(parent("1", limit="39990"), COIN, start=START, end=START + HOUR, shown=Decimal("0.4"))
    stage = await started(plan)
    stage.venue.answers.extend([Answer.REJECT] * 9)
    for _ in range(9):
        await stage.pass_time(1)
    assert len(stage.children(plan)) == 3
    assert "3 orders in a row" in stage.ended()[0].reason


async def test_cost_averaging_spends_the_same_sum_at_any_price() -> None:
    plan = dca(parent(), COIN, budget=Decimal("9000"), start=START, interval=10 * MINUTE, parts=3)
    stage = await started(plan)
    for price in ("40000", "42000", "39000"):
        stage.feed.last[BTC] = Decimal(price)
        await stage.pass_time(1 if price == "40000" else 10)
        stage.fill_all()
    await stage.pass_time(10)
    bought = [order.notional for order in stage.children(plan)]
    assert len(bought) == 3
    assert all(Decimal(2900) < sum(bought[: n + 1]) / (n + 1) <= 3000 for n in range(3))
    assert stage.ended()[0].done == sum(bought) <= Decimal(9000)


async def test_a_symbol_that_is_not_traded_is_refused() -> None:
    with pytest.raises(NotFound, match="not traded"):
        Stage().worker.start(replace(four_parts(), symbol=Symbol("DOGE/USDT")))


async def test_a_sale_of_more_than_is_held_never_leaves_the_desk() -> None:
    stage = Stage()
    await stage.world.buy(quantity="0.3")
    stage.fill_all()
    await stage.pass_time(1)
    await stage.world.desk.submit(sell(7, "0.1"))
    plan = twap(
        parent("1", side=Side.SELL, name="s-000002-00"),
        COIN,
        PRICE,
        start=START + MINUTE,
        interval=timedelta(minutes=10),
        parts=1,
    )
    stage.worker.start(plan)
    await stage.pass_time(1)
    (order,) = stage.children(plan)
    assert order.status is OrderStatus.REFUSED
