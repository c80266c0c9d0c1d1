"""Lost, late and refused requests: what is looked up, and what is never sent twice."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import NotFound, VenueDown, VenueRejected, VenueUnknown
from domain.orders import OrderStatus, Side
from execution.exchanges.errors import Outcome
from execution.exchanges.line import LineFailed
from execution.venue import Executed
from simulator.wire.faults import Fault, FaultKind, When
from tests.contracts.wire_world import DESK, WireWorld, wire_world
from tests.scenarios.stage import BTC, approve, order
from tests.unit.execution.exchange_stage import (
    CANCEL,
    PLACE,
    QUERY,
    WIRES,
    WITH_STOPS,
    bid,
    calls,
    fault,
    stop,
)


@pytest.mark.parametrize("wire", WIRES)
async def test_a_lost_request_is_unknown_until_the_window_is_past(wire: str) -> None:
    """Law 7: not an instant before the venue would refuse the request is it called lost."""
    async with wire_world(wire) as world:
        world.server.faults.add(fault(FaultKind.DROP, PLACE))
        with pytest.raises(VenueUnknown):
            await world.venue.place(approve(bid()))
        for _ in range(world.venue.line.profile.acceptance // timedelta(seconds=1) + 1):
            with pytest.raises(VenueUnknown, match="could still take it in"):
                await world.venue.lookup("a")
            world.wait(1)
        world.wait(1)
        assert await world.venue.lookup("a") is None
        assert world.orders() == ()


@pytest.mark.parametrize("wire", WIRES)
async def test_a_request_that_arrives_after_the_look_up_is_still_found(wire: str) -> None:
    """The venue acts after we gave up waiting, and after the first look-up found nothing."""
    async with wire_world(wire) as world:
        world.lose_patience(0.1)
        world.server.faults.add(fault(FaultKind.DELAY, PLACE, seconds=0.3))
        with pytest.raises(VenueUnknown):
            await world.venue.place(approve(bid()))
        world.lose_patience(30)
        await _never_called_lost(world)
        await _arrival(world)
        seen = await world.venue.lookup("a")
        assert seen is not None
        assert seen.status is OrderStatus.ACCEPTED
        assert [type(each) for each in await world.venue.poll()] == []
        world.hit(Side.SELL, "2", "90")
        assert [type(each) for each in await world.venue.poll()] == [Executed]


async def _never_called_lost(world: WireWorld) -> None:
    """A look-up while a request is on its way: unknown, or (if it just arrived) found."""
    lost = False
    with suppress(VenueUnknown):
        lost = await world.venue.lookup("a") is None
    assert not lost


async def _arrival(world: WireWorld) -> None:
    """Wait until the venue has taken an order in: the request is on its way, in real time."""
    arrived = asyncio.Event()
    leave = world.exchange.listen(DESK, lambda _: arrived.set())
    if not world.orders():
        await asyncio.wait_for(arrived.wait(), 30)
    leave()


@pytest.mark.parametrize("wire", WIRES)
async def test_a_request_after_its_window_is_refused_by_the_venue(wire: str) -> None:
    """The other half of the argument: what arrives too late is not taken in."""
    async with wire_world(wire) as world:
        world.lose_patience(0.1)
        world.server.faults.add(fault(FaultKind.DELAY, PLACE, seconds=0.9))
        with pytest.raises(VenueUnknown):
            await world.venue.place(approve(bid()))
        world.wait_out_the_window()
        world.lose_patience(30)
        assert await world.venue.lookup("a") is None
        await asyncio.sleep(1)  # the request is processed meanwhile
        assert world.orders() == ()


@pytest.mark.parametrize(
    ("wire", "kind"),
    [
        (wire, kind)
        for wire in WIRES
        for kind in ("market", "limit", "stop")
        if kind != "stop" or wire in WITH_STOPS
    ],
)
async def test_a_lost_answer_is_adopted_and_never_sent_again(wire: str, kind: str) -> None:
    async with wire_world(wire) as world:
        world.quote(Side.SELL, "5", "100")
        wanted = {"market": order("a", Side.BUY, "1"), "limit": bid(quantity="1"), "stop": stop("a")}[kind]
        world.server.faults.add(fault(FaultKind.DROP, PLACE, when=When.AFTER))
        with pytest.raises(VenueUnknown):
            await world.venue.place(approve(wanted))
        seen = await world.venue.lookup("a")
        assert seen is not None
        assert seen.status is (OrderStatus.FILLED if kind == "market" else OrderStatus.ACCEPTED)
        assert await world.venue.place(approve(wanted)) == seen.venue_id
        assert len(world.orders()) == 1
        reports = await world.venue.poll()
        assert [type(each) for each in reports] == ([Executed] if kind == "market" else [])


@pytest.mark.parametrize("wire", WIRES)
async def test_the_same_id_after_a_lost_request_is_not_sent_blind(wire: str) -> None:
    async with wire_world(wire) as world:
        world.server.faults.add(fault(FaultKind.DROP, PLACE))
        with pytest.raises(VenueUnknown):
            await world.venue.place(approve(bid()))
        with pytest.raises(VenueUnknown):
            await world.venue.place(approve(bid()))
        assert world.orders() == ()


@pytest.mark.parametrize("wire", WIRES)
async def test_an_interrupted_placing_is_unknown_too(wire: str) -> None:
    async with wire_world(wire) as world:
        world.server.faults.add(fault(FaultKind.DELAY, PLACE, seconds=0.5, when=When.AFTER))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await world.venue.place(approve(bid()))
        seen = await world.venue.lookup("a")
        assert seen is not None
        assert len(world.orders()) == 1


@pytest.mark.parametrize("wire", WIRES)
async def test_an_interrupted_request_is_not_called_lost_while_it_can_arrive(wire: str) -> None:
    async with wire_world(wire) as world:
        world.server.faults.add(fault(FaultKind.DELAY, PLACE, seconds=0.4))
        sending = asyncio.create_task(world.venue.place(approve(bid())))
        await asyncio.sleep(0.1)
        await _never_called_lost(world)  # it is on its way
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await _never_called_lost(world)
        await _arrival(world)
        assert await world.venue.lookup("a") is not None


async def test_two_stops_alike_with_lost_answers_are_told_apart_by_elimination() -> None:
    """Gate keeps no client id for a trigger: one that another order of ours is, is not this one."""
    async with wire_world("gate") as world:
        first = await world.venue.place(approve(stop("s1")))
        world.server.faults.add(fault(FaultKind.DROP, PLACE))
        with pytest.raises(VenueUnknown):
            await world.venue.place(approve(stop("s2")))
        world.wait_out_the_window()
        assert await world.venue.lookup("s2") is None
        world.server.faults.add(fault(FaultKind.DROP, PLACE, when=When.AFTER))
        with pytest.raises(VenueUnknown):
            await world.venue.place(approve(replace(stop("s3"), created_at=world.clock.now())))
        third = await world.venue.lookup("s3")
        assert third is not None
        assert third.venue_id != first


async def test_an_older_trigger_of_a_stranger_is_not_adopted() -> None:
    async with wire_world("gate") as world:
        client = world.venue.line.client
        await client.create_order(BTC, "market", "sell", "1", "80", {"stopLossPrice": "80"})
        world.wait(60)
        world.server.faults.add(fault(FaultKind.DROP, PLACE))
        with pytest.raises(VenueUnknown):
            await world.venue.place(approve(replace(stop(), created_at=world.clock.now())))
        world.wait_out_the_window()
        assert await world.venue.lookup("s") is None
        with pytest.raises(VenueUnknown, match="could be unheard-of"):
            await world.venue.lookup("unheard-of")


@pytest.mark.parametrize("wire", WITH_STOPS)
async def test_a_stop_that_comes_out_wrong_is_withdrawn_and_refused(
    wire: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FIELD: exchange changes broke stops for everyone at once. The venue here has another trigger price."""
    async with wire_world(wire) as world:
        create = world.venue.line.client.create_order

        async def other(symbol: str, kind: str, side: str, amount: str, price: Any, params: Any) -> Any:
            return await create(symbol, kind, side, amount, price, {**params, "stopLossPrice": "79"})

        monkeypatch.setattr(world.venue.line.client, "create_order", other)
        with pytest.raises(VenueRejected, match="trigger 79"):
            await world.venue.place(approve(stop()))
        assert not [view for view in world.orders() if view.is_open]
        assert len(world.orders()) == 1


@pytest.mark.parametrize("wire", WITH_STOPS)
async def test_a_stop_whose_reading_back_fails_is_unknown_until_it_is_read(wire: str) -> None:
    async with wire_world(wire) as world:
        world.server.faults.add(fault(FaultKind.ERROR, QUERY))
        with pytest.raises(VenueUnknown):
            await world.venue.place(approve(stop()))
        seen = await world.venue.lookup("s")
        assert seen is not None
        assert seen.terms is not None
        assert seen.terms.trigger_price == 80


@pytest.mark.parametrize("wire", WIRES)
async def test_a_rate_limit_silences_us_until_the_venues_time_is_up(wire: str) -> None:
    """No retry storm: while the venue wants quiet, nothing at all is sent."""
    async with wire_world(wire) as world:
        world.server.faults.add(fault(FaultKind.BAN, PLACE, retry_after=20))
        number = world.server.faults.add(fault(FaultKind.RATE_LIMIT, PLACE, QUERY, CANCEL, count=1000))
        with pytest.raises(VenueDown):
            await world.venue.place(approve(bid()))
        for _ in range(5):
            with pytest.raises(VenueDown, match="fewer requests"):
                await world.venue.place(approve(bid()))
            with pytest.raises(VenueUnknown, match="fewer requests"):
                await world.venue.balances()
        (happened,) = [times for each, _, times in world.server.faults.planned() if each == number]
        assert happened <= 1
        world.server.faults.clear()
        world.wait(21)
        await world.venue.place(approve(bid()))
        assert len(world.orders()) == 1


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("seconds", [-30.0, 30.0, -3600.0, 7.5])
async def test_a_clock_that_is_off_is_measured_again(wire: str, seconds: float) -> None:
    async with wire_world(wire) as world:
        world.server.faults.add(Fault(FaultKind.SKEW, seconds=seconds))
        await world.venue.place(approve(bid()))
        assert len(world.orders()) == 1
        forgiven = {
            "gate": -60 < seconds < 0,  # a stamp ahead of its clock is not refused there
            "coinbase": 0 < seconds < 120,  # a token lives for two minutes
        }.get(wire, False)
        off = abs(world.venue.line.skew - timedelta(seconds=seconds))
        assert (off < timedelta(seconds=1)) != forgiven


async def test_a_refused_time_stamp_is_tried_once_more_and_no_oftener() -> None:
    async with wire_world("binance") as world:
        seen = calls(world)
        line = world.venue.line

        async def wrong() -> timedelta:
            seen.append("measured")
            line.skew = timedelta(hours=1)
            return line.skew

        line.measure = wrong  # type: ignore[method-assign]
        line.skew = timedelta(hours=1)
        with pytest.raises(VenueDown):
            await world.venue.place(approve(bid()))
        assert seen == ["create_order", "measured", "create_order"]
        assert world.orders() == ()


@pytest.mark.parametrize("wire", WIRES)
async def test_cancelling_with_a_lost_answer_leaves_a_doubt_that_looking_up_settles(wire: str) -> None:
    async with wire_world(wire) as world:
        await world.venue.place(approve(bid()))
        for when in (When.BEFORE, When.AFTER):
            world.server.faults.add(fault(FaultKind.ERROR, CANCEL, when=when))
            with pytest.raises(VenueUnknown):
                await world.venue.cancel("a")
            seen = await world.venue.lookup("a")
            assert seen is not None
            assert seen.status is (OrderStatus.ACCEPTED if when is When.BEFORE else OrderStatus.CANCELLED)
        with pytest.raises(NotFound):
            await world.venue.cancel("a")


@pytest.mark.parametrize("said", [None, "soon", True, {}])
async def test_a_clock_that_tells_no_time_is_not_believed(said: Any) -> None:
    async with wire_world("binance") as world:

        async def fetch_time() -> Any:
            return said

        world.venue.line.client.fetch_time = fetch_time
        with pytest.raises(LineFailed) as failed:
            await world.venue.line.measure()
        assert failed.value.outcome is Outcome.UNKNOWN
