"""Gate over HTTP, without the HTTP server: a request as bytes and text in, an answer out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import orjson

from domain.clock import Clock
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.rejection import Rejection
from simulator.wire.faults import Operation
from simulator.wire.figures import millis
from simulator.wire.gate_asks import Fields
from simulator.wire.gate_errors import GateRefusal, refuse
from simulator.wire.gate_limits import GateLimits
from simulator.wire.gate_market import GateMarket
from simulator.wire.gate_orders import GateOrders
from simulator.wire.gate_refusals import worded
from simulator.wire.gate_signing import fresh, rest_signature, same
from simulator.wire.gate_triggers import GateTriggers
from simulator.wire.gate_words import pair

BASE: Final = "/api/v4"
_READ: Final = "GET"
PLACE, CANCEL, AMEND = Operation.PLACE, Operation.CANCEL, Operation.AMEND
QUERY, MARKET, TIME = Operation.QUERY, Operation.MARKET, Operation.TIME


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One request Gate answers. `public` or `private` makes the answer; `rows` hands it the body as a list.

    `counts_orders` says that it also spends the quota of orders.
    """

    operation: Operation
    method: str
    path: str
    public: Callable[[Fields], Any] | None = None
    private: Callable[[str, Any], Any] | None = None
    status: int = 200
    rows: bool = False
    counts_orders: bool = False

    @property
    def writes(self) -> bool:
        return self.method != _READ


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in. `path` is whole; `query` raw; `names` what the path itself named."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    remote: str
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str]


class GateHttp:
    """Checks who asks and how often, and answers. Nothing that is refused changes anything."""

    def __init__(self, exchange: SimulatedExchange, clock: Clock) -> None:
        self.exchange = exchange
        self.clock = clock
        self.limits = GateLimits(exchange.policy.generosity)
        self.market = GateMarket(exchange, clock)
        self.orders = GateOrders(exchange, self.market, clock)
        self.triggers = GateTriggers(exchange, self.market)
        self.endpoints = self._endpoints()
        self._pairs = frozenset(pair(symbol) for symbol in exchange.markets)

    def answer(self, endpoint: Endpoint, asked: Asked) -> Reply:
        headers: dict[str, str] = {}
        try:
            account = "" if endpoint.private is None else self._who(asked, endpoint)
            now = self.clock.now().timestamp()
            who = account or asked.remote
            headers = self.limits.request(who, f"{endpoint.method} {endpoint.path}", now).headers()
            fields = self._fields(endpoint, asked)
            if endpoint.counts_orders:
                headers = self._count_orders(account, fields, now)
            row = self._made(endpoint, account, fields)
        except GateRefusal as error:
            return Reply(error.status, orjson.dumps(error.body()), {**headers, **error.headers})
        except Rejection as refused:
            said = worded(refused, None, self.exchange)
            return Reply(said.status, orjson.dumps(said.body()), headers)
        return Reply(endpoint.status, orjson.dumps(row), headers)

    @staticmethod
    def _made(endpoint: Endpoint, account: str, fields: Any) -> Any:
        if endpoint.private is not None:
            return endpoint.private(account, fields)
        if endpoint.public is not None:
            return endpoint.public(fields)
        raise refuse("NOT_FOUND")

    def _who(self, asked: Asked, endpoint: Endpoint) -> str:
        """The account that signed a request. The clock is looked at first, then the key, then the sign."""
        key, stamp, sign = (self._header(asked, name) for name in ("KEY", "Timestamp", "SIGN"))
        now = self.clock.now()
        if not fresh(stamp, now.timestamp()):
            raise refuse(
                "REQUEST_EXPIRED",
                "gap between request Timestamp and server time exceeds 60, "
                f"current_time:{int(now.timestamp())}, header.timestamp:{stamp}",
            )
        known = self.exchange.key(key)
        if known is None:
            raise refuse("INVALID_KEY")
        account, secret = known[0], known[1]
        expected = rest_signature(
            secret.secret, asked.method, asked.path, unquote(asked.query), asked.body, stamp
        )
        if not same(sign, expected):
            raise refuse("INVALID_SIGNATURE")
        if endpoint.writes:
            if not secret.trade:
                raise refuse("READ_ONLY")
            self._in_time(asked)
        return account

    def _in_time(self, asked: Asked) -> None:
        """Refuse what arrives after the moment its sender named in `x-gate-exptime` (milliseconds)."""
        until = asked.headers.get("x-gate-exptime")
        if until is None:
            return
        if not until.isdecimal():
            raise refuse("INVALID_PARAM_VALUE", f"Invalid header `x-gate-exptime` value: {until}")
        if millis(self.clock.now()) > int(until):
            raise refuse("REQUEST_EXPIRED", "request arrived after x-gate-exptime")

    @staticmethod
    def _header(asked: Asked, name: str) -> str:
        value = asked.headers.get(name)
        if not value:
            raise refuse("MISSING_REQUIRED_HEADER", f"Missing required header: {name}")
        return value

    @staticmethod
    def _fields(endpoint: Endpoint, asked: Asked) -> Any:
        """Query, body and path names as one; a list body as it is."""
        body: Any = {}
        if asked.body:
            try:
                body = orjson.loads(asked.body)
            except orjson.JSONDecodeError:
                raise refuse("INVALID_REQUEST_BODY") from None
        if endpoint.rows:
            return body
        if not isinstance(body, dict):
            raise refuse("INVALID_REQUEST_BODY")
        return {**dict(parse_qsl(asked.query, keep_blank_values=True)), **body, **asked.names}

    def _count_orders(self, account: str, fields: Any, now: float) -> dict[str, str]:
        rows = fields if isinstance(fields, list) else [fields]
        named = {str(row.get("currency_pair", "")) for row in rows if isinstance(row, dict)}
        pairs = named & self._pairs
        headers: dict[str, str] = {}
        for each in sorted(pairs):
            headers = self.limits.order(account, each, now).headers()
        return headers

    def _endpoints(self) -> tuple[Endpoint, ...]:
        market, orders, triggers = self.market, self.orders, self.triggers
        return (
            Endpoint(TIME, "GET", "/spot/time", market.time),
            Endpoint(MARKET, "GET", "/spot/currencies", market.currencies),
            Endpoint(MARKET, "GET", "/spot/currencies/{currency}", market.currency),
            Endpoint(MARKET, "GET", "/spot/currency_pairs", market.pairs),
            Endpoint(MARKET, "GET", "/spot/currency_pairs/{currency_pair}", market.pair),
            Endpoint(MARKET, "GET", "/margin/currency_pairs", market.none),
            Endpoint(MARKET, "GET", "/margin/uni/currency_pairs", market.none),
            Endpoint(MARKET, "GET", "/spot/tickers", market.tickers),
            Endpoint(MARKET, "GET", "/spot/order_book", market.order_book),
            Endpoint(MARKET, "GET", "/spot/trades", market.trades),
            Endpoint(MARKET, "GET", "/spot/candlesticks", market.candlesticks),
            Endpoint(QUERY, "GET", "/spot/accounts", private=orders.accounts),
            Endpoint(QUERY, "GET", "/spot/fee", private=orders.fee),
            Endpoint(QUERY, "GET", "/spot/batch_fee", private=orders.fees),
            Endpoint(QUERY, "GET", "/wallet/fee", private=orders.fee),
            Endpoint(QUERY, "GET", "/account/detail", private=orders.detail),
            Endpoint(QUERY, "GET", "/account/main_keys", private=orders.main_keys),
            Endpoint(QUERY, "GET", "/spot/open_orders", private=orders.open_orders),
            Endpoint(QUERY, "GET", "/spot/orders", private=orders.orders),
            Endpoint(PLACE, "POST", "/spot/orders", private=orders.place, status=201, counts_orders=True),
            Endpoint(CANCEL, "DELETE", "/spot/orders", private=orders.cancel_all),
            Endpoint(QUERY, "GET", "/spot/orders/{order_id}", private=orders.find),
            Endpoint(CANCEL, "DELETE", "/spot/orders/{order_id}", private=orders.cancel),
            Endpoint(AMEND, "PATCH", "/spot/orders/{order_id}", private=orders.amend, counts_orders=True),
            Endpoint(
                PLACE, "POST", "/spot/batch_orders", private=orders.place_many, rows=True, counts_orders=True
            ),
            Endpoint(CANCEL, "POST", "/spot/cancel_batch_orders", private=orders.cancel_many, rows=True),
            Endpoint(QUERY, "GET", "/spot/my_trades", private=orders.my_trades),
            Endpoint(QUERY, "GET", "/spot/price_orders", private=triggers.listed),
            Endpoint(PLACE, "POST", "/spot/price_orders", private=triggers.place, status=201),
            Endpoint(CANCEL, "DELETE", "/spot/price_orders", private=triggers.cancel_all),
            Endpoint(QUERY, "GET", "/spot/price_orders/{order_id}", private=triggers.find),
            Endpoint(CANCEL, "DELETE", "/spot/price_orders/{order_id}", private=triggers.cancel),
        )
