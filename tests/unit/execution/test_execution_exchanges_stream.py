"""The account's stream only says where to look, and every doubt about it is a gap."""

from __future__ import annotations

import asyncio
import decimal
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from domain.orders import Side
from execution.exchanges import user_stream
from execution.exchanges.connect import STREAMED_KEPT, Connection
from execution.exchanges.profiles import profile
from execution.exchanges.user_stream import UserStream
from execution.venue import Executed
from simulator.wire.faults import Fault, FaultKind
from tests.contracts.wire_world import KEYS, wire_world
from tests.scenarios.stage import BTC, approve
from tests.unit.execution.exchange_stage import STREAMING, bid, calls, stop


class Scripted:
    """A client whose two streams say what the test puts into their queues; an exception breaks the stream."""

    def __init__(self) -> None:
        self.orders: asyncio.Queue[Any] = asyncio.Queue()
        self.trades: asyncio.Queue[Any] = asyncio.Queue()
        self.session = None

    async def watch_orders(self) -> Any:
        return self._next(await self.orders.get())

    async def watch_my_trades(self) -> Any:
        return self._next(await self.trades.get())

    async def close(self) -> None:
        return

    @staticmethod
    def _next(said: Any) -> Any:
        if isinstance(said, Exception):
            raise said
        return said


@pytest.fixture
async def scripted(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[UserStream, Scripted]]:
    client = Scripted()
    monkeypatch.setattr(user_stream, "stream_client", lambda *_: client)
    monkeypatch.setattr(user_stream, "_FIRST_WAIT", 0.0)
    stream = await UserStream.open(Connection(profile("binance-testnet"), KEYS), lambda: 0)
    yield stream, client
    await stream.close()


async def said(stream: UserStream, queue: asyncio.Queue[Any], what: Any) -> None:
    before = stream.events + stream.breaks
    queue.put_nowait(what)
    for _ in range(100):
        await asyncio.sleep(0)
        if stream.events + stream.breaks > before:
            return


def event(venue_id: str, client_id: str = "") -> dict[str, Any]:
    return {"symbol": BTC, "id": venue_id, "clientOrderId": client_id}


async def test_until_the_first_event_nobody_knows_whether_it_listens(
    scripted: tuple[UserStream, Scripted],
) -> None:
    stream, client = scripted
    assert stream.take_gap()
    assert stream.take_gap()
    await said(stream, client.orders, [event("1", "a")])
    assert stream.connected
    assert stream.take_gap()  # what came before may have been missed
    assert not stream.take_gap()
    assert stream.take_hints() == ((BTC, "1", "a"),)
    assert stream.take_hints() == ()


async def test_an_order_named_twice_is_asked_about_once(scripted: tuple[UserStream, Scripted]) -> None:
    stream, client = scripted
    await said(stream, client.orders, [event("1", "a"), event("2", "b"), event("1", "a")])
    await said(stream, client.trades, [{"symbol": BTC, "order": "1"}])
    assert stream.take_hints() == ((BTC, "1", "a"), (BTC, "2", "b"), (BTC, "1", ""))


@pytest.mark.parametrize(("many", "missed"), [(STREAMED_KEPT - 1, False), (STREAMED_KEPT, True)])
async def test_more_at_once_than_the_client_holds_is_a_gap(
    scripted: tuple[UserStream, Scripted], many: int, missed: bool
) -> None:
    """It holds so many and no more: who filled it may have pushed an older one out."""
    stream, client = scripted
    await said(stream, client.orders, [event("first")])
    stream.take_gap()
    await said(stream, client.orders, [event(str(number)) for number in range(many)])
    assert len(stream.take_hints()) == many + 1
    assert stream.take_gap() is missed
    assert stream.events == many + 1


async def test_a_break_is_a_gap_until_events_come_again(scripted: tuple[UserStream, Scripted]) -> None:
    stream, client = scripted
    await said(stream, client.orders, [event("1")])
    stream.take_gap()
    stream.changed.clear()
    await said(stream, client.orders, ConnectionError("lost desk-secret"))
    assert stream.changed.is_set()
    assert not stream.connected
    assert "desk-secret" not in stream.last_error
    assert stream.take_gap()
    assert stream.take_gap()
    await said(stream, client.orders, [event("2")])
    assert stream.connected
    assert stream.take_gap()
    assert not stream.take_gap()


async def test_executions_that_break_off_are_a_gap_too(scripted: tuple[UserStream, Scripted]) -> None:
    stream, client = scripted
    await said(stream, client.orders, [event("1")])
    stream.take_gap()
    await said(stream, client.trades, ConnectionError("lost"))
    assert not stream.connected
    assert stream.take_gap()
    assert stream.take_gap()


async def test_a_flood_of_events_becomes_one_question(
    scripted: tuple[UserStream, Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_stream, "_MOST_HINTS", 10)
    stream, client = scripted
    await said(stream, client.orders, [event("0")])
    stream.take_gap()
    await said(stream, client.orders, [event(str(number)) for number in range(50)])
    assert stream.take_hints() == ()
    assert stream.take_gap()


@pytest.mark.parametrize("nonsense", [None, 7, "text", [None, 3], {}])
async def test_nonsense_is_no_event(nonsense: Any, scripted: tuple[UserStream, Scripted]) -> None:
    stream, client = scripted
    await said(stream, client.orders, nonsense)
    assert stream.events == 0
    assert stream.take_hints() == ()


async def test_a_stream_does_not_change_how_the_desk_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    class Rounding(Scripted):
        async def watch_orders(self) -> Any:
            decimal.getcontext().rounding = decimal.ROUND_HALF_UP
            return await super().watch_orders()

    monkeypatch.setattr(user_stream, "stream_client", lambda *_: Rounding())
    with decimal.localcontext(decimal.Context(rounding=decimal.ROUND_HALF_EVEN)):
        stream = await UserStream.open(Connection(profile("binance-testnet"), KEYS), lambda: 0)
        await asyncio.sleep(0)
        assert decimal.getcontext().rounding == decimal.ROUND_HALF_EVEN
        await stream.close()


@pytest.mark.parametrize("wire", STREAMING)
async def test_with_a_stream_only_what_it_names_is_asked_about(wire: str) -> None:
    async with wire_world(wire, stream=True) as world:
        await world.listening()
        for name in ("a", "b"):
            await world.venue.place(approve(bid(name)))
        await world.venue.poll()
        await _quiet(world.venue.stream)
        await world.venue.poll()
        seen = calls(world)
        assert await world.venue.poll() == ()
        assert seen == []
        world.hit(Side.SELL, "1", "95")
        reports = await _reports(world)
        assert [each.fill.client_id for each in reports if isinstance(each, Executed)] == ["a"]
        assert seen.count("fetch_order") <= 2  # the orders that events named, not every open one


@pytest.mark.parametrize("wire", STREAMING)
async def test_what_a_stream_never_said_is_found_by_the_next_comparison(wire: str) -> None:
    async with wire_world(wire, stream=True) as world:
        await world.listening()
        await world.venue.place(approve(bid()))
        await world.venue.poll()
        await _quiet(world.venue.stream)
        await world.venue.poll()
        world.server.faults.add(Fault(FaultKind.MISSING_EVENT))
        world.hit(Side.SELL, "1", "95")
        assert await world.venue.poll() == ()
        world.wait(31)
        assert [type(each) for each in await world.venue.poll()] == [Executed]


async def test_a_trigger_that_fires_is_noticed_though_its_event_names_another_order() -> None:
    async with wire_world("gate", stream=True) as world:
        await world.listening()
        await world.venue.place(approve(stop()))
        await world.venue.poll()
        await _quiet(world.venue.stream)
        await world.venue.poll()
        world.quote(Side.BUY, "5", "79")
        world.hit(Side.SELL, "1", "79")
        (report,) = await _reports(world)
        assert isinstance(report, Executed)
        assert report.fill.client_id == "s"


async def _quiet(stream: UserStream | None) -> None:
    """Wait until no event came for a moment, in real time."""
    assert stream is not None
    while True:
        before = stream.events
        await asyncio.sleep(0.1)
        if stream.events == before:
            return


async def _reports(world: Any) -> tuple[Any, ...]:
    """Poll as events come in, without letting the simulated time reach the next comparison."""
    for _ in range(200):
        reports: tuple[Any, ...] = await world.venue.poll()
        if reports:
            return reports
        try:
            await asyncio.wait_for(world.venue.stream.changed.wait(), timedelta(seconds=0.1).total_seconds())
        except TimeoutError:
            continue
    raise AssertionError("no report came")
