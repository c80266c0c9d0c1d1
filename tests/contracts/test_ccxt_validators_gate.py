"""ccxt's own validators, as its wheel ships them, against the simulated Gate: blocking and asyncio clients.

Every validator of a method that the simulated exchange supports runs; docs/exchange-gate.md lists the rest.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
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
from tests.unit.simulator.gate_client import FUNDS, KEY, SECRET, options, point

MARKET: Final = "BTC/USDT"
SYMBOLS: Final = tuple(Symbol(f"{base}/USDT") for base in ("BTC", "ETH", "SOL", "XRP", "DOGE"))
PLAIN: Final = ("after_construct", "features", "load_markets", "fetch_currencies")
FOR_A_MARKET: Final = (
    "fetch_ticker",
    "fetch_tickers",
    "fetch_ohlcv",
    "fetch_trades",
    "fetch_order_book",
    "fetch_l2_order_book",
    "fetch_trading_fee",
    "fetch_open_orders",
    "fetch_closed_orders",
    "fetch_my_trades",
)
FOR_THE_ACCOUNT: Final = ("fetch_balance", "fetch_trading_fees")
CASES: Final = [
    *((name, ()) for name in (*PLAIN, *FOR_THE_ACCOUNT)),
    *((name, (MARKET,)) for name in FOR_A_MARKET),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gate() -> AsyncIterator[Running]:
    """One venue for all validators, whose account has traded and has an order open."""
    import ccxt.async_support

    clock = LiveClock()
    exchange = synthetic_exchange(clock, symbols=SYMBOLS, policy=POLICY)
    exchange.open_account("desk", FUNDS, [ApiKey(KEY, SECRET)])
    async with serve(venue="gate", exchange=exchange, clock=clock) as server:
        client = ccxt.async_support.gate(options())
        point(client, server.url)
        await client.load_markets()
        touch = await client.fetch_ticker(MARKET)
        await client.create_order(MARKET, "market", "buy", 0.02, touch["ask"])
        await client.create_order(MARKET, "market", "sell", 0.01)
        await client.create_order(MARKET, "limit", "buy", 0.01, touch["bid"] * 0.9)
        await client.close()
        yield server


def _client(module: Any, server: Running) -> Any:
    client = module.gate(options())
    point(client, server.url)
    client.urls.pop("apiBackup")  # or ccxt would not ask a sandbox for its currencies
    client.has.update(swap=False, future=False, option=False)  # what is simulated is the spot venue
    return client


@pytest.mark.parametrize(("name", "args"), CASES, ids=[name for name, _ in CASES])
@pytest.mark.asyncio(loop_scope="module")
async def test_asyncio(gate: Running, name: str, args: tuple[str, ...]) -> None:
    import ccxt.async_support

    validator = importlib.import_module(f"ccxt.test.exchange.async.test_{name}")
    client = _client(ccxt.async_support, gate)
    try:
        if name != "after_construct":
            await client.load_markets()
        await getattr(validator, f"test_{name}")(client, {}, *args)
    finally:
        await client.close()


@pytest.mark.parametrize(("name", "args"), CASES, ids=[name for name, _ in CASES])
@pytest.mark.asyncio(loop_scope="module")
async def test_blocking(gate: Running, name: str, args: tuple[str, ...]) -> None:
    import ccxt

    validator = importlib.import_module(f"ccxt.test.exchange.sync.test_{name}")

    def run() -> None:
        client = _client(ccxt, gate)
        try:
            if name != "after_construct":
                client.load_markets()
            answer = getattr(validator, f"test_{name}")(client, {}, *args)
            assert not inspect.isawaitable(answer)
        finally:
            client.session.close()

    await asyncio.to_thread(run)


@pytest.mark.asyncio(loop_scope="module")
async def test_orders_of_every_kind_have_the_right_structure(gate: Running) -> None:
    """The wheel's order validator on what placing, reading and cancelling answer.

    Its createOrder scenario cannot run in Python: it adds texts to numbers and rounds in a mode that the
    package itself refuses.
    """
    import ccxt.async_support
    from ccxt.test.exchange.base.test_order import test_order as validate

    client = _client(ccxt.async_support, gate)
    try:
        await client.load_markets()
        touch = await client.fetch_ticker(MARKET)
        low = touch["bid"] * 0.9
        asks: list[tuple[str, str, float | None, dict[str, Any]]] = [
            ("limit", "buy", low, {}),
            ("limit", "buy", low, {"postOnly": True}),
            ("limit", "buy", low, {"timeInForce": "IOC"}),
            ("limit", "buy", touch["ask"] * 1.01, {"timeInForce": "FOK"}),
            ("market", "buy", touch["ask"], {}),
            ("market", "sell", None, {}),
        ]
        for kind, side, price, params in asks:
            placed = await client.create_order(MARKET, kind, side, 0.01, price, params)
            seen = [placed, await client.fetch_order(placed["id"], MARKET)]
            if placed["status"] == "open":
                seen.append(await client.cancel_order(placed["id"], MARKET))
            for each in seen:
                validate(client, {}, "createOrder", each, MARKET, client.milliseconds())
                assert each["id"] == placed["id"]
    finally:
        await client.close()
