"""One WebSocket connection to MEXC: JSON comes in, protobuf goes out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from aiohttp import WSMsgType, web

from domain.clock import Clock
from domain.money import Symbol
from simulator.exchange.events import AccountEvent, MarketEvent, Traded
from simulator.exchange.exchange import SimulatedExchange
from simulator.wire import mexc_words as words
from simulator.wire.faults import FaultPlan, Operation
from simulator.wire.figures import millis
from simulator.wire.mexc_errors import MexcRefusal
from simulator.wire.mexc_feeds import INTERVALS, DealsFeed, DepthFeed, Feed, KlineFeed, TouchFeed
from simulator.wire.mexc_http import MexcHttp
from simulator.wire.mexc_protobuf import encode
from simulator.wire.mexc_user import CHANNELS, pushes
from simulator.wire.outbox import Outbox

_AGGREGATED: Final[dict[str, Callable[[SimulatedExchange, Clock, Symbol, str], Feed]]] = {
    "public.aggre.deals.v3.api.pb": DealsFeed,
    "public.aggre.bookTicker.v3.api.pb": TouchFeed,
    "public.aggre.depth.v3.api.pb": DepthFeed,
}
_KLINE: Final = "public.kline.v3.api.pb"
_SPEEDS: Final = ("10ms", "100ms")
_MOST_STREAMS: Final = 30


class MexcConnection:
    """What one client listens to. `account` is whose listen key opened it, or None."""

    def __init__(self, api: MexcHttp, faults: FaultPlan, outbox: Outbox, account: str | None) -> None:
        self._api = api
        self._faults = faults
        self._outbox = outbox
        self._account = account
        self._feeds: dict[str, Feed] = {}
        self._private: set[str] = set()
        self._ends = [api.exchange.listen_market(self._on_market)]
        if account is not None:
            self._ends.append(api.exchange.listen(account, self._on_account))

    def close(self) -> None:
        while self._ends:
            self._ends.pop()()

    # what comes in --------------------------------------------------------------------------------------

    def take(self, text: str) -> None:
        """Answer one message."""
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            message = None
        method = str(message.get("method", "")).upper() if isinstance(message, dict) else ""
        if method == "PING":
            self._say("PONG")
        elif method in ("SUBSCRIPTION", "UNSUBSCRIPTION") and isinstance(message.get("params"), list):
            names = [str(each) for each in message["params"]]
            good = [each for each in names if self._change(each, begin=method == "SUBSCRIPTION")]
            bad = [each for each in names if each not in good]
            if good:
                self._say(",".join(good))
            if bad:
                self._say(f"Not Subscribed successfully! [{','.join(bad)}].  Reason： Blocked! ")
        else:
            self._say("msg format invalid")

    def _change(self, name: str, *, begin: bool) -> bool:
        """Begin or end a stream; False for one that cannot be had."""
        if name in CHANNELS:
            if self._account is None:
                return False
            (self._private.add if begin else self._private.discard)(name)
            return True
        if not begin:
            return self._feeds.pop(name, None) is not None
        feed = self._made(name)
        if feed is None or len(self._feeds) >= _MOST_STREAMS:
            return False
        self._feeds[name] = feed
        return True

    def _made(self, name: str) -> Feed | None:
        spot, _, rest = name.partition("@")
        kind, *parts = rest.split("@")
        exchange, clock = self._api.exchange, self._api.clock
        if spot != "spot" or len(parts) != 2:
            return None
        if kind == _KLINE:
            symbol = self._symbol(parts[0])
            if symbol is None or parts[1] not in INTERVALS:
                return None
            return KlineFeed(exchange, clock, symbol, f"spot@{kind}", parts[1])
        symbol = self._symbol(parts[1])
        if kind not in _AGGREGATED or parts[0] not in _SPEEDS or symbol is None:
            return None
        return _AGGREGATED[kind](exchange, clock, symbol, f"spot@{kind}@{parts[0]}")

    def _symbol(self, name: str) -> Symbol | None:
        try:
            return self._api.market.symbol(name)
        except MexcRefusal:
            return None

    # what goes out --------------------------------------------------------------------------------------

    def _on_market(self, event: MarketEvent) -> None:
        for name, feed in self._feeds.items():
            if self._faults.stale(Operation.STREAM, "", name):
                continue
            if isinstance(event, Traded):
                if event.trade.symbol == feed.symbol:
                    feed.trade(event.trade)
                continue
            for kind, body in feed.pulse():
                self._outbox.say(self._encoded(name, kind, body, words.ticker_symbol(feed.symbol)))

    def _on_account(self, event: AccountEvent) -> None:
        for name, symbol, kind, body in pushes(event):
            if name in self._private:
                text = orjson.dumps({"channel": name, "symbol": symbol, kind: body}).decode()
                self._outbox.event(self._encoded(name, kind, body, symbol), text)

    def _encoded(self, name: str, kind: str, body: dict[str, Any], symbol: str) -> bytes:
        return encode(name, kind, body, symbol=symbol, at=millis(self._api.clock.now()))

    def _say(self, text: str) -> None:
        self._outbox.say(orjson.dumps({"id": 0, "code": 0, "msg": text}).decode())


def stream(api: MexcHttp, faults: FaultPlan) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler of the WebSocket path; a listen key in the query makes it a user stream."""

    async def handle(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        key = request.query.get("listenKey")
        account = api.listen_keys.account(key) if key else None
        if key and account is None:
            await socket.send_str("Invalid listen key")
            await socket.close()
            return socket
        outbox = Outbox(socket, faults)
        connection = MexcConnection(api, faults, outbox, account)
        writer = asyncio.create_task(outbox.run(connection.close))
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    break
                connection.take(message.data)
        finally:
            outbox.close()
            await writer
        return socket

    return handle
