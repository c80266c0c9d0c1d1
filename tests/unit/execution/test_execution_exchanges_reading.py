"""What a venue says, in whatever order and pieces, is told once, whole and under the right name."""

from __future__ import annotations

import decimal
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import VenueUnknown
from domain.money import Price, Quantity
from domain.orders import Order, OrderStatus, OrderType, Side
from execution.exchanges.venue import open_venue
from execution.venue import Closed, Executed
from simulator.wire.faults import FaultKind
from tests.contracts.wire_world import DESK, wire_world
from tests.scenarios.stage import BTC, INSTRUMENT, START, approve
from tests.unit.execution.exchange_stage import (
    QUERY,
    WIRES,
    WITH_STOPS,
    approved,
    bid,
    calls,
    fault,
    stop,
)


@pytest.mark.parametrize("wire", WITH_STOPS)
async def test_a_stop_that_fires_is_told_under_its_own_name(wire: str) -> None:
    async with wire_world(wire) as world:
        await world.venue.place(approve(stop()))
        assert await world.venue.poll() == ()
        world.quote(Side.BUY, "5", "79")
        world.hit(Side.SELL, "1", "79")
        (report,) = await world.venue.poll()
        assert isinstance(report, Executed)
        assert (report.fill.client_id, report.fill.price) == ("s", Decimal(79))
        seen = await world.venue.lookup("s")
        assert seen is not None
        assert seen.status is OrderStatus.FILLED
        (told,) = await world.venue.fills(START)
        assert told == report.fill


async def test_a_fired_stop_limit_that_rests_is_ours_and_can_be_withdrawn() -> None:
    async with wire_world("gate") as world:
        wanted = replace(stop(), order_type=OrderType.STOP_LIMIT, limit_price=Price(Decimal("79.5")))
        await world.venue.place(approve(wanted))
        world.quote(Side.BUY, "1", "79")
        world.hit(Side.SELL, "1", "79")
        (shown,) = await world.venue.open_orders()
        assert shown.client_id == "s"
        await world.venue.cancel("s")
        assert not [view for view in world.orders() if view.is_open]
        (closed,) = await world.venue.poll()
        assert isinstance(closed, Closed)


@pytest.mark.parametrize("wire", WIRES)
async def test_partial_fills_then_the_end_in_order(wire: str) -> None:
    async with wire_world(wire) as world:
        await world.venue.place(approve(bid()))
        world.hit(Side.SELL, "0.5", "95")
        world.wait(1)
        world.hit(Side.SELL, "0.25", "95")
        await world.venue.cancel("a")
        reports = await world.venue.poll()
        assert [type(each) for each in reports] == [Executed, Executed, Closed]
        assert sum(each.fill.quantity for each in reports if isinstance(each, Executed)) == Decimal("0.75")
        assert await world.venue.poll() == ()


@pytest.mark.parametrize("wire", WIRES)
async def test_a_poll_that_fails_loses_nothing(wire: str) -> None:
    async with wire_world(wire) as world:
        await world.venue.place(approve(bid()))
        await world.venue.place(approve(bid("b")))
        world.hit(Side.SELL, "3", "95")
        world.server.faults.add(fault(FaultKind.ERROR, QUERY, count=2))
        with pytest.raises(VenueUnknown):
            await world.venue.poll()
        told = await world.venue.poll()
        told += await world.venue.poll()
        filled = [each.fill for each in told if isinstance(each, Executed)]
        assert sum(fill.quantity for fill in filled) == 3
        assert len({fill.fill_id for fill in filled}) == len(filled)


@pytest.mark.parametrize("wire", WIRES)
async def test_many_orders_are_polled_by_one_list(wire: str) -> None:
    async with wire_world(wire) as world:
        for number in range(6):
            await world.venue.place(approve(bid(f"m{number}", quantity="1", limit=f"{90 + number}")))
        seen = calls(world)
        assert await world.venue.poll() == ()
        assert "fetch_order" not in seen
        world.hit(Side.SELL, "1.5", "90")
        told = await world.venue.poll()
        filled = [each.fill.client_id for each in told if isinstance(each, Executed)]
        assert sorted(filled) == ["m4", "m5"]
        assert wire == "coinbase" or filled == ["m5", "m4"]  # whose trade ids tell no order


@pytest.mark.parametrize("wire", WITH_STOPS)
async def test_after_a_restart_orders_are_found_and_told_once(wire: str) -> None:
    async with wire_world(wire) as world:
        desk_orders = []
        for wanted in (bid("a"), stop("s")):
            held = Order(wanted, OrderStatus.ACCEPTED)
            held.venue_id = await world.venue.place(approve(wanted))
            desk_orders.append(held)
        world.hit(Side.SELL, "0.5", "95")
        (first,) = await world.venue.poll()
        assert isinstance(first, Executed)
        desk_orders[0].add_fill(first.fill)
        lost = Order(bid("never-sent"), OrderStatus.UNKNOWN)
        again = await open_venue(world.connection, (BTC,), world.clock, stream=False)
        again.restore([*desk_orders, lost])
        assert await again.poll() == ()
        with pytest.raises(VenueUnknown):  # the process before could have sent it an instant ago
            await again.lookup("never-sent")
        world.wait_out_the_window()
        assert await again.lookup("never-sent") is None
        world.hit(Side.SELL, "0.5", "95")
        (second,) = await again.poll()
        assert isinstance(second, Executed)
        assert second.fill.fill_id != first.fill.fill_id
        seen = await again.lookup("a")
        assert seen is not None
        assert (seen.filled, len(seen.fills)) == (Decimal(1), 2)
        await again.cancel("s")
        await again.close()


@pytest.mark.parametrize("wire", WIRES)
async def test_executions_are_paged_until_the_last(wire: str) -> None:
    async with wire_world(wire) as world:
        world.venue.line.profile = replace(world.venue.line.profile, page_size=10)
        world.venue._reading._profile = world.venue.line.profile
        await world.venue.place(approve(bid(quantity="4")))
        for number in range(35):
            world.wait(number % 3)  # several in one millisecond, more than one page in all
            world.hit(Side.SELL, "0.1", "95")
        reports = await world.venue.poll()
        assert len({each.fill.fill_id for each in reports if isinstance(each, Executed)}) == 35
        told = await world.venue.fills(START)
        assert len(told) == 35
        assert len({fill.fill_id for fill in told}) == 35
        assert {fill.client_id for fill in told} == {"a"}
        assert await world.venue.fills(world.clock.now() + timedelta(seconds=1)) == ()


@pytest.mark.parametrize("wire", WIRES)
async def test_strangers_orders_are_listed_and_their_executions_have_no_client_id(wire: str) -> None:
    async with wire_world(wire) as world:
        from simulator.exchange.model import NewOrder

        world.exchange.place(
            DESK, NewOrder(BTC, Side.BUY, OrderType.LIMIT, Decimal(1), limit_price=Decimal(96))
        )
        (stranger,) = await world.venue.open_orders()
        assert stranger.client_id
        assert stranger.terms is not None
        assert await world.venue.poll() == ()
        world.hit(Side.SELL, "1", "96")
        assert await world.venue.poll() == ()
        (fill,) = await world.venue.fills(START)
        assert fill.client_id == ""


@pytest.mark.parametrize("wire", WIRES)
async def test_the_connector_does_not_change_how_the_desk_rounds(wire: str) -> None:
    with decimal.localcontext(decimal.Context()):  # whatever another test did to its own
        async with wire_world(wire) as world:
            await world.venue.place(approve(bid()))
            await world.venue.poll()
            after, before = decimal.getcontext(), decimal.Context()
            assert (after.rounding, after.traps, after.prec) == (before.rounding, before.traps, before.prec)


@pytest.mark.parametrize(
    "answer",
    [None, [], {}, "<html>", {"id": None}, {"id": "1", "symbol": BTC, "status": "?"}, 7],
    ids=repr,
)
@pytest.mark.parametrize("method", ["fetch_order", "fetch_open_orders", "fetch_my_trades", "create_order"])
async def test_a_venue_that_answers_nonsense_is_not_believed(method: str, answer: Any) -> None:
    async with wire_world("binance") as world:
        if method != "create_order":
            await world.venue.place(approve(bid()))
        client = world.venue.line.client

        async def nonsense(*args: Any, **kwargs: Any) -> Any:
            return answer

        setattr(client, method, nonsense)
        world.hit(Side.SELL, "1", "95")
        if method == "create_order":
            if answer == {"id": "1", "symbol": BTC, "status": "?"}:
                return  # an id is all that is asked of it
            with pytest.raises(VenueUnknown):
                await world.venue.place(approve(bid()))
        elif method == "fetch_open_orders":
            if answer in ([], {}):
                return
            with pytest.raises(VenueUnknown):
                await world.venue.open_orders()
        else:
            with pytest.raises(VenueUnknown):
                await world.venue.poll()
            with pytest.raises(VenueUnknown):
                await world.venue.lookup("a")


@pytest.mark.parametrize(
    "page", [[7] * 3, [{"id": "1", "timestamp": "soon"}] * 2 + [{"id": "2", "timestamp": 1}]]
)
async def test_a_page_of_nonsense_is_no_answer(page: list[Any]) -> None:
    async with wire_world("mexc") as world:
        world.venue._reading._profile = replace(world.venue.line.profile, page_size=3)

        async def nonsense(*args: Any, **kwargs: Any) -> Any:
            return page

        world.venue.line.client.fetch_my_trades = nonsense
        with pytest.raises(VenueUnknown, match="nonsense"):
            await world.venue.fills(START)


async def test_quantities_are_sent_to_the_last_digit() -> None:
    fine = replace(
        INSTRUMENT,
        tick_size=Decimal("0.00000001"),
        step_size=Decimal("0.00000001"),
        min_quantity=Decimal("0.00000001"),
    )
    async with wire_world("binance", instruments=(fine,)) as world:
        wanted = replace(
            bid(), quantity=Quantity(Decimal("1.23456789")), limit_price=Price(Decimal("95.12345678"))
        )
        await world.venue.place(approved(wanted))
        (view,) = world.orders()
        assert (view.quantity, view.limit_price) == (Decimal("1.23456789"), Decimal("95.12345678"))
