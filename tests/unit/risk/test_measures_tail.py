"""Value at risk and shortfall: worked examples, laws, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import DataError
from risk.measures.bending import bend, bent_quantile, bent_shortfall, moments, rises
from risk.measures.returns import Column, HistoryTooShort
from risk.measures.tail import (
    METHODS,
    WARM_UP,
    Tail,
    cornish_fisher,
    empirical,
    ewma_volatility,
    filtered,
    historical,
    needed,
    tail_weights,
)


def fat(count: int = 600, seed: int = 3) -> Column:
    """Returns with fat tails and no trend."""
    return np.random.default_rng(seed).standard_t(6, count) * 0.02


def _bends(returns: Column) -> bool:
    """Whether a Cornish-Fisher distribution has the shape of this sample: most have one, not all."""
    try:
        cornish_fisher(returns, 0.95)
    except DataError:
        return False
    return True


columns = st.integers(0, 10_000).map(lambda seed: fat(400, seed)).filter(_bends)


def test_of_a_hundred_losses_the_second_worst_is_the_value_at_risk_at_99_percent() -> None:
    losses = np.arange(1.0, 101.0)
    assert empirical(losses, 0.99) == pytest.approx((99.0, 100.0))
    assert empirical(losses, 0.95) == pytest.approx((95.0, (96 + 97 + 98 + 99 + 100) / 5))


def test_ties_and_a_level_between_two_losses_share_the_tail_as_the_formula_says() -> None:
    # F jumps over 0.9 at the loss 3; half of the worst tenth of 15 lies at 3, the rest at 5.
    losses = np.array([1.0] * 13 + [3.0, 5.0])
    var, cvar = empirical(losses, 0.9)
    assert var == 3.0
    assert cvar == pytest.approx(3.0 + (5.0 - 3.0) / 15 / 0.1)


def test_losses_are_positive_and_the_number_of_observations_is_told() -> None:
    returns = np.array([0.01] * 99 + [-0.5])
    tail = historical(returns, 0.98)
    assert (tail.var, tail.observations, tail.method, tail.level) == (-0.01, 100, "historical", 0.98)
    assert tail.cvar == pytest.approx(-0.01 + 0.51 / 100 / 0.02)


@settings(max_examples=30, deadline=None)
@given(columns, st.sampled_from(sorted(METHODS)), st.sampled_from([0.9, 0.95, 0.975, 0.99]))
def test_the_shortfall_is_never_below_the_value_at_risk(returns: Column, method: str, level: float) -> None:
    tail = METHODS[method](returns, level)
    assert tail.cvar >= tail.var - 1e-12


@settings(max_examples=30, deadline=None)
@given(columns, st.sampled_from(sorted(METHODS)), st.floats(0.1, 50.0))
def test_a_book_so_many_times_as_large_risks_so_many_times_as_much(
    returns: Column, method: str, factor: float
) -> None:
    one, many = METHODS[method](returns, 0.95), METHODS[method](returns * factor, 0.95)
    assert many.var == pytest.approx(one.var * factor, rel=1e-6)
    assert many.cvar == pytest.approx(one.cvar * factor, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(columns, columns)
def test_the_shortfall_of_two_books_together_is_at_most_that_of_both(one: Column, other: Column) -> None:
    def shortfall(returns: Column) -> float:
        return historical(returns, 0.95).cvar

    assert shortfall(one + other) <= shortfall(one) + shortfall(other) + 1e-12


@settings(max_examples=30, deadline=None)
@given(columns, st.floats(-0.05, 0.05))
def test_a_certain_gain_lowers_the_loss_by_as_much(returns: Column, gain: float) -> None:
    for method in (historical, cornish_fisher):
        assert method(returns + gain, 0.95).var == pytest.approx(method(returns, 0.95).var - gain, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.5001, 0.75, 0.9, 0.99]))
def test_the_weights_of_the_tail_add_up_to_one_and_give_the_shortfall(seed: int, level: float) -> None:
    losses = np.random.default_rng(seed).integers(0, 12, 120).astype(float)  # many ties
    weights = tail_weights(losses, level)
    assert weights.min() >= 0.0
    assert weights.sum() == pytest.approx(1.0)
    assert weights @ losses == pytest.approx(empirical(losses, level)[1])


def test_without_skewness_and_kurtosis_it_is_the_normal_quantile() -> None:
    assert bend(0.0, 0.0) == (0.0, 0.0)
    assert bent_quantile(0.01, 0.0, 0.0) == pytest.approx(-2.326348, abs=1e-6)
    assert bent_shortfall(0.01, 0.0, 0.0) == pytest.approx(-2.665214, abs=1e-6)


def test_the_expansion_is_the_published_one() -> None:
    # z at 5 % is -1.644854; with s = -0.5 and k = 1 the terms are worked out by hand:
    # (z^2 - 1) s / 6 = -0.142129, (z^3 - 3 z) k / 24 = 0.020181, (2 z^3 - 5 z) s^2 / 36 = -0.004698
    s, k = -0.5, 1.0
    bent = -1.644854 - 0.142129 + 0.020181 + 0.004698
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    w = (
        nodes
        + (nodes**2 - 1) * s / 6
        + (nodes**3 - 3 * nodes) * k / 24
        - (2 * nodes**3 - 5 * nodes) * s * s / 36
    )
    deviation = math.sqrt(float(weights @ w**2) / float(weights.sum()))
    assert bent_quantile(0.05, s, k) == pytest.approx(bent / deviation, abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.floats(-1.0, 1.0), st.floats(3.0, 20.0))
def test_what_is_bent_has_the_skewness_and_kurtosis_it_was_bent_to(skewness: float, excess: float) -> None:
    s, k = bend(skewness, excess)
    quantiles = np.array([bent_quantile(p, s, k) for p in (np.arange(2_000) + 0.5) / 2_000])
    assert (np.diff(quantiles) >= 0.0).all()
    mean, deviation, seen_skewness, seen_excess = moments(quantiles)
    assert mean == pytest.approx(0.0, abs=2e-3)
    assert deviation == pytest.approx(1.0, abs=2e-2)
    assert seen_skewness == pytest.approx(skewness, abs=0.15)
    assert seen_excess == pytest.approx(excess, rel=0.3)


@settings(max_examples=30, deadline=None)
@given(st.floats(-0.8, 0.8), st.floats(3.0, 15.0), st.sampled_from([0.01, 0.05, 0.2]))
def test_the_bent_shortfall_is_the_mean_of_the_quantiles_beyond(
    skewness: float, excess: float, probability: float
) -> None:
    s, k = bend(skewness, excess)
    points = (np.arange(1_000) + 0.5) / 1_000 * probability
    mean = float(np.mean([bent_quantile(point, s, k) for point in points]))
    assert bent_shortfall(probability, s, k) == pytest.approx(mean, rel=5e-3)


@pytest.mark.parametrize(("skewness", "excess"), [(-2.0, 5.0), (0.0, -1.0), (0.0, 60.0), (5.0, 30.0)])
def test_a_shape_no_expansion_has_is_said_to_be_none(skewness: float, excess: float) -> None:
    with pytest.raises(DataError, match="historical or the filtered"):
        bend(skewness, excess)


def test_the_expansion_rises_exactly_inside_its_domain() -> None:
    assert rises(0.0, 0.0)
    assert rises(0.0, 7.999)
    assert not rises(0.0, 8.0)
    assert not rises(0.0, 8.001)
    assert not rises(0.0, -0.001)
    assert not rises(1.0, 0.5)


def test_a_normal_sample_gives_the_same_by_all_methods() -> None:
    returns = np.random.default_rng(11).standard_normal(40_000) * 0.01
    for method in METHODS.values():
        tail = method(returns, 0.99)
        assert tail.var == pytest.approx(0.02326, rel=0.12)
        assert tail.cvar == pytest.approx(0.02665, rel=0.12)


def test_the_filter_weighs_yesterday_with_its_decay_and_begins_with_the_first_thirty() -> None:
    returns = np.array([0.01] * WARM_UP + [0.05])
    volatility = ewma_volatility(returns)
    assert len(volatility) == WARM_UP + 2
    assert volatility[WARM_UP] == pytest.approx(0.01)
    assert volatility[-1] == pytest.approx(math.sqrt(0.94 * 0.01**2 + 0.06 * 0.05**2))


def test_filtered_risk_follows_the_volatility_of_now() -> None:
    calm, wild = fat(500, 1), fat(120, 2) * 4
    rising, falling = np.concatenate([calm, wild]), np.concatenate([wild, calm])
    assert filtered(rising, 0.95).var > 2 * historical(rising, 0.95).var
    assert filtered(falling, 0.95).var < historical(falling, 0.95).var
    assert filtered(rising, 0.95).observations == len(rising) - WARM_UP


def test_the_root_of_time_scales_both() -> None:
    assert Tail("historical", 0.99, 0.1, 0.2, 7).scaled(4.0) == Tail("historical", 0.99, 0.2, 0.4, 7)


def test_a_tail_needs_fifty_returns_and_one_beyond_its_level() -> None:
    assert (needed(0.9), needed(0.98), needed(0.99), needed(0.995)) == (50, 50, 100, 200)
    for bad in (0.5, 1.0, 0.01, math.nan):
        with pytest.raises(DataError, match="level"):
            needed(bad)


@pytest.mark.parametrize(
    ("method", "fewest"), [("historical", 100), ("filtered", 130), ("cornish-fisher", 100)]
)
def test_too_short_a_history_is_refused_with_how_many_are_needed(method: str, fewest: int) -> None:
    METHODS[method](fat(fewest), 0.99)
    with pytest.raises(HistoryTooShort, match=f"at least {fewest} returns, there are {fewest - 1}") as caught:
        METHODS[method](fat(fewest - 1), 0.99)
    assert (caught.value.needs, caught.value.has) == (fewest, fewest - 1)


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_return_that_is_no_number_is_refused(method: str, bad: float) -> None:
    returns = fat(200)
    returns[7] = bad
    with pytest.raises(DataError, match="return 8 is not a finite number"):
        METHODS[method](returns, 0.99)


def test_a_table_is_no_column_and_a_standing_market_has_no_filter() -> None:
    with pytest.raises(DataError, match="one column"):
        historical(np.zeros((200, 2)), 0.99)
    for method in (filtered, cornish_fisher):
        with pytest.raises(DataError, match="do not move"):
            method(np.zeros(200), 0.99)
    for decay in (0.0, 1.0):
        with pytest.raises(DataError, match="decay"):
            ewma_volatility(fat(200), decay)
