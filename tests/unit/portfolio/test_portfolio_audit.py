"""The audit finds every digit that was changed, and nothing where nothing was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import LedgerError
from domain.money import Currency, Money, Price, Quantity, Symbol
from domain.orders import Fill, Posting, Side
from portfolio.audit import Audit, Claimed, audit_postings
from portfolio.portfolio import Portfolio
from tests.unit.portfolio.portfolio_cases import BTC, CAPITAL, ETH, NOON, USDT, buy, fill, portfolio

D = Decimal
MARKS = {BTC: D("50123.45"), ETH: D("2987.01")}
FILLS = (
    buy("0.5", "50000", "25"),
    buy("0.30001", "49999.99", "0.0003", paid_in="BTC"),
    buy("2", "3000", "0.01", symbol=ETH, paid_in="BNB"),
    fill(Side.SELL, "0.2", "51000", "10.2"),
)


def booked(fills: Sequence[Fill] = FILLS) -> Portfolio:
    books = portfolio()
    for each in fills:
        books.book(each)
    books.mark(MARKS, NOON)
    return books


def audited(fills: Sequence[Fill] = FILLS) -> Audit:
    audit = Audit(CAPITAL)
    for each in fills:
        audit.take(each)
    return audit


def claim_of(books: Portfolio) -> Claimed:
    return Claimed(NOON, books.cash, books.equity, MARKS)


def test_books_that_are_right_pass() -> None:
    books, audit = booked(), audited()
    audit.claim(claim_of(books))
    audit.compare(books)
    found = audit.result()
    assert (found.transactions, found.claims) == (5, 1)
    assert found.postings == 2 + 4 * 4 + 4 * 2
    assert found.balances == {USDT: books.cash, "BTC": D("0.59971"), "ETH": D(2)}
    assert audit_postings(books.postings()) == 4


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Side.BUY, Side.SELL]),
            st.decimals("0.00001", "0.2", places=5),
            st.decimals("1", "60000", places=2),
            st.decimals("0", "0.00001", places=8),
            st.sampled_from(["USDT", "BTC", "BNB"]),
        ),
        max_size=12,
    )
)
def test_it_agrees_with_the_portfolio_on_any_history(
    history: list[tuple[Side, Decimal, Decimal, Decimal, str]],
) -> None:
    books, audit = portfolio(), Audit(CAPITAL)
    for side, quantity, price, fee, paid_in in history:
        each = fill(side, str(quantity), str(price), str(fee), paid_in=paid_in)
        try:
            books.book(each)
        except LedgerError:
            continue
        audit.take(each)
        value = sum((quantity * price for _, quantity, _ in books.held()), D(0))
        audit.claim(Claimed(NOON, books.cash, books.cash + value, {BTC: price}))
    audit.compare(books)


def test_a_holding_without_a_mark_counts_at_its_first_fill() -> None:
    audit = Audit(CAPITAL)
    audit.take(buy("1", "50000"))
    audit.take(buy("1", "40000"))
    audit.claim(Claimed(NOON, D(10_000), D(110_000), {}))
    audit.claim(Claimed(NOON, D(10_000), D(12_000), {BTC: D(1_000)}))
    audit.claim(Claimed(NOON, D(10_000), D(12_000), {}))


DIGIT = D("0.00000001")


@pytest.mark.parametrize("digit", [DIGIT, -DIGIT])
def test_one_digit_in_cash_or_equity_is_found(digit: Decimal) -> None:
    honest = claim_of(booked())
    with pytest.raises(LedgerError, match=r"the books say .* USDT cash, the fills add up to"):
        audited().claim(replace(honest, cash=honest.cash + digit))
    with pytest.raises(LedgerError, match="the books say an equity of"):
        audited().claim(replace(honest, equity=honest.equity + digit))


def test_a_fill_that_was_left_out_or_changed_is_found() -> None:
    books = booked()
    for number in range(len(FILLS) - 1):
        with pytest.raises(LedgerError, match=r"the portfolio has .* USDT cash"):
            audited([*FILLS[:number], *FILLS[number + 1 :]]).compare(books)
    changed = replace(FILLS[1], fee=Money(D("0.00031"), Currency("BTC")))
    with pytest.raises(LedgerError, match=r"the portfolio holds 0.59971 BTC/USDT, the fills leave 0.59970"):
        audited([FILLS[0], changed, *FILLS[2:]]).compare(books)
    elsewhere = replace(FILLS[2], fee=Money(D("0.02"), Currency("BNB")))
    with pytest.raises(LedgerError, match=r"the ledger has -0.01 BNB in capital, the fills give -0.02"):
        audited([*FILLS[:2], elsewhere, FILLS[3]]).compare(books)


def test_more_sold_than_was_held_is_found() -> None:
    audit = audited(FILLS[:1])
    audit.take(fill(Side.SELL, "0.5", "50000"))
    with pytest.raises(LedgerError, match=r"leaves -0.00001 BTC/USDT"):
        audit.take(fill(Side.SELL, "0.00001", "50000"))


def test_a_fee_in_base_counts_against_the_holding() -> None:
    audit = audited([buy("0.5", "50000", "0.1", paid_in="BTC")])
    with pytest.raises(LedgerError, match=r"leaves -0.1 BTC/USDT"):
        audit.take(fill(Side.SELL, "0.5", "50000"))


def test_a_symbol_in_another_currency_is_refused() -> None:
    with pytest.raises(LedgerError, match="BTC/EUR is not quoted in USDT"):
        Audit(CAPITAL).take(replace(FILLS[0], symbol=Symbol("BTC/EUR")))


def test_numbers_too_long_to_add_up_exactly_are_refused() -> None:
    silly = replace(FILLS[0], quantity=Quantity(D("1e-110")), price=Price(D("1e5")))
    with pytest.raises(LedgerError, match="cannot be booked exactly"):
        audited([FILLS[0], silly])


def test_postings_that_do_not_balance_are_found() -> None:
    lines = [Posting("t1", "assets", USDT, D(5), NOON), Posting("t1", "trading", USDT, D("-5"), NOON)]
    assert audit_postings(lines) == 1
    assert audit_postings([]) == 0
    off = Posting("t2", "assets", USDT, DIGIT, NOON)
    for mixed in ([*lines, off], [off, *lines]):
        with pytest.raises(LedgerError, match="t2 is out of balance by 1E-8 USDT"):
            audit_postings(mixed)
