"""What each order type and time in force does, in a book somebody else quotes in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.orders import OrderStatus, OrderType, TimeInForce
from simulator.exchange.model import Ending
from simulator.exchange.rejection import Reason, Rejection
from simulator.orderbook.messages import SelfTrade
from tests.unit.simulator.exchange_floor import COIN, ME, RIVAL, START, Floor, changes, d, floor, quoted

MARKET, LIMIT = OrderType.MARKET, OrderType.LIMIT


@pytest.fixture
def book() -> Floor:
    return quoted()


# side, type, fields -> status, filled, notional, ending
FILLS: list[tuple[str, str, OrderType, dict[str, Any], OrderStatus, str, str, Ending]] = [
    ("takes one level", "buy", MARKET, {"quantity": "1"}, OrderStatus.FILLED, "1", "101", Ending.NONE),
    ("walks the book", "buy", MARKET, {"quantity": "2"}, OrderStatus.FILLED, "2", "203", Ending.NONE),
    (
        "ends where the book ends",
        "sell",
        MARKET,
        {"quantity": "4"},
        OrderStatus.EXPIRED,
        "3",
        "295",
        Ending.UNFILLED,
    ),
    (
        "spends an amount",
        "buy",
        MARKET,
        {"quote_amount": "200"},
        OrderStatus.FILLED,
        "1.97",
        "199.94",
        Ending.NONE,
    ),
    (
        "sells for an amount",
        "sell",
        MARKET,
        {"quote_amount": "99"},
        OrderStatus.FILLED,
        "1",
        "99",
        Ending.NONE,
    ),
    (
        "an amount finds its end with the book",
        "sell",
        MARKET,
        {"quote_amount": "395"},
        OrderStatus.EXPIRED,
        "3",
        "295",
        Ending.UNFILLED,
    ),
    (
        "a limit takes what its price allows and rests",
        "buy",
        LIMIT,
        {"quantity": "2", "limit_price": "101"},
        OrderStatus.PARTIALLY_FILLED,
        "1",
        "101",
        Ending.NONE,
    ),
    (
        "IOC drops the rest",
        "buy",
        LIMIT,
        {"quantity": "2", "limit_price": "101", "time_in_force": TimeInForce.IOC},
        OrderStatus.EXPIRED,
        "1",
        "101",
        Ending.UNFILLED,
    ),
    (
        "FOK does nothing by halves",
        "buy",
        LIMIT,
        {"quantity": "2", "limit_price": "101", "time_in_force": TimeInForce.FOK},
        OrderStatus.EXPIRED,
        "0",
        "0",
        Ending.FILL_OR_KILL,
    ),
    (
        "FOK fills whole",
        "buy",
        LIMIT,
        {"quantity": "2", "limit_price": "102", "time_in_force": TimeInForce.FOK},
        OrderStatus.FILLED,
        "2",
        "203",
        Ending.NONE,
    ),
    (
        "post-only rests",
        "buy",
        LIMIT,
        {"quantity": "2", "limit_price": "100.9", "post_only": True},
        OrderStatus.ACCEPTED,
        "0",
        "0",
        Ending.NONE,
    ),
]


@pytest.mark.parametrize(
    ("side", "kind", "fields", "status", "filled", "notional", "ending"),
    [pytest.param(*row[1:], id=row[0]) for row in FILLS],
)
def test_an_order_fills_as_its_type_says(
    book: Floor,
    side: str,
    kind: OrderType,
    fields: dict[str, Any],
    status: OrderStatus,
    filled: str,
    notional: str,
    ending: Ending,
) -> None:
    made = book.place(side, kind, **fields)
    assert (made.order.status, made.order.filled, made.order.notional, made.order.ending) == (
        status,
        d(filled),
        d(notional),
        ending,
    )
    assert sum((trade.quantity for trade in made.trades), d(0)) == made.order.filled
    assert book.order(made.order.order_id) == made.order
    assert book.exchange.trades(ME, COIN) == made.trades


def test_an_order_until_a_date_ends_then(book: Floor) -> None:
    heard = book.hear()
    until = START + timedelta(minutes=5)
    order = book.limit("buy", "99.5", "1", time_in_force=TimeInForce.GTD, expires_at=until)
    book.clock.set(until - timedelta(microseconds=1))
    book.exchange.advance(book.clock.now())
    assert book.order(order.order_id).is_open
    book.clock.set(until)
    book.exchange.advance(until)
    ended = book.order(order.order_id)
    assert (ended.status, ended.ending) == (OrderStatus.EXPIRED, Ending.EXPIRED)
    assert book.held()["USDT"] == ("10000", "0")
    assert changes(heard) == [(order.order_id, "new"), (order.order_id, "expired")]


def test_cancelling_ends_an_order_once(book: Floor) -> None:
    order = book.limit("buy", "99.5", "1", client_id="x")
    assert book.exchange.cancel(ME, COIN, client_id="x").status is OrderStatus.CANCELLED
    with pytest.raises(Rejection) as refused:
        book.exchange.cancel(ME, COIN, order_id=order.order_id)
    assert refused.value.reason is Reason.ORDER_CLOSED
    with pytest.raises(Rejection) as refused:
        book.exchange.cancel(ME, COIN, order_id=10**6)
    assert refused.value.reason is Reason.UNKNOWN_ORDER
    others = book.exchange.open_orders(RIVAL)[0]
    with pytest.raises(Rejection) as refused:
        book.exchange.cancel(ME, COIN, order_id=others.order_id)
    assert refused.value.reason is Reason.UNKNOWN_ORDER


def test_an_order_made_smaller_keeps_its_place_and_made_dearer_loses_it() -> None:
    stage = floor()
    mine = stage.limit("buy", "99", "2")
    stage.rival("buy", "99", "1")
    smaller = stage.exchange.amend(ME, COIN, order_id=mine.order_id, quantity=d("1.5")).order
    assert (smaller.quantity, stage.held()["USDT"]) == (d("1.5"), ("9851.5", "148.5"))
    stage.rival("sell", "99", "1")
    assert stage.order(mine.order_id).filled == 1  # it still stood first

    stage.exchange.amend(ME, COIN, order_id=mine.order_id, quantity=d(3))
    stage.rival("sell", "99", "1")
    assert stage.order(mine.order_id).filled == 1  # the rival stood before it now
    moved = stage.exchange.amend(ME, COIN, order_id=mine.order_id, price=d("98.5")).order
    assert (moved.limit_price, moved.quantity, moved.filled) == (d("98.5"), d(3), d(1))
    assert stage.held()["USDT"] == ("9704", "197")


def test_an_amended_price_may_trade_at_once(book: Floor) -> None:
    mine = book.limit("buy", "99.5", "2")
    made = book.exchange.amend(ME, COIN, order_id=mine.order_id, price=d("101"))
    assert [trade.quantity for trade in made.trades] == [1]
    assert made.order.status is OrderStatus.PARTIALLY_FILLED
    assert book.held() == {"COIN": ("11", "0"), "USDT": ("9798", "101")}


def test_what_is_filled_cannot_be_amended_away(book: Floor) -> None:
    mine = book.limit("buy", "101", "2")  # one of them is filled
    for quantity in ("1", "0.99"):
        with pytest.raises(Rejection) as refused:
            book.exchange.amend(ME, COIN, order_id=mine.order_id, quantity=d(quantity))
        assert refused.value.reason is Reason.NOT_AMENDABLE
    least = book.exchange.amend(ME, COIN, order_id=mine.order_id, quantity=d("1.01")).order
    assert (least.remaining, book.held()["USDT"]) == (d("0.01"), ("9897.99", "1.01"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"quantity": "1"}, Reason.NOT_AMENDABLE),  # as it is
        ({"price": "99.55"}, Reason.PRICE_TICK),
        ({"quantity": "0.001"}, Reason.QUANTITY_TOO_SMALL),
        ({"quantity": "110"}, Reason.INSUFFICIENT_BALANCE),
    ],
)
def test_an_amendment_that_is_refused_changes_nothing(
    book: Floor, change: dict[str, str], reason: Reason
) -> None:
    mine = book.limit("buy", "99.5", "1")
    before = (book.order(mine.order_id), book.held(), book.exchange.depth(COIN).bids)
    quantity, price = (d(change[name]) if name in change else None for name in ("quantity", "price"))
    with pytest.raises(Rejection) as refused:
        book.exchange.amend(ME, COIN, order_id=mine.order_id, quantity=quantity, price=price)
    assert refused.value.reason is reason
    assert (book.order(mine.order_id), book.held(), book.exchange.depth(COIN).bids) == before


def test_an_iceberg_shows_only_its_tip() -> None:
    stage = floor()
    stage.limit("sell", "101", "5", display="1")
    assert stage.exchange.depth(COIN).asks == ((d("101.0"), d("1.00")),)
    bought = stage.place("buy", OrderType.MARKET, RIVAL, quantity="4.5").order
    assert bought.filled == d("4.5")
    assert stage.exchange.depth(COIN).asks == ((d("101.0"), d("0.50")),)


def test_an_iceberg_that_is_gone_hides_nothing() -> None:
    stage = floor()
    iceberg = stage.limit("sell", "101", "5", display="1")
    stage.rival("sell", "101", "3")
    assert stage.exchange.depth(COIN).asks == ((d("101.0"), d("4.00")),)
    stage.exchange.cancel(ME, COIN, order_id=iceberg.order_id)
    assert stage.exchange.depth(COIN).asks == ((d("101.0"), d("3.00")),)


@pytest.mark.parametrize(
    ("mode", "taker", "maker", "filled"),
    [
        (SelfTrade.NONE, OrderStatus.FILLED, OrderStatus.FILLED, "1"),
        (SelfTrade.EXPIRE_MAKER, OrderStatus.EXPIRED, OrderStatus.EXPIRED, "0"),
        (SelfTrade.EXPIRE_TAKER, OrderStatus.EXPIRED, OrderStatus.ACCEPTED, "0"),
        (SelfTrade.EXPIRE_BOTH, OrderStatus.EXPIRED, OrderStatus.EXPIRED, "0"),
    ],
)
def test_trading_with_oneself(mode: SelfTrade, taker: OrderStatus, maker: OrderStatus, filled: str) -> None:
    stage = floor()
    resting = stage.limit("sell", "101", "1")
    crossing = stage.place("buy", OrderType.MARKET, quantity="1", self_trade=mode).order
    assert (crossing.status, crossing.filled) == (taker, d(filled))
    assert stage.order(resting.order_id).status is maker
    locked = {name: held[1] for name, held in stage.held().items()}
    assert locked == {"COIN": "1" if maker is OrderStatus.ACCEPTED else "0", "USDT": "0"}


def test_a_self_trade_that_is_decremented_takes_from_both() -> None:
    stage = floor()
    resting = stage.limit("sell", "101", "3")
    crossing = stage.limit("buy", "101", "1", self_trade=SelfTrade.DECREMENT)
    assert (crossing.status, crossing.prevented, crossing.filled) == (OrderStatus.EXPIRED, d(1), d(0))
    left = stage.order(resting.order_id)
    assert (left.is_open, left.prevented, left.remaining) == (True, d(1), d(2))
    assert stage.held() == {"COIN": ("8", "2"), "USDT": ("10000", "0")}


def test_a_market_order_that_cannot_be_paid_is_refused_before_it_trades(book: Floor) -> None:
    book.exchange.deposit(ME, book.exchange.markets[COIN].instrument.quote, d(-9798))  # 202 left
    with pytest.raises(Rejection) as refused:
        book.place("buy", OrderType.MARKET, quantity="2")  # costs 203
    assert refused.value.reason is Reason.INSUFFICIENT_BALANCE
    assert book.place("buy", OrderType.MARKET, quantity="1.99").order.notional == d("201.98")


def test_events_come_in_the_order_things_happened(book: Floor) -> None:
    heard = book.hear()
    order = book.limit("buy", "102", "4")
    assert changes(heard) == [(order.order_id, each) for each in ("new", "trade", "trade")]
    stop = book.exchange.listen(ME, heard.append)
    stop()
    book.exchange.cancel(ME, COIN, order_id=order.order_id)
    assert changes(heard)[3:] == [(order.order_id, "cancelled")]
