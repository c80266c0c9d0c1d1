"""Allocation against reference computations, its laws, and what it refuses."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.errors import ConfigError, DataError
from domain.money import Symbol
from portfolio.allocation import FEWEST_RETURNS, METHODS, Allocation, AllocationPolicy, Returns, allocate
from portfolio.sizing import WEIGHT_STEP

Floats = NDArray[np.float64]
NAMES = ("ADA", "BTC", "DOT", "ETH", "SOL", "XRP")
LEARNED = tuple(method for method in METHODS if method != "equal")
WHOLE = {"invested_fraction": Decimal(1)}


def returns(count: int = 5, bars: int = 300, seed: int = 1) -> Returns:
    """One common factor, and as much of each symbol's own."""
    random = np.random.default_rng(seed)
    market = random.normal(0, 0.004, (bars, 1)) * random.uniform(0.4, 1.6, count)
    own = random.normal(0, 0.004, (bars, count)) * random.uniform(0.4, 2.0, count)
    return Returns(tuple(Symbol(f"{name}/USDT") for name in NAMES[:count]), market + own)


def run(given: Returns, method: str, previous: Any = None, **more: Any) -> Allocation:
    return allocate(given, AllocationPolicy(method=method, **more), previous)


def vector(found: Allocation) -> Floats:
    return np.array([float(weight) for weight in found.weights.values()])


def ledoit_wolf(values: Floats) -> Floats:
    from sklearn.covariance import ledoit_wolf as reference

    covariance: Floats = reference(values)[0]
    return covariance


@settings(deadline=None, max_examples=12)
@given(st.integers(1, 6), st.integers(0, 10_000), st.decimals("0.1", "1", places=2), st.sampled_from(METHODS))
def test_weights_are_never_negative_and_add_up_to_no_more_than_is_invested(
    count: int, seed: int, invested: Decimal, method: str
) -> None:
    found = run(returns(count, 120, seed), method, invested_fraction=invested)
    assert all(weight >= 0 and weight % WEIGHT_STEP == 0 for weight in found.weights.values())
    assert invested - count * WEIGHT_STEP <= sum(found.weights.values()) <= invested


@settings(deadline=None, max_examples=12)
@given(st.permutations(range(5)), st.integers(0, 10_000), st.sampled_from(METHODS))
def test_the_order_of_the_symbols_does_not_matter(order: list[int], seed: int, method: str) -> None:
    given = returns(5, 120, seed)
    mixed = Returns(tuple(given.symbols[column] for column in order), given.values[:, order])
    one, other = run(given, method), run(mixed, method)
    assert dict(one.weights) == dict(other.weights)
    assert tuple(other.weights) == mixed.symbols


@pytest.mark.parametrize("method", METHODS)
def test_the_same_returns_give_the_same_weights(method: str) -> None:
    assert run(returns(), method) == run(returns(), method)


def test_the_covariance_is_that_of_scikit_learn() -> None:
    from portfolio.allocation_methods import shrunk_covariance

    values = returns(5, 60, 3).values
    ours, theirs = shrunk_covariance(values), ledoit_wolf(values)
    assert np.allclose(ours, theirs, rtol=1e-12, atol=0)
    sample = np.cov(values.T, ddof=0)
    away = np.abs(sample - np.diag(np.diag(sample))).sum()
    assert np.abs(ours - np.diag(np.diag(ours))).sum() < away, "nothing was shrunk"


def test_inverse_volatility_by_hand() -> None:
    given = returns()
    inverse = 1 / np.sqrt(np.diag(ledoit_wolf(given.values)))
    assert np.allclose(
        vector(run(given, "inverse_volatility", **WHOLE)), inverse / inverse.sum(), atol=1.1e-4
    )


def test_risk_parity_gives_equal_contributions() -> None:
    given = returns(6, 500, 2)
    weights = vector(run(given, "risk_parity", **WHOLE))
    contributions = weights * (ledoit_wolf(given.values) @ weights)
    assert np.allclose(contributions / contributions.sum(), 1 / 6, atol=2e-3)
    assert np.ptp(weights) > 0.05, "these assets are not alike"


def test_min_variance_by_the_closed_form_when_no_bound_binds() -> None:
    random = np.random.default_rng(4)
    values = random.normal(0, 0.01, (400, 4)) * np.array([1.0, 1.2, 0.8, 1.1])
    given = Returns(tuple(Symbol(f"{name}/USDT") for name in NAMES[:4]), values)
    inverse = np.linalg.solve(ledoit_wolf(values), np.ones(4))
    expected = inverse / inverse.sum()
    assert (expected > 0.05).all()
    found = vector(run(given, "min_variance", cost_fraction=Decimal(0), **WHOLE))
    assert np.allclose(found, expected, atol=3e-4)


def lopez_de_prado(covariance: Floats) -> Floats:
    """Hierarchical risk parity, step by step, after the paper (2016), in plain Python.

    Distances sqrt((1 - rho) / 2), single linkage, leaves in the order of the tree, then halves from the top
    down, each weighed by the inverse of its variance under inverse-variance weights.
    """
    deviations = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviations, deviations)
    distance = np.sqrt(np.clip((1 - correlation) / 2, 0, 1))
    count = len(covariance)
    # Each cluster knows its number (a new one is numbered on) and its leaves in order.
    clusters = {number: [number] for number in range(count)}
    for made in range(count, 2 * count - 1):
        pairs = [(a, b) for a in clusters for b in clusters if a < b]
        near = min(pairs, key=lambda p: min(distance[i, j] for i in clusters[p[0]] for j in clusters[p[1]]))
        clusters[made] = clusters.pop(near[0]) + clusters.pop(near[1])
    (order,) = clusters.values()

    def variance(leaves: list[int]) -> float:
        part = covariance[np.ix_(leaves, leaves)]
        inverse = 1 / np.diag(part)
        inverse /= inverse.sum()
        return float(inverse @ part @ inverse)

    weights = np.ones(count)
    waiting = [order]
    while waiting:
        leaves = waiting.pop()
        if len(leaves) < 2:
            continue
        left, right = leaves[: len(leaves) // 2], leaves[len(leaves) // 2 :]
        share = 1 - variance(left) / (variance(left) + variance(right))
        weights[left] *= share
        weights[right] *= 1 - share
        waiting += [left, right]
    return weights


@pytest.mark.parametrize(("count", "seed"), [(2, 1), (3, 5), (4, 2), (5, 3), (6, 4), (6, 9)])
def test_hrp_is_lopez_de_prados_algorithm(count: int, seed: int) -> None:
    given = returns(count, 250, seed)
    expected = lopez_de_prado(ledoit_wolf(given.values))
    assert expected.sum() == pytest.approx(1.0)
    assert np.allclose(vector(run(given, "hrp", **WHOLE)), expected, atol=1.1e-4)


def test_mean_cvar_leaves_what_falls_hardest() -> None:
    random = np.random.default_rng(8)
    values = random.normal(0.0, 0.004, (400, 3))
    values[::20, 2] -= 0.08  # one bar in twenty it crashes: just the tail that is looked at
    weights = vector(run(Returns(returns(3).symbols, values), "mean_cvar", **WHOLE))
    assert weights[2] < 0.01


@pytest.mark.parametrize("method", ["min_variance", "mean_cvar"])
def test_a_dear_trade_is_not_made(method: str) -> None:
    given = returns(3, 300, 6)
    held = {symbol: Decimal("0.25") for symbol in given.symbols}
    more = {"invested_fraction": Decimal("0.75"), "cost_horizon_bars": 1}
    free = run(given, method, held, cost_fraction=Decimal(0), **more)
    dear = run(given, method, held, cost_fraction=Decimal("0.1"), **more)
    assert free.turnover > Decimal("0.1")
    assert dear.turnover < Decimal("0.002")


def test_turnover_is_bounded_by_going_only_part_of_the_way() -> None:
    given = returns(4)
    whole = run(given, "hrp")
    assert (whole.turnover, whole.partial) == (sum(whole.weights.values()), False)
    part = run(given, "hrp", max_turnover_fraction=Decimal("0.30"))
    assert part.partial
    assert Decimal("0.2995") <= part.turnover <= Decimal("0.30")
    for symbol in given.symbols:
        assert float(part.weights[symbol] / whole.weights[symbol]) == pytest.approx(0.4, abs=2e-3)
    exact = run(given, "equal", max_turnover_fraction=Decimal("0.75"))
    assert not exact.partial


def test_what_is_above_the_cap_stays_cash() -> None:
    found = run(returns(2), "equal", max_weight_fraction=Decimal("0.30"))
    assert list(found.weights.values()) == [Decimal("0.3000"), Decimal("0.3000")]


@pytest.mark.parametrize("method", METHODS)
def test_one_asset_gets_all_that_is_invested(method: str) -> None:
    assert list(run(returns(1, 3), method).weights.values()) == [Decimal("0.7500")]


def spoiled(kind: str) -> tuple[Returns, str]:
    given = returns(4, 200, 7)
    values = given.values.copy()
    match kind:
        case "nan":
            values[17, 2] = np.nan
            words = "a return of DOT/USDT is not a finite number"
        case "infinite":
            values[0, 0] = np.inf
            words = "a return of ADA/USDT is not a finite number"
        case "constant":
            values[:, 3] = 0.0
            words = "the price of ETH/USDT never moves"
        case "short":
            values = values[: FEWEST_RETURNS - 1]
            words = "29 returns are too few for 4 symbols"
        case _:
            values[:, 1] = values[:, 0]
            words = "the covariance is singular: ADA/USDT and BTC/USDT move as one"
    return Returns(given.symbols, values), words


BAD = ("nan", "infinite", "constant", "short")


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("method", LEARNED)
def test_bad_data_is_refused_by_name(kind: str, method: str) -> None:
    given, words = spoiled(kind)
    with pytest.raises(DataError, match=words):
        run(given, method)


@pytest.mark.parametrize("method", LEARNED)
def test_shrinking_mends_two_symbols_that_move_as_one(method: str) -> None:
    weights = run(spoiled("singular")[0], method).weights
    assert sum(weights.values()) <= Decimal("0.75")
    if method != "mean_cvar":  # which looks at the tail alone, where two alike are one
        assert weights[Symbol("ADA/USDT")] == pytest.approx(weights[Symbol("BTC/USDT")], abs=Decimal("0.08"))


@pytest.mark.parametrize("kind", BAD)
def test_equal_weights_stand_in_only_when_said_so_and_on_record(kind: str) -> None:
    given, words = spoiled(kind)
    found = run(given, "hrp", on_bad_data="equal")
    assert list(found.weights.values()) == [Decimal("0.1875")] * 4
    assert found.fallback == f"equal weights instead of hrp: {words}"
    assert run(returns(4), "hrp", on_bad_data="equal").fallback == ""


def test_a_covariance_that_stays_singular_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from portfolio import allocation_methods

    def unshrunk(values: Floats) -> Floats:
        return np.cov(values.T)

    monkeypatch.setattr(allocation_methods, "shrunk_covariance", unshrunk)
    given, words = spoiled("singular")
    with pytest.raises(DataError, match=words):
        run(given, "hrp")


def test_fewer_bars_than_assets_are_refused() -> None:
    names = tuple(Symbol(f"C{number}/USDT") for number in range(40))
    values = np.random.default_rng(0).normal(0, 0.01, (41, 40))
    with pytest.raises(DataError, match="40 returns are too few for 40 symbols"):
        run(Returns(names, values[:40]), "hrp")
    assert run(Returns(names, values), "hrp").bars == 41


def test_thirty_returns_are_enough() -> None:
    given = returns(4, FEWEST_RETURNS)
    assert run(given, "hrp").bars == FEWEST_RETURNS


def test_equal_weights_need_no_returns() -> None:
    given = Returns(returns(4).symbols, np.empty((0, 4)))
    assert list(run(given, "equal").weights.values()) == [Decimal("0.1875")] * 4


def test_returns_that_fit_nothing_are_refused() -> None:
    symbols = returns(2).symbols
    with pytest.raises(DataError, match="nothing to allocate to"):
        Returns((), np.empty((10, 0)))
    with pytest.raises(DataError, match="do not fit 2 symbols"):
        Returns(symbols, np.zeros((10, 3)))
    with pytest.raises(DataError, match="twice"):
        Returns((symbols[0], symbols[0]), np.zeros((10, 2)))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"method": "astrology"}, "not an allocation method"),
        ({"on_bad_data": "guess"}, "on_bad_data 'guess' is unknown"),
        ({"invested_fraction": Decimal(0)}, "invested_fraction"),
        ({"invested_fraction": Decimal("1.01")}, "invested_fraction"),
        ({"max_weight_fraction": Decimal("1.01")}, "max_weight_fraction"),
        ({"max_turnover_fraction": Decimal("2.01")}, "max_turnover_fraction"),
        ({"max_turnover_fraction": Decimal(0)}, "max_turnover_fraction"),
        ({"risk_aversion": Decimal("NaN")}, "risk_aversion"),
        ({"cost_fraction": Decimal("-0.001")}, "cost_fraction"),
        ({"cost_fraction": Decimal("0.101")}, "cost_fraction"),
        ({"cost_horizon_bars": 0}, "cost_horizon_bars"),
    ],
)
def test_settings_that_make_no_sense_are_refused(told: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        AllocationPolicy(**told)
