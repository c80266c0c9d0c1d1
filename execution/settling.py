"""How the desk takes in what the venue says: fills booked once, orders brought to where they are.

Nothing here sends an order. Every step is an event first; the book moves by events only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, assert_never

from domain.clock import Clock
from domain.errors import DeskError, VenueError
from domain.events import (
    DeskEvent,
    EventSink,
    Notice,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderSubmitted,
    OrderUnknown,
    StopArmed,
)
from domain.money import Price, Symbol
from domain.orders import TERMINAL, Fill, Order, OrderIntent, OrderStatus, Origin
from domain.ports import Journal
from execution.book import ENDED_KEPT, OrderBook
from execution.facts import FactsSource
from execution.terms import deviations
from execution.venue import Capabilities, Closed, Executed, Venue, VenueOrder, VenueReport
from portfolio.portfolio import Portfolio

NEVER_SEEN: Final = frozenset({OrderStatus.INTENDED, OrderStatus.SUBMITTING, OrderStatus.UNKNOWN})
"""Where an order stands that the venue has not confirmed."""


class Settling:
    """The desk's orders and account, and the one way by which the venue's word moves them."""

    def __init__(
        self,
        *,
        venue: Venue,
        portfolio: Portfolio,
        facts: FactsSource,
        journal: Journal,
        clock: Clock,
        publish: EventSink,
    ) -> None:
        self._venue = venue
        self._portfolio = portfolio
        self._facts = facts
        self._journal = journal
        self._clock = clock
        self._publish = publish
        self._book = OrderBook(portfolio, ENDED_KEPT)
        self._find = self._book.orders.get
        self._moves = self._book.handlers
        self._append = journal.append
        self._muted: set[str] = set()

    @property
    def orders(self) -> Mapping[str, Order]:
        """The orders by client id, oldest first: all that are open, and the newest that ended."""
        return self._book.orders

    @property
    def forgotten(self) -> Mapping[str, Origin]:
        """The ids of the session's other orders, which ended long ago, and who asked for them."""
        return self._book.forgotten

    def open_orders(self) -> tuple[Order, ...]:
        """Orders that may still fill, those of unknown fate included, oldest first."""
        return tuple(self._book.open.values())

    def entry(self, symbol: Symbol) -> OrderIntent | None:
        """The newest entry that filled into the position in `symbol`; None when there is no position."""
        return self._book.entries.get(symbol)

    def promise(self, symbol: Symbol) -> OrderIntent | None:
        """Of the entries that filled into the position in `symbol` the one that named the tightest stop."""
        return self._book.promises.get(symbol)

    def armed_stop(self, symbol: Symbol) -> StopArmed | None:
        """The newest stop armed for the position in `symbol`: its price, and the rule that set it."""
        return self._book.stops.get(symbol)

    def first_stop(self, symbol: Symbol) -> Price | None:
        """The price of the first stop armed for the position in `symbol`: what it risked at the start."""
        return self._book.first_stops.get(symbol)

    def take_touched(self) -> Mapping[Symbol, datetime]:
        """The symbols whose position or orders changed since this was last asked, and when they first did."""
        touched = self._book.touched
        if touched:
            self._book.touched = {}
        return touched

    @property
    def capabilities(self) -> Capabilities:
        """What the venue does."""
        return self._venue.capabilities

    async def read_back(self, order: Order) -> tuple[str, ...] | None:
        """What the venue's own account of an order differs in, empty when it is as it was meant.

        None when the venue does not tell, or does not answer. What it says of fills and ends is taken in.
        """
        try:
            seen = await self._venue.lookup(order.client_id)
        except (VenueError, TimeoutError, OSError):
            return None
        if seen is None:
            self._vanished(order)
            return ("the venue does not have it",)
        if not order.is_terminal:
            self._settle(order, seen, still_open=False)
        wrong = deviations(order.intent, seen)
        return wrong if wrong or seen.terms is not None else None

    def record(self, event: DeskEvent) -> None:
        """Journal an event that concerns orders or stops (in the open batch) and tell the listeners."""
        handler = self._moves.get(type(event))  # OrderBook.apply, without a further call
        if handler is not None:
            handler(event)
        if handler is not None or event.durable:  # what moves the book is durable, every kind of it
            append = self._append
            append(event)
        publish = self._publish
        publish(event)

    def commit(self) -> None:
        """Make what is on record durable. Raises StorageError."""
        self._journal.commit()

    def _take_in(self, report: VenueReport, booked: list[Fill]) -> None:
        match report:
            case Executed():
                if self._book_fill(report.fill):
                    booked.append(report.fill)
            case Closed():
                order = self._find(report.client_id)
                if order is None:
                    self._notice("warning", f"{self._venue.name} closed {report.client_id}, not ours")
                elif not order.is_terminal:
                    self._book.touched.setdefault(report.symbol, min(report.at, self._clock.now()))
                    self._close(order, report.status, report.reason)
            case _:
                assert_never(report)

    def _book_fill(self, fill: Fill) -> bool:
        """Book an execution once; False when it was booked before or is not of this desk."""
        if fill.fill_id in self._book.fills:
            return False
        order = self._find(fill.client_id)
        if order is None:
            return self._book_forgotten(fill)
        before = order.filled
        self.record(OrderFilled(fill, self._clock.now()))
        if order.filled == before:
            self._notice("error", f"{fill.client_id} was {order.status} and still filled: {fill.quantity:f}")
        return True

    def _book_forgotten(self, fill: Fill) -> bool:
        """Book an execution of an order of which only the id is known; False when not even that is."""
        if fill.client_id not in self._book.forgotten:
            self._notice("error", f"{self._venue.name} filled {fill.client_id}, which this desk never sent")
            return False
        self.record(OrderFilled(fill, self._clock.now()))
        self._notice("error", f"{fill.client_id} ended long ago and still filled: {fill.quantity:f}")
        return True

    async def _look_up(self, order: Order, *, still_open: bool = False) -> tuple[Fill, ...]:
        """Ask the venue about an order and take in its answer; the fills that were new.

        `still_open` says that a withdrawal was refused, so that a resting order is open again.
        """
        try:
            seen = await self._venue.lookup(order.client_id)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  a look-up that fails changes nothing: ask again
            self._lose_sight(order, f"it could not be looked up: {said(error)}")
            return ()
        if order.is_terminal:
            return ()
        if seen is None:
            self._vanished(order)
            return ()
        return self._settle(order, seen, still_open)

    def _vanished(self, order: Order) -> None:
        if order.status not in NEVER_SEEN:
            self._notice("error", f"{self._venue.name} had accepted {order.client_id} and lost it")
        self._close(order, OrderStatus.EXPIRED, f"{self._venue.name} never had it")

    def _settle(self, order: Order, seen: VenueOrder, still_open: bool) -> tuple[Fill, ...]:
        """Bring an order to where the venue says it is."""
        intent = order.intent
        if order.status is OrderStatus.INTENDED:  # the journal ends between writing and sending
            now, venue = self._clock.now(), self._venue.name
            self.record(OrderSubmitted(intent.client_id, intent.symbol, now, venue))
            self._facts.submitted(now, order)
        booked = tuple(fill for fill in seen.fills if self._book_fill(fill))
        status = order.status
        if status in TERMINAL:
            return booked
        if seen.status in (OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED):
            asked = order.note if status is OrderStatus.CANCELLING else ""
            ends, ended = intent.expires_at, seen.status
            if asked and ends is not None and ends <= self._clock.now():
                ended = OrderStatus.EXPIRED  # the desk withdrew it because its date had come
            self._close(order, ended, asked or f"ended by {self._venue.name}")
        elif seen.status is OrderStatus.FILLED:
            self._lose_sight(order, f"{self._venue.name} says it is filled and names {order.filled:f} of it")
        elif status in NEVER_SEEN or (still_open and status is OrderStatus.CANCELLING):
            self.record(OrderAccepted(intent.client_id, intent.symbol, seen.venue_id, self._clock.now()))
        return booked

    def _close(self, order: Order, status: OrderStatus, reason: str) -> None:
        intent = order.intent
        self.record(OrderClosed(intent.client_id, intent.symbol, status.value, reason, self._clock.now()))

    def _lose_sight(self, order: Order, reason: str) -> None:
        """Mark an order as of unknown fate, once, and say so."""
        if order.is_terminal or order.status is OrderStatus.UNKNOWN:
            return
        intent, now = order.intent, self._clock.now()
        if order.status is OrderStatus.INTENDED:  # found by a restart, and the venue does not answer
            self.record(OrderSubmitted(intent.client_id, intent.symbol, now, self._venue.name))
            self._facts.submitted(now, order)
        self.record(OrderUnknown(intent.client_id, intent.symbol, reason, now))
        self._notice("error", f"{intent.client_id} is unknown: {reason}")

    def _still_open(self, order: Order) -> None:
        """A withdrawal was not taken in: the order rests as before."""
        if order.status is OrderStatus.CANCELLING:
            intent = order.intent
            self.record(OrderAccepted(intent.client_id, intent.symbol, order.venue_id, self._clock.now()))

    def _say_once(self, about: str, message: str) -> None:
        """A warning that is not repeated until `_heard` says that things changed."""
        if about not in self._muted:
            self._muted.add(about)
            self._notice("warning", message)

    def _heard(self, about: str) -> None:
        self._muted.discard(about)

    def _notice(self, level: Literal["warning", "error"], message: str) -> None:
        self.record(Notice(level, "order desk", message, self._clock.now()))


def said(error: BaseException) -> str:
    """What an exception says in one line, or its name when it says nothing."""
    text = error.message if isinstance(error, DeskError) else str(error)
    return " ".join(text.split()) or type(error).__name__
