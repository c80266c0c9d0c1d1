"""The orders the desk knows, moved by events only, so that a replayed journal gives the same orders.

The live desk and the restart go through the same `apply`; nothing else changes an order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, NoReturn

from domain.errors import InvalidTransition, JournalCorrupt
from domain.events import (
    AlgorithmEnded,
    CancelRequested,
    DeskEvent,
    IntentRecorded,
    IntentRefused,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderSubmitted,
    OrderUnknown,
    StopArmed,
)
from domain.money import ZERO, Price, Symbol
from domain.orders import TRANSITIONS, Fill, Order, OrderIntent, OrderStatus, Origin, Side
from domain.reconciliation import FillAdopted, IntentReduced, Reconciled
from portfolio.portfolio import Portfolio

# Reading a member off its enum class costs a third of a microsecond in 3.11: these are read for every order.
_REFUSED: Final = OrderStatus.REFUSED
_SUBMITTING: Final = OrderStatus.SUBMITTING
_UNKNOWN: Final = OrderStatus.UNKNOWN
_ACCEPTED: Final = OrderStatus.ACCEPTED
_PARTIALLY_FILLED: Final = OrderStatus.PARTIALLY_FILLED
_CANCELLING: Final = OrderStatus.CANCELLING
_SELL: Final = Side.SELL
_GUARDIAN: Final = Origin.GUARDIAN

ENDED_KEPT = 1000  # neither is Final: tests forget sooner, the compiled desk too
"""How many of the orders that ended a running desk knows: as many as its API tells at once."""
_TOGETHER = 64
"""So many are forgotten at a time."""


class OrderBook:
    """Orders by client id, with the few that matter now kept apart: no look at all orders, ever.

    `entries` holds the intent of the newest filled entry of each position and `promises` the one that named
    the tightest stop, `stops` the newest stop that was armed for it and `first_stops` the price of the first
    one; they forget a symbol when its position is gone or too small to sell.
    `filled_before` tells what an order that is to be replaced had filled when that was written down.

    `keep` is how many of the orders that ended it remembers, the newest (and up to 64 more); None: all.
    Beyond them it keeps those that are still needed: an entry of a position, the order that an open one
    replaces, the parts of an algorithm that runs, and those of another desk's, which does not say here when
    it ends. Of the others only the id stays, in `forgotten`, so that it is never sent again; an
    execution that still comes in is booked. Like everything else this follows from the events alone.
    """

    def __init__(self, portfolio: Portfolio, keep: int | None = None) -> None:
        self._portfolio = portfolio
        self._keep = keep
        self._forget_at = None if keep is None else keep + _TOGETHER
        self._ended: deque[str] = deque()
        self._needed: list[str] = []
        self._worked: set[str] = set()  # algorithms that are over
        self._orders: dict[str, Order] = {}
        self.forgotten: dict[str, Origin] = {}
        """Who asked for the orders that are no longer known, by client id."""
        self.forgotten_since: datetime | None = None
        """When the oldest of them was asked for."""
        self.fills: set[str] = set()
        """The ids of every execution that is booked."""
        self.orders = MappingProxyType(self._orders)
        self.open: dict[str, Order] = {}
        """Every order that is not terminal, oldest first."""
        self.unknown: dict[str, Order] = {}
        self.entries: dict[Symbol, OrderIntent] = {}
        self.promises: dict[Symbol, OrderIntent] = {}
        self.stops: dict[Symbol, StopArmed] = {}
        self.first_stops: dict[Symbol, Price] = {}
        self.filled_before: dict[str, Decimal] = {}
        self.reconciled: Reconciled | None = None
        """What the newest comparison with the venue found; None before the first."""
        self.known_from: datetime | None = None
        """The time of the first comparison: what others did before is in its balances."""
        self.frozen: Mapping[str, str] = {}
        """What stops entries since then, by symbol or "*", and why."""
        self.touched: dict[Symbol, datetime] = {}
        """Symbols whose position or open orders changed since somebody emptied this, and when first."""
        self.handlers: Mapping[type, Callable[[Any], None]] = {  # what moves an order, by class of event
            IntentRecorded: self._recorded,
            IntentRefused: self._refused,
            OrderSubmitted: self._submitted,
            OrderAccepted: self._accepted,
            OrderFilled: self._filled,
            OrderClosed: self._closed,
            OrderUnknown: self._lost_sight,
            CancelRequested: self._cancelling,
            StopArmed: self._armed,
            AlgorithmEnded: self._worked_off,
            IntentReduced: self._reduced,
            FillAdopted: self._adopted,
            Reconciled: self._compared,
        }

    def apply(self, event: DeskEvent) -> None:
        """Move orders and account as `event` says; events that concern neither change nothing.

        Raises InvalidTransition, LedgerError, or JournalCorrupt for an order nobody recorded.
        """
        handler = self.handlers.get(type(event))
        if handler is not None:
            handler(event)

    def _missing(self, client_id: str) -> NoReturn:
        raise JournalCorrupt(f"order {client_id} was never recorded", fix="Run desk journal verify")

    def _settled(self, order: Order) -> None:
        """Keep the small indexes in step with the order's status."""
        client_id = order.intent.client_id
        if order.updated_at is not None:
            self.touched.setdefault(order.intent.symbol, order.updated_at)
        if order.status is _UNKNOWN:
            self.unknown[client_id] = order
        elif self.unknown:
            self.unknown.pop(client_id, None)
        if (
            not TRANSITIONS[order.status]
            and self.open.pop(client_id, None) is not None
            and self._forget_at is not None
        ):
            self._ended.append(client_id)
            if len(self._ended) >= self._forget_at:
                self._forget()

    def _forget(self) -> None:
        """Let go of the orders that ended first, but for those that are needed: these are looked at again."""
        ended, keep = self._ended, self._keep or 0
        needed = {order.intent.replaces for order in self.open.values()}
        needed.update(intent.client_id for intent in (*self.entries.values(), *self.promises.values()))
        old = [*self._needed, *(ended.popleft() for _ in range(len(ended) - keep))]
        self._needed = []
        for client_id in old:
            intent = self._orders[client_id].intent
            part = intent.parent and intent.origin is not _GUARDIAN  # whose parent is the entry it protects
            if client_id in needed or (part and intent.parent not in self._worked):
                self._needed.append(client_id)
                continue
            del self._orders[client_id]
            self.filled_before.pop(client_id, None)
            self.forgotten[client_id] = intent.origin
            if self.forgotten_since is None or intent.created_at < self.forgotten_since:
                self.forgotten_since = intent.created_at
        self._forget_at = keep + max(_TOGETHER, len(self._needed) // 8)  # a few looks for each that ends

    def _worked_off(self, event: AlgorithmEnded) -> None:
        self._worked.add(event.algorithm_id)

    def _recorded(self, event: IntentRecorded) -> None:
        client_id = event.intent.client_id
        if client_id in self._orders or client_id in self.forgotten:
            raise JournalCorrupt(f"order {client_id} was recorded twice", fix="Run desk journal verify")
        order = Order(event.intent, updated_at=event.at)
        self._orders[client_id] = self.open[client_id] = order
        if event.intent.replaces:
            self.filled_before[client_id] = self._filled_by(event.intent.replaces)

    def _filled_by(self, client_id: str) -> Decimal:
        order = self._orders.get(client_id)
        return ZERO if order is None else order.filled

    def _reduced(self, event: IntentReduced) -> None:
        order = self._orders.get(event.client_id) or self._missing(event.client_id)
        order.intent = replace(order.intent, quantity=event.quantity)
        order.note = event.reason
        self.filled_before[event.client_id] = self._filled_by(order.intent.replaces)

    def _refused(self, event: IntentRefused) -> None:
        order = self._orders.get(event.intent.client_id)
        if order is None or event.stage == 1:
            return  # refused in the graph: it never came to the desk
        order.move(_REFUSED, event.at, "; ".join(breach.message for breach in event.breaches))
        self._settled(order)

    def _submitted(self, event: OrderSubmitted) -> None:
        (self._orders.get(event.client_id) or self._missing(event.client_id)).move(_SUBMITTING, event.at)

    def _accepted(self, event: OrderAccepted) -> None:
        order = self._orders.get(event.client_id) or self._missing(event.client_id)
        order.move(_PARTIALLY_FILLED if order.filled else _ACCEPTED, event.at)
        order.venue_id = event.venue_id
        if self.unknown:
            self._settled(order)
        else:
            self.touched.setdefault(event.symbol, event.at)

    def _filled(self, event: OrderFilled) -> None:
        fill = event.fill
        order = self._orders.get(fill.client_id)
        if order is None:
            if fill.client_id not in self.forgotten:
                self._missing(fill.client_id)
            self._book_alone(fill)
            return
        if fill.fill_id in self.fills:
            raise JournalCorrupt(f"fill {fill.fill_id} was booked twice", fix="Run desk journal verify")
        self._portfolio.book(fill)
        self.fills.add(fill.fill_id)
        intent = order.intent
        try:
            order.add_fill(fill)
        except InvalidTransition:  # real money all the same: it is in the account, and the order says so
            order.note = f"{order.note}; fill {fill.fill_id} came after its end".lstrip("; ")
        self._settled(order)
        if not intent.reduce_only:
            self.entries[fill.symbol] = intent
            if intent.protective_stop is not None:
                self._promised(intent, intent.protective_stop)
        if fill.side is _SELL and not self._portfolio.sellable(fill.symbol, fill.price):
            self._emptied(fill.symbol)  # dust that a fee left lends no stop to the next entry

    def _promised(self, intent: OrderIntent, stop: Price) -> None:
        """Of several entries into one position the tightest stop holds, whichever filled last."""
        before = self.promises.get(intent.symbol)
        if before is None or before.protective_stop is None or stop >= before.protective_stop:
            self.promises[intent.symbol] = intent

    def _emptied(self, symbol: Symbol) -> None:
        self.entries.pop(symbol, None)
        self.promises.pop(symbol, None)
        self.stops.pop(symbol, None)
        self.first_stops.pop(symbol, None)

    def _adopted(self, event: FillAdopted) -> None:
        self._book_alone(event.fill)

    def _book_alone(self, fill: Fill) -> None:
        """Book an execution of no order that is known here."""
        if fill.fill_id in self.fills:
            raise JournalCorrupt(f"fill {fill.fill_id} was booked twice", fix="Run desk journal verify")
        self._portfolio.book(fill)
        self.fills.add(fill.fill_id)
        self.touched.setdefault(fill.symbol, fill.filled_at)
        if fill.side is _SELL and not self._portfolio.sellable(fill.symbol, fill.price):
            self._emptied(fill.symbol)

    def _compared(self, event: Reconciled) -> None:
        if self.known_from is None:
            self.known_from = event.fills_until
        self.reconciled = event
        self.frozen = event.frozen

    def _closed(self, event: OrderClosed) -> None:
        order = self._orders.get(event.client_id) or self._missing(event.client_id)
        order.move(OrderStatus(event.status), event.at, event.reason)
        self._settled(order)

    def _lost_sight(self, event: OrderUnknown) -> None:
        order = self._orders.get(event.client_id) or self._missing(event.client_id)
        order.move(_UNKNOWN, event.at, event.reason)
        self._settled(order)

    def _cancelling(self, event: CancelRequested) -> None:
        (self._orders.get(event.client_id) or self._missing(event.client_id)).move(
            _CANCELLING, event.at, event.reason
        )

    def _armed(self, event: StopArmed) -> None:
        self.stops[event.symbol] = event
        self.first_stops.setdefault(event.symbol, event.trigger_price)
