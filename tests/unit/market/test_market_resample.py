"""Longer bars appear when, and only when, they are complete."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.clock import from_ns
from domain.errors import ConfigError
from domain.market import Timeframe
from domain.money import Symbol
from market.bars import Bars
from market.resample import NS, resample

BTC = Symbol("BTC/USDT")
MIDNIGHT = int(datetime(2021, 1, 1, tzinfo=UTC).timestamp()) * NS
HOUR = 3600 * NS


def hourly(opens: list[int]) -> Bars:
    """Bars opening h hours after midnight, with open h+10, high h+20, low h+1, close h+11 and volume h."""
    hours = np.array(opens, np.float64)
    at = MIDNIGHT + np.array(opens, np.int64) * HOUR
    return Bars(BTC, Timeframe.H1, at, at + HOUR, hours + 10, hours + 20, hours + 1, hours + 11, hours)


def test_a_longer_bar_takes_first_open_last_close_extremes_and_the_sum() -> None:
    bars = resample(hourly(list(range(8))), Timeframe.H4)
    assert bars.timeframe is Timeframe.H4
    assert bars.open.tolist() == [10, 14]
    assert bars.high.tolist() == [23, 27]
    assert bars.low.tolist() == [1, 5]
    assert bars.close.tolist() == [14, 18]
    assert bars.volume.tolist() == [0 + 1 + 2 + 3, 4 + 5 + 6 + 7]
    assert [from_ns(int(ns)).hour for ns in bars.open_ns] == [0, 4]
    assert [from_ns(int(ns)).hour for ns in bars.close_ns] == [4, 8]


@pytest.mark.parametrize(
    ("opens", "whole"),
    [
        ([0, 1, 2], []),
        ([0, 1, 2, 3], [0]),
        ([1, 2, 3, 4, 5, 6, 7], [4]),
        ([0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11], [0, 8]),
        ([0, 1, 3, 4, 5, 6], []),
        ([20, 21, 22, 23, 24, 25, 26, 27], [20, 24]),
        ([], []),
    ],
)
def test_incomplete_buckets_are_not_shown(opens: list[int], whole: list[int]) -> None:
    bars = resample(hourly(opens), Timeframe.H4)
    assert ((bars.open_ns - MIDNIGHT) // HOUR).tolist() == whole


def test_days_begin_at_midnight_utc() -> None:
    bars = resample(hourly(list(range(-5, 24 + 3))), Timeframe.D1)
    assert bars.open_ns.tolist() == [MIDNIGHT]
    assert bars.close_ns.tolist() == [MIDNIGHT + 24 * HOUR]


@pytest.mark.parametrize("end", range(1, 13))
def test_what_is_visible_at_a_moment_needs_nothing_later(end: int) -> None:
    whole = hourly(list(range(12)))
    as_of = from_ns(int(whole.close_ns[end - 1]))
    known_then = resample(whole.upto(as_of), Timeframe.H4)
    seen_later = resample(whole, Timeframe.H4).upto(as_of)
    assert len(known_then) == end // 4
    assert known_then.close_ns.tolist() == seen_later.close_ns.tolist()
    assert known_then.close.tolist() == seen_later.close.tolist()


def test_a_timeframe_that_is_no_multiple_is_refused() -> None:
    with pytest.raises(ConfigError, match="bars of 3600 s cannot be made into 15m"):
        resample(hourly([0, 1]), Timeframe.M15)


def test_bars_of_unequal_columns_are_refused() -> None:
    column = np.ones(2)
    times = np.ones(2, np.int64)
    with pytest.raises(ValueError, match="column volume has 3 rows, not 2"):
        Bars(BTC, Timeframe.H1, times, times, column, column, column, column, np.ones(3))


def test_columns_of_whole_numbers_become_floats_and_stay_what_they_are_outside() -> None:
    times = np.ones(2, np.int64)
    whole: NDArray[Any] = np.arange(2)
    bars = Bars(BTC, Timeframe.H1, times, times, whole, whole, whole, whole, whole)
    assert bars.close.dtype == np.float64
    assert whole.dtype == np.int64
    assert whole.flags.writeable
    assert not bars.close.flags.writeable
