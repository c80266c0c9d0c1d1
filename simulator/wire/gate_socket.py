"""One WebSocket connection to Gate: subscriptions, calls, and what is pushed over it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson
from aiohttp import WSMsgType, web

from domain.clock import Clock
from domain.money import Symbol
from simulator.exchange.events import AccountEvent, MarketEvent, Traded
from simulator.exchange.exchange import SimulatedExchange
from simulator.wire.faults import FaultPlan, Operation
from simulator.wire.figures import millis
from simulator.wire.gate_calls import GateCalls
from simulator.wire.gate_errors import GateRefusal, refuse
from simulator.wire.gate_feeds import (
    BookFeed,
    CandleFeed,
    Feed,
    TickerFeed,
    TopFeed,
    TouchFeed,
    TradesFeed,
)
from simulator.wire.gate_http import GateHttp
from simulator.wire.gate_market import INTERVALS
from simulator.wire.gate_signing import channel_signature, fresh, same
from simulator.wire.gate_user import ALL, CHANNELS, pushes
from simulator.wire.outbox import Outbox

_PLAIN: Final[dict[str, Callable[[SimulatedExchange, Clock, Symbol], Feed]]] = {
    "spot.trades": TradesFeed,
    "spot.tickers": TickerFeed,
    "spot.book_ticker": TouchFeed,
}
_BOOKS: Final = {"50": 50, "400": 400}
_TOPS: Final = ("5", "10", "20", "50", "100")
_BAD_BODY, _BAD_ARGUMENT, _NOT_AUTHENTIC = 1, 2, 4
Key = tuple[str, str]


class _Unusable(Exception):
    """A subscription that cannot be had: Gate's error code and words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class GateConnection:
    """What one client listens to. Made when it connects; `close` lets go of everything."""

    def __init__(self, api: GateHttp, faults: FaultPlan, outbox: Outbox) -> None:
        self._api = api
        self._faults = faults
        self._outbox = outbox
        self._calls = GateCalls(api, faults, self.send)
        self._feeds: dict[Key, Feed] = {}
        self._private: dict[tuple[str, str], set[str]] = {}
        self._ends: dict[str, Callable[[], None]] = {}
        self._stop_market = api.exchange.listen_market(self._on_market)

    def close(self) -> None:
        self._stop_market()
        for end in self._ends.values():
            end()
        self._ends.clear()

    # what comes in --------------------------------------------------------------------------------------

    async def take(self, text: str) -> bool:
        """Answer one message; False ends the connection."""
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("channel"), str):
            self._answer({}, error=(_BAD_BODY, "Invalid request body format"))
            return True
        if message["channel"] == "spot.ping":
            self.send({**self._stamp(), "channel": "spot.pong", "event": "", "error": None, "result": None})
        elif message.get("event") == "api":
            return await self._calls.take(message, text)
        else:
            self._subscription(message)
        return True

    def _subscription(self, message: Mapping[str, Any]) -> None:
        event = message.get("event")
        if event not in ("subscribe", "unsubscribe"):
            self._answer(message, error=(_BAD_ARGUMENT, f"unknown event {event}"))
            return
        try:
            first = self._private_change(message) if message["channel"] in CHANNELS else self._change(message)
        except _Unusable as error:
            self._answer(message, error=(error.code, error.message))
            return
        self._answer(message)
        for channel, row in first:
            self._push(channel, row)

    def _change(self, message: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """Begin or end public feeds; the answer is what they have to say at once."""
        channel = message["channel"]
        made = self._made(channel, message.get("payload"))
        if message["event"] == "unsubscribe":
            for name, _ in made:
                self._feeds.pop((channel, name), None)
            return []
        found: list[tuple[str, Any]] = []
        for name, feed in made:
            self._feeds[channel, name] = feed
            found += [(channel, row) for row in feed.first()]
        return found

    def _made(self, channel: str, payload: Any) -> list[tuple[str, Feed]]:
        if not isinstance(payload, list) or not payload or not all(isinstance(each, str) for each in payload):
            raise _Unusable(_BAD_ARGUMENT, "payload must be a list of texts")
        exchange, clock = self._api.exchange, self._api.clock
        if channel in _PLAIN:
            return [(each, _PLAIN[channel](exchange, clock, self._symbol(each))) for each in payload]
        if channel == "spot.obu":
            return [self._obu(each) for each in payload]
        if channel == "spot.order_book_update" and len(payload) == 2:
            self._one_of(payload[1], ("100ms", "20ms"))
            return [
                (
                    payload[0],
                    BookFeed(exchange, clock, self._symbol(payload[0]), 100, payload[0], full=False),
                )
            ]
        if channel == "spot.order_book" and len(payload) == 3:
            self._one_of(payload[1], _TOPS)
            self._one_of(payload[2], ("100ms", "1000ms"))
            return [(":".join(payload), TopFeed(exchange, clock, self._symbol(payload[0]), int(payload[1])))]
        if channel == "spot.candlesticks" and len(payload) == 2:
            self._one_of(payload[0], tuple(INTERVALS))
            feed = CandleFeed(exchange, clock, self._symbol(payload[1]), INTERVALS[payload[0]], payload[0])
            return [(":".join(payload), feed)]
        raise _Unusable(_BAD_ARGUMENT, f"unknown channel {channel} or payload {payload}")

    def _obu(self, name: str) -> tuple[str, Feed]:
        kind, _, rest = name.partition(".")
        pair, _, levels = rest.partition(".")
        if kind != "ob" or levels not in _BOOKS:
            raise _Unusable(_BAD_ARGUMENT, f"invalid stream {name}")
        feed = BookFeed(
            self._api.exchange, self._api.clock, self._symbol(pair), _BOOKS[levels], name, full=True
        )
        return name, feed

    def _symbol(self, pair: str) -> Symbol:
        try:
            return self._api.market.symbol(pair)
        except GateRefusal as error:
            raise _Unusable(_BAD_ARGUMENT, f"unknown currency pair: {pair}") from error

    @staticmethod
    def _one_of(value: str, allowed: Iterable[str]) -> None:
        if value not in allowed:
            raise _Unusable(_BAD_ARGUMENT, f"invalid argument: {value}")

    # private channels -----------------------------------------------------------------------------------

    def _private_change(self, message: Mapping[str, Any]) -> list[tuple[str, Any]]:
        account, channel = self._who(message), message["channel"]
        payload = message.get("payload") or [ALL]
        names = {each if each == ALL else self._symbol(str(each)) for each in payload}
        wanted = self._private.setdefault((account, channel), set())
        if message["event"] == "subscribe":
            wanted |= names
        else:
            wanted -= names
        if account not in self._ends:
            self._ends[account] = self._api.exchange.listen(
                account, lambda event: self._on_account(account, event)
            )
        return []

    def _who(self, message: Mapping[str, Any]) -> str:
        """The account that signed a subscription; _Unusable otherwise."""
        auth, time = message.get("auth"), message.get("time")
        if not isinstance(auth, dict) or auth.get("method") != "api_key":
            raise _Unusable(_NOT_AUTHENTIC, "authentication is required")
        if not fresh(str(time), self._api.clock.now().timestamp()):
            raise self._not_authentic(refuse("REQUEST_EXPIRED"))
        known = self._api.exchange.key(str(auth.get("KEY", "")))
        if known is None:
            raise self._not_authentic(refuse("INVALID_KEY"))
        expected = channel_signature(known[1].secret, message["channel"], message["event"], str(time))
        if not same(str(auth.get("SIGN", "")), expected):
            raise self._not_authentic(refuse("INVALID_SIGNATURE"))
        return known[0]

    @staticmethod
    def _not_authentic(error: GateRefusal) -> _Unusable:
        return _Unusable(_NOT_AUTHENTIC, orjson.dumps(error.body()).decode())

    # what goes out --------------------------------------------------------------------------------------

    def _on_market(self, event: MarketEvent) -> None:
        for (channel, _), feed in self._feeds.items():
            if self._faults.stale(Operation.STREAM, "", channel):
                continue
            if isinstance(event, Traded):
                rows = feed.trade(event.trade) if event.trade.symbol == feed.symbol else ()
            else:
                rows = feed.pulse()
            for row in rows:
                self._push(channel, row)

    def _on_account(self, account: str, event: AccountEvent) -> None:
        for channel, symbol, rows in pushes(event, self._api.orders, self._api.clock.now()):
            wanted = self._private.get((account, channel), ())
            if ALL in wanted or symbol in wanted:
                text = orjson.dumps(self._update(channel, rows)).decode()
                self._outbox.event(text, text)

    def _push(self, channel: str, row: Any) -> None:
        self.send(self._update(channel, row))

    def _update(self, channel: str, row: Any) -> dict[str, Any]:
        return {**self._stamp(), "channel": channel, "event": "update", "result": row}

    def _answer(self, message: Mapping[str, Any], error: tuple[int, str] | None = None) -> None:
        answer: dict[str, Any] = {
            **self._stamp(),
            "id": message.get("id"),
            "channel": message.get("channel"),
            "event": message.get("event"),
            "payload": message.get("payload"),
            "result": {"status": "success" if error is None else "fail"},
        }
        if error is not None:
            answer["error"] = {"code": error[0], "message": error[1]}
        self.send(answer)

    def _stamp(self) -> dict[str, int]:
        now = millis(self._api.clock.now())
        return {"time": now // 1000, "time_ms": now}

    def send(self, message: Mapping[str, Any]) -> None:
        self._outbox.say(orjson.dumps(message).decode())


def stream(api: GateHttp, faults: FaultPlan) -> Callable[[web.Request], Any]:
    """The handler of the WebSocket path."""

    async def handle(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        outbox = Outbox(socket, faults)
        connection = GateConnection(api, faults, outbox)
        writer = asyncio.create_task(outbox.run(connection.close))
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT or not await connection.take(message.data):
                    break
        finally:
            outbox.close()
            await writer
        return socket

    return handle
