"""What the exchange refuses, and that a refusal changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from domain.orders import OrderType, Side, TimeInForce
from simulator.exchange.model import NewOrder
from simulator.exchange.policy import ClientIdRule, Duplicates, Policy
from simulator.exchange.rejection import Reason, Rejection
from tests.unit.simulator.exchange_floor import COIN, ME, RIVAL, START, Floor, d, floor, quoted

MARKET, LIMIT = OrderType.MARKET, OrderType.LIMIT


@pytest.fixture
def book() -> Floor:
    return quoted()


REFUSED: list[tuple[str, str, OrderType, dict[str, Any], Reason]] = [
    ("off the tick", "buy", LIMIT, {"quantity": "1", "limit_price": "99.95"}, Reason.PRICE_TICK),
    ("off the step", "buy", LIMIT, {"quantity": "1.005", "limit_price": "99"}, Reason.QUANTITY_STEP),
    ("too few", "buy", MARKET, {"quantity": "0"}, Reason.QUANTITY_TOO_SMALL),
    ("too many", "sell", MARKET, {"quantity": "1000.01"}, Reason.QUANTITY_TOO_LARGE),
    (
        "worth little",
        "buy",
        LIMIT,
        {"quantity": "0.05", "limit_price": "99.9"},
        Reason.NOTIONAL_TOO_SMALL,
    ),
    ("an amount too small", "buy", MARKET, {"quote_amount": "4.99"}, Reason.NOTIONAL_TOO_SMALL),
    ("far above", "buy", LIMIT, {"quantity": "1", "limit_price": "500.1"}, Reason.PRICE_BAND),
    ("far below", "buy", LIMIT, {"quantity": "1", "limit_price": "19.9"}, Reason.PRICE_BAND),
    (
        "lacks quote",
        "buy",
        LIMIT,
        {"quantity": "101", "limit_price": "99.1"},
        Reason.INSUFFICIENT_BALANCE,
    ),
    (
        "lacks base",
        "sell",
        LIMIT,
        {"quantity": "10.01", "limit_price": "101"},
        Reason.INSUFFICIENT_BALANCE,
    ),
    (
        "would take",
        "buy",
        LIMIT,
        {"quantity": "1", "limit_price": "101", "post_only": True},
        Reason.WOULD_TAKE,
    ),
    (
        "sell stop above",
        "sell",
        OrderType.STOP,
        {"quantity": "1", "trigger_price": "100"},
        Reason.WOULD_TRIGGER,
    ),
    (
        "buy stop below",
        "buy",
        OrderType.STOP,
        {"quantity": "1", "trigger_price": "100"},
        Reason.WOULD_TRIGGER,
    ),
    (
        "sell profit below",
        "sell",
        OrderType.TAKE_PROFIT,
        {"quantity": "1", "trigger_price": "99"},
        Reason.WOULD_TRIGGER,
    ),
    (
        "expired before it came",
        "buy",
        LIMIT,
        {"quantity": "1", "limit_price": "99", "time_in_force": TimeInForce.GTD, "expires_at": START},
        Reason.EXPIRED,
    ),
    (
        "trails too closely",
        "sell",
        OrderType.TRAILING_STOP,
        {"quantity": "1", "trailing": "0.0009"},
        Reason.TRAILING_RANGE,
    ),
    ("neither size", "buy", MARKET, {}, Reason.BAD_PARAMETER),
    ("both sizes", "buy", MARKET, {"quantity": "1", "quote_amount": "100"}, Reason.BAD_PARAMETER),
    ("a limit without price", "buy", LIMIT, {"quantity": "1"}, Reason.BAD_PARAMETER),
    ("a market with price", "buy", MARKET, {"quantity": "1", "limit_price": "99"}, Reason.BAD_PARAMETER),
    ("a stop without trigger", "sell", OrderType.STOP, {"quantity": "1"}, Reason.BAD_PARAMETER),
    (
        "GTD without an end",
        "buy",
        LIMIT,
        {"quantity": "1", "limit_price": "99", "time_in_force": TimeInForce.GTD},
        Reason.BAD_PARAMETER,
    ),
    (
        "post-only at once",
        "buy",
        LIMIT,
        {"quantity": "1", "limit_price": "99", "post_only": True, "time_in_force": TimeInForce.IOC},
        Reason.BAD_PARAMETER,
    ),
    (
        "too many iceberg parts",
        "buy",
        LIMIT,
        {"quantity": "1", "limit_price": "99", "display": "0.09"},
        Reason.ICEBERG,
    ),
]


@pytest.mark.parametrize(
    ("side", "kind", "fields", "reason"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED]
)
def test_what_breaks_a_rule_is_refused_and_changes_nothing(
    book: Floor, side: str, kind: OrderType, fields: dict[str, Any], reason: Reason
) -> None:
    before, depth = book.held(), book.exchange.depth(COIN)
    with pytest.raises(Rejection) as refused:
        book.place(side, kind, **fields)
    assert refused.value.reason is reason
    assert (book.held(), book.exchange.depth(COIN)) == (before, depth)
    assert book.exchange.orders(ME, COIN) == ()


def test_the_edges_of_the_rules_are_inside(book: Floor) -> None:
    assert book.limit("buy", "20", "0.25").is_open  # 5.00 quote, at the lower band
    assert book.limit("sell", "500", "0.01").is_open  # at the upper band
    assert book.limit("sell", "101", "1000", RIVAL).is_open  # the largest
    stop = book.place("sell", OrderType.STOP, quantity="1", trigger_price="99.9").order
    assert stop.asleep


def test_open_and_sleeping_orders_are_counted() -> None:
    stage = floor(max_orders=3, max_sleeping=1)
    stage.limit("buy", "90", "1")
    stage.place("sell", OrderType.STOP, quantity="1", trigger_price="90")
    with pytest.raises(Rejection) as refused:
        stage.place("sell", OrderType.STOP, quantity="1", trigger_price="91")
    assert refused.value.reason is Reason.TOO_MANY_TRIGGERS
    stage.limit("buy", "91", "1")
    with pytest.raises(Rejection) as refused:
        stage.limit("buy", "92", "1")
    assert refused.value.reason is Reason.TOO_MANY_ORDERS


@pytest.mark.parametrize(
    ("duplicates", "while_open", "after"),
    [
        (Duplicates.REFUSED_WHILE_OPEN, False, True),
        (Duplicates.REFUSED, False, False),
        (Duplicates.ACCEPTED, True, True),
    ],
)
def test_a_client_id_used_before(duplicates: Duplicates, while_open: bool, after: bool) -> None:
    stage = floor(Policy(client_ids=ClientIdRule(duplicates=duplicates)))

    def taken() -> bool:
        try:
            stage.limit("buy", "90", "1", client_id="mine")
        except Rejection as error:
            return error.reason is not Reason.DUPLICATE_CLIENT_ID
        return True

    first = stage.limit("buy", "90", "1", client_id="mine")
    assert taken() is while_open
    stage.exchange.cancel_all(ME)
    assert taken() is after
    newest = stage.exchange.order(ME, COIN, client_id="mine")
    assert (newest.order_id > first.order_id) is (while_open or after)


def test_a_client_id_of_another_form_is_refused() -> None:
    stage = floor(Policy(client_ids=ClientIdRule(pattern="[a-z]{1,4}")))
    assert stage.limit("buy", "90", "1", client_id="good").client_id == "good"
    for bad in ("toolong", "NO", "a b"):
        with pytest.raises(Rejection) as refused:
            stage.limit("buy", "90", "1", client_id=bad)
        assert refused.value.reason is Reason.BAD_CLIENT_ID


def test_checking_an_order_says_what_placing_it_would(book: Floor) -> None:
    with pytest.raises(Rejection):
        book.exchange.check(ME, _limit("buy", "1000"))
    book.exchange.check(ME, _limit("buy", "1"))
    assert book.exchange.orders(ME, COIN) == ()


def _limit(side: str, quantity: str) -> NewOrder:
    return NewOrder(COIN, Side(side), OrderType.LIMIT, quantity=d(quantity), limit_price=d(99))
