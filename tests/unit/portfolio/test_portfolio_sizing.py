"""The sizing stages by hand, edge by edge, and the laws that hold whatever a stage says."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigError
from domain.money import Symbol
from portfolio.sizing import (
    STAGES,
    WEIGHT_STEP,
    Answer,
    Sized,
    Sizing,
    SizingFacts,
    SizingPolicy,
    TrackRecord,
    on_grid,
)
from portfolio.sizing_stages import BY_NAME

BTC = Symbol("BTC/USDT")
FACTS = SizingFacts(
    symbol=BTC,
    max_weight=0.25,
    held=0.0,
    stance=0.8,
    conviction=0.5,
    equity_quote=10_000.0,
    stop_distance_fraction=0.05,
    annual_volatility_fraction=0.6,
    diversification_ratio=1.0,
    drawdown_fraction=0.0,
    day_volume_quote=1e9,
    sentiment=0.0,
    record=None,
)


def only(stage: str, weight: str = "0.2000", *, facts: dict[str, Any] | None = None, **policy: Any) -> Sized:
    sizing = Sizing(SizingPolicy(stages=(stage,), **policy))
    return sizing.size(Decimal(weight), replace(FACTS, **(facts or {})))


def weight(stage: str, given: str = "0.2000", *, facts: dict[str, Any] | None = None, **policy: Any) -> str:
    return str(only(stage, given, facts=facts, **policy).weight)


@pytest.mark.parametrize(
    ("volatility", "scale", "expected"),
    [
        (0.8, 1.0, "0.2000"),  # at the target
        (1.6, 1.0, "0.1000"),  # twice as wild: half
        (0.4, 1.0, "0.2000"),  # quiet, and never enlarged
        (0.4, 2.0, "0.2500"),  # twice as quiet: double, held to max_weight
        (0.7, 2.0, "0.2285"),
        (0.0, 1.0, "0.2000"),  # a market that does not move is not divided by
        (0.0, 2.0, "0.2500"),
    ],
)
def test_the_volatility_target_by_hand(volatility: float, scale: float, expected: str) -> None:
    facts = {"annual_volatility_fraction": volatility}
    assert weight("volatility_target", facts=facts, volatility_max_scale_ratio=scale) == expected


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(1.0, "0.2000"), (2.0, "0.2000"), (0.8, "0.1600"), (0.5, "0.1000"), (0.2, "0.1000")],
)
def test_correlated_assets_are_made_smaller_down_to_a_floor(ratio: float, expected: str) -> None:
    assert weight("correlation", facts={"diversification_ratio": ratio}) == expected


@pytest.mark.parametrize(
    ("mood", "expected"),
    [(0.0, "0.2000"), (1.0, "0.2400"), (-1.0, "0.1600"), (0.5, "0.2200"), (-0.5, "0.1800")],
)
def test_sentiment_moves_a_weight_within_its_band(mood: float, expected: str) -> None:
    assert weight("sentiment", facts={"sentiment": mood}) == expected


def test_sentiment_cannot_lift_a_weight_over_the_maximum() -> None:
    assert weight("sentiment", "0.2400", facts={"sentiment": 1.0}) == "0.2500"


@pytest.mark.parametrize(
    ("lost", "shape", "expected"),
    [
        (0.0, "linear", "0.2000"),
        (0.05, "linear", "0.2000"),
        (0.125, "linear", "0.1250"),  # half way: 0.25 + 0.75 / 2 = 0.625
        (0.125, "convex", "0.0875"),  # 0.25 + 0.75 / 4 = 0.4375
        (0.20, "linear", "0.0500"),
        (0.20, "convex", "0.0500"),
        (0.90, "linear", "0.0500"),
        (1.0, "linear", "0.0500"),
    ],
)
def test_drawdown_shrinks_from_start_to_end(lost: float, shape: str, expected: str) -> None:
    assert weight("drawdown", facts={"drawdown_fraction": lost}, drawdown_shape=shape) == expected


@pytest.mark.parametrize(
    ("volume", "expected"),
    [(400_000.0, "0.2000"), (399_000.0, "0.1995"), (20_000.0, "0.0100"), (0.0, "0.0000")],
)
def test_a_position_is_a_share_of_a_days_volume(volume: float, expected: str) -> None:
    assert weight("liquidity", facts={"day_volume_quote": volume}) == expected


@pytest.mark.parametrize(
    ("distance", "expected"), [(0.04, "0.2000"), (0.05, "0.2000"), (0.08, "0.1250"), (0.10, "0.1000")]
)
def test_a_position_loses_the_fixed_risk_at_its_stop(distance: float, expected: str) -> None:
    assert weight("risk_per_trade", facts={"stop_distance_fraction": distance}) == expected


@given(st.floats(0.001, 0.5), st.decimals("0.0001", "0.25", places=4))
def test_the_loss_at_the_stop_is_never_above_the_risk(distance: float, given_weight: Decimal) -> None:
    sized = only("risk_per_trade", str(given_weight), facts={"stop_distance_fraction": distance})
    assert sized.weight * Decimal(distance) <= Decimal("0.01") + Decimal("1e-15")


def test_kelly_without_a_record_shrinks_the_claim_and_says_so() -> None:
    sized = only("kelly", facts={"record": TrackRecord(29, 29)})
    # claim 0.5 + 0.4 / 2 = 0.7, of which a tenth counts: p = 0.52; f = (0.52 - 0.48) / 0.05 = 0.8; a quarter
    # of it is 0.2.
    assert sized.weight == Decimal("0.2000")
    assert sized.stages[0].figures["probability"] == pytest.approx(0.52)
    assert sized.stages[0].figures["cap_fraction"] == pytest.approx(0.2)
    assert "29 judged opinions are no record" in sized.stages[0].why
    assert weight("kelly", facts={"record": None}, kelly_fraction=0.1) == "0.0800"


def test_kelly_with_a_record_weighs_it_against_the_prior() -> None:
    sized = only("kelly", facts={"record": TrackRecord(100, 48)})
    # (0.52 * 100 + 48) / 200 = 0.5: no edge, no position
    assert sized.stages[0].figures["probability"] == pytest.approx(0.5)
    assert sized.weight == 0
    better = only("kelly", "0.2500", facts={"record": TrackRecord(30, 18)}, kelly_fraction=0.1)
    # (52 + 18) / 130 = 0.53846; f = 0.07692 / 0.05 = 1.5385; a tenth
    assert better.weight == Decimal("0.1538")
    assert "right 18 of 30 times" in better.stages[0].why


def test_kelly_counts_what_a_winner_brings() -> None:
    # p = 0.52, a = 0.05, b = 0.10: 10.4 - 4.8 = 5.6, of which a hundredth is 0.056
    facts = {"stop_distance_fraction": 0.05}
    assert weight("kelly", facts=facts, kelly_payoff_ratio=2.0, kelly_fraction=0.01) == "0.0560"


def test_kelly_takes_no_edge_from_a_bearish_stance() -> None:
    assert only("kelly", facts={"stance": -0.9}).stages[0].figures["claimed_probability"] == 0.5


UNKNOWN = {
    "volatility_target": ("annual_volatility_fraction", (None, nan, -0.1)),
    "correlation": ("diversification_ratio", (None, nan, 0.0)),
    "sentiment": ("sentiment", (None, nan, 1.01, -1.01)),
    "kelly": ("stop_distance_fraction", (None, nan, 0.0)),
    "drawdown": ("drawdown_fraction", (None, nan, -0.01, 1.01)),
    "liquidity": ("day_volume_quote", (None, nan, -1.0)),
    "risk_per_trade": ("stop_distance_fraction", (None, nan, 0.0)),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_knows_too_little_adds_nothing_and_sells_nothing(stage: str) -> None:
    name, values = UNKNOWN[stage]
    for value in values:
        for held, expected in ((0.0, "0.0000"), (0.1, "0.1000"), (0.2, "0.2000"), (0.24, "0.2000")):
            sized = only(stage, facts={name: value, "held": held})
            assert str(sized.weight) == expected, (value, held)
            assert "unknown" in sized.stages[0].why


def test_a_market_without_volume_is_left() -> None:
    assert weight("liquidity", facts={"day_volume_quote": 0.0, "held": 0.1}) == "0.0000"


def test_a_drawdown_up_to_the_start_changes_nothing_and_says_so() -> None:
    (step,) = only("drawdown", facts={"drawdown_fraction": 0.05}).stages
    assert step.figures == {"drawdown_fraction": 0.05, "scale_ratio": 1.0}


def test_the_defaults_are_those_of_the_manual() -> None:
    policy = SizingPolicy()
    assert policy.stages == ("volatility_target", "drawdown", "risk_per_trade")
    assert (policy.volatility_target_annual_fraction, policy.volatility_span_bars) == (0.8, 33)
    assert (policy.volatility_max_scale_ratio, policy.risk_per_trade_equity_fraction) == (1.0, 0.01)
    assert (policy.kelly_fraction, policy.kelly_min_record_count, policy.kelly_prior_count) == (0.25, 30, 100)
    assert (policy.kelly_unproven_trust_fraction, policy.kelly_payoff_ratio) == (0.1, 1.0)
    assert (policy.correlation_window_bars, policy.correlation_floor_ratio) == (192, 0.5)
    assert (policy.liquidity_day_volume_fraction, policy.sentiment_max_change_fraction) == (0.005, 0.2)
    assert (policy.drawdown_start_fraction, policy.drawdown_end_fraction) == (0.05, 0.2)
    assert (policy.drawdown_floor_ratio, policy.drawdown_shape) == (0.25, "linear")


RANGES = {
    "volatility_target_annual_fraction": (None, 10),
    "volatility_span_bars": (2, 5_000),
    "volatility_max_scale_ratio": (1, 4),
    "risk_per_trade_equity_fraction": (None, 0.1),
    "kelly_fraction": (None, 1),
    "kelly_min_record_count": (1, 1_000_000),
    "kelly_prior_count": (1, 1_000_000),
    "kelly_unproven_trust_fraction": (0, 1),
    "kelly_payoff_ratio": (None, 100),
    "correlation_window_bars": (20, 5_000),
    "correlation_floor_ratio": (None, 1),
    "liquidity_day_volume_fraction": (None, 1),
    "drawdown_end_fraction": (None, 1),
    "drawdown_floor_ratio": (0, 1),
    "sentiment_max_change_fraction": (0, 0.5),
}
"""The lowest and highest value that is allowed; None: anything above zero."""


@pytest.mark.parametrize("name", RANGES)
def test_every_range_to_its_edges(name: str) -> None:
    low, high = RANGES[name]
    more: dict[str, Any] = {"drawdown_start_fraction": 0.0}
    for value in (high, low):
        if value is not None:
            SizingPolicy(**{**more, name: value})
    below = 0 if low is None else low - 1
    for value in (high * 1.001, below):
        with pytest.raises(ConfigError, match=f"{name} .* is out of range"):
            SizingPolicy(**{**more, name: value})


def test_an_account_worth_nothing_adds_nothing() -> None:
    assert weight("liquidity", facts={"equity_quote": 0.0}) == "0.0000"


def test_every_step_is_on_record_and_begins_where_the_last_ended() -> None:
    facts = replace(
        FACTS, annual_volatility_fraction=1.6, drawdown_fraction=0.125, stop_distance_fraction=0.2
    )
    sized = Sizing(SizingPolicy()).size(Decimal("0.2000"), facts)
    assert [(each.stage, str(each.before), str(each.after)) for each in sized.stages] == [
        ("volatility_target", "0.2000", "0.1000"),
        ("drawdown", "0.1000", "0.0625"),
        ("risk_per_trade", "0.0625", "0.0500"),
    ]
    assert (sized.symbol, sized.blended, sized.weight) == (BTC, Decimal("0.2000"), Decimal("0.0500"))
    assert all(each.why and each.figures for each in sized.stages)


def test_getting_out_is_never_sized() -> None:
    sized = Sizing(SizingPolicy(stages=STAGES)).size(Decimal(0), replace(FACTS, held=0.2))
    assert sized.weight == 0
    assert not sized.stages


def test_nothing_follows_a_stage_that_says_zero() -> None:
    sized = Sizing(SizingPolicy(stages=STAGES)).size(Decimal("0.2"), replace(FACTS, drawdown_fraction=None))
    assert sized.stages[-1].stage == "drawdown"


@given(
    st.sampled_from([-inf, inf, nan, -1.0, 0.0, 0.1, 0.25, 0.2500001, 0.9, 1e300]),
    st.decimals("0.0001", "0.25", places=4),
    st.decimals("0.01", "1", places=7),
)
def test_no_stage_can_flip_the_sign_or_exceed_the_maximum(
    says: float, blended: Decimal, max_weight: Decimal
) -> None:
    rogue = Sizing(SizingPolicy(stages=("drawdown",)), {"drawdown": lambda *_: Answer(says, "rogue", {})})
    sized = rogue.size(blended, replace(FACTS, max_weight=float(max_weight)))
    assert sized.weight >= 0
    assert sized.weight <= max_weight or sized.weight == blended == Decimal(repr(says))


numbers = st.one_of(st.none(), st.floats(-0.5, 3.0, allow_nan=False))


@given(
    st.decimals("0", "0.25", places=4),
    st.tuples(numbers, numbers, numbers, numbers, numbers, numbers),
    st.floats(0, 0.3),
    st.lists(st.sampled_from(STAGES), unique=True),
)
def test_whatever_the_facts_are_the_weight_stays_within_bounds(
    blended: Decimal, known: tuple[float | None, ...], held: float, chosen: list[str]
) -> None:
    stop, volatility, ratio, lost, volume, mood = known
    facts = replace(
        FACTS,
        held=held,
        stop_distance_fraction=stop,
        annual_volatility_fraction=volatility,
        diversification_ratio=ratio,
        drawdown_fraction=lost,
        day_volume_quote=volume,
        sentiment=mood,
    )
    stages = tuple(name for name in STAGES if name in chosen)
    sized = Sizing(SizingPolicy(stages=stages, volatility_max_scale_ratio=4.0)).size(blended, facts)
    assert 0 <= sized.weight <= Decimal("0.25")
    assert sized.weight % WEIGHT_STEP == 0
    ends = [blended, *(each.after for each in sized.stages)]
    assert [each.before for each in sized.stages] == ends[:-1]
    assert ends[-1] == sized.weight
    assert sized == Sizing(SizingPolicy(stages=stages, volatility_max_scale_ratio=4.0)).size(blended, facts)


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["linear", "convex"]))
def test_a_deeper_drawdown_never_makes_a_position_larger(one: float, other: float, shape: str) -> None:
    low, high = sorted((one, other))
    shallow, deep = (
        only("drawdown", facts={"drawdown_fraction": x}, drawdown_shape=shape) for x in (low, high)
    )
    assert deep.weight <= shallow.weight


def test_rounding_is_downwards_but_keeps_points_of_the_grid() -> None:
    assert str(on_grid(0.07 + 0.07)) == "0.1400"  # the float is 0.14000000000000001
    assert str(on_grid(0.1 * 3)) == "0.3000"
    assert str(on_grid(0.29 + 0.0099999)) == "0.2999"
    assert str(on_grid(0.00009999)) == "0.0000"


def test_the_functions_are_those_of_the_list() -> None:
    assert tuple(BY_NAME) == STAGES


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"stages": ("martingale",)}, "no sizing stage 'martingale'"),
        ({"stages": ("drawdown", "drawdown")}, "repeated or out of order"),
        ({"stages": ("risk_per_trade", "sentiment")}, "repeated or out of order"),
        ({"drawdown_shape": "cliff"}, "drawdown_shape 'cliff' is unknown"),
        ({"drawdown_start_fraction": 0.2}, "is not below"),
        ({"volatility_target_annual_fraction": 0.0}, "volatility_target_annual_fraction 0 is out of range"),
        ({"volatility_max_scale_ratio": 0.99}, "volatility_max_scale_ratio"),
        ({"volatility_max_scale_ratio": 4.01}, "volatility_max_scale_ratio"),
        ({"risk_per_trade_equity_fraction": 0.101}, "risk_per_trade_equity_fraction"),
        ({"kelly_fraction": 1.01}, "kelly_fraction"),
        ({"sentiment_max_change_fraction": 0.51}, "sentiment_max_change_fraction"),
        ({"volatility_span_bars": 1}, "volatility_span_bars"),
        ({"drawdown_floor_ratio": nan}, "drawdown_floor_ratio"),
    ],
)
def test_settings_that_make_no_sense_are_refused(told: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        SizingPolicy(**told)


def test_the_edges_of_the_ranges_are_allowed() -> None:
    SizingPolicy(volatility_max_scale_ratio=4, risk_per_trade_equity_fraction=0.1, kelly_fraction=1)
    SizingPolicy(sentiment_max_change_fraction=0.5, drawdown_floor_ratio=0, volatility_span_bars=2)


def test_a_record_is_no_larger_than_its_count() -> None:
    assert TrackRecord(3, 3).wins == 3
    for count, wins in ((3, 4), (3, -1)):
        with pytest.raises(ValueError, match="cannot have been right"):
            TrackRecord(count, wins)
