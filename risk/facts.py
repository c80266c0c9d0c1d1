"""What the gate may know. A fact that nobody could establish is None, and None refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from domain.frozen import quick
from domain.halt import HaltState
from domain.instrument import Instrument
from domain.market import Quote
from domain.money import Currency, Symbol
from domain.orders import Side


@quick
@dataclass(frozen=True, slots=True)
class PositionFacts:
    """A holding in base currency and the price it is valued at, in the account's currency."""

    quantity: Decimal
    price: Decimal


@quick
@dataclass(frozen=True, slots=True)
class OpenOrderFacts:
    """An order that may still fill. `remaining` in base currency; `price` is the worst it may pay.

    For a buy, `price` is the limit or trigger price (the ask for a market order); it is what the gate
    sets aside for it. `is_stop` says that it guards a holding and makes way for what sells that sooner. An
    order whose fate is unknown belongs here too.
    """

    client_id: str
    symbol: Symbol
    side: Side
    remaining: Decimal
    price: Decimal
    reduce_only: bool
    is_stop: bool


@quick
@dataclass(frozen=True, slots=True)
class AccountFacts:
    """The account at market prices, in `currency`.

    `equity` includes unrealised profit and loss. `free` holds what is owned per currency **before** open
    orders are set aside: the gate subtracts `RiskFacts.open_orders` itself. Passing balances that already
    leave them out only refuses more. A currency or symbol that is absent counts as nothing held.
    """

    currency: Currency
    equity: Decimal
    day_start_equity: Decimal
    peak_equity: Decimal
    free: Mapping[Currency, Decimal]
    positions: Mapping[Symbol, PositionFacts]


@quick
@dataclass(frozen=True, slots=True)
class RiskFacts:
    """Everything `review` looks at besides the intent and the limits.

    `quote` and `instrument` are those of the intent's symbol. `open_orders` are the other orders that may
    still fill, of every symbol, without the one under review. `recent_orders` counts the orders submitted
    within `limits.order_rate_window` before now. None means unknown: every rule that needs it refuses.
    """

    halt: HaltState | None
    account: AccountFacts | None
    instrument: Instrument | None
    quote: Quote | None
    open_orders: tuple[OpenOrderFacts, ...] | None
    recent_orders: int | None
