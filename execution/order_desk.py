"""The one door to the venue: every order is written down, reviewed on fresh facts, and only then sent.

The intent and its client id are durable before the network is touched; what follows (sent, accepted,
filled) rides in the next commit. A venue that does not answer leaves the order *unknown*: it is looked
up, never sent again, and until that is settled the desk takes on nothing new.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from domain.breakers import ViewsTaken
from domain.clock import Clock
from domain.errors import ConfigError, NotFound, StorageError, VenueError
from domain.events import (
    DeskEvent,
    EquityMarked,
    EventSink,
    IntentRecorded,
    IntentRefused,
    OrderSubmitted,
)
from domain.money import ZERO, Quantity
from domain.orders import Fill, Order, OrderIntent, OrderStatus, Side, TimeInForce
from domain.ports import Journal
from domain.verdicts import Breach
from execution.facts import FactsSource
from execution.patience import AGAIN, Patience, Then, at_market, due
from execution.sending import RESTING, Sending
from execution.settling import said
from execution.venue import Venue
from portfolio.portfolio import Portfolio
from risk.gate import Refused
from risk.limits import RiskLimits


class OrderDesk(Sending):
    """Sole holder of a venue. Everything that trades - cycle, guardian, chat, flattening - goes through it.

    `publish` reaches listeners only: the desk journals its own events. `place_seconds` is how long the venue
    may take to answer before an order counts as unknown; None leaves the deadline to the venue. `patience`
    is how long entries with a limit price may rest; `reconcile_every` how often `tick` compares the books
    with the venue, None leaves that to whoever calls `reconcile`.
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
        patience: Patience | None = None,
        reconcile_every: timedelta | None = None,
    ) -> None:
        super().__init__(
            venue=venue,
            portfolio=portfolio,
            facts=facts,
            limits=limits,
            journal=journal,
            clock=clock,
            publish=publish,
            place_seconds=place_seconds,
        )
        self._patience = patience
        self._reconcile_every = reconcile_every
        self._tried: dict[str, datetime] = {}

    async def submit(self, intent: OrderIntent) -> Order:
        """Write the intent down, review it, send it; the order as it then stands.

        The same client id again returns the same order and sends nothing. A refusal, a rejection or an
        unknown outcome is the order's status, not an error. An intent that `replaces` another order is sent
        once that one is certainly over, for what it left unfilled. Raises StorageError when the intent cannot
        be made durable: then nothing was sent, and the order has expired; ConfigError for the id of an order
        that ended so long ago that nothing else is known of it.
        """
        known = self._find(intent.client_id)
        if known is not None:
            return known
        if intent.client_id in self._book.forgotten:
            raise ConfigError(
                f"order {intent.client_id} was sent before and ended long ago: its id is not used again",
                fix="Look at it with desk orders --all; a new order needs a new id",
            )
        if intent.expires_at is not None:
            intent = self._with_date(intent)
        self.record(IntentRecorded(intent, self._clock.now()))
        order = self._book.orders[intent.client_id]
        try:
            self._journal.commit()
        except StorageError as error:
            self._close(order, OrderStatus.EXPIRED, f"not written down, not sent: {error.message}")
            raise
        if intent.replaces:
            await self._supersede(order)
            return order
        verdict, quote = self._review(order)
        if intent.reduce_only and not isinstance(verdict, Refused) and await self._make_way(order):
            verdict, quote = self._review(order)
        if isinstance(verdict, Refused):
            self.record(IntentRefused(intent, 2, verdict.breaches, verdict.at, self._limits.hash))
            return order
        await self._place(order, verdict, quote)
        return order

    async def replace(self, client_id: str, intent: OrderIntent) -> Order:
        """Put `intent` in the place of an open order, never beside it; the new order as it then stands.

        The intent is written down and reviewed as if the old order were gone; refused, the old one stays.
        Then the old one is withdrawn and its end made certain, and only then the new one is sent, smaller by
        what the old one filled meanwhile. When the old one's fate stays unknown nothing is sent. A crash at
        any moment leaves one of the two, or the new one to be sent by the next `tick`. Raises NotFound for an
        order this desk never had.
        """
        if self._find(client_id) is None:
            raise NotFound(f"no order {client_id!r}", fix="desk orders lists them")
        return await self.submit(replace(intent, replaces=client_id))

    async def sync(self) -> tuple[Fill, ...]:
        """Take in what the venue did since the last time; the fills that were booked, in order.

        Unknown orders are looked up. A venue that does not answer is a notice, once; the next sync asks
        again. Raises LedgerError when an execution cannot be booked.
        """
        try:
            reports = await self._venue.poll()
        except (VenueError, TimeoutError, OSError) as error:
            self._say_once("reports", f"{self._venue.name} did not report: {said(error)}")
            return ()
        if self._muted:
            self._heard("reports")
        booked: list[Fill] = []
        for report in reports:
            self._take_in(report, booked)
        if self._book.unknown:
            for order in tuple(self._book.unknown.values()):
                booked.extend(await self._look_up(order))
        return tuple(booked)

    async def tick(self) -> None:
        """What time alone demands: dates, patience, replacements that a crash cut short, the comparison.

        Call it after the guardian, as often as time is looked at; it costs next to nothing when nothing is
        due. An attempt to withdraw is repeated after 5 seconds at the earliest.
        """
        now = self._clock.now()
        for client_id in tuple(self._parked):
            self._parked -= {client_id}
            await self._supersede(self._book.orders[client_id], begun=True)
        for order in tuple(self._book.open.values()):
            ends = due(order.intent, self._patience)
            if ends is not None and ends <= now and self._tried.get(order.client_id, ends) <= now:
                self._tried[order.client_id] = now + AGAIN
                await self._time_out(order, ends, now)
        if self._tried:
            self._tried = {name: at for name, at in self._tried.items() if name in self._book.open}
        every, last = self._reconcile_every, self._compared_at
        if every is not None and (last is None or now - last >= (AGAIN if self._stale else every)):
            await self.reconcile()

    def restore(self, events: Iterable[DeskEvent]) -> None:
        """Rebuild orders, account and what the facts count from events, oldest first. Sends nothing.

        Call it once, on a fresh desk with a fresh portfolio. Raises JournalCorrupt, InvalidTransition or
        LedgerError when the events contradict each other.
        """
        marked: EquityMarked | None = None
        for event in events:
            self._book.apply(event)
            if isinstance(event, OrderSubmitted):
                self._facts.submitted(event.at, self._book.orders[event.client_id])
            elif isinstance(event, ViewsTaken):
                self._facts.answered(event.model_calls, event.model_failures)
            elif isinstance(event, EquityMarked):
                marked = event
        if marked is not None:
            self._portfolio.restore_marks(
                peak=marked.peak,
                day_start=marked.day_start,
                week_start=marked.week_start,
                at=marked.at,
                prices=marked.prices,
            )

    def _with_date(self, intent: OrderIntent) -> OrderIntent:
        """The desk keeps the date itself where the venue has no orders with one."""
        does = self._venue.capabilities.times_in_force
        if intent.time_in_force is TimeInForce.GTD and TimeInForce.GTD not in does:
            return replace(intent, time_in_force=TimeInForce.GTC)
        return intent

    async def _time_out(self, order: Order, ends: datetime, now: datetime) -> None:
        patience = self._patience
        own = order.intent.expires_at is None
        if own and patience is not None and patience.then is Then.MARKET and order.status in RESTING:
            taken = await self.submit(at_market(order, now))
            if taken.status is not OrderStatus.REFUSED:
                return
        await self.cancel(order.client_id, f"not filled by {ends:%Y-%m-%d %H:%M:%S}")

    async def _make_way(self, order: Order) -> bool:
        """Withdraw what guards the holding, where the venue locks it: an order out of it needs the room."""
        intent = order.intent
        if intent.guards or self._venue.capabilities.shares_holdings:
            return False
        selling = [
            each
            for each in self._book.open.values()
            if each is not order and each.intent.symbol == intent.symbol and each.intent.side is Side.SELL
        ]
        guards = [each for each in selling if each.intent.guards and each.status in RESTING]
        position = self._portfolio.position(intent.symbol)
        held = ZERO if position is None else position.quantity
        if not guards or intent.quantity <= held - sum(each.remaining for each in selling):
            return False
        for each in guards:
            await self.cancel(each.client_id, f"makes way for {intent.client_id}")
        return True

    # -- in the place of another

    async def _supersede(self, order: Order, *, begun: bool = False) -> None:
        """Withdraw what the order replaces, make sure of its end, and send the order for what is left.

        `begun` says that a crash interrupted this: then the old order may be over already, by our doing.
        """
        intent = order.intent
        old = self._find(intent.replaces)
        if old is None or (old.is_terminal and not begun) or not _alike(intent, old.intent):
            stands = "unknown here" if old is None else f"{old.status} {old.intent.side} {old.intent.symbol}"
            message = f"{intent.replaces} is {stands} and cannot be replaced by {intent.client_id}"
            breach = Breach("replaces", "an open order of the same side", stands, message)
            self.record(IntentRefused(intent, 2, (breach,), self._clock.now(), self._limits.hash))
            return
        if not old.is_terminal:
            verdict, _ = self._review(order, without=old)
            if isinstance(verdict, Refused):
                self.record(IntentRefused(intent, 2, verdict.breaches, verdict.at, self._limits.hash))
                return
            await self.cancel(old.client_id, f"replaced by {intent.client_id}")
        if not old.is_terminal:
            note = f"{old.client_id} is {old.status}: nothing was sent in its place"
            self._close(order, OrderStatus.EXPIRED, note)
            return
        await self._send_rest(order, old)

    async def _send_rest(self, order: Order, old: Order) -> None:
        client_id, quantity = order.client_id, order.intent.quantity
        meanwhile = old.filled - self._book.filled_before.get(client_id, ZERO)
        if meanwhile >= quantity:
            self._close(order, OrderStatus.EXPIRED, f"{old.client_id} filled {meanwhile:f} meanwhile")
            return
        if meanwhile:
            left, why = Quantity(quantity - meanwhile), f"{old.client_id} filled {meanwhile:f} meanwhile"
            self._shrink(order, left, why, self._clock.now())
        verdict, quote = self._review(order)
        if isinstance(verdict, Refused):
            refused = IntentRefused(order.intent, 2, verdict.breaches, verdict.at, self._limits.hash)
            self.record(refused)
            return
        await self._place(order, verdict, quote)


def _alike(new: OrderIntent, old: OrderIntent) -> bool:
    return new.symbol == old.symbol and new.side is old.side
