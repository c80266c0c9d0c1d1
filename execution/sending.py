"""Reviewing, sending and withdrawing one order: the only calls that make the venue do something.

What the venue answers is taken for what it says. An id: it rests. Refused: it is over. Down: it is over too,
for nothing was taken in, and entries pause for a while. No answer: unknown, to be looked up, never resent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from domain.clock import Clock
from domain.errors import NotFound, StorageError, VenueDown, VenueRejected
from domain.events import CancelRequested, EventSink, OrderAccepted, OrderSubmitted
from domain.market import Quote
from domain.money import Quantity
from domain.orders import Order, OrderIntent, OrderStatus, OrderType, TimeInForce
from domain.ports import Journal
from domain.reconciliation import IntentReduced
from domain.verdicts import Breach
from execution.backoff import BackOff
from execution.facts import FactsSource
from execution.reconciling import EVERYTHING, Reconciling
from execution.settling import said
from execution.venue import Venue
from portfolio.portfolio import Portfolio
from risk.approval import ApprovedOrder
from risk.gate import Refused, review
from risk.limits import RiskLimits

# Read for every order; off its class a member costs a third of a microsecond.
_SUBMITTING: Final = OrderStatus.SUBMITTING
_MARKET: Final = OrderType.MARKET
_GTC: Final = TimeInForce.GTC

RESTING: Final = frozenset({OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED})
"""Where an order stands that the venue holds and that can be withdrawn."""


class Sending(Reconciling):
    """The desk's hand: it holds the gate's approval for the moment between the review and the venue."""

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
        super().__init__(
            venue=venue, portfolio=portfolio, facts=facts, journal=journal, clock=clock, publish=publish
        )
        self._limits = limits
        self._place_seconds = place_seconds
        self._back_off = BackOff()

    def limit_to(self, limits: RiskLimits) -> None:
        """Review by these limits from now on."""
        self._limits = limits

    @property
    def paused_until(self) -> datetime | None:
        """Until when entries pause because the venue took nothing in; None while it answers."""
        return self._back_off.until

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
        if client_id in self._parked:
            self._parked -= {client_id}
            self._close(order, OrderStatus.EXPIRED, f"withdrawn before it was sent: {reason}")
        if order.status not in RESTING:
            return order
        self.record(CancelRequested(client_id, order.intent.symbol, reason, self._clock.now()))
        refused = False
        try:
            await self._venue.cancel(client_id)
        except NotFound:
            pass  # it ended before we asked: the look-up says how
        except VenueRejected:
            refused = True
        except VenueDown as error:
            self._still_open(order)
            self._say_once("cancel", f"{client_id} could not be withdrawn: {said(error)}")
            return order
        except asyncio.CancelledError:
            self._lose_sight(order, "the cancellation was interrupted")
            raise
        except Exception as error:  # noqa: BLE001  any failure leaves the order's fate unknown
            self._lose_sight(order, f"no answer to the cancellation: {said(error)}")
            return order
        self._heard("cancel")
        await self._look_up(order, still_open=refused)
        return order

    def _review(
        self, order: Order, without: Order | None = None
    ) -> tuple[ApprovedOrder | Refused, Quote | None]:
        """The second review, on facts gathered now, and their quote. Facts that cannot be gathered refuse.

        `without` is an open order that counts as gone already.
        """
        intent, now, book = order.intent, self._clock.now(), self._book
        if (
            book.unknown or book.frozen or self._stale or self._back_off.until is not None
        ) and not intent.reduce_only:
            breach = self._doubt(intent, now)
            if breach is not None:
                return Refused(intent, (breach,), now), None
        if intent.order_type is not _MARKET or intent.time_in_force is not _GTC or intent.group:
            problems = self._venue.capabilities.problems(intent)
            if problems:
                return Refused(intent, (_cannot(self._venue.name, problems),), now), None
        waiting: Iterable[Order] = book.open.values() if len(book.open) > 1 else ()
        others = [each for each in waiting if each is not order and each is not without]
        if self._strangers:
            others += self._strangers
        try:
            facts = self._facts.gather(intent.symbol, now, others, entry=not intent.reduce_only)
        except Exception as error:  # noqa: BLE001  unknown means refuse, whatever made it unknown
            message = f"the facts for {intent.client_id} could not be gathered: {said(error)}"
            return Refused(intent, (Breach("facts", "known", "unknown", message),), now), None
        return review(intent, facts, self._limits, now), facts.quote

    def _doubt(self, intent: OrderIntent, now: datetime) -> Breach | None:
        """What forbids anything new at this moment; None when nothing does."""
        book, until = self._book, self._back_off.until
        if book.unknown:
            return _unknown_exposure(book.unknown)
        if self._stale:
            return Breach("reconciled", "books and venue compared", "unknown", self._stale)
        frozen = book.frozen.get(EVERYTHING) or book.frozen.get(intent.symbol)
        if frozen is not None:
            return Breach("reconciled", "no difference", "frozen", frozen)
        if until is not None and now < until:
            message = f"{self._venue.name} is down; entries pause until {until:%H:%M:%S}"
            return Breach("venue_down", "a venue that answers", "down", message)
        return None

    def _clip(self, order: Order, approved: ApprovedOrder) -> None:
        """Write down what the gate left of the order. StorageError when it cannot: nothing is sent."""
        why = "; ".join(str(clip) for clip in approved.clips)
        self._shrink(order, approved.intent.quantity, why, approved.at)

    def _shrink(self, order: Order, quantity: Quantity, why: str, at: datetime) -> None:
        """Make an order smaller before it is sent, durably. StorageError: then it is over, and not sent."""
        self.record(IntentReduced(order.client_id, order.intent.symbol, quantity, why, at))
        try:
            self._journal.commit()
        except StorageError as error:
            self._close(order, OrderStatus.EXPIRED, f"not written down, not sent: {error.message}")
            raise

    async def _place(self, order: Order, approved: ApprovedOrder, quote: Quote | None) -> None:
        if approved.clips:
            self._clip(order, approved)
        intent, now, venue = order.intent, approved.at, self._venue.name
        bid, ask = (None, None) if quote is None else (quote.bid, quote.ask)
        self.record(OrderSubmitted(intent.client_id, intent.symbol, now, venue, bid, ask))
        self._facts.submitted(now, order)
        try:
            if self._place_seconds is None:
                venue_id = await self._venue.place(approved)
            else:
                async with asyncio.timeout(self._place_seconds):
                    venue_id = await self._venue.place(approved)
        except VenueRejected as error:
            self._close(order, OrderStatus.REJECTED, error.message)
        except VenueDown as error:
            until = self._back_off.failed(self._clock.now())
            self._close(order, OrderStatus.EXPIRED, f"{venue} took nothing in: {said(error)}")
            self._say_once("down", f"{venue} is down; entries pause until {until:%H:%M:%S}: {said(error)}")
        except asyncio.CancelledError:
            self._lose_sight(order, "sending was interrupted")
            raise
        except Exception as error:  # noqa: BLE001  any failure leaves the order's fate unknown: law 7
            self._lose_sight(order, f"no answer from {venue}: {said(error)}")
        else:
            if order.status is _SUBMITTING:
                self.record(OrderAccepted(intent.client_id, intent.symbol, venue_id, self._clock.now()))
            if self._back_off.until is not None:
                self._back_off.worked()
                self._heard("down")


def _unknown_exposure(unknown: Mapping[str, Order]) -> Breach:
    names = ", ".join(unknown)
    message = f"{names} may or may not exist at the venue; nothing new until that is known"
    return Breach("unknown_exposure", "0 unknown orders", str(len(unknown)), message)


def _cannot(venue: str, problems: tuple[str, ...]) -> Breach:
    return Breach(
        "capabilities", f"what {venue} does", "more", f"{venue} cannot do this: {'; '.join(problems)}"
    )
