"""The one door to the venue: every order is written down, reviewed on fresh facts, and only then sent.

The intent and its client id are durable before the network is touched; what follows (sent, accepted,
filled) rides in the next commit. A venue that does not answer leaves the order *unknown*: it is looked
up, never sent again, and until that is settled the desk takes on nothing new.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Set
from typing import Literal, assert_never

from domain.clock import Clock
from domain.errors import DeskError, NotFound, StorageError, VenueError, VenueRejected
from domain.events import (
    CancelRequested,
    DeskEvent,
    EquityMarked,
    EventSink,
    IntentRecorded,
    IntentRefused,
    Notice,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderSubmitted,
    OrderUnknown,
)
from domain.market import Quote
from domain.money import Price, Symbol
from domain.orders import TERMINAL, Fill, Order, OrderIntent, OrderStatus
from domain.ports import Journal
from domain.verdicts import Breach
from execution.book import OrderBook
from execution.facts import FactsSource
from execution.venue import Closed, Executed, Venue, VenueOrder, VenueReport
from portfolio.portfolio import Portfolio
from risk.approval import ApprovedOrder
from risk.gate import Refused, review
from risk.limits import RiskLimits

_SUBMITTING = OrderStatus.SUBMITTING  # read for every order; off its class it costs a third of a microsecond
_NEVER_SEEN = frozenset({OrderStatus.INTENDED, OrderStatus.SUBMITTING, OrderStatus.UNKNOWN})


class OrderDesk:
    """Sole holder of a venue. Everything that trades - cycle, guardian, chat, flattening - goes through it.

    `publish` reaches listeners only: the desk journals its own events. `place_seconds` is how long the venue
    may take to answer before an order counts as unknown; None leaves the deadline to the venue.
    """

    def __init__(
        self,
        *,
        venue: Venue,
        portfolio: Portfolio,
        facts: FactsSource,
        limits: RiskLimits,
        journal: Journal,
        clock: Clock,
        publish: EventSink,
        place_seconds: float | None = None,
    ) -> None:
        self._venue = venue
        self._portfolio = portfolio
        self._facts = facts
        self._limits = limits
        self._journal = journal
        self._clock = clock
        self._publish = publish
        self._place_seconds = place_seconds
        self._book = OrderBook(portfolio)
        self._find = self._book.orders.get
        self._moves = self._book.handlers
        self._append = journal.append

    @property
    def orders(self) -> Mapping[str, Order]:
        """Every order of the session by client id, oldest first."""
        return self._book.orders

    def open_orders(self) -> tuple[Order, ...]:
        """Orders that may still fill, those of unknown fate included, oldest first."""
        return tuple(self._book.open.values())

    def entry(self, symbol: Symbol) -> OrderIntent | None:
        """The newest entry that filled into the position in `symbol`; None when there is no position."""
        return self._book.entries.get(symbol)

    def armed_stop(self, symbol: Symbol) -> Price | None:
        """The price of the newest stop armed for the position in `symbol`."""
        return self._book.stops.get(symbol)

    def take_touched(self) -> Set[Symbol]:
        """The symbols whose position or orders changed since this was last asked: the guardian's question."""
        touched = self._book.touched
        if touched:
            self._book.touched = set()
        return touched

    def record(self, event: DeskEvent) -> None:
        """Journal an event that concerns orders or stops (in the open batch) and tell the listeners."""
        handler = self._moves.get(event.__class__)  # OrderBook.apply, without a further call
        if handler is not None:
            handler(event)
        if event.durable:
            self._append(event)
        self._publish(event)

    async def submit(self, intent: OrderIntent) -> Order:
        """Write the intent down, review it, send it; the order as it then stands.

        The same client id again returns the same order and sends nothing. A refusal, a rejection or an
        unknown outcome is the order's status, not an error. Raises StorageError when the intent cannot be
        made durable: then nothing was sent, and the order has expired.
        """
        known = self._find(intent.client_id)
        if known is not None:
            return known
        self.record(IntentRecorded(intent, self._clock.now()))
        order = self._book.orders[intent.client_id]
        try:
            self._journal.commit()
        except StorageError as error:
            self._close(order, OrderStatus.EXPIRED, f"not written down, not sent: {error.message}")
            raise
        verdict, quote = self._review(order)
        if isinstance(verdict, Refused):
            self.record(IntentRefused(intent, 2, verdict.breaches, verdict.at))
            return order
        await self._place(order, verdict, quote)
        return order

    async def cancel(self, client_id: str, reason: str) -> Order:
        """Withdraw what is left of an order; the order as it then stands.

        An order that has ended, is being sent or is being withdrawn is returned as it is; an unknown one is
        looked up first. Raises NotFound for a client id this desk never had.
        """
        order = self._find(client_id)
        if order is None:
            raise NotFound(f"no order {client_id!r}", fix="desk orders lists them")
        if order.status is OrderStatus.UNKNOWN:
            await self._look_up(order)
        if order.status not in (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED):
            return order
        self.record(CancelRequested(client_id, order.intent.symbol, reason, self._clock.now()))
        refused = False
        try:
            await self._venue.cancel(client_id)
        except NotFound:
            pass  # it ended before we asked: the look-up says how
        except VenueRejected:
            refused = True
        except asyncio.CancelledError:
            self._lose_sight(order, "the cancellation was interrupted")
            raise
        except Exception as error:  # noqa: BLE001  any failure leaves the order's fate unknown
            self._lose_sight(order, f"no answer to the cancellation: {_said(error)}")
            return order
        await self._look_up(order, still_open=refused)
        return order

    async def sync(self) -> tuple[Fill, ...]:
        """Take in what the venue did since the last time; the fills that were booked, in order.

        Unknown orders are looked up. A venue that does not answer is a notice; the next sync asks again.
        Raises LedgerError when an execution cannot be booked.
        """
        try:
            reports = await self._venue.poll()
        except (VenueError, TimeoutError, OSError) as error:
            self._notice("warning", f"{self._venue.name} did not report: {_said(error)}")
            return ()
        booked: list[Fill] = []
        for report in reports:
            self._take_in(report, booked)
        if self._book.unknown:
            for order in tuple(self._book.unknown.values()):
                booked.extend(await self._look_up(order))
        return tuple(booked)

    def restore(self, events: Iterable[DeskEvent]) -> None:
        """Rebuild orders, account and order rate from the journal, oldest event first. Sends nothing.

        Call it once, on a fresh desk with a fresh portfolio. Raises JournalCorrupt, InvalidTransition or
        LedgerError when the events contradict each other.
        """
        marked: EquityMarked | None = None
        for event in events:
            self._book.apply(event)
            if isinstance(event, OrderSubmitted):
                self._facts.submitted(event.at)
            elif isinstance(event, EquityMarked):
                marked = event
        if marked is not None:
            self._portfolio.restore_marks(
                peak=marked.peak, day_start=marked.day_start, at=marked.at, prices=marked.prices
            )

    async def reconcile(self) -> tuple[str, ...]:
        """After `restore`: look up every order that has not ended, and commit what was learnt.

        One sentence per order whose fate changed or is still unknown, and per order at the venue that this
        journal does not know.
        """
        said: list[str] = []
        for order in tuple(self._book.open.values()):
            before = order.status, order.filled
            await self._look_up(order)
            if order.status is OrderStatus.UNKNOWN or (order.status, order.filled) != before:
                said.append(f"{order.client_id} was {before[0]} and is {order.status}: {_state(order)}")
        said.extend(await self._strangers())
        self._journal.commit()
        return tuple(said)

    def _review(self, order: Order) -> tuple[ApprovedOrder | Refused, Quote | None]:
        """The second review, on facts gathered now, and their quote. Facts that cannot be gathered refuse."""
        intent, now = order.intent, self._clock.now()
        if self._book.unknown and not intent.reduce_only:
            return Refused(intent, (_unknown_exposure(self._book.unknown),), now), None
        waiting = self._book.open
        others = [each for each in waiting.values() if each is not order] if len(waiting) > 1 else ()
        try:
            facts = self._facts.gather(intent.symbol, now, others)
        except Exception as error:  # noqa: BLE001  unknown means refuse, whatever made it unknown
            message = f"the facts for {intent.client_id} could not be gathered: {_said(error)}"
            return Refused(intent, (Breach("facts", "known", "unknown", message),), now), None
        return review(intent, facts, self._limits, now), facts.quote

    async def _place(self, order: Order, approved: ApprovedOrder, quote: Quote | None) -> None:
        intent, now, venue = order.intent, approved.at, self._venue.name
        bid, ask = (None, None) if quote is None else (quote.bid, quote.ask)
        self.record(OrderSubmitted(intent.client_id, intent.symbol, now, venue, bid, ask))
        self._facts.submitted(now)
        try:
            if self._place_seconds is None:
                venue_id = await self._venue.place(approved)
            else:
                async with asyncio.timeout(self._place_seconds):
                    venue_id = await self._venue.place(approved)
        except VenueRejected as error:
            self._close(order, OrderStatus.REJECTED, error.message)
        except asyncio.CancelledError:
            self._lose_sight(order, "sending was interrupted")
            raise
        except Exception as error:  # noqa: BLE001  any failure leaves the order's fate unknown: law 7
            self._lose_sight(order, f"no answer from {self._venue.name}: {_said(error)}")
        else:
            if order.status is _SUBMITTING:
                self.record(OrderAccepted(intent.client_id, intent.symbol, venue_id, self._clock.now()))

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
                    self._close(order, report.status, report.reason)
            case _:
                assert_never(report)

    def _book_fill(self, fill: Fill) -> bool:
        """Book an execution once; False when it was booked before or is not of this desk."""
        if fill.fill_id in self._book.fills:
            return False
        order = self._find(fill.client_id)
        if order is None:
            self._notice("error", f"{self._venue.name} filled {fill.client_id}, which this desk never sent")
            return False
        before = order.filled
        self.record(OrderFilled(fill, self._clock.now()))
        if order.filled == before:
            self._notice("error", f"{fill.client_id} was {order.status} and still filled: {fill.quantity:f}")
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
            self._lose_sight(order, f"it could not be looked up: {_said(error)}")
            return ()
        if order.is_terminal:
            return ()
        if seen is None:
            self._vanished(order)
            return ()
        return self._settle(order, seen, still_open)

    def _vanished(self, order: Order) -> None:
        if order.status not in _NEVER_SEEN:
            self._notice("error", f"{self._venue.name} had accepted {order.client_id} and lost it")
        self._close(order, OrderStatus.EXPIRED, f"{self._venue.name} never had it")

    def _settle(self, order: Order, seen: VenueOrder, still_open: bool) -> tuple[Fill, ...]:
        """Bring an order to where the venue says it is."""
        intent = order.intent
        if order.status is OrderStatus.INTENDED:  # the journal ends between writing and sending
            now, venue = self._clock.now(), self._venue.name
            self.record(OrderSubmitted(intent.client_id, intent.symbol, now, venue))
            self._facts.submitted(now)
        booked = tuple(fill for fill in seen.fills if self._book_fill(fill))
        status = order.status
        if status in TERMINAL:
            return booked
        if seen.status in (OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED):
            asked = order.note if status is OrderStatus.CANCELLING else ""
            self._close(order, seen.status, asked or f"ended by {self._venue.name}")
        elif seen.status is OrderStatus.FILLED:
            self._lose_sight(order, f"{self._venue.name} says it is filled and names {order.filled:f} of it")
        elif status in _NEVER_SEEN or (still_open and status is OrderStatus.CANCELLING):
            self.record(OrderAccepted(intent.client_id, intent.symbol, seen.venue_id, self._clock.now()))
        return booked

    async def _strangers(self) -> list[str]:
        try:
            resting = await self._venue.open_orders()
        except (VenueError, TimeoutError, OSError) as error:
            return [f"{self._venue.name} did not list its open orders: {_said(error)}"]
        said = [
            f"{self._venue.name} holds {order.client_id}, which this journal does not know"
            for order in resting
            if order.client_id not in self._book.orders
        ]
        for sentence in said:
            self._notice("error", sentence)
        return said

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
            self._facts.submitted(now)
        self.record(OrderUnknown(intent.client_id, intent.symbol, reason, now))
        self._notice("error", f"{intent.client_id} is unknown: {reason}")

    def _notice(self, level: Literal["warning", "error"], message: str) -> None:
        self.record(Notice(level, "order desk", message, self._clock.now()))


def _unknown_exposure(unknown: Mapping[str, Order]) -> Breach:
    names = ", ".join(unknown)
    message = f"{names} may or may not exist at the venue; nothing new until that is known"
    return Breach("unknown_exposure", "0 unknown orders", str(len(unknown)), message)


def _said(error: BaseException) -> str:
    """What an exception says in one line, or its name when it says nothing."""
    text = error.message if isinstance(error, DeskError) else str(error)
    return " ".join(text.split()) or type(error).__name__


def _state(order: Order) -> str:
    filled = f"{order.filled:f} of {order.intent.quantity:f} filled"
    return f"{filled}, {order.note}" if order.note else filled
