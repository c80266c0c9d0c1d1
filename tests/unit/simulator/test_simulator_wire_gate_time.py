"""Gate's rules of time, on a clock that stands where a test puts it: expiries, look-ups, quotas, bars."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.clock import SimulatedClock
from domain.orders import Side
from simulator.exchange.events import AccountEvent
from simulator.wire.gate_errors import GateRefusal
from simulator.wire.gate_feeds import BookFeed, CandleFeed, TickerFeed
from simulator.wire.gate_http import Asked, Endpoint, GateHttp
from simulator.wire.gate_market import INTERVALS
from simulator.wire.gate_orders import TEXT_LASTS
from simulator.wire.gate_signing import rest_signature
from simulator.wire.gate_user import pushes
from tests.unit.simulator.gate_client import BTC, KEY, SECRET, order, quiet_exchange

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
STOP: dict[str, Any] = {
    "market": "BTC_USDT",
    "put": {"type": "limit", "side": "sell", "price": "40000", "amount": "0.1", "account": "normal"},
    "trigger": {"price": "45000", "rule": "<=", "expiration": 3600},
}
ASK = {"currency_pair": "BTC_USDT", "side": "buy", "amount": "0.01", "price": "49000", "text": "t-timed"}


class World:
    """A quiet exchange, Gate's face of it, and a clock."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(START)
        self.exchange = quiet_exchange(self.clock)
        self.api = GateHttp(self.exchange, self.clock)

    def wait(self, duration: timedelta) -> None:
        self.clock.set(self.clock.now() + duration)
        self.exchange.advance(self.clock.now())

    def ask(self, method: str, path: str, body: Any = None, query: str = "", **names: str) -> Any:
        """A signed request; the answer's status, headers and content."""
        endpoint = self.endpoint(method, path)
        raw = b"" if body is None else json.dumps(body).encode()
        whole, stamp = f"/api/v4{path.format(**names)}", str(int(self.clock.now().timestamp()))
        sign = rest_signature(SECRET, method, whole, query, raw, stamp)
        headers = {"KEY": KEY, "Timestamp": stamp, "SIGN": sign}
        reply = self.api.answer(endpoint, Asked(method, whole, query, headers, raw, "local", names))
        return reply.status, reply.headers, json.loads(reply.body)

    def endpoint(self, method: str, path: str) -> Endpoint:
        return next(each for each in self.api.endpoints if (each.method, each.path) == (method, path))


@pytest.fixture
def world() -> World:
    return World()


def test_an_armed_order_expires_when_its_time_is_up(world: World) -> None:
    _, _, made = world.ask("POST", "/spot/price_orders", STOP)
    world.wait(timedelta(seconds=3599))
    _, _, row = world.ask("GET", "/spot/price_orders/{order_id}", order_id=str(made["id"]))
    assert (row["status"], row["fired_order_id"], row["ftime"]) == ("open", 0, 0)
    world.wait(timedelta(seconds=1))
    _, _, row = world.ask("GET", "/spot/price_orders/{order_id}", order_id=str(made["id"]))
    assert row["status"] == "expired"
    assert row["ftime"] == row["ctime"] + 3600
    status, _, said = world.ask("DELETE", "/spot/price_orders/{order_id}", order_id=str(made["id"]))
    assert (status, said["label"]) == (400, "ORDER_CANCELLED")
    _, _, rows = world.ask("GET", "/spot/price_orders", query="status=finished")
    assert [each["id"] for each in rows] == [made["id"]]


def test_an_armed_order_that_was_cancelled_does_not_expire(world: World) -> None:
    _, _, made = world.ask("POST", "/spot/price_orders", STOP)
    _, _, row = world.ask("DELETE", "/spot/price_orders/{order_id}", order_id=str(made["id"]))
    assert row["status"] == "cancelled"
    world.wait(timedelta(hours=2))
    _, _, row = world.ask("GET", "/spot/price_orders/{order_id}", order_id=str(made["id"]))
    assert row["status"] == "cancelled"


def test_all_armed_orders_of_a_market_are_cancelled_together(world: World) -> None:
    for _ in range(2):
        world.ask("POST", "/spot/price_orders", STOP)
    _, _, gone = world.ask("DELETE", "/spot/price_orders", query="market=ETH_USDT&account=normal")
    assert gone == []
    _, _, gone = world.ask("DELETE", "/spot/price_orders", query="market=BTC_USDT&account=normal")
    assert [each["status"] for each in gone] == ["cancelled", "cancelled"]


def test_an_ended_order_is_found_by_its_text_for_an_hour(world: World) -> None:
    names, query = {"order_id": "t-timed"}, "currency_pair=BTC_USDT"
    _, _, placed = world.ask("POST", "/spot/orders", ASK)
    world.wait(timedelta(hours=5))
    assert world.ask("GET", "/spot/orders/{order_id}", query=query, **names)[0] == 200, "while it is open"
    world.ask("DELETE", "/spot/orders/{order_id}", query=query, **names)
    world.wait(TEXT_LASTS)
    assert world.ask("GET", "/spot/orders/{order_id}", query=query, **names)[0] == 200
    world.wait(timedelta(seconds=1))
    status, _, said = world.ask("GET", "/spot/orders/{order_id}", query=query, **names)
    assert (status, said["label"]) == (404, "CLIENT_ID_NOT_FOUND")
    assert world.ask("GET", "/spot/orders/{order_id}", query=query, order_id=placed["id"])[0] == 200


def test_ten_orders_a_second_on_one_market(world: World) -> None:
    for left in range(9, -1, -1):
        status, headers, _ = world.ask("POST", "/spot/orders", ASK)
        assert (status, headers["X-Gate-RateLimit-Requests-Remain"]) == (201, str(left))
    status, headers, said = world.ask("POST", "/spot/orders", ASK)
    assert (status, said["label"]) == (429, "TOO_MANY_REQUESTS")
    assert headers["X-Gate-RateLimit-Requests-Remain"] == "0"
    assert world.ask("POST", "/spot/orders", {**ASK, "currency_pair": "ETH_USDT", "price": "1900"})[0] == 201
    assert len(world.exchange.open_orders("desk", BTC)) == 10
    world.wait(timedelta(seconds=1))
    assert world.ask("POST", "/spot/orders", ASK)[0] == 201


def test_two_hundred_requests_in_ten_seconds(world: World) -> None:
    statuses = [world.ask("GET", "/spot/accounts")[0] for _ in range(201)]
    assert statuses == [200] * 200 + [429]
    assert world.ask("GET", "/account/detail")[0] == 200
    world.wait(timedelta(seconds=10))
    assert world.ask("GET", "/spot/accounts")[0] == 200


def test_the_time_is_looked_at_before_the_key(world: World) -> None:
    endpoint = world.endpoint("GET", "/spot/accounts")
    headers = {"KEY": "nobody", "Timestamp": str(int(START.timestamp()) - 61), "SIGN": "x"}
    for change, status, label in (
        ({}, 403, "REQUEST_EXPIRED"),
        ({"Timestamp": str(int(START.timestamp()) - 60)}, 401, "INVALID_KEY"),
        ({"Timestamp": ""}, 400, "MISSING_REQUIRED_HEADER"),
        ({"SIGN": ""}, 400, "MISSING_REQUIRED_HEADER"),
        ({"KEY": KEY, "Timestamp": str(int(START.timestamp()))}, 401, "INVALID_SIGNATURE"),
    ):
        asked = Asked("GET", "/api/v4/spot/accounts", "", {**headers, **change}, b"", "local")
        reply = world.api.answer(endpoint, asked)
        assert (reply.status, json.loads(reply.body)["label"]) == (status, label)


def test_the_deadline_itself_is_still_in_time(world: World) -> None:
    until = int(START.timestamp() * 1000)
    endpoint = world.endpoint("POST", "/spot/orders")
    raw, stamp = json.dumps(ASK).encode(), str(int(START.timestamp()))
    sign = rest_signature(SECRET, "POST", "/api/v4/spot/orders", "", raw, stamp)
    for deadline, status in ((until, 201), (until - 1, 403)):
        headers = {"KEY": KEY, "Timestamp": stamp, "SIGN": sign, "x-gate-exptime": str(deadline)}
        asked = Asked("POST", "/api/v4/spot/orders", "", headers, raw, "local")
        assert world.api.answer(endpoint, asked).status == status
    assert len(world.exchange.open_orders("desk")) == 1


def test_orders_that_ended_are_listed_by_when_they_ended(world: World) -> None:
    world.ask("POST", "/spot/orders", ASK)
    world.wait(timedelta(minutes=10))
    world.ask("DELETE", "/spot/orders", query="currency_pair=BTC_USDT")
    ended = int(world.clock.now().timestamp())
    listed = "currency_pair=BTC_USDT&status=finished"
    for extra, count in (
        (f"&from={ended}", 1),
        (f"&from={ended + 1}", 0),
        (f"&to={ended}", 1),
        (f"&to={ended - 1}", 0),
        ("&side=sell", 0),
        ("&page=2", 0),
    ):
        assert len(world.ask("GET", "/spot/orders", query=listed + extra)[2]) == count, extra


def test_bars_take_a_span_or_a_number_never_both(world: World) -> None:
    hour = int(START.timestamp())
    fields = {"currency_pair": "BTC_USDT", "interval": "1h"}
    assert len(world.api.market.candlesticks({**fields, "limit": "5"})) == 1
    assert world.api.market.candlesticks({**fields, "from": str(hour), "to": str(hour)})[0][0] == str(hour)
    assert world.api.market.candlesticks({**fields, "from": str(hour + 1), "to": str(hour + 2)}) == []
    for wrong in ({"from": str(hour), "limit": "5"}, {"interval": "7m"}, {"from": str(hour - 1001 * 3600)}):
        with pytest.raises(GateRefusal):
            world.api.market.candlesticks({**fields, **wrong})


def test_a_bar_is_told_once_more_when_it_has_closed(world: World) -> None:
    feed = CandleFeed(world.exchange, world.clock, BTC, INTERVALS["1m"], "1m")
    (first,) = feed.first()
    assert (first["c"], first["w"]) == ("50000", False)
    assert list(feed.pulse()) == []
    world.exchange.place("taker", order(BTC, Side.BUY, "0.1", Decimal(50_010)))
    (moved,) = feed.pulse()
    assert (moved["c"], moved["w"]) == ("50010", False)
    world.wait(timedelta(minutes=1))
    told = list(feed.pulse())
    assert (told[0]["c"], told[0]["w"]) == ("50010", True)
    assert list(feed.pulse()) == []


def test_the_changes_of_a_book_follow_each_other_without_a_gap(world: World) -> None:
    feed = BookFeed(world.exchange, world.clock, BTC, 50, "ob.BTC_USDT.50", full=True)
    (whole,) = feed.first()
    assert whole["full"] is True
    last = whole["u"]
    for step in range(3):
        world.exchange.place("maker", order(BTC, Side.BUY, "1", Decimal(49_000 + step)))
        (change,) = feed.pulse()
        assert change["U"] == last + 1 <= change["u"]
        assert change["b"] == [[str(49_000 + step), "1"]]
        last = change["u"]
    world.exchange.place("taker", order(BTC, Side.SELL, "0.4", Decimal(49_990)))
    (change,) = feed.pulse()
    assert (change["b"], change["a"]) == ([["49990", "0.6"]], [])


def test_an_armed_order_is_no_order_of_the_book(world: World) -> None:
    told: list[tuple[str, str]] = []

    def listen(event: AccountEvent) -> None:
        for channel, _, rows in pushes(event, world.api.orders, START):
            told.extend((channel, row["event"]) for row in rows if "event" in row)

    world.exchange.listen("desk", listen)
    _, _, made = world.ask("POST", "/spot/price_orders", STOP)
    world.ask("DELETE", "/spot/price_orders/{order_id}", order_id=str(made["id"]))
    assert told == [("spot.priceorders", "put"), ("spot.priceorders", "finish")]
    told.clear()
    world.ask("POST", "/spot/price_orders", {**STOP, "trigger": {**STOP["trigger"], "price": "49995"}})
    world.exchange.place("taker", order(BTC, Side.SELL, "0.1", Decimal(49_990)))
    assert told == [
        ("spot.priceorders", "put"),
        ("spot.priceorders", "finish"),
        ("spot.orders", "put"),
        ("spot.orders", "finish"),
    ]


def test_a_ticker_is_told_once_a_second(world: World) -> None:
    feed = TickerFeed(world.exchange, world.clock, BTC)
    assert len(list(feed.first())) == 1
    world.exchange.place("taker", order(BTC, Side.BUY, "0.1", Decimal(50_010)))
    assert list(feed.pulse()) == []
    world.wait(timedelta(seconds=1))
    assert [each["last"] for each in feed.pulse()] == ["50010"]
    world.wait(timedelta(seconds=5))
    assert list(feed.pulse()) == []
