"""Binance's order lists: one-cancels-other, in the present form and in the older one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from domain.orders import OrderType
from simulator.exchange.model import NewOrder, OrderList
from simulator.exchange.rejection import Reason, Rejection
from simulator.wire import binance_words as words
from simulator.wire.binance_errors import BinanceError
from simulator.wire.binance_orders import read_order
from simulator.wire.binance_request import Ask
from simulator.wire.figures import millis

_LEG: Final = {
    "Type": "type",
    "ClientOrderId": "newClientOrderId",
    "Price": "price",
    "StopPrice": "stopPrice",
    "TimeInForce": "timeInForce",
    "IcebergQty": "icebergQty",
    "TrailingDelta": "trailingDelta",
}
_SHARED: Final[tuple[str, ...]] = ("symbol", "side", "quantity", "selfTradePreventionMode")


def place(ask: Ask) -> dict[str, Any]:
    """POST orderList/oco: one leg above the market, one below."""
    legs = [_leg(ask, side) for side in ("above", "below")]
    return _place(ask, legs)


def _leg(ask: Ask, side: str) -> NewOrder:
    params = {name: ask.params[name] for name in _SHARED if name in ask.params}
    for theirs, ours in _LEG.items():
        if side + theirs in ask.params:
            params[ours] = ask.params[side + theirs]
    return read_order(Ask(params, ask.venue, ask.now))


def place_older(ask: Ask) -> dict[str, Any]:
    """POST order/oco: a limit-maker leg and a stop leg."""
    shared = {name: ask.params[name] for name in _SHARED if name in ask.params}
    limit = shared | {"type": "LIMIT_MAKER", "price": ask.text("price")}
    stop = shared | {"type": "STOP_LOSS", "stopPrice": ask.text("stopPrice")}
    if ask.maybe("stopLimitPrice") is not None:
        stop |= {
            "type": "STOP_LOSS_LIMIT",
            "price": ask.text("stopLimitPrice"),
            "timeInForce": ask.text("stopLimitTimeInForce"),
        }
    for leg, name in ((limit, "limitClientOrderId"), (stop, "stopClientOrderId")):
        if ask.maybe(name) is not None:
            leg["newClientOrderId"] = ask.text(name)
    return _place(ask, [read_order(Ask(leg, ask.venue, ask.now)) for leg in (limit, stop)])


def _place(ask: Ask, legs: list[NewOrder]) -> dict[str, Any]:
    # The venue takes the resting leg as a limit maker only; said as a limit order, it must not trade either.
    made = ask.venue.exchange.place_list(
        ask.account,
        [replace(leg, post_only=True) if leg.order_type is OrderType.LIMIT else leg for leg in legs],
        ask.maybe("listClientOrderId") or "",
    )
    return _told(made, ask.text("symbol"), reports=True)


def _told(made: OrderList, symbol: str, *, reports: bool) -> dict[str, Any]:
    told = words.order_list(made, symbol)
    if reports:
        told["orderReports"] = [
            words.placed(order, (), symbol, "RESULT", millis(order.updated_at)) for order in made.orders
        ]
    return told


def _named(ask: Ask, name: str) -> tuple[int | None, str | None]:
    list_id, client_id = ask.integer("orderListId"), ask.maybe(name)
    if list_id is None and client_id is None:
        raise BinanceError(-1102, f"Param 'orderListId' or '{name}' must be sent, but both were empty/null!")
    return list_id, client_id


def query(ask: Ask) -> dict[str, Any]:
    list_id, client_id = _named(ask, "origClientOrderId")
    made = ask.venue.exchange.order_list(ask.account, list_id=list_id, client_id=client_id)
    return _told(made, ask.venue.ids[made.symbol], reports=False)


def cancel(ask: Ask) -> dict[str, Any]:
    ask.symbol()
    list_id, client_id = _named(ask, "listClientOrderId")
    try:
        made = ask.venue.exchange.cancel_list(ask.account, list_id=list_id, client_id=client_id)
    except Rejection as error:
        if error.reason is Reason.UNKNOWN_ORDER:
            raise BinanceError(-2011, "Unknown order sent.") from error
        raise
    told = words.order_list(made, ask.text("symbol"))
    told["orderReports"] = [
        words.cancelled(order, ask.text("symbol"), f"cancel-{order.order_id}", millis(order.updated_at))
        for order in made.orders
    ]
    return told


def every(ask: Ask) -> list[dict[str, Any]]:
    found = ask.venue.exchange.order_lists(ask.account)[-ask.limit(500, 1000) :]
    return [_told(made, ask.venue.ids[made.symbol], reports=False) for made in found]


def still_open(ask: Ask) -> list[dict[str, Any]]:
    found = ask.venue.exchange.order_lists(ask.account)
    return [_told(made, ask.venue.ids[made.symbol], reports=False) for made in found if made.open]
