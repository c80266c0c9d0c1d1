"""Double entry by itself: what adds up to zero is booked whole, and nothing else is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain.errors import LedgerError
from domain.money import Currency
from portfolio.ledger import Ledger
from tests.unit.portfolio.portfolio_cases import USDT

D = Decimal


def post(ledger: Ledger, name: str, *lines: tuple[tuple[str, Currency], D]) -> None:
    ledger.post(name, tuple((ledger.account(*key), amount) for key, amount in lines))


def test_a_transaction_out_of_balance_is_refused_whole() -> None:
    ledger = Ledger()
    with pytest.raises(LedgerError, match=r"t-1 is out of balance by 0\.01 USDT"):
        post(ledger, "t-1", (("assets", USDT), D("10.01")), (("capital", USDT), D(-10)))
    assert ledger.balances == {}
    assert ledger.transactions == 0


def test_currencies_do_not_balance_each_other() -> None:
    with pytest.raises(LedgerError, match="out of balance"):
        post(Ledger(), "t-1", (("assets", USDT), D(1)), (("capital", Currency("EUR")), D(-1)))


def test_an_account_named_twice_in_a_transaction_is_refused() -> None:
    twice = ((("assets", USDT), D(1)), (("assets", USDT), D(1)), (("capital", USDT), D(-2)))
    with pytest.raises(LedgerError, match="twice"):
        post(Ledger(), "t-1", *twice)


def test_an_amount_that_is_no_number_is_refused() -> None:
    with pytest.raises(LedgerError, match="cannot be booked exactly"):
        post(Ledger(), "t-1", (("assets", USDT), D("sNaN")), (("capital", USDT), D(1)))
    quiet = ((("assets", USDT), D("NaN")), (("capital", USDT), D("NaN")))
    with pytest.raises(LedgerError):
        post(Ledger(), "t-1", *quiet)


A_BASE, T_BASE = ("assets", Currency("BTC")), ("trading", Currency("BTC"))
A_QUOTE, T_QUOTE = ("assets", USDT), ("trading", USDT)


def test_the_order_of_a_transactions_lines_does_not_matter() -> None:
    ledger = Ledger()
    post(ledger, "mixed", (A_BASE, D(1)), (A_QUOTE, D(-5)), (T_BASE, D(-1)), (T_QUOTE, D(5)))
    assert dict(ledger.balances) == {A_BASE: 1, T_BASE: -1, A_QUOTE: -5, T_QUOTE: 5}
    ledger.check()


@pytest.mark.parametrize(
    "lines",
    [
        ((A_BASE, D(1)), (A_QUOTE, D(-5)), (T_QUOTE, D(5))),
        ((A_QUOTE, D(-5)), (T_QUOTE, D(5)), (A_BASE, D(1))),
        ((A_QUOTE, D(-5)), (A_BASE, D(1)), (T_BASE, D(-1)), (T_QUOTE, D(4))),
        ((A_BASE, D(1)), (T_BASE, D(-2)), (A_QUOTE, D(0)), (T_QUOTE, D(0))),
    ],
)
def test_one_currency_out_of_balance_refuses_all_of_it_wherever_it_stands(lines: Any) -> None:
    ledger = Ledger()
    with pytest.raises(LedgerError, match="out of balance"):
        post(ledger, "wrong", *lines)
    assert (dict(ledger.balances), ledger.transactions) == ({}, 0)
