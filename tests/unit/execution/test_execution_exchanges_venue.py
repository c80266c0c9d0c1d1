"""The ccxt venue on the wire: what it refuses, what it looks up, what it never does twice."""

from __future__ import annotations

import asyncio
import decimal
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import ConfigError, NotFound, UnknownSymbol, VenueDown, VenueRejected, VenueUnknown
from domain.money import Price, Quantity, Symbol
from domain.orders import Order, OrderStatus, OrderType, Side, TimeInForce
from execution.exchanges.connect import Credentials
from execution.exchanges.errors import Outcome
from execution.exchanges.line import LineFailed
from execution.exchanges.venue import open_venue
from execution.venue import Closed, Executed
from simulator.wire.faults import Fault, FaultKind, Operation, When
from tests.contracts.wire_world import DESK, WireWorld, wire_world
from tests.scenarios.stage import BTC, COIN, INSTRUMENT, START, approve, order

WIRES = ("binance", "gate", "mexc")
WITH_STOPS = ("binance", "gate")
PLACE, CANCEL, QUERY = Operation.PLACE, Operation.CANCEL, Operation.QUERY


def fault(kind: FaultKind, *operations: Operation, when: When = When.BEFORE, **more: Any) -> Fault:
    more.setdefault("count", 1)
    return Fault(kind, when, operations=frozenset(operations), **more)


def bid(client_id: str = "a", quantity: str = "2", limit: str = "95") -> Any:
    return order(client_id, Side.BUY, quantity, limit=limit)


def stop(client_id: str = "s", trigger: str = "80", quantity: str = "1") -> Any:
    return order(client_id, Side.SELL, quantity, trigger=trigger, reduce_only=True)


def calls(world: WireWorld) -> list[str]:
    """Every method of the connector that is called from now on."""
    seen: list[str] = []
    ask = world.venue.line._ask

    async def watched(method: str, *args: Any, **kwargs: Any) -> Any:
        seen.append(method)
        return await ask(method, *args, **kwargs)

    world.venue.line._ask = watched  # type: ignore[method-assign]  # a spy
    return seen


@pytest.mark.parametrize("wire", WIRES)
async def test_every_type_it_promises_rests_at_the_venue_as_it_was_meant(wire: str) -> None:
    async with wire_world(wire, patience=5) as world:
        for number, kind in enumerate(sorted(world.venue.capabilities.order_types)):
            if kind is OrderType.MARKET:
                continue
            limits = {OrderType.LIMIT: "90", OrderType.STOP_LIMIT: "79", OrderType.TAKE_PROFIT_LIMIT: "119"}
            limit = Price(Decimal(limits[kind])) if kind in limits else None
            trigger = {OrderType.LIMIT: None, OrderType.TRAILING_STOP: Price(Decimal("99"))}.get(
                kind, Price(Decimal("120" if "PROFIT" in kind.name else "80"))
            )
            side = Side.BUY if kind is OrderType.LIMIT else Side.SELL
            wanted = replace(
                order(f"id-{number}", side, "0.5"),
                order_type=kind,
                limit_price=limit,
                trigger_price=trigger,
                trailing=Decimal("0.01") if kind is OrderType.TRAILING_STOP else None,
                reduce_only=side is Side.SELL,
            )
            await world.venue.place(approve(wanted))
            (view,) = [each for each in world.orders() if each.is_open]
            assert (view.order_type, view.side, view.quantity) == (kind, side, Decimal("0.5"))
            assert view.limit_price == limit
            assert kind is OrderType.TRAILING_STOP or view.trigger_price == trigger
            assert view.trailing == wanted.trailing
            (shown,) = await world.venue.open_orders()
            assert shown.terms is not None
            assert shown.terms.order_type is kind
            await world.venue.cancel(wanted.client_id)
            (closed,) = await world.venue.poll()
            assert isinstance(closed, Closed)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("post_only", [True, False])
async def test_post_only_never_takes(wire: str, post_only: bool) -> None:
    async with wire_world(wire, patience=5) as world:
        world.quote(Side.SELL, "5", "94")
        wanted = replace(bid(), post_only=post_only)
        if post_only:
            try:
                await world.venue.place(approve(wanted))
            except VenueRejected:
                assert await world.venue.lookup("a") is None
            else:  # some venues take it and end it
                assert [type(each) for each in await world.venue.poll()] == [Closed]
            assert not any(view.filled for view in world.orders())
        else:
            await world.venue.place(approve(wanted))
            assert [type(each) for each in await world.venue.poll()] == [Executed]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK])
async def test_immediate_orders_end_at_once(wire: str, tif: TimeInForce) -> None:
    async with wire_world(wire, patience=5) as world:
        world.quote(Side.SELL, "1", "95")
        try:
            await world.venue.place(approve(replace(bid(), time_in_force=tif)))
        except VenueRejected:
            assert tif is TimeInForce.FOK
            return
        reports = await world.venue.poll()
        filled = [each.fill.quantity for each in reports if isinstance(each, Executed)]
        assert filled == ([Decimal(1)] if tif is TimeInForce.IOC else [])
        assert isinstance(reports[-1], Closed)
        assert await world.venue.open_orders() == ()


@pytest.mark.parametrize("wire", WIRES)
async def test_fees_are_in_the_currency_they_were_paid_in(wire: str) -> None:
    from simulator.exchange.policy import FeeIn

    async with wire_world(wire, patience=5, fee_in=FeeIn.RECEIVED) as world:
        world.quote(Side.SELL, "1", "95")
        await world.venue.place(approve(bid(quantity="1")))
        (report,) = await world.venue.poll()
        assert isinstance(report, Executed)
        assert (report.fill.fee.amount, report.fill.fee.currency) == (Decimal("0.001"), COIN)


@pytest.mark.parametrize("wire", WIRES)
async def test_bad_input_is_refused_before_anything_is_sent(wire: str) -> None:
    async with wire_world(wire, patience=5) as world:
        seen = calls(world)
        for wanted, word in (
            (replace(bid(), symbol=Symbol("DOGE/USDT")), "not among the symbols"),
            (bid(quantity="0.0005"), "off the step"),
            (bid(limit="95.001"), "off the tick"),
            (replace(bid(), time_in_force=TimeInForce.GTD, expires_at=START), "gtd"),
        ):
            with pytest.raises(VenueRejected, match=word):
                await world.venue.place(_approved(wanted))
        assert seen == []
        assert world.orders() == ()


def _approved(wanted: Any) -> Any:
    """An approval for an order whose details the gate would refuse: of its look-alike, swapped inside."""
    from risk import approval

    return approval.ApprovedOrder(wanted, START, approval._SEAL)


@pytest.mark.parametrize("wire", WIRES)
async def test_what_the_venue_refuses_is_final_and_said_in_its_words(wire: str) -> None:
    async with wire_world(wire, patience=5) as world:
        with pytest.raises(VenueRejected, match=r"(?i)balance|funds"):
            await world.venue.place(approve(bid(quantity="500")))
        with pytest.raises(VenueRejected):  # below the minimum value
            await world.venue.place(_approved(bid(quantity="0.001")))
        assert world.orders() == ()
        assert await world.venue.poll() == ()
        world.wait_out_the_window()
        assert await world.venue.lookup("a") is None


@pytest.mark.parametrize("wire", WITH_STOPS)
async def test_a_stop_on_the_wrong_side_never_rests(wire: str) -> None:
    async with wire_world(wire, patience=5) as world:
        try:
            await world.venue.place(approve(stop(trigger="120")))
        except VenueRejected:
            assert not [view for view in world.orders() if view.is_open]
        else:  # a venue that takes it fires it at once: the desk hears of its end
            assert await world.venue.poll()


@pytest.mark.parametrize("wire", WIRES)
async def test_wrong_keys_are_a_refusal_without_the_keys_in_it(wire: str) -> None:
    async with wire_world(wire, patience=5) as world:
        wrong = replace(world.connection, credentials=Credentials("desk-key", "not-the-secret"))
        venue = await open_venue(wrong, (BTC,), world.clock, stream=False)
        with pytest.raises(VenueRejected) as refused:
            await venue.place(approve(bid()))
        assert "not-the-secret" not in str(refused.value)
        assert "desk-key" not in str(refused.value)
        with pytest.raises(VenueUnknown):
            await venue.balances()
        await venue.close()
        assert world.orders() == ()


async def test_missing_keys_and_unlisted_symbols_are_named_at_once() -> None:
    async with wire_world("binance", patience=5) as world:
        nothing = replace(world.connection, credentials=Credentials("", ""))
        with pytest.raises(ConfigError, match="needs a key"):
            await open_venue(nothing, (BTC,), world.clock)
        with pytest.raises(UnknownSymbol, match="DOGE"):
            await open_venue(world.connection, (Symbol("DOGE/USDT"),), world.clock)


@pytest.mark.parametrize("wire", WIRES)
async def test_nobody_there_means_down(wire: str) -> None:
    async with wire_world(wire, patience=5) as world:
        gone = replace(world.connection, rest_url="http://127.0.0.1:1")
        with pytest.raises(VenueDown):
            await open_venue(gone, (BTC,), world.clock, stream=False)


@pytest.mark.parametrize("wire", WIRES)
async def test_a_lost_request_is_unknown_until_the_window_is_past(wire: str) -> None:
    """Law 7: not an instant before the venue would refuse the request is it called lost."""
    async with wire_world(wire) as world:
        world.server.faults.add(fault(FaultKind.DROP, PLACE))
        with pytest.raises(VenueUnknown):
            await world.venue.place(approve(bid()))
        for _ in range(6):
            with pytest.raises(VenueUnknown, match="could still take it in"):
                await world.venue.lookup("a")
            world.wait(1)
        world.wait(1)
        assert await world.venue.lookup("a") is None
        assert world.orders() == ()


@pytest.mark.parametrize("wire", WIRES)
async def test_a_request_that_arrives_after_the_look_up_is_still_found(wire: str) -> None:
    """The venue acts after we gave up waiting, and after the first look-up found nothing."""
    async with wire_world(wire, patience=0.1) as world:
        world.server.faults.add(fault(FaultKind.DELAY, PLACE, seconds=0.3))
        with pytest.raises(VenueUnknown):
            await world.venue.place(approve(bid()))
        with pytest.raises(VenueUnknown):
            await world.venue.lookup("a")
        await _arrival(world)
        seen = await world.venue.lookup("a")
        assert seen is not None
        assert seen.status is OrderStatus.ACCEPTED
        assert [type(each) for each in await world.venue.poll()] == []
        world.hit(Side.SELL, "2", "90")
        assert [type(each) for each in await world.venue.poll()] == [Executed]


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
    async with wire_world(wire, patience=0.1) as world:
        world.server.faults.add(fault(FaultKind.DELAY, PLACE, seconds=0.3))
        with pytest.raises(VenueUnknown):
            await world.venue.place(approve(bid()))
        world.wait_out_the_window()
        assert await world.venue.lookup("a") is None
        await asyncio.sleep(0.4)  # the request is processed meanwhile
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
    async with wire_world(wire, patience=5) as world:
        world.server.faults.add(fault(FaultKind.DELAY, PLACE, seconds=0.5, when=When.AFTER))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await world.venue.place(approve(bid()))
        seen = await world.venue.lookup("a")
        assert seen is not None
        assert len(world.orders()) == 1


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
    async with wire_world(wire, patience=5) as world:
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


@pytest.mark.parametrize("wire", WITH_STOPS)
async def test_a_stop_that_fires_is_told_under_its_own_name(wire: str) -> None:
    async with wire_world(wire, patience=5) as world:
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
    async with wire_world("gate", patience=5) as world:
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
async def test_a_rate_limit_silences_us_until_the_venues_time_is_up(wire: str) -> None:
    """No retry storm: while the venue wants quiet, nothing at all is sent."""
    async with wire_world(wire, patience=5) as world:
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
    async with wire_world(wire, patience=5) as world:
        world.server.faults.add(Fault(FaultKind.SKEW, seconds=seconds))
        await world.venue.place(approve(bid()))
        assert len(world.orders()) == 1
        forgiven = wire == "gate" and -60 < seconds < 0  # a stamp ahead of its clock is not refused there
        off = abs(world.venue.line.skew - timedelta(seconds=seconds))
        assert (off < timedelta(seconds=1)) != forgiven


async def test_a_refused_time_stamp_is_tried_once_more_and_no_oftener() -> None:
    async with wire_world("binance", patience=5) as world:
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


@pytest.mark.parametrize("wire", WIRES)
async def test_partial_fills_then_the_end_in_order(wire: str) -> None:
    async with wire_world(wire, patience=5) as world:
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
    async with wire_world(wire, patience=5) as world:
        for number in range(6):
            await world.venue.place(approve(bid(f"m{number}", quantity="1", limit=f"{90 + number}")))
        seen = calls(world)
        assert await world.venue.poll() == ()
        assert "fetch_order" not in seen
        world.hit(Side.SELL, "1.5", "90")
        told = await world.venue.poll()
        assert [each.fill.client_id for each in told if isinstance(each, Executed)] == ["m5", "m4"]


@pytest.mark.parametrize("wire", WITH_STOPS)
async def test_after_a_restart_orders_are_found_and_told_once(wire: str) -> None:
    async with wire_world(wire, patience=5) as world:
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
    async with wire_world(wire, patience=5) as world:
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
    async with wire_world(wire, patience=5) as world:
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
    async with wire_world(wire, patience=5) as world:
        before = decimal.getcontext().copy()
        await world.venue.place(approve(bid()))
        await world.venue.poll()
        after = decimal.getcontext()
        assert (after.rounding, after.traps, after.prec) == (before.rounding, before.traps, before.prec)


@pytest.mark.parametrize(
    "answer",
    [None, [], {}, "<html>", {"id": None}, {"id": "1", "symbol": BTC, "status": "?"}, 7],
    ids=repr,
)
@pytest.mark.parametrize("method", ["fetch_order", "fetch_open_orders", "fetch_my_trades", "create_order"])
async def test_a_venue_that_answers_nonsense_is_not_believed(method: str, answer: Any) -> None:
    async with wire_world("binance", patience=5) as world:
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


@pytest.mark.parametrize("said", [None, "soon", True, {}])
async def test_a_clock_that_tells_no_time_is_not_believed(said: Any) -> None:
    async with wire_world("binance", patience=5) as world:

        async def fetch_time() -> Any:
            return said

        world.venue.line.client.fetch_time = fetch_time
        with pytest.raises(LineFailed) as failed:
            await world.venue.line.measure()
        assert failed.value.outcome is Outcome.UNKNOWN


async def test_quantities_are_sent_to_the_last_digit() -> None:
    fine = replace(
        INSTRUMENT,
        tick_size=Decimal("0.00000001"),
        step_size=Decimal("0.00000001"),
        min_quantity=Decimal("0.00000001"),
    )
    async with wire_world("binance", instruments=(fine,), patience=5) as world:
        wanted = replace(
            bid(), quantity=Quantity(Decimal("1.23456789")), limit_price=Price(Decimal("95.12345678"))
        )
        await world.venue.place(_approved(wanted))
        (view,) = world.orders()
        assert (view.quantity, view.limit_price) == (Decimal("1.23456789"), Decimal("95.12345678"))
