"""Binance's order endpoints: place, test, cancel, replace, amend, query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from domain.clock import EPOCH
from domain.money import Symbol
from domain.orders import OrderType, Side, TimeInForce
from simulator.exchange.model import NewOrder, OrderView
from simulator.exchange.rejection import Reason, Rejection
from simulator.orderbook.messages import SelfTrade
from simulator.wire import binance_words as words
from simulator.wire.binance_errors import BinanceError, as_error, missing
from simulator.wire.binance_request import Ask
from simulator.wire.figures import millis

_SIDES: Final = {"BUY": Side.BUY, "SELL": Side.SELL}
_TIMES: Final = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_PREVENTION: Final = {name: mode for mode, name in words.PREVENTION.items()}
_DAY_MS: Final = 86_400_000
_BIPS: Final = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class _Type:
    """What an order type of Binance is here, and which parameters it wants."""

    order_type: OrderType
    limit: bool = False
    trigger: bool = False
    post_only: bool = False


_TYPES: Final = {
    "LIMIT": _Type(OrderType.LIMIT, limit=True),
    "MARKET": _Type(OrderType.MARKET),
    "LIMIT_MAKER": _Type(OrderType.LIMIT, limit=True, post_only=True),
    "STOP_LOSS": _Type(OrderType.STOP, trigger=True),
    "STOP_LOSS_LIMIT": _Type(OrderType.STOP_LIMIT, limit=True, trigger=True),
    "TAKE_PROFIT": _Type(OrderType.TAKE_PROFIT, trigger=True),
    "TAKE_PROFIT_LIMIT": _Type(OrderType.TAKE_PROFIT_LIMIT, limit=True, trigger=True),
}


def read_order(ask: Ask) -> NewOrder:
    """The order a request describes. BinanceError for parameters that are missing or do not belong."""
    symbol = ask.symbol()
    side = _SIDES.get(ask.text("side"))
    if side is None:
        raise BinanceError(-1117, "Invalid side.")
    name = ask.text("type")
    kind = _TYPES.get(name)
    if kind is None:
        raise BinanceError(-1116, "Invalid orderType.")
    quantity, amount = ask.decimal("quantity"), ask.decimal("quoteOrderQty")
    if amount is not None and (kind.order_type is not OrderType.MARKET or quantity is not None):
        raise BinanceError(-1106, "Parameter 'quoteOrderQty' sent when not required.")
    if quantity is None and amount is None:
        raise missing("quantity")
    price, stop, trailing = ask.decimal("price"), ask.decimal("stopPrice"), ask.integer("trailingDelta")
    _expect("price", price is not None, kind.limit)
    if kind.trigger and stop is None and trailing is None:
        raise missing("stopPrice")
    if not kind.trigger and (stop is not None or trailing is not None):
        raise BinanceError(-1106, "Parameter 'stopPrice' sent when not required.")
    iceberg = ask.decimal("icebergQty")
    return NewOrder(
        symbol,
        side,
        OrderType.TRAILING_STOP if trailing is not None else kind.order_type,
        quantity=quantity,
        quote_amount=amount,
        limit_price=price,
        trigger_price=stop,
        trailing=trailing / _BIPS if trailing is not None else None,
        time_in_force=_time_in_force(ask, "timeInForce", needed=kind.limit and not kind.post_only),
        post_only=kind.post_only,
        display=iceberg or None,
        client_id=ask.maybe("newClientOrderId") or "",
        self_trade=prevention(ask),
        tag=name if trailing is not None else "",
    )


def _expect(name: str, sent: bool, needed: bool) -> None:
    if needed and not sent:
        raise missing(name)
    if sent and not needed:
        raise BinanceError(-1106, f"Parameter '{name}' sent when not required.")


def _time_in_force(ask: Ask, name: str, *, needed: bool) -> TimeInForce:
    sent = ask.maybe(name)
    _expect(name, sent is not None, needed)
    if sent is None:
        return TimeInForce.GTC
    if sent not in _TIMES:
        raise BinanceError(-1115, "Invalid timeInForce.")
    return _TIMES[sent]


def prevention(ask: Ask) -> SelfTrade | None:
    """How the request wants self-trades prevented; None leaves it to the venue."""
    sent = ask.maybe("selfTradePreventionMode")
    if sent is None:
        return None
    if sent not in _PREVENTION:
        raise BinanceError(-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid.")
    return _PREVENTION[sent]


def place(ask: Ask) -> dict[str, Any]:
    order = read_order(ask)
    form = ask.maybe("newOrderRespType") or (
        "FULL" if order.order_type in (OrderType.MARKET, OrderType.LIMIT) else "ACK"
    )
    if form not in ("ACK", "RESULT", "FULL"):
        raise BinanceError(-1136, "Invalid newOrderRespType.")
    made = ask.venue.exchange.place(ask.account, order)
    return words.placed(made.order, made.trades, ask.text("symbol"), form, millis(made.order.updated_at))


def test(ask: Ask) -> dict[str, Any]:
    ask.venue.exchange.check(ask.account, read_order(ask))
    return {}


def _named(
    ask: Ask, number: str = "orderId", name: str = "origClientOrderId"
) -> tuple[int | None, str | None]:
    order_id, client_id = ask.integer(number), ask.maybe(name)
    if order_id is None and client_id is None:
        raise BinanceError(-1102, f"Param '{name}' or '{number}' must be sent, but both were empty/null!")
    return order_id, client_id


def query(ask: Ask) -> dict[str, Any]:
    symbol, (order_id, client_id) = ask.symbol(), _named(ask)
    order = ask.venue.exchange.order(ask.account, symbol, order_id=order_id, client_id=client_id)
    return words.queried(order, ask.text("symbol"))


def cancel(ask: Ask) -> dict[str, Any]:
    symbol, (order_id, client_id) = ask.symbol(), _named(ask)
    return _cancel(ask, symbol, order_id, client_id, ask.maybe("newClientOrderId"))


def _cancel(
    ask: Ask, symbol: Symbol, order_id: int | None, client_id: str | None, request_id: str | None
) -> dict[str, Any]:
    exchange = ask.venue.exchange
    try:
        found = exchange.order(ask.account, symbol, order_id=order_id, client_id=client_id)
    except Rejection as error:
        raise _unknown(error) from error
    own = request_id or f"cancel-{found.order_id}"
    order = exchange.cancel(ask.account, symbol, order_id=found.order_id, request_id=own)
    if order.list_id:
        made = exchange.order_list(ask.account, list_id=order.list_id)
        return {
            **words.order_list(made, ask.text("symbol")),
            "orderReports": [
                words.cancelled(each, ask.text("symbol"), own, millis(each.updated_at))
                for each in made.orders
            ],
        }
    return words.cancelled(order, ask.text("symbol"), own, millis(order.updated_at))


def _unknown(error: Rejection) -> BinanceError:
    """Cancelling what is not there has words of its own."""
    if error.reason is Reason.UNKNOWN_ORDER:
        return BinanceError(-2011, "Unknown order sent.")
    return as_error(error)


def cancel_all(ask: Ask) -> list[dict[str, Any]]:
    ended = ask.venue.exchange.cancel_all(ask.account, ask.symbol())
    if not ended:
        raise BinanceError(-2011, "Unknown order sent.")
    return [
        words.cancelled(order, ask.text("symbol"), f"cancel-{order.order_id}", millis(order.updated_at))
        for order in ended
    ]


def replace(ask: Ask) -> dict[str, Any]:
    """Cancel one order and place another in one request; each half tells its own outcome."""
    mode = ask.text("cancelReplaceMode")
    if mode not in ("STOP_ON_FAILURE", "ALLOW_FAILURE"):
        raise BinanceError(-1130, "Data sent for parameter 'cancelReplaceMode' is not valid.")
    symbol = ask.symbol()
    order = read_order(ask)
    order_id, client_id = _named(ask, "cancelOrderId", "cancelOrigClientOrderId")
    told: dict[str, Any] = {}
    try:
        told["cancelResponse"] = _cancel(
            ask, symbol, order_id, client_id, ask.maybe("cancelNewClientOrderId")
        )
        told["cancelResult"] = "SUCCESS"
    except (BinanceError, Rejection) as error:
        told["cancelResult"], told["cancelResponse"] = "FAILURE", _said(error)
        if mode == "STOP_ON_FAILURE":
            told["newOrderResult"], told["newOrderResponse"] = "NOT_ATTEMPTED", None
            raise BinanceError(-2022, "Order cancel-replace failed.", data=told) from error
    try:
        made = ask.venue.exchange.place(ask.account, order)
        told["newOrderResult"] = "SUCCESS"
        told["newOrderResponse"] = words.placed(
            made.order, made.trades, ask.text("symbol"), "FULL", millis(made.order.updated_at)
        )
    except Rejection as error:
        told["newOrderResult"], told["newOrderResponse"] = "FAILURE", _said(error)
        if told["cancelResult"] == "FAILURE":
            raise BinanceError(-2022, "Order cancel-replace failed.", data=told) from error
        raise BinanceError(-2021, "Order cancel-replace partially failed.", 409, data=told) from error
    if told["cancelResult"] == "FAILURE":
        raise BinanceError(-2021, "Order cancel-replace partially failed.", 409, data=told)
    return told


def _said(error: BinanceError | Rejection) -> dict[str, Any]:
    known = error if isinstance(error, BinanceError) else as_error(error)
    return {"code": known.code, "msg": known.message}


def amend(ask: Ask) -> dict[str, Any]:
    """Make an order smaller; it keeps its place in the queue and gets a new client id."""
    symbol, (order_id, client_id) = ask.symbol(), _named(ask)
    quantity = ask.decimal("newQty")
    if quantity is None:
        raise missing("newQty")
    exchange = ask.venue.exchange
    before = exchange.order(ask.account, symbol, order_id=order_id, client_id=client_id)
    if quantity >= before.quantity:
        raise BinanceError(-2038, "Order amend (quantity increase) is not supported.")
    made = exchange.amend(
        ask.account,
        symbol,
        order_id=before.order_id,
        quantity=quantity,
        new_client_id=ask.maybe("newClientOrderId") or f"amend-{before.order_id}-{ask.now}",
    )
    order = made.order
    return {
        "transactTime": millis(order.updated_at),
        "executionId": order.order_id,
        "amendedOrder": {
            "symbol": ask.text("symbol"),
            "orderId": order.order_id,
            "orderListId": words.list_number(order.list_id),
            "origClientOrderId": before.client_id,
            "clientOrderId": order.client_id,
            "price": words.figure(order.limit_price),
            "qty": words.figure(order.quantity),
            "executedQty": words.figure(order.filled),
            "preventedQty": words.figure(order.prevented),
            "quoteOrderQty": words.figure(order.quote_amount),
            "cumulativeQuoteQty": words.figure(order.notional),
            "status": words.status_of(order),
            "timeInForce": words.TIMES[order.time_in_force],
            "type": words.type_of(order),
            "side": words.side_of(order),
            "workingTime": millis(order.working_at or order.created_at),
            "selfTradePreventionMode": words.PREVENTION[order.self_trade],
        },
    }


def open_orders(ask: Ask) -> list[dict[str, Any]]:
    symbol = ask.symbol() if ask.maybe("symbol") is not None else None
    found = ask.venue.exchange.open_orders(ask.account, symbol)
    return [words.queried(order, ask.venue.ids[order.symbol]) for order in found]


def all_orders(ask: Ask) -> list[dict[str, Any]]:
    """Every order of a market: from an id or a time on the first ones, otherwise the newest."""
    found: tuple[OrderView, ...] = ask.venue.exchange.orders(ask.account, ask.symbol())
    limit, first = ask.limit(500, 1000), ask.integer("orderId")
    start, end = ask.integer("startTime"), ask.integer("endTime")
    check_span(start, end, _DAY_MS)
    found = tuple(
        order
        for order in found
        if (first is None or order.order_id >= first)
        and (start is None or millis(order.created_at) >= start)
        and (end is None or millis(order.created_at) <= end)
    )
    rows = found[:limit] if first is not None or start is not None else found[-limit:]
    return [words.queried(order, ask.text("symbol")) for order in rows]


def check_span(start: int | None, end: int | None, most: int) -> None:
    """Raise BinanceError for a span that runs backwards or is too long, in milliseconds."""
    if start is not None and end is not None:
        if start > end:
            raise BinanceError(-1023, "Start time is greater than end time.")
        if end - start > most:
            raise BinanceError(-1127, "More than 24 hours between startTime and endTime.")


def moment(value: int | None) -> datetime | None:
    """An aware time from milliseconds, or None."""
    return EPOCH + timedelta(milliseconds=value) if value is not None else None
