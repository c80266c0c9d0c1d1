"""Simulated hours at a simulated exchange that breaks down now and then, and what they came to.

`python -m tests.unit.app.venue_soak binance 24` runs a day in about two minutes and prints its figures.
"""

from __future__ import annotations

import asyncio
import gc
import math
import os
import random
import sys
import time
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from app.venue_run import VenueRun
from app.venue_world import protection_bound
from domain.events import EquityMarked, Notice, OrderFilled, OrderUnknown
from domain.money import Symbol
from domain.reconciliation import Reconciled, Unprotected
from simulator.wire.faults import Fault, FaultKind, When
from tests.unit.app.wire_stage import ACCOUNT, WireStage, wire_stage

LOOK = 5.0
BOUND = protection_bound(timedelta(seconds=10), 1.0)
"""No gap in protection may be longer, as the guardian measures it, though a look is 5 seconds here."""
_HOUR = int(3600 / LOOK)
_KINDS = (
    FaultKind.ERROR,
    FaultKind.RESET,
    FaultKind.DROP,
    FaultKind.RATE_LIMIT,
    FaultKind.MAINTENANCE,
    FaultKind.STALE_BOOK,
    FaultKind.DISCONNECT,
    FaultKind.MISSING_EVENT,
    FaultKind.DUPLICATE_EVENT,
)


@dataclass
class Soak:
    """At the end of every hour `objects` counts what the collector tracks, and `resident` megabytes. `bare`
    is the longest time, in simulated seconds, that a position which can have a stop at the venue had none.
    `gap` is the longest gap in protection that the guardian measured, `late` are those it said were longer
    than its bound."""

    venue: str
    outages: int = 0
    marks: int = 0
    fills: int = 0
    unknown: int = 0
    errors: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    equal: bool = False
    bare: float = 0.0
    gap: float = 0.0
    late: list[str] = field(default_factory=list)
    objects: list[int] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    equity: Decimal = Decimal(0)
    seconds: float = 0.0


async def soak(venue: str, hours: int, seed: int = 3, outage_chance: float = 0.004) -> Soak:
    """So many hours with outages, then ten minutes of peace."""
    chance, told, begun = random.Random(seed), Soak(venue), time.perf_counter()  # noqa: S311 - a drill
    async with wire_stage(venue, look=LOOK) as stage, stage.run() as run:
        run.desk.guardian.bound = BOUND  # that of real time: the stage's own speed is not how its time passes
        streak = 0.0
        for look in range(hours * _HOUR + 120):
            if look < hours * _HOUR and chance.random() < outage_chance:
                stage.server.faults.add(_trouble(chance, look))
                told.outages += 1
            elif look == hours * _HOUR:
                stage.server.faults.clear()
            await run.beat()
            streak = streak + LOOK if _bare(stage, run) else 0.0
            told.bare = max(told.bare, streak)
            await stage.rest(1)
            if look % _HOUR == _HOUR - 1:
                gc.collect()
                told.objects.append(len(gc.get_objects()))
                told.resident.append(_resident())
        told.equal = stage.books(run.desk) == stage.held()
        told.gap = run.desk.guardian.gaps.longest(stage.time.clock.now()).total_seconds()
        told.equity = run.desk.portfolio.equity
        run.desk.portfolio.check()
        _count(stage, told)
        await run.close()
    told.seconds = time.perf_counter() - begun
    return told


def _resident() -> float:
    """Megabytes of memory that the process really occupies, as Linux counts them; elsewhere nothing."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return math.nan
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _trouble(chance: random.Random, seed: int) -> Fault:
    return Fault(
        chance.choice(_KINDS),
        chance.choice(tuple(When)),
        lasts=chance.choice((20, 120, 400)),
        probability=chance.choice((1.0, 0.4)),
        seed=seed,
    )


def _bare(stage: WireStage, run: VenueRun) -> set[Symbol]:
    """What is held, could have a stop at the venue, and has neither one nor an order that gets out of it."""
    desk = run.desk
    if not desk.venue.capabilities.stops:
        return set()
    resting = {order.symbol for order in stage.exchange.open_orders(ACCOUNT) if order.trigger_price}
    leaving = {o.intent.symbol for o in desk.orders.open_orders() if o.intent.reduce_only}
    bare: set[Symbol] = set()
    for symbol, position in desk.portfolio.positions.items():
        instrument = desk.feed.instruments[symbol]
        quantity, price = instrument.quantity(position.quantity), instrument.price(position.mark)
        if not instrument.filter_problems(quantity, price) and symbol not in resting | leaving:
            bare.add(symbol)
    return bare


def _count(stage: WireStage, told: Soak) -> None:
    for event in stage.events():
        match event:
            case EquityMarked():
                told.marks += 1
            case OrderFilled():
                told.fills += 1
            case OrderUnknown():
                told.unknown += 1
            case Notice(level="error", message=message):
                told.errors.append(message)
            case Unprotected(symbol=symbol, since=since, at=at):
                told.late.append(f"{symbol} {since:%H:%M:%S} to {at:%H:%M:%S}")
            case Reconciled(differences=differences):
                told.unexplained += [each.message for each in differences if each.verdict != "explained"]
            case _:
                continue


if __name__ == "__main__":
    print(asyncio.run(soak(sys.argv[1], int(sys.argv[2]))))
