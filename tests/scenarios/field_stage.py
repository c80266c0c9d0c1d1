"""A small desk at a scripted venue for the failings that trading bots are known for."""

from __future__ import annotations

from decimal import Decimal

from domain.events import EquityMarked, IntentRefused
from domain.orders import Order
from execution.scripted import ScriptedVenue
from memory.journal import MemoryJournal
from risk.limits import DEFAULTS, RiskLimits
from tests.faults.world import BTC, ETH, LIMITS, START, World, intent, world
from tests.roomy import ROOM

D = Decimal
STRICT = RiskLimits.from_mapping(
    {**DEFAULTS, **ROOM, "allowed_symbols": [BTC, ETH], "max_position_equity_fraction": "0.9"}
)


def venue(w: World) -> ScriptedVenue:
    assert isinstance(w.venue, ScriptedVenue)
    return w.venue


def rules(w: World, order: Order) -> list[str]:
    """The rules that refused the order; empty when none did."""
    told = [event for event in w.events(IntentRefused) if event.intent.client_id == order.client_id]
    return [breach.rule for event in told for breach in event.breaches]


async def holding(quantity: str = "0.5", limits: RiskLimits = LIMITS) -> World:
    """Bought at 40,000 and guarded at 38,000."""
    w = world(limits=limits)
    await w.buy(quantity=quantity)
    venue(w).fill("s-000001-00", quantity, "40000", START)
    await w.tick()
    return w


async def falls_to(w: World, price: str) -> None:
    w.feed.last[BTC] = D(price)
    await w.tick()


async def tries(w: World, leg: int, quantity: str = "0.01") -> list[str]:
    """What is against a small entry now, its stop 5 % below."""
    stop = str(round(w.feed.last[BTC] * D("0.95"), 2))
    return rules(w, await w.desk.submit(intent(leg, quantity=quantity, stop=stop, at=w.clock.now())))


def mark(w: World) -> None:
    """As the engine does once a bar."""
    account = w.portfolio
    now, prices = w.clock.now(), dict(w.feed.last)
    account.mark(prices, now)
    w.desk.record(
        EquityMarked(
            0,
            account.equity,
            account.cash,
            account.peak_equity,
            account.day_start_equity,
            account.week_start_equity,
            prices,
            now,
        )
    )
    w.journal.commit()


async def reborn(before: World, limits: RiskLimits = LIMITS) -> World:
    """The process died; the next one has the journal and the venue."""
    journal = before.journal
    assert isinstance(journal, MemoryJournal)
    journal.commit()
    w = world(journal, before.venue, feed=before.feed, limits=limits)
    w.desk.restore([event for _, event in journal.events()])
    await w.desk.reconcile()
    return w
