"""Equity, counts, answer times and shares: what is odd about the desk itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import isnan, nan, sqrt

import pytest

from domain.market import Timeframe
from risk.anomalies.account import AnswerTimes, EquitySensor, RecentCount, Share

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_volatility_is_that_of_a_day() -> None:
    sensor, equity = EquitySensor(Timeframe.H1, usual_fraction=0.002), 10_000.0
    told = [sensor.mark(equity)]
    for index in range(24):
        equity *= 1.01 if index % 2 else 1 / 1.01
        told.append(sensor.mark(equity))
    assert told[:12] == [0.0] * 12, "half a day has to be known"
    assert told[12] > 0.0, "and then it is"
    assert told[-1] == pytest.approx(0.01 * sqrt(24), rel=0.01)


def test_a_day_of_minutes_is_measured_on_the_newest_bars_per_day_all_the_same() -> None:
    sensor, equity = EquitySensor(Timeframe.M1, usual_fraction=0.002), 10_000.0
    for index in range(1_000):
        equity *= 1.001 if index % 2 else 1 / 1.001
        told = sensor.mark(equity)
    assert told == pytest.approx(0.001 * sqrt(1440), rel=0.01)


def test_a_constant_equity_does_not_move_and_a_step_is_a_jump() -> None:
    sensor = EquitySensor(Timeframe.H1, usual_fraction=0.002)
    for _ in range(100):
        assert sensor.mark(10_000.0) == 0.0
    sensor.mark(10_400.0)
    assert sensor.jump == pytest.approx(20.0)
    sensor.mark(10_400.0)
    assert sensor.jump == 0.0


@pytest.mark.parametrize("equity", [0.0, -5.0, nan])
def test_no_equity_has_no_volatility(equity: float) -> None:
    sensor = EquitySensor(Timeframe.H1, usual_fraction=0.002)
    sensor.mark(10_000.0)
    assert isnan(sensor.mark(equity))
    assert isnan(sensor.mark(10_000.0))
    assert sensor.mark(10_000.0) == 0.0


def test_a_count_forgets_what_is_as_old_as_its_window() -> None:
    recent = RecentCount(HOUR)
    recent.happened(START)
    recent.happened(START + HOUR / 2)
    assert recent.count(START + HOUR - timedelta(seconds=1)) == 2
    assert recent.count(START + HOUR) == 1
    assert recent.count(START + 2 * HOUR) == 0


def test_the_usual_answer_time_is_the_median_of_the_last_twenty() -> None:
    times = AnswerTimes()
    for index, seconds in enumerate((1, 2, 3, 4)):
        times.sent(str(index), START)
        times.answered(str(index), START + timedelta(seconds=seconds))
    assert times.fresh
    assert times.usual() is None, "four answers are too few"
    assert not times.fresh
    times.sent("5", START)
    times.answered("5", START + timedelta(seconds=60))
    assert times.usual() == 3.0
    for index in range(20):
        times.sent(f"late {index}", START)
        times.answered(f"late {index}", START + timedelta(seconds=9))
    assert times.usual() == 9.0


def test_an_answer_to_what_was_never_sent_says_nothing() -> None:
    times = AnswerTimes()
    times.answered("who", START)
    assert not times.fresh


def test_a_share_is_of_all_that_was_asked_in_the_window() -> None:
    share = Share(window=3, fewest=4)
    assert share.add(1, 2) is None
    assert share.add(1, 2) == 0.5
    assert share.add(0, 4) == 0.25
    assert share.add(0, 4) == pytest.approx(0.1), "the first has left the window"
    assert share.add(0, 2) == 0.0


def test_a_share_of_too_few_is_none_again() -> None:
    share = Share(window=1, fewest=2)
    assert share.add(1, 2) == 0.5
    assert share.add(1, 1) is None
