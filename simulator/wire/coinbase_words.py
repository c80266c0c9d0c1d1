"""What Coinbase's answers look like: the exchange's own messages in the shapes of Advanced Trade."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from domain.money import ZERO, Currency, Symbol
from domain.orders import OrderStatus, OrderType, TimeInForce
from simulator.costs import FeeSchedule
from simulator.exchange.model import Depth, Ending, Holding, Kline, MarketTrade, OrderView, Ticker, TradeView
from simulator.exchange.rules import MarketRules
from simulator.wire.figures import number, seconds

Json = dict[str, Any]

GRANULARITIES: Final = {
    "ONE_MINUTE": "1m",
    "FIVE_MINUTE": "5m",
    "FIFTEEN_MINUTE": "15m",
    "ONE_HOUR": "1h",
    "ONE_DAY": "1d",
}
"""Coinbase's name of a bar length, and ours; four hours it does not have."""
NOBODY: Final = "11111111-1111-1111-1111-111111111111"
_ORDER: Final = "00000000-0000-4000-8000-"
_FILL: Final = "00000000-0000-4000-9000-"
_STATUS: Final = {
    OrderStatus.FILLED: "FILLED",
    OrderStatus.CANCELLED: "CANCELLED",
    OrderStatus.EXPIRED: "EXPIRED",
    OrderStatus.REJECTED: "FAILED",
}


def product_id(symbol: Symbol) -> str:
    return symbol.replace("/", "-")


def order_id(number_: int) -> str:
    return f"{_ORDER}{number_:012d}"


def order_number(text: str) -> int | None:
    """The exchange's own number in an order id; None when it cannot be one."""
    tail = text.removeprefix(_ORDER)
    return int(tail) if len(text) == len(_ORDER) + 12 and tail.isascii() and tail.isdigit() else None


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"


def product(rules: MarketRules, ticker: Ticker, open_: bool) -> Json:
    instrument = rules.instrument
    return {
        "product_id": product_id(instrument.symbol),
        "price": number(ticker.last),
        "price_percentage_change_24h": "0",
        "volume_24h": number(ticker.volume),
        "base_increment": number(instrument.step_size),
        "quote_increment": number(instrument.tick_size),
        "price_increment": number(instrument.tick_size),
        "quote_min_size": number(instrument.min_notional),
        "quote_max_size": number(rules.max_notional or Decimal(150_000_000)),
        "base_min_size": number(instrument.min_quantity),
        "base_max_size": number(instrument.max_quantity),
        "base_name": instrument.base,
        "quote_name": instrument.quote,
        "is_disabled": False,
        "status": "online" if open_ else "offline",
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": not open_,
        "auction_mode": False,
        "product_type": "SPOT",
        "quote_currency_id": instrument.quote,
        "base_currency_id": instrument.base,
        "alias": "",
        "alias_to": [],
        "view_only": False,
        "display_name": product_id(instrument.symbol),
        "product_venue": "CBE",
    }


def book(depth: Depth) -> Json:
    def side(levels: tuple[tuple[Decimal, Decimal], ...]) -> list[Json]:
        return [{"price": number(price), "size": number(size)} for price, size in levels]

    return {
        "pricebook": {
            "product_id": product_id(depth.symbol),
            "bids": side(depth.bids),
            "asks": side(depth.asks),
            "time": moment(depth.at),
        }
    }


def candle(bar: Kline) -> Json:
    return {
        "start": str(seconds(bar.open_time)),
        "low": number(bar.low),
        "high": number(bar.high),
        "open": number(bar.open),
        "close": number(bar.close),
        "volume": number(bar.volume),
    }


def market_trade(trade: MarketTrade) -> Json:
    """A public trade; `side` is the maker's."""
    return {
        "trade_id": str(trade.trade_id),
        "product_id": product_id(trade.symbol),
        "price": number(trade.price),
        "size": number(trade.quantity),
        "time": moment(trade.at),
        "side": "BUY" if trade.buyer_maker else "SELL",
        "bid": "",
        "ask": "",
    }


def configuration(view: OrderView) -> Json:
    """What was asked for; the name of its only member is the kind of order."""
    size = {"base_size": number(view.quantity)}
    if view.order_type is OrderType.MARKET:
        by_cost = view.quote_amount is not None
        return {"market_market_ioc": {"quote_size": number(view.quote_amount or ZERO)} if by_cost else size}
    limit = {**size, "limit_price": number(view.limit_price or ZERO)}
    match view.time_in_force:
        case TimeInForce.IOC:
            return {"sor_limit_ioc": limit}
        case TimeInForce.FOK:
            return {"limit_limit_fok": limit}
        case TimeInForce.GTD:
            ends = "" if view.expires_at is None else moment(view.expires_at)
            return {"limit_limit_gtd": {**limit, "end_time": ends, "post_only": view.post_only}}
        case TimeInForce.GTC:
            return {"limit_limit_gtc": {**limit, "post_only": view.post_only}}


_IN_FORCE: Final = {
    TimeInForce.GTC: "GOOD_UNTIL_CANCELLED",
    TimeInForce.GTD: "GOOD_UNTIL_DATE_TIME",
    TimeInForce.IOC: "IMMEDIATE_OR_CANCEL",
    TimeInForce.FOK: "FILL_OR_KILL",
}


def order(view: OrderView, fees: Decimal) -> Json:
    """One order, with the fees its executions have cost so far, in quote currency."""
    done = view.filled / view.quantity * 100 if view.quantity else ZERO
    market = view.order_type is OrderType.MARKET
    return {
        "order_id": order_id(view.order_id),
        "product_id": product_id(view.symbol),
        "user_id": NOBODY,
        "order_configuration": configuration(view),
        "side": view.side.value.upper(),
        "client_order_id": view.client_id,
        "status": _STATUS.get(view.status, "OPEN"),
        "time_in_force": "IMMEDIATE_OR_CANCEL" if market else _IN_FORCE[view.time_in_force],
        "created_time": moment(view.created_at),
        "completion_percentage": f"{done:.2f}",
        "filled_size": number(view.filled),
        "average_filled_price": number(view.average_price or ZERO),
        "fee": "",
        "filled_value": number(view.notional),
        "pending_cancel": False,
        "size_in_quote": view.quote_amount is not None,
        "total_fees": number(fees),
        "size_inclusive_of_fees": False,
        "total_value_after_fees": number(view.notional + fees),
        "trigger_status": "INVALID_ORDER_TYPE",
        "order_type": "MARKET" if market else "LIMIT",
        "reject_reason": "REJECT_REASON_UNSPECIFIED",
        "settled": view.status is OrderStatus.FILLED,
        "product_type": "SPOT",
        "reject_message": "",
        "cancel_message": "" if view.ending is Ending.NONE else view.ending.value,
    }


def fill(trade: TradeView) -> Json:
    return {
        "entry_id": f"{trade.order_id:08d}{trade.trade_id:08d}",
        "trade_id": f"{_FILL}{trade.trade_id:012d}",
        "order_id": order_id(trade.order_id),
        "trade_time": moment(trade.at),
        "trade_type": "FILL",
        "price": number(trade.price),
        "size": number(trade.quantity),
        "commission": number(trade.fee),
        "product_id": product_id(trade.symbol),
        "sequence_timestamp": moment(trade.at),
        "liquidity_indicator": "MAKER" if trade.maker else "TAKER",
        "size_in_quote": False,
        "user_id": NOBODY,
        "side": trade.side.value.upper(),
    }


def account(code: Currency, holding: Holding) -> Json:
    return {
        "uuid": f"{NOBODY[:-6]}{code:0>6}"[:36],
        "name": f"{code} Wallet",
        "currency": code,
        "available_balance": {"value": number(holding.free), "currency": code},
        "default": True,
        "active": True,
        "created_at": "2023-01-04T06:20:06.456Z",
        "updated_at": "2023-01-04T06:20:07.181Z",
        "deleted_at": None,
        "type": "ACCOUNT_TYPE_CRYPTO",
        "ready": True,
        "hold": {"value": number(holding.locked), "currency": code},
    }


def summary(fees: FeeSchedule) -> Json:
    return {
        "total_volume": 0,
        "total_fees": 0,
        "fee_tier": {
            "pricing_tier": "",
            "usd_from": "0",
            "usd_to": "",
            "taker_fee_rate": number(fees.taker),
            "maker_fee_rate": number(fees.maker),
        },
        "margin_rate": None,
        "goods_and_services_tax": None,
    }
