"""Flattening: out of everything, through the same door, and never claimed when it is not true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

from domain.halt import HaltState
from domain.money import Currency
from domain.orders import OrderStatus, OrderType
from execution.flatten import Flattened, flatten
from execution.scripted import Answer, ScriptedVenue
from tests.faults.world import BTC, ETH, USDT, World, intent, world


def scripted(at: World) -> ScriptedVenue:
    assert isinstance(at.venue, ScriptedVenue)
    return at.venue


async def two_positions() -> World:
    w = world()
    await w.buy(quantity="0.2")
    await w.desk.submit(intent(1, symbol=ETH, quantity="2", stop="1900"))
    scripted(w).fill("s-000001-00", "0.2", "40000", w.clock.now())
    scripted(w).fill("s-000001-01", "2", "2000", w.clock.now())
    await w.tick()
    return w


def fill_sales(w: World) -> None:
    """The venue executes every market sale that waits."""
    for order in w.desk.open_orders():
        if order.intent.order_type is OrderType.MARKET:
            price = w.feed.last[order.intent.symbol]
            scripted(w).fill(order.client_id, order.remaining, price, w.clock.now())


async def run(w: World, act: Callable[[World], None] = fill_sales, steps: int = 5) -> Flattened:
    async def step() -> bool:
        act(w)
        return True

    return await flatten(
        w.desk,
        w.portfolio,
        w.feed.instruments,
        w.clock,
        session="s",
        step=step,
        hands=asyncio.Lock(),
        attempts=steps,
    )


async def test_everything_is_sold_and_every_order_withdrawn() -> None:
    w = await two_positions()
    await w.desk.submit(intent(2, quantity="0.1", limit="39500"))
    w.halt[0] = HaltState.HALTED
    result = await run(w)
    assert result.flat
    assert result.remaining == {}
    assert w.desk.open_orders() == ()
    assert "s-000001-02" in result.cancelled
    assert result.orders == ("s-p-000001-00", "s-p-000002-00")
    assert all(w.desk.orders[client_id].intent.reduce_only for client_id in result.orders)
    w.portfolio.check()


async def test_stops_stay_until_their_position_is_gone() -> None:
    w = await two_positions()
    seen: list[int] = []

    def act(w: World) -> None:
        seen.append(sum(order.intent.order_type is OrderType.STOP for order in w.desk.open_orders()))
        fill_sales(w)

    assert (await run(w, act)).flat
    assert seen == [2]


async def test_an_account_that_is_flat_already_stays_so() -> None:
    result = await run(world())
    assert result == Flattened(True, (), (), {}, {}, ())


async def test_a_sale_that_fills_in_part_is_waited_for_and_not_sent_again() -> None:
    w = await two_positions()
    steps = iter(("0.05", "0.15"))

    def act(w: World) -> None:
        for order in w.desk.open_orders():
            if order.intent.order_type is OrderType.MARKET:
                part = next(steps) if order.intent.symbol == BTC else order.remaining
                scripted(w).fill(order.client_id, part, "40000", w.clock.now())

    result = await run(w, act)
    assert result.flat
    assert len(result.orders) == 2


async def test_a_rejected_sale_is_tried_again() -> None:
    w = await two_positions()
    scripted(w).answers.append(Answer.REJECT)
    result = await run(w)
    assert result.flat
    assert len(result.orders) == 3


async def test_what_remains_is_reported_and_its_stop_left_in_place() -> None:
    w = await two_positions()
    scripted(w).answers.extend([Answer.REJECT] * 10)
    result = await run(w, steps=2)
    assert not result.flat
    assert result.remaining == {BTC: Decimal("0.2"), ETH: Decimal("2")}
    assert any("rejected" in problem for problem in result.problems)
    stops = [order.intent.symbol for order in w.desk.open_orders()]
    assert sorted(stops) == [BTC, ETH]


async def test_an_order_of_unknown_fate_is_not_flat() -> None:
    w = world()
    scripted(w).answers.append(Answer.LOSE_ANSWER)
    await w.buy()
    scripted(w).silent = True
    result = await run(w, steps=2)
    assert not result.flat
    assert "unknown" in result.problems[0]


async def test_a_tape_that_ends_ends_the_waiting() -> None:
    w = await two_positions()

    async def ended() -> bool:
        return False

    result = await flatten(
        w.desk, w.portfolio, w.feed.instruments, w.clock, session="s", step=ended, hands=asyncio.Lock()
    )
    assert not result.flat
    assert w.desk.orders["s-p-000001-00"].status is OrderStatus.ACCEPTED


async def test_dust_is_flat_but_told() -> None:
    w = world()
    await w.desk.submit(intent(0, symbol=ETH, quantity="0.006", stop="1900"))
    scripted(w).fill("s-000001-00", "0.004", "2000", w.clock.now())
    await w.tick()
    result = await run(w)
    assert result.flat
    assert result.dust == {ETH: Decimal("0.004")}


async def test_the_last_step_is_enough_to_withdraw_the_stops() -> None:
    w = await two_positions()
    result = await run(w, steps=1)
    assert result.flat
    assert w.desk.open_orders() == ()


async def test_coins_at_the_venue_that_the_books_do_not_know_are_not_flat() -> None:
    w = await two_positions()
    await w.desk.reconcile()
    scripted(w).held[Currency("BTC")] = Decimal("0.3")
    result = await run(w)
    assert not result.flat
    assert any("BTC" in problem for problem in result.problems)


async def test_money_that_somebody_paid_in_is_no_position() -> None:
    w = await two_positions()
    await w.desk.reconcile()
    scripted(w).held[USDT] = scripted(w).held.get(USDT, Decimal(0)) + Decimal(500)
    result = await run(w)
    assert result.flat, result.problems
