"""The rule on form: an order has exactly what its type needs, on the right side of the market, in time."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from domain.money import ZERO
from domain.orders import STOPS, TRIGGERED, WITH_LIMIT, OrderIntent, OrderType, TimeInForce
from domain.verdicts import Breach
from risk.breaches import missing, plain
from risk.case import Case

WIDEST_TRAIL: Final = Decimal("0.5")
"""A stop further away than half the price protects nothing."""

# Looking up a member on its enum costs about 100 ns in Python 3.11, a name in the module almost nothing.
_MARKET: Final = OrderType.MARKET
_LIMIT: Final = OrderType.LIMIT
_STOP_LIMIT: Final = OrderType.STOP_LIMIT
_TRAILING: Final = OrderType.TRAILING_STOP
_GTC: Final = TimeInForce.GTC
_GTD: Final = TimeInForce.GTD


def well_formed(case: Case) -> Breach | None:
    """Exactly the prices its type needs, triggers on the far side of the market, an end that lies ahead."""
    intent = case.intent
    if (
        intent.trigger_price is None
        and (intent.limit_price is None if intent.order_type is _MARKET else intent.order_type is _LIMIT)
        and intent.expires_at is None
        and intent.time_in_force is _GTC
        and not intent.post_only
        and intent.take_profit is None
        and intent.trailing is None
        and not intent.replaces
        and (case.buys or intent.protective_stop is None)
    ):
        return None  # nearly every order; a limit order without its limit has no worst price, which refuses
    if intent.order_type in TRIGGERED and case.facts.quote is None:
        return missing("well_formed", "the price that the trigger belongs to")
    problems = [*_prices(intent), *_sides(case), *_trail(case), *_time(case), *_exits(case)]
    if intent.replaces == intent.client_id:
        problems.append("an order cannot replace itself")
    if not problems:
        return None
    kind = intent.order_type.value
    return Breach("well_formed", f"a {kind} order", "not one", f"a {kind} order: {'; '.join(problems)}")


def _prices(intent: OrderIntent) -> Iterator[str]:
    kind = intent.order_type
    for name, price, needed in (
        ("limit price", intent.limit_price, kind in WITH_LIMIT),
        ("trigger price", intent.trigger_price, kind in TRIGGERED),
    ):
        if needed and price is None:
            yield f"it needs a {name}"
        elif not needed and price is not None:
            yield f"it has no {name}, but {price:f} is given"
        elif price is not None and not (price.is_finite() and price > ZERO):
            yield f"a {name} of {price} makes no sense"


def _sides(case: Case) -> Iterator[str]:
    """A stop lies beyond the market in the direction of loss, a take-profit in the other."""
    intent, quote, trigger = case.intent, case.facts.quote, case.intent.trigger_price
    kind = intent.order_type
    if kind not in TRIGGERED or quote is None or trigger is None:
        return
    above = case.buys is (kind in STOPS)
    touch = quote.ask if case.buys else quote.bid
    if trigger <= touch if above else trigger >= touch:
        where = "above" if above else "below"
        yield f"its trigger {plain(trigger)} is not {where} the market at {plain(touch)}"
    limit = intent.limit_price
    if kind is _STOP_LIMIT and limit is not None and (limit < trigger if case.buys else limit > trigger):
        yield f"its limit {plain(limit)} is on the wrong side of its trigger {plain(trigger)}"


def _trail(case: Case) -> Iterator[str]:
    intent, trailing = case.intent, case.intent.trailing
    if intent.order_type is _TRAILING:
        if trailing is None:
            yield "it needs a distance to trail at"
    elif trailing is not None and (intent.protective_stop is None or intent.reduce_only):
        yield "there is no protective stop that could trail"
    if trailing is not None and not ZERO < trailing <= WIDEST_TRAIL:
        yield f"a distance of {trailing} is not in (0, {WIDEST_TRAIL}]"


def _time(case: Case) -> Iterator[str]:
    intent, ends = case.intent, case.intent.expires_at
    tif = intent.time_in_force
    if ends is None:
        if tif is _GTD:
            yield "good till date needs a date"
    elif intent.order_type is _MARKET or tif not in (_GTC, _GTD):
        yield "it is over at once and cannot have a date"
    elif ends <= case.now:
        yield f"its date {ends:%Y-%m-%d %H:%M:%S} has passed"
    if intent.post_only and (intent.order_type is not _LIMIT or tif not in (_GTC, _GTD)):
        yield "only a limit order that may rest can be post-only"


def _exits(case: Case) -> Iterator[str]:
    """A stop and a take-profit belong to an entry; the profit lies above its price."""
    intent = case.intent
    if intent.protective_stop is not None and not case.buys:
        yield "a sale opens nothing that a protective stop could protect"
    profit = intent.take_profit
    if profit is None:
        return
    if not case.buys or intent.reduce_only:
        yield "a sale opens nothing that a take-profit could close"
    elif case.price is not None and not profit > case.price:
        yield f"its take-profit {plain(profit)} is not above its price {plain(case.price)}"
