"""Binance's public endpoints: markets and their filters, book, trades, bars, tickers."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from domain.market import Timeframe
from domain.money import Symbol
from simulator.exchange.model import Kline, MarketTrade, Ticker
from simulator.exchange.rules import MarketRules
from simulator.wire.binance_errors import BinanceError
from simulator.wire.binance_limits import RAW_5M
from simulator.wire.binance_orders import moment
from simulator.wire.binance_request import Ask, BinanceVenue
from simulator.wire.binance_words import NOTHING, figure
from simulator.wire.figures import millis

_TYPES: Final = (
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
)
_MODES: Final = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT")
_HUNDRED: Final = Decimal(100)


def depth_weight(params: dict[str, str]) -> int:
    limit = params.get("limit", "100")
    levels = int(limit) if limit.isdecimal() else 100
    return 5 if levels <= 100 else 25 if levels <= 500 else 50 if levels <= 1000 else 250


def ticker_weight(params: dict[str, str]) -> int:
    return 2 if "symbol" in params else 80


def ping(_: Ask) -> dict[str, Any]:
    return {}


def time(ask: Ask) -> dict[str, Any]:
    return {"serverTime": ask.now}


def exchange_info(ask: Ask) -> dict[str, Any]:
    limits = ask.venue.limits
    return {
        "timezone": "UTC",
        "serverTime": ask.now,
        "rateLimits": [
            {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}
            for kind, interval, number, limit in (
                ("REQUEST_WEIGHT", "MINUTE", 1, limits.weight),
                ("ORDERS", "SECOND", 10, limits.orders_10s),
                ("ORDERS", "DAY", 1, limits.orders_day),
                ("RAW_REQUESTS", "MINUTE", 5, RAW_5M),
            )
        ],
        "exchangeFilters": [],
        "symbols": [_market(ask.venue, symbol) for symbol in chosen(ask)],
    }


def chosen(ask: Ask) -> list[Symbol]:
    """The markets a request names: `symbol`, `symbols` as a JSON list, or all."""
    one, many = ask.maybe("symbol"), ask.maybe("symbols")
    if one is not None:
        return [ask.venue.symbol(one)]
    if many is None:
        return list(ask.venue.ids)
    try:
        names = json.loads(many)
    except ValueError:
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise BinanceError(-1100, "Illegal characters found in parameter 'symbols'.")
    return [ask.venue.symbol(name) for name in names]


def _market(venue: BinanceVenue, symbol: Symbol) -> dict[str, Any]:
    rules = venue.exchange.markets[symbol]
    instrument = rules.instrument
    return {
        "symbol": venue.ids[symbol],
        "status": "TRADING" if venue.exchange.trades_now(symbol) else "BREAK",
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(_TYPES),
        "icebergAllowed": rules.max_icebergs > 0,
        "ocoAllowed": True,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(rules),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": list(_MODES),
    }


def _filters(rules: MarketRules) -> list[dict[str, Any]]:
    instrument = rules.instrument
    found: list[dict[str, Any]] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": figure(rules.min_price or instrument.tick_size),
            "maxPrice": figure(rules.max_price),
            "tickSize": figure(instrument.tick_size),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": figure(instrument.min_quantity),
            "maxQty": figure(instrument.max_quantity),
            "stepSize": figure(instrument.step_size),
        },
        {"filterType": "ICEBERG_PARTS", "limit": rules.max_icebergs},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": NOTHING,
            "maxQty": figure(rules.max_market_quantity or instrument.max_quantity),
            "stepSize": NOTHING,
        },
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": int(rules.min_trailing * 10_000),
            "maxTrailingAboveDelta": int(rules.max_trailing * 10_000),
            "minTrailingBelowDelta": int(rules.min_trailing * 10_000),
            "maxTrailingBelowDelta": int(rules.max_trailing * 10_000),
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": figure(instrument.min_notional),
            "applyMinToMarket": True,
            "maxNotional": figure(rules.max_notional),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": rules.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": rules.max_sleeping},
    ]
    if rules.band_up is not None and rules.band_down is not None:
        found.append(
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": f"{rules.band_up:f}",
                "bidMultiplierDown": f"{rules.band_down:f}",
                "askMultiplierUp": f"{rules.band_up:f}",
                "askMultiplierDown": f"{rules.band_down:f}",
                "avgPriceMins": 5,
            }
        )
    return found


def depth(ask: Ask) -> dict[str, Any]:
    book = ask.venue.exchange.depth(ask.symbol(), ask.limit(100, 5000))
    return {
        "lastUpdateId": book.update_id,
        "bids": [[figure(price), figure(quantity)] for price, quantity in book.bids],
        "asks": [[figure(price), figure(quantity)] for price, quantity in book.asks],
    }


def _trades(ask: Ask) -> list[MarketTrade]:
    """The public trades a request asks for: from an id or a time on the first ones, otherwise the newest."""
    limit, first = ask.limit(500, 1000), ask.integer("fromId")
    start, end = ask.integer("startTime"), ask.integer("endTime")
    found = [
        trade
        for trade in ask.venue.exchange.recent_trades(ask.symbol(), 1_000_000)
        if (first is None or trade.trade_id >= first)
        and (start is None or millis(trade.at) >= start)
        and (end is None or millis(trade.at) <= end)
    ]
    return found[:limit] if first is not None or start is not None else found[-limit:]


def trades(ask: Ask) -> list[dict[str, Any]]:
    return [
        {
            "id": trade.trade_id,
            "price": figure(trade.price),
            "qty": figure(trade.quantity),
            "quoteQty": figure(trade.price * trade.quantity),
            "time": millis(trade.at),
            "isBuyerMaker": trade.buyer_maker,
            "isBestMatch": True,
        }
        for trade in _trades(ask)
    ]


def aggregated(trade: MarketTrade) -> dict[str, Any]:
    """A trade as an aggregate of its own: this exchange does not join trades."""
    return {
        "a": trade.trade_id,
        "p": figure(trade.price),
        "q": figure(trade.quantity),
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": millis(trade.at),
        "m": trade.buyer_maker,
        "M": True,
    }


def agg_trades(ask: Ask) -> list[dict[str, Any]]:
    return [aggregated(trade) for trade in _trades(ask)]


def interval_of(text: str) -> Timeframe:
    """The timeframe Binance calls so; it has more than this exchange keeps."""
    try:
        return Timeframe(text)
    except ValueError as error:
        raise BinanceError(-1120, "Invalid interval.") from error


def kline_row(bar: Kline) -> list[Any]:
    return [
        millis(bar.open_time),
        figure(bar.open),
        figure(bar.high),
        figure(bar.low),
        figure(bar.close),
        figure(bar.volume),
        millis(bar.close_time) - 1,
        figure(bar.quote_volume),
        bar.trades,
        figure(bar.taker_buy_volume),
        figure(bar.taker_buy_quote_volume),
        "0",
    ]


def klines(ask: Ask) -> list[list[Any]]:
    bars = ask.venue.exchange.klines(
        ask.symbol(),
        interval_of(ask.text("interval")),
        start=moment(ask.integer("startTime")),
        end=moment(ask.integer("endTime")),
        limit=ask.limit(500, 1000),
    )
    return [kline_row(bar) for bar in bars]


def average(ask: Ask) -> dict[str, Any]:
    """The volume-weighted price of the last five minutes."""
    symbol = ask.symbol()
    bars = ask.venue.exchange.klines(symbol, Timeframe.M1, limit=5)
    volume = sum((bar.volume for bar in bars), Decimal(0))
    worth = sum((bar.quote_volume for bar in bars), Decimal(0))
    price = worth / volume if volume else ask.venue.exchange.last_price(symbol)
    return {"mins": 5, "price": figure(price), "closeTime": ask.now}


def day(found: Ticker, symbol: str) -> dict[str, Any]:
    """The statistics of 24 hours."""
    change = found.last - found.open
    return {
        "symbol": symbol,
        "priceChange": figure(change),
        "priceChangePercent": f"{change / found.open * _HUNDRED:.3f}",
        "weightedAvgPrice": figure(found.quote_volume / found.volume if found.volume else found.last),
        "prevClosePrice": figure(found.open),
        "lastPrice": figure(found.last),
        "lastQty": figure(found.last_quantity),
        "bidPrice": figure(found.bid),
        "bidQty": figure(found.bid_quantity),
        "askPrice": figure(found.ask),
        "askQty": figure(found.ask_quantity),
        "openPrice": figure(found.open),
        "highPrice": figure(found.high),
        "lowPrice": figure(found.low),
        "volume": figure(found.volume),
        "quoteVolume": figure(found.quote_volume),
        "openTime": millis(found.opened_at),
        "closeTime": millis(found.at),
        "firstId": found.first_trade,
        "lastId": found.last_trade,
        "count": found.trades,
    }


def last(found: Ticker, symbol: str) -> dict[str, Any]:
    return {"symbol": symbol, "price": figure(found.last)}


def touch(found: Ticker, symbol: str) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "bidPrice": figure(found.bid),
        "bidQty": figure(found.bid_quantity),
        "askPrice": figure(found.ask),
        "askQty": figure(found.ask_quantity),
    }


def tickers(word: Callable[[Ticker, str], dict[str, Any]]) -> Callable[[Ask], Any]:
    """An endpoint that tells one market's ticker as an object, several as a list."""

    def respond(ask: Ask) -> Any:
        found = [word(ask.venue.exchange.ticker(symbol), ask.venue.ids[symbol]) for symbol in chosen(ask)]
        return found[0] if ask.maybe("symbol") is not None else found

    return respond


def system_status(_: Ask) -> dict[str, Any]:
    return {"status": 0, "msg": "normal"}
