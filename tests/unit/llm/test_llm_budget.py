"""Tokens and dollars per day: reserved before, settled after, new at midnight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import SimulatedClock
from llm.budget import Budget, Reservation

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def budget(tokens: int = 1_000, cost: str = "1") -> tuple[Budget, SimulatedClock]:
    clock = SimulatedClock(NOON)
    return Budget(daily_tokens=tokens, daily_cost=Decimal(cost), clock=clock), clock


def test_calls_in_parallel_cannot_overspend_together() -> None:
    day, _ = budget(tokens=1_000)
    assert isinstance(day.reserve(600, Decimal(0)), Reservation)
    refused = day.reserve(600, Decimal(0))
    assert isinstance(refused, str)
    assert "600 of 1000 tokens" in refused


def test_what_was_not_used_is_given_back() -> None:
    day, _ = budget(tokens=1_000)
    held = day.reserve(900, Decimal("0.9"))
    assert isinstance(held, Reservation)
    day.settle(held, 100, Decimal("0.1"))
    assert (day.used_tokens, day.used_cost) == (100, Decimal("0.1"))


def test_money_is_held_as_well_as_tokens() -> None:
    day, _ = budget(cost="0.50")
    assert "dollars" in str(day.reserve(1, Decimal("0.51")))


def test_a_new_utc_day_starts_at_nothing_and_forgets_old_reservations() -> None:
    day, clock = budget(tokens=1_000)
    held = day.reserve(1_000, Decimal(0))
    assert isinstance(held, Reservation)
    clock.set(NOON + timedelta(days=1))
    assert day.used_tokens == 0
    day.settle(held, 500, Decimal(0))
    assert day.used_tokens == 0


def test_a_budget_of_zero_allows_nothing() -> None:
    day, _ = budget(tokens=0)
    assert isinstance(day.reserve(1, Decimal(0)), str)


def test_a_budget_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="below zero"):
        budget(tokens=-1)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=30))
def test_reserved_worst_cases_never_pass_the_limit(calls: list[tuple[int, int]]) -> None:
    day, _ = budget(tokens=1_000)
    for worst, used in calls:
        held = day.reserve(worst, Decimal(0))
        assert day.used_tokens <= 1_000
        if isinstance(held, Reservation):
            day.settle(held, min(used, worst), Decimal(0))
            assert 0 <= day.used_tokens <= 1_000
