"""The API on a real socket: the stream, the guard at its door, the port, and how it ends."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api import stream
from api.application import create_app
from api.hub import EventHub
from api.security import TokenAuth
from api.server import Address, listen, serve
from domain.errors import AlreadyRunning, ConfigError
from tests.e2e.demo_desk import DemoDesk
from tests.unit.api.conftest import TOKEN
from tests.unit.api.test_api_hub import notice

BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[Address]:
    async with serve(app) as where:
        yield where


def follow(address: Address, query: str = "", **options: Any) -> connect:
    options.setdefault("additional_headers", BEARER)
    return connect(f"ws://127.0.0.1:{address.port}/api/v1/events{query}", proxy=None, **options)


async def hear(socket: ClientConnection) -> dict[str, Any]:
    told: dict[str, Any] = orjson.loads(await asyncio.wait_for(socket.recv(), 5))
    return told


async def read_to_the_end(socket: ClientConnection) -> None:
    while True:
        await hear(socket)


async def test_a_late_page_is_greeted_and_sees_what_was(address: Address, desk: DemoDesk) -> None:
    await desk.warm(2)
    async with follow(address) as page:
        hello = await hear(page)
        events = (await hear(page))["events"]
    assert hello["type"] == "hello"
    assert hello["seq"] == events[-1]["seq"] == len(events)
    kinds = [event["kind"] for event in events]
    assert kinds.count("cycle_recorded") == 2
    first = [kind for kind in kinds if kind.startswith("node")][:2]
    assert first == ["node_started", "node_finished"]


async def test_events_arrive_as_they_happen(address: Address, desk: DemoDesk) -> None:
    async with follow(address) as page:
        await hear(page)
        desk.emit(notice("now"))
        told = await hear(page)
    assert [event["data"]["message"] for event in told["events"]] == ["now"]


async def test_a_page_that_comes_back_gets_only_what_it_missed(address: Address, desk: DemoDesk) -> None:
    await desk.warm(1)
    async with follow(address) as page:
        hello = await hear(page)
    desk.emit(notice("while away"))
    async with follow(address, f"?stream={hello['stream']}&after={hello['seq']}") as page:
        await hear(page)
        told = await hear(page)
    assert [event["seq"] for event in told["events"]] == [hello["seq"] + 1]


async def test_silence_is_filled_with_a_beat() -> None:
    slim = FastAPI()
    slim.include_router(stream.router(EventHub(), "1", beat=0.05))
    slim.state.hub, slim.state.unsubscribe = EventHub(), lambda: None
    async with serve(slim) as where, follow(where) as page:
        assert (await hear(page))["type"] == "hello"
        beat = await hear(page)
    assert beat["type"] == "beat"
    assert beat["quiet_seconds"] >= 0


async def test_what_a_page_says_is_ignored(address: Address, desk: DemoDesk) -> None:
    async with follow(address) as page:
        await hear(page)
        await page.send("x" * 1000)
        await page.send(b"\x00\xff")
        desk.emit(notice("still here"))
        assert (await hear(page))["type"] == "events"


async def test_a_reader_that_takes_nothing_is_dropped_and_delays_nobody() -> None:
    hub = EventHub(ring=400)
    slim = FastAPI()
    slim.include_router(stream.router(hub, "1", pace=0.0, send_limit=0.3))
    slim.state.hub, slim.state.unsubscribe = hub, lambda: None
    bulk = notice("x" * 30_000)
    async with serve(slim) as where:
        reader, writer = await asyncio.open_connection("127.0.0.1", where.port, limit=2**10)
        ask = (
            f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{where.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n"
        )
        writer.write(ask.encode())
        await reader.readline()
        async with follow(where, max_size=None) as quick:
            await hear(quick)
            assert hub.followers == 2
            heard = 0
            async with asyncio.timeout(20):
                while hub.followers == 2:
                    began = time.perf_counter()
                    for _ in range(40):
                        hub.publish(bulk)
                    assert time.perf_counter() - began < 0.5
                    heard += len((await hear(quick)).get("events", ()))
            assert heard > 40
        writer.close()


async def test_the_stream_wants_the_token(address: Address) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        with pytest.raises(InvalidStatus):
            async with follow(address, additional_headers=headers):
                pass
    with pytest.raises(InvalidStatus):
        async with follow(address, f"?token={TOKEN}", additional_headers={}):
            pass


@pytest.mark.parametrize("origin", ["http://evil.example", "null", None])
async def test_a_page_of_another_site_cannot_listen_with_our_cookie(
    address: Address, origin: str | None
) -> None:
    auth = TokenAuth(TOKEN)
    headers = {"Cookie": f"{auth.cookie_name}={auth.cookie_value}"}
    with pytest.raises(InvalidStatus):
        async with follow(address, additional_headers=headers, origin=origin):
            pass


async def test_the_dashboard_listens_with_its_cookie(address: Address) -> None:
    auth = TokenAuth(TOKEN)
    headers = {"Cookie": f"{auth.cookie_name}={auth.cookie_value}"}
    async with follow(address, additional_headers=headers, origin=address.url) as page:
        assert (await hear(page))["type"] == "hello"


async def test_a_rebound_name_cannot_listen(address: Address) -> None:
    headers = [("Host", "evil.example"), ("Authorization", f"Bearer {TOKEN}")]
    with pytest.raises(InvalidStatus):
        async with connect(
            f"ws://evil.example:{address.port}/api/v1/events",
            host="127.0.0.1",
            port=address.port,
            proxy=None,
            additional_headers=headers[1:],
        ):
            pass


async def test_stopping_with_open_streams_takes_less_than_two_seconds(desk: DemoDesk) -> None:
    app = create_app(desk, TOKEN)
    context = serve(app)
    where = await context.__aenter__()
    pages = [await follow(where) for _ in range(3)]
    keep = httpx.AsyncClient(trust_env=False)
    await keep.get(f"{where.url}/api/v1/health")
    began = time.perf_counter()
    await context.__aexit__(None, None, None)
    assert time.perf_counter() - began < 2.0
    for page in pages:
        with pytest.raises(ConnectionClosed):
            await read_to_the_end(page)
    assert desk.sinks == []
    with socket.socket() as again:
        assert again.connect_ex(("127.0.0.1", where.port)) != 0
    await keep.aclose()


async def test_a_port_in_use_is_one_line_with_the_fix(address: Address, desk: DemoDesk) -> None:
    with pytest.raises(AlreadyRunning) as caught:
        async with serve(create_app(desk, TOKEN), port=address.port):
            pass
    assert str(address.port) in caught.value.message
    assert "--port" in caught.value.fix
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "fix"),
    [(errno.EACCES, "Choose one above 1023"), (errno.EADDRNOTAVAIL, "Set api.host to 127.0.0.1")],
)
def test_an_address_that_cannot_be_had_is_a_config_error_with_the_fix(
    monkeypatch: pytest.MonkeyPatch, number: int, fix: str
) -> None:
    def refuse(_self: socket.socket, _where: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(ConfigError, match="443") as caught:
        listen("127.0.0.1", 443)
    assert caught.value.fix == fix


def test_a_host_name_that_does_not_exist_is_a_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_where: object, **_more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(ConfigError, match=r"nowhere\.example"):
        listen("nowhere.example", 8420)


async def test_it_listens_on_loopback_only(address: Address) -> None:
    assert address.host == "127.0.0.1"
    assert address.url == f"http://127.0.0.1:{address.port}"


def test_the_dashboard_address_carries_the_token_safely() -> None:
    assert Address("::1", 8420).dashboard("a&b=c") == "http://[::1]:8420/?token=a%26b%3Dc"


async def test_the_loop_stays_free_while_serving(address: Address) -> None:
    async with httpx.AsyncClient(trust_env=False, headers=BEARER) as client:
        answers = await asyncio.gather(*(client.get(f"{address.url}/api/v1/status") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
