"""Open circuit breakers on the page: which, what they still allow, and why."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.async_api import expect

from domain.breakers import BreakerChanged, BreakerState, Level
from tests.e2e.conftest import Screen
from tests.e2e.demo_desk import START

pytestmark = pytest.mark.asyncio(loop_scope="module")

GAP = BreakerChanged(
    breaker="price_gap",
    level=Level.MARKET,
    scope="BTC/USDT",
    state=BreakerState.OPEN,
    cause="jump from the last close to the next price traded: 0.041 fraction, the limit is 0.03",
    size_fraction=Decimal(0),
    figures={"value": 0.041, "limit": 0.03},
    wait_seconds=3600.0,
    until=START + timedelta(hours=1),
    at=START,
)
PROBATION = BreakerChanged(
    breaker="drawdown",
    level=Level.PORTFOLIO,
    scope="",
    state=BreakerState.HALF_OPEN,
    cause="3 days in a row without a loss",
    size_fraction=Decimal("0.25"),
    figures={},
    wait_seconds=86_400.0,
    until=None,
    at=START,
)


async def test_a_breaker_that_opens_shows_at_once_and_goes_when_it_closes(screen: Screen) -> None:
    await screen.desk.warm(12)
    page = await screen.open()
    assert await page.locator("#breakers").count() == 0
    screen.desk.trip(GAP)
    screen.desk.trip(PROBATION)
    rows = page.locator("#breakers li")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(0)).to_contain_text("Price gap BTC/USDT")
    await expect(rows.nth(0)).to_contain_text("no entries")
    await expect(rows.nth(0)).to_contain_text("0.041 fraction, the limit is 0.03")
    await expect(rows.nth(1)).to_contain_text("on probation, 25 %")
    await expect(page.locator("#activity")).to_contain_text("Breaker open · Price gap BTC/USDT")
    assert await screen.sideways() <= 0
    closed = BreakerChanged(
        "price_gap",
        Level.MARKET,
        "BTC/USDT",
        BreakerState.CLOSED,
        "calm",
        Decimal(1),
        {},
        3600.0,
        None,
        START,
    )
    screen.desk.trip(closed)
    await expect(rows).to_have_count(1)
