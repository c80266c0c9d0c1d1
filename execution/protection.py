"""What protects a position: how much, at which prices, and what of it can rest at the venue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from domain.events import StopArmed
from domain.instrument import Instrument
from domain.market import Quote
from domain.money import ONE, ZERO, Price, Quantity, Symbol
from domain.orders import Order, OrderIntent, Side
from execution.sending import RESTING
from execution.stops.keeper import TRAIL_STEP, StopKeeper
from execution.stops.keeper import why as because
from execution.venue import Capabilities
from portfolio.position import Position

NOTHING: Final = Quantity(ZERO)

PIECES: Final = 4
"""A position that grew has at most so many stops side by side; then one takes the place of another."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The protection one position should have now.

    `held` is all of it on the venue's grid, `quantity` what the stop must cover: less than `held` where the
    venue locks what other sales are resting on. `level` is the stop's trigger, set by `rule` as `why` tells,
    `profit` where the gain is taken. `trails` says that the level follows the price. `leave` says why all of
    it is to be closed now, empty to stay; `part` is what the ladder of targets wants sold now.
    """

    symbol: Symbol
    held: Quantity
    quantity: Quantity
    level: Price
    profit: Price | None
    trails: bool
    rule: str = ""
    why: str = ""
    leave: str = ""
    part: Quantity = NOTHING


def plan(
    position: Position,
    instrument: Instrument,
    entry: OrderIntent | None,
    promise: OrderIntent | None,
    armed: StopArmed | None,
    quote: Quote | None,
    selling: Sequence[Order],
    does: Capabilities,
    default_distance: Decimal,
    keeper: StopKeeper | None = None,
) -> Plan:
    """The stop where an entry promised it or a rule wants it, never below one armed before.

    `entry` is the newest entry, `promise` the one that named the tightest stop; where none did, it lies at
    `default_distance` below the average price. `selling` are the other orders that sell the symbol. `keeper`
    knows the rules of the stop plan; without one there are none. Prices are rounded up, towards the market.
    """
    most = Quantity(instrument.max_quantity)
    held = min(instrument.quantity(position.quantity), most)
    claimed = sum((order.remaining for order in selling if not order.intent.guards), ZERO)
    free = held
    if not does.shares_holdings:
        free = min(instrument.quantity(max(position.quantity - claimed, ZERO)), most)
    level, rule, why = _level(position, instrument, promise, armed, default_distance)
    trailing = entry.trailing if entry is not None else None
    if trailing is not None and quote is not None:
        followed = instrument.price_up(quote.bid * (ONE - trailing))
        if followed >= level * (ONE + TRAIL_STEP):
            level, rule, why = followed, "entry_trailing", f"{trailing:f} under the bid at {quote.bid:f}"
    profit = entry.take_profit if entry is not None else None
    advice = None if keeper is None else keeper.advise(position.symbol)
    leave, part = "", NOTHING
    if keeper is not None and advice is not None:
        trigger = advice.trigger
        if trigger is not None and moves(armed, level, trigger.price):
            level, rule, why = (
                instrument.price_up(trigger.price),
                trigger.kind.value,
                because(keeper.plan, advice),
            )
        leave = advice.leave
        if advice.due > claimed and quote is not None:
            part = _part(instrument, position.quantity - claimed, advice.due - claimed, quote)
    return Plan(
        position.symbol,
        held,
        free,
        level,
        None if profit is None else instrument.price_up(profit),
        trailing is not None,
        rule,
        why,
        leave,
        part,
    )


def moves(armed: StopArmed | None, level: Decimal, price: Decimal) -> bool:
    """Whether a stop at `level` is to be raised to `price`; an armed one only by a whole `TRAIL_STEP`."""
    return price > level if armed is None else price >= level * (ONE + TRAIL_STEP)


def _level(
    position: Position,
    instrument: Instrument,
    promise: OrderIntent | None,
    armed: StopArmed | None,
    default_distance: Decimal,
) -> tuple[Price, str, str]:
    """The price that is promised already, the rule behind it, and why."""
    named = promise.protective_stop if promise is not None else None
    if armed is not None and (named is None or armed.trigger_price >= named):
        return instrument.price_up(armed.trigger_price), armed.rule, armed.why
    if named is not None and promise is not None:
        return instrument.price_up(named), "entry", f"named by {promise.client_id}"
    price = position.average_price * (ONE - default_distance)
    return instrument.price_up(price), "default", f"{default_distance:f} under {position.average_price:.8g}"


def _part(instrument: Instrument, left: Decimal, due: Decimal, quote: Quote) -> Quantity:
    """What to sell of a part that is due: all that is left where the rest could not be sold by itself."""
    rest = instrument.quantity(max(left - due, ZERO))
    if rest < instrument.min_quantity or rest * quote.bid < instrument.min_notional:
        due = left
    part = min(instrument.quantity(min(due, left)), Quantity(instrument.max_quantity))
    enough = part >= instrument.min_quantity and part * quote.bid >= instrument.min_notional
    return part if enough else NOTHING


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


def catches(stops: Sequence[Order], wanted: Plan) -> bool:
    """Whether these stops, for all of it and none too low, deal with a breach by themselves."""
    levels = [order.intent.trigger_price for order in stops]
    high_enough = all(level is not None and level >= wanted.level for level in levels)
    return high_enough and cover(stops) >= wanted.quantity
