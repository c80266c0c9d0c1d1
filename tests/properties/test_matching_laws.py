"""Laws of the matching core, for any orders on any bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.errors import VenueRejected
from domain.market import Candle, OrderBook
from domain.money import ZERO
from domain.orders import Fill, OrderIntent, OrderType, Side, TimeInForce
from simulator.costs import FEE_GRID, BookWalk, FeeSchedule, FillModel, NextOpen
from simulator.matching import MatchingCore, MatchReport
from simulator.register import Ended
from tests.scenarios.stage import BTC, COIN, HOUR, INSTRUMENT, START, USDT, bar, book, order

BARS = 6
FEES = FeeSchedule(maker=Decimal("0.0007"), taker=Decimal("0.0013"))
CASH, COINS = Decimal(3000), Decimal(20)
cents = st.integers(8_000, 12_000).map(lambda value: f"{value / 100:.2f}")


@st.composite
def candles(draw: st.DrawFn) -> list[Candle]:
    made = []
    for index in range(BARS):
        prices = sorted(draw(st.tuples(cents, cents, cents, cents)), key=Decimal)
        first, last = draw(st.sampled_from(((1, 2), (2, 1), (0, 3), (3, 0))))
        volume = draw(st.sampled_from(("0", "7.5", "40", "1000")))
        made.append(bar(index, prices[first], prices[3], prices[0], prices[last], volume))
    return made


@st.composite
def intents(draw: st.DrawFn) -> list[tuple[int, OrderIntent]]:
    """Orders, each with the bar at whose open it can fill first."""
    made = []
    for number in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(("market", "limit", "stop")))
        price = draw(cents)
        side = draw(st.sampled_from(Side))
        when = draw(st.integers(0, BARS - 1))
        intent = order(
            f"o{number}",
            side,
            f"{draw(st.integers(100, 15_000)) / 1000:.3f}",
            at=START + when * HOUR,
            limit=price if kind == "limit" else None,
            trigger=price if kind == "stop" else None,
            tif=draw(st.sampled_from(TimeInForce)),
            reduce_only=side is Side.SELL and draw(st.booleans()),
        )
        made.append((when, intent))
    return made


BOOK = book(
    [("99.97", "0.5"), ("99.90", "1"), ("99.50", "3"), ("99", "2")],
    [("100.03", "0.5"), ("100.10", "1"), ("100.50", "3"), ("101", "2")],
)
models = st.sampled_from(((NextOpen(), None), (BookWalk(Decimal("0.3")), BOOK), (BookWalk(Decimal(1)), None)))
Model = tuple[FillModel, OrderBook | None]


def run(
    tape: Sequence[Candle], orders: Sequence[tuple[int, OrderIntent]], model: Model, *, twice: bool = False
) -> tuple[list[tuple[Candle, MatchReport]], MatchingCore, dict[str, OrderIntent]]:
    core = MatchingCore({BTC: INSTRUMENT}, FEES, model[0], {USDT: CASH, COIN: COINS})
    taken: dict[str, OrderIntent] = {}
    seen: list[tuple[Candle, MatchReport]] = []
    for index, candle in enumerate(tape):
        for when, intent in orders:
            if when == index:
                try:
                    core.submit(intent, candle.open_time, candle.open)
                except VenueRejected:
                    continue
                taken[intent.client_id] = intent
        seen += [(candle, report) for report in core.on_bar(candle, model[1])]
        if twice:
            seen += [(candle, report) for report in core.on_bar(candle, model[1])]
    return seen, core, taken


def fills(seen: Sequence[tuple[Candle, MatchReport]]) -> list[tuple[Candle, Fill]]:
    return [(candle, report) for candle, report in seen if isinstance(report, Fill)]


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
        if intent.order_type is OrderType.LIMIT and intent.limit_price is not None:
            assert sign * fill.price <= sign * intent.limit_price
            if fill.maker:
                beyond = candle.low if fill.side is Side.BUY else candle.high
                assert sign * beyond < sign * intent.limit_price
            continue
        triggered = trigger_bar(tape, intent)
        if intent.order_type is OrderType.STOP:
            assert triggered is not None
            assert triggered.open_time <= candle.open_time
        if triggered is not candle:
            assert sign * fill.price >= sign * candle.open
        elif intent.trigger_price is not None:
            assert sign * fill.price >= sign * intent.trigger_price
            assert sign * fill.price >= sign * candle.open


def trigger_bar(tape: Sequence[Candle], intent: OrderIntent) -> Candle | None:
    """The first bar that reaches a stop; from then on it is a market order."""
    trigger = intent.trigger_price
    if trigger is None:
        return None
    for candle in tape:
        reached = candle.high >= trigger if intent.side is Side.BUY else candle.low <= trigger
        if candle.open_time >= intent.created_at and reached:
            return candle
    return None


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
