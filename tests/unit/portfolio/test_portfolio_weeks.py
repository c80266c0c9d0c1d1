"""The start of the week is kept like that of the day: marked at midnight, over gaps, and after a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import LedgerError
from portfolio.portfolio import Portfolio
from tests.unit.portfolio.portfolio_cases import BTC, HOUR, buy, portfolio

D = Decimal
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAY, WEEK = timedelta(days=1), timedelta(days=7)


def holder() -> Portfolio:
    """One bitcoin bought at 40,000 of 100,000: equity is 60,000 and its price."""
    account = portfolio()
    account.book(buy("1", "40000"))
    return account


def marked(account: Portfolio, price: int, at: datetime) -> Decimal:
    account.mark({BTC: D(price)}, at)
    return account.week_start_equity


def test_the_first_week_begins_with_the_capital() -> None:
    account = holder()
    assert account.week_start_equity == 100_000
    assert marked(account, 41_000, MONDAY + HOUR) == 100_000


def test_a_mark_at_midnight_on_monday_begins_the_week() -> None:
    account = holder()
    marked(account, 41_000, MONDAY - HOUR)
    assert marked(account, 42_000, MONDAY) == 102_000
    assert marked(account, 43_000, MONDAY + HOUR) == 102_000
    assert marked(account, 44_000, MONDAY + WEEK - timedelta(microseconds=1)) == 102_000
    assert marked(account, 45_000, MONDAY + WEEK) == 105_000


def test_over_a_gap_the_newest_equity_before_it_counts() -> None:
    account = holder()
    marked(account, 50_000, MONDAY - HOUR)
    assert marked(account, 45_000, MONDAY + HOUR) == 110_000
    assert marked(account, 30_000, MONDAY + 3 * WEEK + DAY) == 105_000


def test_a_new_day_within_the_week_leaves_its_start() -> None:
    account = holder()
    marked(account, 42_000, MONDAY)
    for day in range(1, 7):
        assert marked(account, 42_000 - day, MONDAY + day * DAY) == 102_000
    assert marked(account, 30_000, MONDAY + 7 * DAY) == 90_000


def test_a_clock_that_goes_back_opens_no_closed_week() -> None:
    account = holder()
    marked(account, 42_000, MONDAY + WEEK)
    with pytest.raises(LedgerError, match="already marked"):
        account.mark({BTC: D(50_000)}, MONDAY)
    assert account.week_start_equity == 102_000


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(20_000, 60_000)), max_size=20), st.integers(0, 20))
def test_a_restart_anywhere_makes_no_difference(steps: list[tuple[int, int]], cut: int) -> None:
    whole, life = holder(), holder()
    at = MONDAY - DAY
    for number, (hours, price) in enumerate(steps):
        at += hours * HOUR
        if number == cut:
            before, life = life, holder()
            if before.marked_at is not None:
                life.restore_marks(
                    peak=before.peak_equity,
                    day_start=before.day_start_equity,
                    week_start=before.week_start_equity,
                    at=before.marked_at,
                    prices={BTC: before.positions[BTC].mark},
                )
        for account in (whole, life):
            account.mark({BTC: D(price)}, at)
        assert life.week_start_equity == whole.week_start_equity
        assert life.day_start_equity == whole.day_start_equity


@given(st.lists(st.tuples(st.integers(1, 200), st.integers(20_000, 60_000)), min_size=1, max_size=20))
def test_the_week_begins_with_what_was_known_at_its_midnight(steps: list[tuple[int, int]]) -> None:
    """Said again from the whole list of marks."""
    account = holder()
    at, seen = MONDAY, [(MONDAY - WEEK, D(100_000))]
    for hours, price in steps:
        at += hours * HOUR
        account.mark({BTC: D(price)}, at)
        seen.append((at, account.equity))
    midnight = at - (at - MONDAY) % WEEK
    assert account.week_start_equity == [equity for when, equity in seen if when <= midnight][-1]
