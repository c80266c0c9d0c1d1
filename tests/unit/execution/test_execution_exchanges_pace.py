"""A venue is asked as fast as it lets us: a comparison does not wait, and the average is kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import LiveClock
from domain.money import Symbol
from execution.exchanges.connect import Connection, rest_client
from execution.exchanges.connect import close as close_client
from execution.exchanges.pace import Bucket, Pace
from execution.exchanges.profiles import PROFILES, profile
from tests.contracts.wire_world import KEYS

SYMBOLS = tuple(Symbol(name) for name in ("BTC/USDT", "ETH/USDT", "SOL/USDT"))
LOCAL = "http://127.0.0.1:9"


class Time:
    """Seconds that pass when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.floats(0, 30), st.sampled_from([0.2, 1.0, 10.0, 100.0])), max_size=40))
def test_no_span_of_time_sees_more_than_the_pace(asked: list[tuple[float, float]]) -> None:
    time, pace = Time(), Pace(100, 20)
    bucket = Bucket(pace, time)
    sent: list[tuple[float, float]] = []
    for pause, cost in asked:
        time.now += pause
        sent.append((time.now + bucket.reserve(cost), cost))
    assert [at for at, _ in sent] == sorted(at for at, _ in sent), "first come, first served"
    for first in range(len(sent)):
        total = 0.0
        for at, cost in sent[first:]:
            total += cost
            assert total <= pace.burst + (at - sent[first][0]) * pace.per_second + sent[first][1] + 1e-6


def test_what_was_spent_long_ago_is_paid_for() -> None:
    time = Time()
    bucket = Bucket(Pace(100, 20), time)
    assert bucket.reserve(100) == 0
    time.now += 5
    assert bucket.reserve(100) == 0
    assert bucket.reserve(10) == pytest.approx(0.5)
    time.now += 1_000_000
    assert bucket.reserve(100) == 0
    assert bucket.reserve(1) == pytest.approx(0.05), "idle time is credited up to the burst and no further"


async def test_who_has_to_wait_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()

    async def rest(seconds: float) -> None:
        time.now += seconds

    monkeypatch.setattr(asyncio, "sleep", rest)
    bucket = Bucket(Pace(10, 2), time)
    for _ in range(4):
        await bucket.throttle(10.0)
    assert time.now == pytest.approx(15)
    await bucket.throttle()
    assert time.now == pytest.approx(15.5)


def comparison(client: Any) -> float:
    """What comparing the books with the venue costs: orders and executions by symbol, and balances."""
    private = client.describe()["api"]
    private = private["spot"]["private"]["get"] if client.id == "mexc" else private["private"]["get"]

    def cost(path: str) -> float:
        told = private[path]
        return float(told["cost"] if isinstance(told, dict) else told)

    return cost("account") + sum(cost("openOrders") + cost("myTrades") for _ in SYMBOLS)


@pytest.mark.parametrize("venue", ["binance", "mexc"])
async def test_a_comparison_each_minute_waits_for_nothing_while_the_desk_looks_each_second(
    venue: str,
) -> None:
    client = rest_client(Connection(profile(venue), KEYS, rest_url=LOCAL), lambda: 0)
    try:
        at_once, pace = comparison(client), profile(venue).pace
        assert pace is not None
        time = Time()
        bucket = Bucket(pace, time)
        for second in range(600):
            time.now = float(second)
            waits = bucket.reserve(3.0 * len(SYMBOLS))
            if second % 60 == 0:
                waits = max(waits, bucket.reserve(at_once))
            assert waits < 1, "the guardian is blind that long"
    finally:
        await close_client(client)


@pytest.mark.parametrize("paced", [True, False])
@pytest.mark.parametrize("name", [name for name, each in PROFILES.items() if each.pace is not None])
async def test_the_connector_is_paced_by_the_profile(name: str, paced: bool) -> None:
    told = Connection(profile(name), KEYS, rest_url=LOCAL, paced=paced)
    client = rest_client(told, lambda: int(LiveClock().now().timestamp() * 1000))
    try:
        bucket = client.throttle.__self__
        assert isinstance(bucket, Bucket)
        assert client.enableRateLimit is paced
    finally:
        await close_client(client)


async def test_no_contracts_are_listed_at_a_spot_desk() -> None:
    client = rest_client(Connection(profile("mexc"), KEYS, rest_url=LOCAL), lambda: 0)
    try:
        assert await client.fetch_swap_markets() == []
        assert "contract" not in client.urls["api"]
    finally:
        await close_client(client)
