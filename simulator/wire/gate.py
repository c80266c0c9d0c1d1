"""The simulated exchange as Gate: spot API v4 over HTTP and WebSocket."""

from __future__ import annotations

import json
from typing import Final

from aiohttp import web

from domain.clock import Clock
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.policy import ClientIdRule, Duplicates, Policy
from simulator.exchange.rejection import Rejection
from simulator.fees import LADDERS
from simulator.orderbook.messages import SelfTrade
from simulator.wire.faults import Fault, FaultKind, FaultPlan, Operation
from simulator.wire.gate_errors import GateRefusal, refuse
from simulator.wire.gate_http import BASE, Asked, Endpoint, GateHttp
from simulator.wire.gate_refusals import worded
from simulator.wire.gate_socket import stream
from simulator.wire.server import Handler, guard

POLICY: Final = Policy(
    client_ids=ClientIdRule(r"t-[0-9A-Za-z_.-]{1,28}", Duplicates.ACCEPTED, made_prefix="apiv4-"),
    fees=LADDERS["gate"],
    locks_sleeping=False,
    self_trade=SelfTrade.NONE,
)
"""Client ids are not unique, sleeping orders lock nothing, fees fall with turnover (ladder as in ccxt)."""


class _Wording:
    """How Gate says what is not an answer."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        self._exchange = exchange

    def rejection(self, error: Rejection) -> web.Response:
        return _said(worded(error, None, self._exchange))

    def fault(self, fault: Fault) -> web.Response:
        retry = {"Retry-After": str(fault.retry_after)}
        if fault.kind is FaultKind.RATE_LIMIT:
            return _said(refuse("TOO_MANY_REQUESTS"), headers=retry)
        if fault.kind is FaultKind.BAN:
            return _said(refuse("TOO_MANY_REQUESTS", "Your address is blocked"), 418, retry)
        if fault.kind is FaultKind.MAINTENANCE:
            return _said(refuse("TOO_BUSY", "The system is under maintenance"), 503)
        return _said(refuse("SERVER_ERROR"), fault.status)


def _said(
    error: GateRefusal, status: int | None = None, headers: dict[str, str] | None = None
) -> web.Response:
    return web.Response(
        text=json.dumps(error.body()),
        status=status or error.status,
        headers=headers,
        content_type="application/json",
    )


def routes(exchange: SimulatedExchange, faults: FaultPlan, clock: Clock) -> list[web.RouteDef]:
    """Every path Gate answers here. `clock` is the venue's, which planned trouble may skew."""
    api = GateHttp(exchange, clock)
    wording = _Wording(exchange)
    found = []
    for endpoint in api.endpoints:
        handler = guard(endpoint.operation, _handler(api, endpoint), faults, wording)
        found.append(web.route(endpoint.method, BASE + endpoint.path, handler))
    streams = guard(Operation.STREAM, stream(api, faults), faults, wording)
    return [*found, web.get("/ws/v4/", streams), web.get("/ws/v4", streams)]


def _handler(api: GateHttp, endpoint: Endpoint) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        reply = api.answer(
            endpoint,
            Asked(
                request.method,
                request.path,
                request.raw_path.partition("?")[2],
                request.headers,
                await request.read(),
                request.remote or "",
                request.match_info,
            ),
        )
        return web.Response(
            body=reply.body, status=reply.status, headers=reply.headers, content_type="application/json"
        )

    return handle
