"""A real exchange behind the venue port, through unmodified ccxt.

Nothing is sent twice, nothing is believed that the venue did not say, and every answer that leaves a doubt
is `VenueUnknown`. Streams only tell where to look: what is booked is what REST says.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from domain.clock import Clock
from domain.errors import ConfigError, DataError, MoneyError, NotFound, VenueRejected, VenueUnknown
from domain.instrument import Instrument
from domain.money import Currency, Price, Symbol, decimal_from
from domain.orders import TERMINAL, TRIGGERED, Fill, Order, OrderIntent, OrderType, Side
from execution.exchanges.client_ids import to_venue
from execution.exchanges.connect import Connection
from execution.exchanges.errors import Outcome
from execution.exchanges.instruments import instruments_from
from execution.exchanges.known import Known, KnownOrders
from execution.exchanges.line import Line, LineFailed
from execution.exchanges.orders import bounded, problems, ticket
from execution.exchanges.parse import Seen, trade_order
from execution.exchanges.reading import Reading
from execution.exchanges.settling import NOT_YET, Settling
from execution.exchanges.user_stream import UserStream
from execution.venue import Balance, Capabilities, VenueOrder, VenueReport
from risk.approval import ApprovedOrder, redeem

_RECONCILE_EVERY: Final = timedelta(seconds=30)
_MEASURE_EVERY: Final = timedelta(minutes=10)
"""Clocks drift: how often the venue is asked for its time though it refused nothing."""


class CcxtVenue:
    """One account at one venue. Make it with `open_venue`, close it with `close`.

    Without a stream every poll asks about every open order. With one, a poll asks about the orders that the
    stream named, and about all of them after a gap in the stream and every `reconcile_every`.
    """

    def __init__(
        self,
        line: Line,
        instruments: Mapping[Symbol, Instrument],
        clock: Clock,
        stream: UserStream | None = None,
        reconcile_every: timedelta = _RECONCILE_EVERY,
    ) -> None:
        self.name = line.profile.name
        self.capabilities: Capabilities = line.profile.capabilities
        self.instruments = instruments
        self.line = line
        self.stream = stream
        self._clock = clock
        self._known = KnownOrders(line.profile.client_ids)
        self._reading = Reading(line)
        self._settling = Settling(line, self._reading, self._known)
        self._settling.begin()
        self._reconcile_every = reconcile_every
        self._reconciled: datetime | None = None
        self._measured = clock.now()

    def restore(self, orders: Iterable[Order]) -> None:
        """Take over the desk's open orders after a restart: their ids at the venue, and what was booked."""
        self._known.restore(orders)

    async def place(self, order: ApprovedOrder) -> str:
        intent = redeem(order)
        known = self._known.get(intent.client_id)
        if known is not None:
            return await self._place_again(known)
        said = problems(intent, self.line.profile, self.instruments.get(intent.symbol))
        if said:
            raise VenueRejected(f"order {intent.client_id}: {'; '.join(said)}")
        bound = await self._bound(intent)
        known = self._known.add(intent)
        request = ticket(intent, self.line.profile, known.venue_client_id, bound)
        known.expires = NOT_YET  # while it is on its way, no look-up may call it lost
        try:
            answer = await self.line.call("create_order", *request.arguments)
            self._known.named(known, _id_of(answer))
        except LineFailed as failed:
            if failed.outcome not in (Outcome.UNKNOWN, Outcome.DUPLICATE):
                self._known.forget(known)
            raise failed.as_venue_error() from failed
        finally:
            known.expires = self._settling.deadline()
        self._known.dirty.add(known.client_id)
        if intent.order_type in TRIGGERED:
            await self._read_back(known)
        return known.venue_id

    async def cancel(self, client_id: str) -> None:
        known = await self._named(client_id)
        if known is None or known.closed:
            raise NotFound(f"{self.name} has no open order {client_id}")
        try:
            if self._settling.in_trigger_book(known):
                await self._settling.look(known)  # a trigger that fired is withdrawn as the order it became
            await self._settling.withdraw(known)
        except LineFailed as failed:
            if failed.outcome is Outcome.GONE:
                self._known.dirty.add(known.client_id)
                raise NotFound(f"{self.name} has no open order {client_id}") from failed
            raise failed.as_venue_error() from failed

    async def lookup(self, client_id: str) -> VenueOrder | None:
        known = self._known.get(client_id)
        try:
            if known is None:
                return await self._lookup_unheard(client_id)
            seen = await self._settling.find(known)
            if seen is None:
                await self._settling.certainly_never(known)
                seen = await self._settling.find(known)
            if seen is None:
                self._known.forget(known)
                return None
            return await self._accepted(known, seen)
        except LineFailed as failed:
            raise VenueUnknown(failed.message) from failed

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        await self._keep_time()
        listed: list[tuple[datetime, VenueOrder]] = []
        try:
            for symbol in self.instruments:
                resting = await self._reading.open_orders(symbol)
                await self._follow_fired(symbol, resting)
                for seen in resting:
                    view = await self._view(seen)
                    listed.append((seen.created_at or self.line.now(), view))
        except LineFailed as failed:
            raise VenueUnknown(failed.message) from failed
        listed.sort(key=lambda pair: (pair[0], len(pair[1].venue_id), pair[1].venue_id))
        return tuple(view for _, view in listed)

    async def poll(self) -> tuple[VenueReport, ...]:
        self._mark_dirty()
        wanted = [known for known in self._known.live() if known.client_id in self._known.dirty]
        try:
            await self._settling.refresh(wanted)
        except LineFailed as failed:
            due = self._known.due()
            if due:
                return due  # what is certain is told; the rest stays dirty, and the next poll says why
            raise VenueUnknown(failed.message) from failed
        return self._known.due()

    async def balances(self) -> Mapping[Currency, Balance]:
        try:
            return await self._reading.balances()
        except LineFailed as failed:
            raise VenueUnknown(failed.message) from failed

    def taker(self, symbol: Symbol) -> Decimal:
        listed = (self.line.client.markets or {}).get(symbol, {}).get("taker")
        try:
            return decimal_from(listed)
        except MoneyError as error:
            raise DataError(f"{self.name} does not tell what {symbol} costs: {listed!r}") from error

    async def fills(self, since: datetime) -> tuple[Fill, ...]:
        found: list[Fill] = []
        try:
            for symbol in self.instruments:
                found += await self._reading.fills(symbol, since, self._whose)
        except LineFailed as failed:
            raise VenueUnknown(failed.message) from failed
        return tuple(sorted(found, key=lambda fill: fill.filled_at))

    async def close(self) -> None:
        """Close the streams and every connection."""
        if self.stream is not None:
            await self.stream.close()
        await self.line.close()

    async def _keep_time(self) -> None:
        """Measure the venue's clock when that is long ago; a venue that does not tell it keeps its skew."""
        now = self._clock.now()
        if now - self._measured >= _MEASURE_EVERY:
            with contextlib.suppress(LineFailed):
                await self.line.measure()
                self._measured = now

    async def _place_again(self, known: Known) -> str:
        """The same client id once more: the order that is there, and never a second one."""
        if known.venue_id:
            return known.venue_id
        seen = await self.lookup(known.client_id)
        if seen is None:
            raise VenueUnknown(f"{known.client_id} was sent before and is not there; it is not sent again")
        return seen.venue_id

    async def _bound(self, intent: OrderIntent) -> Price | None:
        """The limit that stands for a market buy where the venue can only be told what to spend."""
        bound = self.line.profile.market_buy_bound
        if bound is None or intent.order_type is not OrderType.MARKET or intent.side is not Side.BUY:
            return None
        try:
            ask = decimal_from(await self._reading.best_ask(intent.symbol))
            return bounded(ask, bound, self.instruments[intent.symbol])
        except LineFailed as failed:
            raise LineFailed(Outcome.DOWN, failed.message).as_venue_error() from failed
        except MoneyError as error:
            raise LineFailed(Outcome.DOWN, f"{self.name}: {error}").as_venue_error() from error

    async def _read_back(self, known: Known) -> None:
        """A stop counts once the venue shows it as it was meant; a wrong one is withdrawn."""
        try:
            seen = await self._settling.look(known)
            if seen is None:
                raise LineFailed(Outcome.UNKNOWN, f"{self.name} does not show {known.client_id} yet")
            wrong = await self._settling.check(known, seen)
        except LineFailed as failed:
            known.expires = self._settling.deadline()
            raise VenueUnknown(failed.message) from failed
        if wrong:
            self._known.forget(known)
            raise VenueRejected(f"{self.name} has another order than {known.client_id}: {'; '.join(wrong)}")

    async def _accepted(self, known: Known, seen: Seen) -> VenueOrder:
        """An order that a look-up found: named, compared with what was asked for, and taken in."""
        if not known.venue_id:
            self._known.named(known, seen.venue_id)
        if await self._settling.check(known, seen):
            seen = await self._settling.look(known) or seen
        return await self._settling.take_in(known, seen)

    async def _named(self, client_id: str) -> Known | None:
        """A known order with the venue's id for it, found if need be."""
        known = self._known.get(client_id)
        if known is None:
            if await self.lookup(client_id) is None:
                return None
            raise VenueRejected(
                f"{client_id} is not an order of this process", fix="Restore the desk's orders first"
            )
        if not known.venue_id and await self.lookup(client_id) is None:
            return None
        return known

    async def _lookup_unheard(self, client_id: str) -> VenueOrder | None:
        """An order that this process never sent and was not told about."""
        for attempt in range(2):
            for symbol in self.instruments:
                for seen in await self._elsewhere(symbol, client_id):
                    return await self._view(seen)
            if attempt == 0:
                await self._settling.certainly_never(None)
        if self.line.profile.trigger_book:
            await self._no_nameless_trigger(client_id)
        return None

    async def _no_nameless_trigger(self, client_id: str) -> None:
        """A trigger of nobody could be the order in question: its client id is not kept at the venue."""
        for symbol in self.instruments:
            for seen in await self._reading.triggers(symbol):
                if seen.status not in TERMINAL and self._known.of_venue_id(symbol, seen.venue_id) is None:
                    raise LineFailed(
                        Outcome.UNKNOWN,
                        f"{self.name} has a trigger {seen.venue_id}, which could be {client_id}",
                    )

    async def _follow_fired(self, symbol: Symbol, resting: list[Seen]) -> None:
        """Learn what became of triggers that wait no more, so that it is not taken for a stranger's order."""
        waiting = {seen.venue_id for seen in resting}
        for known in self._known.live():
            gone = known.symbol == symbol and known.venue_id and known.venue_id not in waiting
            if gone and self._settling.in_trigger_book(known):
                await self._settling.look(known)

    async def _elsewhere(self, symbol: Symbol, client_id: str) -> list[Seen]:
        mark = to_venue(client_id, self.line.profile.client_ids)
        seen = await self._reading.order_of(symbol, mark)
        if seen is not None:
            return [seen]
        resting = await self._reading.open_orders(symbol)
        return [each for each in resting if each.venue_client_id == mark]

    async def _view(self, seen: Seen) -> VenueOrder:
        known = self._known.of_venue_id(seen.symbol, seen.venue_id)
        if known is None and seen.venue_client_id:
            known = self._known.of_venue_client_id(seen.venue_client_id)
        if known is not None:
            return await self._settling.take_in(known, seen)
        client_id = self._known.client_id_of(seen.venue_client_id, seen.symbol, seen.venue_id)
        fills: tuple[Fill, ...] = ()
        if seen.filled:
            fills = tuple(await self._reading.fills_of(seen.symbol, seen.venue_id, client_id))
        return VenueOrder(client_id, seen.venue_id, seen.symbol, seen.status, seen.filled, fills, seen.terms)

    def _whose(self, trade: Mapping[str, Any]) -> str:
        known = self._known.of_venue_id(str(trade.get("symbol")), trade_order(trade))
        return "" if known is None else known.client_id

    def _mark_dirty(self) -> None:
        live, now = self._known.live(), self._clock.now()
        stream = self.stream
        everything = stream is None or stream.take_gap()
        everything = everything or self._reconciled is None or now - self._reconciled >= self._reconcile_every
        if everything:
            self._reconciled = now
            self._known.dirty.update(known.client_id for known in live if known.venue_id)
            return
        if stream is not None:
            for symbol, venue_id, venue_client_id in stream.take_hints():
                self._hinted(symbol, venue_id, venue_client_id)

    def _hinted(self, symbol: str, venue_id: str, venue_client_id: str) -> None:
        known = self._known.of_venue_id(symbol, venue_id) or self._known.of_venue_client_id(venue_client_id)
        if known is None:  # a stranger's, or what a trigger of ours became
            for each in self._known.live():
                if each.symbol == symbol and self._settling.in_trigger_book(each):
                    self._known.dirty.add(each.client_id)
            return
        if not known.venue_id and venue_id:  # its answer was lost, or is still on its way
            self._known.named(known, venue_id)
        self._known.dirty.add(known.client_id)


def _id_of(answer: object) -> str:
    venue_id = answer.get("id") if isinstance(answer, Mapping) else None
    if not venue_id:
        raise VenueUnknown("the venue answered without naming an order")
    return str(venue_id)


async def open_venue(
    connection: Connection,
    symbols: tuple[Symbol, ...],
    clock: Clock,
    *,
    stream: bool = True,
    reconcile_every: timedelta = _RECONCILE_EVERY,
) -> CcxtVenue:
    """Connect: measure the clock, read what is listed, follow the account.

    Raises ConfigError for missing keys or an address that is not allowed, UnknownSymbol for a symbol that is
    not listed, and VenueError when the venue does not answer.
    """
    if not connection.credentials.complete:
        raise ConfigError(
            f"{connection.profile.name} needs a key and a secret", fix="Set them in the environment"
        )
    line = Line(connection, clock)
    try:
        try:
            await line.measure()
            markets = await line.call("load_markets")
        except LineFailed as failed:
            raise failed.as_venue_error() from failed
        if not isinstance(markets, Mapping):
            raise DataError(f"{connection.profile.name} lists nothing")
        instruments = instruments_from(markets, symbols)
        following = await UserStream.open(connection, line.milliseconds) if stream else None
    except BaseException:
        await line.close()
        raise
    return CcxtVenue(line, instruments, clock, following, reconcile_every)
