"""The rules of a stop plan on their own: formulas at their exact edges, and plans that are refused."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.errors import ConfigError
from execution.stops.plan import Rung, StopKind, StopPlan
from execution.stops.rules import (
    TRIGGERS,
    Seen,
    Standing,
    Trigger,
    fraction_due,
    overstays,
    regime_factor,
    tightest,
)
from tests.unit.execution.stopped import plan

D = Decimal
AT_100 = Standing(entry=D(100), costs=D("0.1"), risk=D(10), high=D(105), bars=7)
SEEN = Seen(bid=D(104), atr=D(2), chandelier_atr=D(3), turbulence=D(1))

FORMULAS = {
    StopKind.FIXED: (plan("fixed", fixed_distance_fraction="0.08"), D(92)),
    StopKind.ATR: (plan("atr", atr_ratio="2.5"), D(95)),
    StopKind.CHANDELIER: (plan("chandelier", chandelier_ratio="4"), D(93)),
    StopKind.TRAILING: (plan("trailing", trailing_distance_fraction="0.25"), D(78)),
    StopKind.BREAK_EVEN: (
        plan("break_even", break_even_r_ratio="0.5", break_even_exit_fraction="0.09"),
        D(110),
    ),
}


@pytest.mark.parametrize("kind", FORMULAS)
def test_every_rule_asks_for_its_formula(kind: StopKind) -> None:
    told, price = FORMULAS[kind]
    bid = D(111) if kind is StopKind.BREAK_EVEN else SEEN.bid
    assert TRIGGERS[kind](told, AT_100, replace(SEEN, bid=bid)) == price
    assert tightest(told, AT_100, replace(SEEN, bid=bid)) == Trigger(price, kind)


def test_every_kind_is_a_trigger_or_sells_or_scales() -> None:
    assert set(TRIGGERS) == set(StopKind) - {StopKind.TIME, StopKind.LADDER, StopKind.REGIME}
    assert set(FORMULAS) == set(TRIGGERS)


@pytest.mark.parametrize(
    ("kind", "unknown"),
    [
        (StopKind.ATR, {"atr": None}),
        (StopKind.CHANDELIER, {"chandelier_atr": None}),
        (StopKind.TRAILING, {"bid": None}),
        (StopKind.BREAK_EVEN, {"bid": None}),
    ],
)
def test_a_rule_that_cannot_know_asks_for_nothing(kind: StopKind, unknown: dict[str, None]) -> None:
    told, _ = FORMULAS[kind]
    assert tightest(told, AT_100, replace(SEEN, **unknown)) is None


def test_without_a_first_stop_there_is_no_r() -> None:
    early = replace(AT_100, risk=None)
    told = plan("break_even", "time", "ladder", time_bars=2, ladder="0.5@1")
    assert tightest(told, early, replace(SEEN, bid=D(1000))) is None
    assert not overstays(told, replace(early, high=D(100)))
    assert fraction_due(told, early, replace(SEEN, bid=D(1000))) == 0


@pytest.mark.parametrize(
    ("bid", "high", "set_"),
    [("109.99", "109.99", False), ("110", "100", True), ("105", "110", True), ("105", "109.99", False)],
)
def test_break_even_waits_for_its_r_at_the_bid_or_the_high(bid: str, high: str, set_: bool) -> None:
    told = plan("break_even", break_even_exit_fraction="0.001")
    found = tightest(told, replace(AT_100, high=D(high)), Seen(D(bid)))
    assert (found is not None) == set_
    if found is not None:
        assert found.price == D("100.1") / D("0.999")


@pytest.mark.parametrize(("bid", "set_"), [("100.1", False), ("100.11", True)])
def test_break_even_is_never_at_or_above_the_bid(bid: str, set_: bool) -> None:
    told = plan("break_even", break_even_exit_fraction="0")
    assert (tightest(told, replace(AT_100, high=D(120)), Seen(D(bid))) is not None) == set_


@pytest.mark.parametrize(
    ("bars", "high", "leaves"),
    [(8, "100", False), (9, "100", True), (9, "104.99", True), (9, "105", False), (90, "105", False)],
)
def test_time_asks_for_progress_within_its_bars(bars: int, high: str, leaves: bool) -> None:
    told = plan("time", time_bars=9, time_r_ratio="0.5")
    assert overstays(told, replace(AT_100, bars=bars, high=D(high))) == leaves
    assert not overstays(plan("fixed"), replace(AT_100, bars=10_000, high=D(100)))


@pytest.mark.parametrize(
    ("bid", "due"),
    [("109.99", "0"), ("110", "0.25"), ("119.99", "0.25"), ("120", "0.75"), ("129.99", "0.75"), ("130", "1")],
)
def test_the_ladder_wants_all_parts_up_to_the_price(bid: str, due: str) -> None:
    told = plan("ladder", ladder="0.25@1 0.5@2 0.25@3")
    assert fraction_due(told, AT_100, Seen(D(bid))) == D(due)
    assert fraction_due(plan("fixed"), AT_100, Seen(D(1000))) == 0


@pytest.mark.parametrize(
    ("turbulence", "factor"),
    [("0.75", "0.8"), ("0.76", "1"), ("1", "1"), ("1.49", "1"), ("1.5", "1.25"), ("9", "1.25")],
)
def test_the_regime_scales_by_turbulence(turbulence: str, factor: str) -> None:
    seen = replace(SEEN, turbulence=D(turbulence))
    assert regime_factor(plan("atr", "regime"), seen) == D(factor)
    assert regime_factor(plan("atr"), seen) == 1
    assert tightest(plan("atr", "regime", atr_ratio="5"), AT_100, seen) == Trigger(
        100 - 10 * D(factor), StopKind.ATR
    )


def test_a_turbulence_nobody_knows_scales_nothing() -> None:
    assert regime_factor(plan("atr", "regime"), replace(SEEN, turbulence=None)) == 1


def test_the_tightest_wins_whatever_the_order_of_the_list() -> None:
    for rules in (("fixed", "atr", "trailing"), ("trailing", "atr", "fixed")):
        told = plan(*rules, fixed_distance_fraction="0.08", trailing_distance_fraction="0.25")
        assert tightest(told, AT_100, SEEN) == Trigger(D(95), StopKind.ATR)


def test_of_two_that_agree_the_earlier_in_the_list_is_named() -> None:
    for first, second in (("fixed", "atr"), ("atr", "fixed")):
        told = plan(first, second, fixed_distance_fraction="0.05", atr_ratio="2.5")
        assert tightest(told, AT_100, SEEN) == Trigger(D(95), StopKind(first))


def test_a_price_below_zero_is_no_stop() -> None:
    assert tightest(plan("atr", atr_ratio="50"), AT_100, SEEN) is None


def test_the_features_of_a_plan_are_those_its_rules_look_at() -> None:
    assert plan("fixed", "trailing", "break_even", "time", "ladder").features == ()
    assert plan("atr", "chandelier", atr_bars=14, chandelier_bars=14).features == ("atr(14)",)
    assert plan("chandelier", "regime").features == ("atr(22)", "vol(24)", "vol(240)")


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "twice": ({"rules": (StopKind.FIXED, StopKind.FIXED)}, "listed twice"),
    "regime alone": ({"rules": (StopKind.REGIME, StopKind.FIXED)}, "neither is listed"),
    "ladder above one": (
        {"rules": (StopKind.LADDER,), "ladder": (Rung(D("0.6"), D(1)), Rung(D("0.41"), D(2)))},
        "more than the position",
    ),
    "ladder that falls": (
        {"rules": (StopKind.LADDER,), "ladder": (Rung(D("0.2"), D(2)), Rung(D("0.2"), D(2)))},
        "do not rise",
    ),
    "ladder of nothing": ({"rules": (StopKind.LADDER,), "ladder": ()}, "no parts"),
    "break even too late": (
        {"rules": (StopKind.LADDER, StopKind.BREAK_EVEN), "break_even_r_ratio": D("1.01")},
        "first target",
    ),
    "fast is slow": ({"regime_fast_bars": 240}, "not below"),
    "calm is storm": ({"regime_calm_ratio": D("1.5")}, "not below"),
    "part of nothing": ({"ladder": (Rung(D(0), D(1)),)}, "ladder part"),
    "part beyond all": ({"ladder": (Rung(D("1.01"), D(1)),)}, "ladder part"),
    "target at entry": ({"ladder": (Rung(D(1), D(0)),)}, "ladder target"),
    "zero distance": ({"fixed_distance_fraction": D(0)}, "above 0 and below 1"),
    "whole distance": ({"trailing_distance_fraction": D(1)}, "above 0 and below 1"),
    "not a number": ({"atr_ratio": D("NaN")}, "above 0"),
    "no ratio": ({"chandelier_ratio": D(0)}, "above 0"),
    "absurd ratio": ({"atr_ratio": D("100.1")}, "at most 100"),
    "one bar": ({"atr_bars": 1}, "from 2 to 5000"),
    "too many bars": ({"time_bars": 5001}, "from 2 to 5000"),
    "all is lost": ({"break_even_exit_fraction": D(1)}, "below 1"),
    "below nothing": ({"break_even_exit_fraction": D("-0.1")}, "at least 0"),
    "text": ({"atr_ratio": "3"}, "of the right type"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_plan_that_makes_no_sense_is_refused(case: str) -> None:
    numbers, said = REFUSED[case]
    with pytest.raises(ConfigError, match=said):
        StopPlan(**numbers)  # type: ignore[arg-type]  # wrong on purpose


def test_plans_at_the_edge_of_sense_are_taken() -> None:
    StopPlan(rules=(StopKind.LADDER,), ladder=(Rung(D("0.6"), D(1)), Rung(D("0.4"), D(2))))
    StopPlan(rules=(StopKind.LADDER, StopKind.BREAK_EVEN), break_even_r_ratio=D(1))
    StopPlan(rules=(StopKind.BREAK_EVEN,), break_even_r_ratio=D(5))
    StopPlan(atr_bars=2, chandelier_bars=5000, atr_ratio=D(100), break_even_exit_fraction=D(0))
    StopPlan(rules=(StopKind.REGIME, StopKind.CHANDELIER), regime_fast_bars=239)


def test_the_worked_example_of_the_manual() -> None:
    """The table at the end of docs/stops.md, line by line."""
    told = plan("chandelier", "break_even", "ladder", ladder="0.25@1 0.25@2")
    bought = Standing(entry=D(40_000), costs=D(40), risk=None, high=D(40_000), bars=0)
    calm = Seen(bid=D(40_000), chandelier_atr=D(400))
    assert tightest(told, bought, calm) == Trigger(D(38_800), StopKind.CHANDELIER)
    held = replace(bought, risk=D(40_000) - D(38_800), high=D(41_100))
    assert tightest(told, held, replace(calm, bid=D(41_000))) == Trigger(D(39_900), StopKind.CHANDELIER)
    higher, bid = replace(held, high=D(41_300)), replace(calm, bid=D(41_250))
    assert tightest(told, higher, bid) == Trigger(D(40_100), StopKind.CHANDELIER)
    assert TRIGGERS[StopKind.BREAK_EVEN](told, higher, bid) == D(40_040) / D("0.999")
    assert fraction_due(told, higher, bid) == D("0.25")
    wild = tightest(told, higher, replace(bid, chandelier_atr=D(700)))
    assert wild == Trigger(D(40_040) / D("0.999"), StopKind.BREAK_EVEN)
    assert wild.price < D(40_100), "what is armed stays"
