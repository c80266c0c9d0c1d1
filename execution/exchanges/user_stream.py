"""The account's own stream: it tells which orders changed, never what is true about them.

An event may come twice, late, out of order, merged with another, or not at all. So an event only marks an
order as worth asking about; after every break in the stream all open orders are.
"""

from __future__ import annotations

import asyncio
import decimal
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from execution.exchanges.connect import STREAMED_KEPT, Connection, close, stream_client
from execution.exchanges.errors import redact

_FIRST_WAIT: Final = 0.25
_LONGEST_WAIT: Final = 30.0
_MOST_HINTS: Final = 10_000

Hint = tuple[str, str, str]
"""Symbol, the venue's order id, the venue's client id ("" when the event does not say)."""

_Reader = Callable[[Mapping[str, Any]], Hint]
_ORDERS: Final = "orders"
_TRADES: Final = "trades"


class UserStream:
    """Follows orders and executions of one account until it is closed; reconnects with growing waits.

    `changed` is set by every event and every break: whoever waits for it may poll at once. A stream counts
    as `connected` from its first event on: until then nobody knows whether it is listening.
    """

    def __init__(self, connection: Connection, client: Any) -> None:
        self.changed = asyncio.Event()
        self.events = 0
        self.breaks = 0
        self.last_error = ""
        self._connection = connection
        self._client = client
        self._hints: dict[Hint, None] = {}
        self._gap = True
        self._heard: set[str] = set()
        self._broken: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(cls, connection: Connection, milliseconds: Callable[[], int]) -> UserStream:
        """Begin to follow. A stream that cannot be had yet is tried again in the background."""
        stream = cls(connection, stream_client(connection, milliseconds))
        stream._tasks = [
            asyncio.create_task(stream._follow(_ORDERS, stream._client.watch_orders, _order_hint)),
            asyncio.create_task(stream._follow(_TRADES, stream._client.watch_my_trades, _trade_hint)),
        ]
        return stream

    @property
    def connected(self) -> bool:
        """Whether events come in, as far as anybody can tell."""
        return _ORDERS in self._heard and not self._broken

    def take_gap(self) -> bool:
        """Whether events may have been missed since this was last asked."""
        gap, self._gap = self._gap, False
        return gap or not self.connected

    def take_hints(self) -> tuple[Hint, ...]:
        """The orders that events named since this was last asked, oldest first, each once."""
        hints, self._hints = tuple(self._hints), {}
        self.changed.clear()
        return hints

    async def close(self) -> None:
        """Stop following and close the connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await close(self._client)

    async def _follow(self, name: str, watch: Callable[[], Any], hint: _Reader) -> None:
        # The connector changes the rounding and the traps of the decimal context it runs in, and a task
        # shares that context with whoever began it.
        with decimal.localcontext():
            await self._listen(name, watch, hint)

    async def _listen(self, name: str, watch: Callable[[], Any], hint: _Reader) -> None:
        wait = _FIRST_WAIT
        while True:
            try:
                events = await watch()
            except Exception as error:  # noqa: BLE001  a stream that breaks is a gap, whatever broke it
                self._broke(name, error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)
                continue
            wait = _FIRST_WAIT
            self._take(name, events, hint)

    def _take(self, name: str, events: object, hint: _Reader) -> None:
        if name not in self._heard:
            self._gap = True  # what came before this event may not have been listened to
        self._heard.add(name)
        self._broken.discard(name)
        heard = (
            [event for event in events if isinstance(event, Mapping)] if isinstance(events, Iterable) else []
        )
        self.events += len(heard)
        self._hints.update(dict.fromkeys(map(hint, heard)))
        if len(heard) >= STREAMED_KEPT:
            self._gap = True  # so many at once: the client may have dropped older ones
        if len(self._hints) > _MOST_HINTS:
            self._hints.clear()
            self._gap = True
        self.changed.set()

    def _broke(self, name: str, error: Exception) -> None:
        self._heard.discard(name)
        self._broken.add(name)
        self.breaks += 1
        self._gap = True
        self.last_error = f"{type(error).__name__} {redact(str(error), self._connection.credentials.secrets)}"
        self.changed.set()


def _order_hint(event: Mapping[str, Any]) -> Hint:
    return str(event.get("symbol")), str(event.get("id") or ""), str(event.get("clientOrderId") or "")


def _trade_hint(event: Mapping[str, Any]) -> Hint:
    return str(event.get("symbol")), str(event.get("order") or ""), ""
