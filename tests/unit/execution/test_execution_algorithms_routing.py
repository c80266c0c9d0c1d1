"""Routed orders at work: each part at its venue, written down before it goes, none while a desk is mute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from domain.algorithms import AlgorithmPlan, PartRouted
from domain.errors import VenueDown
from domain.events import Notice
from domain.halt import HaltState
from domain.market import BookLevel
from domain.money import Price, Quantity
from domain.orders import Order, OrderIntent
from execution.algorithms.plans import routed
from execution.algorithms.router import VenueOffer
from execution.algorithms.worker import AlgorithmWorker
from execution.order_desk import OrderDesk
from execution.scripted import ScriptedVenue
from tests.faults.world import BTC, INSTRUMENTS, START, World, world
from tests.unit.execution.algorithm_stage import MINUTE, ROOMY, parent

COIN = INSTRUMENTS[BTC]
PRICE = Decimal(40_000)
HOUR = 60 * MINUTE


class Other:
    """A desk at another venue, in this process."""

    def __init__(self, desk: OrderDesk, offer: VenueOffer) -> None:
        self.desk = desk
        self.down = False
        self._offer = offer

    @property
    def orders(self) -> Mapping[str, Order]:
        return self.desk.orders

    async def submit(self, intent: OrderIntent) -> Order:
        return await self.desk.submit(intent)

    async def cancel(self, client_id: str, reason: str) -> Order:
        return await self.desk.cancel(client_id, reason)

    async def refresh(self, plan: AlgorithmPlan) -> None:
        if self.down:
            raise VenueDown("nobody there")

    async def offer(self, plan: AlgorithmPlan) -> VenueOffer:
        return self._offer

    def adopt(self, intent: OrderIntent) -> None:
        raise AssertionError(f"{intent.client_id} was never lost")


def worker_of(near: World) -> AlgorithmWorker:
    return AlgorithmWorker(
        near.desk,
        near.clock,
        quote=near.feed.quote,
        instruments=INSTRUMENTS,
        halt=lambda: HaltState.ACTIVE,
    )


async def test_a_routed_order_goes_to_every_venue_it_is_split_over() -> None:
    near, far = world(limits=ROOMY), world(limits=ROOMY, venue=ScriptedVenue())
    told = (
        VenueOffer(
            "near", (BookLevel(Price(PRICE), Quantity(Decimal("0.4"))),), Decimal(0), Decimal(90_000), COIN
        ),
        VenueOffer(
            "far", (BookLevel(Price(PRICE + 50), Quantity(Decimal(2))),), Decimal(0), Decimal(90_000), COIN
        ),
    )

    async def own(plan: AlgorithmPlan) -> VenueOffer:
        return told[0]

    other = Other(far.desk, told[1])
    worker = worker_of(near)
    worker.route_over({"far": other}, own)
    worker.start(routed(parent(), start=START, end=START + HOUR, interval=MINUTE))
    await worker.tick()
    assert [f"{order.intent.quantity:f}" for order in near.desk.orders.values()] == ["0.400"]
    assert [f"{order.intent.quantity:f}" for order in far.desk.orders.values()] == ["0.600"]
    near.clock.set(START + MINUTE)
    near.feed.now = START + MINUTE
    await worker.tick()  # nothing was filled within the interval: withdrawn, and split again
    assert [len(each.desk.orders) for each in (near, far)] == [2, 2]
    assert [len(each.desk.open_orders()) for each in (near, far)] == [1, 1]
    assert [event.intent.client_id for event in near.events(PartRouted)] == list(far.desk.orders)


async def test_nothing_new_is_routed_while_a_desk_does_not_tell_what_it_has() -> None:
    near, far = world(limits=ROOMY), world(limits=ROOMY, venue=ScriptedVenue())
    level = BookLevel(Price(PRICE), Quantity(Decimal(2)))
    offer = VenueOffer("far", (level,), Decimal(0), Decimal(90_000), COIN)

    async def own(plan: AlgorithmPlan) -> VenueOffer:
        return replace(offer, venue="near", levels=(replace(level, price=Price(PRICE + 50)),))

    other = Other(far.desk, offer)
    worker = worker_of(near)
    worker.route_over({"far": other}, own)
    worker.start(routed(parent(), start=START, end=START + HOUR, interval=MINUTE))
    other.down = True
    await worker.tick()
    await worker.tick()
    assert not near.desk.orders
    (notice,) = near.events(Notice)
    assert "nobody there" in notice.message
    other.down = False
    await worker.tick()
    assert [order.intent.quantity for order in far.desk.orders.values()] == [Decimal(1)]

    again = worker_of(near)
    again.route_over({}, own)  # after a restart that other desk is not named any more
    again.restore(near.seen)
    near.clock.set(START + MINUTE)
    await again.tick()
    assert not near.desk.orders
    (state,) = again.running
    assert state.claimed == 1
