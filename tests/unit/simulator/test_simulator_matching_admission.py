"""What the matching core refuses, in its own words and in those of a venue, and what it puts back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.errors import VenueRejected
from domain.money import Currency, Symbol
from domain.orders import Fill, OrderIntent, OrderStatus, OrderType, Side, TimeInForce
from simulator.costs import BookWalk, FeeSchedule, NextOpen
from simulator.exchange.rejection import Reason, Rejection
from simulator.matching import MatchingCore
from simulator.register import Ended
from simulator.wording import worded
from tests.scenarios.order_plans_by_type import maker_only, of, sleeper, until
from tests.scenarios.stage import BTC, COIN, HOUR, INSTRUMENT, START, USDT, bar, book, order

STOP, STOP_LIMIT, TRAILING = OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP
PRICE = Decimal(100)


def core(cash: str = "10000", coins: str = "10", venue: str | None = None) -> MatchingCore:
    fees = FeeSchedule(Decimal("0.001"), Decimal("0.001"))
    balances = {USDT: Decimal(cash), COIN: Decimal(coins)}
    return MatchingCore({BTC: INSTRUMENT}, fees, NextOpen(), balances, venue=venue)


def sell(kind: OrderType, trigger: str, limit: str | None = None, **more: str) -> OrderIntent:
    return sleeper("a", kind, Side.SELL, "1", trigger, limit, **more)  # type: ignore[arg-type]  # trailing only


REFUSED = [
    ("a stop without a trigger", replace(sell(STOP, "90"), trigger_price=None), "without a price"),
    ("a stop-limit without a limit", sell(STOP_LIMIT, "90"), "without a price"),
    ("a trigger off the tick", sell(STOP_LIMIT, "90.001", "90"), "off the tick"),
    ("a limit off the tick", sell(STOP_LIMIT, "90", "89.999"), "off the tick"),
    ("a stop sale above the market", sell(STOP, "101"), "reached at 100 already"),
    ("a stop sale at the market", sell(STOP, "100"), "reached at 100 already"),
    ("a take-profit sale below the market", sell(OrderType.TAKE_PROFIT, "99"), "reached at 100 already"),
    ("a stop buy below the market", replace(sell(STOP, "99"), side=Side.BUY), "reached at 100 already"),
    ("a trail of nothing", sell(TRAILING, "90"), "trailing distance of None"),
    ("a trail of everything", sell(TRAILING, "90", trailing="1"), r"not in \(0, 1\)"),
    ("post-only at the other side", maker_only("a", Side.BUY, "1", "100"), "would take at 100"),
    ("a post-only sale into the bid", maker_only("a", Side.SELL, "1", "99"), "would take at 100"),
    ("post-only at market", replace(order("a", Side.BUY, "1"), post_only=True), "may rest"),
    (
        "post-only at once",
        replace(maker_only("a", Side.BUY, "1", "99"), time_in_force=TimeInForce.IOC),
        "may rest",
    ),
    ("a date without a date", order("a", Side.BUY, "1", limit="99", tif=TimeInForce.GTD), "needs a date"),
    ("a date that has passed", until(order("a", Side.BUY, "1", limit="99"), 0), "has passed"),
]


@pytest.mark.parametrize(("intent", "why"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_an_order_that_makes_no_sense_is_refused_and_leaves_no_trace(intent: OrderIntent, why: str) -> None:
    venue = core()
    with pytest.raises(VenueRejected, match=why):
        venue.submit(intent, START, PRICE)
    assert venue.find("a") is None
    assert [venue.free(USDT), venue.free(COIN)] == [10_000, 10]


def test_a_trigger_one_tick_away_is_taken() -> None:
    venue = core()
    venue.submit(sell(STOP, "99.99"), START, PRICE)
    venue.submit(replace(sell(OrderType.TAKE_PROFIT, "100.01"), client_id="b"), START, PRICE)
    venue.submit(maker_only("c", Side.BUY, "1", "99.99"), START, PRICE)
    assert len(venue.open_orders()) == 3


def test_a_newcomer_that_would_trade_with_the_account_itself_is_refused() -> None:
    venue = core()
    venue.submit(order("ask", Side.SELL, "1", limit="105"), START)
    with pytest.raises(VenueRejected, match="with its own ask"):
        venue.submit(order("a", Side.BUY, "1", limit="105"), START)
    with pytest.raises(VenueRejected, match="self-trade prevention"):
        venue.submit(order("b", Side.BUY, "1"), START, Decimal(105))
    venue.submit(order("c", Side.BUY, "1", limit="104.99"), START)
    venue.submit(order("d", Side.BUY, "1"), START, Decimal("104.99"))
    with pytest.raises(VenueRejected, match="with its own c"):
        venue.submit(order("e", Side.SELL, "1", limit="104.99"), START)
    venue.submit(order("out", Side.SELL, "1", limit="100", reduce_only=True), START)
    venue.submit(order("stop", Side.SELL, "1", trigger="90"), START, PRICE)
    assert {each.intent.client_id for each in venue.open_orders()} == {"ask", "c", "d", "out", "stop"}


def test_a_group_reserves_once_and_the_larger_need() -> None:
    venue = core(coins="2")
    venue.submit(of("g", order("a", Side.SELL, "2", limit="108")), START)
    venue.submit(of("g", order("b", Side.SELL, "1", trigger="95")), START)
    assert venue.free(COIN) == 0
    with pytest.raises(VenueRejected, match="needs 3"):
        venue.submit(of("g", order("c", Side.SELL, "3", limit="110")), START)
    with pytest.raises(VenueRejected, match="0 is free"):
        venue.submit(of("other", order("d", Side.SELL, "1", limit="110")), START)
    venue.cancel("a", START)
    assert venue.free(COIN) == 1
    venue.cancel("b", START)
    assert venue.free(COIN) == 2


VENUE_WORDS = [
    ("binance", order("a", Side.BUY, "0.0001", limit="99"), "-1013 Filter failure: LOT_SIZE"),
    ("binance", order("a", Side.BUY, "1.0001", limit="99"), "-1013 Filter failure: LOT_SIZE"),
    ("binance", order("a", Side.BUY, "1001", limit="99"), "-1013 Filter failure: LOT_SIZE"),
    ("binance", order("a", Side.BUY, "1", limit="99.001"), "-1013 Filter failure: PRICE_FILTER"),
    ("binance", order("a", Side.BUY, "0.04", limit="99"), "-1013 Filter failure: NOTIONAL"),
    (
        "binance",
        order("a", Side.BUY, "500", limit="99"),
        "-2010 Account has insufficient balance for requested",
    ),
    ("binance", maker_only("a", Side.BUY, "1", "100"), "-2010 Order would immediately match and take."),
    ("binance", sell(STOP, "100"), "-2010 Stop price would trigger immediately."),
    ("gate", order("a", Side.BUY, "500", limit="99"), "BALANCE_NOT_ENOUGH Not enough balance"),
    ("gate", maker_only("a", Side.BUY, "1", "100"), "POC_FILL_IMMEDIATELY"),
    ("gate", order("a", Side.BUY, "0.04", limit="99"), "INVALID_PARAM_VALUE Your order size is too small"),
    ("mexc", order("a", Side.BUY, "0.04", limit="99"), "30002 The minimum transaction volume"),
    ("mexc", order("a", Side.BUY, "500", limit="99"), "30004 Insufficient position"),
    ("coinbase", order("a", Side.BUY, "500", limit="99"), "INSUFFICIENT_FUND"),
    ("coinbase", order("a", Side.BUY, "1.0001", limit="99"), "INVALID_SIZE_PRECISION"),
]


@pytest.mark.parametrize(("venue", "intent", "words"), VENUE_WORDS)
def test_a_venue_refuses_in_its_own_words(venue: str, intent: OrderIntent, words: str) -> None:
    with pytest.raises(VenueRejected) as refused:
        core(venue=venue).submit(intent, START, PRICE)
    assert f"{venue} says {words}" in str(refused.value)


def test_what_a_venue_has_no_words_for_is_said_in_ours() -> None:
    assert worded(Rejection(Reason.EXPIRED, "too late"), "binance") == "too late"
    assert worded(Rejection(Reason.EXPIRED), None) == Reason.EXPIRED.value
    assert worded(Rejection(Reason.UNKNOWN_SYMBOL, "no such thing"), None) == "no such thing"


def test_a_restored_trail_stands_where_the_bars_left_it() -> None:
    intent = sell(TRAILING, "90", trailing="0.1")
    seen = [bar(0, "100", "110", "100", "110"), bar(1, "110", "120", "109", "118")]
    whole, again = core(), core()
    whole.submit(intent, START, PRICE)
    for each in seen:
        assert not whole.on_bar(each)
    again.restore(intent, (), START, START + 2 * HOUR, met=seen)
    last = bar(2, "118", "119", "105", "106")
    (one,), (other,) = whole.on_bar(last), again.on_bar(last)
    assert one == other
    assert isinstance(one, Fill)
    assert one.price == 108


def test_a_restored_trail_without_its_bars_is_met_later_never_earlier() -> None:
    again = core()
    again.restore(sell(TRAILING, "90", trailing="0.1"), (), START, START + 2 * HOUR)
    (fill,) = again.on_bar(bar(2, "118", "119", "105", "106"))
    assert isinstance(fill, Fill)
    assert fill.price == Decimal("106.2")


def test_a_stop_limit_that_woke_before_the_restart_rests_at_its_limit() -> None:
    intent = sell(STOP_LIMIT, "95", "94")
    again = core()
    again.restore(intent, (), START, START + HOUR, met=[bar(0, "90", "91", "89", "90")])
    (fill,) = again.on_bar(bar(1, "91", "94.5", "90", "92"))
    assert isinstance(fill, Fill)
    assert fill.price == 94
    assert fill.maker
    asleep = core()
    asleep.restore(intent, (), START, START + HOUR, met=[bar(-1, "90", "91", "89", "90")])
    assert not asleep.on_bar(bar(1, "96", "97", "95.5", "96"))


def test_a_group_of_which_one_had_filled_before_the_restart_is_closed() -> None:
    again = core()
    again.restore(of("g", order("b", Side.SELL, "1", trigger="95")), (), START, None)
    (ended,) = again.close_group("g", "a", START)
    assert ended == Ended("b", BTC, OrderStatus.CANCELLED, "a of its group filled first", START)
    assert again.free(COIN) == 10
    assert again.close_group("g", "a", START) == ()


def test_a_sale_that_wakes_below_its_limit_waits_for_the_next_bar() -> None:
    venue = core()
    venue.submit(sell(STOP_LIMIT, "95", "97"), START, PRICE)
    assert venue.on_bar(bar(0, "100", "101", "94", "99")) == []
    (fill,) = venue.on_bar(bar(1, "96", "98", "96", "97"))
    assert isinstance(fill, Fill)
    assert fill.price == 97


def test_an_order_that_wakes_does_not_stand_in_line_on_the_same_bar() -> None:
    fees = FeeSchedule(Decimal("0.001"), Decimal("0.001"))
    venue = MatchingCore({BTC: INSTRUMENT}, fees, BookWalk(Decimal(1), queue=Decimal(0)), {COIN: Decimal(10)})
    known = book([("99", "1")], [("101", "1")])
    venue.submit(sell(OrderType.TAKE_PROFIT_LIMIT, "105", "107"), START, PRICE)
    assert venue.on_bar(bar(0, "100", "107", "99", "100"), known) == []
    (fill,) = venue.on_bar(bar(1, "107", "107", "107", "107"), known)
    assert isinstance(fill, Fill)


def test_a_bar_that_opens_at_the_date_comes_too_late() -> None:
    venue = core()
    venue.submit(until(order("a", Side.BUY, "1", limit="99"), 1), START)
    (ended,) = venue.on_bar(bar(1, "90", "90", "90", "90"))
    assert isinstance(ended, Ended)
    assert ended.at == START + 2 * HOUR


def test_a_market_order_does_not_spend_what_another_symbol_has_reserved() -> None:
    other = replace(INSTRUMENT, symbol=Symbol("ETH/USDT"), base=Currency("ETH"))
    fees = FeeSchedule(Decimal(0), Decimal(0))
    venue = MatchingCore({BTC: INSTRUMENT, other.symbol: other}, fees, NextOpen(), {USDT: Decimal(1000)})
    venue.submit(replace(order("far", Side.BUY, "6", limit="100"), symbol=other.symbol), START)
    venue.submit(order("a", Side.BUY, "4"), START, PRICE)
    fill, ended = venue.on_bar(bar(0, "160", "160", "160", "160"))
    assert isinstance(fill, Fill)
    assert fill.quantity == Decimal("2.5")
    assert isinstance(ended, Ended)
    assert venue.free(USDT) == 0


def test_nothing_waits_means_nothing_is_matched() -> None:
    venue = core()
    assert venue.on_bar(bar(0, "100", "100", "100", "100")) == ()
    assert venue.pass_by(BTC, START + timedelta(days=1)) == []
