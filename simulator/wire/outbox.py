"""What a stream connection still has to send, in order, with planned trouble for an account's events."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final

from aiohttp import web

from simulator.wire.faults import Fault, FaultKind, FaultPlan

_MOST_WAITING: Final = 20_000

Message = str | bytes


class Outbox:
    """A queue in front of one WebSocket. Messages are taken in at any time; `run` sends them.

    A connection that falls far behind is closed, as venues do. `closed` is called once, when the end of the
    connection is decided here.
    """

    def __init__(self, socket: web.WebSocketResponse, faults: FaultPlan) -> None:
        self._socket = socket
        self._faults = faults
        self._waiting: asyncio.Queue[Message | None] = asyncio.Queue()
        self._held: list[tuple[Message, Fault]] = []
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    def say(self, message: Message) -> None:
        """Send an answer or market data."""
        if self._closed:
            return
        self._waiting.put_nowait(message)
        if self._waiting.qsize() > _MOST_WAITING:
            self.close()

    def event(self, message: Message, text: str) -> None:
        """Send an event of an account; a fault looks for its `match` in `text`.

        One that is held back waits for the next event that the same fault would look at.
        """
        fault = None if self._faults.idle else self._faults.event(text)
        kind = fault.kind if fault is not None else None
        if kind is FaultKind.DISCONNECT:
            self.close()
        elif fault is not None and kind in (FaultKind.REORDER_EVENT, FaultKind.COALESCE_EVENT):
            self._held.append((message, fault))
        elif kind is not FaultKind.MISSING_EVENT:
            copies = 2 if kind is FaultKind.DUPLICATE_EVENT else 1
            self._release(message, text, copies)

    def _release(self, message: Message, text: str, copies: int) -> None:
        """Send a message with those that waited for it: before it, or after it when they are out of order."""
        ready = [each for each in self._held if re.search(each[1].match, text)]
        self._held = [each for each in self._held if each not in ready]
        early = [held for held, fault in ready if fault.kind is FaultKind.COALESCE_EVENT]
        late = [held for held, fault in ready if fault.kind is FaultKind.REORDER_EVENT]
        for each in (*early, *[message] * copies, *late):
            self.say(each)

    def close(self) -> None:
        """End the connection; what waits is not sent any more."""
        self._closed = True
        self._waiting.put_nowait(None)

    async def run(self, done: Callable[[], None]) -> None:
        """Send until the connection ends or is closed; `done` is called at the end."""
        try:
            while not self._closed:
                message = await self._waiting.get()
                if message is None or self._closed or self._socket.closed:
                    break
                if isinstance(message, bytes):
                    await self._socket.send_bytes(message)
                else:
                    await self._socket.send_str(message)
        except ConnectionError:
            pass  # the other side is gone: there is nobody left to send to
        finally:
            self._closed = True
            done()
        await self._socket.close()
