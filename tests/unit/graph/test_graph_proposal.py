"""The blend: bounded, monotone, and deaf to those who abstain."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigError
from domain.instrument import Instrument
from domain.money import Currency, Price, Symbol
from domain.opinions import Abstention, Opinion, Proposal, Target, View
from graph.context import equal_track
from graph.proposal import Blend, Blended, BlendPolicy, Outcome, blend, consensus, never_larger
from portfolio.sizing import WEIGHT_STEP

BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
NOW = datetime(2026, 1, 5, tzinfo=UTC)
LAST = Decimal("50000.00")
POLICY = BlendPolicy()


def instrument(symbol: Symbol) -> Instrument:
    base = Currency(symbol.partition("/")[0])
    tick, step = Decimal("0.01"), Decimal("0.0001")
    return Instrument(symbol, base, Currency("USDT"), tick, step, step, Decimal(1000), Decimal(5))


def opinion(source: str, stance: float, confidence: float, stop: str | None = None) -> Opinion:
    invalidation = Price(Decimal(stop)) if stop is not None else None
    return Opinion(source, BTC, stance, confidence, timedelta(hours=4), "why", (), invalidation)


def blended(views: list[View], held: str = "0", policy: BlendPolicy = POLICY, **more: object) -> Blend:
    given_track = more.pop("track", equal_track)
    return blend(
        cycle_id="s-000001",
        as_of=NOW,
        views=views,
        last={BTC: LAST},
        held={BTC: Decimal(held)},
        instruments={BTC: instrument(BTC)},
        policy=policy,
        track=given_track,  # type: ignore[arg-type]  # one of several keywords
        **more,  # type: ignore[arg-type]  # named by each test
    )


def outcome(views: list[View], held: str = "0", **more: object) -> Blended:
    return blended(views, held, **more).symbols[0]  # type: ignore[arg-type]  # keywords of `blended`


stances = st.floats(-1, 1)
confidences = st.floats(0, 1)
crowds = st.lists(st.tuples(stances, confidences), min_size=1, max_size=6).map(
    lambda pairs: [opinion(f"source{number}", *pair) for number, pair in enumerate(pairs)]
)


@given(crowds, st.decimals("0.0123456", "1", places=7))
def test_a_weight_is_never_negative_nor_above_the_cap(crowd: list[Opinion], cap: Decimal) -> None:
    policy = BlendPolicy(max_weight=cap, rebalance_band=Decimal(0))
    for target in blended(list(crowd), policy=policy).proposal.targets:
        assert 0 <= target.weight <= cap
        assert target.weight % WEIGHT_STEP == 0


@given(crowds, st.integers(0, 3), st.integers(0, 3))
def test_abstentions_do_not_count(crowd: list[Opinion], before: int, after: int) -> None:
    silent = [Abstention(f"silent{number}", BTC, "no view") for number in range(before + after)]
    alone = blended(list(crowd))
    among = blended([*silent[:before], *crowd, *silent[before:]])
    assert among == alone


@given(crowds)
def test_an_opinion_without_confidence_counts_as_none(crowd: list[Opinion]) -> None:
    assert blended([*crowd, opinion("unsure", -1.0, 0.0)]).symbols == blended(list(crowd)).symbols


@given(crowds, st.data())
def test_a_higher_stance_never_lowers_the_weight(crowd: list[Opinion], data: st.DataObject) -> None:
    which = data.draw(st.integers(0, len(crowd) - 1))
    higher = data.draw(st.floats(crowd[which].stance, 1))
    raised = [replace(each, stance=higher) if n == which else each for n, each in enumerate(crowd)]
    policy = BlendPolicy(rebalance_band=Decimal(0))
    low, high = (outcome(list(views), policy=policy) for views in (crowd, raised))
    assert high.weight >= low.weight


@given(crowds, st.randoms(use_true_random=False))
def test_the_order_of_opinions_does_not_matter(crowd: list[Opinion], random: object) -> None:
    shuffled = list(crowd)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert consensus(shuffled, equal_track) == consensus(crowd, equal_track)


def test_the_formula_by_hand() -> None:
    views: list[View] = [opinion("a", 1.0, 0.8), opinion("b", -0.5, 0.2)]
    # S = (0.8 - 0.1) / 1 = 0.7; C = (0.64 + 0.04) / 1 = 0.68; weight = 0.25 * 0.7 * 0.68 = 0.119
    found = outcome(views)
    assert (round(found.stance, 9), round(found.conviction, 9)) == (0.7, 0.68)
    assert found.weight == Decimal("0.1190")


def test_a_source_with_a_better_record_pulls_harder() -> None:
    views: list[View] = [opinion("good", 1.0, 0.5), opinion("bad", -1.0, 0.5)]
    assert outcome(views).outcome is Outcome.HOLD
    assert outcome(views, track=lambda source: 3.0 if source == "good" else 1.0).weight == Decimal("0.0625")


def test_a_negative_track_weight_is_an_error() -> None:
    with pytest.raises(ValueError, match="track weight of a"):
        blended([opinion("a", 1.0, 1.0)], track=lambda source: -1.0)


def test_a_symbol_without_a_view_keeps_its_holding() -> None:
    result = blended([Abstention("a", BTC, "cold")], held="0.2")
    assert result.proposal.targets == ()
    assert result.symbols[0].outcome is Outcome.NO_VIEW


@pytest.mark.parametrize(
    ("held", "stance", "acts"),
    [
        ("0.21", 1.0, False),  # 0.25 wanted: within the band of 0.05
        ("0.20", 1.0, True),
        ("0.02", -1.0, True),  # going flat is never held back, however small
        ("0", 0.1, False),  # 0.025 wanted: too small to begin
        ("0", -1.0, False),  # flat and wants flat
        ("0.26", 1.0, False),
    ],
)
def test_small_changes_of_mind_do_not_trade(held: str, stance: float, acts: bool) -> None:
    found = outcome([opinion("a", stance, 1.0)], held)
    assert (found.outcome is Outcome.ACT) is acts


@given(crowds, st.decimals("0", "0.4", places=4))
def test_a_reducing_desk_never_proposes_more_than_it_holds(crowd: list[Opinion], held: Decimal) -> None:
    result = blended(list(crowd), str(held), reduce_only=True)
    assert all(target.weight <= held for target in result.proposal.targets)


@pytest.mark.parametrize(
    ("views", "farthest", "stop"),
    [
        ([opinion("a", 1.0, 0.9, "48000"), opinion("b", 1.0, 0.3, "49000")], None, "48000"),
        ([opinion("a", 1.0, 0.9, "51000")], None, "45000"),  # above the price: no stop at all
        ([opinion("a", 1.0, 0.9)], None, "45000"),
        ([opinion("a", 1.0, 0.9, "40000"), opinion("bear", -1.0, 0.1, "49900")], "0.12", "44000"),
        ([opinion("a", 1.0, 0.9, "48000.009")], None, "48000.00"),
    ],
)
def test_the_stop_is_what_the_strongest_bull_named(
    views: list[View], farthest: str | None, stop: str
) -> None:
    limit = Decimal(farthest) if farthest is not None else None
    target = blended(views, farthest_stop=limit).proposal.targets[0]
    assert target.stop == Decimal(stop)


def test_leaving_names_no_stop() -> None:
    assert blended([opinion("a", -1.0, 1.0)], "0.2").proposal.targets[0].stop is None


weights = st.decimals("0", "1", places=4)


@given(
    st.dictionaries(st.sampled_from([BTC, ETH]), weights),
    st.dictionaries(st.sampled_from([BTC, ETH]), weights),
)
def test_whatever_is_argued_no_target_gets_larger(
    proposed: dict[Symbol, Decimal], argued: dict[Symbol, Decimal]
) -> None:
    def proposal(weights: dict[Symbol, Decimal]) -> Proposal:
        stop = Price(Decimal(90))
        return Proposal("s-1", NOW, tuple(Target(s, w, stop if w else None, "") for s, w in weights.items()))

    held_to = never_larger(proposal(proposed), proposal(argued))
    assert [target.symbol for target in held_to.targets] == list(proposed)
    for target in held_to.targets:
        assert target.weight == min(
            proposed[target.symbol], argued.get(target.symbol, proposed[target.symbol])
        )


def test_a_stop_may_be_argued_nearer_but_not_farther() -> None:
    def proposal(stop: int) -> Proposal:
        return Proposal("s-1", NOW, (Target(BTC, Decimal("0.2"), Price(Decimal(stop)), ""),))

    assert never_larger(proposal(90), proposal(95)).targets[0].stop == 95
    assert never_larger(proposal(90), proposal(80)).targets[0].stop == 90


@pytest.mark.parametrize("told", [{"max_weight": "1.1"}, {"rebalance_band": "-0.1"}, {"fallback_stop": "0"}])
def test_an_impossible_policy_is_refused(told: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(told))):
        BlendPolicy(**{name: Decimal(value) for name, value in told.items()})
