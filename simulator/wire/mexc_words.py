"""What MEXC's answers look like: the exchange's own messages in the shapes of spot API v3 (JSON-ready)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from domain.money import ZERO, Currency, Symbol
from domain.orders import OrderStatus, OrderType, Side, TimeInForce
from simulator.costs import FeeSchedule
from simulator.exchange.model import Depth, Ending, Holding, Kline, MarketTrade, OrderView, Ticker, TradeView
from simulator.exchange.rules import MarketRules
from simulator.wire.figures import digits, millis, number

Json = dict[str, Any]

INTERVALS: Final = {"1m": "1m", "5m": "5m", "15m": "15m", "60m": "1h", "4h": "4h", "1d": "1d"}
"""MEXC's name of a bar length, and ours: an hour is `60m`."""
ID_PREFIX: Final = "C02__"
MADE_ID: Final = "~"
"""What the exchange's stand-in for a missing client id starts with: nothing a client may send."""

_CANCELLED: Final = frozenset({OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED})


def ticker_symbol(symbol: Symbol) -> str:
    return symbol.replace("/", "")


def order_id(number_: int) -> str:
    return f"{ID_PREFIX}{number_}"


def order_number(text: str) -> int | None:
    """The exchange's own number in an order id; None when it cannot be one."""
    tail = text.removeprefix(ID_PREFIX)
    return int(tail) if tail.isascii() and tail.isdigit() else None


def own_id(client_id: str) -> str | None:
    """The client's own id; None for an order that came without."""
    return None if client_id.startswith(MADE_ID) else client_id


def market(rules: MarketRules, fees: FeeSchedule, open_: bool) -> Json:
    """One symbol of `exchangeInfo`; its fees are fractions, and `baseSizePrecision` is the smallest order."""
    instrument = rules.instrument
    return {
        "symbol": ticker_symbol(instrument.symbol),
        "status": "1" if open_ else "2",
        "baseAsset": instrument.base,
        "baseAssetPrecision": digits(instrument.step_size),
        "quoteAsset": instrument.quote,
        "quotePrecision": digits(instrument.tick_size),
        "quoteAssetPrecision": digits(instrument.tick_size),
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER", "IMMEDIATE_OR_CANCEL", "FILL_OR_KILL"],
        "isSpotTradingAllowed": open_,
        "isMarginTradingAllowed": False,
        "quoteAmountPrecision": number(instrument.min_notional),
        "baseSizePrecision": number(instrument.min_quantity),
        "permissions": ["SPOT"],
        "filters": [],
        "maxQuoteAmount": number(rules.max_notional or Decimal(2_000_000)),
        "makerCommission": number(fees.maker),
        "takerCommission": number(fees.taker),
        "quoteAmountPrecisionMarket": number(instrument.min_notional),
        "maxQuoteAmountMarket": number(rules.max_notional or Decimal(2_000_000)),
        "fullName": instrument.base,
        "tradeSideType": 1,
        "st": False,
    }


def currency(code: Currency) -> Json:
    """One line of `capital/config/getall`, as the venue has it; no deposit or withdrawal is simulated."""
    network = {
        "coin": code,
        "depositDesc": None,
        "depositEnable": True,
        "minConfirm": 0,
        "name": code,
        "network": code,
        "netWork": code,
        "withdrawEnable": True,
        "withdrawFee": "0",
        "withdrawIntegerMultiple": None,
        "withdrawMax": "0",
        "withdrawMin": "0",
        "sameAddress": False,
        "contract": "",
    }
    return {"coin": code, "name": code, "networkList": [network]}


def ticker(view: Ticker) -> Json:
    change = view.last - view.open
    return {
        "symbol": ticker_symbol(view.symbol),
        "priceChange": number(change),
        "priceChangePercent": f"{change / view.open:.8f}" if view.open else "0",
        "prevClosePrice": number(view.open),
        "lastPrice": number(view.last),
        "bidPrice": number(view.bid or ZERO),
        "bidQty": number(view.bid_quantity),
        "askPrice": number(view.ask or ZERO),
        "askQty": number(view.ask_quantity),
        "openPrice": number(view.open),
        "highPrice": number(view.high),
        "lowPrice": number(view.low),
        "volume": number(view.volume),
        "quoteVolume": number(view.quote_volume),
        "openTime": millis(view.opened_at),
        "closeTime": millis(view.at),
        "count": None,
    }


def book_ticker(view: Ticker) -> Json:
    return {
        "symbol": ticker_symbol(view.symbol),
        "bidPrice": number(view.bid or ZERO),
        "bidQty": number(view.bid_quantity),
        "askPrice": number(view.ask or ZERO),
        "askQty": number(view.ask_quantity),
    }


def depth(book: Depth, limit: int) -> Json:
    return {
        "lastUpdateId": book.update_id,
        "bids": [[number(price), number(quantity)] for price, quantity in book.bids[:limit]],
        "asks": [[number(price), number(quantity)] for price, quantity in book.asks[:limit]],
        "timestamp": millis(book.at),
    }


def candle(bar: Kline) -> list[int | str]:
    return [
        millis(bar.open_time),
        number(bar.open),
        number(bar.high),
        number(bar.low),
        number(bar.close),
        number(bar.volume),
        millis(bar.close_time) - 1,
        number(bar.quote_volume),
    ]


def aggregate_trade(trade: MarketTrade) -> Json:
    """A public trade: MEXC leaves its ids out."""
    return {
        "a": None,
        "f": None,
        "l": None,
        "p": number(trade.price),
        "q": number(trade.quantity),
        "T": millis(trade.at),
        "m": trade.buyer_maker,
        "M": True,
    }


def public_trade(trade: MarketTrade) -> Json:
    """A line of `/trades`."""
    return {
        "id": None,
        "price": number(trade.price),
        "qty": number(trade.quantity),
        "quoteQty": number(trade.price * trade.quantity),
        "time": millis(trade.at),
        "isBuyerMaker": trade.buyer_maker,
        "isBestMatch": True,
        "tradeType": "BID" if trade.buyer_maker else "ASK",
    }


def own_trade(trade: TradeView) -> Json:
    return {
        "symbol": ticker_symbol(trade.symbol),
        "id": str(trade.trade_id),
        "orderId": order_id(trade.order_id),
        "orderListId": -1,
        "price": number(trade.price),
        "qty": number(trade.quantity),
        "quoteQty": number(trade.notional),
        "commission": number(trade.fee),
        "commissionAsset": trade.fee_currency,
        "time": millis(trade.at),
        "isBuyer": trade.side is Side.BUY,
        "isMaker": trade.maker,
        "isBestMatch": True,
        "isSelfTrade": False,
        "clientOrderId": own_id(trade.client_id),
    }


def order_type(view: OrderView) -> str:
    if view.order_type is OrderType.MARKET:
        return "MARKET"
    if view.post_only:
        return "LIMIT_MAKER"
    return {TimeInForce.IOC: "IMMEDIATE_OR_CANCEL", TimeInForce.FOK: "FILL_OR_KILL"}.get(
        view.time_in_force, "LIMIT"
    )


def order_status(view: OrderView) -> str:
    if view.status in _CANCELLED:
        return "PARTIALLY_CANCELED" if view.filled else "CANCELED"
    return {OrderStatus.FILLED: "FILLED", OrderStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED"}.get(
        view.status, "NEW"
    )


def placed(view: OrderView) -> Json:
    """The answer to a new order: it tells neither its status nor its client id."""
    return {
        "symbol": ticker_symbol(view.symbol),
        "orderId": order_id(view.order_id),
        "orderListId": -1,
        "price": number(view.limit_price or ZERO),
        "origQty": number(view.quantity),
        "type": order_type(view),
        "side": view.side.value.upper(),
        "stpMode": "",
        "transactTime": millis(view.created_at),
    }


def order(view: OrderView) -> Json:
    return {
        "symbol": ticker_symbol(view.symbol),
        "orderId": order_id(view.order_id),
        "orderListId": -1,
        "clientOrderId": own_id(view.client_id),
        "price": number(view.limit_price or ZERO),
        "origQty": number(view.quantity),
        "executedQty": number(view.filled),
        "cummulativeQuoteQty": number(view.notional),
        "status": order_status(view),
        "timeInForce": None,
        "type": order_type(view),
        "side": view.side.value.upper(),
        "stopPrice": None,
        "icebergQty": None,
        "time": millis(view.created_at),
        "updateTime": millis(view.updated_at),
        "isWorking": True,
        "origQuoteOrderQty": number(view.quote_amount or ZERO),
        "stpMode": "",
        "cancelReason": "stp_cancel" if view.ending is Ending.SELF_TRADE else None,
    }


def balance(code: Currency, holding: Holding) -> Json:
    return {
        "asset": code,
        "free": number(holding.free),
        "locked": number(holding.locked),
        "available": number(holding.free),
    }
