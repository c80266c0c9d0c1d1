"""What the books say after executions: by hand, to the last digit."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest

from domain.errors import LedgerError
from domain.money import Currency, Money, Price, Quantity, Symbol
from domain.orders import Fill
from portfolio.portfolio import Portfolio
from portfolio.position import Position
from tests.unit.portfolio.portfolio_cases import (
    BTC,
    CAPITAL,
    ETH,
    NOON,
    USDT,
    buy,
    instrument,
    portfolio,
    sell,
)

D = Decimal


def books(account: Portfolio) -> tuple[Any, ...]:
    """Everything that a booking may change."""
    return (
        account.cash,
        account.equity,
        account.realized,
        account.unrealized,
        account.fees_paid,
        account.peak_equity,
        account.day_start_equity,
        dict(account.positions),
        dict(account.ledger.balances),
        account.ledger.transactions,
        len(list(account.postings())),
    )


def test_a_new_account_is_its_capital() -> None:
    account = portfolio()
    assert account.cash == account.equity == account.peak_equity == account.day_start_equity == D(100_000)
    assert account.realized == account.unrealized == account.fees_paid == 0
    assert account.positions == {}
    assert account.balances() == {USDT: D(100_000)}
    assert account.marked_at is None
    account.check()


def test_a_trade_by_hand() -> None:
    """Buy 1 at 40,000 and 1 at 44,000, sell 0.5 at 45,000, with fees of 0.1 %; the market then at 43,000."""
    account = portfolio()
    account.book(buy("1", "40000", "40"))
    account.book(buy("1", "44000", "44"))
    account.book(sell("0.5", "45000", "22.5"))
    account.mark({BTC: D(43_000)}, NOON)

    assert account.position(BTC) == Position(BTC, D("1.5"), D(42_000), D(1_500), D(43_000))
    assert account.cash == D(100_000) - 40_040 - 44_044 + 22_500 - D("22.5")
    assert account.realized == D(1_500)  # 0.5 * (45,000 - 42,000)
    assert account.unrealized == D(1_500)  # 1.5 * (43,000 - 42,000)
    assert account.fees_paid == D("106.5")
    assert account.equity == D("102893.5")  # 100,000 + 1,500 + 1,500 - 106.5
    assert account.balances() == {USDT: account.cash, Currency("BTC"): D("1.5")}
    account.check()


def test_a_closed_position_is_gone_and_its_profit_stays() -> None:
    account = portfolio()
    account.book(buy("3", "0.10", symbol=ETH))
    account.book(sell("1", "0.20", symbol=ETH))
    account.book(sell("1", "0.20", symbol=ETH))
    account.book(sell("1", "0.20", symbol=ETH))
    assert account.positions == {}
    assert account.position(ETH) is None
    assert account.realized == D("0.30")
    assert account.unrealized == 0
    assert account.balances() == {USDT: D("100000.30")}
    account.check()


def test_thirds_do_not_leave_a_remainder() -> None:
    """An average cost that does not end in decimals: nothing is lost or left over."""
    account = portfolio()
    account.book(buy("1", "100"))
    account.book(buy("2", "101"))
    account.book(sell("1", "102"))
    assert account.realized == D("1.333333333333333333")
    account.book(sell("2", "102"))
    assert account.realized == D(4)
    assert account.equity == D(100_004)
    account.check()


def test_a_position_reopened_starts_at_its_new_price() -> None:
    account = portfolio()
    account.book(buy("1", "100"))
    account.book(sell("1", "110"))
    account.book(buy("1", "200"))
    position = account.position(BTC)
    assert position is not None
    assert (position.average_price, position.realized) == (D(200), D(10))


def test_before_the_first_mark_a_holding_counts_at_its_fill() -> None:
    account = portfolio()
    account.book(buy("1", "40000", "40"))
    assert account.equity == D(99_960)


def test_after_a_mark_a_fill_above_it_costs_at_once() -> None:
    account = portfolio()
    account.mark({BTC: D(40_000)}, NOON)
    account.book(buy("1", "40100"))
    assert account.equity == D(99_900)
    assert account.unrealized == D(-100)


def test_a_fee_in_base_leaves_the_holding_at_the_fills_price() -> None:
    account = portfolio()
    account.book(buy("1", "40000", "0.001", paid_in="BTC"))
    position = account.position(BTC)
    assert position is not None
    assert (position.quantity, position.average_price) == (D("0.999"), D(40_000))
    assert account.fees_paid == D(40)
    assert account.cash == D(60_000)
    assert account.balances() == {USDT: D(60_000), Currency("BTC"): D("0.999")}
    assert account.equity == D(99_960)
    account.check()


def test_a_fee_in_base_on_a_sale_comes_out_of_what_is_left() -> None:
    account = portfolio()
    account.book(buy("1", "40000"))
    account.book(sell("0.5", "50000", "0.001", paid_in="BTC"))
    position = account.position(BTC)
    assert position is not None
    assert position.quantity == D("0.499")
    assert account.fees_paid == D(50)
    assert account.realized == D("5010")  # 0.5 * 10,000, and 0.001 given away at 50,000 that cost 40,000
    account.check()


def test_the_postings_of_a_buy() -> None:
    account = portfolio()
    bought = buy("2", "100", "0.2")
    account.book(bought)
    assert [(each.account, each.currency, each.amount) for each in account.postings()] == [
        ("assets", "BTC", D(2)),
        ("trading", "BTC", D(-2)),
        ("assets", "USDT", D("-200.2")),
        ("trading", "USDT", D(200)),
        ("fees", "USDT", D("0.2")),
    ]
    assert {(each.transaction, each.at) for each in account.postings()} == {(bought.fill_id, NOON)}


def test_postings_from_a_number_on() -> None:
    account = portfolio()
    for price in ("100", "101", "102"):
        account.book(buy("1", price))
    assert {each.transaction for each in account.postings(start=2)} < {
        each.transaction for each in account.postings(start=1)
    }
    assert list(account.postings(start=3)) == []


REFUSED: dict[str, tuple[Fill, str]] = {
    "more sold than held": (sell("1.00001", "50000"), "sells 1.00001 of 1 BTC/USDT held"),
    "sold without holding": (sell("1", "3000", symbol=ETH), "sells 1 of 0 ETH/USDT held"),
    "a symbol not traded": (buy("1", "1", symbol=Symbol("XRP/USDT")), "XRP/USDT is not traded"),
    "no quantity": (buy("0", "50000"), "makes no sense"),
    "a negative quantity": (buy("-1", "50000"), "makes no sense"),
    "an endless quantity": (buy("Infinity", "50000"), "makes no sense"),
    "a quantity that is no number": (buy("NaN", "50000"), "cannot be booked"),
    "no price": (buy("1", "0"), "makes no sense"),
    "a negative price": (buy("1", "-1"), "makes no sense"),
    "a price that is no number": (buy("1", "NaN"), "cannot be booked"),
    "a negative fee": (buy("1", "50000", "-1"), "a fee of -1 USDT makes no sense"),
    "a fee that is no number": (buy("1", "50000", "NaN"), "cannot be booked"),
    "a fee above the holding": (sell("1", "50000", "0.1", paid_in="BTC"), "more than is held"),
    "digits without end": (buy("1", "50000." + "1" * 100), "cannot be booked exactly"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_booked_changes_nothing(what: str) -> None:
    account = portfolio()
    account.book(buy("1", "40000", "40"))
    account.mark({BTC: D(41_000)}, NOON)
    before = books(account)
    wrong, message = REFUSED[what]
    with pytest.raises(LedgerError, match=message):
        account.book(wrong)
    assert books(account) == before
    account.check()


def test_a_fee_of_nothing_may_be_in_any_currency() -> None:
    account = portfolio()
    account.book(buy("1", "40000", "0", paid_in="BNB"))
    account.check()
    assert set(account.balances()) == {USDT, Currency("BTC")}


def test_cash_may_be_owed_and_says_so() -> None:
    account = portfolio()
    account.book(buy("2.5", "40001"))
    assert account.cash == D("-2.5")
    assert account.balances()[USDT] == D("-2.5")
    account.check()


def test_the_callers_decimal_context_neither_matters_nor_changes() -> None:
    account = portfolio()
    with localcontext(Context(prec=4)) as ambient:
        account.book(buy("0.12345", "43210.98", "5.334395481"))
        account.mark({BTC: D("43211.99")}, NOON)
        assert ambient.prec == 4
    assert account.cash == D(100_000) - D("5334.395481") - D("5.334395481")
    account.check()


def test_every_digit_is_kept() -> None:
    account = portfolio()
    account.book(buy("0.000000000000000001", "0.000000000000000001"))
    assert account.cash == D("99999.999999999999999999999999999999999999")
    account.check()


def test_positions_are_a_snapshot_that_cannot_be_written() -> None:
    account = portfolio()
    account.book(buy("1", "40000"))
    before = account.positions
    with pytest.raises(TypeError):
        before[ETH] = before[BTC]  # type: ignore[index]  # that it fails is the point
    with pytest.raises(FrozenInstanceError):
        before[BTC].quantity = D(9)  # type: ignore[misc]  # that it fails is the point
    account.book(sell("1", "40000"))
    assert before[BTC].quantity == 1
    assert account.positions == {}


def test_a_position_values_itself() -> None:
    position = Position(BTC, D(2), D(100), D(0), D(130))
    assert (position.value, position.unrealized) == (D(260), D(60))


def test_an_account_holds_one_quote_currency() -> None:
    with pytest.raises(LedgerError, match=r"ETH/BTC is quoted in BTC.*Trade symbols ending in /USDT"):
        Portfolio(CAPITAL, {Symbol("ETH/BTC"): instrument("ETH/BTC")})


@pytest.mark.parametrize("amount", ["0", "-1", "Infinity"])
def test_a_capital_is_above_zero(amount: str) -> None:
    with pytest.raises(LedgerError, match="not above zero"):
        Portfolio(Money(D(amount), USDT), {})


def test_the_trial_balance_finds_what_was_tampered_with() -> None:
    account = portfolio()
    account.book(buy("1", "40000"))
    account.ledger.account("assets", USDT).balance += D("0.00000001")
    with pytest.raises(LedgerError, match="out of balance by 1E-8 USDT"):
        account.check()


@pytest.mark.parametrize(
    ("attribute", "message"), [("_cash", "cash is"), ("_equity", "equity is"), ("_realized", "equity is")]
)
def test_the_books_are_compared_with_each_other(attribute: str, message: str) -> None:
    account = portfolio()
    account.book(buy("1", "40000", "1"))
    setattr(account, attribute, getattr(account, attribute) + 1)
    with pytest.raises(LedgerError, match=message):
        account.check()


def test_a_holding_that_is_not_in_the_ledger_is_found() -> None:
    account = portfolio()
    account.book(buy("1", "40000"))
    account._holdings[BTC].quantity += D("0.1")
    with pytest.raises(LedgerError, match=r"1\.1 is held but the ledger has 1"):
        account.check()


def test_a_replayed_history_gives_the_same_books() -> None:
    history = [
        buy("1", "40000", "40"),
        sell("0.3", "41000", "12.3"),
        buy("0.2", "39000", "0.0002", paid_in="BTC"),
    ]
    first, second = portfolio(), portfolio()
    for each in history:
        first.book(each)
        second.book(replace(each, quantity=Quantity(+each.quantity), price=Price(+each.price)))
    assert books(first) == books(second)


def test_the_version_moves_with_every_change_and_only_then() -> None:
    """Whoever keeps something worked out from the account asks the version whether it still holds."""
    account = portfolio()
    seen = [account.version]
    account.book(buy("1", "40000"))
    seen.append(account.version)
    account.mark({BTC: D(41_000)}, NOON)
    seen.append(account.version)
    account.restore_marks(peak=D(200_000), day_start=D(90_000), week_start=D(90_000), at=NOON, prices={})
    seen.append(account.version)
    assert len(set(seen)) == len(seen)
    with pytest.raises(LedgerError):
        account.book(sell("2", "40000"))
    account.check()
    assert account.balances()[USDT] == D(60_000)
    assert account.version == seen[-1]


def test_what_is_held_is_told_the_short_way_as_in_the_positions() -> None:
    account = portfolio()
    account.book(buy("1", "40000"))
    account.book(buy("2", "3000", symbol=ETH))
    account.book(sell("1", "41000"))
    account.mark({ETH: D(3_100)}, NOON)
    assert account.held() == [(ETH, D(2), D(3_100))]
    assert (account.holds(ETH), account.holds(BTC), account.holds(Symbol("SOL/USDT"))) == (True, False, False)
    assert account.position(BTC) is None
    assert account.position(ETH) == account.positions[ETH]
