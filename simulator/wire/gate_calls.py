"""Calls over Gate's WebSocket (event `api`): login, and the order requests of REST in another envelope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from simulator.exchange.accounts import ApiKey
from simulator.exchange.rejection import Rejection
from simulator.wire.faults import Fault, FaultKind, FaultPlan, Operation, When
from simulator.wire.figures import millis
from simulator.wire.gate_errors import GateRefusal, refuse
from simulator.wire.gate_http import GateHttp
from simulator.wire.gate_orders import user_number
from simulator.wire.gate_refusals import worded
from simulator.wire.gate_signing import call_signature, fresh, raw_parameters, same

LOGIN: Final = "spot.login"
_EXPIRY: Final = "x-gate-exptime"


class GateCalls:
    """The calls of one connection. Nobody is logged in at first."""

    def __init__(self, api: GateHttp, faults: FaultPlan, send: Callable[[Mapping[str, Any]], None]) -> None:
        self._api = api
        self._faults = faults
        self._send = send
        self._account = ""
        self._key: ApiKey | None = None
        orders = api.orders
        self._known: dict[str, tuple[Operation, Callable[[str, Any], Any]]] = {
            "spot.order_place": (Operation.PLACE, orders.place),
            "spot.order_cancel": (Operation.CANCEL, orders.cancel),
            "spot.order_cancel_cp": (Operation.CANCEL, orders.cancel_all),
            "spot.order_cancel_ids": (Operation.CANCEL, orders.cancel_many),
            "spot.order_amend": (Operation.AMEND, orders.amend),
            "spot.order_status": (Operation.QUERY, orders.find),
        }

    async def take(self, message: Mapping[str, Any], text: str) -> bool:
        """Answer a call; False when planned trouble ends the connection."""
        channel, payload = str(message["channel"]), message.get("payload")
        payload = payload if isinstance(payload, dict) else {}
        request_id = str(payload.get("req_id", ""))
        if channel == LOGIN:
            self._reply(channel, request_id, lambda: self._login(channel, payload, text))
            return True
        operation, call = self._known.get(channel, (Operation.QUERY, None))
        met = self._faults.request(operation, "API", channel) if call is not None else ()
        if not await self._suffer(When.BEFORE, met, channel, request_id):
            return False
        if any(_answers(fault, When.BEFORE) for fault in met):
            return True
        if operation is Operation.PLACE:
            self._send({**self._head(channel, request_id, 200, {"result": payload}), "ack": True})
        answer = self._made(lambda: self._call(call, operation, payload))
        if not await self._suffer(When.AFTER, met, channel, request_id):
            return False
        if not any(_answers(fault, When.AFTER) for fault in met):
            self._send(self._head(channel, request_id, *answer))
        return True

    async def _suffer(self, when: When, met: tuple[Fault, ...], channel: str, request_id: str) -> bool:
        for fault in met:
            if fault.when is not when:
                continue
            if fault.kind is FaultKind.DELAY:
                await self._faults.rest(fault.seconds)
            elif fault.kind in (FaultKind.DROP, FaultKind.RESET):
                return False
            else:
                busy = fault.kind in (FaultKind.RATE_LIMIT, FaultKind.BAN)
                error = refuse("TOO_MANY_REQUESTS" if busy else "SERVER_ERROR")
                self._send(self._head(channel, request_id, error.status, {"errs": error.body()}))
        return True

    def _reply(self, channel: str, request_id: str, make: Callable[[], Any]) -> None:
        self._send(self._head(channel, request_id, *self._made(make)))

    def _made(self, make: Callable[[], Any]) -> tuple[int, dict[str, Any]]:
        try:
            return 200, {"result": make()}
        except GateRefusal as error:
            return error.status, {"errs": error.body()}
        except Rejection as refused:
            said = worded(refused, None, self._api.exchange)
            return said.status, {"errs": said.body()}

    def _call(
        self, call: Callable[[str, Any], Any] | None, operation: Operation, payload: Mapping[str, Any]
    ) -> Any:
        if call is None:
            raise refuse("NOT_FOUND", "unknown channel")
        if self._key is None:
            raise refuse("AUTHENTICATION_FAILED", "Not login")
        if operation is not Operation.QUERY:
            if not self._key.trade:
                raise refuse("READ_ONLY")
            self._in_time(payload.get("req_header"))
        fields = payload.get("req_param")
        if operation in (Operation.PLACE, Operation.AMEND) and isinstance(fields, dict):
            now = self._api.clock.now().timestamp()
            self._api.limits.order(self._account, str(fields.get("currency_pair", "")), now)
        if isinstance(fields, list):
            return (
                self._api.orders.place_many(self._account, fields)
                if operation is Operation.PLACE
                else call(self._account, fields)
            )
        if not isinstance(fields, dict):
            raise refuse("INVALID_REQUEST_BODY")
        return call(self._account, fields)

    def _in_time(self, header: Any) -> None:
        if not isinstance(header, dict):
            return
        until = {str(name).lower(): str(value) for name, value in header.items()}.get(_EXPIRY)
        if until is not None and (not until.isdecimal() or millis(self._api.clock.now()) > int(until)):
            raise refuse("REQUEST_EXPIRED", f"request arrived after {_EXPIRY}")

    def _login(self, channel: str, payload: Mapping[str, Any], text: str) -> Any:
        stamp = str(payload.get("timestamp", ""))
        if not fresh(stamp, self._api.clock.now().timestamp()):
            raise refuse("REQUEST_EXPIRED")
        known = self._api.exchange.key(str(payload.get("api_key", "")))
        if known is None:
            raise refuse("INVALID_KEY")
        expected = call_signature(known[1].secret, channel, raw_parameters(text), stamp)
        if not same(str(payload.get("signature", "")), expected):
            raise refuse("INVALID_SIGNATURE")
        self._account, self._key = known
        return {"api_key": known[1].key, "uid": str(user_number(self._account))}

    def _head(self, channel: str, request_id: str, status: int, data: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "request_id": request_id,
            "header": {
                "response_time": str(millis(self._api.clock.now())),
                "status": str(status),
                "channel": channel,
                "event": "api",
                "client_id": "",
            },
            "data": data,
        }


def _answers(fault: Fault, when: When) -> bool:
    """Whether this fault says something instead of the call."""
    return fault.when is when and fault.kind not in (FaultKind.DELAY, FaultKind.DROP, FaultKind.RESET)
