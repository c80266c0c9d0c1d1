"""The venue's clock as the desk keeps it: corrected, faster in a rehearsal, never backwards."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.errors import DataError
from market.live.clock import VenueClock
from market.live.feed import set_clock
from tests.unit.market.live_venue import START, Counter, MadeUpVenue


async def test_the_clock_follows_the_venue_and_never_goes_back() -> None:
    venue = MadeUpVenue(Counter(), skew=timedelta(seconds=20))
    clock = VenueClock(counter=venue.counter)
    await set_clock(venue, clock)
    assert clock.now() == venue.now
    venue.counter.seconds += 100
    assert clock.now() == venue.now
    latest = clock.now()
    venue.skew = timedelta(seconds=15)
    assert await set_clock(venue, clock) == timedelta(seconds=-5)
    assert clock.now() == latest, "it waits for the venue instead of going back"
    venue.counter.seconds += 6
    assert clock.now() == venue.now
    venue.skew = timedelta(hours=3)
    with pytest.raises(DataError, match="jumped"):
        await set_clock(venue, clock)
    assert abs(clock.now() - venue.now) > timedelta(hours=2), "a jump is not believed"


def test_a_faster_clock_runs_faster() -> None:
    counter = Counter()
    clock = VenueClock(speed=60.0, counter=counter)
    clock.correct(START, 0.0, 0.5)
    counter.seconds = 0.5
    assert clock.now() == START + timedelta(seconds=15)
    counter.seconds = 10.5
    assert clock.now() == START + timedelta(seconds=615)


def test_a_bar_that_lies_ahead_cannot_have_closed() -> None:
    counter = Counter()
    clock = VenueClock(counter=counter)
    clock.correct(START, 0.0, 0.0)
    clock.set(START)
    with pytest.raises(ValueError, match="lies ahead"):
        clock.set(START + timedelta(seconds=1))


@pytest.mark.parametrize("told", ["noon", None, True, -1, 10**15])
async def test_a_time_that_is_none_is_refused(told: object) -> None:
    venue = MadeUpVenue()
    venue.bend["time"] = lambda _: told
    with pytest.raises(DataError, match="tells the time"):
        await set_clock(venue, VenueClock(counter=venue.counter))
