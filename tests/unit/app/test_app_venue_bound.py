"""How long a position may be without its stop at a venue: the guardian knows, and says when it is longer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.venue_world import protection_bound
from domain.events import Notice
from domain.reconciliation import Unprotected
from execution.scripted import Answer
from tests.unit.app.test_app_venue_run import rising
from tests.unit.app.venue_stage import VenueStage
from tests.unit.app.wire_stage import wire_stage


@pytest.mark.parametrize(("refused", "told"), [(1, 0), (30, 1)])
async def test_a_position_whose_stops_the_venue_does_not_take_is_said(refused: int, told: int) -> None:
    stage = VenueStage(pace=1)
    stage.filling.takes_limits = False
    rising(stage.data)
    run = await stage.run()
    await run.start()
    await run.beat()
    entries = [order for order in run.desk.orders.open_orders() if not order.intent.reduce_only]
    assert entries
    stage.filling.takes_limits = True
    stage.filling.answers.extend([Answer.DOWN] * refused * len(entries))
    for _ in range(60):
        await stage.rest(1)
        await run.beat()
    assert run.desk.portfolio.positions
    events = stage.events()
    late = [event for event in events if isinstance(event, Unprotected)]
    assert len(late) == told * len(entries)
    said = [e.message for e in events if isinstance(e, Notice) and "was without its stop" in e.message]
    assert len(said) == len(late)
    longest = run.desk.guardian.gaps.longest(run.desk.clock.now())
    assert (longest > timedelta(seconds=36)) == bool(told)
    await run.close()


async def test_the_bound_is_a_look_a_lost_placing_the_wait_for_it_and_a_sale() -> None:
    assert protection_bound(timedelta(seconds=10), 1.0) == timedelta(seconds=1 + 10 + 15 + 10)
    assert protection_bound(timedelta(seconds=10), 0.5) == timedelta(seconds=36)
    assert protection_bound(timedelta(seconds=10), 60.0) == timedelta(seconds=1 + 600 + 15 + 600)
    async with wire_stage("binance") as stage, stage.run() as run:
        assert run.desk.guardian.bound == protection_bound(timedelta(seconds=10), stage.settings.speed)
        await run.close()
