"""What this process knows of its own orders at a venue, and what it has told the desk about them.

Executions are told once, by id, whatever a venue repeats, reorders or leaves out; the end of an order is
told after all its executions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from domain.errors import DataError
from domain.money import ZERO, Symbol
from domain.orders import TERMINAL, Fill, Order, OrderIntent, OrderStatus
from execution.exchanges.client_ids import from_venue, to_venue
from execution.exchanges.parse import fill_number
from execution.exchanges.profiles import ClientIdRule
from execution.venue import Closed, Executed, VenueReport

ENDED_KEPT: Final = 256
"""How many ended orders are remembered, so that asking for one again finds it. What was not told of one that
is forgotten is still told; what the venue says of it later is left to the comparison with the books."""


@dataclass(slots=True)
class Known:
    """One order. `expires` is the venue's time after which a request without an answer is certainly refused.

    `became` is the venue's id of the order that a trigger turned into. `checked` says that what the venue
    has was compared with what was asked for.
    """

    intent: OrderIntent
    venue_client_id: str
    venue_id: str = ""
    became: str = ""
    expires: datetime | None = None
    checked: bool = False
    status: OrderStatus | None = None
    fills: dict[str, Fill] = field(default_factory=dict)
    closed: bool = False

    @property
    def client_id(self) -> str:
        return self.intent.client_id

    @property
    def symbol(self) -> Symbol:
        return self.intent.symbol

    @property
    def filled(self) -> Decimal:
        return sum((fill.quantity for fill in self.fills.values()), ZERO)

    @property
    def over(self) -> bool:
        return self.closed or self.filled >= self.intent.quantity

    @property
    def sorted_fills(self) -> tuple[Fill, ...]:
        return tuple(sorted(self.fills.values(), key=lambda fill: fill.filled_at))


class KnownOrders:
    """The orders of this process by every name they have, and the reports that are due."""

    def __init__(self, rule: ClientIdRule) -> None:
        self._rule = rule
        self._live: dict[str, Known] = {}
        self._ended: OrderedDict[str, Known] = OrderedDict()
        self._by_client: dict[str, str] = {}
        self._by_venue: dict[str, str] = {}
        self._due: list[VenueReport] = []
        self.dirty: set[str] = set()

    def add(self, intent: OrderIntent) -> Known:
        """Begin to know an order that is about to be sent."""
        known = Known(intent, to_venue(intent.client_id, self._rule))
        self._live[intent.client_id] = known
        self._by_client[known.venue_client_id] = intent.client_id
        return known

    def forget(self, known: Known) -> None:
        """An order that the venue certainly never took in."""
        self._live.pop(known.client_id, None)
        self._drop_names(known)

    def restore(self, orders: Iterable[Order]) -> None:
        """Take over the desk's orders after a restart; their fills were told before."""
        for order in orders:
            if order.status in TERMINAL or order.client_id in self._live:
                continue
            known = self.add(order.intent)
            known.fills = {fill.fill_id: fill for fill in order.fills}
            known.checked = bool(order.venue_id)
            if order.venue_id:
                self.named(known, order.venue_id)
            self.dirty.add(order.client_id)

    def get(self, client_id: str) -> Known | None:
        return self._live.get(client_id) or self._ended.get(client_id)

    def live(self) -> tuple[Known, ...]:
        """The orders that may still change, oldest first."""
        return tuple(self._live.values())

    def named(self, known: Known, venue_id: str, *, became: bool = False) -> None:
        """The venue's id for an order, or for the order that it became."""
        if became:
            known.became = venue_id
        else:
            known.venue_id = venue_id
        self._by_venue[_key(known.symbol, venue_id)] = known.client_id

    def of_venue_id(self, symbol: str, venue_id: str) -> Known | None:
        client_id = self._by_venue.get(_key(symbol, venue_id))
        return None if client_id is None else self.get(client_id)

    def of_venue_client_id(self, venue_client_id: str) -> Known | None:
        client_id = self._by_client.get(venue_client_id)
        return None if client_id is None else self.get(client_id)

    def client_id_of(self, venue_client_id: str, symbol: str = "", venue_id: str = "") -> str:
        """Whose order it is in the desk's words; what the venue says itself when nobody knows."""
        known = self.of_venue_client_id(venue_client_id) or self.of_venue_id(symbol, venue_id)
        if known is not None:
            return known.client_id
        return from_venue(venue_client_id, self._rule) or venue_client_id or venue_id

    def executed(self, known: Known, fills: Iterable[Fill]) -> None:
        """Take in executions of an order, new ones and old ones, in any order; the new ones become due."""
        for fill in sorted(fills, key=lambda each: each.filled_at):
            if fill.fill_id in known.fills:
                continue
            if known.filled + fill.quantity > known.intent.quantity:
                raise DataError(f"{known.client_id} would be overfilled by {fill.fill_id}")
            known.fills[fill.fill_id] = fill
            self._due.append(Executed(fill))

    def settled(self, known: Known, status: OrderStatus, reason: str, at: datetime) -> None:
        """Take in what the venue says the order is, once all its executions are in."""
        known.status = status
        if status in TERMINAL and not known.closed:
            known.closed = True
            if status is not OrderStatus.FILLED:
                self._due.append(Closed(known.client_id, known.symbol, status, reason, at))
            self._end(known)

    def due(self) -> tuple[VenueReport, ...]:
        """The reports since this was last asked: executions in the order of their time, ends after them."""
        due, self._due = self._due, []
        return tuple(sorted(due, key=_when))

    def __iter__(self) -> Iterator[Known]:
        yield from self._live.values()
        yield from self._ended.values()

    def _end(self, known: Known) -> None:
        self._live.pop(known.client_id, None)
        self.dirty.discard(known.client_id)
        self._ended[known.client_id] = known
        while len(self._ended) > ENDED_KEPT:
            _, oldest = self._ended.popitem(last=False)
            self._drop_names(oldest)

    def _drop_names(self, known: Known) -> None:
        self.dirty.discard(known.client_id)
        self._by_client.pop(known.venue_client_id, None)
        for venue_id in (known.venue_id, known.became):
            if venue_id:
                self._by_venue.pop(_key(known.symbol, venue_id), None)


def _when(report: VenueReport) -> tuple[datetime, bool, int]:
    """Time, then executions before ends, then the venue's own numbers."""
    if isinstance(report, Closed):
        return report.at, True, 0
    return report.fill.filled_at, False, fill_number(report.fill)


def _key(symbol: str, venue_id: str) -> str:
    return f"{symbol} {venue_id}"
