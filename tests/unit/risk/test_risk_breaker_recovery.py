"""Drawdown: it opens at its edge, and size steps back up on evidence, never by time alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.breakers import BreakerChanged, BreakerState
from risk.breakers.observation import BreakerRule, Observation
from risk.breakers.recovery import RecoveryBreaker

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SIZES = tuple(Decimal(text) for text in ("0.25", "0.5", "0.75"))
RULE = BreakerRule(0.10, 0.0, 3, wait=DAY, max_wait=8 * DAY, probation=SIZES)
CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


class Curve:
    """Shows a breaker a curve; by default a point every hour."""

    def __init__(self, breaker: RecoveryBreaker | None = None) -> None:
        self.breaker = breaker or RecoveryBreaker("drawdown", "", RULE, relapse=0.03)
        self.at = START
        self.told: list[BreakerChanged] = []

    def to(
        self, level: float, *, after: timedelta = HOUR, trial: float | None = None
    ) -> BreakerChanged | None:
        self.at += after
        told = self.breaker.observe(Observation("drawdown", "", level, self.at, trial))
        if told is not None:
            self.told.append(told)
        return told

    def days(self, *levels: float, trial: tuple[float, ...] = ()) -> list[BreakerChanged]:
        """One level at noon of each of the following days, as the only point of that day."""
        before = len(self.told)
        for index, level in enumerate(levels):
            self.at = (self.at + DAY).replace(hour=12)
            self.to(level, after=timedelta(0), trial=trial[index] if trial else None)
        return self.told[before:]


def fallen(to: float = 90.0) -> Curve:
    curve = Curve()
    curve.to(100.0)
    told = curve.to(to)
    assert told is not None
    assert told.state is OPEN
    return curve


@pytest.mark.parametrize(("level", "opens"), [(90.001, False), (90.0, True), (89.0, True)])
def test_it_opens_exactly_at_its_fall(level: float, opens: bool) -> None:
    curve = Curve()
    curve.to(80.0)
    curve.to(100.0)
    assert (curve.to(level) is not None) is opens


def test_what_it_says_and_remembers() -> None:
    told = fallen(88.0).told[0]
    assert told.cause == "fell 12.00% from its high, the limit is 10.00%"
    assert told.figures == {"level": 88.0, "high": 100.0, "low": 88.0}
    assert told.size_fraction == 0
    assert told.until == told.at + DAY


def test_a_flat_curve_for_a_year_lets_nothing_back_in() -> None:
    curve = fallen()
    assert curve.days(*[90.0] * 365) == []
    assert curve.breaker.size == 0


def test_days_on_which_something_could_have_been_lost_and_was_not_are_evidence() -> None:
    curve = fallen()
    trial = tuple(1.0 + 0.01 * day for day in range(9))
    curve.days(90.0, 90.0, 90.0, 90.0, trial=trial[:4])
    assert curve.breaker.good == 2, "the day of the fall does not count, and today is not over"
    told = curve.days(90.0, trial=trial[4:5])
    assert [each.size_fraction for each in told] == [Decimal("0.25")]
    assert told[0].cause == "3 days in a row without a loss"


def test_a_losing_day_in_the_books_or_on_paper_begins_the_row_anew() -> None:
    curve = fallen()
    curve.days(90.0, 90.5, 91.0, 90.9, 91.0)
    assert curve.breaker.good == 0, "day four lost"
    curve = fallen()
    curve.days(90.0, 90.1, 90.2, 90.3, trial=(1.0, 1.1, 1.05, 1.2))
    assert curve.breaker.good == 0, "day three would have lost"


@pytest.mark.parametrize(
    ("level", "size"), [(92.499, None), (92.5, Decimal("0.25")), (99.0, Decimal("0.25"))]
)
def test_a_quarter_of_the_fall_regained_allows_a_quarter(level: float, size: Decimal | None) -> None:
    curve = fallen()
    told = curve.to(level, after=DAY)
    assert (None if told is None else told.size_fraction) == size


def test_not_before_the_wait_is_over() -> None:
    curve = fallen()
    assert curve.to(99.0, after=DAY - HOUR) is None
    told = curve.to(99.0, after=HOUR)
    assert told is not None
    assert told.state is HALF_OPEN


def test_size_follows_the_part_of_the_fall_that_is_regained() -> None:
    curve = fallen()
    curve.to(92.5, after=DAY)
    assert curve.to(94.9) is None
    for level, size in ((95.0, "0.5"), (97.5, "0.75"), (100.0, "1")):
        told = curve.to(level)
        assert told is not None
        assert told.size_fraction == Decimal(size)
    assert curve.breaker.state is CLOSED
    assert curve.told[-1].cause == "100% of the fall was regained"


def test_the_way_back_is_measured_from_the_lowest_point() -> None:
    curve = fallen()
    curve.to(80.0)
    assert curve.to(84.9, after=DAY) is None
    told = curve.to(85.0)
    assert told is not None
    assert told.cause == "25% of the fall was regained"


@pytest.mark.parametrize(("level", "opens"), [(89.74, False), (89.725, True), (80.0, True)])
def test_a_further_fall_on_probation_opens_it_again_for_longer(level: float, opens: bool) -> None:
    curve = fallen()
    curve.to(92.5, after=DAY)
    told = curve.to(level)
    assert (told is not None) is opens
    if told is not None:
        assert told.state is OPEN
        assert told.wait_seconds == 2 * DAY.total_seconds()
        assert "on probation, the limit is 3.00%" in told.cause


def test_closing_makes_the_present_level_the_new_high() -> None:
    curve = fallen()
    level = 90.0
    while curve.breaker.state is not CLOSED:
        level += 0.01
        curve.days(level)
    assert [told.size_fraction for told in curve.told] == [0, *SIZES, 1]
    assert curve.told[-1].figures == {"level": level, "high": level, "low": level}
    assert curve.to(level * 0.901) is None
    assert curve.to(level * 0.8999) is not None


@pytest.mark.parametrize("level", [float("nan"), 0.0, -1.0, float("inf")])
def test_a_curve_that_is_not_a_number_above_zero_opens_it(level: float) -> None:
    curve = Curve()
    curve.to(100.0)
    told = curve.to(level)
    assert told is not None
    assert told.state is OPEN
    assert curve.to(level) is None, "it is open already"
    assert curve.days(90.0, 90.1, 90.2, 90.3, 90.4)[-1].state is HALF_OPEN


def test_a_person_closes_it_and_the_fall_is_measured_from_here() -> None:
    curve = fallen()
    curve.to(85.0)
    told = curve.breaker.reset(reason="looked at it", by="Ada", at=curve.at)
    assert told.state is CLOSED
    assert curve.breaker.high == 85.0
    assert curve.to(84.0) is None
    assert curve.to(76.5) is not None


def test_it_stands_as_the_record_says_in_the_middle_of_a_recovery() -> None:
    first = fallen()
    first.to(93.0, after=DAY)
    first.to(92.0)
    again = Curve()
    again.to(100.0)
    again.at = first.told[0].at - HOUR
    for told in first.told:
        again.breaker.apply(told)
    again.at = first.at
    again.breaker.observe(Observation("drawdown", "", 92.0, again.at))
    for level in (94.0, 95.0, 96.0, 97.5, 99.0, 100.0):
        assert again.to(level) == first.to(level), level
    assert (again.breaker.high, again.breaker.low, again.breaker.base) == (
        first.breaker.high,
        first.breaker.low,
        first.breaker.base,
    )


def test_while_the_record_is_read_nothing_changes_by_itself() -> None:
    breaker = RecoveryBreaker("drawdown", "", RULE, relapse=0.03)
    for hour, level in enumerate((100.0, 80.0, 120.0, float("nan"), 10.0)):
        seen = Observation("drawdown", "", level, START + hour * HOUR)
        assert breaker.observe(seen, deciding=False) is None
    assert breaker.state is CLOSED
    assert breaker.high == 120.0


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(st.floats(0.9, 1.1), st.floats(0.95, 1.05)), min_size=40, max_size=250))
def test_size_never_rises_without_evidence(steps: list[tuple[float, float]]) -> None:
    """Whatever the curve does, a larger size is always backed by a regained fall or by enough good days."""
    curve, level, trial, size = Curve(), 100.0, 1.0, Decimal(1)
    for up, paper in steps:
        level, trial = level * up, trial * paper
        low, high = min(curve.breaker.low, level), curve.breaker.high
        until = curve.breaker.until
        told = curve.to(level, after=7 * HOUR, trial=trial)
        if told is not None and told.size_fraction > size:
            larger = next(each for each in (*SIZES, Decimal(1)) if each > size)
            assert told.size_fraction == larger, "one step at a time"
            assert until is None or curve.at >= until
            regained = (level - low) / (high - low) if high > low else 0.0
            assert regained >= float(larger) or "days in a row" in told.cause
        size = curve.breaker.size


def test_a_day_within_which_it_changed_says_nothing_about_what_came_after() -> None:
    curve = fallen()
    curve.at = (curve.at + DAY).replace(hour=11)
    curve.to(90.0)
    curve.at = (curve.at + DAY).replace(hour=9)
    curve.to(91.0)
    told = curve.to(92.5, after=6 * HOUR)
    assert told is not None
    assert curve.to(92.6) is None
    curve.days(92.7)
    assert curve.breaker.good == 0
    curve.days(92.8)
    assert curve.breaker.good == 1


def test_the_moment_of_a_step_is_no_evidence_for_the_next() -> None:
    curve = fallen()
    curve.to(92.5, after=DAY)
    assert curve.to(99.0, after=timedelta(0)) is None
    assert curve.to(99.0) is not None


@pytest.mark.parametrize(("level", "opens"), [(72.001, False), (72.0, True)])
def test_a_relapse_is_one_exactly_at_its_edge(level: float, opens: bool) -> None:
    rule = BreakerRule(0.25, 0.0, 3, wait=DAY, max_wait=8 * DAY, probation=SIZES)
    curve = Curve(RecoveryBreaker("drawdown", "", rule, relapse=0.25))
    curve.to(128.0)
    curve.to(64.0)
    assert curve.to(96.0, after=DAY) is not None
    assert (curve.to(level) is not None) is opens


def test_a_curve_that_began_as_nonsense_is_judged_by_its_days() -> None:
    curve = Curve()
    told = curve.to(float("nan"))
    assert told is not None
    assert "not a number above zero" in told.cause
    told = curve.days(90.0, 90.1, 90.2, 90.3, 90.4, 90.5)[0]
    assert told.cause == "3 days in a row without a loss"


def test_a_curve_at_zero_is_told_as_what_it_is() -> None:
    curve = Curve()
    curve.to(100.0)
    told = curve.to(0.0)
    assert told is not None
    assert told.cause == "the curve it watches is not a number above zero"


def test_paper_that_stands_still_is_no_loss() -> None:
    curve = fallen()
    curve.days(90.0, 90.1, 90.2, 90.3, trial=(1.0, 1.0, 1.0, 1.0))
    assert curve.breaker.good == 2
