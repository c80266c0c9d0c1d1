"""No request of a sandbox client may reach a live host: not early, not at send time, not by a redirect."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigError
from execution.exchanges.connect import (
    STREAMED_KEPT,
    Connection,
    Credentials,
    close,
    rest_client,
    stream_client,
)
from execution.exchanges.line import Line, LineFailed
from execution.exchanges.profiles import PROFILES, profile
from execution.exchanges.url_guard import TESTNET_HOSTS, LiveApproval, UrlGuard, is_safe, leaves
from tests.contracts.wire_world import KEYS
from tests.scenarios.stage import START

LIVE = sorted(name for name, each in PROFILES.items() if each.live)
SANDBOX = sorted(name for name, each in PROFILES.items() if each.sandbox)


@pytest.mark.parametrize("host", sorted(TESTNET_HOSTS))
def test_testnets_are_safe_and_only_over_tls(host: str) -> None:
    assert is_safe(f"https://{host}/api/v3")
    assert is_safe(f"wss://{host}/ws")
    assert not is_safe(f"http://{host}/api/v3")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/api", "ws://localhost:1/x", "https://[::1]:9/", "http://127.9.9.9/"]
)
def test_loopback_is_safe(url: str) -> None:
    assert is_safe(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.binance.com/api/v3",
        "https://testnet.binance.vision.evil.example/api",
        "https://evil.example/testnet.binance.vision",
        "https://testnet.binance.vision@api.binance.com/",
        "https://api.binance.com#testnet.binance.vision",
        "https://127.0.0.1.nip.example/",
        "https://key:secret@testnet.binance.vision/",
        "ftp://127.0.0.1/",
        "https://0x7f.1.example/",
        "https://10.0.0.1/",
        "https:///api",
        "testnet.binance.vision",
        "http://[broken",
        "",
    ],
)
def test_look_alikes_and_live_hosts_are_not(url: str) -> None:
    assert not is_safe(url)


@given(st.from_regex(r"[a-z]{1,12}\.(com|io|vision|ws)", fullmatch=True))
def test_no_other_name_is_safe(host: str) -> None:
    assert is_safe(f"https://{host}/") == (host in TESTNET_HOSTS)


def test_the_whole_tree_is_walked() -> None:
    guard = UrlGuard("binance-testnet")
    deep: dict[str, Any] = {"a": {"b": [{"c": "wss://stream.binance.com/ws"}]}, "ok": "http://127.0.0.1/"}
    with pytest.raises(ConfigError, match=r"a\.b\[0\]\.c .*stream\.binance\.com"):
        guard.check_tree(deep, None)
    guard.check_tree({"ok": "http://127.0.0.1/", "none": None}, None)
    with pytest.raises(ConfigError, match="cannot be checked"):
        guard.check_tree({"odd": 7}, None)


def test_a_host_name_template_is_filled_before_it_is_checked() -> None:
    guard = UrlGuard("x")
    guard.check_tree({"rest": "http://{hostname}/api"}, "127.0.0.1")
    with pytest.raises(ConfigError, match="okx"):
        guard.check_tree({"rest": "https://{hostname}/api"}, "www.okx.com")


def test_a_live_approval_is_for_one_venue_and_its_hosts_only() -> None:
    approval = LiveApproval("mexc", "operator")
    guard = UrlGuard("mexc", approval)
    with pytest.raises(ConfigError):  # nothing is allowed before the tree was read
        guard.check("https://api.mexc.com/api/v3/order")
    guard.check_tree({"spot": "https://api.mexc.com"}, None)
    guard.check("https://api.mexc.com/api/v3/order")
    with pytest.raises(ConfigError):
        guard.check("https://api.binance.com/api/v3/order")
    with pytest.raises(ConfigError):
        guard.check("http://api.mexc.com/api/v3/order")
    with pytest.raises(ConfigError, match="for mexc, not for binance"):
        UrlGuard("binance", approval)
    with pytest.raises(ConfigError):
        LiveApproval("mexc", "")


@pytest.mark.parametrize("name", LIVE)
@pytest.mark.parametrize("make", [rest_client, stream_client], ids=["rest", "stream"])
async def test_a_live_venue_needs_an_approval(name: str, make: Any) -> None:
    with pytest.raises(ConfigError, match="live host"):
        make(Connection(profile(name), KEYS), lambda: 0)


@pytest.mark.parametrize("name", [name for name in LIVE if name != "coinbase"])
async def test_with_an_approval_a_live_client_is_built_and_connects_nowhere(name: str) -> None:
    client = stream_client(Connection(profile(name), KEYS, live=LiveApproval(name, "operator")), lambda: 0)
    assert not any(is_safe(url) for _, url in leaves(client.urls["api"]))
    await close(client)


@pytest.mark.parametrize("name", SANDBOX)
@pytest.mark.parametrize("make", [rest_client, stream_client], ids=["rest", "stream"])
async def test_every_url_of_a_testnet_client_is_a_testnet(name: str, make: Any) -> None:
    client = make(Connection(profile(name), KEYS), lambda: 0)
    found = dict(leaves(client.urls["api"]))
    assert found
    assert all(is_safe(url) for url in found.values()), found
    assert not client.urls.get("apiBackup")
    await close(client)


@pytest.mark.parametrize("name", sorted(PROFILES))
async def test_overrides_point_every_url_to_loopback(name: str) -> None:
    connection = Connection(profile(name), KEYS, "http://127.0.0.1:9", "ws://127.0.0.1:9")
    client = rest_client(connection, lambda: 0)
    found = dict(leaves(client.urls["api"]))
    assert set(found) == set(connection.profile.rest) | set(connection.profile.streams)
    assert all("//127.0.0.1:9" in url for url in found.values())
    await close(client)


@pytest.mark.parametrize("name", ["binance-testnet", "gate-testnet", "mexc"])
async def test_a_streaming_client_holds_few_messages(name: str) -> None:
    """Where the connector has no bound of its own for a venue, it reads these two."""
    connection = Connection(profile(name), KEYS, "http://127.0.0.1:9", "ws://127.0.0.1:9")
    client = stream_client(connection, lambda: 0)
    assert (client.options["ordersLimit"], client.options["tradesLimit"]) == (STREAMED_KEPT, STREAMED_KEPT)
    assert client.options["defaultType"] == "spot"
    await close(client)


async def test_an_override_takes_the_venues_own_streams_away() -> None:
    client = stream_client(Connection(profile("binance-testnet"), KEYS, "http://127.0.0.1:9"), lambda: 0)
    assert all("//127.0.0.1:9" in url for _, url in leaves(client.urls["api"]))
    await close(client)


@pytest.mark.parametrize("origin", ["127.0.0.1:9", "http://127.0.0.1:9/api", "http:/127.0.0.1"])
def test_an_override_is_an_origin(origin: str) -> None:
    with pytest.raises(ConfigError, match="origin"):
        rest_client(Connection(profile("gate-testnet"), KEYS, origin), lambda: 0)


def test_an_override_to_a_live_host_is_refused() -> None:
    with pytest.raises(ConfigError, match="live host"):
        rest_client(Connection(profile("gate-testnet"), KEYS, "https://api.gateio.ws"), lambda: 0)


async def test_at_send_time_a_changed_url_is_refused() -> None:
    client = stream_client(Connection(profile("binance-testnet"), KEYS, "http://127.0.0.1:9"), lambda: 0)
    client.urls["api"]["public"] = "https://api.binance.com/api/v3"
    with pytest.raises(ConfigError, match=r"api\.binance\.com"):
        await client.fetch_time()
    with pytest.raises(ConfigError, match="live host"):
        client.client("wss://stream.binance.com/ws")
    await close(client)


@pytest.fixture
async def redirecting() -> AsyncIterator[str]:
    async def away(_: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("http://127.0.0.1:9/elsewhere")

    application = web.Application()
    application.add_routes([web.route("*", "/{path:.*}", away)])
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_redirect_is_not_followed(redirecting: str) -> None:
    from domain.clock import SimulatedClock

    line = Line(Connection(profile("binance-testnet"), KEYS, redirecting, paced=False), SimulatedClock(START))
    with pytest.raises(LineFailed, match="redirect"):
        await line.call("fetch_time")
    await line.close()


def test_secrets_are_not_shown() -> None:
    assert "hush" not in repr(Connection(profile("mexc"), Credentials("hush-key", "hush-secret")))
