"""Performance figures, by hand where they can be, else against numpy and pandas."""

from __future__ import annotations

import math
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from domain.errors import DataError
from portfolio.metrics import Performance, performance

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def daily(*equity: float | str) -> list[tuple[datetime, Decimal]]:
    """One point at every midnight."""
    return [(MIDNIGHT + day * DAY, Decimal(str(value))) for day, value in enumerate(equity)]


def walk(points: int, step: timedelta, seed: int = 7) -> list[tuple[datetime, Decimal]]:
    random = np.random.default_rng(seed)
    equity = 100_000 * np.exp(np.cumsum(random.normal(0.0001, 0.01, points)))
    start = MIDNIGHT + timedelta(hours=5, minutes=30)
    return [
        (start + index * step, Decimal(repr(round(float(value), 6)))) for index, value in enumerate(equity)
    ]


def test_four_days_by_hand() -> None:
    """100, 110, 99, 108.9: returns of +10 %, -10 %, +10 %."""
    told = performance(daily(100, 110, 99, "108.9"))
    deviation = math.sqrt(((0.1 - 1 / 30) ** 2 * 2 + (-0.1 - 1 / 30) ** 2) / 2)
    assert told.days == 3
    assert told.total_return == pytest.approx(0.089)
    assert told.max_drawdown == pytest.approx(0.1)
    assert told.volatility == pytest.approx(deviation * math.sqrt(365))
    assert told.sharpe == pytest.approx((1 / 30) / deviation * math.sqrt(365))
    assert told.sharpe == pytest.approx(5.51513, abs=1e-5)
    assert told.sortino == pytest.approx((1 / 30) / math.sqrt(0.01 / 3) * math.sqrt(365))
    assert told.cagr == pytest.approx(1.089 ** (365 / 3) - 1)
    assert told.calmar == pytest.approx((1.089 ** (365 / 3) - 1) / 0.1)
    assert told.omega == pytest.approx(2.0)
    assert told.best_day == pytest.approx(0.1)
    assert told.worst_day == pytest.approx(-0.1)
    assert told.positive_days == pytest.approx(2 / 3)
    assert told.longest_underwater == 2 * DAY


def test_an_hourly_curve_agrees_with_pandas() -> None:
    curve = walk(24 * 90, timedelta(hours=1))
    told = performance(curve)
    series = pd.Series([float(value) for _, value in curve], index=pd.DatetimeIndex([at for at, _ in curve]))
    ends = series.resample("1D", closed="right", label="right").last().dropna()
    levels = np.concatenate(([series.iloc[0]], ends.to_numpy()))
    returns = levels[1:] / levels[:-1] - 1
    elapsed = (curve[-1][0] - curve[0][0]) / DAY
    assert told.days == len(returns) == 91
    assert told.total_return == pytest.approx(series.iloc[-1] / series.iloc[0] - 1)
    assert told.volatility == pytest.approx(np.std(returns, ddof=1) * np.sqrt(365))
    assert told.sharpe == pytest.approx(np.mean(returns) / np.std(returns, ddof=1) * np.sqrt(365))
    downside = np.sqrt(np.mean(np.minimum(returns, 0) ** 2))
    assert told.sortino == pytest.approx(np.mean(returns) / downside * np.sqrt(365))
    assert told.max_drawdown == pytest.approx(float((1 - series / series.cummax()).max()))
    assert told.cagr == pytest.approx((series.iloc[-1] / series.iloc[0]) ** (365 / elapsed) - 1)
    quantile = np.quantile(returns, 0.05)
    assert told.value_at_risk == pytest.approx(-quantile)
    assert told.expected_shortfall == pytest.approx(-np.mean(returns[returns <= quantile]))
    assert told.positive_days == pytest.approx(np.mean(returns > 0))
    assert told.omega == pytest.approx(np.maximum(returns, 0).sum() / -np.minimum(returns, 0).sum())


def test_a_point_at_midnight_ends_the_day_before() -> None:
    curve = [
        (MIDNIGHT + timedelta(hours=12), Decimal(100)),
        (MIDNIGHT + DAY, Decimal(110)),
        (MIDNIGHT + DAY + timedelta(hours=1), Decimal(121)),
    ]
    told = performance(curve)
    assert told.days == 2
    assert told.best_day == told.worst_day == pytest.approx(0.1)


def test_days_without_a_point_are_days_at_rest() -> None:
    curve = [(MIDNIGHT, Decimal(100)), (MIDNIGHT + DAY, Decimal(110)), (MIDNIGHT + 5 * DAY, Decimal(99))]
    told = performance(curve)
    assert told.days == 5
    assert told.positive_days == pytest.approx(0.2)
    assert told.worst_day == pytest.approx(-0.1)


def test_a_fall_within_a_day_is_a_drawdown() -> None:
    curve = [
        (MIDNIGHT + timedelta(hours=hour), Decimal(value))
        for hour, value in ((1, 100), (2, 50), (3, 100), (30, 100))
    ]
    told = performance(curve)
    assert told.max_drawdown == pytest.approx(0.5)
    assert told.worst_day == 0
    assert told.longest_underwater == timedelta(hours=2)


def test_time_under_water_runs_to_the_end_when_the_peak_is_not_reached_again() -> None:
    assert performance(daily(100, 120, 110, 115, 119)).longest_underwater == 3 * DAY


def test_an_empty_curve_says_nothing() -> None:
    told = performance([])
    assert told.days == 0
    assert {getattr(told, each.name) for each in fields(Performance)} == {None, 0}


def test_one_point_has_no_returns() -> None:
    told = performance(daily(100))
    assert (told.total_return, told.max_drawdown, told.days) == (0.0, 0.0, 0)
    assert told.sharpe is told.cagr is told.volatility is told.best_day is told.positive_days is None


def test_a_flat_curve_has_no_ratios() -> None:
    told = performance(daily(100, 100, 100, 100))
    assert (told.total_return, told.cagr, told.volatility, told.max_drawdown) == (0.0, 0.0, 0.0, 0.0)
    assert told.sharpe is told.sortino is told.calmar is told.omega is None


def test_a_curve_that_only_rises_has_no_downside_to_divide_by() -> None:
    told = performance(daily(100, 101, 103, 104))
    assert told.sharpe is not None
    assert told.sortino is told.calmar is told.omega is None
    assert told.longest_underwater == timedelta(0)


def test_less_than_a_day_is_not_annualised() -> None:
    curve = [(MIDNIGHT + timedelta(hours=hour), Decimal(100 + hour)) for hour in range(1, 20)]
    told = performance(curve)
    assert told.days == 1
    assert told.cagr is told.sharpe is None


def test_a_growth_beyond_any_number_is_undefined() -> None:
    assert performance(daily(1, 1_000)).cagr is None


def test_fewer_than_twenty_days_have_no_tail() -> None:
    equity = [100.0 + (-1) ** day for day in range(20)]
    assert performance(daily(*equity)).value_at_risk is None
    assert performance(daily(*equity, 100)).value_at_risk is not None


def test_an_account_that_is_gone_keeps_only_its_fall() -> None:
    told = performance(daily(100, 50, -10))
    assert told.total_return == pytest.approx(-1.1)
    assert told.max_drawdown == pytest.approx(1.1)
    assert told.cagr is told.sharpe is told.worst_day is None


@pytest.mark.parametrize("order", [(0, 2, 1), (0, 1, 1)])
def test_a_curve_out_of_order_is_refused(order: tuple[int, ...]) -> None:
    points = daily(100, 101, 102)
    with pytest.raises(DataError, match="the equity curve goes from"):
        performance([points[index] for index in order])


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_an_equity_that_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(DataError, match="the equity at 2026-01-02"):
        performance(daily(100, value))


def test_times_without_a_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="UTC"):
        performance([(MIDNIGHT.replace(tzinfo=None), Decimal(1))])
