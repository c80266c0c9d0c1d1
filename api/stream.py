"""The WebSocket half: what was, then what happens, then a beat so that silence can be noticed.

Messages, all JSON objects with a `type`:

hello    {stream, seq, oldest, version}      first; a new `stream` means the desk was restarted
events   {events: [{seq, kind, data}, ...]}  oldest first; `data` is the event as the journal writes it
gap      {missed}                            the reader was too slow: read the state again
beat     {seq, quiet_seconds}                sent after BEAT seconds without anything else
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated

from fastapi import APIRouter, Query, WebSocket
from starlette.websockets import WebSocketDisconnect

from api.hub import EventHub, Follower
from api.models import StreamBeat, StreamHello

BEAT = 2.0
PACE = 0.05
SEND_LIMIT = 5.0


def router(
    hub: EventHub, version: str, *, beat: float = BEAT, pace: float = PACE, send_limit: float = SEND_LIMIT
) -> APIRouter:
    """The route /api/v1/events.

    Seconds: `beat` between signs of life, `pace` between two batches, `send_limit` for one message to
    leave before the reader is dropped.
    """
    routes = APIRouter(prefix="/api/v1")

    @routes.websocket("/events")
    async def events(
        socket: WebSocket,
        stream: Annotated[str | None, Query(max_length=64)] = None,
        after: Annotated[int | None, Query(ge=0)] = None,
    ) -> None:
        await socket.accept()
        follower = hub.follow(stream=stream, after=after)
        tasks = [
            asyncio.create_task(_send(socket, hub, follower, version, beat, pace, send_limit)),
            asyncio.create_task(_listen(socket)),
            asyncio.create_task(hub.closing.wait()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            sender, listener, _ = tasks
            if listener.done():
                return
            dropped = sender.done() and isinstance(sender.exception(), TimeoutError)
            code, why = (1013, "too slow") if dropped else (1001, "the desk stops")
            with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
                await asyncio.wait_for(socket.close(code, why), 1.0)
        finally:
            hub.leave(follower)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return routes


async def _send(
    socket: WebSocket,
    hub: EventHub,
    follower: Follower,
    version: str,
    beat: float,
    pace: float,
    send_limit: float,
) -> None:
    """Send until the connection ends. Raises TimeoutError when the reader takes nothing."""

    async def tell(text: str) -> None:
        await asyncio.wait_for(socket.send_text(text), send_limit)

    hello = StreamHello(stream=hub.stream, seq=hub.seq, oldest=hub.oldest, version=version)
    await tell(hello.model_dump_json())
    while True:
        try:
            await asyncio.wait_for(follower.wake.wait(), beat)
        except TimeoutError:
            sign = StreamBeat(seq=hub.seq, quiet_seconds=round(hub.quiet_seconds(), 1))
            await tell(sign.model_dump_json())
            continue
        batch = hub.take(follower)
        if batch.missed:
            await tell(f'{{"type":"gap","missed":{batch.missed}}}')
        if batch.entries:
            body = b",".join(entry.json() for entry in batch.entries)
            await tell((b'{"type":"events","events":[' + body + b"]}").decode())
        await asyncio.sleep(pace)


async def _listen(socket: WebSocket) -> None:
    """Wait for the reader to go away; what it says is not for us."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
