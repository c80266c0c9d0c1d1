"""The real order desk in front of a simulated exchange on the wire, and how a case is brought to its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from domain.events import DeskEvent, Notice
from domain.halt import HaltState
from domain.instrument import Instrument
from domain.market import OrderBook, Quote
from domain.money import Money, Price, Quantity, Symbol
from domain.orders import TERMINAL, Order, OrderIntent, OrderStatus, OrderType, Side, client_order_id
from execution.facts import FactsSource, no_breakers
from execution.order_desk import OrderDesk
from market.bars import Bars
from memory.journal import MemoryJournal
from portfolio.portfolio import Portfolio
from risk.limits import DEFAULTS, RiskLimits
from simulator.exchange.model import OrderView
from simulator.exchange.policy import FeeIn
from tests.contracts.wire_world import WireWorld, wire_world
from tests.roomy import ROOM, deep_book, still_bars
from tests.scenarios.stage import BTC, INSTRUMENT, USDT, StageFeed

CAPITAL = Money(Decimal(10_000), USDT)
LIMITS = RiskLimits.from_mapping(
    {
        **DEFAULTS,
        **ROOM,
        "allowed_symbols": [BTC],
        "max_order_notional_quote": "5000",
        "max_position_notional_quote": "9000",
        "max_position_equity_fraction": "1",
        "max_gross_exposure_equity_fraction": "1",
        "price_collar_fraction": "0.5",
        "require_stop": False,
    }
)
_LONGEST_ROUNDS = 40


class _Feed(StageFeed):
    """A market that stands at 100 and is always fresh."""

    def __init__(self, world: WireWorld) -> None:
        super().__init__({}, {})
        self.world = world

    def book(self, symbol: Symbol) -> OrderBook | None:
        return deep_book(symbol, Decimal(100), self.world.clock.now())

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        return still_bars(symbol, self.timeframe, Decimal(100), as_of, min(limit, 48))

    @property
    def instruments(self) -> dict[Symbol, Instrument]:
        return {BTC: INSTRUMENT}

    @property
    def now(self) -> datetime | None:
        return self.world.clock.now()

    def quote(self, symbol: Symbol) -> Quote | None:
        price = Price(Decimal(100))
        return Quote(symbol, price, price, price, self.world.clock.now())


@dataclass(slots=True)
class WireDesk:
    """One desk at one venue; `legs` numbers its intents."""

    world: WireWorld
    desk: OrderDesk
    portfolio: Portfolio
    seen: list[DeskEvent]
    legs: int = 0
    intents: dict[str, OrderIntent] = field(default_factory=dict)

    def intent(
        self,
        kind: OrderType,
        side: Side,
        quantity: str,
        *,
        limit: str | None = None,
        trigger: str | None = None,
        reduce_only: bool = False,
    ) -> OrderIntent:
        self.legs += 1
        made = OrderIntent(
            client_id=client_order_id("matrix", 1, self.legs),
            session="matrix",
            cycle=1,
            leg=self.legs,
            symbol=BTC,
            side=side,
            quantity=Quantity(Decimal(quantity)),
            order_type=kind,
            created_at=self.world.clock.now(),
            reduce_only=reduce_only,
            limit_price=None if limit is None else Price(Decimal(limit)),
            trigger_price=None if trigger is None else Price(Decimal(trigger)),
        )
        self.intents[made.client_id] = made
        return made

    def again(self, intent: OrderIntent) -> OrderIntent:
        """The same wish as a new order, as whoever asked for it would decide anew."""
        self.legs += 1
        client_id = client_order_id("matrix", 1, self.legs)
        made = replace(
            intent, client_id=client_id, leg=self.legs, created_at=self.world.clock.now(), replaces=""
        )
        self.intents[client_id] = made
        return made

    async def settle(self) -> None:
        """Let time pass and the desk look, until no order's fate is unknown and nothing is under way."""
        rounds = _LONGEST_ROUNDS + self.world.venue.line.profile.acceptance // timedelta(seconds=1)
        for _ in range(rounds):
            self.world.wait(2)
            await self.desk.sync()
            await self.desk.tick()
            if not any(self._under_way(order) for order in self.desk.orders.values()):
                return
        states = {order.client_id: (order.status, order.note) for order in self.desk.orders.values()}
        raise AssertionError(f"not settled after {rounds} rounds: {states}")

    @staticmethod
    def _under_way(order: Order) -> bool:
        return order.status in (OrderStatus.UNKNOWN, OrderStatus.SUBMITTING, OrderStatus.CANCELLING)

    def at_venue(self) -> list[OrderView]:
        """Every order the venue ever took in from the desk, oldest first."""
        return sorted(self.world.orders(), key=lambda view: view.order_id)

    def live_at_venue(self) -> list[OrderView]:
        return [view for view in self.at_venue() if view.is_open]

    def notices(self) -> list[str]:
        return [event.message for event in self.seen if isinstance(event, Notice)]

    def check_books(self) -> None:
        """The ledger is the venue's account to the last digit, and the desk's orders are the venue's."""
        ledger = {name: amount for name, amount in self.portfolio.balances().items() if amount}
        venue = {name: amount for name, amount in self.world.held().items() if amount}
        assert ledger == venue, (ledger, venue, self.notices())
        self.portfolio.check()
        resting = [order for order in self.desk.orders.values() if order.status not in TERMINAL]
        assert len(resting) == len(self.live_at_venue()), (
            [(order.client_id, order.status) for order in resting],
            [(view.client_id, view.status) for view in self.live_at_venue()],
        )
        assert sum(view.filled for view in self.at_venue()) == sum(
            order.filled for order in self.desk.orders.values()
        )


@asynccontextmanager
async def wire_desk(wire: str, *, stream: bool = False) -> AsyncIterator[WireDesk]:
    """A desk with 10,000 USDT at a venue that charges fees in what is received, where the venue can."""
    funds = {USDT: CAPITAL.amount}
    fee_in = FeeIn.QUOTE if wire == "coinbase" else FeeIn.RECEIVED
    async with wire_world(wire, funds=funds, fee_in=fee_in, stream=stream) as world:
        seen: list[DeskEvent] = []
        portfolio = Portfolio(CAPITAL, {BTC: INSTRUMENT})
        portfolio.mark({BTC: Decimal(100)}, world.clock.now())
        desk = OrderDesk(
            venue=world.venue,
            portfolio=portfolio,
            facts=FactsSource(
                portfolio, _Feed(world), lambda: HaltState.ACTIVE, LIMITS, breakers=no_breakers
            ),
            limits=LIMITS,
            journal=MemoryJournal(),
            clock=world.clock,
            publish=seen.append,
        )
        yield WireDesk(world, desk, portfolio, seen)
