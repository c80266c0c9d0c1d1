"""Intents, orders and fills; the life of an order is the one table below."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from domain.errors import InvalidTransition
from domain.frozen import quick
from domain.money import ZERO, Currency, Money, Price, Quantity, Symbol


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """What makes an order fill. A STOP and a TAKE_PROFIT become market orders at their trigger.

    TRAILING_STOP is a STOP whose trigger follows the best price at a distance of `trailing`.
    """

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT = "take_profit"
    TAKE_PROFIT_LIMIT = "take_profit_limit"
    TRAILING_STOP = "trailing_stop"


class TimeInForce(StrEnum):
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    GTD = "gtd"


class Origin(StrEnum):
    """Who asked for the order."""

    CYCLE = "cycle"
    GUARDIAN = "guardian"
    ALGORITHM = "algorithm"
    OPERATOR = "operator"
    PANIC = "panic"


class OrderStatus(StrEnum):
    INTENDED = "intended"
    REFUSED = "refused"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    CANCELLING = "cancelling"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


_S = OrderStatus

TRANSITIONS: Final[dict[OrderStatus, frozenset[OrderStatus]]] = {
    _S.INTENDED: frozenset({_S.REFUSED, _S.SUBMITTING, _S.EXPIRED}),
    _S.SUBMITTING: frozenset(
        {_S.ACCEPTED, _S.PARTIALLY_FILLED, _S.FILLED, _S.REJECTED, _S.UNKNOWN, _S.CANCELLED, _S.EXPIRED}
    ),
    _S.UNKNOWN: frozenset(
        {_S.ACCEPTED, _S.PARTIALLY_FILLED, _S.FILLED, _S.REJECTED, _S.CANCELLED, _S.EXPIRED}
    ),
    _S.ACCEPTED: frozenset(
        {_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLING, _S.CANCELLED, _S.EXPIRED, _S.UNKNOWN}
    ),
    _S.PARTIALLY_FILLED: frozenset(
        {_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLING, _S.CANCELLED, _S.EXPIRED, _S.UNKNOWN}
    ),
    _S.CANCELLING: frozenset(
        {_S.CANCELLED, _S.PARTIALLY_FILLED, _S.FILLED, _S.ACCEPTED, _S.EXPIRED, _S.UNKNOWN}
    ),
    _S.REFUSED: frozenset(),
    _S.FILLED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.EXPIRED: frozenset(),
}
"""Which status may follow which. A status with no successor is terminal."""

WITH_LIMIT: Final = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT})
"""Order types that name the worst price they accept."""

TRIGGERED: Final = frozenset(
    {
        OrderType.STOP,
        OrderType.STOP_LIMIT,
        OrderType.TAKE_PROFIT,
        OrderType.TAKE_PROFIT_LIMIT,
        OrderType.TRAILING_STOP,
    }
)
"""Order types that sleep until the price reaches a trigger."""

STOPS: Final = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})
"""Order types that get out of a holding when the price moves against it."""

TERMINAL: Final = frozenset(status for status, nexts in TRANSITIONS.items() if not nexts)
_FILLED: Final = _S.FILLED  # every fill asks for these; reading a member off its class is slow in 3.11
_PARTIALLY_FILLED: Final = _S.PARTIALLY_FILLED
OPEN_AT_VENUE: Final = frozenset({_S.ACCEPTED, _S.PARTIALLY_FILLED, _S.CANCELLING})


def client_order_id(session: str, cycle: int, leg: int) -> str:
    """The id that session, cycle and leg determine, the same after any restart."""
    return f"{session}-{cycle:06d}-{leg:02d}"


@quick
@dataclass(frozen=True, slots=True)
class OrderIntent:
    """What the desk wants done, before anyone has approved it.

    `limit_price` is set for the types in WITH_LIMIT, `trigger_price` for those in TRIGGERED (where a trailing
    stop begins). `trailing` is a fraction of the price: the distance of a TRAILING_STOP, and on an entry with
    a protective stop the distance at which that stop follows the price. `expires_at` is when the order must
    be over: with GTD the venue ends it, with GTC the desk withdraws it. `post_only` never takes liquidity.
    `protective_stop` and `take_profit` are the prices at which the desk will get out of the position that
    this order opens. Orders of the same non-empty `group` cancel each other: the first to fill ends the
    rest. `parent` names what this order is a part of: an algorithm, or the entry that it protects.
    `replaces` names the order that must be gone before this one is sent; its quantity counts from what that
    order had filled when this was written down, and shrinks by what it fills after.
    """

    client_id: str
    session: str
    cycle: int
    leg: int
    symbol: Symbol
    side: Side
    quantity: Quantity
    order_type: OrderType
    created_at: datetime
    origin: Origin = Origin.CYCLE
    reduce_only: bool = False
    limit_price: Price | None = None
    trigger_price: Price | None = None
    protective_stop: Price | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reason: str = ""
    post_only: bool = False
    expires_at: datetime | None = None
    trailing: Decimal | None = None
    take_profit: Price | None = None
    group: str = ""
    parent: str = ""
    replaces: str = ""
    arrival: Price | None = None

    @property
    def guards(self) -> bool:
        """Whether this protects a holding: it makes way for whatever gets out of that holding sooner."""
        if self.side is not Side.SELL or not self.reduce_only:
            return False
        if self.order_type in STOPS:
            return True
        return self.origin is Origin.GUARDIAN and self.order_type is not OrderType.MARKET


@quick
@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `fee` is what was paid, in its own currency, never negative here."""

    fill_id: str
    client_id: str
    symbol: Symbol
    side: Side
    quantity: Quantity
    price: Price
    fee: Money
    filled_at: datetime
    maker: bool = False


@dataclass(slots=True)
class Order:
    """One order's life. It changes by `move` and `add_fill` only, and never against the table."""

    intent: OrderIntent
    status: OrderStatus = OrderStatus.INTENDED
    filled: Decimal = ZERO
    notional: Decimal = ZERO
    venue_id: str = ""
    note: str = ""
    updated_at: datetime | None = None
    fills: list[Fill] = field(default_factory=list)

    @property
    def client_id(self) -> str:
        return self.intent.client_id

    @property
    def remaining(self) -> Decimal:
        return self.intent.quantity - self.filled

    @property
    def average_price(self) -> Decimal | None:
        return self.notional / self.filled if self.filled else None

    @property
    def fees(self) -> dict[Currency, Decimal]:
        """What was paid, by currency: fees in the traded coin and in money are two sums, never one."""
        paid: dict[Currency, Decimal] = {}
        for fill in self.fills:
            fee = fill.fee
            if fee.amount:
                paid[fee.currency] = paid.get(fee.currency, ZERO) + fee.amount
        return paid

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    def move(self, status: OrderStatus, at: datetime, note: str = "") -> None:
        """Go to `status`; raises InvalidTransition when the table has no such step."""
        if status not in TRANSITIONS[self.status]:
            raise InvalidTransition(f"order {self.client_id} cannot go from {self.status} to {status}")
        self.status = status
        self.updated_at = at
        if note:
            self.note = note

    def add_fill(self, fill: Fill) -> None:
        """Record an execution and move on. Raises InvalidTransition on an overfill."""
        quantity = fill.quantity
        # Most orders fill at once: their sums are the fill's own numbers, and not kept a second time.
        filled = self.filled + quantity if self.filled else quantity
        if filled > self.intent.quantity:
            raise InvalidTransition(f"order {self.client_id} would be overfilled by {fill.fill_id}")
        done = filled == self.intent.quantity
        self.move(_FILLED if done else _PARTIALLY_FILLED, fill.filled_at)
        self.filled = filled
        self.notional += quantity * fill.price
        self.fills.append(fill)


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of a double entry. The lines of a transaction add up to zero in each currency."""

    transaction: str
    account: str
    currency: Currency
    amount: Decimal
    at: datetime
