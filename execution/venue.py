"""The venue port: where approved orders go, and what comes back.

A venue tells three answers apart. An id: it has the order. `VenueRejected`: it will never have it.
`VenueUnknown`: nobody knows yet, and `lookup` is the only way to find out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from domain.frozen import quick
from domain.money import Symbol
from domain.orders import Fill, OrderStatus
from risk.approval import ApprovedOrder


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the venue sees it. `filled` is in base currency and equals the sum of `fills`."""

    client_id: str
    venue_id: str
    symbol: Symbol
    status: OrderStatus
    filled: Decimal
    fills: tuple[Fill, ...]


@quick
@dataclass(frozen=True, slots=True)
class Executed:
    """The venue executed (a part of) an order."""

    fill: Fill


@dataclass(frozen=True, slots=True)
class Closed:
    """The venue ended an order without (further) fills: `status` is CANCELLED, REJECTED or EXPIRED."""

    client_id: str
    symbol: Symbol
    status: OrderStatus
    reason: str
    at: datetime


VenueReport = Executed | Closed


class Venue(Protocol):
    """One place to trade. Only the order desk holds one."""

    @property
    def name(self) -> str:
        """A short name for people and logs."""
        ...

    async def place(self, order: ApprovedOrder) -> str:
        """Send an approved order and return the venue's id for it.

        The same client id twice is the same order: it is never placed again. Raises GateError for an
        approval the gate did not make, VenueRejected when the venue refuses (final), VenueUnknown when
        no answer came (look it up).
        """
        ...

    async def cancel(self, client_id: str) -> None:
        """Withdraw what is left of an open order. Raises NotFound when the venue has no such open order."""
        ...

    async def lookup(self, client_id: str) -> VenueOrder | None:
        """The venue's view of an order; None only when it is certain that it never had it."""
        ...

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        """Every order that can still be filled, oldest first."""
        ...

    async def poll(self) -> tuple[VenueReport, ...]:
        """What happened since the last poll, in order."""
        ...
