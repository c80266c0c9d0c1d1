"""What the desk learns by comparing its books with the venue, as events.

A difference ends in one of three ways. *Explained*: the desk now knows what it had missed. *Adopted*: it is
not the desk's doing, and it counts from now on. *Frozen*: nobody can say, and nothing new is entered until
it is gone or somebody answers for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Literal

from domain.money import Currency, Quantity, Symbol
from domain.orders import Fill


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing on which books and venue disagree, and what became of it.

    `name` is a client id, a fill id or a currency; `symbol` is empty when it concerns the whole account.
    `ours` and `theirs` are the two numbers, in base currency for orders and fills.
    """

    verdict: Literal["explained", "adopted", "frozen"]
    subject: Literal["order", "fill", "balance"]
    name: str
    symbol: Symbol
    ours: Decimal
    theirs: Decimal
    message: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The books were compared with the venue: so many orders, fills and balances, and what was different.

    `frozen` is everything that stops entries from now on, by symbol (or "*" for all) with the reason; it
    replaces what the comparison before said. `outside` is what the account holds beyond the desk's books, in
    each currency's own unit: money and coins that were there before the desk, deposits that were accepted.
    `fills_until` is the time up to which the venue's executions are known.
    """

    kind: ClassVar[Literal["reconciled"]] = "reconciled"
    durable: ClassVar[bool] = True
    venue: str
    orders: int
    fills: int
    balances: int
    differences: tuple[Difference, ...]
    frozen: Mapping[str, str]
    outside: Mapping[Currency, Decimal]
    fills_until: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class FillAdopted:
    """Somebody else traded on the desk's account: booked as it is, for it is real money."""

    kind: ClassVar[Literal["fill_adopted"]] = "fill_adopted"
    durable: ClassVar[bool] = True
    fill: Fill
    at: datetime


@dataclass(frozen=True, slots=True)
class IntentReduced:
    """An intent that was not sent yet became smaller: the gate clipped it, or what it replaces had filled."""

    kind: ClassVar[Literal["intent_reduced"]] = "intent_reduced"
    durable: ClassVar[bool] = True
    client_id: str
    symbol: Symbol
    quantity: Quantity
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Unprotected:
    """A position was without its stop from `since` until `at`, longer than the guardian's bound."""

    kind: ClassVar[Literal["unprotected"]] = "unprotected"
    durable: ClassVar[bool] = True
    symbol: Symbol
    quantity: Quantity
    since: datetime
    reason: str
    at: datetime
