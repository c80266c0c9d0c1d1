"""The simulated exchange as MEXC: spot API v3 over HTTP, and its protobuf streams."""

from __future__ import annotations

import json
from typing import Final

from aiohttp import web

from domain.clock import Clock
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.policy import ClientIdRule, Duplicates, FeeIn, Policy
from simulator.exchange.rejection import Rejection
from simulator.fees import LADDERS
from simulator.orderbook.messages import SelfTrade
from simulator.wire.faults import Fault, FaultKind, FaultPlan, Operation
from simulator.wire.mexc_errors import Code, MexcRefusal
from simulator.wire.mexc_http import Asked, Endpoint, MexcHttp
from simulator.wire.mexc_refusals import worded
from simulator.wire.mexc_socket import stream
from simulator.wire.mexc_words import MADE_ID
from simulator.wire.server import Handler, guard

POLICY: Final = Policy(
    client_ids=ClientIdRule(r"[0-9A-Za-z_-]{1,32}", Duplicates.ACCEPTED, made_prefix=MADE_ID),
    fees=LADDERS["mexc"],
    fee_in=FeeIn.QUOTE,
    self_trade=SelfTrade.NONE,
)
"""Makers pay nothing, takers 0.05 % in quote currency; MEXC documents no refusal of a used client id."""


class _Wording:
    """How MEXC says what is not an answer."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        self._exchange = exchange

    def rejection(self, error: Rejection) -> web.Response:
        return _said(worded(error, None, self._exchange))

    def fault(self, fault: Fault) -> web.Response:
        retry = {"Retry-After": str(fault.retry_after)}
        if fault.kind is FaultKind.RATE_LIMIT:
            return _said(MexcRefusal(Code.TOO_MANY_REQUESTS), headers=retry)
        if fault.kind is FaultKind.BAN:
            return _said(MexcRefusal(Code.TOO_MANY_REQUESTS, "Your address is banned"), 418, retry)
        if fault.kind is FaultKind.MAINTENANCE:
            return _said(MexcRefusal(Code.UNAVAILABLE, "Under maintenance, please try again later"))
        code = Code.UNAVAILABLE if fault.status == Code.UNAVAILABLE.status else Code.INTERNAL
        return _said(MexcRefusal(code), fault.status)


def _said(
    error: MexcRefusal, status: int | None = None, headers: dict[str, str] | None = None
) -> web.Response:
    return web.Response(
        text=json.dumps(error.body()),
        status=status or error.status,
        headers=headers,
        content_type="application/json",
    )


def routes(exchange: SimulatedExchange, faults: FaultPlan, clock: Clock) -> list[web.RouteDef]:
    """Every path MEXC answers here. `clock` is the venue's, which planned trouble may skew."""
    api = MexcHttp(exchange, clock)
    wording = _Wording(exchange)
    found = [
        web.route(each.method, each.path, guard(each.operation, _handler(api, each), faults, wording))
        for each in api.endpoints
    ]
    return [*found, web.get("/ws", guard(Operation.STREAM, stream(api, faults), faults, wording))]


def _handler(api: MexcHttp, endpoint: Endpoint) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        query = request.raw_path.partition("?")[2]
        body = (await request.read()).decode("utf-8", "replace")
        reply = api.answer(endpoint, Asked(query, request.headers, body, request.remote or ""))
        return web.Response(
            body=reply.body, status=reply.status, headers=reply.headers, content_type="application/json"
        )

    return handle
