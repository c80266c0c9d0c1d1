"""Orders, trades and numbers in Binance's words."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from domain.orders import OrderStatus, OrderType, TimeInForce
from simulator.exchange.model import Ending, OrderList, OrderView, TradeView
from simulator.orderbook.messages import SelfTrade
from simulator.wire.figures import millis

NOTHING: Final = "0.00000000"
STATUS: Final = {
    OrderStatus.ACCEPTED: "NEW",
    OrderStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELLED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
}
TYPES: Final = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
    OrderType.TAKE_PROFIT: "TAKE_PROFIT",
    OrderType.TAKE_PROFIT_LIMIT: "TAKE_PROFIT_LIMIT",
    OrderType.TRAILING_STOP: "STOP_LOSS",
}
TIMES: Final = {
    TimeInForce.GTC: "GTC",
    TimeInForce.GTD: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
}
PREVENTION: Final = {
    SelfTrade.NONE: "NONE",
    SelfTrade.EXPIRE_TAKER: "EXPIRE_TAKER",
    SelfTrade.EXPIRE_MAKER: "EXPIRE_MAKER",
    SelfTrade.EXPIRE_BOTH: "EXPIRE_BOTH",
    SelfTrade.DECREMENT: "DECREMENT",
}
_SIDES: Final = {"buy": "BUY", "sell": "SELL"}


def figure(value: Decimal | None) -> str:
    """A number with eight decimals; nothing is zero."""
    return f"{value:.8f}" if value else NOTHING


def status_of(order: OrderView) -> str:
    if order.status is OrderStatus.EXPIRED and order.ending is Ending.SELF_TRADE:
        return "EXPIRED_IN_MATCH"
    return STATUS[order.status]


def type_of(order: OrderView) -> str:
    """The type it was placed with: a trailing order remembers it as its tag."""
    if order.tag:
        return order.tag
    if order.order_type is OrderType.LIMIT and order.post_only:
        return "LIMIT_MAKER"
    return TYPES[order.order_type]


def side_of(order: OrderView | TradeView) -> str:
    return _SIDES[order.side]


def list_number(list_id: int) -> int:
    return list_id or -1


def body(order: OrderView, symbol: str) -> dict[str, Any]:
    """What every form of an order has in common."""
    told: dict[str, Any] = {
        "symbol": symbol,
        "orderId": order.order_id,
        "orderListId": list_number(order.list_id),
        "clientOrderId": order.client_id,
        "price": figure(order.limit_price),
        "origQty": figure(order.quantity),
        "executedQty": figure(order.filled),
        "origQuoteOrderQty": figure(order.quote_amount),
        "cummulativeQuoteQty": figure(order.notional),
        "status": status_of(order),
        "timeInForce": TIMES[order.time_in_force],
        "type": type_of(order),
        "side": side_of(order),
        "selfTradePreventionMode": PREVENTION[order.self_trade],
    }
    if order.working_at is not None:
        told["workingTime"] = millis(order.working_at)
    if order.stop_price is not None:
        told["stopPrice"] = figure(order.trigger_price if order.trailing is None else order.stop_price)
    if order.trailing is not None:
        told["trailingDelta"] = int(order.trailing * 10_000)
        told["trailingTime"] = millis(order.created_at)
    if order.display is not None:
        told["icebergQty"] = figure(order.display)
    if order.prevented:
        told["preventedQuantity"] = figure(order.prevented)
    return told


def queried(order: OrderView, symbol: str) -> dict[str, Any]:
    """An order as it is read back."""
    told = body(order, symbol)
    told.setdefault("stopPrice", NOTHING)
    told.setdefault("icebergQty", NOTHING)
    told["time"] = millis(order.created_at)
    told["updateTime"] = millis(order.updated_at)
    told["isWorking"] = not order.asleep
    return told


def placed(order: OrderView, trades: Iterable[TradeView], symbol: str, form: str, at: int) -> dict[str, Any]:
    """The answer to a new order: ACK, RESULT or FULL."""
    if form == "ACK":
        return {
            "symbol": symbol,
            "orderId": order.order_id,
            "orderListId": list_number(order.list_id),
            "clientOrderId": order.client_id,
            "transactTime": at,
        }
    told = body(order, symbol)
    told["transactTime"] = at
    if form == "FULL":
        told["fills"] = [
            {
                "price": figure(trade.price),
                "qty": figure(trade.quantity),
                "commission": figure(trade.fee),
                "commissionAsset": trade.fee_currency,
                "tradeId": trade.trade_id,
            }
            for trade in trades
        ]
    return told


def cancelled(order: OrderView, symbol: str, request_id: str, at: int) -> dict[str, Any]:
    """The answer to a cancellation: it has an id of its own, and names the order's."""
    told = body(order, symbol)
    told["origClientOrderId"] = order.client_id
    told["clientOrderId"] = request_id
    told["transactTime"] = at
    return told


def my_trade(trade: TradeView, symbol: str) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": list_number(trade.list_id),
        "price": figure(trade.price),
        "qty": figure(trade.quantity),
        "quoteQty": figure(trade.notional),
        "commission": figure(trade.fee),
        "commissionAsset": trade.fee_currency,
        "time": millis(trade.at),
        "isBuyer": trade.side == "buy",
        "isMaker": trade.maker,
        "isBestMatch": True,
    }


def order_list(found: OrderList, symbol: str) -> dict[str, Any]:
    """A one-cancels-other list."""
    return {
        "orderListId": found.list_id,
        "contingencyType": "OCO",
        "listStatusType": "EXEC_STARTED" if found.open else "ALL_DONE",
        "listOrderStatus": "EXECUTING" if found.open else "ALL_DONE",
        "listClientOrderId": found.client_id,
        "transactionTime": millis(found.updated_at),
        "symbol": symbol,
        "orders": [
            {"symbol": symbol, "orderId": order.order_id, "clientOrderId": order.client_id}
            for order in found.orders
        ],
    }
