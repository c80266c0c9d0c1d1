"""What every venue promises, whoever runs it. A new venue joins by adding a harness to HARNESSES."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from typing import Protocol

import pytest

from domain.errors import GateError, NotFound
from domain.orders import TERMINAL, OrderIntent, OrderStatus, Side
from execution.paper import PaperVenue
from execution.scripted import ScriptedVenue
from execution.venue import Closed, Executed, Venue
from simulator.costs import FeeSchedule, NextOpen
from simulator.matching import MatchingCore
from tests.contracts.wire_world import WireWorld, wire_world
from tests.scenarios.stage import BTC, COIN, HOUR, INSTRUMENT, START, USDT, StageFeed, approve, bar, order


class Harness(Protocol):
    """A venue, and a market that can be told to trade through a resting limit buy at 95."""

    @property
    def venue(self) -> Venue: ...

    def trade_through(self, client_id: str) -> None:
        """Make the market fill that order, whole, before the next poll."""
        ...

    def stand_still(self) -> None:
        """Let a bar pass that fills nothing."""
        ...


class PaperHarness:
    def __init__(self) -> None:
        self.bars = {index: bar(index, "100", "100", "100", "100") for index in range(20)}
        self.feed = StageFeed(self.bars, {})
        core = MatchingCore(
            {BTC: INSTRUMENT},
            FeeSchedule(Decimal("0.001"), Decimal("0.001")),
            NextOpen(),
            {USDT: Decimal(10_000), COIN: Decimal(10)},
        )
        self.venue = PaperVenue(self.feed, core)

    def trade_through(self, client_id: str) -> None:
        index = self.feed.at + 1
        self.bars[index] = bar(index, "100", "100", "90", "100")
        self.feed.advance()

    def stand_still(self) -> None:
        self.feed.advance()


class ScriptedHarness:
    def __init__(self) -> None:
        self.venue = ScriptedVenue()

    def trade_through(self, client_id: str) -> None:
        self.venue.fill(client_id, "2", "95", START + HOUR)

    def stand_still(self) -> None:
        return


class CcxtHarness:
    """The ccxt venue in front of a simulated exchange on loopback."""

    def __init__(self, world: WireWorld) -> None:
        self.world = world
        self.venue = world.venue

    def trade_through(self, client_id: str) -> None:
        self.world.hit(Side.SELL, "2", "90")

    def stand_still(self) -> None:
        self.world.wait(3600)


@asynccontextmanager
async def _at_hand(harness: Harness) -> AsyncIterator[Harness]:
    yield harness


@asynccontextmanager
async def _on_the_wire(name: str) -> AsyncIterator[Harness]:
    async with wire_world(name) as world:
        yield CcxtHarness(world)


HARNESSES: dict[str, Callable[[], AbstractAsyncContextManager[Harness]]] = {
    "paper": lambda: _at_hand(PaperHarness()),
    "scripted": lambda: _at_hand(ScriptedHarness()),
    "ccxt-binance": lambda: _on_the_wire("binance"),
    "ccxt-gate": lambda: _on_the_wire("gate"),
    "ccxt-mexc": lambda: _on_the_wire("mexc"),
    "ccxt-coinbase": lambda: _on_the_wire("coinbase"),
}


@pytest.fixture(params=HARNESSES)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    async with HARNESSES[request.param]() as harness:
        yield harness


def bid(client_id: str = "a") -> OrderIntent:
    return order(client_id, Side.BUY, "2", limit="95")


async def test_a_placed_order_rests_until_the_market_comes_to_it(stage: Harness) -> None:
    venue_id = await stage.venue.place(approve(bid()))
    stage.stand_still()
    assert await stage.venue.poll() == ()
    (resting,) = await stage.venue.open_orders()
    assert (resting.client_id, resting.venue_id, resting.status) == ("a", venue_id, OrderStatus.ACCEPTED)
    assert resting.filled == 0
    assert not resting.fills


async def test_an_execution_is_reported_once_and_can_be_looked_up(stage: Harness) -> None:
    await stage.venue.place(approve(bid()))
    stage.trade_through("a")
    (report,) = await stage.venue.poll()
    assert isinstance(report, Executed)
    fill = report.fill
    assert (fill.client_id, fill.quantity, fill.price, fill.side) == ("a", Decimal(2), Decimal(95), Side.BUY)
    assert fill.fee.amount == Decimal("0.19")
    assert await stage.venue.poll() == ()
    seen = await stage.venue.lookup("a")
    assert seen is not None
    assert (seen.status, seen.filled, seen.fills) == (OrderStatus.FILLED, Decimal(2), (fill,))
    assert await stage.venue.open_orders() == ()


async def test_the_same_client_id_twice_is_one_order(stage: Harness) -> None:
    first = await stage.venue.place(approve(bid()))
    second = await stage.venue.place(approve(bid()))
    assert first == second
    assert len(await stage.venue.open_orders()) == 1
    stage.trade_through("a")
    reports = await stage.venue.poll()
    assert [report.fill.quantity for report in reports if isinstance(report, Executed)] == [2]


async def test_the_same_client_id_after_the_fill_is_still_the_same_order(stage: Harness) -> None:
    first = await stage.venue.place(approve(bid()))
    stage.trade_through("a")
    await stage.venue.poll()
    assert await stage.venue.place(approve(bid())) == first
    assert await stage.venue.open_orders() == ()


async def test_an_approval_is_good_for_one_placing(stage: Harness) -> None:
    approval = approve(bid())
    await stage.venue.place(approval)
    with pytest.raises(GateError):
        await stage.venue.place(approval)


async def test_an_intent_is_not_an_approval(stage: Harness) -> None:
    with pytest.raises(GateError):
        await stage.venue.place(bid())  # type: ignore[arg-type]  # the point of the test
    assert await stage.venue.open_orders() == ()


async def test_a_cancelled_order_is_over(stage: Harness) -> None:
    await stage.venue.place(approve(bid()))
    await stage.venue.cancel("a")
    assert await stage.venue.open_orders() == ()
    seen = await stage.venue.lookup("a")
    assert seen is not None
    assert seen.status is OrderStatus.CANCELLED
    for report in await stage.venue.poll():  # a venue may report what it was asked to do
        assert isinstance(report, Closed)
        assert report.status is OrderStatus.CANCELLED
    with pytest.raises(NotFound):
        await stage.venue.cancel("a")


async def test_cancelling_a_filled_order_finds_nothing_to_cancel(stage: Harness) -> None:
    await stage.venue.place(approve(bid()))
    stage.trade_through("a")
    await stage.venue.poll()
    with pytest.raises(NotFound):
        await stage.venue.cancel("a")


async def test_what_it_never_had_is_none(stage: Harness) -> None:
    assert await stage.venue.lookup("never") is None
    with pytest.raises(NotFound):
        await stage.venue.cancel("never")


async def test_open_orders_are_listed_oldest_first_and_leave_one_by_one(stage: Harness) -> None:
    for client_id in ("a", "b", "c"):
        await stage.venue.place(approve(bid(client_id)))
    await stage.venue.cancel("b")
    assert [each.client_id for each in await stage.venue.open_orders()] == ["a", "c"]
    for each in await stage.venue.open_orders():
        assert each.status not in TERMINAL
