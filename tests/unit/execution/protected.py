"""A position at a scripted venue, a second at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from domain.money import Price
from domain.orders import TERMINAL, Order, OrderType, TimeInForce
from execution.scripted import ALL, ScriptedVenue
from execution.venue import Capabilities
from tests.faults.world import BTC, START, World, intent, world

ENTRY = "s-000001-00"
NO_GROUPS = replace(ALL, groups=False)
LOCKING = replace(ALL, shares_holdings=False)
PLAIN = replace(LOCKING, groups=False)
NO_STOPS = Capabilities(
    frozenset({OrderType.MARKET, OrderType.LIMIT}), frozenset({TimeInForce.GTC}), post_only=True
)


def scripted(at: World) -> ScriptedVenue:
    assert isinstance(at.venue, ScriptedVenue)
    return at.venue


def live(w: World) -> list[tuple[str, Decimal, Decimal | None]]:
    """What rests at the venue: type, what is left, price."""
    return [
        (
            kept.intent.order_type.value,
            kept.intent.quantity - kept.filled,
            kept.intent.trigger_price or kept.intent.limit_price,
        )
        for kept in scripted(w)._orders.values()
        if kept.status not in TERMINAL
    ]


def seconds(w: World, count: float) -> None:
    w.clock.set(w.clock.now() + timedelta(seconds=count))
    w.feed.now = w.clock.now()


async def second(w: World, price: str | None = None, count: float = 1) -> None:
    """A moment later, at this price: the venue reports and the guardian looks."""
    seconds(w, count)
    if price is not None:
        w.feed.last[BTC] = Decimal(price)
    await w.desk.sync()
    await w.guardian.check()


async def holding(does: Capabilities = ALL, quantity: str = "0.5", **entry: object) -> World:
    w = world(venue=ScriptedVenue(capabilities=does))
    await w.desk.submit(replace(intent(0, quantity=quantity), **entry))  # type: ignore[arg-type]
    scripted(w).fill(ENTRY, quantity, "40000", START)
    await second(w)
    return w


def own(w: World) -> list[Order]:
    return [order for order in w.desk.orders.values() if order.client_id.startswith("s-g-")]


HALF, STOP = Decimal("0.5"), ("stop", Decimal("0.5"), Decimal("38000"))
PROFIT = Price(Decimal(44_000))
