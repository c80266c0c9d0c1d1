"""Covariances against a plain reading of the formula, gaps and young tapes included."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.market import Timeframe
from domain.money import Symbol
from market.bars import Bars, empty_bars
from risk.comovement import (
    FEWEST_RETURNS,
    STAND_IN_DEVIATION,
    bars_needed,
    block_bars,
    comovement,
)

HOUR_NS = 3_600_000_000_000
BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")


def bars(
    closes: NDArray[np.float64], *, frame: Timeframe = Timeframe.H1, end: int = 0, symbol: Symbol = BTC
) -> Bars:
    length = frame.seconds * 1_000_000_000
    ends = 10**6 * HOUR_NS + (np.arange(1 - len(closes), 1, dtype=np.int64) + end) * length
    return Bars(symbol, frame, ends - length, ends, closes, closes, closes, closes, np.ones(len(closes)))


def walk(count: int, seed: int, step: float = 0.01) -> NDArray[np.float64]:
    moves = np.random.default_rng(seed).normal(0, step, count)
    path: NDArray[np.float64] = 100 * np.exp(np.cumsum(moves))
    return path


def said_again(first: NDArray[np.float64], second: NDArray[np.float64], bars_a_day: int) -> float:
    """The covariance of a day, one return at a time."""
    decay = 0.94 ** (1 / bars_a_day)
    total = weight = 0.0
    for at in range(1, len(first)):
        each = decay ** (len(first) - 1 - at)
        total += each * math.log(first[at] / first[at - 1]) * math.log(second[at] / second[at - 1])
        weight += each
    return total / weight * bars_a_day


@pytest.mark.parametrize(("frame", "a_day"), [(Timeframe.H1, 24), (Timeframe.H4, 6), (Timeframe.D1, 1)])
def test_every_entry_is_the_formula(frame: Timeframe, a_day: int) -> None:
    first, second = walk(70, 1), walk(70, 2)
    moves = comovement([bars(first, frame=frame), bars(second, frame=frame, symbol=ETH)])
    for row, one in enumerate((first, second)):
        for column, other in enumerate((first, second)):
            assert moves.covariance[row, column] == pytest.approx(said_again(one, other, a_day), rel=1e-9)
    deviations = [math.sqrt(said_again(each, each, a_day)) for each in (first, second)]
    assert moves.deviations == pytest.approx(deviations)
    expected = said_again(first, second, a_day) / deviations[0] / deviations[1]
    assert [moves.correlation[0, 1], moves.correlation[1, 0]] == pytest.approx([expected] * 2)
    assert np.diagonal(moves.correlation) == pytest.approx([1, 1])


@pytest.mark.parametrize("frame", [Timeframe.M1, Timeframe.M5, Timeframe.M15])
def test_short_bars_are_read_by_the_hour(frame: Timeframe) -> None:
    step = 3600 // frame.seconds
    hourly = walk(40, 3)
    short = np.interp(np.arange(39 * step + 1) / step, np.arange(40), hourly)
    assert comovement([bars(short, frame=frame)]).covariance[0, 0] == pytest.approx(
        said_again(hourly, hourly, 24), rel=1e-9
    )


def test_only_the_newest_74_days_count() -> None:
    assert bars_needed(3600) == 74 * 24 + 1
    assert bars_needed(86_400) == 75
    assert bars_needed(60) == 74 * 24 * 60 + 1
    assert (block_bars(60), block_bars(3600), block_bars(14_400)) == (60, 1, 1)
    days = walk(200, 4)
    whole = comovement([bars(days, frame=Timeframe.D1)])
    assert whole.covariance[0, 0] == pytest.approx(said_again(days[-75:], days[-75:], 1), rel=1e-12)


def test_the_newest_move_counts_most() -> None:
    calm = np.full(60, 100.0)
    late, early = calm.copy(), calm.copy()
    late[-1] = 110
    early[:-40] = 110
    newest, older = (comovement([bars(each, frame=Timeframe.D1)]).covariance[0, 0] for each in (late, early))
    assert newest / older == pytest.approx(0.94**-39, rel=1e-9)


def test_the_same_walk_moves_together_and_its_mirror_apart() -> None:
    path = walk(100, 5)
    moves = comovement([bars(path), bars(path * 3, symbol=ETH), bars(1 / path)])
    assert moves.correlation[0, 1] == pytest.approx(1)
    assert moves.correlation[0, 2] == pytest.approx(-1)


@pytest.mark.parametrize("count", [0, 1, 2, FEWEST_RETURNS])
def test_a_young_asset_has_the_stand_in_and_moves_with_everything(count: int) -> None:
    old, young = (
        bars(walk(100, 6)),
        bars(walk(count, 7), symbol=ETH) if count else empty_bars(ETH, Timeframe.H1),
    )
    moves = comovement([old, young])
    assert moves.deviations[1] == STAND_IN_DEVIATION == 0.08
    assert moves.correlation[0, 1] == moves.correlation[1, 0] == 1
    assert moves.covariance[1, 1] == pytest.approx(0.0064)
    assert moves.covariance[0, 1] == pytest.approx(0.08 * moves.deviations[0])
    assert moves.covariance[0, 0] == pytest.approx(comovement([old]).covariance[0, 0], rel=1e-9)


def test_one_return_more_is_enough() -> None:
    moves = comovement([bars(walk(FEWEST_RETURNS + 1, 8))])
    assert moves.deviations[0] != STAND_IN_DEVIATION


def test_a_desk_without_any_bars_has_stand_ins_only() -> None:
    moves = comovement([empty_bars(BTC, Timeframe.H1), empty_bars(ETH, Timeframe.H1)])
    assert moves.covariance == pytest.approx(np.full((2, 2), 0.0064))


def test_a_gap_is_bridged_with_the_last_price() -> None:
    path = walk(100, 9)
    whole = bars(path)
    hole = np.array([True] * 50 + [False] * 3 + [True] * 47)
    columns = {name: getattr(whole, name)[hole] for name in ("open_ns", "close_ns")}
    close = path[hole]
    holed = Bars(ETH, Timeframe.H1, **columns, open=close, high=close, low=close, close=close, volume=close)
    bridged = path.copy()
    bridged[50:53] = path[49]
    moves = comovement([whole, holed])
    assert moves.covariance[1, 1] == pytest.approx(said_again(bridged, bridged, 24), rel=1e-9)
    assert moves.covariance[0, 1] == pytest.approx(said_again(path, bridged, 24), rel=1e-9)


def test_an_asset_that_fell_silent_stands_still_from_then_on() -> None:
    path, silent = walk(100, 10), walk(90, 11)
    moves = comovement([bars(path), bars(silent, end=-10, symbol=ETH)])
    still = np.concatenate((silent, np.full(10, silent[-1])))
    assert moves.covariance[0, 1] == pytest.approx(said_again(path[-len(still) :], still, 24), rel=0.2)
    assert moves.covariance[1, 1] == pytest.approx(said_again(still, still, 24), rel=1e-9)


def test_a_price_that_never_moves_is_taken_to_move_with_everything() -> None:
    moves = comovement([bars(walk(50, 12)), bars(np.full(50, 7.0), symbol=ETH)])
    assert moves.covariance[1, 1] == 0
    assert moves.correlation[0, 1] == 1


def test_prices_that_make_no_sense_are_unknown() -> None:
    bad = walk(100, 13)
    bad[:90] = -1.0
    moves = comovement([bars(bad)])
    assert moves.deviations[0] == STAND_IN_DEVIATION


def test_a_gap_inside_a_tape_that_ends_on_time_is_bridged() -> None:
    """The second lacks one bar: it begins an hour earlier, and stood still where nothing was traded."""
    whole, longer = walk(40, 1), walk(41, 2)
    first, second = bars(whole), bars(longer, symbol=ETH)
    kept = np.arange(41) != 20
    left, ends = longer[kept], second.close_ns[kept]
    holed = Bars(ETH, Timeframe.H1, ends - HOUR_NS, ends, left, left, left, left, np.ones(40))
    bridged = longer.copy()
    bridged[20] = bridged[19]
    moves = comovement([first, holed])
    assert moves.covariance[1, 1] == pytest.approx(said_again(bridged[1:], bridged[1:], 24), rel=1e-9)
    assert moves.covariance[0, 1] == pytest.approx(said_again(whole, bridged[1:], 24), rel=1e-9)


@pytest.mark.parametrize(("known", "young"), [(FEWEST_RETURNS, False), (FEWEST_RETURNS - 1, True)])
def test_so_many_returns_beside_a_longer_tape_are_enough(known: int, young: bool) -> None:
    moves = comovement([bars(walk(60, 1)), bars(walk(known + 1, 2), symbol=ETH)])
    assert bool(moves.deviations[1] == STAND_IN_DEVIATION) is young


def test_a_price_of_nothing_is_not_known() -> None:
    broken = walk(60, 2)
    broken[30] = 0.0
    moves = comovement([bars(walk(60, 1)), bars(broken, symbol=ETH)])
    assert np.isfinite(moves.covariance).all()
