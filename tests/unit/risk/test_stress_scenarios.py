"""Named shocks: what a book loses in them, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import ConfigError, DataError, NotFound
from risk.stress.scenarios import SCENARIOS, Scenario, loss, named, worst

HALF = Scenario("half", {"BTC": Decimal("-0.5"), "GOLD": Decimal("0.1")}, Decimal("-0.25"), "for tests")
ASSETS = ("BTC", "ETH", "SOL", "USDT", "NEW")

values = st.dictionaries(
    st.sampled_from(ASSETS), st.decimals(min_value=0, max_value=10**9, places=2), max_size=len(ASSETS)
)


def test_a_loss_is_the_sum_of_what_every_holding_loses() -> None:
    book = {"BTC": Decimal(1000), "ETH": Decimal(400), "GOLD": Decimal(200)}
    assert loss(HALF, book) == Decimal(500) + Decimal(100) - Decimal(20)


def test_an_empty_book_loses_nothing_and_a_gain_is_a_negative_loss() -> None:
    assert loss(HALF, {}) == 0
    assert loss(HALF, {"GOLD": Decimal(10)}) == Decimal(-1)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-0.01"])
def test_a_value_that_makes_no_sense_is_refused(value: str) -> None:
    with pytest.raises(DataError, match="BTC"):
        loss(HALF, {"BTC": Decimal(value)})


@pytest.mark.parametrize("shock", ["NaN", "Infinity", "-1.01"])
def test_a_shock_that_cannot_be_is_refused(shock: str) -> None:
    with pytest.raises(ConfigError, match="BTC cannot move"):
        Scenario("bad", {"BTC": Decimal(shock)}, Decimal(0), "")
    with pytest.raises(ConfigError, match="any other asset cannot move"):
        Scenario("bad", {}, Decimal(shock), "")


def test_a_total_loss_is_a_possible_shock() -> None:
    gone = Scenario("gone", {"LUNA": Decimal(-1)}, Decimal(-1), "")
    assert loss(gone, {"LUNA": Decimal(3), "UST": Decimal(2)}) == 5


def test_a_scenario_does_not_change_with_the_mapping_it_was_made_from() -> None:
    told = {"BTC": Decimal("-0.1")}
    scenario = Scenario("kept", told, Decimal(0), "")
    told["BTC"] = Decimal(0)
    assert scenario.shock("BTC") == Decimal("-0.1")
    with pytest.raises(TypeError):
        scenario.shocks["BTC"] = Decimal(0)  # type: ignore[index]  # that it cannot be written is the point


def test_the_worst_scenario_is_the_one_that_costs_most_and_the_first_of_equals() -> None:
    mild = Scenario("mild", {}, Decimal("-0.1"), "")
    again = Scenario("again", {}, Decimal("-0.25"), "")
    book = {"ETH": Decimal(100)}
    assert worst(book, (mild, HALF, again)) == (HALF, Decimal(25))
    with pytest.raises(DataError, match="no scenario"):
        worst(book, ())


def test_a_scenario_is_found_by_its_name_or_the_names_are_told() -> None:
    assert named("flash-crash").name == "flash-crash"
    with pytest.raises(NotFound, match="2021-05-19"):
        named("2021-05-20")


def test_every_built_in_scenario_hurts_a_book_of_any_coin_and_has_its_own_name() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    for scenario in SCENARIOS:
        for asset in ("BTC", "ETH", "SOL", "SOMETHING"):
            assert Decimal("0.05") <= loss(scenario, {asset: Decimal(1)}) <= Decimal("0.65")
        assert scenario.describes


def test_the_sizes_of_the_worst_days_are_those_on_record() -> None:
    assert named("2020-03-12").shock("BTC") == Decimal("-0.50")
    assert named("2021-05-19").shock("XLM") == Decimal("-0.61")
    assert named("2022-11-ftx").shock("SOL") == Decimal("-0.58")
    assert named("2022-05-luna").shock("LUNA") == Decimal("-0.99")
    assert named("de-peg").shock("USDT") == Decimal("-0.13")


@settings(max_examples=60)
@given(values, st.sampled_from(SCENARIOS), st.sampled_from(ASSETS), st.integers(1, 1000))
def test_a_larger_book_loses_more_and_a_book_so_many_times_as_large_so_many_times_as_much(
    book: dict[str, Decimal], scenario: Scenario, asset: str, factor: int
) -> None:
    lost = loss(scenario, book)
    more = {**book, asset: book.get(asset, Decimal(0)) + 1}
    if scenario.shock(asset) < 0:
        assert loss(scenario, more) > lost
    assert loss(scenario, {name: value * factor for name, value in book.items()}) == lost * factor
    assert loss(scenario, book) <= sum(book.values(), Decimal(0))
