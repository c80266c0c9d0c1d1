"""What a simulated venue checks before it takes an order in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final

from domain.errors import VenueRejected
from domain.instrument import Instrument
from domain.money import ONE, ZERO
from domain.orders import TRIGGERED, WITH_LIMIT, OrderIntent, OrderType, Side, TimeInForce
from simulator.exchange.rejection import Reason, Rejection
from simulator.resting import Resting, Terms
from simulator.triggers import trigger_of

_MARKET: Final = OrderType.MARKET
_LIMIT: Final = OrderType.LIMIT
_AT_ONCE: Final = frozenset({TimeInForce.IOC, TimeInForce.FOK})


def own_price(intent: OrderIntent, reference: Decimal | None) -> Decimal:
    """The price an order is valued at: its limit, else its trigger, else the current price.

    Raises Rejection when it lacks a price that its type needs, or names one that makes no sense.
    """
    kind = intent.order_type
    for types, named in ((TRIGGERED, intent.trigger_price), (WITH_LIMIT, intent.limit_price)):
        if kind in types and (named is None or named <= ZERO):
            raise Rejection(Reason.BAD_PARAMETER, f"a {kind.value} order without a price")
    price: Decimal | None = intent.limit_price or intent.trigger_price
    if kind is _MARKET:
        price = reference
    if price is None or price <= ZERO:
        raise Rejection(Reason.BAD_PARAMETER, f"a {kind.value} order without a price")
    return price


def check_filters(intent: OrderIntent, instrument: Instrument, price: Decimal) -> None:
    """Raise Rejection when the order breaks a filter of the market."""
    if intent.order_type is _MARKET:
        # A reference price may lie between two ticks; the order itself names no price.
        price = instrument.price(price)
    problems = list(instrument.filter_problems(intent.quantity, price))
    trigger = intent.trigger_price
    if trigger is not None and trigger != price and trigger % instrument.tick_size:
        problems.append(f"price {trigger:f} is off the tick {instrument.tick_size:f}")
    if problems:
        raise Rejection(_broken(intent.quantity, price, instrument), "; ".join(problems))


def terms_of(
    intent: OrderIntent, instrument: Instrument, at: datetime, reference: Decimal | None
) -> Terms | None:
    """What the order asks for beyond type, price and quantity; None for a plain order.

    `reference` is the current price, when one is known. Raises Rejection for an order that contradicts
    itself, has ended already, would trigger at once, or is post-only and would take liquidity.
    """
    kind, ends = intent.order_type, intent.expires_at
    if ends is None and intent.time_in_force is TimeInForce.GTD:
        raise Rejection(Reason.BAD_PARAMETER, "good till date needs a date")
    if ends is not None and ends <= at:
        raise Rejection(Reason.EXPIRED, f"its date {ends:%Y-%m-%d %H:%M:%S} has passed")
    if intent.post_only:
        _check_post_only(intent, reference)
    sleeps = kind in TRIGGERED
    if not (sleeps or intent.post_only or ends is not None or intent.group):
        return None
    if kind is OrderType.TRAILING_STOP and not (intent.trailing and ZERO < intent.trailing < ONE):
        raise Rejection(Reason.TRAILING_RANGE, f"a trailing distance of {intent.trailing} is not in (0, 1)")
    trigger = trigger_of(intent, instrument) if sleeps else None
    if trigger is not None and reference is not None and trigger.reached(reference):
        raise Rejection(
            Reason.WOULD_TRIGGER, f"its trigger {trigger.price:f} is reached at {reference:f} already"
        )
    return Terms(trigger, intent.post_only, ends, intent.group)


def check_self_trade(intent: OrderIntent, waiting: Iterable[Resting], reference: Decimal | None) -> None:
    """Raise VenueRejected when the order would trade with a limit of the same account that rests already.

    Self-trade prevention: the newcomer is refused, the resting order stays. A reduce-only order is never
    refused for this: getting smaller comes first, and in a market of bars it trades with others. Sleeping
    orders are not looked at, for the same reason.
    """
    if intent.reduce_only or intent.order_type in TRIGGERED:
        return
    buy = intent.side is Side.BUY
    price = reference if intent.order_type is _MARKET else intent.limit_price
    if price is None:
        return
    for order in waiting:
        rests_at = order.intent.limit_price
        if order.buy is buy or order.kind is not _LIMIT or rests_at is None:
            continue
        if price >= rests_at if buy else price <= rests_at:
            own = order.intent.client_id
            raise VenueRejected(
                f"order {intent.client_id}: self-trade prevention: it would trade with its own {own}"
            )


def _check_post_only(intent: OrderIntent, reference: Decimal | None) -> None:
    limit = intent.limit_price
    if intent.order_type is not _LIMIT or intent.time_in_force in _AT_ONCE or limit is None:
        raise Rejection(Reason.BAD_PARAMETER, "only a limit order that may rest can be post-only")
    if reference is not None and (limit >= reference if intent.side is Side.BUY else limit <= reference):
        raise Rejection(Reason.WOULD_TAKE, f"post-only at {limit:f} would take at {reference:f}")


def _broken(quantity: Decimal, price: Decimal, instrument: Instrument) -> Reason:
    """The first filter that does not hold, in the order in which venues look at them."""
    if quantity < instrument.min_quantity:
        return Reason.QUANTITY_TOO_SMALL
    if quantity > instrument.max_quantity:
        return Reason.QUANTITY_TOO_LARGE
    if quantity % instrument.step_size:
        return Reason.QUANTITY_STEP
    if quantity * price < instrument.min_notional and not price % instrument.tick_size:
        return Reason.NOTIONAL_TOO_SMALL
    return Reason.PRICE_TICK
