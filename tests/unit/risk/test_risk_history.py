"""Losing round trips in a row, and the last loss of each symbol, from executions alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Symbol
from domain.orders import Fill
from risk.history import LossBook
from tests.unit.portfolio.portfolio_cases import BTC, ETH, NOON, USDT, buy, instrument, sell

INSTRUMENTS = {symbol: instrument(symbol) for symbol in (BTC, ETH)}
HOUR = timedelta(hours=1)


def after(*fills: Fill) -> LossBook:
    book = LossBook(INSTRUMENTS)
    book.see(fills)
    return book


def at(fill: Fill, hours: float) -> Fill:
    return Fill(
        fill.fill_id,
        fill.client_id,
        fill.symbol,
        fill.side,
        fill.quantity,
        fill.price,
        fill.fee,
        NOON + hours * HOUR,
    )


LOSS = (at(buy("1", "40000"), 0), at(sell("1", "39999.99"), 1))
GAIN = (at(buy("1", "40000"), 2), at(sell("1", "40000.01"), 3))
EVEN = (at(buy("1", "40000"), 2), at(sell("1", "40000"), 3))


def test_nothing_traded_nothing_lost() -> None:
    book = after()
    assert (book.streak, book.streak_at, dict(book.last_loss_at)) == (0, None, {})


def test_a_losing_round_trip_counts_at_its_end() -> None:
    book = after(*LOSS)
    assert (book.streak, book.streak_at) == (1, NOON + HOUR)
    assert book.last_loss_at == {BTC: NOON + HOUR}


def test_a_gain_or_nothing_lost_ends_the_streak_and_leaves_the_last_loss() -> None:
    for end in (GAIN, EVEN):
        book = after(*LOSS, *LOSS, *end)
        assert book.streak == 0
        assert book.last_loss_at == {BTC: NOON + HOUR}


def test_losses_in_a_row_count_over_all_symbols() -> None:
    other = (at(buy("1", "3000", symbol=ETH), 4), at(sell("1", "2900", symbol=ETH), 5))
    book = after(*LOSS, *other)
    assert (book.streak, book.streak_at) == (2, NOON + 5 * HOUR)
    assert book.last_loss_at == {BTC: NOON + HOUR, ETH: NOON + 5 * HOUR}


def test_fees_decide_what_a_round_trip_brought() -> None:
    assert after(buy("1", "40000", "5"), sell("1", "40010", "5")).streak == 0
    assert after(buy("1", "40000", "5.01"), sell("1", "40010", "5")).streak == 1
    assert after(buy("1", "40000", "5"), sell("1", "40010", "5.01")).streak == 1


def test_a_fee_in_the_coin_is_paid_with_what_is_held() -> None:
    bought = buy("1", "40000", "0.01", paid_in="BTC")
    assert after(bought, sell("0.99", "40405")).streak == 0  # 40,000.95 for 40,000
    assert after(bought, sell("0.99", "40404")).streak == 1  # 39,999.96


def test_a_part_sold_at_a_loss_is_a_losing_exit_but_no_round_trip() -> None:
    book = after(at(buy("2", "40000"), 0), at(sell("1", "39000"), 1))
    assert (book.streak, dict(book.last_loss_at)) == (0, {BTC: NOON + HOUR})


def test_a_round_trip_is_the_sum_of_its_sales() -> None:
    bought = at(buy("2", "40000"), 0)
    assert after(bought, at(sell("1", "39000"), 1), at(sell("1", "41000"), 2)).streak == 0
    assert after(bought, at(sell("1", "39000"), 1), at(sell("1", "40999"), 2)).streak == 1


def test_what_is_bought_on_top_is_at_average_cost() -> None:
    trip = (buy("1", "40000"), buy("1", "42000"))
    assert after(*trip, sell("1", "40999")).last_loss_at
    assert not after(*trip, sell("1", "41000")).last_loss_at


def test_dust_ends_a_round_trip_at_the_last_price() -> None:
    """Less than the venue's smallest order is left: it counts as sold at the price of the sale."""
    least = INSTRUMENTS[BTC].min_notional / Decimal(40_000)
    step = INSTRUMENTS[BTC].step_size
    for left, ends in ((least, False), (least - step, True)):
        dust = left - left % step
        book = after(buy("1", "40001"), sell(str(Decimal(1) - dust), "40000"))
        assert (book.streak == 1) is (ends or dust < least)


def test_a_clock_that_goes_back_makes_no_loss_older() -> None:
    early = (at(buy("1", "40000"), -3), at(sell("1", "39000"), -2))
    book = after(*LOSS, *early)
    assert (book.streak, book.streak_at) == (2, NOON + HOUR)
    assert book.last_loss_at == {BTC: NOON + HOUR}


def test_what_was_told_does_not_change_afterwards() -> None:
    book = after(*LOSS)
    told = book.last_loss_at
    book.see((at(buy("1", "3000", symbol=ETH), 4), at(sell("1", "2900", symbol=ETH), 5)))
    assert dict(told) == {BTC: NOON + HOUR}


def test_an_unknown_symbol_is_an_error() -> None:
    with pytest.raises(KeyError):
        after(buy("1", "1", symbol=Symbol("XRP/USDT")))


TRADES = st.lists(
    st.tuples(
        st.sampled_from([BTC, ETH]),
        st.booleans(),
        st.integers(1, 30),
        st.integers(900, 1100),
        st.integers(0, 20),
    ),
    max_size=40,
)


def history(trades: Iterable[tuple[Symbol, bool, int, int, int]]) -> list[Fill]:
    """Trades that a spot account can make: sales of no more than is held."""
    held = {BTC: 0, ETH: 0}
    fills = []
    for number, (symbol, buys, size, price, fee) in enumerate(trades):
        quantity = size if buys else min(size, held[symbol])
        if not quantity:
            continue
        held[symbol] += quantity if buys else -quantity
        make = buy if buys else sell
        fills.append(at(make(str(quantity), str(price), str(fee), symbol=symbol), number))
    return fills


@given(TRADES, st.integers(0, 40))
def test_one_life_or_two_make_no_difference(
    trades: list[tuple[Symbol, bool, int, int, int]], cut: int
) -> None:
    fills = history(trades)
    whole, parts = after(*fills), after(*fills[:cut])
    parts.see(fills[cut:])
    assert (whole.streak, whole.streak_at) == (parts.streak, parts.streak_at)
    assert whole.last_loss_at == parts.last_loss_at


@given(TRADES)
def test_round_trips_are_counted_as_cash_counts_them(
    trades: list[tuple[Symbol, bool, int, int, int]],
) -> None:
    """Said again without costs: a round trip lost when the money that it moved adds up to less than zero."""
    streak, money, held = 0, {BTC: Decimal(0), ETH: Decimal(0)}, {BTC: Decimal(0), ETH: Decimal(0)}
    for fill in history(trades):
        sign = 1 if fill.side.value == "sell" else -1
        money[fill.symbol] += sign * fill.quantity * fill.price - fill.fee.amount
        held[fill.symbol] -= sign * fill.quantity
        if held[fill.symbol] == 0:
            streak = streak + 1 if money[fill.symbol] < Decimal("-1e-30") else 0
            money[fill.symbol] = Decimal(0)
    assert after(*history(trades)).streak == streak


def test_the_account_is_in_the_currency_of_the_instruments() -> None:
    assert INSTRUMENTS[BTC].quote == USDT


@pytest.mark.parametrize(
    ("left", "price", "over"),
    [("0.00500", "1000", False), ("0.00499", "1000", True), ("0.00001", "1000000", False)],
)
def test_what_just_fits_an_order_is_still_a_holding(left: str, price: str, over: bool) -> None:
    """The venue takes orders of 5 and more, and of 0.00001 and more."""
    book = after(at(buy("1", "2000000"), 0), at(sell(str(1 - Decimal(left)), price), 1))
    assert book.streak == int(over)
