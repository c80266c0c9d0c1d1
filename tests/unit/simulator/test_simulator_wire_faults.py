"""Planned trouble: whom it meets and how often, and what it leaves behind at the exchange."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from domain.clock import LiveClock, SimulatedClock
from domain.errors import ConfigError
from simulator.wire.faults import Fault, FaultKind, FaultPlan, Operation, When, fault_from
from simulator.wire.server import serve, venue_module
from tests.unit.simulator.binance_client import BTC, START, Wire, quiet_exchange, wire

K, BEFORE, AFTER = FaultKind, When.BEFORE, When.AFTER


@pytest_asyncio.fixture
async def binance() -> AsyncIterator[Wire]:
    async with wire() as found:
        yield found


async def outcome(binance: Wire) -> str:
    """What a client sees of an order: its status, an error code, or how the connection ended."""
    try:
        told = await binance.order()
    except aiohttp.ClientError as error:
        return "gone" if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError) else "?"
    return str(told.get("status") or told["code"])


# fault -> what the client sees, and whether the order exists
REQUESTS: list[tuple[Fault, str, bool]] = [
    (Fault(K.DROP), "gone", False),
    (Fault(K.DROP, AFTER), "gone", True),
    (Fault(K.RESET), "gone", False),
    (Fault(K.RESET, AFTER), "gone", True),
    (Fault(K.ERROR), "-1008", False),
    (Fault(K.ERROR, AFTER, status=504), "-1007", True),
    (Fault(K.ERROR, AFTER, status=500), "-1000", True),
    (Fault(K.ERROR, AFTER, status=502), "-1001", True),
    (Fault(K.RATE_LIMIT), "-1003", False),
    (Fault(K.BAN), "-1003", False),
    (Fault(K.MAINTENANCE), "1", False),
    (Fault(K.DELAY, seconds=0.05), "NEW", True),
    (Fault(K.DELAY, AFTER, seconds=0.05), "NEW", True),
]


@pytest.mark.parametrize(
    ("fault", "seen", "exists"), [pytest.param(*row, id=f"{row[0].kind}-{row[0].when}") for row in REQUESTS]
)
async def test_a_request_in_trouble(binance: Wire, fault: Fault, seen: str, exists: bool) -> None:
    binance.server.faults.add(fault)
    assert await outcome(binance) == seen
    assert len(binance.exchange.orders("desk", BTC)) == exists
    binance.server.faults.clear()
    assert await outcome(binance) == "NEW"


async def test_a_delay_beyond_the_clients_patience_still_does_the_work(binance: Wire) -> None:
    binance.server.faults.add(Fault(K.DELAY, seconds=0.3))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(binance.order(), 0.1)
    assert binance.exchange.orders("desk", BTC) == ()
    async with asyncio.timeout(10):
        while not binance.exchange.orders("desk", BTC):  # noqa: ASYNC110  the server works on by itself
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("kind", "status"), [(K.RATE_LIMIT, 429), (K.BAN, 418)])
async def test_how_long_to_stay_away_is_told(binance: Wire, kind: FaultKind, status: int) -> None:
    binance.server.faults.add(Fault(kind, retry_after=7))
    found, _, headers = await binance.ask("GET", "ping")
    assert (found, headers["Retry-After"]) == (status, "7")


async def test_the_book_stands_still_and_moves_on(binance: Wire) -> None:
    _, first, _ = await binance.ask("GET", "depth", symbol="BTCUSDT", limit=5)
    binance.server.faults.add(Fault(K.STALE_BOOK, count=None, lasts=60))
    market: dict[str, Any] = {"type": "MARKET", "timeInForce": None, "price": None}
    assert await binance.ask("GET", "depth", symbol="BTCUSDT", limit=5) is not None
    await binance.order(**market)
    _, stale, _ = await binance.ask("GET", "depth", symbol="BTCUSDT", limit=5)
    assert stale == first
    assert (await binance.sign("GET", "openOrders"))[0] == 200  # only market data is stale
    binance.clock.set(START + timedelta(seconds=60))
    _, moved, _ = await binance.ask("GET", "depth", symbol="BTCUSDT", limit=5)
    assert moved["asks"][0] != first["asks"][0]
    binance.server.faults.add(Fault(K.STALE_BOOK))
    _, again, _ = await binance.ask("GET", "depth", symbol="BTCUSDT", limit=5)
    assert again == moved, "it stands where it stood now, not where it stood the first time"


async def test_a_delay_is_waited_out_as_the_plan_says(binance: Wire) -> None:
    rested: list[float] = []

    async def rest(seconds: float) -> None:
        rested.append(seconds)

    binance.server.faults.rest = rest
    binance.server.faults.add(Fault(K.DELAY, seconds=3600, count=1))
    assert (await binance.ask("GET", "ping"))[0] == 200
    assert rested == [3600]


async def test_a_clock_that_is_off_refuses_honest_requests(binance: Wire) -> None:
    binance.server.faults.add(Fault(K.SKEW, seconds=20))
    status, told, _ = await binance.sign("GET", "account")
    assert (status, told["code"]) == (400, -1021)
    assert (await binance.ask("GET", "time"))[1]["serverTime"] == binance.now + 20_000
    status, _, _ = await binance.sign("GET", "account", timestamp=binance.now + 20_000)
    assert status == 200


async def test_a_drift_grows_with_time(binance: Wire) -> None:
    binance.server.faults.add(Fault(K.SKEW, drift=-0.1))
    assert (await binance.sign("GET", "account"))[0] == 200
    binance.clock.set(START + timedelta(seconds=100))
    assert (await binance.ask("GET", "time"))[1]["serverTime"] == binance.now - 10_000
    assert (await binance.sign("GET", "account"))[1]["code"] == -1021


async def test_an_outage_can_be_of_one_path_one_method_one_operation(binance: Wire) -> None:
    binance.server.faults.add(Fault(K.ERROR, path="openOrders"))
    binance.server.faults.add(Fault(K.DROP, method="DELETE"))
    binance.server.faults.add(Fault(K.MAINTENANCE, operations=frozenset({Operation.AMEND})))
    assert (await binance.sign("GET", "openOrders"))[0] == 503
    assert (await binance.sign("GET", "account"))[0] == 200
    placed = await binance.order()
    with pytest.raises(aiohttp.ClientError):
        await binance.sign("DELETE", "order", symbol="BTCUSDT", orderId=placed["orderId"])
    _, told, _ = await binance.sign(
        "PUT", "order/amend/keepPriority", symbol="BTCUSDT", orderId=placed["orderId"], newQty="0.5"
    )
    assert told["msg"] == "System is under maintenance."
    assert binance.exchange.order("desk", BTC, order_id=placed["orderId"]).is_open


def _strikes(plan: FaultPlan, times: int) -> list[bool]:
    return [bool(plan.request(Operation.PLACE, "POST", "/api/v3/order")) for _ in range(times)]


def test_a_fault_happens_so_often_and_no_more() -> None:
    plan = FaultPlan(SimulatedClock(START), [Fault(K.DROP, count=2)])
    assert _strikes(plan, 4) == [True, True, False, False]


def test_a_fault_lasts_so_long_and_no_longer() -> None:
    clock = SimulatedClock(START)
    plan = FaultPlan(clock, [Fault(K.DROP, lasts=10)])
    clock.set(START + timedelta(seconds=9.999))
    assert _strikes(plan, 1) == [True]
    clock.set(START + timedelta(seconds=10))
    assert _strikes(plan, 1) == [False]


def test_chance_repeats_itself() -> None:
    def drawn(seed: int) -> list[bool]:
        return _strikes(FaultPlan(SimulatedClock(START), [Fault(K.DROP, probability=0.3, seed=seed)]), 400)

    assert drawn(1) == drawn(1) != drawn(2)
    assert 80 < sum(drawn(1)) < 160


def test_two_faults_of_a_kind_do_not_both_strike() -> None:
    plan = FaultPlan(
        SimulatedClock(START), [Fault(K.DROP, count=1), Fault(K.DROP, count=1), Fault(K.DROP, AFTER)]
    )
    assert [len(plan.request(Operation.PLACE, "POST", "/")) for _ in range(3)] == [2, 2, 1]


def test_faults_about_requests_leave_streams_alone() -> None:
    plan = FaultPlan(SimulatedClock(START), [Fault(K.DROP)])
    assert plan.request(Operation.STREAM, "GET", "/ws") == ()
    assert plan.event("anything") is None
    plan.add(Fault(K.DROP, operations=frozenset({Operation.STREAM})))
    assert plan.request(Operation.STREAM, "GET", "/ws") != ()


def test_events_are_met_by_their_text() -> None:
    plan = FaultPlan(SimulatedClock(START), [Fault(K.MISSING_EVENT, match="FILLED", count=1)])
    assert plan.event('"X":"NEW"') is None
    met = plan.event('"X":"FILLED"')
    assert met is not None
    assert plan.event('"X":"FILLED"') is None


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"kind": "explode"},
        {"kind": "drop", "when": "during"},
        {"kind": "drop", "colour": "red"},
        {"kind": "drop", "operations": ["dance"]},
        {"kind": "drop", "count": 0},
        {"kind": "drop", "count": "many"},
        {"kind": "drop", "probability": 0},
        {"kind": "drop", "probability": 1.01},
        {"kind": "drop", "path": "("},
        {"kind": "error", "status": 404},
        {"kind": "delay"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        fault_from(wrong)


def test_a_fault_is_read_from_plain_words() -> None:
    assert fault_from(
        {"kind": "error", "when": "after", "operations": ["place"], "count": "3", "status": 502}
    ) == Fault(K.ERROR, AFTER, frozenset({Operation.PLACE}), count=3, status=502)


async def test_faults_are_planned_and_cleared_over_http(binance: Wire) -> None:
    url = f"{binance.server.url}/faults"
    async with binance.session.post(url, json={"kind": "maintenance", "path": "ping"}) as answer:
        assert (answer.status, await answer.json()) == (200, {"number": 1})
    assert (await binance.ask("GET", "ping"))[0] == 503
    async with binance.session.get(url) as answer:
        (told,) = await answer.json()
        assert (told["number"], told["kind"], told["happened"]) == (1, "maintenance", 1)
    async with binance.session.post(url, json={"kind": "nonsense"}) as answer:
        assert (answer.status, "error" in await answer.json()) == (400, True)
    async with binance.session.post(url, data="{") as answer:
        assert answer.status == 400
    async with binance.session.delete(f"{url}/1") as answer:
        assert answer.status == 200
    assert (await binance.ask("GET", "ping"))[0] == 200
    binance.server.faults.add(Fault(K.DROP))
    async with binance.session.delete(url) as answer:
        assert answer.status == 200
    assert binance.server.faults.idle


async def test_a_simulated_clock_is_moved_over_http(binance: Wire) -> None:
    url = f"{binance.server.url}/clock"
    async with binance.session.post(url, json={"advance": 90}) as answer:
        assert (await answer.json())["now"] == (START + timedelta(seconds=90)).isoformat()
    assert binance.clock.now() == START + timedelta(seconds=90)
    for wrong in ({"advance": -1}, {"advance": "soon"}, {}):
        async with binance.session.post(url, json=wrong) as answer:
            assert answer.status == 400


async def test_a_market_is_suspended_over_http(binance: Wire) -> None:
    url = f"{binance.server.url}/markets"
    placed = await binance.order()
    async with binance.session.post(url, json={"symbol": BTC, "trading": False}) as answer:
        assert (answer.status, await answer.json()) == (200, {BTC: False})
    assert (await binance.order())["msg"] == "Market is closed."
    assert (await binance.ask("GET", "exchangeInfo"))[1]["symbols"][0]["status"] == "BREAK"
    _, ended, _ = await binance.sign("DELETE", "order", symbol="BTCUSDT", orderId=placed["orderId"])
    assert ended["status"] == "CANCELED"
    async with binance.session.post(url, json={"symbol": BTC, "trading": True}) as answer:
        assert answer.status == 200
    assert (await binance.order())["status"] == "NEW"
    for wrong in ({"symbol": "NO/PE", "trading": False}, {"symbol": BTC, "trading": "no"}, {}):
        async with binance.session.post(url, json=wrong) as answer:
            assert answer.status == 400


async def test_a_live_clock_is_not_moved() -> None:
    clock = LiveClock()
    async with (
        serve(venue="binance", exchange=quiet_exchange(clock), clock=clock) as server,
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/clock", json={"advance": 1}) as answer,
    ):
        assert answer.status == 400


async def test_a_server_that_cannot_be_is_refused() -> None:
    clock = SimulatedClock(START)
    exchange = quiet_exchange(clock)
    with pytest.raises(ConfigError):
        venue_module("nyse")
    async with serve(venue="binance", exchange=exchange, clock=clock) as server:
        with pytest.raises(ConfigError, match="cannot listen"):
            async with serve(venue="binance", exchange=exchange, clock=clock, port=server.port):
                pass


async def test_what_breaks_the_market_closes_the_venue_and_is_said() -> None:
    clock = SimulatedClock(START)
    exchange = quiet_exchange(clock)
    said: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["message"]))

    def broken(_: object) -> None:
        raise RuntimeError("a listener broke")

    exchange.listen_market(broken)
    with pytest.raises(RuntimeError, match="a listener broke"):
        async with (
            serve(venue="binance", exchange=exchange, clock=clock) as server,
            aiohttp.ClientSession() as session,
            session.get(f"{server.url}/api/v3/ping") as answer,
        ):
            assert answer.status == 503
    assert said == ["the simulated market broke; the venue answers as in maintenance"]
