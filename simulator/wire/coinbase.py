"""The simulated exchange as Coinbase: Advanced Trade over HTTP. It has no streams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiohttp import web

from domain.clock import Clock
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.policy import ClientIdRule, Duplicates, FeeIn, Policy
from simulator.exchange.rejection import Rejection
from simulator.fees import LADDERS
from simulator.orderbook.messages import SelfTrade
from simulator.wire.coinbase_calls import CoinbaseCalls, CoinbaseRefusal, Fields
from simulator.wire.coinbase_keys import claimed, genuine, in_time, meant_for
from simulator.wire.faults import Fault, FaultKind, FaultPlan, Operation
from simulator.wire.server import Handler, guard

POLICY: Final = Policy(
    client_ids=ClientIdRule(r"[\x21-\x7e]{1,128}", Duplicates.ACCEPTED),
    fees=LADDERS["coinbase"],
    fee_in=FeeIn.QUOTE,
    self_trade=SelfTrade.EXPIRE_TAKER,
)
"""Fees in quote currency; the wire itself answers a used client id with the order that has it."""
REQUESTS: Final = 30
"""So many requests a second and key (public ones: an address 10)."""
PUBLIC: Final = 10

_BASE: Final = "/api/v3/brokerage"
PLACE, CANCEL, QUERY = Operation.PLACE, Operation.CANCEL, Operation.QUERY
MARKET, TIME = Operation.MARKET, Operation.TIME


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One request Coinbase answers: `public` or `private` (called with the account) makes the answer."""

    operation: Operation
    method: str
    path: str
    public: Callable[[Fields], Any] | None = None
    private: Callable[[str, Fields], Any] | None = None


class _Wording:
    """How Coinbase says what is not an answer."""

    def rejection(self, error: Rejection) -> web.Response:
        return _said(400, {"error": "INVALID_ARGUMENT", "message": error.detail, "error_details": ""})

    def fault(self, fault: Fault) -> web.Response:
        retry = {"Retry-After": str(fault.retry_after)}
        if fault.kind in (FaultKind.RATE_LIMIT, FaultKind.BAN):
            return _said(429, _limited(), retry)
        if fault.kind is FaultKind.MAINTENANCE:
            return _said(503, {"error": "unavailable", "message": "Under maintenance"})
        return _said(fault.status, {"error": "internal", "message": "something went wrong"})


class _Api:
    """Checks who asks and how often, and answers. Nothing that is refused changes anything."""

    def __init__(self, exchange: SimulatedExchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock
        self._calls = CoinbaseCalls(exchange, clock)
        self._counted: dict[str, tuple[int, int]] = {}

    def handler(self, endpoint: Endpoint) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                fields = await _fields(request)
                if endpoint.private is not None:
                    account = self._who(endpoint, request)
                    if account is None:
                        return web.Response(status=401, text="Unauthorized\n")
                    self._count(account, REQUESTS)
                    return _said(200, endpoint.private(account, fields))
                self._count(request.remote or "", PUBLIC)
                return _said(200, {} if endpoint.public is None else endpoint.public(fields))
            except CoinbaseRefusal as refused:
                return _said(refused.status, refused.body() if refused.status != 429 else _limited())

        return handle

    def _who(self, endpoint: Endpoint, request: web.Request) -> str | None:
        """The account whose key signed the request; None for a token that is not good for it."""
        token = request.headers.get("Authorization", "")
        said = claimed(token)
        if said is None:
            return None
        header, claims = said
        name = claims.get("sub")
        known = self._exchange.key(name) if isinstance(name, str) else None
        if (
            known is None
            or (header.get("alg"), header.get("kid")) != ("ES256", name)
            or not header.get("nonce")
            or not in_time(claims, self._clock.now())
            or not meant_for(claims, request.method, request.host, request.path)
            or not genuine(token, known[1].secret)
        ):
            return None
        if endpoint.operation in (PLACE, CANCEL) and not known[1].trade:
            raise CoinbaseRefusal(403, "PERMISSION_DENIED", "Missing required scopes")
        return known[0]

    def permissions(self, account: str, _: Fields) -> Any:
        """What the account's keys may do."""
        keys = self._exchange.keys(account)
        return {
            "can_view": True,
            "can_trade": any(each.trade for each in keys),
            "can_transfer": any(each.withdraw for each in keys),
            "portfolio_type": "DEFAULT",
        }

    def _count(self, name: str, most: int) -> None:
        second = int(self._clock.now().timestamp())
        began, used = self._counted.get(name, (second, 0))
        used = used + 1 if began == second else 1
        self._counted[name] = (second, used)
        if used > most * self._exchange.policy.generosity:
            raise CoinbaseRefusal(429, "rate_limit_exceeded", "too many requests")

    def endpoints(self) -> tuple[Endpoint, ...]:
        calls, market = self._calls, f"{_BASE}/market"
        return (
            Endpoint(TIME, "GET", f"{_BASE}/time", calls.time),
            Endpoint(MARKET, "GET", f"{market}/products", calls.products),
            Endpoint(MARKET, "GET", f"{market}/product_book", calls.book),
            Endpoint(MARKET, "GET", f"{market}/products/{{product_id}}/ticker", calls.ticker),
            Endpoint(MARKET, "GET", f"{market}/products/{{product_id}}/candles", calls.candles),
            Endpoint(QUERY, "GET", f"{_BASE}/accounts", private=calls.accounts),
            Endpoint(QUERY, "GET", f"{_BASE}/transaction_summary", private=calls.summary),
            Endpoint(QUERY, "GET", f"{_BASE}/key_permissions", private=self.permissions),
            Endpoint(PLACE, "POST", f"{_BASE}/orders", private=calls.place),
            Endpoint(CANCEL, "POST", f"{_BASE}/orders/batch_cancel", private=calls.cancel),
            Endpoint(QUERY, "GET", f"{_BASE}/orders/historical/batch", private=calls.orders),
            Endpoint(QUERY, "GET", f"{_BASE}/orders/historical/fills", private=calls.fills),
            Endpoint(QUERY, "GET", f"{_BASE}/orders/historical/{{order_id}}", private=calls.find),
        )


def routes(exchange: SimulatedExchange, faults: FaultPlan, clock: Clock) -> list[web.RouteDef]:
    """Every path Coinbase answers here. `clock` is the venue's, which planned trouble may skew."""
    api = _Api(exchange, clock)
    wording = _Wording()
    return [
        web.route(each.method, each.path, guard(each.operation, api.handler(each), faults, wording))
        for each in api.endpoints()
    ]


async def _fields(request: web.Request) -> dict[str, Any]:
    """The path's own names, the query and the JSON body as one."""
    body: Any = {}
    if request.method == "POST":
        try:
            body = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise CoinbaseRefusal(400, "INVALID_ARGUMENT", "the body is not a JSON object")
    return {**body, **request.query, **request.match_info}


def _limited() -> dict[str, Any]:
    return {"errors": [{"id": "rate_limit_exceeded", "message": "too many requests"}]}


def _said(status: int, body: Any, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps(body), status=status, headers=headers, content_type="application/json"
    )
