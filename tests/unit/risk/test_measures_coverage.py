"""The backtest of value at risk: published figures, and forecasts known to be right or wrong."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from domain.errors import DataError
from risk.measures.coverage import (
    WINDOW,
    Hits,
    LikelihoodRatio,
    coverage,
    forecasts,
    judge,
    one_degree,
    two_degrees,
)
from risk.measures.returns import HistoryTooShort
from risk.measures.tail import METHODS, WARM_UP


def hits(count: int, exceeded: int) -> Hits:
    """So many exceedances, all at the beginning."""
    series = np.zeros(count, np.int8)
    series[:exceeded] = 1
    return series


# Kupiec (1995), table 3: the numbers of failures at which the test does not reject at 5 %, strictly between.
KUPIEC = [
    (0.99, 255, None, 7),
    (0.99, 510, 1, 11),
    (0.99, 1000, 4, 17),
    (0.975, 255, 2, 12),
    (0.975, 510, 6, 21),
    (0.975, 1000, 15, 36),
    (0.95, 255, 6, 21),
    (0.95, 510, 16, 36),
    (0.95, 1000, 37, 65),
    (0.90, 255, 16, 36),
    (0.90, 510, 38, 65),
    (0.90, 1000, 81, 120),
]


@pytest.mark.parametrize(("level", "count", "low", "high"), KUPIEC)
def test_the_regions_of_kupiecs_table(level: float, count: int, low: int | None, high: int) -> None:
    accepted = [x for x in range(count) if not judge(hits(count, x), level).kupiec.rejects()]
    first = 0 if low is None else low + 1
    inside = set(range(first, high))
    # Kupiec's own rounding puts a count that lies on the edge on either side of it.
    assert inside ^ set(accepted) <= {first - 1, first, high - 1, high}
    assert len(inside ^ set(accepted)) <= 1


def test_a_worked_example_of_both_tests() -> None:
    """P. Jorion, Value at Risk, 3rd edition, chapter 6: 20 exceptions of a 95 % VaR in 252 days, 6 of them
    right after another: LR of 3.91 for the number, 9.53 for the spacing, 13.44 for both."""
    days = np.array([0] + ([1, 1] + [0] * 12) * 6 + ([1] + [0] * 12) * 8 + [0] * 64, np.int8)
    pairs = list(itertools.pairwise(days.tolist()))
    counts = [pairs.count(pair) for pair in ((0, 0), (0, 1), (1, 0), (1, 1))]
    assert counts == [218, 14, 14, 6]
    assert judge(days[1:], 0.95).kupiec.statistic == pytest.approx(3.91, abs=0.005)
    found = judge(days, 0.95)  # the 252 pairs need the day before the first
    assert (found.observations, found.exceedances) == (253, 20)
    assert found.expected == pytest.approx(12.65)
    assert found.independence.statistic == pytest.approx(9.53, abs=0.005)
    assert found.conditional.statistic == pytest.approx(found.kupiec.statistic + found.independence.statistic)
    assert found.kupiec.rejects()
    assert found.independence.rejects(0.01)
    assert found.conditional.rejects(0.01)


@pytest.mark.parametrize(
    ("statistic", "one", "two"), [(3.841459, 0.05, None), (6.634897, 0.01, None), (5.991465, None, 0.05)]
)
def test_the_p_values_are_those_of_chi_squared(
    statistic: float, one: float | None, two: float | None
) -> None:
    if one is not None:
        assert one_degree(statistic).p_value == pytest.approx(one, rel=1e-5)
        assert not one_degree(statistic - 1e-4).rejects(one)
        assert one_degree(statistic + 1e-4).rejects(one)
    if two is not None:
        assert two_degrees(statistic).p_value == pytest.approx(two, rel=1e-5)


def test_neither_no_exceedance_nor_nothing_else_breaks_the_tests() -> None:
    none, all_of_them = judge(hits(100, 0), 0.99), judge(hits(100, 100), 0.99)
    assert none.kupiec.statistic == pytest.approx(-200 * np.log(0.99))
    assert none.independence.statistic == all_of_them.independence.statistic == 0.0
    assert all_of_them.kupiec.statistic == pytest.approx(-200 * np.log(0.01))


def test_where_there_was_no_forecast_nothing_is_counted() -> None:
    series = np.array([1, -1, 1, 0, -1, 0, 0], np.int8)
    found = judge(series, 0.9)
    assert (found.observations, found.exceedances) == (5, 2)
    assert found.independence.statistic == pytest.approx(
        judge(np.array([1, 0], np.int8), 0.9).independence.statistic, abs=1e-9
    )
    with pytest.raises(DataError, match="no forecast"):
        judge(np.array([-1, -1], np.int8), 0.9)


def test_pairs_across_a_missing_forecast_are_none() -> None:
    series = np.array([0, 0, 1, 1, -1, 0, 0, 1, 1], np.int8)
    # Twice 00, 01, 11: after calm one in two was exceeded, after an exceedance all, together four of six.
    expected = 2 * (4 * np.log(0.5) - (2 * np.log(1 / 3) + 4 * np.log(2 / 3)))
    assert judge(series, 0.9).independence.statistic == pytest.approx(expected)


def test_a_loss_that_only_meets_its_forecast_exceeds_nothing() -> None:
    flat = np.tile([0.01, -0.01], 250)
    assert coverage(flat, 0.95, "historical").exceedances == 0


def test_a_test_rejects_below_its_significance_and_not_at_it() -> None:
    ratio = LikelihoodRatio(4.0, 0.05)
    assert not ratio.rejects(0.05)
    assert ratio.rejects(0.0501)


def test_right_forecasts_are_rejected_about_as_often_as_the_significance_says() -> None:
    random = np.random.default_rng(5)
    verdicts = [judge((random.random(1000) < 0.05).astype(np.int8), 0.95) for _ in range(400)]
    for test in ("kupiec", "independence", "conditional"):
        rejected = np.mean([getattr(verdict, test).rejects() for verdict in verdicts])
        assert 0.01 <= rejected <= 0.11


def test_wrong_forecasts_are_found_out() -> None:
    random = np.random.default_rng(6)
    too_many = judge((random.random(1000) < 0.09).astype(np.int8), 0.95)
    assert too_many.kupiec.rejects(0.001)
    bunched = np.repeat((random.random(250) < 0.05).astype(np.int8), 4)
    assert judge(bunched, 0.95).independence.rejects(0.001)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_independent_returns_pass_by_every_method(method: str) -> None:
    returns = np.random.default_rng(8).standard_t(8, 1_500) * 0.02
    found = coverage(returns, 0.95, method)
    assert 0.7 * found.expected < found.exceedances < 1.3 * found.expected
    assert not found.conditional.rejects(0.01)


def test_only_the_filtered_forecasts_follow_a_change_of_volatility() -> None:
    random = np.random.default_rng(9)
    level = np.exp(1.2 * np.sin(np.arange(2_000) / 120))
    returns = random.standard_normal(2_000) * 0.01 * level
    assert coverage(returns, 0.95, "historical").conditional.rejects(0.001)
    assert not coverage(returns, 0.95, "filtered").kupiec.rejects(0.01)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_forecast_knows_nothing_of_what_follows(method: str) -> None:
    returns = np.random.default_rng(4).standard_t(6, 420) * 0.02
    changed = returns.copy()
    changed[400:] *= 9.0
    ahead = len(returns) - 400
    before, after = forecasts(returns, 0.95, method), forecasts(changed, 0.95, method)
    kept = len(before) - ahead + 1  # the one for return 400 was made before it was known
    assert np.array_equal(before[:kept], after[:kept], equal_nan=True)
    assert not np.array_equal(before[kept:], after[kept:], equal_nan=True)


@pytest.mark.parametrize("method", ["historical", "cornish-fisher"])
def test_the_first_forecast_is_what_the_method_says_of_the_window(method: str) -> None:
    returns = np.random.default_rng(4).standard_t(8, 400) * 0.02
    assert forecasts(returns, 0.95, method)[0] == pytest.approx(METHODS[method](returns[:WINDOW], 0.95).var)
    assert len(forecasts(returns, 0.95, method)) == len(returns) - WINDOW


def test_the_filtered_forecast_is_what_the_method_says_of_everything_before() -> None:
    returns = np.random.default_rng(4).standard_t(6, 400) * 0.02
    first = METHODS["filtered"](returns[: WINDOW + WARM_UP], 0.95).var
    assert forecasts(returns, 0.95, "filtered")[0] == pytest.approx(first)


def test_too_short_a_history_an_unknown_method_and_a_short_window_are_refused() -> None:
    returns = np.random.default_rng(4).standard_t(6, 379) * 0.02
    with pytest.raises(HistoryTooShort, match="at least 380 returns, there are 379"):
        coverage(returns, 0.99, "historical")
    assert coverage(np.append(returns, 0.0), 0.99, "historical").observations == 130
    with pytest.raises(DataError, match="'guess'"):
        forecasts(returns, 0.99, "guess")
    with pytest.raises(HistoryTooShort, match="window"):
        forecasts(returns, 0.99, "historical", window=99)
    assert len(forecasts(returns, 0.99, "historical", window=100)) == 279
