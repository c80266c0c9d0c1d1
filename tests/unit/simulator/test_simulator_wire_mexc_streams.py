"""Unmodified ccxt.pro listens to the simulated MEXC: its protobuf is what ccxt decodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from domain.orders import Side
from simulator.wire.faults import Fault, FaultKind
from simulator.wire.mexc_protobuf import encode
from tests.unit.simulator.gate_client import BTC, order
from tests.unit.simulator.mexc_client import Stage, stage

MARKET = "BTC/USDT"
PATIENCE = 30


@pytest_asyncio.fixture
async def mexc() -> AsyncIterator[Stage]:
    async with stage(pro=True) as found:
        yield found


async def while_moving(watch: Any, move: Callable[[int], object]) -> Any:
    """What a watch says while something goes on at the venue, a little at every pulse."""
    task = asyncio.ensure_future(watch)
    for step in range(PATIENCE * 20):
        move(step)
        await asyncio.wait([task], timeout=0.05)
        if task.done():
            break
    return await asyncio.wait_for(task, PATIENCE)


def buying(mexc: Stage) -> Callable[[int], object]:
    def buy(_: int) -> None:
        mexc.exchange.place("taker", order(BTC, Side.BUY, "0.001", Decimal(50_010)))

    return buy


def quoting(mexc: Stage) -> Callable[[int], object]:
    def quote(step: int) -> None:
        mexc.exchange.place("maker", order(BTC, Side.BUY, "0.01", Decimal(49_000 + step % 100)))

    return quote


async def test_the_book_is_kept_in_step_with_the_venue(mexc: Stage) -> None:
    book = await while_moving(mexc.client.watch_order_book(MARKET), quoting(mexc))
    for _ in range(3):
        book = await while_moving(mexc.client.watch_order_book(MARKET), quoting(mexc))
    assert (book["bids"][0], book["asks"][0]) == ([49_990, 1], [50_010, 1])
    depth = mexc.exchange.depth(BTC, 500)
    venue = {float(price): float(size) for price, size in depth.bids}
    held = dict(book["bids"])
    assert set(held) <= set(venue)
    assert sum(held[price] == venue[price] for price in held) >= len(held) - 1, "one may have moved since"


async def test_trades_touch_and_bars(mexc: Stage) -> None:
    client = mexc.client
    trade = (await while_moving(client.watch_trades(MARKET), buying(mexc)))[-1]
    assert (trade["side"], trade["price"], trade["amount"]) == ("buy", 50_010, 0.001)
    ticker = await while_moving(client.watch_ticker(MARKET), buying(mexc))
    assert (ticker["bid"], ticker["ask"]) == (49_990, 50_010)
    bars = await while_moving(client.watch_ohlcv(MARKET, "1h"), buying(mexc))
    assert bars[-1][1:5] == [50_000, 50_010, 50_000, 50_010]


async def test_the_account_is_followed(mexc: Stage) -> None:
    client, exchange = mexc.client, mexc.exchange

    def round_trip(step: int) -> None:
        placed = exchange.place("desk", order(BTC, Side.BUY, "0.1", Decimal(49_000))).order
        if step % 2:
            exchange.cancel("desk", BTC, order_id=placed.order_id)

    seen = (await while_moving(client.watch_orders(MARKET), round_trip))[-1]
    assert (seen["side"], seen["amount"], seen["price"], seen["type"]) == ("buy", 0.1, 49_000, "limit")
    assert seen["status"] in ("open", "canceled")
    exchange.cancel_all("desk")

    def buy(_: int) -> None:
        exchange.place("desk", order(BTC, Side.BUY, "0.001", Decimal(50_010)))

    trade = (await while_moving(client.watch_my_trades(MARKET), buy))[-1]
    assert (trade["price"], trade["amount"], trade["fee"]["currency"]) == (50_010, 0.001, "USDT")
    assert trade["order"].startswith("C02__")
    held = await while_moving(client.watch_balance(), buy)
    assert held["USDT"]["free"] <= 1_000_000


async def _socket(mexc: Stage, session: aiohttp.ClientSession, query: str = "") -> Any:
    return await session.ws_connect(mexc.server.url.replace("http", "ws") + "/ws" + query)


def _decoded(mexc: Stage, message: aiohttp.WSMessage) -> Any:
    return mexc.client.decode_proto_msg(message.data)


async def test_what_cannot_be_subscribed_is_said(mexc: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        socket = await _socket(mexc, session)
        for name in (
            "spot@public.aggre.depth.v3.api.pb@100ms@DOGEUSDT",
            "spot@public.aggre.depth.v3.api.pb@7ms@BTCUSDT",
            "spot@public.kline.v3.api.pb@BTCUSDT@Min7",
            "spot@private.orders.v3.api.pb",
            "nonsense",
        ):
            await socket.send_json({"method": "SUBSCRIPTION", "params": [name]})
            assert "Not Subscribed" in (await socket.receive_json(timeout=PATIENCE))["msg"], name
        await socket.send_json({"method": "PING"})
        assert (await socket.receive_json(timeout=PATIENCE))["msg"] == "PONG"


async def test_a_listen_key_opens_one_account_and_ends(mexc: Stage) -> None:
    client = mexc.client
    key = (await client.spotPrivatePostUserDataStream())["listenKey"]
    assert (await client.spotPrivateGetUserDataStream())["listenKey"] == [key]
    async with aiohttp.ClientSession() as session:
        bad = await _socket(mexc, session, "?listenKey=guess")
        assert (await bad.receive_str(timeout=PATIENCE)) == "Invalid listen key"
        socket = await _socket(mexc, session, f"?listenKey={key}")
        await socket.send_json({"method": "SUBSCRIPTION", "params": ["spot@private.orders.v3.api.pb"]})
        assert (await socket.receive_json(timeout=PATIENCE))["msg"] == "spot@private.orders.v3.api.pb"
        mexc.exchange.place("maker", order(BTC, Side.BUY, "0.1", Decimal(48_000)))
        mexc.exchange.place("desk", order(BTC, Side.BUY, "0.2", Decimal(48_000)))
        push = _decoded(mexc, await socket.receive(timeout=PATIENCE))
        assert push["privateOrders"]["quantity"] == "0.2", "a stranger's order is not told"
        assert push["privateOrders"]["status"] == 1
    await client.spotPrivateDeleteUserDataStream({"listenKey": key})
    async with aiohttp.ClientSession() as session:
        gone = await _socket(mexc, session, f"?listenKey={key}")
        assert (await gone.receive_str(timeout=PATIENCE)) == "Invalid listen key"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FaultKind.DUPLICATE_EVENT, [1, 1, 4]),
        (FaultKind.MISSING_EVENT, [4]),
        (FaultKind.REORDER_EVENT, [4, 1]),
    ],
)
async def test_planned_trouble_with_events(mexc: Stage, kind: FaultKind, expected: list[int]) -> None:
    key = (await mexc.client.spotPrivatePostUserDataStream())["listenKey"]
    mexc.server.faults.add(Fault(kind, match="privateOrders", count=1))
    async with aiohttp.ClientSession() as session:
        socket = await _socket(mexc, session, f"?listenKey={key}")
        await socket.send_json({"method": "SUBSCRIPTION", "params": ["spot@private.orders.v3.api.pb"]})
        await socket.receive_json(timeout=PATIENCE)
        placed = mexc.exchange.place("desk", order(BTC, Side.BUY, "0.1", Decimal(49_000))).order
        mexc.exchange.cancel("desk", BTC, order_id=placed.order_id)
        seen = [
            _decoded(mexc, await socket.receive(timeout=PATIENCE))["privateOrders"]["status"]
            for _ in expected
        ]
        assert seen == expected


def test_a_message_is_read_back_by_the_definitions_that_ccxt_ships() -> None:
    import ccxt.async_support

    body: dict[str, Any] = {
        "deals": [{"price": "1.5", "quantity": "2", "tradeType": 1, "time": 7}],
        "eventType": "spot@public.aggre.deals.v3.api.pb@100ms",
    }
    raw = encode("channel", "publicAggreDeals", body, symbol="BTCUSDT", at=1_700_000_000_000)
    assert ccxt.async_support.Exchange.decode_proto_msg(None, raw) == {
        "channel": "channel",
        "symbol": "BTCUSDT",
        "createTime": "1700000000000",
        "sendTime": "1700000000000",
        "publicAggreDeals": {**body, "deals": [{**body["deals"][0], "time": "7"}]},
    }
    with pytest.raises(ValueError, match="nothing"):
        encode("channel", "publicAggreDeals", {"nothing": 1}, symbol="", at=0)
