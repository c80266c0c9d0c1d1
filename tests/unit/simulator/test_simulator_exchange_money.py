"""Balances, locks and fees: nothing appears, nothing vanishes, nothing is spent twice."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigError
from domain.money import Currency
from domain.orders import TRIGGERED, OrderType, Side, TimeInForce
from simulator.costs import FeeSchedule
from simulator.exchange.accounts import ApiKey
from simulator.exchange.model import NewOrder
from simulator.exchange.policy import FeeIn, Policy
from simulator.exchange.rejection import Reason, Rejection
from simulator.fees import FeeLadder, one_rate
from simulator.orderbook.messages import SelfTrade
from tests.unit.simulator.exchange_floor import BASE, COIN, ME, QUOTE, RIVAL, Floor, d, floor

FEES = one_rate("0.001", "0.002")


def test_fees_are_taken_from_what_is_received() -> None:
    stage = floor(Policy(fees=FEES))
    stage.rival("sell", "101", "1")
    bought = stage.place("buy", OrderType.MARKET, quantity="1")
    assert [(t.fee, t.fee_currency, t.maker) for t in bought.trades] == [(d("0.002"), BASE, False)]
    resting = stage.limit("sell", "110", "1")
    stage.rival("buy", "110", "1")
    (sold,) = stage.exchange.trades(ME, COIN, order_id=resting.order_id)
    assert (sold.fee, sold.fee_currency, sold.maker) == (d("0.11"), QUOTE, True)
    assert stage.held() == {"COIN": ("9.998", "0"), "USDT": ("10008.89", "0")}


def test_a_fee_is_rounded_down_to_its_digits() -> None:
    stage = floor(Policy(fees=one_rate("0.0015", "0.0015"), fee_digits=4))
    stage.rival("sell", "101", "0.11")
    (trade,) = stage.place("buy", OrderType.MARKET, quantity="0.11").trades
    assert trade.fee == d("0.0001")  # of 0.000165
    stage.rival("buy", "100.1", "0.13")
    (trade,) = stage.place("sell", OrderType.MARKET, quantity="0.13").trades
    assert trade.fee == d("0.0195")  # of 0.0195195


def test_fees_in_quote_are_paid_on_top_and_locked_with_the_order() -> None:
    stage = floor(Policy(fees=FEES, fee_in=FeeIn.QUOTE))
    resting = stage.limit("buy", "99", "2")
    assert stage.held()["USDT"] == ("9801.604", "198.396")  # at the dearer rate
    stage.rival("sell", "99", "1")
    assert stage.held() == {"COIN": ("11", "0"), "USDT": ("9801.703", "99.198")}
    stage.exchange.cancel(ME, COIN, order_id=resting.order_id)
    assert stage.held()["USDT"] == ("9900.901", "0")


def test_the_tier_of_a_day_is_that_of_the_thirty_days_before() -> None:
    tiers = (
        (d(0), FeeSchedule(d("0.002"), d("0.002"))),
        (d(100), FeeSchedule(d("0.001"), d("0.001"))),
    )
    stage = floor(Policy(fees=FeeLadder(tiers)))
    stage.rival("sell", "101", "1")
    stage.place("buy", OrderType.MARKET, quantity="1")
    assert stage.exchange.fees(ME).taker == d("0.002")
    stage.clock.set(stage.clock.now() + timedelta(days=1))
    assert stage.exchange.fees(ME).taker == d("0.001")
    stage.clock.set(stage.clock.now() + timedelta(days=29))
    assert stage.exchange.fees(ME).taker == d("0.001")  # thirty days after the trade
    stage.clock.set(stage.clock.now() + timedelta(days=1))
    assert stage.exchange.fees(ME).taker == d("0.002")


def test_an_order_pays_the_rates_of_the_day_it_came_in() -> None:
    """What was locked for it, fee on top, is enough however long it rests."""
    tiers = (
        (d(0), FeeSchedule(d("0.1"), d("0.1"))),
        (d(100), FeeSchedule(d("0.01"), d("0.01"))),
    )
    stage = floor(Policy(fees=FeeLadder(tiers), fee_in=FeeIn.QUOTE), balances={"COIN": "10", "USDT": "202"})
    stage.rival("buy", "100", "2")
    stage.place("sell", OrderType.MARKET, quantity="2")
    stage.exchange.deposit(ME, QUOTE, -d("180"))  # 202 left
    stage.clock.set(stage.clock.now() + timedelta(days=1))
    stage.limit("buy", "100", "2")
    assert stage.held()["USDT"] == ("0", "202")
    stage.clock.set(stage.clock.now() + timedelta(days=60))
    assert stage.exchange.fees(ME).maker == d("0.1")
    stage.rival("sell", "100", "1")
    assert stage.held()["USDT"] == ("0", "101")
    stage.rival("sell", "100", "1")
    assert stage.held() == {"COIN": ("10", "0"), "USDT": ("0", "0")}


@pytest.mark.parametrize("turnovers", [[], ["1"], ["0", "5", "5"], ["0", "5", "4"]])
def test_a_ladder_that_does_not_rise_from_zero_is_refused(turnovers: list[str]) -> None:
    fees = FeeSchedule(d(0), d(0))
    with pytest.raises(ConfigError):
        FeeLadder(tuple((d(each), fees) for each in turnovers))


def test_a_buy_locks_its_price_and_gets_back_what_it_saved() -> None:
    stage = floor()
    stage.rival("sell", "98", "1")
    stage.limit("buy", "99", "2")
    assert stage.held()["USDT"] == ("9803", "99")  # paid 98, locks 99 for the rest


def test_accounts_and_keys_are_told_apart() -> None:
    stage = floor()
    stage.exchange.open_account("third", {}, [ApiKey("public", "secret", withdraw=True)])
    known = stage.exchange.key("public")
    assert known is not None
    assert (known[0], known[1].withdraw, "secret" in repr(known[1])) == ("third", True, False)
    assert stage.exchange.key("other") is None
    with pytest.raises(ConfigError):
        stage.exchange.open_account("third", {})
    with pytest.raises(ConfigError):
        stage.exchange.open_account("fourth", {}, [ApiKey("public", "x")])
    with pytest.raises(ConfigError):
        stage.exchange.open_account("fifth", {QUOTE: d(-1)})
    with pytest.raises(Rejection) as refused:
        stage.exchange.balances("nobody")
    assert refused.value.reason is Reason.UNKNOWN_ACCOUNT


def test_a_deposit_is_heard_of() -> None:
    stage = floor()
    heard = stage.hear()
    stage.exchange.deposit(ME, Currency("NEW"), d(5))
    assert len(heard) == 1
    assert stage.held()["NEW"] == ("5", "0")
    with pytest.raises(Rejection):
        stage.exchange.deposit(ME, Currency("NEW"), d(-6))


PRICES = st.integers(900, 1100).map(lambda ticks: Decimal(ticks) / 10)
SIZES = st.integers(10, 300).map(lambda lots: Decimal(lots) / 100)
COMMANDS = st.one_of(
    st.tuples(
        st.just("limit"),
        st.sampled_from([ME, RIVAL]),
        st.sampled_from(Side),
        PRICES,
        SIZES,
        st.sampled_from([TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]),
        st.sampled_from(SelfTrade),
    ),
    st.tuples(st.just("market"), st.sampled_from([ME, RIVAL]), st.sampled_from(Side), SIZES),
    st.tuples(st.just("stop"), st.sampled_from(sorted(TRIGGERED)), st.sampled_from(Side), PRICES, SIZES),
    st.tuples(st.just("pair"), st.sampled_from(Side), PRICES, PRICES, SIZES),
    st.tuples(st.just("amend"), st.integers(0, 20), PRICES, SIZES),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
)


@given(
    st.lists(COMMANDS, min_size=1, max_size=40),
    st.sampled_from(FeeIn),
    st.booleans(),
)
def test_whatever_is_done_the_books_agree(
    commands: list[tuple[object, ...]], fee_in: FeeIn, locks: bool
) -> None:
    """Balances, fees and trades add up; what is locked is what the open orders need; nothing is negative."""
    policy = Policy(fees=FEES, fee_in=fee_in, locks_sleeping=locks)
    stage = floor(policy, balances={"COIN": "10", "USDT": "1000"}, max_sleeping=50)
    for command in commands:
        try:
            _do(stage, command)
        except Rejection:
            continue
        check(stage, policy)


def _do(stage: Floor, command: tuple[object, ...]) -> None:
    exchange = stage.exchange
    match command:
        case (
            "limit",
            str(who),
            Side() as side,
            Decimal() as price,
            Decimal() as size,
            TimeInForce() as tif,
            SelfTrade() as mode,
        ):
            exchange.place(
                who,
                NewOrder(
                    COIN, side, OrderType.LIMIT, size, limit_price=price, time_in_force=tif, self_trade=mode
                ),
            )
        case ("market", str(who), Side() as side, Decimal() as size):
            exchange.place(who, NewOrder(COIN, side, OrderType.MARKET, size))
        case ("stop", OrderType() as kind, Side() as side, Decimal() as price, Decimal() as size):
            trails = kind is OrderType.TRAILING_STOP
            limited = kind in (OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT)
            exchange.place(
                ME,
                NewOrder(
                    COIN,
                    side,
                    kind,
                    size,
                    limit_price=price if limited else None,
                    trigger_price=None if trails else price,
                    trailing=d("0.02") if trails else None,
                ),
            )
        case ("pair", Side() as side, Decimal() as target, Decimal() as trigger, Decimal() as size):
            exchange.place_list(
                ME,
                [
                    NewOrder(COIN, side, OrderType.LIMIT, size, limit_price=target, post_only=True),
                    NewOrder(COIN, side, OrderType.STOP, size, trigger_price=trigger),
                ],
            )
        case ("amend", int(which), Decimal() as price, Decimal() as size):
            exchange.amend(ME, COIN, order_id=_nth(stage, which), quantity=size, price=price)
        case ("cancel", int(which)):
            exchange.cancel(ME, COIN, order_id=_nth(stage, which))


def _nth(stage: Floor, which: int) -> int:
    known = stage.exchange.open_orders(ME)
    return known[which % len(known)].order_id if known else 0


def check(stage: Floor, policy: Policy) -> None:
    """The laws of the books, for both accounts."""
    exchange = stage.exchange
    started = {ME: {BASE: d(10), QUOTE: d(1000)}, RIVAL: {BASE: d(10**6), QUOTE: d(10**8)}}
    for account, before in started.items():
        expected = dict(before)
        for trade in exchange.trades(account, COIN):
            sign = 1 if trade.side is Side.BUY else -1
            expected[BASE] += sign * trade.quantity
            expected[QUOTE] -= sign * trade.notional
            expected[trade.fee_currency] -= trade.fee
        held = exchange.balances(account)
        assert {currency: held[currency].total for currency in expected} == expected
        assert all(each.free >= 0 and each.locked >= 0 for each in held.values())
        if account == ME:
            assert_locked(stage, policy)
    for order in exchange.orders(ME, COIN):
        trades = exchange.trades(ME, COIN, order_id=order.order_id)
        assert order.filled == sum((trade.quantity for trade in trades), d(0)) <= order.quantity
        assert order.notional == sum((trade.notional for trade in trades), d(0))


def assert_locked(stage: Floor, policy: Policy) -> None:
    """What is locked is what the open orders need, each pair only what the dearer one needs."""
    exchange, top = stage.exchange, d("1.002") if policy.fee_in is FeeIn.QUOTE else d(1)
    needed: dict[tuple[Currency, int], Decimal] = {}
    trailing_buys = False
    for order in exchange.open_orders(ME):
        if order.asleep and not policy.locks_sleeping:
            continue
        buys = order.side is Side.BUY
        trailing_buys |= buys and order.trailing is not None
        price = order.limit_price or order.trigger_price or d(0)
        need = order.remaining * price * top if buys else order.remaining
        place = (QUOTE if buys else BASE, order.list_id or -order.order_id)
        needed[place] = max(needed.get(place, d(0)), need)
    for currency in (BASE, QUOTE):
        total = sum((need for (locked, _), need in needed.items() if locked == currency), d(0))
        found = exchange.balances(ME)[currency].locked
        assert found >= total if trailing_buys else found == total
