"""Laws of the matching core, for any orders on any bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.market import Candle
from domain.money import ZERO
from domain.orders import OrderIntent, OrderType, Side, TimeInForce
from simulator.costs import FEE_GRID, BookWalk, NextOpen
from simulator.filling import Till
from simulator.impact import Impact
from simulator.latency import Latency
from simulator.register import Ended
from simulator.triggers import trigger_of
from tests.properties.matching_worlds import (
    ALL_TERMS,
    BOOK,
    CASH,
    COINS,
    FEES,
    Model,
    candles,
    fills,
    intents,
    models,
    run,
)
from tests.scenarios.order_plans_by_type import sleeper
from tests.scenarios.stage import COIN, INSTRUMENT, START, USDT, order


@given(candles(), intents(), models)
def test_money_and_coins_are_conserved(
    tape: list[Candle], orders: list[tuple[int, OrderIntent]], model: Model
) -> None:
    seen, core, taken = run(tape, orders, model)
    cash, coins = CASH, COINS
    filled = dict.fromkeys(taken, ZERO)
    for _, fill in fills(seen):
        sign = 1 if fill.side is Side.BUY else -1
        cash -= sign * fill.quantity * fill.price + fill.fee.amount
        coins += sign * fill.quantity
        filled[fill.client_id] += fill.quantity
        assert cash >= 0
        assert coins >= 0
    assert (core.balances[USDT], core.balances[COIN]) == (cash, coins)
    for client_id, quantity in filled.items():
        found = core.find(client_id)
        assert found is not None
        assert found.remaining == taken[client_id].quantity - quantity >= 0
    if not core.open_orders():
        assert (core.free(USDT), core.free(COIN)) == (cash, coins)
    for order_over in core.orders():
        if order_over not in core.open_orders():
            assert order_over.reserved == 0


@given(candles(), intents(), models)
def test_the_fee_is_the_rate_of_the_notional_rounded_up(
    tape: list[Candle], orders: list[tuple[int, OrderIntent]], model: Model
) -> None:
    for _, fill in fills(run(tape, orders, model)[0]):
        exact = fill.quantity * fill.price * (FEES.maker if fill.maker else FEES.taker)
        assert fill.fee.amount == exact.quantize(FEE_GRID, ROUND_CEILING)
        assert fill.fee.currency == USDT


@given(candles(), intents(), models)
def test_no_price_is_better_than_the_market_or_worse_than_the_limit(
    tape: list[Candle], orders: list[tuple[int, OrderIntent]], model: Model
) -> None:
    seen, _, taken = run(tape, orders, model)
    for candle, fill in fills(seen):
        intent, sign = taken[fill.client_id], 1 if fill.side is Side.BUY else -1
        assert INSTRUMENT.on_price_grid(fill.price)
        assert INSTRUMENT.on_quantity_grid(fill.quantity)
        limit, trigger = intent.limit_price, intent.trigger_price
        if limit is not None:
            assert sign * fill.price <= sign * limit
        if fill.maker:
            assert fill.price == limit
            beyond = sign * (candle.low if fill.side is Side.BUY else candle.high)
            assert beyond <= sign * fill.price
            assert beyond < sign * fill.price or model[0] is ALL_TERMS  # the one that keeps a queue
        elif fill.filled_at == candle.open_time:
            assert sign * fill.price >= sign * candle.open
        else:
            assert trigger is not None
            if intent.trailing is None:
                assert sign * fill.price >= sign * trigger
            else:
                assert sign * fill.price >= sign * best_trail(tape, intent, candle)
        if trigger is not None and intent.trailing is None:
            assert first_reached(tape, intent).open_time <= candle.open_time


def best_trail(tape: Sequence[Candle], intent: OrderIntent, upto: Candle) -> Decimal:
    """Where a trail would stand if all of this bar counted: no fill inside it is better than that."""
    assert intent.trailing is not None
    assert intent.trigger_price is not None
    lived = [each for each in tape if intent.created_at <= each.open_time <= upto.open_time]
    if intent.side is Side.BUY:
        return min(intent.trigger_price, min(each.low for each in lived) * (1 + intent.trailing))
    highest = max(each.high for each in lived) * (1 - intent.trailing)
    return max(intent.trigger_price, highest)


def first_reached(tape: Sequence[Candle], intent: OrderIntent) -> Candle:
    """The first bar that reaches the trigger of an order that filled."""
    trigger = trigger_of(intent, INSTRUMENT)
    return next(
        candle
        for candle in tape
        if candle.open_time >= intent.created_at
        and (trigger.reached(candle.high) or trigger.reached(candle.low))
    )


@given(candles(), intents(), models)
def test_nothing_fills_before_it_was_submitted_or_outside_its_bar(
    tape: list[Candle], orders: list[tuple[int, OrderIntent]], model: Model
) -> None:
    seen, _, taken = run(tape, orders, model)
    for candle, fill in fills(seen):
        assert taken[fill.client_id].created_at <= candle.open_time <= fill.filled_at < candle.close_time


@given(candles(), intents(), models)
def test_the_same_tape_gives_the_same_reports_and_a_bar_run_twice_changes_nothing(
    tape: list[Candle], orders: list[tuple[int, OrderIntent]], model: Model
) -> None:
    once, _, _ = run(tape, orders, model)
    assert run(tape, orders, model)[0] == once
    assert run(tape, orders, model, twice=True)[0] == once


@given(candles(), intents(), models)
def test_every_order_fills_at_most_once_a_bar_and_never_after_its_end(
    tape: list[Candle], orders: list[tuple[int, OrderIntent]], model: Model
) -> None:
    seen, core, taken = run(tape, orders, model)
    ended: set[str] = set()
    bars: set[tuple[object, str]] = set()
    for candle, report in seen:
        assert report.client_id not in ended
        if isinstance(report, Ended):
            ended.add(report.client_id)
        else:
            assert (candle.open_time, report.client_id) not in bars
            bars.add((candle.open_time, report.client_id))
    for client_id, intent in taken.items():
        ids = [fill.fill_id for _, fill in fills(seen) if fill.client_id == client_id]
        assert ids == [f"{client_id}-f{number + 1}" for number in range(len(ids))]
        if intent.time_in_force is TimeInForce.FOK and ids:
            found = core.find(client_id)
            assert found is not None
            assert found.remaining == 0


@given(candles(), st.integers(1, 10))
def test_all_orders_of_a_bar_share_its_volume(tape: list[Candle], count: int) -> None:
    model = BookWalk(Decimal("0.3"))
    orders = [(0, replace(order(f"o{n}", Side.SELL, "2"), created_at=START)) for n in range(count)]
    seen, _, _ = run(tape, orders, (model, BOOK))
    for candle in tape:
        taken = sum((fill.quantity for each, fill in fills(seen) if each is candle), ZERO)
        assert taken <= candle.volume * Decimal("0.3")


@given(candles(), intents(), models)
def test_of_a_group_only_one_ever_fills(
    tape: list[Candle], orders: list[tuple[int, OrderIntent]], model: Model
) -> None:
    seen, core, taken = run(tape, orders, model)
    done = [(candle, taken[fill.client_id]) for candle, fill in fills(seen) if taken[fill.client_id].group]
    later = [(None, each.intent) for each in core.open_orders()]
    for number, (candle, winner) in enumerate(done):
        for _, other in (*done[number:], *later):
            if other.group == winner.group and other.client_id != winner.client_id:
                assert other.created_at > candle.open_time  # it was not there when the winner filled


@given(candles(), intents(), models)
def test_post_only_is_never_taker(
    tape: list[Candle], orders: list[tuple[int, OrderIntent]], model: Model
) -> None:
    seen, _, taken = run(tape, orders, model)
    assert all(fill.maker for _, fill in fills(seen) if taken[fill.client_id].post_only)


@given(candles(), intents(), models)
def test_nothing_fills_at_or_after_its_date_and_it_ends_at_the_first_close_from_then(
    tape: list[Candle], orders: list[tuple[int, OrderIntent]], model: Model
) -> None:
    seen, core, taken = run(tape, orders, model)
    for _, fill in fills(seen):
        ends = taken[fill.client_id].expires_at
        assert ends is None or fill.filled_at < ends
    for _, report in seen:
        if isinstance(report, Ended) and "its date" in report.reason:
            ends = taken[report.client_id].expires_at
            assert ends is not None
            assert report.at == min(candle.close_time for candle in tape if candle.close_time >= ends)
    still_open = [each.intent.expires_at for each in core.open_orders()]
    assert all(ends is None or ends > tape[-1].close_time for ends in still_open)


@given(candles(), st.sampled_from(Side), st.integers(1, 20))
def test_a_trail_never_moves_back(tape: list[Candle], side: Side, percent: int) -> None:
    start = "80" if side is Side.SELL else "120"
    intent = sleeper("a", OrderType.TRAILING_STOP, side, "1", start, trailing=str(Decimal(percent) / 100))
    trigger = trigger_of(intent, INSTRUMENT)
    sign = 1 if side is Side.SELL else -1
    for candle in tape:
        before = trigger.price
        met = trigger.meet(candle)
        assert sign * trigger.price >= sign * before
        assert INSTRUMENT.on_price_grid(trigger.price)
        if met is not None:
            assert candle.low <= met[1] <= candle.high
            break


quantities = st.integers(1, 10**6).map(lambda value: Decimal(value) / 1000)


@given(candles(), quantities, quantities)
def test_impact_grows_with_size_and_no_cost_is_a_gain(
    tape: list[Candle], one: Decimal, other: Decimal
) -> None:
    impact, latency = Impact(), Latency()
    for candle in tape:
        small, large = sorted((impact.share(one, candle), impact.share(other, candle)))
        assert 0 <= small <= large
        assert small == impact.share(min(one, other), candle)
        assert latency.share(candle) >= 0
        assert latency.delay(candle) >= Decimal("0.25")


@given(candles(), intents())
def test_no_term_of_the_cost_model_makes_a_market_order_cheaper(
    tape: list[Candle], orders: list[tuple[int, OrderIntent]]
) -> None:
    plain = [
        (when, replace(order(intent.client_id, intent.side, "0.5"), created_at=intent.created_at))
        for when, intent in orders[:1]
    ]
    bare = fills(run(tape, plain, (BookWalk(Decimal("0.5")), BOOK))[0])
    dear = fills(run(tape, plain, (replace(ALL_TERMS, queue=None), BOOK))[0])
    for (_, one), (_, other) in zip(bare, dear, strict=True):
        assert one.quantity == other.quantity
        assert other.price >= one.price if one.side is Side.BUY else other.price <= one.price


@given(candles(), intents())
def test_the_short_way_of_a_market_order_is_the_long_way(
    tape: list[Candle], orders: list[tuple[int, OrderIntent]]
) -> None:
    """Market orders on their own and among others, whole at the open: both ways, to the last digit."""
    world: Model = (NextOpen(), None)
    mostly = [
        (
            when,
            replace(order(intent.client_id, intent.side, str(intent.quantity)), created_at=intent.created_at),
        )
        if number % 3
        else (when, intent)
        for number, (when, intent) in enumerate(orders)
    ]
    short = run(tape, mostly, world)
    way, Till.at_open = Till.at_open, lambda self, order, candle: None  # type: ignore[method-assign]
    try:
        long = run(tape, mostly, world)
    finally:
        Till.at_open = way  # type: ignore[method-assign]
    assert short[0] == long[0]
    for one, other in zip(short[1].orders(), long[1].orders(), strict=True):
        assert (one.status, one.remaining, one.reserved, one.fills) == (
            other.status,
            other.remaining,
            other.reserved,
            other.fills,
        )
    assert short[1].balances == long[1].balances
    assert (short[1].free(USDT), short[1].free(COIN)) == (long[1].free(USDT), long[1].free(COIN))
