"""Equity at the market, its peak and where the day began, also after a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import LedgerError
from domain.money import Symbol
from portfolio.portfolio import Portfolio
from tests.unit.portfolio.portfolio_cases import BTC, ETH, HOUR, NOON, buy, portfolio, sell

D = Decimal
MIDNIGHT = datetime(2026, 3, 3, tzinfo=UTC)


def holder() -> Portfolio:
    """One BTC bought at 40,000 out of 100,000."""
    account = portfolio()
    account.book(buy("1", "40000"))
    return account


def test_equity_follows_the_market() -> None:
    account = holder()
    account.mark({BTC: D(41_000)}, NOON)
    assert (account.equity, account.unrealized) == (D(101_000), D(1_000))
    account.mark({BTC: D(35_000)}, NOON + HOUR)
    assert (account.equity, account.unrealized) == (D(95_000), D(-5_000))
    assert account.marked_at == NOON + HOUR


def test_the_peak_remembers_the_best_mark() -> None:
    account = holder()
    for hour, price in enumerate((41_000, 50_000, 45_000)):
        account.mark({BTC: D(price)}, NOON + hour * HOUR)
    assert account.peak_equity == D(110_000)


def test_the_peak_stays_when_everything_is_sold() -> None:
    """A drawdown does not read zero because the account is flat."""
    account = holder()
    account.mark({BTC: D(50_000)}, NOON)
    account.book(sell("1", "40000"))
    account.mark({}, NOON + HOUR)
    assert account.equity == D(100_000)
    assert account.peak_equity == D(110_000)


def test_the_capital_is_the_first_peak() -> None:
    account = holder()
    account.mark({BTC: D(30_000)}, NOON)
    assert account.peak_equity == D(100_000)


def test_the_day_begins_with_the_equity_at_midnight() -> None:
    account = holder()
    account.mark({BTC: D(41_000)}, MIDNIGHT - HOUR)
    assert account.day_start_equity == D(100_000)
    account.mark({BTC: D(42_000)}, MIDNIGHT)
    assert account.day_start_equity == D(102_000)
    account.mark({BTC: D(43_000)}, MIDNIGHT + HOUR)
    account.mark({BTC: D(44_000)}, MIDNIGHT + 23 * HOUR)
    assert account.day_start_equity == D(102_000)
    account.mark({BTC: D(45_000)}, MIDNIGHT + 24 * HOUR)
    assert account.day_start_equity == D(105_000)


def test_a_loss_over_a_gap_counts_against_the_new_day() -> None:
    account = holder()
    account.mark({BTC: D(41_000)}, MIDNIGHT - HOUR)
    account.mark({BTC: D(30_000)}, MIDNIGHT + HOUR)
    assert account.day_start_equity == D(101_000)
    account.mark({BTC: D(31_000)}, MIDNIGHT + timedelta(days=3, hours=5))
    assert account.day_start_equity == D(90_000)


def test_a_symbol_without_a_price_keeps_its_mark() -> None:
    account = holder()
    account.book(buy("10", "3000", symbol=ETH))
    account.mark({BTC: D(41_000), ETH: D(3_100)}, NOON)
    account.mark({BTC: D(42_000)}, NOON + HOUR)
    assert account.equity == D(103_000)


def test_a_mark_of_something_not_held_is_used_when_it_is_bought() -> None:
    account = portfolio()
    account.mark({ETH: D(3_000)}, NOON)
    assert account.equity == D(100_000)
    account.book(buy("1", "3010", symbol=ETH))
    assert account.equity == D(99_990)


WRONG: dict[str, tuple[dict[Symbol, Decimal], datetime, str]] = {
    "an unknown symbol": ({BTC: D(1), Symbol("XRP/USDT"): D(1)}, NOON + HOUR, "XRP/USDT is not traded"),
    "a price of zero": ({BTC: D(1), ETH: D(0)}, NOON + HOUR, "ETH/USDT cannot be marked at 0"),
    "a negative price": ({ETH: D(-1)}, NOON + HOUR, "cannot be marked at -1"),
    "an endless price": ({ETH: D("Infinity")}, NOON + HOUR, "cannot be marked at Infinity"),
    "no number": ({BTC: D(1), ETH: D("NaN")}, NOON + HOUR, "cannot be marked exactly"),
    "time running backwards": ({BTC: D(1)}, NOON - HOUR, "already marked"),
}


def marks(account: Portfolio) -> tuple[Any, ...]:
    return (
        account.equity,
        account.peak_equity,
        account.day_start_equity,
        account.marked_at,
        dict(account.positions),
    )


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_a_mark_changes_nothing(what: str) -> None:
    account = holder()
    account.mark({BTC: D(41_000), ETH: D(3_000)}, NOON)
    before = marks(account)
    prices, at, message = WRONG[what]
    with pytest.raises(LedgerError, match=message):
        account.mark(prices, at)
    assert marks(account) == before


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises((ValueError, TypeError)):
        holder().mark({BTC: D(41_000)}, NOON.replace(tzinfo=None))


def test_peak_and_day_start_survive_a_restart() -> None:
    history = [buy("1", "40000", "40"), buy("1", "41000", "41"), sell("0.5", "42000", "21")]
    before = portfolio()
    for hour, (each, price) in enumerate(zip(history, (52_000, 48_000, 43_000), strict=True)):
        before.book(each)
        before.mark({BTC: D(price), ETH: D(3_000)}, MIDNIGHT + (hour - 1) * HOUR)

    after = portfolio()
    for each in history:
        after.book(each)
    after.restore_marks(
        peak=before.peak_equity,
        day_start=before.day_start_equity,
        week_start=before.week_start_equity,
        at=MIDNIGHT + HOUR,
        prices={BTC: D(43_000), ETH: D(3_000)},
    )
    assert marks(after) == marks(before)
    after.check()
    for account in (before, after):
        account.mark({BTC: D(44_000)}, MIDNIGHT + 2 * HOUR)
        account.mark({BTC: D(39_000)}, MIDNIGHT + 26 * HOUR)
    assert marks(after) == marks(before)


def test_a_restored_peak_is_never_below_the_equity() -> None:
    account = holder()
    account.restore_marks(
        peak=D(100_000), day_start=D(100_000), week_start=D(100_000), at=NOON, prices={BTC: D(60_000)}
    )
    assert account.peak_equity == D(120_000)


def test_after_a_restart_time_does_not_run_backwards() -> None:
    account = holder()
    account.restore_marks(
        peak=D(100_000), day_start=D(100_000), week_start=D(100_000), at=NOON, prices={BTC: D(40_000)}
    )
    with pytest.raises(LedgerError, match="already marked"):
        account.mark({BTC: D(40_000)}, NOON - HOUR)


@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity"])
@pytest.mark.parametrize("name", ["peak", "day_start", "week_start"])
def test_marks_no_journal_can_have_held_are_refused(name: str, value: str) -> None:
    account = holder()
    before = marks(account)
    told = {"peak": D(100_000), "day_start": D(100_000), "week_start": D(100_000), name: D(value)}
    with pytest.raises(LedgerError, match="cannot be restored"):
        account.restore_marks(**told, at=NOON, prices={BTC: D(1)})
    assert marks(account) == before
