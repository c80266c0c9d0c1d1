"""Gate's request bodies: what becomes an order, and what is refused with which label."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from domain.orders import OrderType, Side, TimeInForce
from simulator.orderbook.messages import SelfTrade
from simulator.wire.gate_asks import client_id, new_order, price_order, whole
from simulator.wire.gate_errors import LABELS, GateRefusal

LIMIT = {"currency_pair": "BTC_USDT", "type": "limit", "side": "buy", "amount": "0.01", "price": "50000"}
STOP: dict[str, Any] = {
    "put": {"type": "limit", "side": "sell", "price": "54900", "amount": "0.01", "account": "normal"},
    "market": "BTC_USDT",
    "trigger": {"price": "55000", "rule": "<=", "expiration": 86400, "text": "t-dropped"},
}


def test_a_limit_order() -> None:
    order = new_order({**LIMIT, "text": "t-a.B_c-9", "time_in_force": "poc", "iceberg": "0"})
    assert (order.symbol, order.side, order.order_type) == ("BTC/USDT", Side.BUY, OrderType.LIMIT)
    assert (order.quantity, order.limit_price) == (Decimal("0.01"), Decimal(50000))
    assert order.post_only
    assert order.time_in_force is TimeInForce.GTC
    assert order.client_id == "t-a.B_c-9"
    assert order.display is None
    assert order.self_trade is SelfTrade.NONE


def test_a_market_buy_is_told_in_quote_a_market_sell_in_base() -> None:
    buy = new_order({"currency_pair": "BTC_USDT", "type": "market", "side": "buy", "amount": "600"})
    sell = new_order({**LIMIT, "type": "market", "side": "sell", "price": "1", "time_in_force": "fok"})
    assert (buy.quote_amount, buy.quantity, buy.time_in_force) == (Decimal(600), None, TimeInForce.IOC)
    assert (sell.quote_amount, sell.quantity, sell.limit_price) == (None, Decimal("0.01"), None)
    assert sell.time_in_force is TimeInForce.FOK


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"currency_pair": ""}, "MISSING_REQUIRED_PARAM"),
        ({"side": "hold"}, "INVALID_PARAM_VALUE"),
        ({"side": None}, "MISSING_REQUIRED_PARAM"),
        ({"type": "stop"}, "INVALID_PARAM_VALUE"),
        ({"amount": "0"}, "INVALID_PARAM_VALUE"),
        ({"amount": "-1"}, "INVALID_PARAM_VALUE"),
        ({"amount": "NaN"}, "INVALID_PARAM_VALUE"),
        ({"amount": "many"}, "INVALID_PARAM_VALUE"),
        ({"price": ""}, "MISSING_REQUIRED_PARAM"),
        ({"time_in_force": "gtx"}, "INVALID_PARAM_VALUE"),
        ({"type": "market", "time_in_force": "gtc"}, "INVALID_PARAM_VALUE"),
        ({"account": "margin"}, "MARGIN_NOT_SUPPORTED"),
        ({"account": "unified"}, "INVALID_PARAM_VALUE"),
        ({"stp_act": "cn"}, "INVALID_PARAM_VALUE"),
        ({"text": "no-prefix"}, "INVALID_PARAM_VALUE"),
        ({"text": "t-"}, "INVALID_PARAM_VALUE"),
        ({"text": "t-" + "x" * 29}, "INVALID_PARAM_VALUE"),
        ({"text": "t-space here"}, "INVALID_PARAM_VALUE"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], label: str) -> None:
    with pytest.raises(GateRefusal) as caught:
        new_order({**LIMIT, **change})
    assert caught.value.label == label
    assert caught.value.status == LABELS[label][0] == 400


def test_a_client_id_has_at_most_28_characters_behind_its_prefix() -> None:
    assert client_id({"text": "t-" + "x" * 28}) == "t-" + "x" * 28
    assert client_id({}) == ""


@pytest.mark.parametrize(
    ("side", "rule", "kind", "expected"),
    [
        ("sell", "<=", "limit", OrderType.STOP_LIMIT),
        ("sell", ">=", "limit", OrderType.TAKE_PROFIT_LIMIT),
        ("buy", ">=", "limit", OrderType.STOP_LIMIT),
        ("buy", "<=", "limit", OrderType.TAKE_PROFIT_LIMIT),
        ("sell", "<=", "market", OrderType.STOP),
        ("sell", ">=", "market", OrderType.TAKE_PROFIT),
    ],
)
def test_the_rule_and_the_side_decide_what_a_trigger_is(
    side: str, rule: str, kind: str, expected: OrderType
) -> None:
    body = {
        **STOP,
        "put": {**STOP["put"], "side": side, "type": kind},
        "trigger": {"price": "5", "rule": rule, "expiration": 60},
    }
    order, wait = price_order(body)
    assert order.order_type is expected
    assert order.trigger_price == 5
    assert (order.limit_price is None) == (kind == "market")
    assert wait == 60


def test_a_triggered_order_keeps_no_client_id() -> None:
    order, wait = price_order(STOP)
    assert order.client_id == ""
    assert wait == 86400


@pytest.mark.parametrize(
    "change",
    [
        {"trigger": {"price": "55000", "rule": "<", "expiration": 60}},
        {"trigger": {"price": "55000", "rule": "<=", "expiration": 0}},
        {"trigger": {"price": "55000", "rule": "<=", "expiration": 2_592_001}},
        {"put": {"side": "sell", "price": "1", "amount": "1", "time_in_force": "poc"}},
        {"put": {"side": "sell", "price": "1", "amount": "1", "account": "unified"}},
    ],
)
def test_a_trigger_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(GateRefusal) as caught:
        price_order({**STOP, **change})
    assert caught.value.label == "INVALID_PARAM_VALUE"


def test_a_trigger_must_be_there() -> None:
    with pytest.raises(GateRefusal) as caught:
        price_order({**STOP, "trigger": None})
    assert caught.value.label == "MISSING_REQUIRED_PARAM"


@pytest.mark.parametrize(
    ("text", "fine"), [("1", True), ("10", True), ("0", False), ("11", False), ("x", False)]
)
def test_whole_numbers_keep_their_bounds(text: str, fine: bool) -> None:
    if fine:
        assert whole({"limit": text}, "limit", 5, 1, 10) == int(text)
    else:
        with pytest.raises(GateRefusal):
            whole({"limit": text}, "limit", 5, 1, 10)
    assert whole({}, "limit", 5, 1, 10) == 5
