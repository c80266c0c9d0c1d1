"""Death at every boundary of the journal and every call to the venue, for every kind of story and venue."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.orders import OrderType, TimeInForce
from execution.scripted import ALL
from execution.venue import Capabilities
from tests.faults.boundaries import Fate, Lives, Process, check, die_everywhere
from tests.faults.grounds import PaperGround, ScriptedGround
from tests.faults.stories import STORIES, sliced

VENUES: dict[str, Capabilities] = {
    "does all": ALL,
    "locks holdings": replace(ALL, shares_holdings=False),
    "locks, no groups": replace(ALL, shares_holdings=False, groups=False),
    "no stops": Capabilities(frozenset({OrderType.MARKET, OrderType.LIMIT}), frozenset({TimeInForce.GTC})),
}


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("venue", VENUES)
async def test_death_anywhere_changes_nothing_in_the_end(venue: str, story: str) -> None:
    died = await die_everywhere(lambda: ScriptedGround(VENUES[venue]), STORIES[story])
    assert died["before commit"] > 3
    assert died["after commit"] > 3
    assert died["before place"] >= 2
    assert died["after place"] >= 2


@pytest.mark.parametrize("story", STORIES)
async def test_death_anywhere_on_the_paper_venue(story: str) -> None:
    died = await die_everywhere(PaperGround, STORIES[story])
    assert died["before commit"] > 3
    assert died["after place"] >= 2


async def test_death_anywhere_in_a_purchase_by_parts() -> None:
    """A part that certainly was not sent is not sent in a burst later: the plan ends with less."""
    calm = Lives(ScriptedGround(ALL), Fate())
    check_sliced(await calm.tell(sliced), least=Decimal("0.3"))
    for deadly in range(len(calm.fate.names)):
        lives = Lives(ScriptedGround(ALL), Fate(deadly))
        try:
            check_sliced(await lives.tell(sliced), least=Decimal("0.2"))
        except AssertionError as error:
            raise AssertionError(f"death at {deadly}, {calm.fate.names[deadly]}: {error}") from error
        assert lives.deaths == 1


def check_sliced(process: Process, least: Decimal) -> None:
    check(process)
    bought = sum(
        order.filled for order in process.desk.orders.values() if order.intent.parent == "s-000002-00"
    )
    assert least <= bought <= Decimal("0.3"), bought
    position = process.portfolio.position(process.ground.symbol)
    assert position is not None
    assert position.quantity == bought
    assert not process.worker.running
