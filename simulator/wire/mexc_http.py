"""MEXC over HTTP, without the HTTP server: a request as bytes and text in, an answer out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from domain.clock import Clock
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.rejection import Rejection
from simulator.wire.faults import Operation
from simulator.wire.figures import millis
from simulator.wire.mexc_asks import Fields, whole
from simulator.wire.mexc_errors import Code, MexcRefusal
from simulator.wire.mexc_keys import ListenKeys
from simulator.wire.mexc_market import MexcMarket
from simulator.wire.mexc_orders import KEY, MexcOrders
from simulator.wire.mexc_refusals import worded
from simulator.wire.mexc_signing import (
    DEFAULT_WINDOW,
    MAX_WINDOW,
    in_window,
    same,
    signature,
    split_signature,
)

PLACE, CANCEL, QUERY = Operation.PLACE, Operation.CANCEL, Operation.QUERY
MARKET, TIME = Operation.MARKET, Operation.TIME
REQUESTS: Final = 500
SECONDS: Final = 10
"""So many requests of one endpoint in so many seconds, for one account (or one address without a key)."""
_TRADING: Final = frozenset({PLACE, CANCEL})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One request MEXC answers: `public` or `private` (called with the account) makes the answer."""

    operation: Operation
    method: str
    path: str
    public: Callable[[Fields], Any] | None = None
    private: Callable[[str, Fields], Any] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in; `query` raw."""

    query: str
    headers: Mapping[str, str]
    body: str
    remote: str


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str]


class MexcHttp:
    """Checks who asks and how often, and answers. Nothing that is refused changes anything."""

    def __init__(self, exchange: SimulatedExchange, clock: Clock) -> None:
        self.exchange = exchange
        self.clock = clock
        self.market = MexcMarket(exchange, clock)
        self.orders = MexcOrders(exchange, self.market)
        self.listen_keys = ListenKeys(clock)
        self.endpoints = self._endpoints()
        self._most = int(REQUESTS * exchange.policy.generosity)
        self._windows: dict[str, tuple[int, int]] = {}

    def answer(self, endpoint: Endpoint, asked: Asked) -> Reply:
        try:
            fields = self._fields(asked)
            account = "" if endpoint.private is None else self._who(endpoint, asked, fields)
            self._count(f"{account or asked.remote} {endpoint.method} {endpoint.path}")
            if endpoint.private is not None:
                row = endpoint.private(account, {**fields, KEY: asked.headers[KEY]})
            elif endpoint.public is not None:
                row = endpoint.public(fields)
            else:
                raise MexcRefusal(Code.NOT_FOUND)
        except MexcRefusal as error:
            return Reply(error.status, orjson.dumps(error.body()), error.headers)
        except Rejection as refused:
            said = worded(refused, None, self.exchange)
            return Reply(said.status, orjson.dumps(said.body()), {})
        return Reply(200, orjson.dumps(row), {})

    def _who(self, endpoint: Endpoint, asked: Asked, fields: Fields) -> str:
        """The account that signed a request: key, time window, signature, permission, in this order."""
        key = asked.headers.get(KEY) or ""
        if not key:
            raise MexcRefusal(Code.KEY_REQUIRED)
        known = self.exchange.key(key)
        if known is None:
            raise MexcRefusal(Code.UNKNOWN_KEY if key.isalnum() else Code.MALFORMED_KEY)
        stamp, window = whole(fields, "timestamp"), whole(fields, "recvWindow")
        if stamp is None:
            raise MexcRefusal(
                Code.NO_ORDER_ID,
                "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.",
            )
        if window is not None and window > MAX_WINDOW:
            raise MexcRefusal(Code.WINDOW_TOO_LONG)
        if not in_window(stamp, DEFAULT_WINDOW if window is None else window, millis(self.clock.now())):
            raise MexcRefusal(Code.OUTSIDE_WINDOW)
        signed, claimed = split_signature(asked.query)
        if not same(claimed, signature(known[1].secret, signed + asked.body)):
            raise MexcRefusal(Code.BAD_SIGNATURE)
        if endpoint.operation in _TRADING and not known[1].trade:
            raise MexcRefusal(Code.NO_PERMISSION)
        return known[0]

    @staticmethod
    def _fields(asked: Asked) -> dict[str, str]:
        """Query and body as one; a parameter that is in both is taken from the query."""
        body: dict[str, str] = {}
        if asked.body.startswith("{"):
            try:
                found = orjson.loads(asked.body)
            except orjson.JSONDecodeError:
                raise MexcRefusal(Code.BAD_PARAMETER, "the body is not JSON") from None
            body = {name: str(value) for name, value in found.items()}
        elif asked.body:
            body = dict(parse_qsl(asked.body, keep_blank_values=True))
        return {**body, **dict(parse_qsl(asked.query, keep_blank_values=True))}

    def _count(self, name: str) -> None:
        """Count one request; MexcRefusal (429, with Retry-After) when the quota is spent."""
        now = int(self.clock.now().timestamp())
        window = now // SECONDS
        started, used = self._windows.get(name, (window, 0))
        used = used + 1 if started == window else 1
        self._windows[name] = (window, used)
        if used > self._most:
            error = MexcRefusal(Code.TOO_MANY_REQUESTS)
            error.headers["Retry-After"] = str((window + 1) * SECONDS - now)
            raise error

    def _endpoints(self) -> tuple[Endpoint, ...]:
        market, orders, keys = self.market, self.orders, self.listen_keys
        return (
            Endpoint(TIME, "GET", "/api/v3/ping", market.ping),
            Endpoint(TIME, "GET", "/api/v3/time", market.time),
            Endpoint(MARKET, "GET", "/api/v3/exchangeInfo", market.info),
            Endpoint(MARKET, "GET", "/api/v3/depth", market.depth),
            Endpoint(MARKET, "GET", "/api/v3/trades", market.recent),
            Endpoint(MARKET, "GET", "/api/v3/aggTrades", market.trades),
            Endpoint(MARKET, "GET", "/api/v3/klines", market.klines),
            Endpoint(MARKET, "GET", "/api/v3/ticker/24hr", market.day),
            Endpoint(MARKET, "GET", "/api/v3/ticker/price", market.price),
            Endpoint(MARKET, "GET", "/api/v3/ticker/bookTicker", market.touch),
            Endpoint(MARKET, "GET", "/api/v1/contract/detail", market.contracts),
            Endpoint(QUERY, "GET", "/api/v3/capital/config/getall", private=orders.currencies),
            Endpoint(QUERY, "GET", "/api/v3/account", private=orders.account),
            Endpoint(QUERY, "GET", "/api/v3/tradeFee", private=orders.fee),
            Endpoint(PLACE, "POST", "/api/v3/order", private=orders.place),
            Endpoint(QUERY, "POST", "/api/v3/order/test", private=orders.check),
            Endpoint(PLACE, "POST", "/api/v3/batchOrders", private=orders.place_many),
            Endpoint(QUERY, "GET", "/api/v3/order", private=orders.find),
            Endpoint(CANCEL, "DELETE", "/api/v3/order", private=orders.cancel),
            Endpoint(QUERY, "GET", "/api/v3/openOrders", private=orders.open_orders),
            Endpoint(CANCEL, "DELETE", "/api/v3/openOrders", private=orders.cancel_all),
            Endpoint(QUERY, "GET", "/api/v3/allOrders", private=orders.all_orders),
            Endpoint(QUERY, "GET", "/api/v3/myTrades", private=orders.my_trades),
            Endpoint(QUERY, "POST", "/api/v3/userDataStream", private=keys.make),
            Endpoint(QUERY, "GET", "/api/v3/userDataStream", private=keys.listed),
            Endpoint(QUERY, "PUT", "/api/v3/userDataStream", private=keys.extend),
            Endpoint(QUERY, "DELETE", "/api/v3/userDataStream", private=keys.end),
        )
