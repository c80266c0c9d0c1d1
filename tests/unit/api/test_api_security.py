"""Nobody without the token, no page of another site, nothing sent in the clear to a log or a frame."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from api.application import create_app
from api.security import MAX_BODY, TokenAuth, host_name
from tests.e2e.demo_desk import DemoDesk
from tests.unit.api.conftest import BASE, TOKEN

GUARDED = (
    "/api/v1/version", "/api/v1/status", "/api/v1/positions", "/api/v1/orders", "/api/v1/decisions",
    "/api/v1/decision/demo-000001", "/api/v1/agents", "/api/v1/graph", "/api/v1/equity",
    "/api/v1/candles?symbol=BTC/USDT", "/api/v1/openapi.json", "/api/v1/docs", "/api/v1/nothing",
)  # fmt: skip


@pytest.mark.parametrize("path", GUARDED)
async def test_every_read_but_health_wants_the_token(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert set(answer.json()) == {"error", "fix"}


async def test_the_guard_covers_every_route_there_is(app: FastAPI, stranger: httpx.AsyncClient) -> None:
    open_reads = set()
    for path, methods in app.openapi()["paths"].items():
        for method in methods:
            origin = {"origin": BASE} if method in ("post", "delete") else {}
            answer = await stranger.request(method, path.replace("{cycle_id}", "x"), headers=origin)
            if answer.status_code != 401:
                open_reads.add((method, path))
    assert open_reads == {("get", "/api/v1/health")}


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN],
)
async def test_a_wrong_token_is_refused(stranger: httpx.AsyncClient, value: str) -> None:
    answer = await stranger.get("/api/v1/status", headers={"authorization": value})
    assert answer.status_code == 401


async def test_a_token_that_is_no_text_is_refused_and_not_an_error(stranger: httpx.AsyncClient) -> None:
    headers = [(b"authorization", b"Bearer \xff\xfe"), (b"cookie", b"desk-x=\xff; ;;=")]
    assert (await stranger.get("/api/v1/status", headers=headers)).status_code == 401


@pytest.mark.parametrize("path", ["/api/v1/halt", "/api/v1/resume", "/api/v1/limits", "/api/v1/chat"])
async def test_nobody_without_the_token_can_act(
    stranger: httpx.AsyncClient, desk: DemoDesk, path: str
) -> None:
    answer = await stranger.post(path, json={"action": "stop", "text": "stop"}, headers={"origin": BASE})
    assert answer.status_code == 401
    assert (desk.halts, desk.said) == ([], [])


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8420",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "",
        "[::1",
        "192.168.0.9",
    ],
)
async def test_a_rebound_host_name_is_refused_even_with_the_token(
    client: httpx.AsyncClient, host: str
) -> None:
    for path in ("/api/v1/status", "/api/v1/health", "/", "/assets/js/main.js"):
        answer = await client.get(path, headers={"host": host})
        assert answer.status_code == 403, path


@pytest.mark.parametrize("host", ["127.0.0.1:8420", "localhost:8420", "LOCALHOST", "[::1]:8420", "127.0.0.1"])
async def test_loopback_names_are_served(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/api/v1/status", headers={"host": host})).status_code == 200


async def test_a_configured_host_name_is_served_too() -> None:
    app = create_app(DemoDesk(), TOKEN, hosts=["Desk.lan"])
    headers = {"authorization": f"Bearer {TOKEN}", "host": "desk.lan:8420"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        assert (await client.get("/api/v1/status", headers=headers)).status_code == 200


async def test_the_dashboard_address_sets_a_strict_cookie_and_drops_the_token(
    stranger: httpx.AsyncClient,
) -> None:
    answer = await stranger.get("/", params={"token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert TOKEN not in cookie
    assert (await stranger.get("/")).status_code == 200
    assert (await stranger.get("/api/v1/status")).status_code == 200


async def test_a_wrong_token_in_the_address_sets_no_cookie(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/", params={"token": "wrong"})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "wants its token" in answer.text


async def test_the_token_in_the_address_opens_the_page_and_nothing_else(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/api/v1/status", params={"token": TOKEN})).status_code == 401


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "", None])
async def test_with_the_cookie_only_the_dashboard_itself_can_act(
    stranger: httpx.AsyncClient, desk: DemoDesk, origin: str | None
) -> None:
    await stranger.get("/", params={"token": TOKEN})
    headers = {} if origin is None else {"origin": origin}
    answer = await stranger.post("/api/v1/halt", json={"action": "stop"}, headers=headers)
    assert answer.status_code == 403
    assert desk.halts == []


async def test_the_dashboard_can_act_from_its_own_origin(stranger: httpx.AsyncClient, desk: DemoDesk) -> None:
    await stranger.get("/", params={"token": TOKEN})
    answer = await stranger.post("/api/v1/halt", json={"action": "stop"}, headers={"origin": BASE})
    assert answer.status_code == 200
    assert desk.halts == [("stop", "asked for by the operator", "dashboard")]


async def test_a_foreign_origin_is_refused_even_with_the_bearer_token(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/api/v1/halt", json={"action": "stop"}, headers={"origin": "http://evil.example"}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "path", ["/", "/assets/js/main.js", "/api/v1/health", "/api/v1/status", "/api/v1/docs", "/api/v1/no"]
)
async def test_every_answer_carries_the_security_headers(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == ("no-cache" if path.startswith("/assets/") else "no-store")


async def test_a_large_body_is_refused_by_its_length(client: httpx.AsyncClient, desk: DemoDesk) -> None:
    answer = await client.post("/api/v1/chat", content=b"x" * (MAX_BODY + 1))
    assert answer.status_code == 413
    assert desk.said == []


async def test_a_body_without_a_length_is_cut_off(client: httpx.AsyncClient, desk: DemoDesk) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"[" * 4096

    answer = await client.post("/api/v1/chat", content=endless())
    assert answer.status_code in (400, 413, 422)
    assert desk.said == []


def test_a_short_token_is_no_token() -> None:
    with pytest.raises(ValueError, match="16 characters"):
        TokenAuth("short")


def test_two_desks_on_one_machine_have_two_cookies() -> None:
    first, second = TokenAuth("a" * 20), TokenAuth("b" * 20)
    assert first.cookie_name != second.cookie_name
    assert first.cookie_value != second.cookie_value


@given(st.text(max_size=60))
def test_any_text_as_host_is_judged_and_never_an_error(text: str) -> None:
    assert isinstance(host_name(text), str)


@given(st.text(max_size=60))
def test_only_the_token_is_the_token(text: str) -> None:
    assert TokenAuth(TOKEN).is_token(text) == (text == TOKEN)
