"""A desk with a scripted venue and an algorithm worker, whose time and processes a test can move."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Literal

from domain.algorithms import AlgorithmPlan
from domain.events import AlgorithmEnded
from domain.money import Price, Quantity
from domain.orders import Order, OrderIntent, OrderType, Origin, Side
from execution.algorithms.worker import AlgorithmWorker
from execution.scripted import ScriptedVenue
from memory.journal import MemoryJournal
from risk.approval import ApprovedOrder
from risk.limits import DEFAULTS, RiskLimits
from tests.faults.world import BTC, ETH, INSTRUMENTS, START, StillFeed, World, world
from tests.roomy import ROOM

MINUTE = timedelta(minutes=1)


class Killed(BaseException):
    """The process dies here: nothing after this line happens."""


class DeadlyVenue(ScriptedVenue):
    """Kills the process when it sends its next order: `before` it arrives, or `after`."""

    def __init__(self) -> None:
        super().__init__()
        self.kills: Literal["", "before", "after"] = ""

    async def place(self, order: ApprovedOrder) -> str:
        kills, self.kills = self.kills, ""
        if kills == "before":
            raise Killed
        answer = await super().place(order)
        if kills == "after":
            raise Killed
        return answer


ROOMY = RiskLimits.from_mapping(
    {
        **DEFAULTS,
        **ROOM,
        "allowed_symbols": [BTC, ETH],
        "max_orders_per_window_count": 100_000,
        "max_open_orders_count": 1000,
        "max_order_notional_quote": "90000",
        "max_position_notional_quote": "90000",
        "max_position_equity_fraction": "1",
        "max_gross_exposure_equity_fraction": "1",
        "price_collar_fraction": "0.5",
        "max_quote_age_seconds": 86_400,
    }
)


class Stage:
    """`crash` throws the process away: what was committed and what the venue has are all that is left."""

    def __init__(self) -> None:
        self.venue = DeadlyVenue()
        self.feed = StillFeed()
        self.journal = MemoryJournal()
        self._begin()

    def _begin(self) -> None:
        self.world: World = world(self.journal, self.venue, feed=self.feed, limits=ROOMY)
        self.worker = AlgorithmWorker(
            self.world.desk,
            self.world.clock,
            quote=self.feed.quote,
            instruments=INSTRUMENTS,
            halt=lambda: self.world.halt[0],
        )

    async def crash(self) -> None:
        """The next process on the same journal and venue; the halt outlives it, as the home's would."""
        kept = MemoryJournal()
        for _, event in self.journal.events():
            kept.append(event)
        kept.commit()
        halt = self.world.halt[0]
        self.journal = kept
        self._begin()
        self.world.halt[0] = halt
        past = [event for _, event in kept.events()]
        self.world.desk.restore(past)
        await self.world.desk.reconcile()
        self.worker.restore(past)

    async def pass_time(self, minutes: int = 1) -> None:
        """Time moves, the venue reports, algorithms work, the batch is committed."""
        self.feed.now = (self.feed.now or START) + MINUTE * minutes
        self.world.clock.set(self.feed.now)
        await self.world.desk.sync()
        await self.worker.tick()
        self.journal.commit()

    def children(self, plan: AlgorithmPlan) -> list[Order]:
        orders = self.world.desk.orders.values()
        return [order for order in orders if order.intent.parent == plan.algorithm_id]

    def executed(self, plan: AlgorithmPlan) -> tuple[Decimal, Decimal]:
        """What the venue, not the desk, has executed of a plan: base and quote currency."""
        seen = [fill for kept in self.venue._orders.values() for fill in kept.fills]
        mine = [fill for fill in seen if fill.client_id.startswith(plan.algorithm_id + "-")]
        return (
            sum((fill.quantity for fill in mine), Decimal(0)),
            sum((fill.quantity * fill.price for fill in mine), Decimal(0)),
        )

    def fill_all(self, share: Decimal = Decimal(1), *, report: bool = True) -> None:
        """Execute a share of everything that is open at the venue, at the last price or its limit."""
        for name, kept in tuple(self.venue._orders.items()):
            left = kept.intent.quantity - kept.filled
            amount = INSTRUMENTS[kept.intent.symbol].quantity(left * share)
            if not kept.status.value.startswith(("accepted", "partially")) or not amount:
                continue
            last = self.feed.last[kept.intent.symbol]
            price = min(last, kept.intent.limit_price or last)
            self.venue.fill(name, amount, price, self.world.clock.now(), report=report)

    def ended(self) -> list[AlgorithmEnded]:
        events = [event for _, event in self.journal.events()]
        return [event for event in events if isinstance(event, AlgorithmEnded)]


def parent(
    quantity: str = "1",
    *,
    side: Side = Side.BUY,
    limit: str | None = None,
    stop: str | None = "36000",
    name: str = "s-000001-00",
    cycle: int = 1,
) -> OrderIntent:
    """A leg of a cycle that is to be worked in parts: a whole bitcoin at 40000 unless told otherwise."""
    return OrderIntent(
        client_id=name,
        session="s",
        cycle=cycle,
        leg=0,
        symbol=BTC,
        side=side,
        quantity=Quantity(Decimal(quantity)),
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        created_at=START,
        origin=Origin.CYCLE,
        reduce_only=side is Side.SELL,
        limit_price=None if limit is None else Price(Decimal(limit)),
        protective_stop=None if stop is None or side is Side.SELL else Price(Decimal(stop)),
        arrival=Price(Decimal("40000")),
    )
