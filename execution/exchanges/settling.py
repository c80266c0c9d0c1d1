"""Bringing what is known of an order to where the venue says it is: compared, and complete or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from domain.errors import DataError
from domain.money import Symbol
from domain.orders import TERMINAL, TRIGGERED, OrderStatus
from execution.exchanges.errors import Outcome
from execution.exchanges.known import Known, KnownOrders
from execution.exchanges.line import Line, LineFailed
from execution.exchanges.orders import mismatches
from execution.exchanges.parse import Seen
from execution.exchanges.reading import Reading
from execution.venue import VenueOrder

_MARGIN: Final = timedelta(seconds=1)
"""Added to every acceptance window: some venues forgive a time stamp that is this far ahead."""

_SLACK: Final = timedelta(seconds=2)
"""Two clocks, and a venue that counts in whole seconds, may disagree by this about when an order began."""

NOT_YET: Final = datetime.max.replace(tzinfo=UTC)
"""When a request expires that is still being sent."""

_BATCH: Final = 3
"""From so many orders of one market on, one list is cheaper than a question for each."""


class Settling:
    """Reads orders and takes them in. Every method may raise LineFailed; then nothing wrong was taken in."""

    def __init__(self, line: Line, reading: Reading, known: KnownOrders) -> None:
        self._line = line
        self._reading = reading
        self._known = known
        self._began: datetime | None = None

    def begin(self) -> None:
        """From now on by the venue's clock, no request of an earlier process is signed."""
        self._began = self._line.heard

    def in_trigger_book(self, known: Known) -> bool:
        """Whether the venue keeps this order among its triggers, and not (yet) in the book."""
        return self._line.profile.trigger_book and known.intent.order_type in TRIGGERED and not known.became

    async def look(self, known: Known) -> Seen | None:
        """The order by the venue's id for it; a trigger that fired is the order that it became."""
        if not self.in_trigger_book(known):
            return await self._reading.order(known.symbol, known.became or known.venue_id)
        seen = await self._reading.trigger(known.symbol, known.venue_id)
        if seen is None or not seen.became:
            return seen
        fired = await self._reading.order(known.symbol, seen.became)
        if fired is None:
            raise LineFailed(
                Outcome.UNKNOWN, f"{known.client_id} fired, and the venue does not show the order yet"
            )
        self._known.named(known, seen.became, became=True)
        return fired

    async def find(self, known: Known) -> Seen | None:
        """The order by every way there is: its ids, then what rests, then what ended, then executions."""
        if known.venue_id:
            return await self.look(known)
        if self.in_trigger_book(known):
            return await self._find_trigger(known)
        mark = known.venue_client_id
        seen = await self._reading.order_of(known.symbol, mark)
        if seen is not None:
            return seen
        since = self._sent_after(known)
        for listed in (
            await self._reading.open_orders(known.symbol),
            await self._reading.recent_orders(known.symbol, since),
        ):
            for each in listed:
                if each.venue_client_id == mark:
                    return each
        return None

    async def certainly_never(self, known: Known | None) -> None:
        """Return once the venue's clock is past the moment until which a request could be taken in.

        Raises LineFailed (UNKNOWN) before that. A look-up after this that finds nothing is final.
        """
        await self._line.measure()
        heard, began = self._line.heard, self._began
        limit = known.expires if known is not None else None
        if limit is None and began is not None:
            limit = began + self._line.profile.acceptance + _MARGIN
        if heard is None or limit is None or heard <= limit:
            until = "an unknown time" if limit in (None, NOT_YET) else f"{limit:%H:%M:%S}"
            raise LineFailed(
                Outcome.UNKNOWN,
                f"{self._line.profile.name} could still take it in until {until} by its clock",
            )

    def deadline(self) -> datetime:
        """Until when, by the venue's clock, a request signed up to now could be taken in."""
        return self._line.now() + self._line.profile.acceptance + _MARGIN

    async def take_in(self, known: Known, seen: Seen) -> VenueOrder:
        """Take in an order with its executions; raises LineFailed while the venue has not named them all."""
        if not known.venue_id:
            self._known.named(known, seen.venue_id)
        if seen.filled > known.filled:
            fills = await self._reading.fills_of(known.symbol, seen.venue_id, known.client_id)
            try:
                self._known.executed(known, fills)
            except DataError as error:
                raise LineFailed(Outcome.UNKNOWN, f"{self._line.profile.name}: {error}") from error
        if known.filled < seen.filled:
            raise LineFailed(
                Outcome.UNKNOWN,
                f"{self._line.profile.name} says {seen.filled:f} of {known.client_id} are filled "
                f"and names {known.filled:f}",
            )
        status = seen.status
        if known.closed and known.status is not None:
            status = known.status  # an answer that was older than what is known
        elif known.filled == known.intent.quantity:
            status = OrderStatus.FILLED
        elif known.filled and status is OrderStatus.ACCEPTED:
            status = OrderStatus.PARTIALLY_FILLED
        latest = max((fill.filled_at for fill in known.fills.values()), default=self._line.now())
        reason = seen.reason or f"ended by {self._line.profile.name}"
        self._known.settled(known, status, reason, max(latest, self._line.now()))
        return VenueOrder(
            client_id=known.client_id,
            venue_id=known.venue_id,
            symbol=known.symbol,
            status=status,
            filled=known.filled,
            fills=known.sorted_fills,
            terms=seen.terms,
        )

    async def refresh(self, orders: Iterable[Known]) -> None:
        """Bring orders up to date; those that could not be read stay dirty, and the first error is raised."""
        by_symbol: dict[Symbol, list[Known]] = {}
        for known in orders:
            if known.venue_id and not known.closed:
                by_symbol.setdefault(known.symbol, []).append(known)
            elif known.closed:
                self._known.dirty.discard(known.client_id)
        failed: LineFailed | None = None
        for symbol, group in by_symbol.items():
            listed: dict[str, Seen] = {}
            if len(group) >= _BATCH:
                listed = {each.venue_id: each for each in await self._reading.open_orders(symbol)}
            for known in group:
                try:
                    await self._refresh(known, listed.get(known.became or known.venue_id))
                except LineFailed as error:
                    failed = failed or error
        if failed is not None:
            raise failed

    async def check(self, known: Known, seen: Seen) -> tuple[str, ...]:
        """Compare what the venue has with what was asked for; a wrong stop is withdrawn and named."""
        if (
            known.checked
            or known.intent.order_type not in TRIGGERED
            or seen.status in TERMINAL
            or known.became
        ):
            return ()
        wrong = mismatches(known.intent, seen)
        if wrong:
            await self.withdraw(known)
        known.checked = True
        return wrong

    async def withdraw(self, known: Known) -> None:
        """Ask the venue to cancel; raises LineFailed (GONE when there is nothing to cancel)."""
        params = {"trigger": True} if self.in_trigger_book(known) else {}
        await self._line.call("cancel_order", known.became or known.venue_id, known.symbol, params)
        self._known.dirty.add(known.client_id)

    async def _refresh(self, known: Known, seen: Seen | None) -> None:
        seen = seen or await self.look(known)
        if seen is None:
            raise LineFailed(
                Outcome.UNKNOWN, f"{self._line.profile.name} does not show {known.client_id}, which it had"
            )
        await self.take_in(known, seen)
        self._known.dirty.discard(known.client_id)

    async def _find_trigger(self, known: Known) -> Seen | None:
        """A trigger has no client id: it is the one with just these terms that no other order of ours is."""
        since = self._sent_after(known)
        for seen in await self._reading.triggers(known.symbol):
            taken = self._known.of_venue_id(known.symbol, seen.venue_id)
            begun = seen.created_at is None or seen.created_at >= since
            if taken is None and begun and not mismatches(known.intent, seen):
                self._known.named(known, seen.venue_id)
                return await self.look(known)
        return None

    def _sent_after(self, known: Known) -> datetime:
        return known.intent.created_at + self._line.skew - _SLACK
