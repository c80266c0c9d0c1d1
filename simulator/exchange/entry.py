"""The questions an order must answer before the exchange takes it in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain.money import ONE, ZERO
from domain.orders import TRIGGERED, WITH_LIMIT, OrderType, Side, TimeInForce
from simulator.exchange.customer import Customer
from simulator.exchange.live import LiveOrder
from simulator.exchange.market import Market
from simulator.exchange.model import NewOrder
from simulator.exchange.policy import Duplicates, Policy
from simulator.exchange.rejection import Reason, Rejection
from simulator.exchange.rules import fires_upwards


def check_form(order: NewOrder) -> None:
    """Raise Rejection (BAD_PARAMETER) for an order whose fields do not belong together."""
    kind = order.order_type
    if (order.quantity is None) == (order.quote_amount is None):
        _bad("give either a quantity or a quote amount")
    if order.quote_amount is not None and kind is not OrderType.MARKET:
        _bad("a quote amount is for market orders")
    limit = order.limit_price is not None
    if limit != (kind in WITH_LIMIT) and kind is not OrderType.TRAILING_STOP:
        _bad(f"a {kind.value} order {'takes no' if limit else 'needs a'} limit price")
    trigger = order.trigger_price is not None
    if trigger != (kind in TRIGGERED) and kind is not OrderType.TRAILING_STOP:
        _bad(f"a {kind.value} order {'takes no' if trigger else 'needs a'} trigger price")
    if (order.trailing is not None) != (kind is OrderType.TRAILING_STOP):
        _bad("a trailing distance belongs to a trailing stop, and a trailing stop needs one")
    if order.trailing is not None and not ZERO < order.trailing < ONE:
        _bad("a trailing distance is a fraction between 0 and 1")
    if (order.expires_at is not None) != (order.time_in_force is TimeInForce.GTD):
        _bad("an expiry time belongs to GTD, and GTD needs one")
    at_once = order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    if order.post_only and (at_once or not limit):
        _bad("a post-only order is a limit order that rests")
    if order.display is not None and (at_once or not limit or order.post_only):
        _bad("an iceberg is a limit order that rests")


def check_client_id(order: NewOrder, customer: Customer, policy: Policy) -> None:
    """Raise Rejection for a client id the venue would not take now."""
    if not order.client_id:
        return
    policy.client_ids.check(order.client_id)
    if policy.client_ids.duplicates is Duplicates.ACCEPTED:
        return
    known = customer.by_client.get((order.symbol, order.client_id))
    if known is not None and (known.is_open or policy.client_ids.duplicates is Duplicates.REFUSED):
        raise Rejection(Reason.DUPLICATE_CLIENT_ID, f"order {known.order_id} has {order.client_id!r}")


def check_room(order: NewOrder, market: Market, customer: Customer) -> None:
    """Raise Rejection when the account has as many open or sleeping orders as the market allows."""
    open_orders = customer.open.get(order.symbol)
    if not open_orders:
        return
    rules = market.rules
    if len(open_orders) >= rules.max_orders:
        raise Rejection(Reason.TOO_MANY_ORDERS, f"at most {rules.max_orders} open orders")
    if order.order_type in TRIGGERED:
        sleeping = sum(each.sleeps for each in open_orders.values())
        if sleeping >= rules.max_sleeping:
            raise Rejection(Reason.TOO_MANY_TRIGGERS, f"at most {rules.max_sleeping} triggered orders")


def check_side_of_market(order: NewOrder, market: Market) -> None:
    """Raise Rejection for a trigger that is reached already, or a post-only order that would trade."""
    trigger, last = order.trigger_price, market.last_price
    if trigger is not None and order.trailing is None:
        upwards = fires_upwards(order.order_type, order.side)
        if last >= trigger if upwards else last <= trigger:
            side = "at or above" if upwards else "at or below"
            raise Rejection(Reason.WOULD_TRIGGER, f"the last price {last:f} is {side} {trigger:f}")
    if order.post_only and order.order_type is OrderType.LIMIT and order.limit_price is not None:
        check_rests(order.side is Side.BUY, int(order.limit_price / market.tick), market)


def check_rests(buy: bool, ticks: int, market: Market) -> None:
    """Raise Rejection (WOULD_TAKE) for a price that meets the other side of the book."""
    best = market.book.best_ask if buy else market.book.best_bid
    if best is not None and (ticks >= best if buy else ticks <= best):
        raise Rejection(Reason.WOULD_TAKE, f"the best price on the other side is {best * market.tick:f}")


def check_time(order: NewOrder, now: datetime) -> None:
    if order.expires_at is not None and order.expires_at <= now:
        raise Rejection(Reason.EXPIRED, f"{order.expires_at.isoformat()} is not after {now.isoformat()}")


def size_by_amount(order: NewOrder, market: Market, probe: LiveOrder, apart: dict[int, int]) -> int:
    """How many lots a quote amount buys or sells in the book as it stands, at most.

    Where the book ends, the last price counts for the rest: it will find nobody.
    """
    left = int((order.quote_amount or ZERO) / (market.tick * market.step))  # in tick-lots, rounded down
    lots = 0
    for price, there in market.levels(probe.buy, apart):
        taken = min(left // price, there)
        lots += taken
        left -= taken * price
        if taken < there:
            return lots
    return lots + left // market.last


def check_list(orders: Sequence[NewOrder], market: Market) -> None:
    """Raise Rejection unless these are a pair that one price cannot reach both of.

    Same market, side and quantity, with different client ids; the last price lies between them: one rests
    or takes profit on the better side, the other stops on the worse.
    """
    if len(orders) != 2:
        _bad("a list is two orders")
    one, two = orders
    if (one.symbol, one.side, one.quantity) != (two.symbol, two.side, two.quantity):
        _bad("the orders of a list have the same market, side and quantity")
    if one.client_id and one.client_id == two.client_id:
        raise Rejection(Reason.DUPLICATE_CLIENT_ID, "the orders of a list need different client ids")
    stops = [order for order in orders if order.order_type in (OrderType.STOP, OrderType.STOP_LIMIT)]
    others = [order for order in orders if order not in stops]
    if len(stops) != 1 or others[0].order_type in (OrderType.MARKET, OrderType.TRAILING_STOP):
        _bad("a list is a stop and a limit or take-profit order")
    stop = stops[0].trigger_price or ZERO
    target = others[0].trigger_price or others[0].limit_price or ZERO
    low, high = (target, stop) if one.side is Side.BUY else (stop, target)
    if not low < market.last_price < high:
        raise Rejection(Reason.LIST_PRICES, f"{market.last_price:f} is not between {low:f} and {high:f}")
    if others[0].order_type is OrderType.LIMIT:
        check_rests(one.side is Side.BUY, int(target / market.tick), market)


def _bad(detail: str) -> None:
    raise Rejection(Reason.BAD_PARAMETER, detail)
