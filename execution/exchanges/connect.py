"""Unmodified ccxt clients, set up so that nothing happens behind the desk's back.

No retries, our clock, only spot markets, exact numbers as text, every URL checked before it is used.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from domain.errors import ConfigError
from execution.exchanges.pace import Bucket
from execution.exchanges.profiles import VenueProfile
from execution.exchanges.url_guard import LiveApproval, UrlGuard, leaves

STATUS: Final = "http_status"
"""The attribute of an error that says which HTTP status the answer had."""

RETRY_AFTER: Final = "retry_after"
"""The attribute of an error that says how many seconds the venue wants us to wait."""

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

STREAMED_KEPT: Final = 256
"""How many orders, and how many executions, a streaming client holds: the most that it tells at once."""

placing: Final[ContextVar[bool]] = ContextVar("placing", default=False)
"""Set while a new order is on its way: of the answer to that only the order's number is read."""

_ANSWERS: ContextVar[list[tuple[int, Mapping[str, str]]] | None] = ContextVar("answers", default=None)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key pair; neither half is ever shown."""

    key: str = field(repr=False)
    secret: str = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.key, self.secret)

    @property
    def complete(self) -> bool:
        return bool(self.key and self.secret)


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a venue. `rest_url` and `stream_url` replace the venue's own addresses, by origin.

    They are origins such as http://127.0.0.1:8099; the paths below them are the venue's. `timeout` bounds
    one request. `paced` spaces requests as the profile says, or else as the connector thinks it is wanted.
    """

    profile: VenueProfile
    credentials: Credentials
    rest_url: str | None = None
    stream_url: str | None = None
    live: LiveApproval | None = None
    timeout: timedelta = timedelta(seconds=10)
    paced: bool = True


def rest_client(connection: Connection, milliseconds: Callable[[], int]) -> Any:
    """A ccxt REST client whose numbers are text. Call it inside the event loop that will use it."""
    from ccxt import async_support

    client = _client(async_support, connection, milliseconds)
    client.number = str  # numbers stay exact: nothing of ours goes through a float
    if connection.profile.order_number:
        _read_numbers_only(client, connection.profile.order_number)
    return client


def stream_client(connection: Connection, milliseconds: Callable[[], int]) -> Any:
    """A ccxt.pro client for the account's streams."""
    from ccxt import pro

    client = _client(pro, connection, milliseconds)
    # It keeps whole messages, 1000 orders and 1000 executions if it may; nobody reads one a second time.
    client.options |= {"ordersLimit": STREAMED_KEPT, "tradesLimit": STREAMED_KEPT}
    return client


def _client(library: Any, connection: Connection, milliseconds: Callable[[], int]) -> Any:
    profile = connection.profile
    guard = UrlGuard(profile.name, connection.live)
    client = getattr(library, profile.ccxt_id)(
        {
            "apiKey": connection.credentials.key,
            "secret": connection.credentials.secret,
            "enableRateLimit": connection.paced,
            "timeout": int(connection.timeout / timedelta(milliseconds=1)),
            "timeout_on_exit": 0,
            "options": _options(profile),
        }
    )
    client.has["fetchCurrencies"] = False  # a signed call that only a wallet needs
    if profile.sandbox:
        client.set_sandbox_mode(True)
    _redirect(client, connection)
    client.milliseconds = milliseconds
    client.seconds = lambda: milliseconds() // 1000
    client.microseconds = lambda: milliseconds() * 1000
    if profile.pace is not None:
        client.throttle = Bucket(profile.pace).throttle
    if profile.ccxt_id == "mexc":
        client.fetch_swap_markets = _none  # it lists contracts whatever its options say
    if profile.ccxt_id == "binance":
        # The connector picks these words by the host's name, and a loopback host has none of them.
        client.exceptions["exact"] = {**client.exceptions["exact"], **client.exceptions["spot"]["exact"]}
    guard.check_tree(client.urls["api"], client.hostname)
    client.urls.pop("apiBackup", None)  # a way back from the testnet to the live hosts
    _guard_requests(client, guard, profile, milliseconds)
    _give_session(client, connection)
    return client


async def _none(params: object = None) -> list[Any]:
    return []


async def close(client: Any) -> None:
    """Close a client of this module, its streams and its connections."""
    session = client.session
    await client.close()
    if session is not None:
        await session.close()


def _read_numbers_only(client: Any, field: str) -> None:
    """An answer to a new order, read as far as the desk believes it: what became of it, a look-up tells.

    Reading the rest would take longer than everything the desk itself does for an order.
    """
    parse = client.parse_order

    def parse_order(order: Any, market: Any = None) -> Any:
        if not placing.get():
            return parse(order, market)
        return {"id": client.safe_string(order, field), "info": order}

    client.parse_order = parse_order


def _give_session(client: Any, connection: Connection) -> None:
    """Connections that follow no redirect: where one leads, nobody has checked."""
    import aiohttp

    async def straight(
        request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        answer = await send(request)
        if answer.status in _REDIRECTS:
            answer.close()
            raise ConfigError(
                f"{connection.profile.name} answered with a redirect, which is not followed",
                fix="Check the address of the venue",
            )
        return answer

    local = all(url.startswith(("http:", "ws:")) for _, url in leaves(client.urls["api"]))
    encrypted: ssl.SSLContext | bool = True if local else ssl.create_default_context(cafile=client.cafile)
    client.own_session = False
    client.ssl_context = encrypted
    client.session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=encrypted),
        cookie_jar=aiohttp.DummyCookieJar(),  # a venue knows us by our signature
        trust_env=False,
        middlewares=(straight,),
    )


def _options(profile: VenueProfile) -> dict[str, Any]:
    options: dict[str, Any] = {
        "maxRetriesOnFailure": 0,
        "defaultType": "spot",
        "adjustForTimeDifference": False,
        "warnOnFetchOpenOrdersWithoutSymbol": False,
        "fetchMarkets": {"types": ["spot"]},
    }
    if profile.ccxt_id == "gate":
        options["createOrder"] = {"expiration": _seconds(profile.trigger_lasts)}
    if profile.ccxt_id == "coinbase":
        # The older balances leave out what open orders hold, and the older clock is of another host.
        options["fetchBalance"] = "v3PrivateGetBrokerageAccounts"
        options["fetchTime"] = "v3PublicGetBrokerageTime"
    if profile.recv_window:
        options["recvWindow"] = int(profile.acceptance / timedelta(milliseconds=1))
    return options


def _seconds(span: timedelta | None) -> int | None:
    return None if span is None else int(span.total_seconds())


def _redirect(client: Any, connection: Connection) -> None:
    """Keep the places the desk uses, point them to the given origins, and take every other place away."""
    profile = connection.profile
    places = dict(profile.rest)
    if connection.stream_url is not None or connection.rest_url is None:
        places |= profile.streams  # never REST from one host and the account's events from another
    if profile.sandbox:
        for place, url in profile.testnet_streams.items():
            _put(client.urls["api"], place.split("."), url)
    for origin, moved in ((connection.rest_url, profile.rest), (connection.stream_url, profile.streams)):
        if origin is None:
            continue
        base = origin.rstrip("/")
        if "://" not in base or base.count("/") != 2:
            raise ConfigError(
                f"{profile.name}: {origin!r} is not an origin", fix="Write scheme://host:port with no path"
            )
        for place, path in moved.items():
            _put(client.urls["api"], place.split("."), base + path)
    client.urls["api"] = _prune(client.urls["api"], set(places))


def _put(tree: dict[str, Any], path: list[str], url: str) -> None:
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
    tree[path[-1]] = url


def _prune(tree: Mapping[str, Any], kept: set[str], path: str = "") -> dict[str, Any]:
    pruned: dict[str, Any] = {}
    for key, branch in tree.items():
        here = f"{path}.{key}" if path else key
        if isinstance(branch, Mapping):
            below = _prune(branch, kept, here)
            if below:
                pruned[key] = below
        elif here in kept:
            pruned[key] = branch
    return pruned


def _guard_requests(
    client: Any, guard: UrlGuard, profile: VenueProfile, milliseconds: Callable[[], int]
) -> None:
    """Check every URL at send time, and let errors carry the status and the wait that came with them."""
    send, connect, read = client.fetch, getattr(client, "client", None), client.on_rest_response
    expiry = int(profile.acceptance / timedelta(milliseconds=1))

    async def fetch(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        guard.check(url)
        if profile.expiry_header and method == "POST":
            headers = {**(headers or {}), profile.expiry_header: str(milliseconds() + expiry)}
        seen: list[tuple[int, Mapping[str, str]]] = []
        token = _ANSWERS.set(seen)
        try:
            return await send(url, method, headers, body)
        except Exception as error:
            if seen:
                status, answer = seen[-1]
                setattr(error, STATUS, status)
                setattr(error, RETRY_AFTER, _retry_after(answer))
            raise
        finally:
            _ANSWERS.reset(token)

    def on_rest_response(code: int, *rest: Any) -> Any:
        seen = _ANSWERS.get(None)
        if seen is not None:
            seen.append((code, rest[3]))
        return read(code, *rest)

    client.fetch = fetch
    client.on_rest_response = on_rest_response
    if connect is not None:

        def checked(url: str) -> Any:
            guard.check(url)
            return connect(url)

        client.client = checked


def _retry_after(headers: Mapping[str, str]) -> float | None:
    for name, value in headers.items():
        if name.lower() == "retry-after":
            with contextlib.suppress(ValueError):
                return max(0.0, float(value))
    return None
