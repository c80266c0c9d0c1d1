"""The board: who is concerned by what, and that reducing never is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.breakers_section import BreakersSection
from domain.breakers import BreakerChanged, BreakerState, Level
from domain.errors import ConfigError, DataError, NotFound
from domain.money import Symbol
from risk.breakers.board import BreakerBoard
from risk.breakers.kinds import KINDS
from risk.breakers.observation import Observation
from risk.facts import BreakerFacts

START = datetime(2026, 1, 5, tzinfo=UTC)
BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
SETTINGS = BreakersSection()
PLAIN = [name for name, kind in KINDS.items() if not kind.recovers]


def board() -> BreakerBoard:
    return BreakerBoard(SETTINGS.rules(), relapse=SETTINGS.relapses())


def show(
    board: BreakerBoard, kind: str, scope: str, value: float, at: datetime = START
) -> tuple[BreakerChanged, ...]:
    return board.observe(Observation(kind, scope, value, at), at)


def trip(kind: str) -> float:
    return SETTINGS.rules()[kind].trip


def test_nothing_is_open_on_a_new_board() -> None:
    assert board().facts(BTC) == BreakerFacts(Decimal(1), ())
    assert board().troubled() == ()
    assert not board().strategy_open("breakout")


@pytest.mark.parametrize("kind", PLAIN)
def test_each_breaker_trips_exactly_at_the_limit_of_the_settings(kind: str) -> None:
    limit = trip(kind)
    below = board()
    assert show(below, kind, "x", limit * (1 - 1e-9)) == ()
    assert below.troubled() == ()
    (event,) = show(board(), kind, "x", limit)
    assert (event.breaker, event.scope, event.state) == (kind, "x", BreakerState.OPEN)
    assert event.level is KINDS[kind].level


@pytest.mark.parametrize("kind", PLAIN)
def test_each_breaker_goes_through_probation_and_closes_again(kind: str) -> None:
    rule, one = SETTINGS.rules()[kind], board()
    show(one, kind, "", rule.trip)
    at, states = START + rule.wait, []
    for _ in range(2 * rule.good_count):
        at += timedelta(minutes=1)
        states += [event.state for event in show(one, kind, "", rule.clear, at)]
    assert states == [BreakerState.HALF_OPEN, BreakerState.CLOSED]


@pytest.mark.parametrize("kind", PLAIN)
def test_idle_is_told_of_exactly_what_changes_nothing(kind: str) -> None:
    one, limit = board(), trip(kind)
    assert not one.idle(kind, "", 0.0), "it was never seen"
    show(one, kind, "", 0.0)
    assert one.idle(kind, "", limit * (1 - 1e-9))
    assert not one.idle(kind, "", limit)
    assert not one.idle(kind, "", float("nan"))
    show(one, kind, "", limit)
    assert not one.idle(kind, "", 0.0), "good news is evidence now"
    one.reset(one.troubled()[0].name, reason="r", by="b", at=START)
    assert one.idle(kind, "", 0.0)


@pytest.mark.parametrize("kind", PLAIN)
def test_what_trips_is_told_without_showing_it(kind: str) -> None:
    one, limit = board(), trip(kind)
    assert [one.trips(kind, value) for value in (limit * (1 - 1e-9), limit, float("nan"))] == [
        False,
        True,
        True,
    ]
    assert one.all() == ()


def test_a_curve_is_never_idle() -> None:
    one = board()
    show(one, "drawdown", "", 100.0)
    assert not one.idle("drawdown", "", 100.0)


def test_a_market_breaker_concerns_its_symbol_alone() -> None:
    one = board()
    show(one, "price_gap", BTC, 0.5)
    assert one.facts(BTC) == BreakerFacts(Decimal(0), ("price_gap:BTC/USDT",))
    assert one.facts(ETH) == BreakerFacts(Decimal(1), ())


@pytest.mark.parametrize(("kind", "scope"), [("venue_errors", ""), ("equity_volatility", ""), ("depeg", "*")])
def test_what_concerns_all_concerns_every_symbol(kind: str, scope: str) -> None:
    one = board()
    (event,) = show(one, kind, scope, trip(kind))
    for symbol in (BTC, ETH):
        assert one.facts(symbol) == BreakerFacts(Decimal(0), (event.name,))


def test_the_smallest_size_counts_and_only_what_forbids_is_named() -> None:
    one = board()
    show(one, "model_outage", "", 1.0)
    assert one.facts(BTC) == BreakerFacts(Decimal("0.5"), ())
    show(one, "price_gap", BTC, 1.0)
    show(one, "venue_errors", "", 99.0)
    assert one.facts(BTC) == BreakerFacts(Decimal(0), ("venue_errors", "price_gap:BTC/USDT"))


def test_a_strategys_breaker_is_not_the_gates_business() -> None:
    one = board()
    show(one, "strategy_streak", "breakout", 99.0)
    assert one.strategy_open("breakout")
    assert one.strategy_size("breakout") == 0
    assert not one.strategy_open("ma_crossover")
    assert one.facts(BTC) == BreakerFacts(Decimal(1), ())
    assert [each.name for each in one.of_strategy("breakout")] == ["strategy_streak:breakout"]


def test_a_market_named_like_a_strategy_mutes_nobody() -> None:
    one = board()
    show(one, "price_gap", "breakout", 1.0)
    assert not one.strategy_open("breakout")


def test_facts_are_kept_while_nothing_changes() -> None:
    one = board()
    show(one, "price_gap", BTC, 0.0)
    facts = one.facts(BTC)
    assert one.facts(BTC) is facts
    show(one, "price_gap", BTC, 1.0)
    assert one.facts(BTC) is not facts


def test_an_observation_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(DataError, match="moon_phase"):
        show(board(), "moon_phase", "", 1.0)
    told = BreakerChanged(
        "moon_phase", Level.MARKET, "", BreakerState.OPEN, "", Decimal(0), {}, 1.0, None, START
    )
    with pytest.raises(DataError, match="moon_phase"):
        board().apply(told)
    assert board().trips("moon_phase", 0.0)


def test_every_breaker_needs_its_rule() -> None:
    rules, relapse = dict(SETTINGS.rules()), dict(SETTINGS.relapses())
    missing = {name: rule for name, rule in rules.items() if name != "latency"}
    with pytest.raises(ConfigError, match="latency"):
        BreakerBoard(missing, relapse=relapse)
    with pytest.raises(ConfigError, match="moon_phase"):
        BreakerBoard({**rules, "moon_phase": rules["latency"]}, relapse=relapse)
    with pytest.raises(ConfigError, match="drawdown"):
        BreakerBoard(rules, relapse={"strategy_loss": 0.1})
    with pytest.raises(ConfigError, match="latency"):
        BreakerBoard(rules, relapse={**relapse, "latency": 0.1})


def test_only_what_is_open_or_on_probation_can_be_reset() -> None:
    one = board()
    show(one, "price_gap", BTC, 1.0)
    with pytest.raises(NotFound, match="price_gap:BTC/USDT"):
        one.reset("price_gap", reason="r", by="b", at=START)
    event = one.reset("price_gap:BTC/USDT", reason="r", by="b", at=START)
    assert event.by == "b"
    assert one.facts(BTC).size_fraction == 1
    with pytest.raises(NotFound, match="none"):
        one.reset("price_gap:BTC/USDT", reason="r", by="b", at=START)


def test_the_moment_of_an_observation_is_that_of_the_board() -> None:
    later = START + timedelta(hours=1)
    (event,) = board().observe(Observation("price_gap", BTC, 1.0, START), later)
    assert event.at == later


def test_replaying_changes_only_what_the_record_says() -> None:
    first, again = board(), board()
    (event,) = show(first, "price_gap", BTC, 1.0)
    again.replaying = True
    assert show(again, "venue_errors", "", 99.0) == ()
    again.apply(event)
    again.replaying = False
    assert again.facts(BTC) == first.facts(BTC)
    assert again.state("venue_errors", "") is BreakerState.CLOSED
    assert again.state("price_gap", BTC) is BreakerState.OPEN
    assert again.state("latency", "") is BreakerState.CLOSED


EVENTS = st.tuples(
    st.sampled_from(PLAIN), st.sampled_from(["", BTC]), st.floats(0.0, 2.0), st.integers(1, 40_000)
)


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=120))
def test_size_rises_only_after_as_much_evidence_as_the_rule_asks_for(
    events: list[tuple[str, str, float, int]],
) -> None:
    one, at = board(), START
    good: dict[tuple[str, str], int] = {}
    size: dict[tuple[str, str], Decimal] = {}
    opened: dict[tuple[str, str], datetime] = {}
    for kind, scope, part, seconds in events:
        at += timedelta(seconds=seconds)
        rule, key = SETTINGS.rules()[kind], (kind, scope)
        value = part * rule.trip
        good[key] = 0 if value >= rule.trip else good.get(key, 0) + (value <= rule.clear)
        for told in show(one, kind, scope, value, at):
            if told.size_fraction > size.get(key, Decimal(1)):
                assert good[key] >= rule.good_count
                assert at >= opened[key] + rule.wait
            if told.state is BreakerState.OPEN:
                opened[key] = at
            size[key], good[key] = told.size_fraction, 0
        facts = one.facts(BTC)
        assert 0 <= facts.size_fraction <= 1
        assert (facts.size_fraction == 0) is bool(facts.open)


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=80), st.integers(0, 80))
def test_a_board_that_is_rebuilt_moves_as_the_one_that_never_stopped(
    events: list[tuple[str, str, float, int]], cut: int
) -> None:
    def fold(
        board: BreakerBoard, part: list[tuple[str, str, float, int]], at: datetime
    ) -> list[BreakerChanged]:
        told: list[BreakerChanged] = []
        for kind, scope, share, seconds in part:
            at += timedelta(seconds=seconds)
            told += show(board, kind, scope, share * trip(kind), at)
        return told

    whole, first, again = board(), board(), board()
    middle = START + timedelta(seconds=sum(seconds for *_, seconds in events[:cut]))
    expected = fold(whole, events, START)
    before = fold(first, events[:cut], START)
    again.replaying = True
    at = START
    record = list(before)
    for kind, scope, share, seconds in events[:cut]:
        at += timedelta(seconds=seconds)
        while record and record[0].at <= at:
            again.apply(record.pop(0))
        show(again, kind, scope, share * trip(kind), at)
    again.replaying = False
    assert before + fold(again, events[cut:], middle) == expected


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.recovers])
def test_each_breaker_that_recovers_is_shown_a_curve_and_measures_its_fall(kind: str) -> None:
    one, limit = board(), trip(kind)
    assert show(one, kind, "x", 1000.0) == (), "a level is no fall"
    assert show(one, kind, "x", 1000.0 * (1 - limit) + 0.001) == ()
    (event,) = show(one, kind, "x", 1000.0 * (1 - limit) - 0.001)
    assert (event.breaker, event.scope, event.state) == (kind, "x", BreakerState.OPEN)
    assert event.figures["high"] == 1000.0
