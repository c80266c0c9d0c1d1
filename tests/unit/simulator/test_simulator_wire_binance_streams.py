"""Binance's streams: unmodified ccxt.pro on live time, and raw connections at simulated time."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable, Sized
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import orjson
import pytest
import pytest_asyncio

from domain.clock import LiveClock, SimulatedClock
from domain.market import Timeframe
from domain.money import Currency
from domain.orders import OrderType, Side
from simulator.exchange.accounts import ApiKey
from simulator.exchange.model import NewOrder
from simulator.exchange.synthetic import synthetic_exchange
from simulator.wire.binance import POLICY
from simulator.wire.faults import Fault, FaultKind, FaultPlan
from simulator.wire.server import Running, serve
from tests.unit.simulator.binance_client import (
    BTC,
    KEY,
    MARKET,
    SECRET,
    START,
    Stage,
    Wire,
    rest,
    stage,
    wire,
)

PATIENCE = 60.0


@pytest_asyncio.fixture
async def pro() -> AsyncIterator[Stage]:
    async with stage(pro=True) as found:
        yield found


async def test_the_order_book_of_ccxt_pro_follows_the_exchange() -> None:
    exchange = synthetic_exchange(LiveClock(), symbols=(BTC,), policy=POLICY)
    exchange.open_account("desk", {Currency("USDT"): Decimal(10**6)}, [ApiKey(KEY, SECRET)])
    async with stage(pro=True, exchange=exchange) as found, asyncio.timeout(PATIENCE):
        book = await found.client.watch_order_book(MARKET)
        for _ in range(4):
            best = exchange.depth(BTC, 1).asks[0][0]
            exchange.place("desk", NewOrder(BTC, Side.BUY, OrderType.LIMIT, Decimal(1), limit_price=best))
            book = await found.client.watch_order_book(MARKET)
        # Several messages in a row were applied without a gap; at rest the two agree, level for level.
        while book["nonce"] != exchange.depth(BTC).update_id:
            book = await found.client.watch_order_book(MARKET)
        depth = exchange.depth(BTC, 20)
        for side, levels in (("bids", depth.bids), ("asks", depth.asks)):
            assert book[side][: len(levels)] == [[float(price), float(size)] for price, size in levels]


async def test_orders_trades_and_balances_are_heard_of(pro: Stage) -> None:
    client = pro.client
    await client.load_markets()
    async with asyncio.timeout(PATIENCE):
        orders = asyncio.create_task(
            _until(client.watch_orders, MARKET, lambda each: each["status"] == "canceled")
        )
        trades = asyncio.create_task(_until(client.watch_my_trades, MARKET, lambda _: True))
        await heard_by(pro.exchange.customer_of("desk").listeners)
        placed = await client.create_order(MARKET, "limit", "buy", 1.5, 50_010, {"clientOrderId": "mine"})
        await client.cancel_order(placed["id"], MARKET)
        heard = await orders
        (trade, *_) = await trades
    last = heard[-1]
    assert (last["id"], last["clientOrderId"], last["filled"]) == (placed["id"], "mine", 1.0)
    assert (trade["order"], trade["amount"], trade["price"]) == (placed["id"], 1.0, 50_010.0)
    assert (trade["fee"]["cost"], trade["fee"]["currency"]) == (0.001, "BTC")
    assert client.balance["spot"]["BTC"]["total"] == pytest.approx(5.999)


async def heard_by(listeners: Sized) -> None:
    """Wait until somebody listens."""
    while not len(listeners):  # noqa: ASYNC110  the exchange has no event for it
        await asyncio.sleep(0.01)


async def _until(
    watch: Callable[[str], Any], symbol: str, enough: Callable[[dict[str, Any]], bool]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while not found or not enough(found[-1]):
        found += await watch(symbol)
    return found


async def test_orders_can_be_sent_over_the_socket(pro: Stage) -> None:
    client = pro.client
    async with asyncio.timeout(PATIENCE):
        placed = await client.create_order_ws(MARKET, "limit", "buy", 0.5, 40_000)
        assert [each["id"] for each in await client.fetch_open_orders_ws(MARKET)] == [placed["id"]]
        held = {each["asset"]: each for each in (await client.fetch_balance_ws())["info"]["balances"]}
        assert held["USDT"]["locked"] == "20000.00000000"
        assert (await client.cancel_order_ws(placed["id"], MARKET))["status"] == "canceled"
        with pytest.raises(Exception, match="insufficient balance"):
            await client.create_order_ws(MARKET, "limit", "buy", 100, 40_000)


@pytest_asyncio.fixture
async def quiet() -> AsyncIterator[Wire]:
    async with wire() as found:
        yield found


class Ear:
    """A raw connection: what it was told, as JSON."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def hear(self) -> Any:
        return orjson.loads(await self.socket.receive_str(timeout=PATIENCE))

    async def say(self, method: str, *params: str, number: int = 1) -> Any:
        await self.socket.send_json({"method": method, "params": list(params), "id": number})
        return await self.hear()

    async def hear_of(self, kind: str) -> Any:
        while True:
            told = await self.hear()
            if told.get("e") == kind:
                return told


@asynccontextmanager
async def ear(server: Running, path: str) -> AsyncIterator[Ear]:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.url}{path}") as socket:
        yield Ear(socket)


async def test_streams_are_chosen_by_name(quiet: Wire) -> None:
    async with ear(quiet.server, "/ws") as found:
        assert await found.say("SUBSCRIBE", "btcusdt@trade", number=7) == {"result": None, "id": 7}
        assert (await found.say("LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@trade"]
        for bad in ("nope@trade", "btcusdt@nothing", "btcusdt@kline_7m", "btcusdt@depth7"):
            assert (await found.say("SUBSCRIBE", bad))["error"]["code"] in (2, -1120)
        assert "error" in await found.say("DANCE")
        await found.socket.send_str("{")
        assert (await found.hear())["error"]["code"] == 3
        rest(quiet.exchange, Side.BUY, 50_010, "0.25", "taker")
        told = await found.hear()
        assert (told["e"], told["p"], told["q"], told["m"]) == (
            "trade",
            "50010.00000000",
            "0.25000000",
            False,
        )
        await found.say("UNSUBSCRIBE", "btcusdt@trade")
        assert (await found.say("LIST_SUBSCRIPTIONS"))["result"] == []


async def test_a_path_names_streams_and_wraps_them(quiet: Wire) -> None:
    async with ear(quiet.server, "/stream?streams=btcusdt@aggTrade/btcusdt@bookTicker") as found:
        await heard_by(quiet.exchange._floor.listeners)
        rest(quiet.exchange, Side.SELL, 49_990, "1", "taker")
        told: dict[str, Any] = {}
        while len(told) < 2:
            message = await found.hear()
            told[message["stream"]] = message["data"]
        assert told["btcusdt@aggTrade"]["m"] is True
        assert {"b", "B", "a", "A", "u"} <= set(told["btcusdt@bookTicker"])


async def test_changes_of_the_book_follow_on_one_another(quiet: Wire) -> None:
    async with ear(quiet.server, "/ws") as found:
        await found.say("SUBSCRIBE", "btcusdt@depth@100ms")
        _, first, _ = await quiet.ask("GET", "depth", symbol="BTCUSDT", limit=5)
        number = rest(quiet.exchange, Side.BUY, 49_995, "2")
        quiet.clock.set(START + timedelta(seconds=1))
        one = await found.hear_of("depthUpdate")
        quiet.exchange.cancel("maker", BTC, order_id=number)
        quiet.clock.set(START + timedelta(seconds=2))
        two = await found.hear_of("depthUpdate")
    assert (one["U"], one["b"], one["a"]) == (
        first["lastUpdateId"] + 1,
        [["49995.00000000", "2.00000000"]],
        [],
    )
    assert (two["U"], two["b"]) == (one["u"] + 1, [["49995.00000000", "0.00000000"]])


async def test_a_bar_is_told_closed_once() -> None:
    clock = SimulatedClock(START + timedelta(seconds=30))
    exchange = synthetic_exchange(clock, symbols=(BTC,), step=timedelta(seconds=15), policy=POLICY)
    async with (
        serve(venue="binance", exchange=exchange, clock=clock, pulse=0.02) as server,
        ear(server, "/ws/btcusdt@kline_1m") as found,
    ):
        told: list[Any] = [await found.hear_of("kline")]
        clock.set(clock.now() + timedelta(seconds=150))
        while told[-1]["k"]["t"] < int((START + timedelta(minutes=3)).timestamp() * 1000):
            told.append(await found.hear_of("kline"))
    closed = [each["k"]["t"] for each in told if each["k"]["x"]]
    assert len(closed) == len(set(closed)) == 3
    final = next(each["k"] for each in told if each["k"]["x"])
    (bar,) = exchange.klines(BTC, Timeframe.M1, start=START, limit=1)
    assert (Decimal(final["c"]), Decimal(final["v"])) == (bar.close, bar.volume)


async def test_the_day_is_told_each_second_whole_or_short(quiet: Wire) -> None:
    async with ear(quiet.server, "/ws/btcusdt@ticker/btcusdt@miniTicker/btcusdt@depth5") as found:
        told: dict[str, Any] = {}
        while len(told) < 3:
            message = await found.hear()
            told[message.get("e", "depth5")] = message
    assert told["24hrTicker"]["b"] == "49990.00000000"
    assert set(told["24hrMiniTicker"]) == {"e", "E", "s", "c", "o", "h", "l", "v", "q"}
    assert len(told["depth5"]["bids"]) == len(told["depth5"]["asks"]) == 5


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (None, ["NEW", "CANCELED", "NEW", "CANCELED"]),
        (FaultKind.MISSING_EVENT, ["CANCELED", "NEW", "CANCELED"]),
        (FaultKind.DUPLICATE_EVENT, ["NEW", "NEW", "CANCELED", "NEW", "CANCELED"]),
        (FaultKind.REORDER_EVENT, ["CANCELED", "NEW", "NEW", "CANCELED"]),
        (FaultKind.COALESCE_EVENT, ["NEW", "CANCELED", "NEW", "CANCELED"]),
    ],
)
async def test_the_events_of_an_account_meet_their_faults(
    quiet: Wire, kind: FaultKind | None, expected: list[str]
) -> None:
    if kind is not None:
        quiet.server.faults.add(Fault(kind, match='"executionReport"', count=1))
    async with ear(quiet.server, "/ws-api/v3") as found:
        answer = await _subscribe(found, quiet)
        assert (answer["status"], answer["result"]) == (200, {"subscriptionId": 0})
        for name in ("a", "b"):
            placed = await quiet.order(newClientOrderId=name)
            await quiet.sign("DELETE", "order", symbol="BTCUSDT", orderId=placed["orderId"])
        heard: list[str] = []
        while len(heard) < len(expected):
            event = (await found.hear())["event"]
            if event["e"] == "executionReport":
                heard.append(event["x"])
    assert heard == expected


async def _subscribe(found: Ear, asked: Wire, secret: str = SECRET) -> Any:
    params: dict[str, Any] = {"apiKey": KEY, "timestamp": asked.now}
    text = "&".join(f"{name}={params[name]}" for name in sorted(params))
    params["signature"] = hmac.digest(secret.encode(), text.encode(), "sha256").hex()
    await found.socket.send_json(
        {"id": "1", "method": "userDataStream.subscribe.signature", "params": params}
    )
    return await found.hear()


async def test_a_report_of_a_cancellation_names_both_ids(quiet: Wire) -> None:
    async with ear(quiet.server, "/ws-api/v3") as found:
        await _subscribe(found, quiet)
        await quiet.order(newClientOrderId="mine")
        await quiet.sign(
            "DELETE", "order", symbol="BTCUSDT", origClientOrderId="mine", newClientOrderId="the-cancel"
        )
        told: list[Any] = []
        while len(told) < 2:
            event = (await found.hear())["event"]
            if event["e"] == "executionReport":
                told.append((event["x"], event["c"], event["C"]))
    assert told == [("NEW", "mine", ""), ("CANCELED", "the-cancel", "mine")]


async def test_nobody_listens_with_a_wrong_key(quiet: Wire) -> None:
    async with ear(quiet.server, "/ws-api/v3") as found:
        answer = await _subscribe(found, quiet, "wrong")
        assert (answer["status"], answer["error"]["code"]) == (400, -1022)
        await found.socket.send_json({"id": "2", "method": "no.such", "params": {}})
        assert (await found.hear())["error"]["code"] == -1130


async def test_a_disconnect_ends_the_stream(quiet: Wire) -> None:
    quiet.server.faults.add(Fault(FaultKind.DISCONNECT, count=1))
    async with ear(quiet.server, "/ws-api/v3") as found:
        await _subscribe(found, quiet)
        await quiet.order()
        message = await found.socket.receive(timeout=PATIENCE)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED)


async def test_streams_stand_still_with_the_book(quiet: Wire) -> None:
    number = quiet.server.faults.add(Fault(FaultKind.STALE_BOOK))
    async with ear(quiet.server, "/ws/btcusdt@trade") as found:
        await heard_by(quiet.exchange._floor.listeners)
        rest(quiet.exchange, Side.SELL, 49_990, "0.5", "taker")
        quiet.server.faults.clear(number)
        rest(quiet.exchange, Side.SELL, 49_990, "0.25", "taker")
        assert (await found.hear())["q"] == "0.25000000"


def test_a_plan_is_its_own_clock() -> None:
    clock = SimulatedClock(START)
    plan = FaultPlan(clock, [Fault(FaultKind.SKEW, seconds=-3, drift=0.5)])
    assert plan.now() == START - timedelta(seconds=3)
    clock.set(START + timedelta(seconds=10))
    assert plan.now() == START + timedelta(seconds=12)
