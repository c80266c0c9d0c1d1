"""What the gate is told of the book: what is held, how it moves together, and what scenarios would cost."""

from __future__ import annotations

import math

import pytest

from execution import book_facts
from execution.book_facts import telling
from risk.stress.scenarios import SCENARIOS, Scenario, loss
from tests.faults.world import BTC, ETH, START
from tests.unit.execution.gathering_stage import HOUR, MINUTE, D, Place
from tests.unit.portfolio.portfolio_cases import buy, sell


def test_within_six_hours_a_fill_changes_the_book_but_not_how_assets_move() -> None:
    place = Place()
    before = place.book()
    assert (before.variance, before.covariance) == (D(0), D(0))
    looked = place.feed.asked.count(f"history {ETH}")
    place.portfolio.book(buy("1", "40000"))
    after = place.book(now=START + 6 * HOUR - MINUTE)
    assert place.feed.asked.count(f"history {ETH}") == looked
    assert after.correlations == before.correlations
    assert float(after.variance) == pytest.approx(float(after.asset_variance) * 40_000**2)
    assert float(after.covariance) == pytest.approx(float(after.asset_variance) * 40_000)
    place.book(now=START + 6 * HOUR)
    assert place.feed.asked.count(f"history {ETH}") == looked + 1


def test_the_variance_of_the_book_is_that_of_all_that_is_held() -> None:
    place = Place()
    place.portfolio.book(buy("1", "40000"))
    place.portfolio.book(buy("10", "2000", symbol=ETH))
    btc, eth = place.book(BTC), place.book(ETH)
    a, b = float(btc.asset_variance), float(eth.asset_variance)
    c = float(btc.correlations[ETH]) * math.sqrt(a * b)
    assert btc.correlations[ETH] == eth.correlations[BTC]
    assert btc.variance == eth.variance
    assert float(btc.variance) == pytest.approx(40_000**2 * a + 20_000**2 * b + 2 * 40_000 * 20_000 * c)
    assert float(btc.covariance) == pytest.approx(40_000 * a + 20_000 * c)
    assert float(eth.covariance) == pytest.approx(40_000 * c + 20_000 * b)
    assert float(btc.worst_deviation) == pytest.approx(math.sqrt(max(a, b)))


def test_what_was_sold_leaves_the_book() -> None:
    place = Place()
    place.portfolio.book(buy("1", "40000"))
    place.portfolio.book(buy("10", "2000", symbol=ETH))
    place.book()
    place.portfolio.book(sell("1", "40000"))
    only = place.book(ETH)
    assert float(only.variance) == pytest.approx(20_000**2 * float(only.asset_variance))
    place.portfolio.book(sell("10", "2000", symbol=ETH))
    nothing = place.book(ETH)
    assert (nothing.variance, nothing.covariance, set(nothing.scenario_losses)) == (D(0), D(0), {D(0)})


def test_a_mark_changes_the_book() -> None:
    place = Place()
    place.portfolio.book(buy("1", "40000"))
    before = place.book().variance
    place.portfolio.mark({BTC: D(80_000)}, START)
    assert float(place.book().variance) == pytest.approx(4 * float(before))


def test_a_book_put_together_bit_by_bit_is_that_of_a_desk_that_just_woke() -> None:
    place = Place()
    steps = [buy("1", "40000"), buy("3", "2000", symbol=ETH), sell("0.5", "41000"), buy("0.1", "39000")]
    for each in steps:
        place.portfolio.book(each)
        place.facts()
    fresh = Place()
    for each in steps:
        fresh.portfolio.book(each)
    for symbol in (BTC, ETH):
        woken, known = fresh.facts(symbol), place.facts(symbol)
        assert woken.book == known.book
        assert woken.losses == known.losses
        assert woken.market == known.market


def test_the_worst_scenario_is_the_worst_of_all_scenarios() -> None:
    place = Place()
    place.portfolio.book(buy("1", "40000"))
    place.portfolio.book(buy("10", "2000", symbol=ETH))
    told = place.book()
    worst = max(loss(each, {"BTC": D(40_000), "ETH": D(20_000)}) for each in SCENARIOS)
    assert float(max(told.scenario_losses)) == pytest.approx(float(worst))
    for scenario in told.scenarios:
        assert scenario.shock_fraction == -next(e for e in SCENARIOS if e.name == scenario.name).shock("BTC")
        assert scenario.worst_fraction >= scenario.shock_fraction


def test_a_scenario_that_can_never_be_the_worst_is_left_out() -> None:
    mild = Scenario("mild", {"BTC": D("-0.1"), "ETH": D("-0.2")}, D(0), "")
    worse = Scenario("worse", {"BTC": D("-0.1"), "ETH": D("-0.3")}, D(0), "")
    other = Scenario("other", {"BTC": D("-0.2"), "ETH": D("-0.1")}, D(0), "")
    for order in ((mild, worse, other), (worse, other, mild), (other, mild, worse)):
        assert {each.name for each in telling(order, ["BTC", "ETH"])} == {"worse", "other"}
    assert [each.name for each in telling((mild, worse), ["BTC"])] == ["mild"]


def test_a_session_of_many_symbols_is_weighed_as_one_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    def weighed() -> list[float]:
        place = Place()
        place.portfolio.book(buy("1", "40000"))
        place.portfolio.book(buy("10", "2000", symbol=ETH))
        seen = place.book(ETH)
        return [float(each) for each in (seen.variance, seen.covariance, *seen.scenario_losses)]

    few = weighed()
    monkeypatch.setattr(book_facts, "_FEW", 0)
    assert weighed() == pytest.approx(few, rel=1e-14)
    assert all(few[:2])
