"""What the gate is told about the account is never older than the account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from domain.halt import HaltState
from execution.facts import FactsSource
from portfolio.portfolio import Portfolio
from risk.facts import AccountFacts, PositionFacts
from risk.limits import RiskLimits
from tests.unit.portfolio.portfolio_cases import BTC, ETH, NOON, USDT, buy, instrument, portfolio, sell

D = Decimal


def source(account: Portfolio) -> FactsSource:
    feed = SimpleNamespace(
        instruments={BTC: instrument(BTC), ETH: instrument(ETH)}, quote=lambda symbol: None
    )
    return FactsSource(account, cast(Any, feed), lambda: HaltState.ACTIVE, RiskLimits())


def told(facts: FactsSource) -> AccountFacts:
    account = facts.gather(BTC, NOON, (), entry=False).account
    assert account is not None
    return account


def as_it_stands(account: Portfolio) -> AccountFacts:
    return AccountFacts(
        currency=USDT,
        equity=account.equity,
        day_start_equity=account.day_start_equity,
        peak_equity=account.peak_equity,
        free=account.balances(),
        positions={
            symbol: PositionFacts(position.quantity, position.mark)
            for symbol, position in account.positions.items()
        },
    )


def test_every_fill_and_every_mark_is_seen_at_the_next_review() -> None:
    account = portfolio()
    facts = source(account)
    steps: list[Callable[[], None]] = [
        lambda: account.book(buy("1", "40000", "40")),
        lambda: account.mark({BTC: D(41_000)}, NOON),
        lambda: account.mark({BTC: D(39_000)}, NOON + timedelta(hours=1)),
        lambda: account.book(buy("2", "3000", symbol=ETH)),
        lambda: account.book(sell("1", "39500")),
        lambda: account.mark({}, NOON + timedelta(days=1)),
        lambda: account.restore_marks(
            peak=D(150_000), day_start=D(95_000), week_start=D(95_000), at=NOON, prices={ETH: D(2_900)}
        ),
    ]
    assert told(facts) == as_it_stands(account)
    for step in steps:
        before = told(facts)
        step()
        assert told(facts) == as_it_stands(account)
        assert told(facts) is not before


def test_while_nothing_happens_the_account_is_not_put_together_again() -> None:
    account = portfolio()
    facts = source(account)
    account.book(buy("1", "40000"))
    assert told(facts) is told(facts)
