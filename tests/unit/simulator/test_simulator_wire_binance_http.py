"""Binance's rules of the wire, asked by hand: keys, time, signatures, words, limits, amendments, pairs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import pytest
import pytest_asyncio

from domain.orders import Side
from simulator.wire.binance_request import read_params
from tests.unit.simulator.binance_client import BTC, KEY, READER, START, Wire, rest, wire

NOW = int(START.timestamp() * 1000)
ILLEGAL = "Illegal characters found in parameter"
MISSING = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."


@pytest_asyncio.fixture
async def binance() -> AsyncIterator[Wire]:
    async with wire() as found:
        yield found


@pytest.mark.parametrize(
    ("off", "window", "code"),
    [
        (0, None, None),
        (-5_000, None, None),
        (-5_001, None, -1021),
        (-5_001, 10_000, None),
        (-10_001, 10_000, -1021),
        (999, None, None),
        (1_000, None, -1021),
        (0, 60_000, None),
        (0, 60_001, -1131),
    ],
)
async def test_a_request_is_good_for_its_window(
    binance: Wire, off: int, window: int | None, code: int | None
) -> None:
    extra: dict[str, Any] = {} if window is None else {"recvWindow": window}
    status, told, _ = await binance.sign("GET", "account", timestamp=NOW + off, **extra)
    assert (status, told.get("code")) == ((200, None) if code is None else (400, code))


async def test_what_a_signature_covers(binance: Wire) -> None:
    status, told, _ = await binance.sign("GET", "account", secret="wrong")
    assert (status, told["code"]) == (400, -1022)
    status, told, _ = await binance.ask("GET", "account", KEY, timestamp=NOW)
    assert (status, told["msg"]) == (
        400,
        "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.",
    )
    _, told, _ = await binance.ask("GET", "account", KEY)
    assert told["msg"] == "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed."
    status, told, _ = await binance.ask("GET", "account")
    assert (status, told["code"]) == (401, -2014)
    status, told, _ = await binance.sign("GET", "account", key="nobody")
    assert (status, told["code"]) == (401, -2015)
    status, told, _ = await binance.sign(
        "DELETE", "openOrders", key=READER.key, secret=READER.secret, symbol="BTCUSDT"
    )
    assert (status, told["code"]) == (401, -2015)


# what is changed in a good order -> code, message
WORDS: list[tuple[dict[str, Any], int, str]] = [
    ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
    ({"symbol": None}, -1102, MISSING.format("symbol")),
    ({"side": "HOLD"}, -1117, "Invalid side."),
    ({"type": "STOP"}, -1116, "Invalid orderType."),
    ({"timeInForce": "GTD"}, -1115, "Invalid timeInForce."),
    (
        {"timeInForce": None},
        -1102,
        MISSING.format("timeInForce"),
    ),
    ({"price": None}, -1102, MISSING.format("price")),
    ({"price": ""}, -1105, "Parameter 'price' was empty."),
    ({"price": "-1"}, -1100, ILLEGAL),
    ({"price": "1e5"}, -1100, ILLEGAL),
    ({"quantity": None}, -1102, MISSING.format("quantity")),
    ({"quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
    ({"quantity": "9001"}, -1013, "Filter failure: LOT_SIZE"),
    ({"quantity": "1.000001"}, -1013, "Filter failure: LOT_SIZE"),
    ({"quantity": "0.0001"}, -1013, "Filter failure: NOTIONAL"),
    ({"quantity": "300"}, -1013, "Filter failure: NOTIONAL"),
    ({"price": "40000.001"}, -1013, "Filter failure: PRICE_FILTER"),
    ({"price": "1000000.01"}, -1013, "Filter failure: PRICE_FILTER"),
    ({"price": "9999"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    ({"quantity": "3"}, -2010, "Account has insufficient balance for requested action."),
    ({"stopPrice": "41000"}, -1106, "Parameter 'stopPrice' sent when not required."),
    ({"quoteOrderQty": "100"}, -1106, "Parameter 'quoteOrderQty' sent when not required."),
    (
        {"type": "MARKET", "timeInForce": None, "price": None, "quantity": "101"},
        -1013,
        "Filter failure: MARKET_LOT_SIZE",
    ),
    ({"type": "MARKET", "timeInForce": None}, -1106, "Parameter 'price' sent when not required."),
    (
        {"type": "LIMIT_MAKER", "timeInForce": None, "price": "50010"},
        -2010,
        "Order would immediately match and take.",
    ),
    ({"type": "STOP_LOSS_LIMIT", "stopPrice": "50000"}, -2010, "Stop price would trigger immediately."),
    ({"type": "STOP_LOSS_LIMIT", "trailingDelta": "5"}, -1013, "Filter failure: TRAILING_DELTA"),
    ({"icebergQty": "0.05"}, -1013, "Filter failure: ICEBERG_PARTS"),
    ({"newClientOrderId": "x" * 37}, -1100, ILLEGAL),
    ({"selfTradePreventionMode": "SOME"}, -1130, "Data sent for parameter 'selfTradePreventionMode'"),
    ({"newOrderRespType": "ALL"}, -1136, "Invalid newOrderRespType."),
]


@pytest.mark.parametrize(("change", "code", "message"), WORDS)
async def test_the_words_of_a_refusal(binance: Wire, change: dict[str, Any], code: int, message: str) -> None:
    told = await binance.order(**change)
    assert told["code"] == code
    assert told["msg"].startswith(message)
    assert binance.exchange.orders("desk", BTC) == ()


async def test_the_three_forms_of_an_answer(binance: Wire) -> None:
    market: dict[str, Any] = {"type": "MARKET", "timeInForce": None, "price": None, "quantity": "0.1"}
    ack = await binance.order(newOrderRespType="ACK", **market)
    result = await binance.order(newOrderRespType="RESULT", **market)
    full = await binance.order(**market)
    assert sorted(ack) == ["clientOrderId", "orderId", "orderListId", "symbol", "transactTime"]
    assert "fills" not in result
    assert [fill["qty"] for fill in full["fills"]] == ["0.10000000"]
    assert full["fills"][0]["commission"] == "0.00010000"
    assert (full["status"], full["cummulativeQuoteQty"]) == ("FILLED", "5001.00000000")


async def test_used_weight_is_told_and_resets_with_the_minute(binance: Wire) -> None:
    weights = []
    for path in ("exchangeInfo", "depth?symbol=BTCUSDT", "time"):
        _, _, headers = await binance.ask("GET", path)
        weights.append(int(headers["X-MBX-USED-WEIGHT-1M"]))
    assert weights == [20, 25, 26]
    _, _, headers = await binance.ask("GET", "depth", symbol="BTCUSDT", limit=5000)
    assert headers["X-MBX-USED-WEIGHT-1M"] == "276"
    binance.clock.set(START + timedelta(seconds=60))
    _, _, headers = await binance.ask("GET", "ping")
    assert headers["X-MBX-USED-WEIGHT"] == "1"


async def test_too_much_weight_is_429_and_going_on_is_a_ban() -> None:
    async with wire(generosity=0.01) as binance:  # 60 a minute
        binance.clock.set(START + timedelta(seconds=20))
        for _ in range(3):
            status, _, _ = await binance.ask("GET", "exchangeInfo")
            assert status == 200
        status, told, headers = await binance.ask("GET", "ping")
        assert (status, told["code"], headers["Retry-After"]) == (429, -1003, "40")
        statuses = [(await binance.ask("GET", "ping"))[0] for _ in range(21)]
        assert statuses == [429] * 19 + [418] * 2
        binance.clock.set(START + timedelta(seconds=61))  # a new minute does not lift a ban
        status, told, headers = await binance.ask("GET", "ping")
        assert (status, headers["Retry-After"]) == (418, "79")
        assert "IP banned until" in told["msg"]
        binance.clock.set(START + timedelta(seconds=140))
        assert (await binance.ask("GET", "ping"))[0] == 200
        for _ in range(23):
            await binance.ask("GET", "exchangeInfo")
        _, _, headers = await binance.ask("GET", "ping")
        assert headers["Retry-After"] == "240"  # the second time twice as long


async def test_too_many_orders_are_429_and_counted() -> None:
    async with wire(generosity=0.02) as binance:  # two in ten seconds
        headers: Any = {}
        for price in ("40000", "39000"):
            _, _, headers = await binance.sign("POST", "order", **_limit(price))
        assert (headers["X-MBX-ORDER-COUNT-10S"], headers["X-MBX-ORDER-COUNT-1D"]) == ("2", "2")
        status, told, headers = await binance.sign("POST", "order", **_limit("38000"))
        assert (status, told["code"], headers["Retry-After"]) == (429, -1015, "10")
        assert len(binance.exchange.open_orders("desk")) == 2
        binance.clock.set(START + timedelta(seconds=10))
        status, _, _ = await binance.sign("POST", "order", **_limit("38000"))
        _, counts, _ = await binance.sign("GET", "rateLimit/order")
        assert (status, [each["count"] for each in counts]) == (200, [1, 4])


def _limit(price: str) -> dict[str, str]:
    return {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.1",
        "price": price,
    }


async def test_an_amendment_keeps_the_place_and_renames(binance: Wire) -> None:
    placed = await binance.order(newClientOrderId="old")
    rest(binance.exchange, Side.BUY, 40_000)
    path = "order/amend/keepPriority"
    status, told, _ = await binance.sign(
        "PUT", path, symbol="BTCUSDT", origClientOrderId="old", newQty="0.4", newClientOrderId="new"
    )
    amended = told["amendedOrder"]
    assert (status, amended["orderId"], amended["qty"]) == (200, placed["orderId"], "0.40000000")
    assert (amended["origClientOrderId"], amended["clientOrderId"]) == ("old", "new")
    _, told, _ = await binance.sign("PUT", path, symbol="BTCUSDT", origClientOrderId="new", newQty="0.5")
    assert told["code"] == -2038
    _, told, _ = await binance.sign("GET", "order", symbol="BTCUSDT", origClientOrderId="old")
    assert told["code"] == -2013


@pytest.mark.parametrize(
    ("mode", "cancel", "price", "status", "code", "outcome", "open_at"),
    [
        ("STOP_ON_FAILURE", "good", "41000", 200, None, ("SUCCESS", "SUCCESS"), ["41000"]),
        ("STOP_ON_FAILURE", "bad", "41000", 400, -2022, ("FAILURE", "NOT_ATTEMPTED"), ["40000"]),
        ("ALLOW_FAILURE", "bad", "41000", 409, -2021, ("FAILURE", "SUCCESS"), ["40000", "41000"]),
        ("STOP_ON_FAILURE", "good", "41000.001", 409, -2021, ("SUCCESS", "FAILURE"), []),
        ("ALLOW_FAILURE", "bad", "41000.001", 400, -2022, ("FAILURE", "FAILURE"), ["40000"]),
    ],
)
async def test_a_replacement_tells_both_halves(
    binance: Wire,
    mode: str,
    cancel: str,
    price: str,
    status: int,
    code: int | None,
    outcome: tuple[str, str],
    open_at: list[str],
) -> None:
    await binance.order(newClientOrderId="good", quantity="0.1")
    found, told, _ = await binance.sign(
        "POST",
        "order/cancelReplace",
        cancelReplaceMode=mode,
        cancelOrigClientOrderId=cancel,
        **_limit(price),
    )
    halves = told if code is None else told["data"]
    assert (found, told.get("code")) == (status, code)
    assert (halves["cancelResult"], halves["newOrderResult"]) == outcome
    assert [f"{order.limit_price:.0f}" for order in binance.exchange.open_orders("desk")] == open_at


async def test_pairs_in_both_forms(binance: Wire) -> None:
    _, told, _ = await binance.sign(
        "POST",
        "orderList/oco",
        symbol="BTCUSDT",
        side="SELL",
        quantity="1",
        listClientOrderId="both",
        aboveType="LIMIT_MAKER",
        abovePrice="55000",
        belowType="STOP_LOSS_LIMIT",
        belowStopPrice="45000",
        belowPrice="44900",
        belowTimeInForce="GTC",
    )
    assert (told["contingencyType"], told["listOrderStatus"]) == ("OCO", "EXECUTING")
    assert sorted(each["type"] for each in told["orderReports"]) == ["LIMIT_MAKER", "STOP_LOSS_LIMIT"]
    _, account, _ = await binance.sign("GET", "account", omitZeroBalances="true")
    assert account["balances"][0] == {"asset": "BTC", "free": "4.00000000", "locked": "1.00000000"}
    _, ended, _ = await binance.sign("DELETE", "orderList", symbol="BTCUSDT", listClientOrderId="both")
    assert ended["listOrderStatus"] == "ALL_DONE"
    _, told, _ = await binance.sign("DELETE", "orderList", symbol="BTCUSDT", listClientOrderId="none")
    assert told["code"] == -2011

    _, older, _ = await binance.sign(
        "POST",
        "order/oco",
        symbol="BTCUSDT",
        side="BUY",
        quantity="1",
        price="45000",
        stopPrice="55000",
        limitClientOrderId="low",
    )
    _, listed, _ = await binance.sign("GET", "openOrderList")
    assert [each["orderListId"] for each in listed] == [older["orderListId"]]
    _, ended, _ = await binance.sign("DELETE", "order", symbol="BTCUSDT", origClientOrderId="low")
    assert len(ended["orderReports"]) == 2  # cancelling one cancels the pair
    _, one, _ = await binance.sign("GET", "orderList", orderListId=older["orderListId"])
    _, every, _ = await binance.sign("GET", "allOrderList")
    assert (one["listStatusType"], len(every)) == ("ALL_DONE", 2)
    _, wrong, _ = await binance.sign(
        "POST", "order/oco", symbol="BTCUSDT", side="SELL", quantity="1", price="49000", stopPrice="48000"
    )
    assert wrong["msg"] == "The relationship of the prices for the orders is not correct."


async def test_orders_and_trades_are_paged(binance: Wire) -> None:
    ids = []
    for minute in range(4):
        binance.clock.set(START + timedelta(minutes=minute))
        market: dict[str, Any] = {"type": "MARKET", "timeInForce": None, "price": None, "quantity": "0.1"}
        ids.append((await binance.order(**market))["orderId"])
    minute_ms = 60_000

    async def asked(path: str, **params: Any) -> list[int]:
        _, told, _ = await binance.sign("GET", path, symbol="BTCUSDT", **params)
        return [each["orderId"] for each in told]

    orders, trades = partial(asked, "allOrders"), partial(asked, "myTrades")
    assert await orders() == ids
    assert await orders(limit=2) == ids[2:]
    assert await orders(orderId=ids[1], limit=2) == ids[1:3]
    assert await orders(startTime=NOW + minute_ms, endTime=NOW + 2 * minute_ms) == ids[1:3]

    assert await trades() == ids
    assert await trades(limit=1) == ids[3:]
    assert await trades(startTime=NOW + 2 * minute_ms, limit=1) == ids[2:3]
    assert await trades(orderId=ids[2]) == ids[2:3]
    first = (await binance.sign("GET", "myTrades", symbol="BTCUSDT"))[1][1]["id"]
    assert await trades(fromId=first, limit=2) == ids[1:3]
    for path in ("allOrders", "myTrades"):
        _, told, _ = await binance.sign(
            "GET", path, symbol="BTCUSDT", startTime=NOW, endTime=NOW + 86_400_001
        )
        assert told["code"] == -1127
        status, _, _ = await binance.sign(
            "GET", path, symbol="BTCUSDT", startTime=NOW, endTime=NOW + 86_400_000
        )
        assert status == 200
        _, told, _ = await binance.sign("GET", path, symbol="BTCUSDT", startTime=NOW, endTime=NOW - 1)
        assert told["code"] == -1023


async def test_public_answers_that_ccxt_does_not_ask_for(binance: Wire) -> None:
    await binance.order(type="MARKET", timeInForce=None, price=None, quantity="0.1")
    _, average, _ = await binance.ask("GET", "avgPrice", symbol="BTCUSDT")
    assert average["price"] == "50010.00000000"
    _, one, _ = await binance.ask("GET", "ticker/price", symbol="BTCUSDT")
    _, many, _ = await binance.ask("GET", "ticker/price", symbols='["BTCUSDT"]')
    assert many == [one] == [{"symbol": "BTCUSDT", "price": "50010.00000000"}]
    _, told, _ = await binance.ask("GET", "ticker/price", symbols="BTCUSDT")
    assert told["code"] == -1100
    _, told, _ = await binance.ask("GET", "klines", symbol="BTCUSDT", interval="7m")
    assert told["code"] == -1120
    _, trades, _ = await binance.ask("GET", "trades", symbol="BTCUSDT", limit=1)
    assert (trades[0]["price"], trades[0]["isBuyerMaker"]) == ("50010.00000000", False)
    _, commission, _ = await binance.sign("GET", "account/commission", symbol="BTCUSDT")
    assert commission["standardCommission"]["taker"] == "0.00100000"


async def test_a_parameter_sent_twice_is_refused(binance: Wire) -> None:
    _, told, _ = await binance.ask("GET", "depth?symbol=BTCUSDT&symbol=BTCUSDT")
    assert told["code"] == -1101


@pytest.mark.parametrize(
    "payload",
    ["", "a=1", "a=1&b=", "a=1&&b=2", "a=x=y", "a=%2F&b=c+d", "=1&a=2", "symbols=%5B%22BTCUSDT%22%5D", "a"],
)
def test_parameters_are_read_as_the_standard_library_reads_them(payload: str) -> None:
    standard = {name: value for name, value in parse_qsl(payload, keep_blank_values=True) if name}
    assert {name: value for name, value in read_params(payload).items() if name} == standard
