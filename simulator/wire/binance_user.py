"""Binance's user stream: what happens to an account's orders and balances, as its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from simulator.exchange.events import AccountEvent, BalancesChanged, Change, ListChanged, OrderChanged
from simulator.exchange.model import OrderView, TradeView
from simulator.wire import binance_words as words
from simulator.wire.binance_request import BinanceVenue
from simulator.wire.figures import millis

_CHANGES: Final = {
    Change.NEW: "NEW",
    Change.TRIGGERED: "NEW",
    Change.TRADE: "TRADE",
    Change.AMENDED: "REPLACED",
    Change.CANCELLED: "CANCELED",
    Change.EXPIRED: "EXPIRED",
}


def account_event(event: AccountEvent, venue: BinanceVenue) -> dict[str, Any]:
    """An event of the exchange in Binance's words."""
    at = millis(event.at)
    if isinstance(event, OrderChanged):
        return _report(event, venue.ids[event.order.symbol], at)
    if isinstance(event, BalancesChanged):
        return {
            "e": "outboundAccountPosition",
            "E": at,
            "u": at,
            "B": [
                {"a": currency, "f": words.figure(held.free), "l": words.figure(held.locked)}
                for currency, held in event.holdings.items()
            ],
        }
    return _list(event, venue.ids[event.orders.symbol], at)


def _report(event: OrderChanged, symbol: str, at: int) -> dict[str, Any]:
    order, trade = event.order, event.trade
    cancelled = event.change is Change.CANCELLED
    told = {
        "e": "executionReport",
        "E": at,
        "s": symbol,
        "c": (event.request_id or f"cancel-{order.order_id}") if cancelled else order.client_id,
        "S": words.side_of(order),
        "o": words.type_of(order),
        "f": words.TIMES[order.time_in_force],
        "q": words.figure(order.quantity),
        "p": words.figure(order.limit_price),
        "P": words.figure(order.stop_price),
        "F": words.figure(order.display),
        "g": words.list_number(order.list_id),
        "C": order.client_id if cancelled else "",
        "x": "TRADE_PREVENTION" if words.status_of(order) == "EXPIRED_IN_MATCH" else _CHANGES[event.change],
        "X": words.status_of(order),
        "r": "NONE",
        "i": order.order_id,
        "z": words.figure(order.filled),
        "T": at,
        "I": at,
        "w": order.is_open and not order.asleep,
        "O": millis(order.created_at),
        "Z": words.figure(order.notional),
        "Q": words.figure(order.quote_amount),
        "V": words.PREVENTION[order.self_trade],
    }
    if order.working_at is not None:
        told["W"] = millis(order.working_at)
    if order.trailing is not None:
        told["d"] = int(order.trailing * 10_000)
    return told | _execution(trade, order)


def _execution(trade: TradeView | None, order: OrderView) -> dict[str, Any]:
    """The part of a report that is about one trade; without one its numbers are zero."""
    if trade is None:
        nothing = words.NOTHING
        return {
            "l": nothing,
            "L": nothing,
            "n": "0",
            "N": None,
            "t": -1,
            "m": False,
            "M": False,
            "Y": nothing,
        }
    return {
        "l": words.figure(trade.quantity),
        "L": words.figure(trade.price),
        "n": words.figure(trade.fee),
        "N": trade.fee_currency,
        "t": trade.trade_id,
        "m": trade.maker,
        "M": True,
        "Y": words.figure(trade.notional),
        "z": words.figure(order.filled),
    }


def _list(event: ListChanged, symbol: str, at: int) -> dict[str, Any]:
    told = words.order_list(event.orders, symbol)
    return {
        "e": "listStatus",
        "E": at,
        "s": symbol,
        "g": told["orderListId"],
        "c": told["contingencyType"],
        "l": told["listStatusType"],
        "L": told["listOrderStatus"],
        "r": "NONE",
        "C": told["listClientOrderId"],
        "T": at,
        "O": [{"s": symbol, "i": each["orderId"], "c": each["clientOrderId"]} for each in told["orders"]],
    }


def listen(venue: BinanceVenue, account: str, send: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
    """Send an account's events from now on; the answer is what ends that."""
    return venue.exchange.listen(account, lambda event: send(account_event(event, venue)))
