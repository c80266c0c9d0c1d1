"""One breaker: it opens at its edge, and closes on evidence alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from domain.breakers import BreakerChanged, BreakerState, Level, breaker_name
from domain.errors import ConfigError
from risk.breakers.breaker import Breaker, closed_by_hand
from risk.breakers.kinds import KINDS
from risk.breakers.observation import BreakerRule, Observation

START = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULE = BreakerRule(trip=4.0, clear=1.0, good_count=2, wait=5 * MINUTE, max_wait=30 * MINUTE)
CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


def breaker(rule: BreakerRule = RULE) -> Breaker:
    return Breaker("volatility_spike", "BTC/USDT", rule)


class Line:
    """Shows a breaker one value a minute."""

    def __init__(self, breaker: Breaker) -> None:
        self.breaker = breaker
        self.at = START

    def show(self, *values: float) -> BreakerChanged | None:
        told = None
        for value in values:
            self.at += MINUTE
            told = self.breaker.observe(Observation("volatility_spike", "BTC/USDT", value, self.at))
        return told


@pytest.mark.parametrize(
    ("value", "opens"), [(3.999_999, False), (4.0, True), (4.000_001, True), (40.0, True)]
)
def test_it_opens_exactly_at_its_limit(value: float, opens: bool) -> None:
    one = breaker()
    told = Line(one).show(value)
    assert (told is not None) is opens
    assert (one.state is OPEN) is opens
    assert one.size == (Decimal(0) if opens else Decimal(1))


def test_what_it_says_when_it_opens() -> None:
    line = Line(breaker())
    told = line.show(5.0)
    assert told is not None
    assert told.name == "volatility_spike:BTC/USDT"
    assert told.level is Level.MARKET
    assert told.cause.endswith("5 usual moves, the limit is 4")
    assert told.figures == {"value": 5.0, "limit": 4.0}
    assert told.until == line.at + 5 * MINUTE
    assert told.wait_seconds == 300.0


def test_a_note_is_part_of_the_cause() -> None:
    told = breaker().observe(
        Observation("volatility_spike", "BTC/USDT", 5.0, START, None, "three words long")
    )
    assert told is not None
    assert told.cause.endswith("(three words long)")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_measure_that_is_no_number_opens_it(value: float) -> None:
    told = Line(breaker()).show(value)
    assert told is not None
    assert told.state is OPEN
    assert "not a number" in told.cause
    assert told.figures == {"value": -1.0, "limit": 4.0}, "a journal keeps no number that is none"


def test_good_news_before_the_wait_is_over_is_not_enough() -> None:
    line = Line(breaker())
    line.show(5.0)
    assert line.show(0.0, 0.0, 0.0, 0.0) is None, "four minutes of five"
    told = line.show(0.0)
    assert told is not None
    assert (told.state, told.size_fraction) == (HALF_OPEN, Decimal("0.25"))
    assert told.until is None


def test_time_alone_never_lets_size_back_in() -> None:
    line = Line(breaker())
    line.show(5.0)
    assert line.show(*[1.000_001] * 1_000) is None, "a measure in between is neither good nor bad"
    assert line.breaker.size == 0
    line.at += timedelta(days=365)
    assert line.show(1.0) is None, "one good observation of two"
    assert line.show(1.0) is not None


def test_good_observations_have_to_come_in_a_row() -> None:
    line = Line(breaker())
    line.show(5.0, 0.0, 0.0, 0.0, 0.0)
    assert line.show(4.0) is None, "bad news while it is open: the evidence begins anew"
    assert line.show(0.0) is None
    assert line.show(0.0) is not None


def test_neither_good_nor_bad_does_not_break_the_row() -> None:
    line = Line(breaker())
    line.show(5.0, 2.0, 2.0, 2.0, 2.0, 0.0, 2.0)
    told = line.show(0.0)
    assert told is not None
    assert told.state is HALF_OPEN


def test_probation_ends_well_after_as_many_good_ones_again() -> None:
    line = Line(breaker())
    line.show(5.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert line.breaker.state is HALF_OPEN
    assert line.show(0.0) is None
    told = line.show(1.0)
    assert told is not None
    assert (told.state, told.size_fraction) == (CLOSED, Decimal(1))
    assert told.cause == "2 good observations in a row"


def test_probation_ends_badly_at_the_edge_and_the_wait_doubles() -> None:
    line = Line(breaker())
    line.show(5.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert line.show(3.999_999) is None
    told = line.show(4.0)
    assert told is not None
    assert (told.state, told.wait_seconds) == (OPEN, 600.0)
    assert told.until == line.at + 10 * MINUTE


def test_the_wait_doubles_up_to_its_cap() -> None:
    line = Line(breaker())
    waits = []
    for _ in range(6):
        told = line.show(5.0)
        assert told is not None
        waits.append(told.wait_seconds / 60)
        line.at += timedelta(minutes=60)
        line.show(0.0, 0.0)
        assert line.breaker.state is HALF_OPEN
    assert waits == [5, 10, 20, 30, 30, 30]


@pytest.mark.parametrize(("quiet", "wait"), [(29, 10.0), (30, 10.0), (31, 5.0)])
def test_opening_soon_after_it_closed_doubles_the_wait_too(quiet: int, wait: float) -> None:
    line = Line(breaker())
    line.show(5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert line.breaker.state is CLOSED
    line.at += (quiet - 1) * MINUTE
    told = line.show(5.0)
    assert told is not None
    assert told.wait_seconds / 60 == wait


def test_size_comes_back_in_the_steps_of_the_rule() -> None:
    sizes = tuple(Decimal(text) for text in ("0.25", "0.5", "0.75"))
    rule = BreakerRule(4.0, 1.0, 1, MINUTE, MINUTE, probation=sizes, open_size=Decimal("0.1"))
    line = Line(breaker(rule))
    line.show(4.0)
    assert line.breaker.size == Decimal("0.1")
    told = [line.show(0.0) for _ in range(4)]
    assert [each.size_fraction for each in told if each] == [*sizes, Decimal(1)]
    assert [each.state for each in told if each] == [HALF_OPEN, HALF_OPEN, HALF_OPEN, CLOSED]


def test_the_moment_of_a_change_is_no_evidence() -> None:
    one = breaker(BreakerRule(4.0, 1.0, 1, MINUTE, MINUTE))
    at = START
    one.observe(Observation("volatility_spike", "BTC/USDT", 5.0, at))
    assert one.observe(Observation("volatility_spike", "BTC/USDT", 0.0, at)) is None
    assert one.good == 0


def test_a_person_may_close_it_and_the_waits_begin_anew() -> None:
    line = Line(breaker())
    line.show(5.0)
    line.at += timedelta(hours=1)
    line.show(0.0, 0.0, 5.0)
    assert line.breaker.wait == 10 * MINUTE
    told = line.breaker.reset(reason="the venue said sorry", by="Ada", at=line.at)
    assert (told.state, told.size_fraction, told.by) == (CLOSED, Decimal(1), "Ada")
    assert told.cause == "reset: the venue said sorry"
    assert line.breaker.wait == 5 * MINUTE
    again = line.show(4.0)
    assert again is not None, "it goes on watching"


def test_what_a_person_closed_is_the_same_on_record() -> None:
    one, other = breaker(), breaker()
    opened = one.observe(Observation("volatility_spike", "BTC/USDT", 5.0, START))
    assert opened is not None
    told = closed_by_hand("volatility_spike", "BTC/USDT", reason="r", by="b", at=START + MINUTE)
    other.apply(opened)
    other.apply(told)
    assert one.reset(reason="r", by="b", at=START + MINUTE) == told
    assert (one.state, one.size, one.wait, one.until) == (other.state, other.size, other.wait, other.until)


def test_it_stands_as_the_record_says() -> None:
    first = Line(breaker())
    told = first.show(5.0)
    assert told is not None
    again = Line(breaker())
    again.breaker.apply(told)
    again.at = first.at
    assert again.show(0.0, 0.0, 0.0, 0.0) is None
    assert again.show(0.0) == first.show(0.0, 0.0, 0.0, 0.0, 0.0)


def test_while_the_record_is_read_only_evidence_is_counted() -> None:
    one = breaker()
    for minute in range(10):
        seen = Observation("volatility_spike", "BTC/USDT", 9.0, START + minute * MINUTE)
        assert one.observe(seen, deciding=False) is None
    assert one.state is CLOSED
    one.observe(Observation("volatility_spike", "BTC/USDT", 9.0, START))
    for minute in range(1, 30):
        seen = Observation("volatility_spike", "BTC/USDT", 0.0, START + minute * MINUTE)
        assert one.observe(seen, deciding=False) is None
    assert one.state is OPEN
    assert one.good == 29


@pytest.mark.parametrize(
    "rule",
    [
        {"trip": 1.0, "clear": 1.0},
        {"good_count": 0},
        {"wait": timedelta(0)},
        {"wait": 31 * MINUTE},
        {"probation": (Decimal("0.5"), Decimal("0.5"))},
        {"probation": (Decimal(1),)},
        {"probation": (Decimal(0),)},
        {"open_size": Decimal("-0.1")},
        {"open_size": Decimal("0.25")},
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(rule: dict[str, object]) -> None:
    sound: dict[str, object] = {
        "trip": 4.0,
        "clear": 1.0,
        "good_count": 1,
        "wait": MINUTE,
        "max_wait": 30 * MINUTE,
    }
    BreakerRule(**sound)  # type: ignore[arg-type]
    with pytest.raises(ConfigError):
        BreakerRule(**{**sound, **rule})  # type: ignore[arg-type]


def test_every_kind_says_what_it_measures() -> None:
    assert breaker_name("drawdown", "") == "drawdown"
    for name, kind in KINDS.items():
        assert kind.says, name
        assert kind.unit, name
    assert KINDS["drawdown"].tell(0.1) == "10.00 %"
    assert KINDS["equity_volatility"].tell(0.061) == "6.10 % per day"
    assert KINDS["latency"].tell(5.0) == "5 seconds"
    assert KINDS["latency"].compare(7.5, 5.0) == "7.5 seconds, the limit is 5"
    assert KINDS["depeg"].compare(0.02, 0.01) == "2.00 %, the limit is 1.00 %"
