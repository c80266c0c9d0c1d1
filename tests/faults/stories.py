"""What is wanted of the desk, told step by step: the same on every ground, in peace and with deaths."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

from domain.orders import Order, OrderIntent, OrderStatus, OrderType, Side
from execution.algorithms.plans import twap
from tests.faults.ground import Ground
from tests.faults.lives import Process, Step, Story, wish

_HALF = Decimal("0.5")
_PARTS = 3


def _stop(ground: Ground) -> Decimal:
    return ground.price * Decimal("0.9")


def _profit(ground: Ground) -> Decimal:
    return ground.price * Decimal("1.2")


async def tick(process: Process) -> None:
    await process.tick()


def single(ground: Ground) -> list[Step]:
    """An entry that fills in two parts, a part of it sold, and the fall through the stop."""
    enter = wish(ground, 1, Side.BUY, ground.quantity, limit=ground.price, stop=_stop(ground))
    leave = wish(ground, 2, Side.SELL, ground.quantity * _HALF)
    return [
        (None, lambda process: process.want(enter)),
        (lambda: ground.fill_bids(ground.quantity * _HALF), tick),
        (lambda: ground.fill_bids(ground.quantity), tick),
        (None, lambda process: process.want(leave)),
        (ground.pass_time, tick),
        (ground.pass_time, tick),
        (ground.fall, tick),
        (ground.pass_time, tick),
        (ground.pass_time, tick),
    ]


def bracket(ground: Ground) -> list[Step]:
    """An entry with a stop and a take-profit, and the rise to the profit."""
    enter = wish(
        ground,
        1,
        Side.BUY,
        ground.quantity,
        limit=ground.price,
        stop=_stop(ground),
        profit=_profit(ground),
    )
    return [
        (None, lambda process: process.want(enter)),
        (lambda: ground.fill_bids(ground.quantity), tick),
        (ground.pass_time, tick),
        (ground.rise, tick),
        (ground.pass_time, tick),
        (ground.pass_time, tick),
    ]


def chase(ground: Ground) -> list[Step]:
    """A resting entry moved closer while it fills in part, then a stop that trails the rise."""
    low = ground.price * Decimal("0.99")
    far = wish(ground, 1, Side.BUY, ground.quantity, limit=low, stop=_stop(ground))
    trail = Decimal("0.1")
    near = wish(ground, 2, Side.BUY, ground.quantity, limit=ground.price, stop=_stop(ground), trailing=trail)

    async def move(process: Process) -> None:
        old = _first(process, 1)
        await process.want_moved(old, near)

    return [
        (None, lambda process: process.want(far)),
        (None, move),
        (lambda: ground.fill_bids(ground.quantity), tick),
        (ground.pass_time, tick),
        (ground.rise, tick),
        (ground.pass_time, tick),
    ]


def moved_while_filling(ground: Ground) -> list[Step]:
    """A replacement of an order that fills in part in the very moment."""
    first = wish(ground, 1, Side.BUY, ground.quantity, limit=ground.price, stop=_stop(ground))
    other = wish(
        ground,
        2,
        Side.BUY,
        lambda process: _first(process, 1).remaining,  # whoever decides anew asks for what is left now
        limit=ground.price * Decimal("0.98"),
        stop=_stop(ground),
    )

    async def move(process: Process) -> None:
        await process.want_moved(_first(process, 1), other)

    return [
        (None, lambda process: process.want(first)),
        (lambda: ground.fill_bids(ground.quantity * _HALF), move),
        (ground.pass_time, tick),
        (ground.pass_time, tick),
    ]


def sliced(ground: Ground) -> list[Step]:
    """A purchase in equal parts over time, each with its stop."""
    began = ground.clock.now()
    template: OrderIntent = _parent(ground)
    instrument = ground.instruments[ground.symbol]
    plan = twap(template, instrument, ground.price, start=began, interval=5 * ground.moment, parts=_PARTS)

    async def start(process: Process) -> None:
        process.worker.start(plan)
        await process.tick()

    steps: list[Step] = [(None, start)]
    for _ in range(16):
        steps.append((ground.pass_time, tick))
    return steps


def check_sliced(process: Process) -> None:
    """At most one part was given up, and nothing was bought beyond the parts that were sent."""
    children = [each for each in process.desk.orders.values() if each.intent.parent == "s-000002-00"]
    unsent = sum(each.status is OrderStatus.EXPIRED for each in children)
    bought = sum(each.filled for each in children)
    assert unsent <= 1
    wanted = process.ground.quantity * Decimal("0.6")
    assert wanted * (3 - unsent) / 3 <= bought <= wanted, bought
    assert not process.worker.running


def _parent(ground: Ground) -> OrderIntent:
    from dataclasses import replace

    from domain.money import Price, Quantity

    made: OrderIntent = OrderIntent(
        client_id="s-000002-00",
        session="s",
        cycle=2,
        leg=0,
        symbol=ground.symbol,
        side=Side.BUY,
        quantity=Quantity(ground.quantity * Decimal("0.6")),
        order_type=OrderType.MARKET,
        created_at=ground.clock.now(),
    )
    return replace(made, protective_stop=Price(_stop(ground)))


def _first(process: Process, number: int) -> Order:
    """The attempt of a wish that arrived."""
    attempts = [
        order
        for order in process.desk.orders.values()
        if order.intent.cycle == 1
        and order.intent.leg // 10 == number
        and not order.client_id.startswith("s-g")
    ]
    return attempts[-1]


STORIES: dict[str, Story] = {
    "single": single,
    "bracket": bracket,
    "chase": chase,
    "moved while filling": moved_while_filling,
}
"""Stories that must come out the same whoever died; `sliced` may come out smaller, and says by how much."""

Act = Callable[[Process], Awaitable[object]]
