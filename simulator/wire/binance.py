"""A simulated exchange that speaks as Binance's spot API does: REST under /api/v3, streams beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiohttp import web

from domain.clock import Clock
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.policy import ClientIdRule, Duplicates, Policy
from simulator.fees import one_rate
from simulator.wire import binance_account as account
from simulator.wire import binance_lists as lists
from simulator.wire import binance_market as market
from simulator.wire import binance_orders as orders
from simulator.wire.binance_errors import BinanceWording
from simulator.wire.binance_request import Answer, BinanceVenue, Security
from simulator.wire.binance_sockets import Call, RequestDoor, market_door
from simulator.wire.binance_streams import MarketStreams
from simulator.wire.faults import FaultPlan, Operation
from simulator.wire.server import guard

POLICY: Final = Policy(
    client_ids=ClientIdRule(r"[a-zA-Z0-9-_]{1,36}", Duplicates.REFUSED_WHILE_OPEN, "sim"),
    fees=one_rate("0.001", "0.001"),
)
"""A client id is refused only while the first order with it is open; a filled one's may be used again."""

Weight = int | Callable[[dict[str, str]], int]
_BASE: Final = "/api/v3/"
_NOBODY, _OWNER, _TRADER = Security.NONE, Security.SIGNED, Security.TRADE


def _open_weight(params: dict[str, str]) -> int:
    return 6 if "symbol" in params else 80


def _book_weight(params: dict[str, str]) -> int:
    return 2 if "symbol" in params else 4


_REST: Final[tuple[tuple[str, str, Answer, Operation, Security, Weight, bool], ...]] = (
    ("GET", "ping", market.ping, Operation.TIME, _NOBODY, 1, False),
    ("GET", "time", market.time, Operation.TIME, _NOBODY, 1, False),
    ("GET", "exchangeInfo", market.exchange_info, Operation.MARKET, _NOBODY, 20, False),
    ("GET", "depth", market.depth, Operation.MARKET, _NOBODY, market.depth_weight, False),
    ("GET", "trades", market.trades, Operation.MARKET, _NOBODY, 25, False),
    ("GET", "historicalTrades", market.trades, Operation.MARKET, _NOBODY, 25, False),
    ("GET", "aggTrades", market.agg_trades, Operation.MARKET, _NOBODY, 4, False),
    ("GET", "klines", market.klines, Operation.MARKET, _NOBODY, 2, False),
    ("GET", "uiKlines", market.klines, Operation.MARKET, _NOBODY, 2, False),
    ("GET", "avgPrice", market.average, Operation.MARKET, _NOBODY, 2, False),
    (
        "GET",
        "ticker/24hr",
        market.tickers(market.day),
        Operation.MARKET,
        _NOBODY,
        market.ticker_weight,
        False,
    ),
    ("GET", "ticker/price", market.tickers(market.last), Operation.MARKET, _NOBODY, _book_weight, False),
    (
        "GET",
        "ticker/bookTicker",
        market.tickers(market.touch),
        Operation.MARKET,
        _NOBODY,
        _book_weight,
        False,
    ),
    ("POST", "order", orders.place, Operation.PLACE, _TRADER, 1, True),
    ("POST", "order/test", orders.test, Operation.QUERY, _TRADER, 1, False),
    ("GET", "order", orders.query, Operation.QUERY, _OWNER, 4, False),
    ("DELETE", "order", orders.cancel, Operation.CANCEL, _TRADER, 1, False),
    ("DELETE", "openOrders", orders.cancel_all, Operation.CANCEL, _TRADER, 1, False),
    ("POST", "order/cancelReplace", orders.replace, Operation.AMEND, _TRADER, 1, True),
    ("PUT", "order/amend/keepPriority", orders.amend, Operation.AMEND, _TRADER, 4, False),
    ("GET", "openOrders", orders.open_orders, Operation.QUERY, _OWNER, _open_weight, False),
    ("GET", "allOrders", orders.all_orders, Operation.QUERY, _OWNER, 20, False),
    ("POST", "orderList/oco", lists.place, Operation.PLACE, _TRADER, 1, True),
    ("POST", "order/oco", lists.place_older, Operation.PLACE, _TRADER, 1, True),
    ("GET", "orderList", lists.query, Operation.QUERY, _OWNER, 4, False),
    ("DELETE", "orderList", lists.cancel, Operation.CANCEL, _TRADER, 1, False),
    ("GET", "allOrderList", lists.every, Operation.QUERY, _OWNER, 20, False),
    ("GET", "openOrderList", lists.still_open, Operation.QUERY, _OWNER, 6, False),
    ("GET", "account", account.account, Operation.QUERY, _OWNER, 20, False),
    ("GET", "account/commission", account.commission, Operation.QUERY, _OWNER, 20, False),
    ("GET", "myTrades", account.my_trades, Operation.QUERY, _OWNER, 20, False),
    ("GET", "rateLimit/order", account.order_counts, Operation.QUERY, _OWNER, 40, False),
    ("GET", "/sapi/v1/system/status", market.system_status, Operation.TIME, _NOBODY, 1, False),
    ("GET", "/sapi/v1/asset/tradeFee", account.trade_fees, Operation.QUERY, _OWNER, 1, False),
    ("GET", "/sapi/v1/capital/config/getall", account.currencies, Operation.QUERY, _OWNER, 10, False),
    ("GET", "/sapi/v1/margin/allPairs", account.margin_pairs, Operation.MARKET, _NOBODY, 1, False),
    ("GET", "/sapi/v1/account/apiRestrictions", account.restrictions, Operation.QUERY, _OWNER, 1, False),
)


_METHODS: Final = {
    "ping": ("GET", "ping"),
    "time": ("GET", "time"),
    "exchangeInfo": ("GET", "exchangeInfo"),
    "depth": ("GET", "depth"),
    "trades.recent": ("GET", "trades"),
    "trades.historical": ("GET", "historicalTrades"),
    "trades.aggregate": ("GET", "aggTrades"),
    "klines": ("GET", "klines"),
    "uiKlines": ("GET", "uiKlines"),
    "avgPrice": ("GET", "avgPrice"),
    "ticker.24hr": ("GET", "ticker/24hr"),
    "ticker.price": ("GET", "ticker/price"),
    "ticker.book": ("GET", "ticker/bookTicker"),
    "order.place": ("POST", "order"),
    "order.test": ("POST", "order/test"),
    "order.status": ("GET", "order"),
    "order.cancel": ("DELETE", "order"),
    "order.cancelReplace": ("POST", "order/cancelReplace"),
    "order.amend.keepPriority": ("PUT", "order/amend/keepPriority"),
    "openOrders.status": ("GET", "openOrders"),
    "openOrders.cancelAll": ("DELETE", "openOrders"),
    "allOrders": ("GET", "allOrders"),
    "account.status": ("GET", "account"),
    "account.commission": ("GET", "account/commission"),
    "account.rateLimits.orders": ("GET", "rateLimit/order"),
    "myTrades": ("GET", "myTrades"),
    "orderList.place.oco": ("POST", "orderList/oco"),
    "orderList.status": ("GET", "orderList"),
    "orderList.cancel": ("DELETE", "orderList"),
    "openOrderLists.status": ("GET", "openOrderList"),
    "allOrderLists": ("GET", "allOrderList"),
}


def routes(exchange: SimulatedExchange, faults: FaultPlan, clock: Clock) -> list[web.RouteDef]:
    """Every path of the venue. `clock` is the venue's own."""
    venue, wording = BinanceVenue(exchange, clock), BinanceWording()
    made = []
    for method, path, respond, operation, security, weight, order in _REST:
        handler = venue.endpoint(respond, weight=weight, security=security, order=order)
        made.append(
            web.route(
                method,
                path if path.startswith("/") else _BASE + path,
                guard(operation, handler, faults, wording),
            )
        )
    streams = MarketStreams(venue, faults)
    plain, wrapped = (market_door(streams, faults, wrapped=each) for each in (False, True))
    door = RequestDoor(venue, faults, _calls())
    for path, handler in (
        ("/ws", plain),
        ("/ws/{streams:.*}", plain),
        ("/stream", wrapped),
        ("/stream/ws", plain),
        ("/stream/ws/{streams:.*}", plain),
        ("/ws-api/v3", door.handle),
    ):
        made.append(web.get(path, guard(Operation.STREAM, handler, faults, wording), allow_head=False))
    return made


def _calls() -> dict[str, Call]:
    """The methods of the request API that answer as a REST path does."""
    known = {
        (method, path): (respond, operation, security, weight if isinstance(weight, int) else 2)
        for method, path, respond, operation, security, weight, _ in _REST
    }
    return {name: known[place] for name, place in _METHODS.items()}
