"""Laws of the books, for any history of fills and marks that an account can have."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.clock import from_ns, to_ns
from domain.errors import LedgerError
from domain.money import Currency, Money, Price, Quantity, Symbol
from domain.orders import Fill, Side
from portfolio.portfolio import Portfolio
from tests.unit.portfolio.portfolio_cases import BTC, CAPITAL, ETH, NOON, portfolio

EXACT = Context(prec=300)


@dataclass(frozen=True)
class Trade:
    symbol: Symbol
    side: Side
    quantity: Decimal
    price: Decimal
    fee_rate: Decimal
    fee_in_base: bool


@dataclass(frozen=True)
class Mark:
    prices: dict[Symbol, Decimal]
    hours: int


def decimals(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(Decimal(low), Decimal(high), places=places, allow_nan=False, allow_infinity=False)


PRICES = decimals("0.00000001", "200000", 8)
SYMBOLS = st.sampled_from([BTC, ETH])
TRADES = st.builds(
    Trade,
    symbol=SYMBOLS,
    side=st.sampled_from(Side),
    quantity=decimals("0.00000001", "1000", 8),
    price=PRICES,
    fee_rate=decimals("0", "0.01", 5),
    fee_in_base=st.booleans(),
)
MARKS = st.builds(Mark, prices=st.dictionaries(SYMBOLS, PRICES), hours=st.integers(0, 30))
HISTORIES = st.lists(TRADES | MARKS, max_size=25)


def as_fill(number: int, trade: Trade, quantity: Decimal) -> Fill:
    base = Currency(trade.symbol.partition("/")[0])
    notional = quantity * trade.price
    fee = (
        Money(quantity * trade.fee_rate, base)
        if trade.fee_in_base
        else Money(notional * trade.fee_rate, Currency("USDT"))
    )
    return Fill(
        fill_id=f"f{number}",
        client_id=f"c{number}",
        symbol=trade.symbol,
        side=trade.side,
        quantity=Quantity(quantity),
        price=Price(trade.price),
        fee=fee,
        filled_at=NOON,
    )


def held(account: Portfolio, symbol: Symbol) -> Decimal:
    position = account.position(symbol)
    return Decimal(0) if position is None else position.quantity


def play(account: Portfolio, history: list[Trade | Mark]) -> list[Fill]:
    """Book the history, sales cut down to what is held; the fills that were booked."""
    booked: list[Fill] = []
    now = NOON
    for number, step in enumerate(history):
        if isinstance(step, Mark):
            now += timedelta(hours=step.hours)
            account.mark(step.prices, now)
            continue
        quantity = step.quantity
        if step.side is Side.SELL:
            owned = held(account, step.symbol)
            quantity = min(quantity, owned)
            fee = quantity * step.fee_rate if step.fee_in_base else Decimal(0)
            if not quantity or fee > owned - quantity:
                continue
        booked.append(as_fill(number, step, quantity))
        account.book(booked[-1])
    return booked


def summary(account: Portfolio) -> tuple[Any, ...]:
    return (
        account.cash,
        account.equity,
        account.realized,
        account.unrealized,
        account.fees_paid,
        account.peak_equity,
        account.day_start_equity,
        account.week_start_equity,
        dict(account.positions),
        dict(account.balances()),
    )


@given(HISTORIES)
def test_the_ledger_always_balances(history: list[Trade | Mark]) -> None:
    account = portfolio()
    play(account, history)
    account.check()
    totals: dict[str, Decimal] = defaultdict(Decimal)
    with localcontext(EXACT):
        for posting in account.postings():
            totals[f"{posting.transaction} {posting.currency}"] += posting.amount
        for (_, currency), amount in account.ledger.balances.items():
            totals[currency] += amount
    assert not any(totals.values())


@given(HISTORIES)
def test_equity_is_cash_and_positions(history: list[Trade | Mark]) -> None:
    account = portfolio()
    play(account, history)
    with localcontext(EXACT):
        value = sum((each.quantity * each.mark for each in account.positions.values()), Decimal(0))
        assert account.equity == account.cash + value


@given(HISTORIES)
def test_profit_is_what_was_added_to_the_capital(history: list[Trade | Mark]) -> None:
    account = portfolio()
    play(account, history)
    with localcontext(EXACT):
        profit = account.realized + account.unrealized - account.fees_paid
        assert profit == account.equity - CAPITAL.amount


@given(HISTORIES)
def test_cash_is_what_the_fills_moved(history: list[Trade | Mark]) -> None:
    """Against the plainest bookkeeping there is: add up the fills."""
    account = portfolio()
    booked = play(account, history)
    with localcontext(EXACT):
        cash = CAPITAL.amount
        owned: dict[Currency, Decimal] = defaultdict(Decimal)
        for fill in booked:
            sign = 1 if fill.side is Side.BUY else -1
            owned[Currency(fill.symbol.partition("/")[0])] += sign * fill.quantity
            cash -= sign * fill.quantity * fill.price
            if fill.fee.currency == CAPITAL.currency:
                cash -= fill.fee.amount
            else:
                owned[fill.fee.currency] -= fill.fee.amount
    assert account.cash == cash
    assert {currency: amount for currency, amount in owned.items() if amount} == {
        currency: amount for currency, amount in account.balances().items() if currency != CAPITAL.currency
    }


@given(HISTORIES)
def test_the_postings_add_up_to_the_balances(history: list[Trade | Mark]) -> None:
    account = portfolio()
    play(account, history)
    totals: dict[tuple[str, Currency], Decimal] = defaultdict(Decimal)
    with localcontext(EXACT):
        totals["assets", CAPITAL.currency] += CAPITAL.amount
        totals["capital", CAPITAL.currency] -= CAPITAL.amount
        for posting in account.postings():
            totals[posting.account, posting.currency] += posting.amount
    assert {key: amount for key, amount in totals.items() if amount} == {
        key: amount for key, amount in account.ledger.balances.items() if amount
    }


@given(HISTORIES, st.data())
def test_selling_more_than_held_is_refused_and_changes_nothing(
    history: list[Trade | Mark], data: st.DataObject
) -> None:
    account = portfolio()
    play(account, history)
    trade = data.draw(TRADES)
    more = held(account, trade.symbol) + trade.quantity
    before = summary(account)
    sale = as_fill(999, Trade(trade.symbol, Side.SELL, more, trade.price, Decimal(0), False), more)
    with pytest.raises(LedgerError, match="held"):
        account.book(sale)
    assert summary(account) == before


@given(HISTORIES)
def test_the_peak_is_the_highest_mark(history: list[Trade | Mark]) -> None:
    account = portfolio()
    peak = CAPITAL.amount
    for number in range(len(history)):
        account = portfolio()
        play(account, history[: number + 1])
        if isinstance(history[number], Mark):
            peak = max(peak, account.equity)
    assert account.peak_equity == (peak if history else CAPITAL.amount)


@given(HISTORIES, HISTORIES)
def test_a_restart_changes_nothing(before: list[Trade | Mark], after: list[Trade | Mark]) -> None:
    """Book the fills again, restore the marks: from there on both accounts are the same."""
    hour = timedelta(hours=1)
    unbroken = portfolio()
    everything = {BTC: Decimal(30_000), ETH: Decimal(2_000)}
    unbroken.mark(everything, NOON)
    fills = play(unbroken, before)
    at = (unbroken.marked_at or NOON) + hour
    unbroken.mark(everything, at)
    assume(
        unbroken.day_start_equity > 0 and unbroken.week_start_equity > 0
    )  # the books take any fills; a ruined account cannot be restored

    restarted = portfolio()
    for fill in fills:
        restarted.book(fill)
    restarted.restore_marks(
        peak=unbroken.peak_equity,
        day_start=unbroken.day_start_equity,
        week_start=unbroken.week_start_equity,
        at=at,
        prices=everything,
    )
    assert summary(restarted) == summary(unbroken)
    for account in (unbroken, restarted):
        later = at
        for number, step in enumerate(after):
            if isinstance(step, Mark):
                later += timedelta(hours=step.hours)
                account.mark(step.prices, later)
            elif step.side is Side.BUY:
                account.book(as_fill(1_000 + number, step, step.quantity))
    assert summary(restarted) == summary(unbroken)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=12), st.integers(0, 10_000))
def test_the_day_starts_with_the_newest_equity_at_its_midnight(hours: list[int], first: int) -> None:
    """Against a plain search: the newest mark at or before the last midnight, else the capital."""
    account = portfolio()
    account.book(as_fill(0, Trade(BTC, Side.BUY, Decimal(1), Decimal(40_000), Decimal(0), False), Decimal(1)))
    now = NOON + timedelta(minutes=30 * first)
    seen = [(now - timedelta(days=400), CAPITAL.amount)]
    for number, wait in enumerate(hours):
        now += timedelta(minutes=30 * wait)
        account.mark({BTC: Decimal(40_000 + 100 * number)}, now)
        seen.append((now, account.equity))
        midnight = from_ns(to_ns(now) // 86_400_000_000_000 * 86_400_000_000_000)
        exact = [equity for at, equity in seen if at == midnight]
        earlier = [equity for at, equity in seen if at < midnight]
        # Several marks at midnight itself: the first one begins the day.
        assert account.day_start_equity == (exact[0] if exact else earlier[-1])
