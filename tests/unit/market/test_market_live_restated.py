"""Bars a venue tells anew: always taken over and counted, said only when it matters, and seldom."""

from __future__ import annotations

import pytest

from domain.clock import to_ns
from domain.market import Timeframe
from domain.money import Symbol
from market.live.clock import VenueClock
from market.live.feed import LiveFeed
from tests.unit.market.live_venue import HOUR_MS, INSTRUMENTS, START, MadeUpVenue

BTC = Symbol("BTC/USDT")
NOON = START.replace(minute=0, second=0)
LAST = to_ns(NOON) // 1_000_000 - HOUR_MS
TICK = float(INSTRUMENTS[BTC].tick_size)


class Restating:
    """A venue that adds to the last closed bar, and the feed that has used that bar."""

    def __init__(self, venue: MadeUpVenue, feed: LiveFeed) -> None:
        self.venue = venue
        self.feed = feed

    async def say(self, *, close: float = 0.0, volume: float = 1.0, after: float = 60) -> list[str]:
        """Tell the bar with a close so much higher and so many times the volume; what was said about it."""

        def restate(rows: list[list[float]]) -> list[list[float]]:
            return [
                [*each[:4], each[4] + close, each[5] * volume] if each[0] == LAST else each for each in rows
            ]

        self.venue.bend["candles"] = restate
        self.venue.counter.seconds += after
        await self.feed.refresh_bars()
        return [said.message for said in self.feed.take_said() if "BTC/USDT" in said.message]


@pytest.fixture
async def restating() -> Restating:
    venue = MadeUpVenue()
    clock = VenueClock(counter=venue.counter)
    feed = await LiveFeed.open(venue, INSTRUMENTS, Timeframe.H1, name="made-up", clock=clock)
    feed.advance()
    return Restating(venue, feed)


@pytest.mark.parametrize(
    ("close", "volume", "said"),
    [
        (0.0, 1.009, 0),
        (TICK, 1.0, 0),
        (0.0, 1.011, 1),
        (0.0, 0.9, 1),
        (2 * TICK, 1.0, 1),
        (-2 * TICK, 1.0, 1),
    ],
)
async def test_a_restated_bar_is_taken_over_and_said_when_it_matters(
    restating: Restating, close: float, volume: float, said: int
) -> None:
    feed = restating.feed
    before = feed.candle(BTC)
    assert len(await restating.say(close=close, volume=volume)) == said
    after = feed.candle(BTC)
    assert before is not None
    assert after is not None
    assert float(after.close - before.close) == pytest.approx(close, abs=TICK / 10)
    assert (after.volume == before.volume) == (volume == 1.0)
    assert feed.take_reread(), "features are built from what the venue says now"
    assert feed.restated >= 1


async def test_a_venue_that_restates_every_minute_is_said_once_an_hour(restating: Restating) -> None:
    feed = restating.feed
    said = [await restating.say(volume=1.5 + number / 10, after=60) for number in range(50)]
    assert [len(each) for each in said] == [1] + [0] * 49
    assert feed.restated >= 50
    (told,) = await restating.say(volume=9.0, after=3_600)
    assert told == "made-up restated 50 candle(s) of BTC/USDT"


async def test_bars_that_stay_as_they_were_are_not_counted(restating: Restating) -> None:
    assert await restating.say() == []
    assert restating.feed.restated == 0
    assert not restating.feed.take_reread()
