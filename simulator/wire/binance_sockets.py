"""Binance's WebSocket doors: market streams, and the request API that carries the user stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import orjson
from aiohttp import WSMsgType, web

from simulator.exchange.rejection import Rejection
from simulator.wire.binance_errors import BinanceError, as_error, trouble
from simulator.wire.binance_request import Answer, Ask, BinanceVenue, Security
from simulator.wire.binance_streams import MarketStreams, as_text
from simulator.wire.binance_user import listen
from simulator.wire.faults import FaultKind, FaultPlan, Operation, When
from simulator.wire.figures import millis
from simulator.wire.outbox import Outbox
from simulator.wire.server import Handler

_MOST_STREAMS: Final = 1024
_SUBSCRIBE: Final = "userDataStream.subscribe.signature"
_UNSUBSCRIBE: Final = "userDataStream.unsubscribe"

Call = tuple[Answer, Operation, Security, int]
"""What a method of the request API does: the same answer as by REST."""


def market_door(streams: MarketStreams, faults: FaultPlan, *, wrapped: bool) -> Handler:
    """A connection for market streams. `wrapped` ones name the stream around every message."""

    async def handle(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        outbox = Outbox(socket, faults)
        names: list[str] = []

        def send(name: str, message: dict[str, Any]) -> None:
            outbox.say(as_text({"stream": name, "data": message} if wrapped else message))

        sending = asyncio.create_task(outbox.run(lambda: None))
        try:
            for name in _asked(request):
                streams.subscribe(name, send)
                names.append(name)
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    outbox.say(_obey(message.data, streams, names, send))
        except BinanceError as error:
            outbox.say(as_text({"error": {"code": error.code, "msg": error.message}}))
        finally:
            for name in names:
                streams.unsubscribe(name, send)
            outbox.close()
            await sending
        return socket

    return handle


def _asked(request: web.Request) -> list[str]:
    """The streams a path or query names, as /ws/btcusdt@trade or /stream?streams=a/b."""
    listed = request.query.get("streams", "") or request.match_info.get("streams", "")
    return [name for name in listed.split("/") if "@" in name]


def _obey(text: str, streams: MarketStreams, names: list[str], send: Callable[[str, Any], None]) -> str:
    """Do what a message asks and word the answer."""
    number: Any = None
    try:
        asked = orjson.loads(text)
        number, method, named = asked.get("id"), asked.get("method"), asked.get("params", [])
        if method == "LIST_SUBSCRIPTIONS":
            return as_text({"result": names, "id": number})
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE") or not isinstance(named, list):
            raise BinanceError(2, "Invalid request: unknown method")
        for name in map(str, named):
            if method == "UNSUBSCRIBE":
                streams.unsubscribe(name, send)
                names[:] = [each for each in names if each != name]
            elif name not in names:
                if len(names) >= _MOST_STREAMS:
                    raise BinanceError(2, f"Invalid request: more than {_MOST_STREAMS} streams")
                streams.subscribe(name, send)
                names.append(name)
        return as_text({"result": None, "id": number})
    except BinanceError as error:
        return as_text({"error": {"code": error.code, "msg": error.message}, "id": number})
    except (ValueError, AttributeError):
        return as_text({"error": {"code": 3, "msg": "Invalid JSON"}, "id": None})


class RequestDoor:
    """The request API of one venue: signed calls, and events of the account that subscribed."""

    def __init__(self, venue: BinanceVenue, faults: FaultPlan, calls: Mapping[str, Call]) -> None:
        self._venue = venue
        self._faults = faults
        self._calls = calls

    async def handle(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        outbox = Outbox(socket, self._faults)
        listening: dict[int, Callable[[], None]] = {}
        sending = asyncio.create_task(outbox.run(lambda: None))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._serve(message.data, request.remote or "", outbox, listening)
                if outbox.closed:
                    break
        finally:
            for stop in listening.values():
                stop()
            outbox.close()
            await sending
        return socket

    async def _serve(
        self, text: str, address: str, outbox: Outbox, listening: dict[int, Callable[[], None]]
    ) -> None:
        number: Any = None
        try:
            asked = orjson.loads(text)
            number, method = asked.get("id"), str(asked.get("method", ""))
            params = {name: _text(value) for name, value in (asked.get("params") or {}).items()}
        except (ValueError, AttributeError):
            outbox.say(as_text(self._refused(number, BinanceError(-1135, "Invalid JSON Request"))))
            return
        call = self._calls.get(method)
        operation = call[1] if call is not None else Operation.STREAM
        met = self._faults.request(operation, "WS", method)
        for when in When:
            for fault in (each for each in met if each.when is when):
                if fault.kind is FaultKind.DELAY:
                    await self._faults.rest(fault.seconds)
                elif fault.kind in (FaultKind.DROP, FaultKind.RESET):
                    outbox.close()
                    return
                else:
                    outbox.say(as_text(self._refused(number, trouble(fault))))
                    return
            if when is When.BEFORE:
                said = self._said(number, method, params, call, address, outbox, listening)
        outbox.say(as_text(said))

    def _said(
        self,
        number: Any,
        method: str,
        params: dict[str, str],
        call: Call | None,
        address: str,
        outbox: Outbox,
        listening: dict[int, Callable[[], None]],
    ) -> dict[str, Any]:
        venue = self._venue
        try:
            now = venue.clock.now()
            ask = Ask(params, venue, millis(now))
            used = venue.limits.request(address, call[3] if call is not None else 2, now)
            if method == _SUBSCRIBE:
                result: Any = self._subscribe(ask, outbox, listening)
            elif method == _UNSUBSCRIBE:
                result = {}
                for stop in listening.values():
                    stop()
                listening.clear()
            elif call is None:
                raise BinanceError(-1130, f"Unknown method {method!r}.")
            else:
                respond, operation, security, _ = call
                if security:
                    self._authorise(ask, security)
                if operation is Operation.PLACE:
                    venue.limits.order(ask.account, now)
                result = respond(ask)
        except BinanceError as error:
            return self._refused(number, error)
        except Rejection as error:
            return self._refused(number, as_error(error))
        return {"id": number, "status": 200, "result": result, "rateLimits": self._limits(used)}

    def _subscribe(
        self, ask: Ask, outbox: Outbox, listening: dict[int, Callable[[], None]]
    ) -> dict[str, Any]:
        self._authorise(ask, Security.SIGNED)
        number = len(listening)

        def send(event: dict[str, Any]) -> None:
            text = as_text({"subscriptionId": number, "event": event})
            outbox.event(text, text)

        listening[number] = listen(self._venue, ask.account, send)
        return {"subscriptionId": number}

    def _authorise(self, ask: Ask, security: Security) -> None:
        """Signed here are the parameters in order of name, the key among them."""
        signed = "&".join(
            f"{name}={quote(value, safe='')}"
            for name, value in sorted(ask.params.items())
            if name != "signature"
        )
        plain = "&".join(
            f"{name}={value}" for name, value in sorted(ask.params.items()) if name != "signature"
        )
        self._venue.authorise(ask, ask.params.get("apiKey", ""), security, plain, signed)

    def _limits(self, used: int) -> list[dict[str, Any]]:
        return [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": self._venue.limits.weight,
                "count": used,
            }
        ]

    def _refused(self, number: Any, error: BinanceError) -> dict[str, Any]:
        said: dict[str, Any] = {"code": error.code, "msg": error.message}
        if error.data is not None:
            said["data"] = error.data
        return {"id": number, "status": error.status, "error": said}


def _text(value: Any) -> str:
    """A parameter as it is signed: JSON numbers and booleans without quotes."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
