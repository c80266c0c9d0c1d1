"""Returns on one grid, beta, correlation, clusters, contributions to risk and the tree of exposure."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import DataError
from risk.measures.exposure import exposure_tree
from risk.measures.relations import beta, clusters, contributions, correlation, covariance
from risk.measures.returns import HistoryTooShort, Returns, aligned

HOUR = 3600
NS = 1_000_000_000
ASSETS = ("BTC", "ETH", "SOL")


def three(count: int = 300, seed: int = 2) -> Returns:
    """BTC, ETH that follows it, and SOL on its own."""
    random = np.random.default_rng(seed)
    first = random.standard_normal(count) * 0.02
    second = 1.3 * first + random.standard_normal(count) * 0.005
    third = random.standard_normal(count) * 0.04
    return Returns(ASSETS, np.column_stack([first, second, third]), HOUR)


weights = st.fixed_dictionaries({asset: st.floats(0.0, 1.0) for asset in ASSETS}).filter(
    lambda held: sum(held.values()) > 0.01
)


# -- returns


def test_only_moments_that_all_share_count_and_a_gap_gives_no_return() -> None:
    hours = np.array([0, 1, 2, 4, 5], np.int64) * HOUR * NS
    prices = np.array([100.0, 110.0, 99.0, 50.0, 60.0])
    late = np.array([1, 2, 3, 4, 5], np.int64) * HOUR * NS
    found = aligned({"BTC": (hours, prices), "ETH": (late, np.array([1.0, 2.0, 3.0, 4.0, 5.0]))}, HOUR)
    assert found.assets == ("BTC", "ETH")
    assert found.values == pytest.approx(np.array([[-0.1, 1.0], [0.2, 0.25]]))
    assert found.per_day == 24.0


def test_shorter_bars_are_taken_at_the_closes_of_the_longer_ones() -> None:
    hours = np.arange(1, 49, dtype=np.int64) * HOUR * NS
    found = aligned({"BTC": (hours, np.arange(1.0, 49.0))}, 24 * HOUR)
    assert found.values == pytest.approx(np.array([[1.0]]))  # 24 at the first midnight, 48 at the second


def test_two_moments_are_needed_for_a_return_and_prices_must_be_prices() -> None:
    moment = np.array([HOUR * NS], np.int64)
    assert len(aligned({"BTC": (moment, np.array([1.0]))}, HOUR)) == 0
    for price in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(DataError, match="BTC"):
            aligned({"BTC": (moment, np.array([price]))}, HOUR)
    with pytest.raises(DataError, match="2 prices"):
        aligned({"BTC": (moment, np.array([1.0, 2.0]))}, HOUR)
    with pytest.raises(DataError, match="no asset"):
        aligned({}, HOUR)


@pytest.mark.parametrize(
    ("assets", "values", "seconds"),
    [
        (("A",), np.zeros((5, 2)), HOUR),
        (("A", "A"), np.zeros((5, 2)), HOUR),
        (("A",), np.zeros(5), HOUR),
        (("A",), np.zeros((5, 1)), 0),
        (("A",), np.array([[math.nan]]), HOUR),
        (("A",), np.array([[math.inf]]), HOUR),
        (("A",), np.array([[-1.001]]), HOUR),
    ],
)
def test_returns_that_make_no_sense_are_refused(
    assets: tuple[str, ...], values: object, seconds: int
) -> None:
    with pytest.raises(DataError):
        Returns(assets, np.asarray(values, dtype=np.float64), seconds)


def test_a_total_loss_is_a_return() -> None:
    assert Returns(("A",), np.array([[-1.0]]), HOUR).of("A")[0] == -1.0


def test_a_book_is_the_weighted_sum_and_what_it_holds_must_have_returns() -> None:
    returns = three()
    held = returns.of_book({"SOL": 0.5, "BTC": 0.25})
    assert held == pytest.approx(returns.of("BTC") * 0.25 + returns.of("SOL") * 0.5)
    with pytest.raises(DataError, match="DOGE"):
        returns.of_book({"DOGE": 0.1})
    with pytest.raises(DataError, match="DOGE"):
        returns.of("DOGE")
    with pytest.raises(DataError, match="weight of BTC"):
        returns.of_book({"BTC": math.nan})


# -- beta, correlation, clusters


def test_beta_is_the_slope_on_the_market() -> None:
    market = three().of("BTC")
    assert beta(market * 1.7 + 0.01, market) == pytest.approx(1.7)
    assert beta(-market, market) == pytest.approx(-1.0)
    with pytest.raises(DataError, match="does not move"):
        beta(market, np.zeros(len(market)))
    with pytest.raises(DataError, match="same moments"):
        beta(market, market[1:])
    with pytest.raises(HistoryTooShort, match="at least 30"):
        beta(market[:29], market[:29])
    assert beta(market[:30], market[:30]) == pytest.approx(1.0)


def test_the_beta_of_a_book_is_the_weighted_sum_of_its_assets() -> None:
    returns = three()
    market = returns.of("BTC")
    whole = beta(returns.of_book({"ETH": 0.4, "SOL": 0.2}), market)
    assert whole == pytest.approx(
        0.4 * beta(returns.of("ETH"), market) + 0.2 * beta(returns.of("SOL"), market)
    )


def test_correlation_is_symmetric_and_one_with_itself() -> None:
    table = correlation(three())
    assert table == pytest.approx(table.T)
    assert np.diag(table).tolist() == [1.0, 1.0, 1.0]
    assert table[0, 1] > 0.95
    assert abs(table[0, 2]) < 0.2
    assert table == pytest.approx(np.corrcoef(three().values, rowvar=False))


def test_what_stands_still_is_named_and_short_histories_are_refused() -> None:
    values = three().values.copy()
    values[:, 1] = 0.0
    with pytest.raises(DataError, match="ETH does not move"):
        correlation(Returns(ASSETS, values, HOUR))
    with pytest.raises(HistoryTooShort):
        covariance(three(29))
    assert covariance(three(30)).shape == (3, 3)
    assert covariance(Returns(("A",), three().values[:, :1], HOUR)).shape == (1, 1)


def test_clusters_are_chains_of_neighbours() -> None:
    table = np.eye(4)
    table[0, 2] = table[2, 0] = 0.8
    table[2, 3] = table[3, 2] = 0.9
    assert clusters(("A", "B", "C", "D"), table, 0.8) == (("A", "C", "D"), ("B",))
    assert clusters(("A", "B", "C", "D"), table, 0.81) == (("A",), ("B",), ("C", "D"))
    assert clusters((), np.empty((0, 0)), 0.8) == ()


# -- contributions


@settings(max_examples=60, deadline=None)
@given(weights, st.integers(0, 1_000), st.sampled_from([0.9, 0.95, 0.99]))
def test_contributions_add_up_to_the_whole(held: dict[str, float], seed: int, level: float) -> None:
    returns = three(seed=seed)
    found = contributions(returns, held, level)
    book = returns.of_book(held)
    assert sum(part.volatility for part in found.parts) == pytest.approx(found.volatility)
    assert sum(part.cvar for part in found.parts) == pytest.approx(found.cvar)
    assert found.volatility == pytest.approx(float(book.std(ddof=1)))
    from risk.measures.tail import historical

    assert found.cvar == pytest.approx(historical(book, level).cvar)


def test_a_contribution_is_what_a_little_more_of_the_asset_adds() -> None:
    returns, held = three(), {"BTC": 0.3, "ETH": 0.3, "SOL": 0.1}
    found = contributions(returns, held, 0.95)
    for part in found.parts:
        more = contributions(returns, {**held, part.asset: held[part.asset] * 1.0001}, 0.95)
        assert (more.volatility - found.volatility) / 0.0001 == pytest.approx(part.volatility, rel=1e-2)
        assert (more.cvar - found.cvar) / 0.0001 == pytest.approx(part.cvar, rel=1e-2)


def test_a_hedge_contributes_less_than_nothing() -> None:
    market = three().of("BTC")
    returns = Returns(("A", "B"), np.column_stack([market, -0.5 * market]), HOUR)
    found = contributions(returns, {"A": 1.0, "B": 0.5}, 0.95)
    assert found.parts[1].volatility < 0.0
    assert found.parts[1].cvar < 0.0


def test_contributions_need_a_book_that_moves_and_enough_history() -> None:
    with pytest.raises(DataError, match="does not move"):
        contributions(three(), {"BTC": 0.0}, 0.95)
    with pytest.raises(HistoryTooShort, match="at least 100"):
        contributions(three(99), {"BTC": 0.5}, 0.99)
    assert contributions(three(100), {"BTC": 0.5}, 0.99).parts[0].asset == "BTC"


# -- exposure


def test_the_tree_has_clusters_of_what_is_held_largest_first() -> None:
    values = {"BTC": Decimal(200), "ETH": Decimal(100), "SOL": Decimal(400), "XRP": Decimal(50)}
    tree = exposure_tree(values, Decimal(1000), (("BTC", "ETH", "ADA"), ("SOL", "DOT")))
    assert (tree.name, tree.value, tree.share) == ("total", Decimal(750), Decimal("0.75"))
    assert [part.name for part in tree.parts] == ["SOL", "BTC + ETH", "XRP"]
    assert tree.parts[1].value == 300
    assert [leaf.name for leaf in tree.parts[1].parts] == ["BTC", "ETH"]
    assert tree.parts[0].parts == ()


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from("ABCDEF"), st.decimals(0, 10**6, places=2)), st.integers(1, 10**7))
def test_every_branch_is_the_sum_of_its_parts(held: dict[str, Decimal], equity: int) -> None:
    tree = exposure_tree(held, Decimal(equity), (("A", "B"), ("D", "E", "F")))
    assert tree.value == sum(held.values(), Decimal(0))
    for branch in (tree, *tree.parts):
        if branch.parts:
            assert branch.value == sum((part.value for part in branch.parts), Decimal(0))
            assert branch.share == branch.value / equity


def test_an_equity_or_a_value_that_makes_no_sense_is_refused() -> None:
    for equity in ("0", "-1", "NaN", "Infinity"):
        with pytest.raises(DataError, match="equity"):
            exposure_tree({}, Decimal(equity), ())
    for value in ("-0.01", "NaN", "Infinity"):
        with pytest.raises(DataError, match="BTC"):
            exposure_tree({"BTC": Decimal(value)}, Decimal(1), ())
