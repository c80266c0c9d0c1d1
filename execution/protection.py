"""What protects a position: how much, at which prices, and what of it can rest at the venue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from domain.instrument import Instrument
from domain.market import Quote
from domain.money import ONE, ZERO, Price, Quantity, Symbol
from domain.orders import Order, OrderIntent, Side
from execution.sending import RESTING
from execution.venue import Capabilities
from portfolio.position import Position

TRAIL_STEP: Final = Decimal("0.001")
"""A trailing stop moves when it can move by this fraction of itself: not with every tick."""

PIECES: Final = 4
"""A position that grew has at most so many stops side by side; then one takes the place of another."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The protection one position should have now.

    `held` is all of it on the venue's grid, `quantity` what the stop must cover: less than `held` where the
    venue locks what other sales are resting on. `level` is the stop's trigger, `profit` where the gain is
    taken. `trails` says that the level follows the price.
    """

    symbol: Symbol
    held: Quantity
    quantity: Quantity
    level: Price
    profit: Price | None
    trails: bool


def plan(
    position: Position,
    instrument: Instrument,
    entry: OrderIntent | None,
    armed: Price | None,
    quote: Quote | None,
    selling: Sequence[Order],
    does: Capabilities,
    default_distance: Decimal,
) -> Plan:
    """The stop at the newest entry's price, never below one armed before; the rest as the entry says.

    `selling` are the other orders that sell the symbol. An entry that named no stop has one at
    `default_distance` below the average price. Prices are rounded up, towards the market.
    """
    most = Quantity(instrument.max_quantity)
    held = min(instrument.quantity(position.quantity), most)
    claimed = ZERO
    if not does.shares_holdings:
        claimed = sum((order.remaining for order in selling if not order.intent.guards), ZERO)
    free = min(instrument.quantity(max(position.quantity - claimed, ZERO)), most)
    named = entry.protective_stop if entry is not None else None
    known = [price for price in (named, armed) if price is not None]
    level = instrument.price_up(max(known) if known else position.average_price * (ONE - default_distance))
    trailing = entry.trailing if entry is not None else None
    if trailing is not None and quote is not None:
        followed = instrument.price_up(quote.bid * (ONE - trailing))
        if followed >= level * (ONE + TRAIL_STEP):
            level = followed
    profit = entry.take_profit if entry is not None else None
    return Plan(
        position.symbol,
        held,
        free,
        level,
        None if profit is None else instrument.price_up(profit),
        trailing is not None,
    )


def guards(orders: Sequence[Order], *, stops: bool) -> list[Order]:
    """Of these orders the resting ones that guard a position: stops, or those that take a profit."""
    return [
        order
        for order in orders
        if order.status in RESTING
        and order.intent.guards
        and (order.intent.trigger_price is not None) is stops
    ]


def sales(orders: Sequence[Order], symbol: Symbol) -> list[Order]:
    """Of these orders those that sell the symbol."""
    return [order for order in orders if order.intent.symbol == symbol and order.intent.side is Side.SELL]


def cover(stops: Sequence[Order]) -> Decimal:
    """How much the stops would sell together."""
    return sum((order.remaining for order in stops), ZERO)
