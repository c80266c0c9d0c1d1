"""What Gate's answers look like: the exchange's own messages in the shapes of API v4 (JSON-ready)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from domain.clock import EPOCH
from domain.instrument import Instrument, split_symbol
from domain.money import ZERO, Currency, Symbol
from domain.orders import OrderStatus, Side, TimeInForce
from simulator.costs import FeeSchedule
from simulator.exchange.accounts import ApiKey
from simulator.exchange.model import Depth, Ending, Holding, Kline, MarketTrade, OrderView, Ticker, TradeView
from simulator.exchange.rules import MarketRules
from simulator.wire.figures import digits, millis, number, seconds

Json = dict[str, Any]

OWN_TEXT: Final = "t-"
"""What a client's own order id starts with; everything else in `text` says where an order came from."""
API_TEXT: Final = "apiv4"
"""The `text` of an order that came over the API without an id of its own."""

_SHOWN: Final = 12
_MILLISECOND: Final = timedelta(milliseconds=1)
_CANCELLED: Final = frozenset({OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED})
_FINISHED_AS: Final = {
    Ending.UNFILLED: "ioc",
    Ending.FILL_OR_KILL: "fok",
    Ending.SELF_TRADE: "stp",
    Ending.POST_ONLY: "poc",
}


def pair(symbol: Symbol) -> str:
    return symbol.replace("/", "_")


def symbol_of(currency_pair: str) -> Symbol:
    return Symbol(currency_pair.replace("_", "/"))


def _fine_millis(moment: datetime) -> str:
    """Milliseconds with the microseconds behind the point."""
    return f"{(moment - EPOCH) / _MILLISECOND:.3f}"


def text_of(client_id: str) -> str:
    """What stands in `text`: the client's own id, or where the order came from."""
    return client_id if client_id.startswith(OWN_TEXT) else API_TEXT


def market(rules: MarketRules, fees: FeeSchedule, open_: bool) -> Json:
    """One line of `/spot/currency_pairs`; fees are percentages there."""
    instrument = rules.instrument
    row: Json = {
        "id": pair(instrument.symbol),
        "base": instrument.base,
        "base_name": instrument.base,
        "quote": instrument.quote,
        "quote_name": instrument.quote,
        "fee": number(fees.taker * 100),
        "maker_fee_rate": number(fees.maker * 100),
        "min_base_amount": number(instrument.min_quantity),
        "min_quote_amount": number(instrument.min_notional),
        "max_base_amount": number(instrument.max_quantity),
        "amount_precision": digits(instrument.step_size),
        "precision": digits(instrument.tick_size),
        "trade_status": "tradable" if open_ else "untradable",
        "sell_start": 0,
        "buy_start": 0,
        "delisting_time": 0,
        "type": "normal",
        "trade_url": "",
        "st_tag": False,
    }
    if rules.max_notional is not None:
        row["max_quote_amount"] = number(rules.max_notional)
    return row


def currency(code: Currency) -> Json:
    """One line of `/spot/currencies`, as the venue has it; no deposit or withdrawal is simulated."""
    open_ = {"withdraw_disabled": False, "withdraw_delayed": False, "deposit_disabled": False}
    return {
        "currency": code,
        "name": code,
        "delisted": False,
        **open_,
        "trade_disabled": False,
        "chain": code,
        "chains": [
            {
                "name": code,
                "addr": "",
                "withdraw_disabled": True,
                "withdraw_delayed": False,
                "deposit_disabled": True,
            }
        ],
    }


def ticker(view: Ticker) -> Json:
    change = (view.last / view.open - 1) * 100 if view.open else ZERO
    return {
        "currency_pair": pair(view.symbol),
        "last": number(view.last),
        "lowest_ask": "" if view.ask is None else number(view.ask),
        "lowest_size": number(view.ask_quantity),
        "highest_bid": "" if view.bid is None else number(view.bid),
        "highest_size": number(view.bid_quantity),
        "change_percentage": f"{change:.2f}",
        "base_volume": number(view.volume),
        "quote_volume": number(view.quote_volume),
        "high_24h": number(view.high),
        "low_24h": number(view.low),
    }


def levels(side: Iterable[tuple[Decimal, Decimal]]) -> list[list[str]]:
    return [[number(price), number(quantity)] for price, quantity in side]


def book(depth: Depth, now: datetime, limit: int, with_id: bool) -> Json:
    answer: Json = {
        "current": millis(now),
        "update": millis(depth.at),
        "asks": levels(depth.asks[:limit]),
        "bids": levels(depth.bids[:limit]),
    }
    return {"id": depth.update_id, **answer} if with_id else answer


def candle(bar: Kline, now: datetime) -> list[str]:
    """A line of `/spot/candlesticks`: time, quote volume, close, high, low, open, base volume, closed."""
    return [
        str(seconds(bar.open_time)),
        number(bar.quote_volume),
        number(bar.close),
        number(bar.high),
        number(bar.low),
        number(bar.open),
        number(bar.volume),
        "true" if bar.close_time <= now else "false",
    ]


def candle_push(bar: Kline, interval: str, now: datetime) -> Json:
    return {
        "t": str(seconds(bar.open_time)),
        "v": number(bar.quote_volume),
        "c": number(bar.close),
        "h": number(bar.high),
        "l": number(bar.low),
        "o": number(bar.open),
        "n": f"{interval}_{pair(bar.symbol)}",
        "a": number(bar.volume),
        "w": bar.close_time <= now,
    }


def public_trade(trade: MarketTrade) -> Json:
    return {
        "id": str(trade.trade_id),
        "create_time": str(seconds(trade.at)),
        "create_time_ms": _fine_millis(trade.at),
        "currency_pair": pair(trade.symbol),
        "side": "sell" if trade.buyer_maker else "buy",
        "amount": number(trade.quantity),
        "price": number(trade.price),
        "sequence_id": str(trade.trade_id),
    }


def own_trade(trade: TradeView) -> Json:
    return {
        "id": str(trade.trade_id),
        "create_time": str(seconds(trade.at)),
        "create_time_ms": _fine_millis(trade.at),
        "currency_pair": pair(trade.symbol),
        "side": trade.side.value,
        "role": "maker" if trade.maker else "taker",
        "amount": number(trade.quantity),
        "price": number(trade.price),
        "order_id": str(trade.order_id),
        "fee": number(trade.fee),
        "fee_currency": trade.fee_currency,
        "point_fee": "0",
        "gt_fee": "0",
        "amend_text": "-",
        "sequence_id": str(trade.trade_id),
        "text": text_of(trade.client_id),
    }


def balance(code: Currency, holding: Holding, now: datetime) -> Json:
    return {
        "currency": code,
        "available": number(holding.free),
        "locked": number(holding.locked),
        "update_id": millis(now),
        "refresh_time": millis(now),
    }


def balance_push(code: Currency, holding: Holding, user: int, now: datetime) -> Json:
    return {
        "timestamp": str(seconds(now)),
        "timestamp_ms": str(millis(now)),
        "user": str(user),
        "currency": code,
        "change": "0",
        "total": number(holding.total),
        "available": number(holding.free),
        "freeze": number(holding.locked),
        "freeze_change": "0",
        "change_type": "order-update",
    }


def _time_in_force(view: OrderView) -> str:
    if view.post_only:
        return "poc"
    return "gtc" if view.time_in_force is TimeInForce.GTD else view.time_in_force.value


def finish_as(view: OrderView) -> str:
    """How an order ended, in Gate's words; `open` while it did not."""
    if view.is_open:
        return "open"
    return "cancelled" if view.status in _CANCELLED and view.ending not in _FINISHED_AS else _done(view)


def _done(view: OrderView) -> str:
    return "filled" if view.status is OrderStatus.FILLED else _FINISHED_AS[view.ending]


def order(view: OrderView, fee: Decimal) -> Json:
    """A spot order. `fee` is the sum of its trades' fees.

    A market buy has `amount` and `left` in quote currency, everything else in base.
    """
    base, quote = split_symbol(view.symbol)
    by_cost = view.quote_amount is not None
    amount = view.quote_amount if view.quote_amount is not None else view.quantity
    left = amount - view.notional if by_cost else amount - view.filled
    buying = view.side is Side.BUY
    average = view.average_price
    return {
        "id": str(view.order_id),
        "text": text_of(view.client_id),
        "amend_text": "-",
        "create_time": str(seconds(view.created_at)),
        "update_time": str(seconds(view.updated_at)),
        "create_time_ms": millis(view.created_at),
        "update_time_ms": millis(view.updated_at),
        "status": "open" if view.is_open else "cancelled" if view.status in _CANCELLED else "closed",
        "currency_pair": pair(view.symbol),
        "type": "market" if view.limit_price is None else "limit",
        "account": "spot",
        "side": view.side.value,
        "amount": number(amount),
        "price": number(view.limit_price or ZERO),
        "time_in_force": _time_in_force(view),
        "iceberg": number(view.display or ZERO),
        "left": number(left),
        "filled_amount": number(view.filled),
        "fill_price": number(view.notional),
        "filled_total": number(view.notional),
        "avg_deal_price": number(average) if average is not None else "0",
        "fee": number(fee),
        "fee_currency": base if buying else quote,
        "point_fee": "0",
        "gt_fee": "0",
        "gt_maker_fee": "0",
        "gt_taker_fee": "0",
        "gt_discount": False,
        "rebated_fee": "0",
        "rebated_fee_currency": quote if buying else base,
        "finish_as": finish_as(view),
        "stp_act": "-",
        "stp_id": 0,
    }


def order_push(view: OrderView, fee: Decimal, event: str, user: int) -> Json:
    """A spot order as the `spot.orders` channel tells it; `event` is put, update or finish."""
    row = order(view, fee)
    row["create_time_ms"] = str(row["create_time_ms"])
    row["update_time_ms"] = str(row["update_time_ms"])
    return {**row, "event": event, "user": user}


def fees(rates: FeeSchedule, user: int) -> Json:
    """The answer of `/wallet/fee`; rates are fractions there."""
    return {
        "user_id": user,
        "taker_fee": number(rates.taker),
        "maker_fee": number(rates.maker),
        "gt_discount": False,
        "gt_taker_fee": "0",
        "gt_maker_fee": "0",
        "loan_fee": "0.18",
        "point_type": "0",
        "debit_fee": 0,
    }


def account(user: int) -> Json:
    """The answer of `/account/detail` for a classic account without an address list."""
    return {
        "user_id": user,
        "ip_whitelist": [],
        "currency_pairs": [],
        "key": {"mode": 1},
        "tier": 0,
        "tier_expire_time": "0001-01-01T00:00:00Z",
        "copy_trading_role": 0,
    }


def api_key(key: ApiKey, user: int) -> Json:
    """A key as `/account/main_keys` shows it: masked, with one line a permission group it has."""
    perms = [{"name": "spot", "read_only": not key.trade}, {"name": "account", "read_only": True}]
    if key.withdraw:
        perms.append({"name": "withdrawal", "read_only": False})
    return {
        "state": 1,
        "mode": 1,
        "name": "",
        "user_id": user,
        "perms": perms,
        "ip_whitelist": [],
        "currency_pairs": [],
        "key": f"{key.key[:_SHOWN]}*****",
    }


def currencies(instruments: Iterable[Instrument]) -> list[Currency]:
    """Every currency some market trades, in order."""
    return sorted({code for one in instruments for code in (one.base, one.quote)})
