"""Everything the nodes of one session need, handed in once by the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from domain.clock import Clock, LiveClock
from domain.events import DeskEvent, EventSink
from domain.halt import HaltState
from domain.money import Symbol
from domain.orders import Order, Origin
from domain.ports import Journal
from execution.algorithms.worker import AlgorithmWorker
from execution.legs import LegPolicy
from graph.allocating import Allocator, Footing
from graph.proposal import BlendPolicy
from graph.sizing import Judged, Sizer, no_record
from tools.context import ToolContext

if TYPE_CHECKING:
    from decimal import Decimal

    from agents.base import Analyst, Temperer, Trader
    from domain.market import MarketSnapshot
    from execution.facts import FactsSource
    from execution.order_desk import OrderDesk
    from market.feed import Feed
    from market.snapshot import SnapshotBuilder
    from memory.records import CycleRecord
    from portfolio.portfolio import Portfolio
    from portfolio.sizing import Sizing
    from risk.breakers.board import BreakerBoard
    from risk.facts import RiskFacts
    from risk.limits import RiskLimits
    from strategies.base import Strategy


_OF_CYCLES = frozenset({Origin.CYCLE, Origin.ALGORITHM})


class RecordSink(Protocol):
    """Where cycle records go: the record store, or memory in a backtest."""

    def save(self, record: CycleRecord) -> str:
        """Keep the record and return the SHA-256 of its content. Raises StorageError when it cannot."""
        ...


def equal_track(source: str) -> float:
    """The same weight for every source: what is used until a track record exists."""
    return 1.0


@dataclass(slots=True)
class CycleContext:
    """The rooms one session's decision cycles work with. Nothing in here goes into the graph's state.

    `clock` is the desk's time (simulated on a tape), `wall` stamps the node events people watch.
    `halt` tells the halt state at any moment. `publish` reaches every listener; `journal` keeps the
    durable events. `track` gives a source's weight in the blend, from its record; never negative.
    `allocator` keeps base weights where they are configured, `sizing` is the pipeline between opinions and
    proposal, `judged` tells how often a source was right. `algorithms` works the orders that go out in
    parts. Whoever works on orders holds `hands`: the cycle when it sends, the engine when it looks after
    stops and algorithms.
    """

    session: str
    feed: Feed
    clock: Clock
    snapshots: SnapshotBuilder
    portfolio: Portfolio
    facts: FactsSource
    limits: RiskLimits
    desk: OrderDesk
    journal: Journal
    records: RecordSink
    publish: EventSink
    halt: Callable[[], HaltState]
    strategies: tuple[Strategy, ...]
    market_analyst: Analyst
    sentiment_analyst: Analyst
    risk_analyst: Temperer
    execution_trader: Trader
    policy: BlendPolicy = field(default_factory=BlendPolicy)
    leg_policy: LegPolicy = field(default_factory=LegPolicy)
    sizing: Sizing | None = None
    allocator: Allocator | None = None
    track: Callable[[str], float] = equal_track
    breakers: BreakerBoard | None = None
    judged: Judged = no_record
    wall: Clock = field(default_factory=LiveClock)
    hands: asyncio.Lock = field(default_factory=asyncio.Lock)
    algorithms: AlgorithmWorker = field(init=False)

    def __post_init__(self) -> None:
        self.algorithms = AlgorithmWorker(
            self.desk,
            self.clock,
            quote=self.feed.quote,
            instruments=self.feed.instruments,
            halt=self.halt,
        )

    def limit_to(self, limits: RiskLimits) -> None:
        """Decide and review by these limits from now on."""
        self.limits = limits

    def emit(self, event: DeskEvent) -> None:
        """Journal a durable event (in the open batch), then tell every listener."""
        if event.durable:
            self.journal.append(event)
        self.publish(event)

    def standing_orders(self, cycle: int) -> tuple[Order, ...]:
        """Open orders that will still be there when this cycle's are sent.

        The remainders of earlier cycles are left out: the order-desk node withdraws them first.
        """
        return tuple(
            order
            for order in self.desk.open_orders()
            if order.intent.origin not in _OF_CYCLES or order.intent.cycle >= cycle
        )

    def gather(
        self, symbol: Symbol, cycle: int, now: datetime, client_id: str = "", *, entry: bool = True
    ) -> RiskFacts:
        """What the gate would see for an order in `symbol`, now; `client_id` is the one under review."""
        others = (order for order in self.standing_orders(cycle) if order.client_id != client_id)
        return self.facts.gather(symbol, now, others, entry=entry)

    def sizer(self, snapshot: MarketSnapshot) -> Sizer | None:
        """Sizes this cycle's weights; None when no stage is configured."""
        if self.sizing is None:
            return None
        return Sizer(
            self.sizing,
            snapshot=snapshot,
            feed=self.feed,
            portfolio=self.portfolio,
            max_weight=float(self.policy.max_weight),
            judged=self.judged,
        )

    async def footing(self, cycle: int, snapshot: MarketSnapshot, held: Mapping[Symbol, Decimal]) -> Footing:
        """What this cycle's blend stands on; see `Allocator.footing`, which may raise DataError."""
        sizer = self.sizer(snapshot)
        if self.allocator is None:
            return Footing(self.policy, None, sizer)
        return await self.allocator.footing(
            cycle=cycle, as_of=snapshot.as_of, held=held, policy=self.policy, sizer=sizer, emit=self.emit
        )

    def toolbox(self, snapshot: MarketSnapshot, cycle: int, cycle_id: str) -> ToolContext:
        """What the agents' tools may look at in this cycle. No door to the order desk."""
        return ToolContext(
            snapshot=snapshot,
            feed=self.feed,
            portfolio=self.portfolio,
            facts=lambda symbol: self.gather(symbol, cycle, snapshot.as_of),
            limits=self.limits,
            cycle_id=cycle_id,
            publish=self.publish,
            session=self.session,
            cycle=cycle,
        )


def declared_features(
    strategies: tuple[Strategy, ...], *agents: Analyst | Temperer | Trader
) -> tuple[str, ...]:
    """Every feature that any source names, once each, in a stable order."""
    names = [name for source in (*strategies, *agents) for name in source.features]
    return tuple(dict.fromkeys(names))
