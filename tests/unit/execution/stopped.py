"""A desk that follows a stop plan at a scripted venue whose market moves bar by bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from domain.clock import to_ns
from domain.events import StopArmed
from domain.market import Candle
from domain.money import Price, Quantity, Symbol
from domain.orders import TERMINAL, Order, OrderIntent, OrderStatus, OrderType, Origin, Side
from domain.ports import Journal
from execution.guardian import StopGuardian
from execution.scripted import ALL, ScriptedVenue
from execution.stops.keeper import StopKeeper
from execution.stops.plan import Rung, StopKind, StopPlan
from execution.venue import Capabilities
from market.bars import Bars
from market.features import FeatureEngine
from memory.journal import MemoryJournal
from risk.limits import RiskLimits
from tests.faults.world import BTC, LIMITS, START, StillFeed, World, intent, world

HOUR = timedelta(hours=1)
WIDE = replace(LIMITS, max_stop_distance_fraction=Decimal("0.9"))


def plan(*rules: StopKind | str, ladder: str = "", **numbers: object) -> StopPlan:
    """A plan of these rules; numbers may be written as text, a ladder as "part@R part@R"."""
    told = {name: Decimal(value) if isinstance(value, str) else value for name, value in numbers.items()}
    parts = [part.split("@") for part in ladder.split()]
    rungs = {"ladder": tuple(Rung(Decimal(part), Decimal(at)) for part, at in parts)} if parts else {}
    return StopPlan(rules=tuple(StopKind(rule) for rule in rules), **rungs, **told)  # type: ignore[arg-type]  # data


class BarFeed(StillFeed):
    """Every bar is 100 high around its close unless told otherwise, so its average true range is 100."""

    def __init__(self, warm: int = 30, price: str = "40000") -> None:
        super().__init__()
        self.last[BTC] = Decimal(price)
        self.bars: list[Candle] = []
        self.now: datetime | None = START - warm * HOUR
        for _ in range(warm):
            self.add(price)

    def add(self, close: str | Decimal, high: str | None = None, low: str | None = None) -> Candle:
        opened, shut = self.now or START, Decimal(close)
        before = self.last[BTC]
        top = Decimal(high) if high else max(shut, before) + 50
        bottom = Decimal(low) if low else min(shut, before) - 50
        first, top, bottom, last = (Price(each) for each in (before, top, bottom, shut))
        volume = Quantity(Decimal(10))
        self.bars.append(Candle(BTC, self.timeframe, opened, opened + HOUR, first, top, bottom, last, volume))
        self.now, self.last[BTC] = opened + HOUR, shut
        return self.bars[-1]

    def candle(self, symbol: Symbol) -> Candle | None:
        shut = self.bars[-1]
        return shut if symbol == BTC and shut.close_time == self.now else None

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        kept = [bar for bar in self.bars if bar.close_time <= as_of and symbol == BTC][-limit:]
        columns = {
            name: np.array([float(getattr(bar, name)) for bar in kept], np.float64)
            for name in ("open", "high", "low", "close", "volume")
        }
        return Bars(
            symbol,
            self.timeframe,
            np.array([to_ns(bar.open_time) for bar in kept], np.int64),
            np.array([to_ns(bar.close_time) for bar in kept], np.int64),
            **columns,
        )

    def bar_index(self) -> int:
        return len(self.bars) - 1


class Stage:
    """One life of the desk after another, on one journal, one venue and one market."""

    def __init__(
        self,
        stops: StopPlan,
        *,
        does: Capabilities = ALL,
        bound: timedelta | None = None,
        limits: RiskLimits = WIDE,
        fee_currency: str = "USDT",
        split: bool = False,
    ) -> None:
        """With `split` whatever fills does so in two executions."""
        self.plan, self.bound, self.limits, self.split = stops, bound, limits, split
        self.sold = 0
        self.feed = BarFeed()
        self.venue = ScriptedVenue(fee_currency, capabilities=does)
        self.journal: Journal = MemoryJournal()
        self.w = self._begin()
        self._entries = 0

    def _begin(self) -> World:
        w = world(self.journal, self.venue, feed=self.feed, limits=self.limits)
        self.features = FeatureEngine(self.feed, self.plan.features)
        self.features.update()
        self.keeper = StopKeeper(self.plan, w.portfolio, self.feed, self.features.pick, w.desk.first_stop)
        w.guardian = StopGuardian(
            w.desk,
            w.portfolio,
            self.feed,
            w.clock,
            session="s",
            bound=self.bound,
            keeper=self.keeper if self.plan.rules else None,
        )
        return w

    async def restart(self) -> None:
        """The process dies between two looks and the next one takes over."""
        assert isinstance(self.journal, MemoryJournal)
        before = self.w
        self.journal.commit()
        self.w = self._begin()
        self.w.seen.extend(before.seen)
        self.w.desk.restore([event for _, event in self.journal.events()])
        await self.w.desk.reconcile()
        self.w.portfolio.mark({BTC: self.feed.last[BTC]}, self.w.clock.now())
        await self.w.guardian.resume()

    # -- the market

    async def bar(self, close: str | Decimal, high: str | None = None, low: str | None = None) -> None:
        """One bar: what rests is filled by it, then the desk looks."""
        candle = self.feed.add(close, high, low)
        self.w.clock.set(candle.close_time)
        self.features.update()
        self._match(candle)
        await self.look()

    async def bars(self, *closes: str) -> None:
        for close in closes:
            await self.bar(close)

    async def look(self, price: str | None = None, later: float = 0) -> None:
        """A look between two bars, so many seconds later: no bar closes."""
        if price is not None:
            self.feed.last[BTC] = Decimal(price)
        if later:
            self.w.clock.set(self.w.clock.now() + timedelta(seconds=later))
        await self.w.desk.sync()
        self.w.portfolio.mark({BTC: self.feed.last[BTC]}, self.w.clock.now())
        await self.w.guardian.check()
        self.journal.commit()

    def _match(self, candle: Candle) -> None:
        for name, kept in list(self.venue._orders.items()):
            told = kept.intent
            left = told.quantity - kept.filled
            if told.side is Side.SELL:
                left = min(left, self._owned())
            if kept.status in TERMINAL:
                continue
            if not left:
                self.venue.end(name, OrderStatus.CANCELLED, candle.open_time, "nothing is left to sell")
                continue
            if told.order_type is OrderType.MARKET:
                self._fill(name, left, candle.open, candle.open_time)
            elif told.trigger_price is not None and candle.low <= told.trigger_price:
                self._fill(name, left, min(candle.open, told.trigger_price), candle.close_time)

    def _fill(self, name: str, left: Decimal, price: Decimal, at: datetime) -> None:
        part = self.feed.instruments[BTC].quantity(left / 3) if self.split else Decimal(0)
        for each in filter(None, (part, left - part)):
            self.venue.fill(name, each, price, at)

    def _owned(self) -> Decimal:
        fills = self.venue._fills()
        return sum((f.quantity if f.side is Side.BUY else -f.quantity for f in fills), Decimal(0))

    # -- what the tests do and see

    async def buy(self, quantity: str = "0.4", stop: str | None = "38000", **more: object) -> Order:
        """A market entry; the next bar fills it at its open."""
        self._entries += 1
        made = intent(0, quantity=quantity, stop=stop, at=self.w.clock.now(), cycle=self._entries)
        return await self.w.desk.submit(replace(made, **more))  # type: ignore[arg-type]  # fields of an intent

    async def hold(self, quantity: str = "0.4", stop: str | None = "38000") -> None:
        """Bought at 40,000 with its stop armed."""
        await self.buy(quantity, stop)
        await self.bar("40000")

    @property
    def armed(self) -> list[tuple[Decimal, str]]:
        """Every stop that was armed, and by which rule, in order."""
        return [(event.trigger_price, event.rule) for event in self.w.events(StopArmed)]

    @property
    def held(self) -> Decimal:
        position = self.w.portfolio.position(BTC)
        return Decimal(0) if position is None else position.quantity

    def own(self) -> list[OrderIntent]:
        """What the guardian asked for, in order."""
        return [o.intent for o in self.w.desk.orders.values() if o.intent.origin is Origin.GUARDIAN]

    def sales(self) -> list[tuple[Decimal, str]]:
        """The guardian's sales at market, and why."""
        return [(i.quantity, i.reason) for i in self.own() if i.order_type is OrderType.MARKET]

    def resting(self) -> list[tuple[Decimal, Decimal | None]]:
        """The stops that rest: what is left of each, and its trigger."""
        return [
            (order.remaining, order.intent.trigger_price)
            for order in self.w.desk.open_orders()
            if order.intent.guards
        ]


def levels(armed: Sequence[tuple[Decimal, str]]) -> list[Decimal]:
    return [price for price, _ in armed]
