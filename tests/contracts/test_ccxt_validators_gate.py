"""ccxt's own validators, as its wheel ships them, on the simulated Gate: asyncio and blocking clients.

Every validator of the wheel is run here or listed with the reason; docs/exchange-gate.md shows both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio

from domain.clock import LiveClock
from domain.money import Symbol
from simulator.exchange.accounts import ApiKey
from simulator.exchange.synthetic import synthetic_exchange
from simulator.wire.gate import POLICY
from simulator.wire.server import Running, serve
from tests.contracts.ccxt_validators import (
    NEVER_RUN,
    documented,
    shipped,
    validate,
    validate_blocking,
    validate_orders,
)
from tests.unit.simulator.gate_client import FUNDS, KEY, SECRET, options, point

MARKET: Final = "BTC/USDT"
SYMBOLS: Final = tuple(Symbol(f"{base}/USDT") for base in ("BTC", "ETH", "SOL", "XRP", "DOGE"))
RUN: Final[dict[str, dict[str, str]]] = {
    "after_construct": {},
    "features": {},
    "fetch_balance": {},
    "fetch_closed_orders": {},
    "fetch_currencies": {},
    "fetch_l2_order_book": {},
    "fetch_my_trades": {},
    "fetch_ohlcv": {},
    "fetch_open_orders": {},
    "fetch_order_book": {},
    "fetch_ticker": {},
    "fetch_tickers": {},
    "fetch_trades": {},
    "fetch_trading_fee": {},
    "fetch_trading_fees": {},
    "load_markets": {},
}
"""What is run, and the properties that are skipped."""
NOT_RUN: Final = {
    **NEVER_RUN,
    **dict.fromkeys(
        ("fetch_accounts", "fetch_order_books", "fetch_status", "fetch_orders", "fetch_last_prices"),
        "ccxt has no such method for this venue",
    ),
}
ORDERS: Final[list[tuple[str, str, float | None, dict[str, Any]]]] = [
    ("limit", "buy", 0.9, {}),
    ("limit", "buy", 0.9, {"postOnly": True}),
    ("limit", "buy", 0.9, {"timeInForce": "IOC"}),
    ("limit", "buy", 1.01, {"timeInForce": "FOK"}),
    ("market", "buy", 1.0, {}),
    ("market", "sell", None, {}),
]
"""Orders of every kind; prices as multiples of the ask."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gate() -> AsyncIterator[Running]:
    """One venue for all validators, whose account has traded and has an order open."""
    import ccxt.async_support

    clock = LiveClock()
    exchange = synthetic_exchange(clock, symbols=SYMBOLS, policy=POLICY)
    exchange.open_account("desk", FUNDS, [ApiKey(KEY, SECRET)])
    async with serve(venue="gate", exchange=exchange, clock=clock) as server:
        client = _client(ccxt.async_support, server)
        ask = (await client.fetch_ticker(MARKET))["ask"]
        await client.create_order(MARKET, "market", "buy", 0.02, ask)
        await client.create_order(MARKET, "market", "sell", 0.01)
        await client.create_order(MARKET, "limit", "buy", 0.01, ask * 0.9)
        ended = await client.create_order(MARKET, "limit", "buy", 0.01, ask * 0.9)
        await client.cancel_order(ended["id"], MARKET)
        await client.close()
        yield server


def _client(module: Any, server: Running) -> Any:
    client = module.gate(options())
    point(client, server.url)
    client.urls.pop("apiBackup")  # or ccxt would not ask a sandbox for its currencies
    client.has.update(swap=False, future=False, option=False)  # what is simulated is the spot venue
    return client


@pytest.mark.parametrize("name", RUN)
@pytest.mark.asyncio(loop_scope="module")
async def test_asyncio(gate: Running, name: str) -> None:
    import ccxt.async_support

    await validate(_client(ccxt.async_support, gate), name, MARKET, RUN[name])


@pytest.mark.parametrize("name", RUN)
@pytest.mark.asyncio(loop_scope="module")
async def test_blocking(gate: Running, name: str) -> None:
    import ccxt

    await validate_blocking(lambda: _client(ccxt, gate), name, MARKET, RUN[name])


@pytest.mark.parametrize(("kind", "side", "price", "params"), ORDERS)
@pytest.mark.asyncio(loop_scope="module")
async def test_the_structure_of_orders(
    gate: Running, kind: str, side: str, price: float | None, params: dict[str, Any]
) -> None:
    """The wheel's order validator on what placing, reading and cancelling answer."""
    import ccxt.async_support

    client = _client(ccxt.async_support, gate)
    await validate_orders(client, MARKET, kind, side, price, params)


def test_every_validator_of_the_wheel_is_accounted_for() -> None:
    assert not set(RUN) & set(NOT_RUN)
    assert set(RUN) | set(NOT_RUN) == shipped()


def test_the_document_shows_what_is_run_and_what_is_not() -> None:
    assert documented("gate") == {**dict.fromkeys(RUN, "pass"), **dict.fromkeys(NOT_RUN, "not run")}
