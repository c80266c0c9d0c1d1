"""What the ccxt venue promises, refuses, and sends: on the wire, to the last digit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.errors import ConfigError, UnknownSymbol, VenueDown, VenueRejected, VenueUnknown
from domain.money import Price, Symbol
from domain.orders import OrderType, Side, TimeInForce
from execution.exchanges.connect import Credentials
from execution.exchanges.venue import open_venue
from execution.venue import Closed, Executed
from simulator.wire.coinbase_keys import key_from
from tests.contracts.wire_world import wire_world
from tests.scenarios.stage import BTC, COIN, START, approve, order
from tests.unit.execution.exchange_stage import (
    WIRES,
    WITH_STOPS,
    approved,
    bid,
    calls,
    stop,
)


@pytest.mark.parametrize("wire", WIRES)
async def test_every_type_it_promises_rests_at_the_venue_as_it_was_meant(wire: str) -> None:
    async with wire_world(wire) as world:
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
    async with wire_world(wire) as world:
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
    async with wire_world(wire) as world:
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


@pytest.mark.parametrize("wire", ["binance", "gate", "mexc"])  # Coinbase takes them in quote currency, always
async def test_fees_are_in_the_currency_they_were_paid_in(wire: str) -> None:
    from simulator.exchange.policy import FeeIn

    async with wire_world(wire, fee_in=FeeIn.RECEIVED) as world:
        world.quote(Side.SELL, "1", "95")
        await world.venue.place(approve(bid(quantity="1")))
        (report,) = await world.venue.poll()
        assert isinstance(report, Executed)
        assert (report.fill.fee.amount, report.fill.fee.currency) == (Decimal("0.001"), COIN)


@pytest.mark.parametrize("wire", WIRES)
async def test_bad_input_is_refused_before_anything_is_sent(wire: str) -> None:
    async with wire_world(wire) as world:
        seen = calls(world)
        for wanted, word in (
            (replace(bid(), symbol=Symbol("DOGE/USDT")), "not among the symbols"),
            (bid(quantity="0.0005"), "off the step"),
            (bid(limit="95.001"), "off the tick"),
            (replace(bid(), time_in_force=TimeInForce.GTD, expires_at=START), "gtd"),
        ):
            with pytest.raises(VenueRejected, match=word):
                await world.venue.place(approved(wanted))
        assert seen == []
        assert world.orders() == ()


@pytest.mark.parametrize("wire", WIRES)
async def test_what_the_venue_refuses_is_final_and_said_in_its_words(wire: str) -> None:
    async with wire_world(wire) as world:
        with pytest.raises(VenueRejected, match=r"(?i)balance|funds"):
            await world.venue.place(approve(bid(quantity="500")))
        with pytest.raises(VenueRejected):  # below the minimum value
            await world.venue.place(approved(bid(quantity="0.001")))
        assert world.orders() == ()
        assert await world.venue.poll() == ()
        world.wait_out_the_window()
        assert await world.venue.lookup("a") is None


@pytest.mark.parametrize("wire", WITH_STOPS)
async def test_a_stop_on_the_wrong_side_never_rests(wire: str) -> None:
    async with wire_world(wire) as world:
        try:
            await world.venue.place(approve(stop(trigger="120")))
        except VenueRejected:
            assert not [view for view in world.orders() if view.is_open]
        else:  # a venue that takes it fires it at once: the desk hears of its end
            assert await world.venue.poll()


async def test_coinbase_refuses_wrong_keys_at_the_first_question() -> None:
    async with wire_world("coinbase") as world:
        name, other = key_from("somebody else")
        wrong = replace(world.connection, credentials=Credentials(world.connection.credentials.key, other))
        with pytest.raises(VenueRejected, match="401") as refused:
            await open_venue(wrong, (BTC,), world.clock, stream=False)
        assert other not in str(refused.value)
        assert name not in str(refused.value)


@pytest.mark.parametrize("wire", ["binance", "gate", "mexc"])
async def test_wrong_keys_are_a_refusal_without_the_keys_in_it(wire: str) -> None:
    async with wire_world(wire) as world:
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
    async with wire_world("binance") as world:
        nothing = replace(world.connection, credentials=Credentials("", ""))
        with pytest.raises(ConfigError, match="needs a key"):
            await open_venue(nothing, (BTC,), world.clock)
        with pytest.raises(UnknownSymbol, match="DOGE"):
            await open_venue(world.connection, (Symbol("DOGE/USDT"),), world.clock)


@pytest.mark.parametrize("wire", WIRES)
async def test_nobody_there_means_down(wire: str) -> None:
    async with wire_world(wire) as world:
        gone = replace(world.connection, rest_url="http://127.0.0.1:1")
        with pytest.raises(VenueDown):
            await open_venue(gone, (BTC,), world.clock, stream=False)


@pytest.mark.parametrize("wire", ["binance", "gate", "mexc"])
async def test_of_the_answer_to_a_new_order_only_its_number_is_read(wire: str) -> None:
    async with wire_world(wire) as world:
        line = world.venue.line
        request = ("BTC/USDT", "limit", "buy", "0.5", "90", dict(line.profile.order_params))
        placed = await line.call("create_order", *request)
        (view,) = [each for each in world.orders() if each.is_open]
        assert str(view.order_id) in placed["id"]
        assert "status" not in placed
        looked_up = await line.call("fetch_order", placed["id"], "BTC/USDT")
        assert (looked_up["id"], looked_up["status"]) == (placed["id"], "open")  # and a look-up is read whole
