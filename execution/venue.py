"""The venue port: where approved orders go, and what comes back.

A venue tells four answers apart. An id: it has the order. `VenueRejected`: it will never have it.
`VenueDown`: it certainly took nothing in, and may do so later. `VenueUnknown`: nobody knows yet, and `lookup`
is the only way to find out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from domain.frozen import quick
from domain.money import Currency, Symbol
from domain.orders import Fill, OrderIntent, OrderStatus, OrderType, Side, TimeInForce
from risk.approval import ApprovedOrder


@dataclass(frozen=True, slots=True)
class Terms:
    """What the venue says an order is, in its own words turned into ours: read back, never remembered.

    `quantity` is the whole order in base currency. A price the type does not have is None.
    """

    side: Side
    order_type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the venue sees it. `filled` is in base currency and equals the sum of `fills`.

    `terms` is what a protective stop is checked against, and what a stranger's order counts as; None when
    the venue does not tell.
    """

    client_id: str
    venue_id: str
    symbol: Symbol
    status: OrderStatus
    filled: Decimal
    fills: tuple[Fill, ...]
    terms: Terms | None = None


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


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a venue really does, asked before anything is promised.

    What is not listed is refused, never dropped in silence. `groups` says that one-cancels-other orders
    rest at the venue itself. `shares_holdings` says that several resting sells may stand on one holding; a
    real venue locks what a resting sell would take, so that the old must go before the new can come.
    """

    order_types: frozenset[OrderType]
    times_in_force: frozenset[TimeInForce]
    post_only: bool = False
    groups: bool = False
    shares_holdings: bool = False

    @property
    def stops(self) -> bool:
        """Whether a protective stop can rest at the venue, where it works while the desk is away."""
        return OrderType.STOP in self.order_types

    def problems(self, intent: OrderIntent) -> tuple[str, ...]:
        """Everything the intent asks for that this venue does not do, in words; empty when it does it all."""
        said: list[str] = []
        if intent.order_type not in self.order_types:
            said.append(f"it has no {intent.order_type.value} orders")
        if intent.time_in_force not in self.times_in_force:
            said.append(f"it has no time in force {intent.time_in_force.value}")
        if intent.post_only and not self.post_only:
            said.append("it has no post-only orders")
        if intent.group and not self.groups:
            said.append("it has no one-cancels-other orders")
        return tuple(said)


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds of one currency: `free` to use, `locked` in open orders."""

    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


class Venue(Protocol):
    """One place to trade. Only the order desk holds one."""

    @property
    def name(self) -> str:
        """A short name for people and logs."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it really does."""
        ...

    async def place(self, order: ApprovedOrder) -> str:
        """Send an approved order and return the venue's id for it.

        The same client id twice is the same order: it is never placed again. Raises GateError for an
        approval the gate did not make, VenueRejected when the venue refuses or does not do this (final),
        VenueDown when it took nothing in, VenueUnknown when no answer came (look it up).
        """
        ...

    async def cancel(self, client_id: str) -> None:
        """Withdraw what is left of an open order. Raises NotFound when the venue has no such open order."""
        ...

    async def lookup(self, client_id: str) -> VenueOrder | None:
        """The venue's view of an order; None only when it is certain that it never had it and never will.

        Raises VenueUnknown while a request sent before could still be accepted.
        """
        ...

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        """Every order that can still be filled, oldest first."""
        ...

    async def poll(self) -> tuple[VenueReport, ...]:
        """What happened since the last poll, in order."""
        ...

    async def balances(self) -> Mapping[Currency, Balance]:
        """What the account holds; a currency that is absent is not held."""
        ...

    def taker(self, symbol: Symbol) -> Decimal:
        """The fee of an order that takes, as a fraction of its value, as far as the venue tells it."""
        ...

    async def fills(self, since: datetime) -> tuple[Fill, ...]:
        """Every execution of the account at or after `since`, oldest first; a stranger's has no client id."""
        ...
