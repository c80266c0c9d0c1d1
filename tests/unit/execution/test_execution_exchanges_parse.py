"""What venues say, read to the last digit, or called nonsense."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.clock import EPOCH
from domain.errors import DataError, UnknownSymbol
from domain.money import Currency, Money, Symbol
from domain.orders import OrderStatus, OrderType, Side
from execution.exchanges.instruments import instrument_from, instruments_from
from execution.exchanges.parse import fill_from, seen_from, trade_number, trigger_from

NOW = 1_700_000_000_123


def trade(**changes: Any) -> dict[str, Any]:
    return {
        "id": "77",
        "order": "1002",
        "symbol": "BTC/USDT",
        "timestamp": NOW,
        "side": "buy",
        "price": "60001.00000000",
        "amount": "0.00999000",
        "takerOrMaker": "taker",
        "fee": {"currency": "BTC", "cost": "0.00000999"},
        **changes,
    }


def placed(**changes: Any) -> dict[str, Any]:
    return {
        "id": "1003",
        "clientOrderId": "session-000001-00",
        "symbol": "BTC/USDT",
        "timestamp": NOW,
        "type": "limit",
        "side": "buy",
        "price": "50000.00",
        "amount": "0.01000",
        "filled": "0.00000",
        "status": "open",
        "info": {},
        **changes,
    }


def armed(**changes: Any) -> dict[str, Any]:
    info = {
        "trigger": {"price": "55000", "rule": "<=", "expiration": 86400},
        "put": {"type": "market", "side": "sell", "price": "0", "amount": "0.01", "account": "normal"},
        "market": "BTC_USDT",
        "ctime": 1_700_000_000,
        "fired_order_id": 0,
        "status": "open",
    }
    return {"id": "5000", "symbol": "BTC/USDT", "info": {**info, **changes}}


def test_an_execution_keeps_every_digit_and_the_fees_own_currency() -> None:
    fill = fill_from(trade(), "a", "binance")
    assert (fill.quantity, fill.price, fill.side) == (Decimal("0.00999"), Decimal(60001), Side.BUY)
    assert fill.fee == Money(Decimal("0.00000999"), Currency("BTC"))
    assert fill.filled_at == EPOCH + timedelta(milliseconds=NOW)
    assert not fill.maker
    assert fill_from(trade(takerOrMaker="maker"), "a", "binance").maker


def test_an_executions_id_is_its_own_among_symbols_and_orders() -> None:
    ids = {
        fill_from(trade(**changes), "a", venue).fill_id
        for venue in ("binance", "mexc")
        for changes in ({}, {"symbol": "ETH/USDT"}, {"id": "78"}, {"order": "1003"})
    }
    assert len(ids) == 8


@pytest.mark.parametrize(
    ("fees", "expected"),
    [
        ({"fee": None}, Money(Decimal(0), Currency("USDT"))),
        (
            {"fees": [{"currency": "BTC", "cost": "0"}, {"currency": "GT", "cost": "0.5"}]},
            Money(Decimal("0.5"), Currency("GT")),
        ),
        (
            {"fees": [{"currency": "BTC", "cost": "0.1"}, {"currency": "BTC", "cost": "0.2"}]},
            Money(Decimal("0.3"), Currency("BTC")),
        ),
        ({"fees": [{"currency": "GT", "cost": None}], "fee": None}, Money(Decimal(0), Currency("USDT"))),
    ],
)
def test_fees_are_what_was_charged(fees: dict[str, Any], expected: Money) -> None:
    assert fill_from(trade(**fees), "a", "gate").fee == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"order": ""},
        {"symbol": None},
        {"timestamp": None},
        {"timestamp": True},
        {"side": "short"},
        {"price": "0"},
        {"price": "abc"},
        {"amount": None},
        {"amount": "-1"},
        {"amount": "NaN"},
        {"fee": {"currency": None, "cost": "1"}},
        {"fee": {"currency": "BTC", "cost": "-1"}},
        {"fees": [{"currency": "BTC", "cost": "1"}, {"currency": "GT", "cost": "1"}]},
    ],
)
def test_an_execution_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        fill_from(trade(**changes), "a", "binance")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, OrderStatus.ACCEPTED),
        ({"filled": "0.004"}, OrderStatus.PARTIALLY_FILLED),
        ({"filled": "0.01", "status": "closed"}, OrderStatus.FILLED),
        ({"filled": "0.010", "status": "open"}, OrderStatus.FILLED),
        ({"filled": "0.004", "status": "closed"}, OrderStatus.CANCELLED),
        ({"filled": "0.004", "status": "canceled"}, OrderStatus.CANCELLED),
        ({"status": "expired"}, OrderStatus.EXPIRED),
        ({"status": "rejected"}, OrderStatus.REJECTED),
        ({"status": "canceling"}, OrderStatus.ACCEPTED),
    ],
)
def test_how_an_order_stands(changes: dict[str, Any], status: OrderStatus) -> None:
    assert seen_from(placed(**changes)).status is status


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"symbol": ""},
        {"status": "PENDING?"},
        {"status": None},
        {"filled": "0.02"},
        {"filled": "-1"},
        {"amount": "x"},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        seen_from(placed(**changes))


@pytest.mark.parametrize(
    ("said", "kind", "limit", "trigger"),
    [
        ({"type": "LIMIT"}, OrderType.LIMIT, "50000", None),
        ({"type": "LIMIT_MAKER"}, OrderType.LIMIT, "50000", None),
        ({"type": "MARKET"}, OrderType.MARKET, None, None),
        ({"type": "STOP_LOSS"}, OrderType.STOP, None, "49000"),
        ({"type": "STOP_LOSS_LIMIT"}, OrderType.STOP_LIMIT, "50000", "49000"),
        ({"type": "TAKE_PROFIT"}, OrderType.TAKE_PROFIT, None, "49000"),
        ({"type": "TAKE_PROFIT_LIMIT"}, OrderType.TAKE_PROFIT_LIMIT, "50000", "49000"),
        ({"type": "STOP_LOSS", "trailingDelta": 125}, OrderType.TRAILING_STOP, None, "49000"),
    ],
)
def test_the_terms_are_the_venues_own_words(
    said: dict[str, Any], kind: OrderType, limit: str | None, trigger: str | None
) -> None:
    found = seen_from(placed(info=said, type="whatever ccxt makes of it", triggerPrice="49000.00"))
    assert found.terms is not None
    assert (found.terms.order_type, found.terms.side) == (kind, Side.BUY)
    assert found.terms.limit_price == (None if limit is None else Decimal(limit))
    assert found.terms.trigger_price == (None if trigger is None else Decimal(trigger))
    assert found.trailing == (Decimal("0.0125") if kind is OrderType.TRAILING_STOP else None)


def test_unknown_types_have_no_terms() -> None:
    assert seen_from(placed(info={"type": "PEGGED"})).terms is None


@pytest.mark.parametrize(
    ("side", "rule", "kind", "expected"),
    [
        ("sell", "<=", "market", OrderType.STOP),
        ("sell", ">=", "market", OrderType.TAKE_PROFIT),
        ("buy", ">=", "limit", OrderType.STOP_LIMIT),
        ("buy", "<=", "limit", OrderType.TAKE_PROFIT_LIMIT),
    ],
)
def test_a_trigger_is_told_by_side_and_rule(side: str, rule: str, kind: str, expected: OrderType) -> None:
    put = {"type": kind, "side": side, "price": "54900", "amount": "0.01"}
    found = trigger_from(armed(put=put, trigger={"price": "55000.0", "rule": rule}))
    assert found.terms is not None
    assert found.terms.order_type is expected
    assert found.terms.trigger_price == Decimal(55000)
    assert found.terms.limit_price == (Decimal(54900) if kind == "limit" else None)
    assert found.created_at == EPOCH + timedelta(seconds=1_700_000_000)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("open", OrderStatus.ACCEPTED),
        ("cancelled", OrderStatus.CANCELLED),
        ("expired", OrderStatus.EXPIRED),
        ("failed", OrderStatus.REJECTED),
        ("finish", OrderStatus.ACCEPTED),
    ],
)
def test_how_a_trigger_stands(status: str, expected: OrderStatus) -> None:
    found = trigger_from(armed(status=status, fired_order_id=42 if status == "finish" else 0))
    assert found.status is expected
    assert found.became == ("42" if status == "finish" else "")


@pytest.mark.parametrize(
    "changes",
    [{"put": None}, {"trigger": None}, {"status": "odd"}, {"put": {"side": "sell"}}, {"put": {"side": 1}}],
)
def test_a_trigger_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        trigger_from(armed(**changes))


@pytest.mark.parametrize("moment", [-62_135_596_800_001, -1, 4_102_444_800_000, 10**30])
def test_a_moment_that_cannot_be_is_refused(moment: int) -> None:
    with pytest.raises(DataError, match="order 1003: its time"):
        seen_from(placed(timestamp=moment))
    with pytest.raises(DataError, match="execution 77: its time"):
        fill_from(trade(timestamp=moment), "a", "binance")
    with pytest.raises(DataError, match="trigger 5000: its time"):
        trigger_from(armed(ctime=moment))


def test_an_order_whose_moment_is_not_told_is_still_an_order() -> None:
    assert seen_from(placed(timestamp=None)).created_at is None
    assert trigger_from(armed(ctime=None)).created_at is None
    assert seen_from(placed(timestamp=0)).created_at == EPOCH


@example({"timestamp": -62_135_596_800_001})
@given(st.dictionaries(st.sampled_from(list(placed())), st.none() | st.text() | st.integers() | st.floats()))
def test_whatever_a_venue_says_about_an_order_is_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        found = seen_from(placed(**changes))
    except DataError:
        return
    assert found.filled >= 0


@example({"timestamp": -62_135_596_800_001})
@given(st.dictionaries(st.sampled_from(list(trade())), st.none() | st.text() | st.integers() | st.floats()))
def test_whatever_a_venue_says_about_an_execution_is_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        fill = fill_from(trade(**changes), "a", "binance")
    except DataError:
        return
    assert fill.quantity > 0
    assert fill.fee.amount >= 0


def test_executions_of_one_moment_have_an_order() -> None:
    ids = ["10", "9", "x2", "x10"]
    assert sorted(ids, key=lambda each: trade_number({"id": each})) == ["x10", "x2", "9", "10"]


def market(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTC/USDT",
        "base": "BTC",
        "quote": "USDT",
        "spot": True,
        "active": True,
        "precision": {"amount": "0.00001000", "price": "0.01000000"},
        "limits": {"amount": {"min": "0.00002", "max": "9000"}, "cost": {"min": "5.0"}},
        **changes,
    }


def test_an_instrument_is_what_the_venue_lists() -> None:
    found = instrument_from(market())
    assert (found.tick_size, found.step_size) == (Decimal("0.01"), Decimal("0.00001"))
    assert (found.min_quantity, found.max_quantity, found.min_notional) == (
        Decimal("0.00002"),
        Decimal(9000),
        Decimal(5),
    )
    bare = instrument_from(market(limits={}))
    assert bare.min_quantity == bare.step_size
    assert bare.min_notional == 0
    assert bare.max_quantity > 10**9


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": {}},
        {"precision": {"amount": "0", "price": "0.01"}},
        {"precision": {"amount": "x", "price": "0.01"}},
        {"precision": None},
    ],
)
def test_a_grid_that_is_not_told_is_not_guessed(changes: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="BTC/USDT"):
        instrument_from(market(**changes))


def test_only_listed_spot_markets_that_trade() -> None:
    symbol = Symbol("BTC/USDT")
    assert set(instruments_from({"BTC/USDT": market()}, (symbol,))) == {symbol}
    for listed in ({}, {"BTC/USDT": market(spot=False)}, {"BTC/USDT": market(active=False)}):
        with pytest.raises(UnknownSymbol, match="BTC/USDT") as refused:
            instruments_from(listed, (symbol,))
        assert refused.value.fix
