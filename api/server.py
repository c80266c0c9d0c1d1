"""Runs the API inside the desk's own event loop. Signals stay with the caller."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI

from domain.errors import AlreadyRunning, ConfigError, DeskError

DEFAULT_HOST = "127.0.0.1"
STOP_SECONDS = 1.5


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def dashboard(self, token: str) -> str:
        """The address to open once; it sets the cookie and takes the token out of the address bar."""
        return f"{self.url}/?token={quote(token, safe='')}"


def listen(host: str, port: int) -> socket.socket:
    """A bound, listening socket. Raises AlreadyRunning or ConfigError, naming the port and the fix."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigError(
            f"the API cannot listen on {host!r}: {error.strerror or error}", fix="Set api.host to 127.0.0.1"
        ) from error
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
        bound.listen(128)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise _explained(error, host, port) from error
    return bound


def _explained(error: OSError, host: str, port: int) -> DeskError:
    if error.errno == errno.EADDRINUSE:
        return AlreadyRunning(
            f"port {port} on {host} is in use by another program",
            fix="Choose another with --port, or --port 0 for any free one",
        )
    if error.errno == errno.EACCES:
        return ConfigError(f"port {port} may not be opened by this user", fix="Choose one above 1023")
    return ConfigError(
        f"the API cannot listen on {host} port {port}: {error.strerror or error}",
        fix="Set api.host to 127.0.0.1",
    )


@contextlib.asynccontextmanager
async def serve(app: FastAPI, host: str = DEFAULT_HOST, port: int = 0) -> AsyncIterator[Address]:
    """Serve while the block runs; yields the address, with the true port when 0 was asked for.

    On leaving, open WebSockets are closed and the server is gone within two seconds.
    """
    bound = listen(host, port)
    address = Address(host, bound.getsockname()[1])
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="websockets-sansio",
        ws_max_size=64 * 1024,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[bound]))
    ready = asyncio.create_task(server.ready.wait())
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield address
    finally:
        ready.cancel()
        app.state.unsubscribe()
        app.state.hub.close()
        server.should_exit = True
        _, late = await asyncio.wait({task}, timeout=STOP_SECONDS)
        if late:
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        bound.close()
