"""What desks say to each other when one spreads an order over several: offers, children, holdings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from app.views import Amount, Model, Time
from domain.money import Currency, Symbol
from domain.orders import OrderStatus, Side

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Positive = Annotated[Amount, Field(gt=0, allow_inf_nan=False)]


class LevelView(Model):
    price: Amount
    quantity: Amount


class GridView(Model):
    """The market's own grid and minimums."""

    base: Currency
    quote: Currency
    tick_size: Amount
    step_size: Amount
    min_quantity: Amount
    max_quantity: Amount
    min_notional: Amount


class OfferView(Model):
    """What a taker finds at one desk's venue now: the book's other side, best first, and what may be used.

    `free` is in quote currency for a purchase, in base currency for a sale: what is there and what the
    desk's own limits leave. `taker` is a fraction.
    """

    venue: str
    symbol: Symbol
    side: Side
    levels: tuple[LevelView, ...]
    taker: Amount
    free: Amount
    grid: GridView


class ChildRequest(Model):
    """An order that another desk wants placed here. The same id is one order, however often it comes."""

    client_id: Name
    parent: Name
    symbol: Name
    side: Side
    quantity: Positive
    limit_price: Positive
    protective_stop: Positive | None = None
    take_profit: Positive | None = None
    reduce_only: bool = False
    part: Annotated[int, Field(ge=0, le=10_000)] = 0
    reason: Annotated[str, StringConstraints(max_length=300)] = ""


class ChildView(Model):
    """Such an order as it stands. Quantities in base, `notional` in quote currency."""

    client_id: str
    venue_id: str
    status: OrderStatus
    note: str
    filled: Amount
    notional: Amount
    updated_at: Time | None


class HoldingView(Model):
    currency: Currency
    free: Amount
    locked: Amount


class HoldingsView(Model):
    """What the account at the desk's venue holds."""

    venue: str
    holdings: tuple[HoldingView, ...]
