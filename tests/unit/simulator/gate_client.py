"""The real ccxt against the simulated Gate: only URLs are overridden."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from domain.clock import LiveClock
from domain.instrument import Instrument
from domain.money import Currency, Symbol
from domain.orders import OrderType, Side
from simulator.exchange.accounts import ApiKey
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.model import NewOrder
from simulator.exchange.rules import MarketRules
from simulator.wire.gate import POLICY
from simulator.wire.server import Running, serve

KEY, SECRET = "desk-key", "desk-secret"
READER = ApiKey("reader-key", "reader-secret", trade=False)
BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
USDT: Final = Currency("USDT")
FUNDS = {USDT: Decimal(1_000_000), Currency("BTC"): Decimal(5), Currency("ETH"): Decimal(50)}
LAST = Decimal(50_000)
_LEVELS = 10


def point(client: Any, url: str) -> None:
    """Turn every URL of a sandbox client to a server."""
    client.set_sandbox_mode(True)
    for access in ("public", "private"):
        for section in client.urls["api"][access]:
            client.urls["api"][access][section] = f"{url}/api/v4"
    client.urls["api"]["spot"] = f"{url.replace('http', 'ws', 1)}/ws/v4/"


def options(key: str = KEY, secret: str = SECRET) -> dict[str, Any]:
    return {
        "apiKey": key,
        "secret": secret,
        "enableRateLimit": False,
        "options": {"fetchMarkets": {"types": ["spot"]}},
    }


def rules(symbol: Symbol, base: str) -> MarketRules:
    instrument = Instrument(
        symbol,
        Currency(base),
        USDT,
        tick_size=Decimal("0.1"),
        step_size=Decimal("0.0001"),
        min_quantity=Decimal("0.0001"),
        max_quantity=Decimal(9000),
        min_notional=Decimal(3),
    )
    return MarketRules(instrument, max_sleeping=50)


def order(symbol: Symbol, side: Side, quantity: str, price: Decimal) -> NewOrder:
    return NewOrder(symbol, side, OrderType.LIMIT, quantity=Decimal(quantity), limit_price=price)


def quiet_exchange(clock: Any) -> SimulatedExchange:
    """Two markets that stand still: ten levels of one coin a side, ten apart, around the last price."""
    prices = {BTC: LAST, ETH: Decimal(2000)}
    exchange = SimulatedExchange(clock, [rules(BTC, "BTC"), rules(ETH, "ETH")], policy=POLICY, prices=prices)
    plenty = {USDT: Decimal(10_000_000), Currency("BTC"): Decimal(1000), Currency("ETH"): Decimal(1000)}
    exchange.open_account("maker", plenty)
    exchange.open_account("taker", plenty)
    for symbol, last in prices.items():
        exchange.place("maker", order(symbol, Side.SELL, "0.5", last))
        exchange.place("taker", order(symbol, Side.BUY, "0.5", last))
        for level in range(1, _LEVELS + 1):
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
async def stage(*, pro: bool = False, key: str = KEY, secret: str = SECRET) -> AsyncIterator[Stage]:
    """A simulated Gate on loopback and ccxt's own client for it."""
    import ccxt.async_support
    import ccxt.pro

    clock = LiveClock()
    exchange = quiet_exchange(clock)
    async with serve(venue="gate", exchange=exchange, clock=clock) as server:
        client = (ccxt.pro if pro else ccxt.async_support).gate(options(key, secret))
        point(client, server.url)
        try:
            yield Stage(server, exchange, client)
        finally:
            await client.close()
