"""Unmodified ccxt.pro listens to the simulated Gate, and trades over its socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from domain.orders import Side
from simulator.wire.faults import Fault, FaultKind, Operation
from simulator.wire.gate_signing import channel_signature
from simulator.wire.levels import changes
from tests.unit.simulator.gate_client import BTC, KEY, SECRET, Stage, order, stage

MARKET = "BTC/USDT"
PATIENCE = 20


@pytest_asyncio.fixture
async def gate() -> AsyncIterator[Stage]:
    async with stage(pro=True) as found:
        await found.client.load_markets()
        yield found


async def soon(answer: Any) -> Any:
    return await asyncio.wait_for(answer, PATIENCE)


async def when_traded(gate: Stage, watch: Any) -> Any:
    """What a watch says while somebody buys a little now and then."""
    task = asyncio.ensure_future(watch)
    for _ in range(PATIENCE * 10):
        gate.exchange.place("taker", order(BTC, Side.BUY, "0.001", Decimal(50_010)))
        await asyncio.wait([task], timeout=0.1)
        if task.done():
            break
    return await soon(task)


async def listening(gate: Stage, watch: Any) -> asyncio.Future[Any]:
    """Begin to watch, and wait until the venue has taken the subscription in."""
    task: asyncio.Future[Any] = asyncio.ensure_future(watch)
    listeners = gate.exchange.customer_of("desk").listeners
    before = len(listeners)
    for _ in range(PATIENCE * 100):
        if len(listeners) > before or task.done():
            break
        await asyncio.sleep(0.01)
    return task


async def test_the_book_arrives_whole_and_then_in_changes(gate: Stage) -> None:
    book = await soon(gate.client.watch_order_book(MARKET))
    assert (book["bids"][0], book["asks"][0]) == ([49_990, 1], [50_010, 1])
    assert len(book["bids"]) == 10
    gate.exchange.place("maker", order(BTC, Side.BUY, "2", Decimal(49_995)))
    book = await soon(gate.client.watch_order_book(MARKET))
    assert book["bids"][:2] == [[49_995, 2], [49_990, 1]]
    gate.exchange.place("taker", order(BTC, Side.SELL, "2.25", Decimal(49_990)))
    book = await soon(gate.client.watch_order_book(MARKET))
    assert book["bids"][0] == [49_990, 0.75]
    rest = await gate.client.fetch_order_book(MARKET, 50)
    assert (rest["bids"], rest["asks"]) == (book["bids"], book["asks"])
    assert rest["nonce"] == book["nonce"]


async def test_an_order_is_followed_from_its_birth_to_its_end(gate: Stage) -> None:
    client = gate.client
    task = await listening(gate, client.watch_orders(MARKET))
    placed = await client.create_order(MARKET, "limit", "buy", 0.5, 49_995, {"text": "t-watched"})
    (seen,) = await soon(task)
    assert (seen["id"], seen["clientOrderId"], seen["status"]) == (placed["id"], "t-watched", "open")

    gate.exchange.place("taker", order(BTC, Side.SELL, "0.2", Decimal(49_995)))
    (seen,) = await soon(client.watch_orders(MARKET))
    assert (seen["status"], seen["filled"], seen["info"]["event"]) == ("open", 0.2, "update")
    gate.exchange.place("taker", order(BTC, Side.SELL, "0.3", Decimal(49_995)))
    (seen,) = await soon(client.watch_orders(MARKET))
    assert (seen["status"], seen["filled"], seen["average"]) == ("closed", 0.5, 49_995)
    fees = {each["currency"]: each["cost"] for each in seen["fees"]}
    assert fees["BTC"] == pytest.approx(0.5 * 0.002)


async def test_trades_and_balances_of_the_account(gate: Stage) -> None:
    client = gate.client
    trades = await listening(gate, client.watch_my_trades(MARKET))
    await client.create_order(MARKET, "limit", "buy", 0.5, 50_010)
    (trade,) = await soon(trades)
    assert (trade["amount"], trade["price"], trade["takerOrMaker"]) == (0.5, 50_010, "taker")
    assert trade["fee"] == {"cost": 0.001, "currency": "BTC"}

    held: Any = {}
    task: asyncio.Future[Any] = asyncio.ensure_future(client.watch_balance())
    for _ in range(PATIENCE * 10):
        placed = gate.exchange.place("desk", order(BTC, Side.BUY, "1", Decimal(40_000))).order
        gate.exchange.cancel("desk", BTC, order_id=placed.order_id)
        await asyncio.wait([task], timeout=0.1)
        if task.done():
            held = task.result()
            break
    assert held["USDT"]["total"] == 1_000_000 - 0.5 * 50_010


async def test_the_public_tape(gate: Stage) -> None:
    client = gate.client
    ticker = await soon(client.watch_ticker(MARKET))
    assert (ticker["bid"], ticker["ask"], ticker["last"]) == (49_990, 50_010, 50_000)
    touch = await soon(client.watch_bids_asks([MARKET]))
    assert touch[MARKET]["bid"] == 49_990
    bars = await soon(client.watch_ohlcv(MARKET, "1h"))
    assert bars[-1][4] == 50_000
    seen = (await when_traded(gate, client.watch_trades(MARKET)))[-1]
    assert (seen["side"], seen["price"], seen["amount"]) == ("buy", 50_010, 0.001)
    later = await when_traded(gate, client.watch_ohlcv(MARKET, "1h"))
    assert later[-1][4] == 50_010
    assert (await when_traded(gate, client.watch_ticker(MARKET)))["last"] == 50_010


async def test_orders_over_the_socket(gate: Stage) -> None:
    import ccxt

    client = gate.client
    placed = await soon(client.create_order_ws(MARKET, "limit", "buy", 0.1, 49_000, {"text": "t-socket"}))
    assert (placed["status"], placed["clientOrderId"]) == ("open", "t-socket")
    smaller = await soon(client.edit_order_ws(placed["id"], MARKET, "limit", "buy", 0.05))
    assert smaller["amount"] == 0.05
    assert (await soon(client.fetch_order_ws(placed["id"], MARKET)))["status"] == "open"
    assert (await soon(client.cancel_order_ws(placed["id"], MARKET)))["status"] == "canceled"
    with pytest.raises(ccxt.InsufficientFunds):
        await soon(client.create_order_ws(MARKET, "limit", "buy", 100, 49_000))


async def test_an_armed_stop_is_told_on_its_own_channel(gate: Stage) -> None:
    client = gate.client
    task = await listening(gate, client.watch_orders(MARKET, None, None, {"trigger": True}))
    armed = await client.create_order(MARKET, "limit", "sell", 0.1, 44_000, {"stopLossPrice": 49_995})
    (seen,) = await soon(task)
    assert (seen["id"], seen["status"], seen["triggerPrice"]) == (armed["id"], "open", 49_995)
    gate.exchange.place("taker", order(BTC, Side.SELL, "0.1", Decimal(49_990)))
    (seen,) = await soon(client.watch_orders(MARKET, None, None, {"trigger": True}))
    assert (seen["id"], seen["info"]["status"]) == (armed["id"], "finish")
    assert seen["info"]["fired_order_id"] == int(armed["id"]) - 700_000_000


async def test_a_wrong_secret_is_refused_on_the_socket(gate: Stage) -> None:
    import ccxt

    gate.client.secret = "guess"
    with pytest.raises(ccxt.AuthenticationError, match="INVALID_SIGNATURE"):
        await soon(gate.client.watch_orders(MARKET))
    with pytest.raises(ccxt.AuthenticationError):
        await soon(gate.client.create_order_ws(MARKET, "limit", "buy", 0.1, 49_000))


async def _socket(gate: Stage, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
    return await session.ws_connect(gate.server.url.replace("http", "ws") + "/ws/v4/")


async def _subscribe(socket: aiohttp.ClientWebSocketResponse, channel: str, payload: list[str]) -> Any:
    import ccxt

    now = ccxt.Exchange.seconds()
    sign = channel_signature(SECRET, channel, "subscribe", now)
    auth = {"method": "api_key", "KEY": KEY, "SIGN": sign}
    await socket.send_json(
        {"time": now, "id": 7, "channel": channel, "event": "subscribe", "payload": payload, "auth": auth}
    )
    return await soon(socket.receive_json())


async def test_what_cannot_be_subscribed_is_said(gate: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        socket = await _socket(gate, session)
        for channel, payload, code in (
            ("spot.trades", ["DOGE_USDT"], 2),
            ("spot.nothing", ["BTC_USDT"], 2),
            ("spot.obu", ["ob.BTC_USDT.7"], 2),
            ("spot.candlesticks", ["7m", "BTC_USDT"], 2),
            ("spot.trades", [], 2),
        ):
            answer = await _subscribe(socket, channel, payload)
            assert (answer["error"]["code"], answer["result"]["status"]) == (code, "fail"), channel
        await socket.send_str("not json")
        assert (await soon(socket.receive_json()))["error"]["code"] == 1
        await socket.send_json({"time": 1, "channel": "spot.ping"})
        assert (await soon(socket.receive_json()))["channel"] == "spot.pong"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FaultKind.DUPLICATE_EVENT, ["put", "put", "finish"]),
        (FaultKind.MISSING_EVENT, ["finish"]),
        (FaultKind.REORDER_EVENT, ["finish", "put"]),
        (FaultKind.COALESCE_EVENT, ["put", "finish"]),
    ],
)
async def test_planned_trouble_with_events(gate: Stage, kind: FaultKind, expected: list[str]) -> None:
    gate.server.faults.add(Fault(kind, match="spot.orders", count=1))
    async with aiohttp.ClientSession() as session:
        socket = await _socket(gate, session)
        assert (await _subscribe(socket, "spot.orders", ["BTC_USDT"]))["result"]["status"] == "success"
        placed = gate.exchange.place("desk", order(BTC, Side.BUY, "0.1", Decimal(49_000))).order
        gate.exchange.cancel("desk", BTC, order_id=placed.order_id)
        seen = [(await soon(socket.receive_json()))["result"][0]["event"] for _ in expected]
        assert seen == expected


async def test_a_planned_disconnect_ends_the_stream(gate: Stage) -> None:
    gate.server.faults.add(Fault(FaultKind.DISCONNECT, count=1))
    async with aiohttp.ClientSession() as session:
        socket = await _socket(gate, session)
        await _subscribe(socket, "spot.orders", ["!all"])
        gate.exchange.place("desk", order(BTC, Side.BUY, "0.1", Decimal(49_000)))
        assert (await soon(socket.receive())).type is aiohttp.WSMsgType.CLOSE
    for _ in range(PATIENCE * 100):
        if not gate.exchange.customer_of("desk").listeners:
            break
        await asyncio.sleep(0.01)
    assert gate.exchange.customer_of("desk").listeners == [], "a closed stream listens no more"


async def test_a_book_can_stand_still(gate: Stage) -> None:
    first = await soon(gate.client.watch_order_book(MARKET))
    gate.server.faults.add(Fault(FaultKind.STALE_BOOK, operations=frozenset({Operation.MARKET})))
    gate.exchange.place("maker", order(BTC, Side.BUY, "2", Decimal(49_995)))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(gate.client.watch_order_book(MARKET), 0.5)
    gate.server.faults.clear()
    book = await soon(gate.client.watch_order_book(MARKET))
    assert book["bids"][0] == [49_995, 2]
    assert first["asks"][0] == book["asks"][0]


def test_changes_turn_one_side_into_the_other() -> None:
    old = {Decimal(3): Decimal(1), Decimal(2): Decimal(1)}
    new = {Decimal(3): Decimal(1), Decimal(1): Decimal("0.50")}
    assert changes(old, new) == [["2", "0"], ["1", "0.5"]]
    assert changes(new, new) == []
    assert json.dumps(changes({}, new)) == '[["3", "1"], ["1", "0.5"]]'
