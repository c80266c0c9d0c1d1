"""ccxt's own validators, as its wheel ships them, on the simulated Binance: asyncio and blocking clients.

Every validator of the wheel is run here or listed with the reason; docs/exchange-binance.md shows both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, Final

import pytest
import pytest_asyncio

from domain.clock import LiveClock
from domain.money import Currency, Symbol
from simulator.exchange.accounts import ApiKey
from simulator.exchange.synthetic import synthetic_exchange
from simulator.wire.binance import POLICY
from simulator.wire.server import Running, serve
from tests.contracts.ccxt_validators import (
    NEVER_RUN,
    documented,
    shipped,
    validate,
    validate_blocking,
    validate_orders,
)
from tests.unit.simulator.binance_client import KEY, MARKET, SECRET, USDT, options, point

SYMBOLS: Final = tuple(Symbol(f"{base}/USDT") for base in ("BTC", "ETH", "SOL", "XRP", "DOGE"))
NO_TIME: Final = {"timestamp": "the venue's book has none", "datetime": "the venue's book has none"}
RUN: Final[dict[str, dict[str, str]]] = {
    "after_construct": {},
    "features": {},
    "fetch_balance": {},
    "fetch_closed_orders": {},
    "fetch_currencies": {},
    "fetch_l2_order_book": NO_TIME,
    "fetch_last_prices": {},
    "fetch_my_trades": {},
    "fetch_ohlcv": {},
    "fetch_open_orders": {},
    "fetch_order_book": NO_TIME,
    "fetch_orders": {},
    "fetch_status": {},
    "fetch_ticker": {},
    "fetch_tickers": {},
    "fetch_trades": {},
    "fetch_trading_fee": {},
    "fetch_trading_fees": {},
    "load_markets": {},
}
"""What is run, and the properties that are skipped because the real venue does not give them either."""
NOT_RUN: Final = {
    **NEVER_RUN,
    **dict.fromkeys(("fetch_accounts", "fetch_order_books"), "ccxt has no such method for this venue"),
}
ORDERS: Final[list[tuple[str, str, float | None, dict[str, Any]]]] = [
    ("limit", "buy", 0.9, {}),
    ("limit", "buy", 0.9, {"postOnly": True}),
    ("limit", "buy", 1.01, {"timeInForce": "IOC"}),
    ("limit", "buy", 1.01, {"timeInForce": "FOK"}),
    ("market", "buy", None, {}),
    ("market", "sell", None, {}),
    ("market", "sell", None, {"stopLossPrice": 0.9}),
    ("limit", "sell", 0.89, {"stopLossPrice": 0.9}),
    ("limit", "sell", 1.1, {"takeProfitPrice": 1.09}),
]
"""Orders of every kind; prices as multiples of the bid."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def binance() -> AsyncIterator[Running]:
    """One venue for all validators, whose account has traded and has an order open."""
    import ccxt.async_support

    clock = LiveClock()
    exchange = synthetic_exchange(clock, symbols=SYMBOLS, policy=POLICY)
    funds = {USDT: Decimal(100_000), Currency("BTC"): Decimal(2)}
    exchange.open_account("desk", funds, [ApiKey(KEY, SECRET)])
    async with serve(venue="binance", exchange=exchange, clock=clock) as server:
        client = _client(ccxt.async_support, server)
        bid = (await client.fetch_ticker(MARKET))["bid"]
        await client.create_order(MARKET, "market", "buy", 0.02)
        await client.create_order(MARKET, "market", "sell", 0.01)
        await client.create_order(MARKET, "limit", "buy", 0.01, bid * 0.9)
        await client.close()
        yield server


def _client(module: Any, server: Running) -> Any:
    client = module.binance(options())
    point(client, server.url)
    client.urls.pop("apiBackup", None)  # or ccxt would not ask a sandbox for its currencies
    client.has.update(swap=False, future=False, option=False)  # what is simulated is the spot venue
    return client


@pytest.mark.parametrize("name", RUN)
@pytest.mark.asyncio(loop_scope="module")
async def test_asyncio(binance: Running, name: str) -> None:
    import ccxt.async_support

    await validate(_client(ccxt.async_support, binance), name, MARKET, RUN[name])


@pytest.mark.parametrize("name", RUN)
@pytest.mark.asyncio(loop_scope="module")
async def test_blocking(binance: Running, name: str) -> None:
    import ccxt

    await validate_blocking(lambda: _client(ccxt, binance), name, MARKET, RUN[name])


@pytest.mark.parametrize(("kind", "side", "price", "params"), ORDERS)
@pytest.mark.asyncio(loop_scope="module")
async def test_the_structure_of_orders(
    binance: Running, kind: str, side: str, price: float | None, params: dict[str, Any]
) -> None:
    """The wheel's order validator on what placing, reading and cancelling answer."""
    import ccxt.async_support

    client = _client(ccxt.async_support, binance)
    await validate_orders(client, MARKET, kind, side, price, params, touch="bid")


def test_every_validator_of_the_wheel_is_accounted_for() -> None:
    assert not set(RUN) & set(NOT_RUN)
    assert set(RUN) | set(NOT_RUN) == shipped()


def test_the_document_shows_what_is_run_and_what_is_not() -> None:
    assert documented("binance") == {**dict.fromkeys(RUN, "pass"), **dict.fromkeys(NOT_RUN, "not run")}
