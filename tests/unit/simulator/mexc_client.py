"""The real ccxt against the simulated MEXC: only URLs are overridden."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from domain.clock import LiveClock
from domain.money import Currency
from domain.orders import Side
from simulator.costs import FeeSchedule
from simulator.exchange.accounts import ApiKey
from simulator.exchange.exchange import SimulatedExchange
from simulator.wire.mexc import POLICY
from simulator.wire.server import Running, serve
from tests.unit.simulator.gate_client import BTC, ETH, FUNDS, LAST, USDT, order, rules

KEY, SECRET = "mx0deskkey", "desk-secret"
READER = ApiKey("mx0readerkey", "reader-secret", trade=False)
FREE = FeeSchedule(Decimal(0), Decimal(0))


def point(client: Any, url: str) -> None:
    """Turn every URL to a server; MEXC has no sandbox."""
    for access in ("public", "private"):
        client.urls["api"]["spot"][access] = url
    client.urls["api"]["contract"]["public"] = f"{url}/api/v1/contract"
    if "ws" in client.urls["api"]:
        client.urls["api"]["ws"]["spot"] = f"{url.replace('http', 'ws', 1)}/ws"


def options(key: str = KEY, secret: str = SECRET) -> dict[str, Any]:
    return {"apiKey": key, "secret": secret, "enableRateLimit": False}


def quiet_exchange(clock: Any) -> SimulatedExchange:
    """Two markets that stand still, ten levels of one coin a side; in ETH/USDT nobody pays a fee."""
    prices = {BTC: LAST, ETH: Decimal(2000)}
    exchange = SimulatedExchange(
        clock, [rules(BTC, "BTC"), replace(rules(ETH, "ETH"), fees=FREE)], policy=POLICY, prices=prices
    )
    plenty = {USDT: Decimal(10_000_000), Currency("BTC"): Decimal(1000), Currency("ETH"): Decimal(1000)}
    exchange.open_account("maker", plenty)
    exchange.open_account("taker", plenty)
    for symbol, last in prices.items():
        exchange.place("maker", order(symbol, Side.SELL, "0.5", last))
        exchange.place("taker", order(symbol, Side.BUY, "0.5", last))
        for level in range(1, 11):
            exchange.place("maker", order(symbol, Side.BUY, "1", last - 10 * level))
            exchange.place("maker", order(symbol, Side.SELL, "1", last + 10 * level))
    exchange.open_account("desk", FUNDS, [ApiKey(KEY, SECRET), READER])
    return exchange


@dataclass(frozen=True, slots=True)
class Stage:
    """A running venue, and a client that trades there."""

    server: Running
    exchange: SimulatedExchange
    client: Any


@asynccontextmanager
async def stage(*, pro: bool = False) -> AsyncIterator[Stage]:
    """A simulated MEXC on loopback and ccxt's own client for it."""
    import ccxt.async_support
    import ccxt.pro

    clock = LiveClock()
    exchange = quiet_exchange(clock)
    async with serve(venue="mexc", exchange=exchange, clock=clock, pulse=0.02) as server:
        client = (ccxt.pro if pro else ccxt.async_support).mexc(options())
        point(client, server.url)
        try:
            await client.load_markets()
            yield Stage(server, exchange, client)
        finally:
            await client.close()
