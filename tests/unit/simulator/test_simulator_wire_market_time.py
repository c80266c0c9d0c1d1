"""Whoever asks a simulated venue finds the market of that moment, however seldom its pulse comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from domain.clock import SimulatedClock
from domain.money import Symbol
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.synthetic import synthetic_exchange
from simulator.wire.server import serve

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = int(START.timestamp() * 1000)


@asynccontextmanager
async def seldom_moved() -> AsyncIterator[tuple[SimulatedExchange, SimulatedClock, str]]:
    """A venue whose pulse does not come while a test runs."""
    clock = SimulatedClock(START)
    exchange = synthetic_exchange(clock, seed=7, symbols=(Symbol("BTC/USDT"),))
    async with serve(venue="binance", exchange=exchange, clock=clock, pulse=3600) as running:
        yield exchange, clock, running.url


async def minute(url: str) -> list[Any]:
    """The bar of the first minute."""
    wanted = {"symbol": "BTCUSDT", "interval": "1m", "startTime": str(MINUTE), "limit": "1"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/api/v3/klines", params=wanted) as answer,
    ):
        assert answer.status == 200
        told: list[list[Any]] = await answer.json()
        return told[0]


async def test_a_bar_that_has_closed_never_changes() -> None:
    async with seldom_moved() as (exchange, clock, url):
        clock.set(START + timedelta(seconds=30))
        half = await minute(url)
        clock.set(START + timedelta(seconds=61))
        first = await minute(url)
        assert float(first[5]) > float(half[5]), "all of its trades are in it"
        exchange.advance(clock.now())
        clock.set(START + timedelta(seconds=150))
        assert await minute(url) == first


async def test_catching_up_feeds_no_stream_and_plays_nothing_twice() -> None:
    async with seldom_moved() as (exchange, clock, _):
        told: list[object] = []
        exchange.listen_market(told.append)
        clock.set(START + timedelta(seconds=10))
        exchange.catch_up(clock.now())
        played = len(told)
        assert played > 0
        exchange.catch_up(clock.now())
        assert len(told) == played
        exchange.advance(clock.now())
        assert len(told) == played + 1, "the pulse"


async def test_a_market_that_breaks_while_somebody_asks_closes_the_venue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SimulatedClock(START)
    exchange = synthetic_exchange(clock, seed=7, symbols=(Symbol("BTC/USDT"),))

    def breaks(_: datetime) -> None:
        raise RuntimeError("the tape is torn")

    monkeypatch.setattr(exchange, "catch_up", breaks)
    monkeypatch.setattr(exchange, "advance", lambda _: None)
    with pytest.raises(RuntimeError, match="torn"):
        await ask_until_closed(exchange, clock)


async def ask_until_closed(exchange: SimulatedExchange, clock: SimulatedClock) -> None:
    async with (
        serve(venue="binance", exchange=exchange, clock=clock, pulse=0.001) as running,
        aiohttp.ClientSession() as session,
    ):
        for _ in range(1000):
            async with session.get(f"{running.url}/api/v3/ping") as answer:
                if answer.status == 503:
                    return
        raise AssertionError("the venue went on")
