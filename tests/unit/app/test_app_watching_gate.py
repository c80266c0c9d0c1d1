"""Open breakers at the door: nothing new gets in, everything may get out."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from app.bootstrap import Desk
from domain.breakers import BreakerState, Level
from domain.events import DeskEvent, IntentRefused
from domain.money import Price, Quantity, Symbol
from domain.orders import Order, OrderIntent, OrderStatus, OrderType, Origin, Side, client_order_id
from risk.breakers.kinds import KINDS
from risk.breakers.observation import Observation
from tests.unit.graph.graph_rig import make_desk, run_desk, write_candles

GATED = [name for name, kind in KINDS.items() if kind.level is not Level.STRATEGY]


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_candles(tmp_path_factory.mktemp("candles"), bars=120)


async def holding(candles: Path) -> tuple[Desk, Symbol]:
    """A desk that stands where it holds something."""
    desk = make_desk(candles)
    while not desk.portfolio.positions:
        await run_desk(desk, bars=1)
    return desk, next(iter(desk.portfolio.positions))


def open_breaker(desk: Desk, kind: str, symbol: Symbol) -> None:
    scope = symbol if KINDS[kind].scope.startswith("symbol") else ""
    at = desk.clock.now()
    board = desk.watch.board
    if KINDS[kind].recovers:
        board.observe(Observation(kind, scope, 1e9, at), at)
        at += timedelta(microseconds=1)
        board.observe(Observation(kind, scope, 1.0, at), at)
    else:
        board.observe(Observation(kind, scope, 1e9, at), at)
    assert board.state(kind, scope) is BreakerState.OPEN


def intent(desk: Desk, symbol: Symbol, side: Side, quantity: Decimal, leg: int) -> OrderIntent:
    quote = desk.feed.quote(symbol)
    assert quote is not None
    return OrderIntent(
        client_id=client_order_id("hand", 1, leg),
        session="hand",
        cycle=1,
        leg=leg,
        origin=Origin.OPERATOR,
        symbol=symbol,
        side=side,
        order_type=OrderType.MARKET,
        quantity=Quantity(quantity),
        reduce_only=side is Side.SELL,
        reason="by hand",
        created_at=desk.clock.now(),
        protective_stop=Price((quote.bid * Decimal("0.97")).quantize(quote.bid))
        if side is Side.BUY
        else None,
    )


async def buy(desk: Desk, symbol: Symbol, leg: int, value: int = 100) -> Order:
    quote = desk.feed.quote(symbol)
    assert quote is not None
    lot = desk.feed.instruments[symbol].step_size
    quantity = (Decimal(value + leg) / quote.ask / lot).to_integral_value() * lot
    return await desk.orders.submit(intent(desk, symbol, Side.BUY, quantity, leg))


async def sell(desk: Desk, symbol: Symbol, leg: int) -> Order:
    return await desk.orders.submit(
        intent(desk, symbol, Side.SELL, desk.portfolio.positions[symbol].quantity, leg)
    )


@pytest.mark.parametrize("kind", GATED)
async def test_an_open_breaker_stops_entries_and_never_a_reduction(candles: Path, kind: str) -> None:
    desk, symbol = await holding(candles)
    told: list[DeskEvent] = []
    desk.bus.subscribe(told.append)
    for order in desk.orders.open_orders():
        await desk.orders.cancel(order.client_id, "to have the holding free")
    assert (await buy(desk, symbol, 1)).status is not OrderStatus.REFUSED, "nothing else stands in its way"
    open_breaker(desk, kind, symbol)
    entry = await buy(desk, symbol, 2)
    if kind == "model_outage":
        assert entry.status is not OrderStatus.REFUSED
    else:
        assert entry.status is OrderStatus.REFUSED
        (refused,) = [event for event in told if isinstance(event, IntentRefused)]
        assert "open_breaker" in {breach.rule for breach in refused.breaches}
        assert any(kind in breach.message for breach in refused.breaches)
    assert (await sell(desk, symbol, 3)).status is OrderStatus.ACCEPTED


async def test_a_cycle_on_a_desk_with_everything_open_still_gets_out(candles: Path) -> None:
    """Stops and exits of the guardian and of the cycles are orders like any other."""
    desk, symbol = await holding(candles)
    for kind in GATED:
        open_breaker(desk, kind, symbol)
    await run_desk(desk)
    reducing = [order for order in desk.orders.orders.values() if order.intent.reduce_only]
    assert any(order.status is OrderStatus.FILLED for order in reducing)
    assert all(order.status is not OrderStatus.REFUSED for order in reducing)
    assert not desk.portfolio.holds(symbol)


async def test_probation_makes_an_entry_smaller(candles: Path) -> None:
    desk, symbol = await holding(candles)
    rule = desk.settings.breakers.rules()["venue_errors"]
    open_breaker(desk, "venue_errors", symbol)
    at = desk.clock.now() + rule.wait
    for _ in range(rule.good_count):
        at += timedelta(minutes=1)
        desk.watch.board.observe(Observation("venue_errors", "", 0.0, at), at)
    assert desk.watch.board.facts(symbol).size_fraction == Decimal("0.25")
    held = desk.portfolio.positions[symbol].value
    limit = desk.limits.max_position_equity_fraction
    assert limit is not None
    allowed = desk.portfolio.equity * limit / 4
    assert held < allowed, "there is room for a quarter"
    order = await buy(desk, symbol, 1, value=2_000)
    quote = desk.feed.quote(symbol)
    assert quote is not None
    assert order.status is OrderStatus.ACCEPTED
    assert held + order.intent.quantity * quote.ask <= allowed
