"""Simulated hours of a storm at a simulated exchange that breaks down now and then, and what they came to.

A desk that cannot sit still trades four coins through the gate while the market moves by some 10 % a day;
orders get lost on the way there and on the way back, outages, streams and clocks go wrong by a seeded plan.
`python -m tests.unit.app.venue_soak binance 24` runs a day in some minutes and prints its figures; it ends
with code 1 and says why when one of them is not as it has to be.
"""

from __future__ import annotations

import asyncio
import gc
import math
import os
import sys
import tempfile
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.history import fold
from app.venue_run import LOOK as OWN_LOOK
from app.venue_run import VenueRun
from app.venue_world import protection_bound
from domain.events import EquityMarked, Notice, OrderFilled, OrderUnknown
from domain.money import ZERO, Symbol
from domain.orders import OrderStatus
from domain.reconciliation import Reconciled, Unprotected
from execution.exchanges.venue import CcxtVenue
from simulator.weather import STORM
from tests.unit.app import restless
from tests.unit.app.soak_trouble import Often, Trouble
from tests.unit.app.wire_stage import ACCOUNT, WireStage, wire_stage

LOOK = 5.0
BOUND = protection_bound(timedelta(seconds=10), 1.0) - OWN_LOOK + 2 * timedelta(seconds=LOOK)
"""How long a position may be without its stop while the venue takes requests in, one of them lost: as the
guardian's bound at a venue, but that a look every second is here one every five, which finds the fill, and
one that finds the end of the wait."""

SYMBOLS = (Symbol("BTC/USDT"), Symbol("ETH/USDT"), Symbol("SOL/USDT"), Symbol("XRP/USDT"))
_HOUR = int(3600 / LOOK)
_KEPT = 200
"""How many ended orders and trades of a market the exchange remembers: its memory is not the desk's."""
_PEACE = 120
"""Looks without trouble at the end."""
GROWTH = 0.05
"""By what fraction memory may grow from the end of hour 2 on; in less than 3 hours that says nothing."""

SECTIONS: dict[str, dict[str, Any]] = {
    "session": {"symbols": SYMBOLS, "timeframe": "1m", "decide_every": 3},
    "decision": {
        "strategies": (restless.NAME,),
        "max_weight": Decimal("0.12"),
        "rebalance_band": Decimal("0.01"),
        "entry_patience": 120.0,
        "entry_unfilled": "cancel",
    },
    "sizing": {"stages": ()},
    "risk": {
        "max_daily_loss_fraction": "0.20",
        "max_weekly_loss_fraction": "0.35",
        "max_drawdown_fraction": "0.50",
        "max_loss_streak_count": 20,
        "loss_streak_pause_seconds": 900,
        "max_orders_per_window_count": 1000,
        "news_blackout_seconds": 0,
    },
    "breakers": {
        "drawdown_fraction": 0.9,
        "equity_volatility_daily_fraction": 0.9,
        "strategy_loss_fraction": 0.99,
        "strategy_streak_count": 1000,
        "volatility_ratio": 1000.0,
        "price_gap_fraction": 0.5,
        "spread_fraction": 0.5,
        "spread_ratio": 1000.0,
        "venue_errors_count": 1000,
        "answer_seconds": 600.0,
        "missing_bars_count": 1000,
        "price_age_seconds": 86_400,
        "journal_seconds": 600.0,
        "clock_skew_seconds": 600.0,
        "order_rate_deviations_ratio": 1000.0,
        "slippage_allowance_fraction": 0.5,
        "system_wait_seconds": 60,
    },
}
"""What lets it trade on while everything goes wrong: a drill of execution, not of limits and breakers, which
would rather have it sit still."""


@dataclass
class Soak:
    """At the end of every hour `objects` counts what the collector tracks, and `resident` megabytes. `bare`
    is the longest time, in simulated seconds in which the venue took requests in, that a position which can
    have a stop at the venue had not all of it under one there. `gap` is the longest gap in protection that
    the guardian measured, `late` are those it said were longer than its bound, less what the venue was
    closed meanwhile. `hanging` are orders whose fate is not known at the end."""

    venue: str
    marks: int = 0
    fills: int = 0
    orders: Counter[str] = field(default_factory=Counter)
    unknown: int = 0
    hanging: list[str] = field(default_factory=list)
    laid: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    explained: int = 0
    unexplained: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    bare: float = 0.0
    gap: float = 0.0
    late: list[str] = field(default_factory=list)
    objects: list[int] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    equity: Decimal = Decimal(0)
    swing: float = 0.0
    seconds: float = 0.0

    @property
    def growth(self) -> float:
        """Of the memory, from the end of hour 2 to the end, as a fraction."""
        return self.resident[-1] / self.resident[1] - 1

    def problems(self) -> list[str]:
        """What is not as it has to be, in whole sentences; empty when all is well."""
        told = [f"not explained: {each}" for each in self.unexplained]
        told += [f"books and venue differ: {each}" for each in self.differences]
        told += [f"fate not known at the end: {each}" for each in self.hanging]
        told += [f"a gap in protection beyond the bound: {each}" for each in self.late]
        if self.bare > BOUND.total_seconds():
            told.append(f"without its stop for {self.bare:.0f} s, more than {BOUND.total_seconds():.0f} s")
        if not self.fills:
            told.append("nothing was traded")
        if not self.unknown:
            told.append("no order was ever of unknown fate: nothing was tried")
        if len(self.resident) > 2 and not self.growth < GROWTH:
            told.append(f"memory grew by {self.growth:.1%}, the bound is {GROWTH:.0%}")
        return told

    def __str__(self) -> str:
        names = (f"{name:>12}: {getattr(self, name)}" for name in self.__dataclass_fields__)
        return "\n".join([*names, f"{'growth':>12}: {self.growth:.1%}" if len(self.resident) > 2 else ""])


async def soak(venue: str, hours: float, *, seed: int = 3, often: Often | None = None, home: Path) -> Soak:
    """So many hours of trouble, then ten minutes of peace."""
    told, begun = Soak(venue), time.perf_counter()
    stages = wire_stage(
        venue, look=LOOK, symbols=SYMBOLS, weather=STORM, sections=SECTIONS, home=home, keep=_KEPT
    )
    with restless.hired():
        async with stages as stage, stage.run() as run:
            run.desk.guardian.bound = BOUND  # that of real time: the stage's own speed is not how time passes
            for symbol in SYMBOLS:
                stage.exchange.market_of(symbol).trades = deque(maxlen=_KEPT)
            trouble = Trouble(seed, stage.server.faults, often or Often(), timedelta(seconds=LOOK))
            watch = _Watch(stage, run, trouble)
            peace = round(hours * _HOUR)
            for look in range(peace + _PEACE):
                if look < peace:
                    trouble.look(stage.time.clock.now())
                elif look == peace:
                    trouble.end()
                await stage.through(run.beat())
                watch.look()
                await stage.rest(1)
                if look % _HOUR == _HOUR - 1:
                    gc.collect()
                    told.objects.append(len(gc.get_objects()))
                    told.resident.append(_resident())
            told.bare, told.swing = watch.longest, watch.swing
            told.laid, told.struck = trouble.laid, trouble.struck
            told.differences = _differences(stage, run)
            told.gap = run.desk.guardian.gaps.longest(stage.time.clock.now()).total_seconds()
            told.equity = run.desk.portfolio.equity
            run.desk.portfolio.check()
            _count(stage, run, trouble, told)
            await run.close()
    told.seconds = time.perf_counter() - begun
    return told


def _resident() -> float:
    """Megabytes of memory that the process really occupies, as Linux counts them; elsewhere nothing."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return math.nan
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


class _Watch:
    """Looks at the venue itself, beside the desk: how long something lay there without a stop."""

    def __init__(self, stage: WireStage, run: VenueRun, trouble: Trouble) -> None:
        self._stage = stage
        self._run = run
        self._trouble = trouble
        self._bare: dict[Symbol, float] = {}
        self._last = stage.time.counted
        self._low: dict[Symbol, Decimal] = {}
        self._high: dict[Symbol, Decimal] = {}
        self.longest = 0.0

    @property
    def swing(self) -> float:
        """The widest way between lowest and highest price of one coin, as a fraction."""
        return max(float(self._high[symbol] / low - 1) for symbol, low in self._low.items())

    def look(self) -> None:
        """Time in which the venue is closed is not counted; it does not make a new beginning either."""
        passed, self._last = self._stage.time.counted - self._last, self._stage.time.counted
        bare = self._uncovered()
        for symbol in tuple(self._bare):
            if symbol not in bare:
                del self._bare[symbol]
        for symbol in bare:
            counted = 0.0 if self._closed() else passed
            self._bare[symbol] = self._bare.get(symbol, 0.0) + counted
            self.longest = max(self.longest, self._bare[symbol])

    def _closed(self) -> bool:
        venue, now = self._run.desk.venue, self._stage.time.clock.now()
        assert isinstance(venue, CcxtVenue)
        silent = venue.line._silent_until
        return self._trouble.is_closed(now) or (silent is not None and now < silent)

    def _uncovered(self) -> set[Symbol]:
        """What lies at the venue, could have a stop there, and is not under one for all of it."""
        exchange, desk = self._stage.exchange, self._run.desk
        balances = exchange.balances(ACCOUNT)
        stopped: dict[Symbol, Decimal] = {}
        for order in exchange.open_orders(ACCOUNT):
            if order.trigger_price:
                left = order.quantity - order.filled
                stopped[order.symbol] = stopped.get(order.symbol, ZERO) + left
        bare: set[Symbol] = set()
        for symbol, instrument in desk.feed.instruments.items():
            price = exchange.market_of(symbol).last_price
            self._low[symbol] = min(price, self._low.get(symbol, price))
            self._high[symbol] = max(price, self._high.get(symbol, price))
            held = balances.get(instrument.base)
            if held is None or not desk.venue.capabilities.stops:
                continue
            quantity = instrument.quantity(held.free + held.locked)
            sellable = not instrument.filter_problems(quantity, instrument.price(price))
            if sellable and stopped.get(symbol, ZERO) < quantity:
                bare.add(symbol)
        return bare


def _differences(stage: WireStage, run: VenueRun) -> list[str]:
    """Where the desk's books and the venue's account are not the same to the last digit."""
    ours, theirs = stage.books(run.desk), stage.held()
    return [
        f"{name}: {ours.get(name)} in the books, {theirs.get(name)} at the venue"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    ]


def _count(stage: WireStage, run: VenueRun, trouble: Trouble, told: Soak) -> None:
    for event in stage.events():
        match event:
            case EquityMarked():
                told.marks += 1
            case OrderFilled():
                told.fills += 1
            case OrderUnknown():
                told.unknown += 1
            case Notice(level="error", message=message):
                told.errors[" ".join(message.split()[:9])] += 1
            case Unprotected(symbol=symbol, since=since, at=at):
                if at - since - _closed_between(trouble, since, at) > BOUND:
                    told.late.append(f"{symbol} {since:%d %H:%M:%S} to {at:%H:%M:%S}")
            case Reconciled(differences=differences):
                told.explained += sum(each.verdict == "explained" for each in differences)
                told.unexplained += [each.message for each in differences if each.verdict != "explained"]
            case _:
                continue
    for order in fold(stage.events()).sessions[-1].book.orders.values():  # the desk forgets old ones
        told.orders[f"{order.intent.order_type.value} {order.status.value}"] += 1
        if order.status in (OrderStatus.UNKNOWN, OrderStatus.SUBMITTING, OrderStatus.CANCELLING):
            told.hanging.append(f"{order.client_id}: {order.status}, {order.note}")


def _closed_between(trouble: Trouble, since: datetime, until: datetime) -> timedelta:
    spans = (min(end, until) - max(start, since) for start, end in trouble.closed)
    return sum((span for span in spans if span > timedelta(0)), timedelta(0))


def main() -> None:
    venue, hours = sys.argv[1], float(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    with tempfile.TemporaryDirectory() as home:
        told = asyncio.run(soak(venue, hours, seed=seed, home=Path(home)))
    print(told)
    if problems := told.problems():
        print("\n".join(problems), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
