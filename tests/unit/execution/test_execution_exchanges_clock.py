"""The venue's clock is measured again as it drifts, before a request is refused for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from simulator.wire.faults import FaultKind
from tests.contracts.wire_world import WireWorld, wire_world
from tests.scenarios.stage import approve
from tests.unit.execution.exchange_stage import bid, calls, fault


def off(world: WireWorld) -> float:
    """How far the desk's idea of the venue's time is off, in seconds."""
    skew: timedelta = world.server.faults.now() - world.clock.now()
    return abs((world.venue.line.skew - skew).total_seconds())


@pytest.mark.parametrize("wire", ["binance", "gate", "mexc"])  # Coinbase tells whole seconds
async def test_a_clock_that_drifts_is_followed_by_the_comparisons(wire: str) -> None:
    async with wire_world(wire) as world:
        world.server.faults.add(fault(FaultKind.SKEW, drift=0.002, count=None))
        await world.venue.place(approve(bid()))
        world.wait(580)
        seen = calls(world)
        await world.venue.open_orders()
        assert "fetch_time" not in seen
        assert off(world) > 1
        world.wait(20)
        await world.venue.open_orders()
        assert seen.count("fetch_time") == 1
        assert off(world) < 0.01
        for _ in range(59):
            world.wait(60)
            await world.venue.open_orders()
        assert seen.count("fetch_time") == 6
        assert off(world) < 1.3


async def test_a_venue_that_does_not_tell_its_time_is_compared_all_the_same() -> None:
    async with wire_world("binance") as world:
        await world.venue.place(approve(bid()))
        world.wait(600)
        before = world.venue.line.skew
        seen = calls(world)
        world.venue.line.client.fetch_time = None
        assert len(await world.venue.open_orders()) == 1
        assert world.venue.line.skew == before
        await world.venue.open_orders()
        assert seen.count("fetch_time") == 2, "asked again by the next comparison"
