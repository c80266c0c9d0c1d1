"""What MEXC's private streams push about an account: orders, trades, balances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from domain.money import ZERO
from domain.orders import OrderStatus, OrderType, Side, TimeInForce
from simulator.exchange.events import AccountEvent, BalancesChanged, OrderChanged
from simulator.exchange.model import OrderView, TradeView
from simulator.wire import mexc_words as words
from simulator.wire.figures import millis, number

ORDERS: Final = "spot@private.orders.v3.api.pb"
DEALS: Final = "spot@private.deals.v3.api.pb"
ACCOUNT: Final = "spot@private.account.v3.api.pb"
CHANNELS: Final = frozenset({ORDERS, DEALS, ACCOUNT})

Push = tuple[str, str, str, dict[str, Any]]
_LIMIT, _POST_ONLY, _IMMEDIATE, _FILL_OR_KILL, _MARKET = 1, 2, 3, 4, 5
_NEW, _FILLED, _PART, _CANCELLED, _PART_CANCELLED = 1, 2, 3, 4, 5


def pushes(event: AccountEvent) -> Iterator[Push]:
    """Stream, symbol ("" for balances), kind of body and body of everything an event has to tell."""
    if isinstance(event, BalancesChanged):
        for code, held in event.holdings.items():
            yield (
                ACCOUNT,
                "",
                "privateAccount",
                {
                    "vcoinName": code,
                    "coinId": code,
                    "balanceAmount": number(held.free),
                    "balanceAmountChange": "0",
                    "frozenAmount": number(held.locked),
                    "frozenAmountChange": "0",
                    "type": "ENTRUST",
                    "time": millis(event.at),
                },
            )
    elif isinstance(event, OrderChanged):
        symbol = words.ticker_symbol(event.order.symbol)
        if event.trade is not None:
            yield DEALS, symbol, "privateDeals", _deal(event.trade)
        yield ORDERS, symbol, "privateOrders", _order(event.order, event.trade)


def _side(side: Side) -> int:
    return 1 if side is Side.BUY else 2


def _deal(trade: TradeView) -> dict[str, Any]:
    return {
        "price": number(trade.price),
        "quantity": number(trade.quantity),
        "amount": number(trade.notional),
        "tradeType": _side(trade.side),
        "isMaker": trade.maker,
        "isSelfTrade": False,
        "tradeId": str(trade.trade_id),
        "clientOrderId": words.own_id(trade.client_id) or "",
        "orderId": words.order_id(trade.order_id),
        "feeAmount": number(trade.fee),
        "feeCurrency": trade.fee_currency,
        "time": millis(trade.at),
    }


def _order(view: OrderView, trade: TradeView | None) -> dict[str, Any]:
    amount = view.quote_amount or view.quantity * (view.limit_price or ZERO)
    return {
        "id": words.order_id(view.order_id),
        "clientId": words.own_id(view.client_id) or "",
        "price": number(view.limit_price or ZERO),
        "quantity": number(view.quantity),
        "amount": number(amount),
        "avgPrice": number(view.average_price or ZERO),
        "orderType": _order_type(view),
        "tradeType": _side(view.side),
        "isMaker": trade is not None and trade.maker,
        "remainAmount": number(max(amount - view.notional, ZERO)),
        "remainQuantity": number(view.remaining),
        "lastDealQuantity": number(trade.quantity if trade is not None else ZERO),
        "cumulativeQuantity": number(view.filled),
        "cumulativeAmount": number(view.notional),
        "status": _status(view),
        "createTime": millis(view.created_at),
    }


def _order_type(view: OrderView) -> int:
    if view.order_type is OrderType.MARKET:
        return _MARKET
    if view.post_only:
        return _POST_ONLY
    return {TimeInForce.IOC: _IMMEDIATE, TimeInForce.FOK: _FILL_OR_KILL}.get(view.time_in_force, _LIMIT)


def _status(view: OrderView) -> int:
    if view.status is OrderStatus.FILLED:
        return _FILLED
    if view.is_open:
        return _PART if view.filled else _NEW
    return _PART_CANCELLED if view.filled else _CANCELLED
