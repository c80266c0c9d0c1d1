"""Fees in a currency that is neither money nor what was traded."""

from __future__ import annotations

from decimal import Decimal

from domain.money import Currency
from tests.unit.portfolio.portfolio_cases import USDT, buy, portfolio, sell

D = Decimal


def test_a_fee_in_a_third_currency_is_paid_from_outside_the_capital() -> None:
    account = portfolio()
    account.book(buy("1", "40000", "0.05", paid_in="BNB"))
    account.book(sell("0.4", "50000", "0.02", paid_in="BNB"))
    assert account.balances() == {USDT: D(80_000), Currency("BTC"): D("0.6")}
    assert account.paid_outside() == {Currency("BNB"): D("0.07")}
    assert account.fees_paid == 0
    assert account.equity == D(104_000)
    assert [(line.account, line.amount) for line in account.postings() if line.currency == "BNB"] == [
        ("capital", D("-0.05")),
        ("fees", D("0.05")),
        ("capital", D("-0.02")),
        ("fees", D("0.02")),
    ]
    account.check()
