"""The real ccxt, and hand-made signed requests, against the simulated Binance."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp

from domain.clock import Clock, LiveClock, SimulatedClock, to_ns
from domain.instrument import Instrument
from domain.money import Currency, Symbol
from domain.orders import OrderType, Side
from simulator.exchange.accounts import ApiKey
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.model import NewOrder
from simulator.exchange.rules import MarketRules
from simulator.wire.binance import POLICY
from simulator.wire.faults import FaultPlan
from simulator.wire.server import Running, serve

KEY, SECRET = "desk-key", "desk-secret"
READER = ApiKey("reader-key", "reader-secret", trade=False, withdraw=True)
BTC, MARKET = Symbol("BTC/USDT"), "BTC/USDT"
START = datetime(2026, 3, 4, 10, tzinfo=UTC)
USDT: Final = Currency("USDT")
RULES: Final = MarketRules(
    Instrument(
        symbol=BTC,
        base=Currency("BTC"),
        quote=USDT,
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.00001"),
        min_quantity=Decimal("0.00001"),
        max_quantity=Decimal(9000),
        min_notional=Decimal(5),
    ),
    max_market_quantity=Decimal(100),
)


def quiet_exchange(clock: Clock, generosity: float = 1.0) -> SimulatedExchange:
    """A market that stands still at 50,000: ten levels of one coin a side, ten apart."""
    exchange = SimulatedExchange(
        clock, [RULES], policy=replace(POLICY, generosity=generosity), prices={BTC: Decimal(50_000)}
    )
    exchange.open_account("maker", {USDT: Decimal(10**7), Currency("BTC"): Decimal(1000)})
    exchange.open_account("taker", {USDT: Decimal(10**7), Currency("BTC"): Decimal(1000)})
    for level in range(1, 11):
        rest(exchange, Side.BUY, 50_000 - 10 * level)
        rest(exchange, Side.SELL, 50_000 + 10 * level)
    funds = {USDT: Decimal(100_000), Currency("BTC"): Decimal(5)}
    exchange.open_account("desk", funds, [ApiKey(KEY, SECRET), READER])
    return exchange


def rest(exchange: SimulatedExchange, side: Side, price: int, quantity: str = "1", who: str = "maker") -> int:
    """Somebody else's limit order; the answer is its number."""
    order = NewOrder(BTC, side, OrderType.LIMIT, Decimal(quantity), limit_price=Decimal(price))
    return exchange.place(who, order).order.order_id


def point(client: Any, url: str) -> None:
    """Turn every URL of a sandbox client to a server, and nothing else."""
    client.set_sandbox_mode(True)
    for name in ("public", "private", "v1"):
        client.urls["api"][name] = f"{url}/api/v3"
    client.urls["api"]["sapi"] = f"{url}/sapi/v1"
    if "ws" in client.urls["api"]:
        socket = url.replace("http", "ws", 1)
        client.urls["api"]["ws"]["spot"] = f"{socket}/stream/ws"
        client.urls["api"]["ws"]["ws-api"]["spot"] = f"{socket}/ws-api/v3"
    client.exceptions["exact"].update(client.exceptions["spot"]["exact"])  # ccxt picks these by host name


def options(key: str = KEY, secret: str = SECRET) -> dict[str, Any]:
    return {
        "apiKey": key,
        "secret": secret,
        "enableRateLimit": False,
        "options": {"fetchMarkets": {"types": ["spot"]}, "warnOnFetchOpenOrdersWithoutSymbol": False},
    }


@dataclass(frozen=True, slots=True)
class Stage:
    """A running venue, and a client that trades there."""

    server: Running
    exchange: SimulatedExchange
    client: Any


@asynccontextmanager
async def stage(
    *, pro: bool = False, key: str = KEY, secret: str = SECRET, exchange: SimulatedExchange | None = None
) -> AsyncIterator[Stage]:
    """A simulated Binance on loopback and ccxt's own client for it, at the machine's time."""
    import ccxt.async_support
    import ccxt.pro

    clock = LiveClock()
    market = exchange if exchange is not None else quiet_exchange(clock)
    async with serve(venue="binance", exchange=market, clock=clock) as server:
        client = (ccxt.pro if pro else ccxt.async_support).binance(options(key, secret))
        point(client, server.url)
        try:
            yield Stage(server, market, client)
        finally:
            await client.close()


@dataclass(slots=True)
class Wire:
    """A running venue at a simulated time, asked by hand."""

    server: Running
    exchange: SimulatedExchange
    clock: SimulatedClock
    session: aiohttp.ClientSession

    @property
    def now(self) -> int:
        return to_ns(self.clock.now()) // 1_000_000

    async def ask(
        self, method: str, path: str, key: str = "", **params: Any
    ) -> tuple[int, Any, Mapping[str, str]]:
        """An unsigned request: status, JSON, headers."""
        sent = {"X-MBX-APIKEY": key} if key else {}
        url = f"{self.server.url}{path if path.startswith('/') else '/api/v3/' + path}"
        text = urlencode(params)
        body = text if method in ("POST", "PUT") else None
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        elif text:
            url += f"?{text}"
        async with self.session.request(method, url, data=body, headers=sent) as answer:
            return answer.status, await answer.json(), answer.headers

    async def sign(
        self, method: str, path: str, *, key: str = KEY, secret: str = SECRET, **params: Any
    ) -> tuple[int, Any, Mapping[str, str]]:
        """A signed request at the clock's time, unless `timestamp` says otherwise."""
        params.setdefault("timestamp", self.now)
        signature = hmac.digest(secret.encode(), urlencode(params).encode(), "sha256").hex()
        return await self.ask(method, path, key, **params, signature=signature)

    async def order(self, **fields: Any) -> Any:
        """A limit buy of one coin at 40,000 with these changes; None takes a field out. The JSON answer."""
        params = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "1",
            "price": "40000",
        } | fields
        sent = {name: value for name, value in params.items() if value is not None}
        return (await self.sign("POST", "order", **sent))[1]


@asynccontextmanager
async def wire(generosity: float = 1.0) -> AsyncIterator[Wire]:
    """A simulated Binance whose clock stands where the test puts it."""
    clock = SimulatedClock(START)
    exchange = quiet_exchange(clock, generosity)
    async with (
        serve(venue="binance", exchange=exchange, clock=clock, faults=FaultPlan(clock), pulse=0.02) as server,
        aiohttp.ClientSession() as session,
    ):
        yield Wire(server, exchange, clock, session)
