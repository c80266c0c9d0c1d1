"""How well orders were executed: one measurement per order, folded from the journal's events alone.

Formulas and units are in docs/execution.md. Money is in the quote currency, times are the desk's own. The
arrival price is the middle of bid and ask when the order was decided (Perold, "The Implementation
Shortfall", 1988); an order that waits for a trigger is measured against
the trigger, for it was to trade there; a trailing one is not, for its trigger moves at the venue.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from domain.algorithms import AlgorithmPlan
from domain.errors import JournalCorrupt
from domain.events import (
    AlgorithmEnded,
    AlgorithmStarted,
    DeskEvent,
    EquityMarked,
    IntentRecorded,
    IntentRefused,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderSubmitted,
)
from domain.instrument import split_symbol
from domain.money import ZERO, Symbol
from domain.orders import TRIGGERED, WITH_LIMIT, Fill, OrderIntent, OrderStatus, OrderType, Side
from domain.reconciliation import IntentReduced

ONE_BY_ONE: Final = "none"
"""What stands for the algorithm of an order that was sent whole."""


@dataclass(slots=True)
class Measured:
    """One order, or one algorithm with all its children.

    `quantity` is what was wanted and `filled` what was had, in base currency. `paid` is the sum of price
    times quantity, `maker` the part of it that gave liquidity, `fees` what was paid on top, all in quote
    currency. `expected` is the price an order of its kind could expect when it was sent. `after` is the
    price when it was over, for what was not had. `strange_fees` counts fees in a third currency, which
    are not in `fees`.
    """

    name: str
    symbol: Symbol
    side: Side
    quantity: Decimal
    waits: bool
    decided_at: datetime
    algorithm: str = ONE_BY_ONE
    venue: str = ""
    arrival: Decimal | None = None
    expected: Decimal | None = None
    filled: Decimal = ZERO
    paid: Decimal = ZERO
    maker: Decimal = ZERO
    fees: Decimal = ZERO
    strange_fees: int = 0
    sent_at: datetime | None = None
    acknowledged_at: datetime | None = None
    first_fill_at: datetime | None = None
    last_fill_at: datetime | None = None
    ended_at: datetime | None = None
    after: Decimal | None = None
    refused: int = 0
    rejected: int = 0
    orders: int = 1
    parent: str = ""
    intent: OrderIntent | None = None

    @property
    def sign(self) -> int:
        """1 for a buy, -1 for a sale: a higher price costs the one and pays the other."""
        return 1 if self.side is Side.BUY else -1

    @property
    def average(self) -> Decimal | None:
        return self.paid / self.filled if self.filled else None

    def take(self, fill: Fill) -> None:
        value = fill.quantity * fill.price
        self.filled += fill.quantity
        self.paid += value
        self.maker += value if fill.maker else ZERO
        base, quote = split_symbol(fill.symbol)
        if fill.fee.currency == quote:
            self.fees += fill.fee.amount
        elif fill.fee.currency == base:
            self.fees += fill.fee.amount * fill.price
        elif fill.fee.amount:
            self.strange_fees += 1
        self.first_fill_at = self.first_fill_at or fill.filled_at
        self.last_fill_at = fill.filled_at


@dataclass(slots=True)
class QualityFold:
    """Give it the events of one session, oldest first.

    `vetoed` counts by symbol what the gate refused in the graph, so that it never came to the order desk.
    """

    orders: dict[str, Measured] = field(default_factory=dict)
    algorithms: dict[str, Measured] = field(default_factory=dict)
    vetoed: dict[Symbol, int] = field(default_factory=dict)
    _unpriced: list[Measured] = field(default_factory=list)

    def see(self, event: DeskEvent) -> None:
        """Take in one event; those that concern no order change nothing."""
        match event:
            case IntentRecorded():
                self._recorded(event.intent)
            case IntentReduced():
                self._of(event.client_id).quantity = event.quantity
            case IntentRefused():
                self._refused(event)
            case OrderSubmitted():
                self._submitted(event)
            case OrderAccepted():
                self._accepted(event)
            case OrderFilled():
                self._filled(event.fill)
            case OrderClosed():
                self._closed(event)
            case AlgorithmStarted():
                self._started(event.plan)
            case AlgorithmEnded():
                whole = self.algorithms.get(event.algorithm_id)
                if whole is not None:
                    self._over(whole, event.at)
            case EquityMarked():
                self._price(event)
            case _:
                return

    def parents(self) -> list[Measured]:
        """Decisions instead of orders: children are counted with the algorithm that sent them."""
        return [*self.algorithms.values(), *(each for each in self.orders.values() if not each.parent)]

    def _of(self, client_id: str) -> Measured:
        order = self.orders.get(client_id)
        if order is None:
            raise JournalCorrupt(f"order {client_id} was never recorded", fix="Run desk journal verify")
        return order

    def _recorded(self, intent: OrderIntent) -> None:
        waits = intent.order_type in TRIGGERED
        mine = intent.parent if intent.parent in self.algorithms else ""
        self.orders[intent.client_id] = Measured(
            intent.client_id,
            intent.symbol,
            intent.side,
            intent.quantity,
            waits,
            intent.created_at,
            algorithm=self.algorithms[mine].algorithm if mine else ONE_BY_ONE,
            arrival=_trigger(intent) if waits else intent.arrival,
            parent=mine,
            intent=intent,
        )
        if mine:
            self.algorithms[mine].orders += 1

    def _started(self, plan: AlgorithmPlan) -> None:
        quantity = plan.amount
        if plan.in_quote:
            quantity = plan.amount / plan.arrival if plan.arrival is not None else ZERO
        self.algorithms[plan.algorithm_id] = Measured(
            plan.algorithm_id,
            plan.symbol,
            plan.side,
            quantity,
            False,
            plan.start,
            algorithm=plan.method.value,
            arrival=plan.arrival,
            expected=plan.arrival,
            orders=0,
        )

    def _refused(self, event: IntentRefused) -> None:
        intent = event.intent
        order = self.orders.get(intent.client_id)
        if order is None:
            self.vetoed[intent.symbol] = self.vetoed.get(intent.symbol, 0) + 1
            return
        order.refused += 1
        order.ended_at = event.at
        if order.parent:
            self.algorithms[order.parent].refused += 1

    def _submitted(self, event: OrderSubmitted) -> None:
        order = self._of(event.client_id)
        order.sent_at, order.venue = event.at, event.venue
        if event.bid is not None and event.ask is not None and order.intent is not None:
            if order.arrival is None and not order.waits:
                order.arrival = (event.bid + event.ask) / 2
            order.expected = _expected(order.intent, event.bid, event.ask)
        if order.parent:
            whole = self.algorithms[order.parent]
            whole.sent_at, whole.venue = whole.sent_at or event.at, whole.venue or event.venue

    def _accepted(self, event: OrderAccepted) -> None:
        order = self._of(event.client_id)
        order.acknowledged_at = order.acknowledged_at or event.at
        if order.parent:
            whole = self.algorithms[order.parent]
            whole.acknowledged_at = whole.acknowledged_at or event.at

    def _filled(self, fill: Fill) -> None:
        order = self._of(fill.client_id)
        order.take(fill)
        if order.filled >= order.quantity:
            self._over(order, fill.filled_at)
        if order.parent:
            self.algorithms[order.parent].take(fill)

    def _closed(self, event: OrderClosed) -> None:
        order = self._of(event.client_id)
        if event.status == OrderStatus.REJECTED:
            order.rejected += 1
            if order.parent:
                self.algorithms[order.parent].rejected += 1
        self._over(order, event.at)

    def _over(self, order: Measured, at: datetime) -> None:
        order.ended_at = at
        if order.filled < order.quantity:
            self._unpriced.append(order)

    def _price(self, event: EquityMarked) -> None:
        """The first marks after an order was over are the price of what it did not get."""
        waiting, self._unpriced = self._unpriced, []
        for order in waiting:
            order.after = event.prices.get(order.symbol)
            if order.after is None:
                self._unpriced.append(order)


def measure(events: Iterable[DeskEvent]) -> QualityFold:
    """Every order of a session. Raises JournalCorrupt when an event is about an order nobody recorded."""
    fold = QualityFold()
    for event in events:
        fold.see(event)
    return fold


def _trigger(intent: OrderIntent) -> Decimal | None:
    return None if intent.order_type is OrderType.TRAILING_STOP else intent.trigger_price


def _expected(intent: OrderIntent, bid: Decimal, ask: Decimal) -> Decimal | None:
    """The trigger of an order that waits, the far touch for what crosses, its own limit for what rests."""
    if intent.order_type in TRIGGERED:
        return _trigger(intent)
    touch, limit = (ask, intent.limit_price) if intent.side is Side.BUY else (bid, intent.limit_price)
    if intent.order_type not in WITH_LIMIT or limit is None:
        return touch
    return min(limit, touch) if intent.side is Side.BUY else max(limit, touch)
