"""Death at every boundary of the journal and every call to the venue, for every kind of story and venue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from domain.orders import OrderType, TimeInForce
from execution.scripted import ALL
from execution.venue import Capabilities
from tests.faults.ground import Ground
from tests.faults.grounds import PaperGround, ScriptedGround
from tests.faults.lives import die_everywhere, standing
from tests.faults.stories import STORIES, check_sliced, sliced
from tests.faults.wire_ground import wire_ground

VENUES: dict[str, Capabilities] = {
    "does all": ALL,
    "locks holdings": replace(ALL, shares_holdings=False),
    "locks, no groups": replace(ALL, shares_holdings=False, groups=False),
    "no stops": Capabilities(frozenset({OrderType.MARKET, OrderType.LIMIT}), frozenset({TimeInForce.GTC})),
}


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("venue", VENUES)
async def test_death_anywhere_changes_nothing_in_the_end(venue: str, story: str) -> None:
    died = await die_everywhere(lambda: standing(ScriptedGround(VENUES[venue])), STORIES[story])
    assert died["before commit"] > 3
    assert died["after commit"] > 3
    assert died["before place"] >= 2
    assert died["after place"] >= 2


@pytest.mark.parametrize("story", [name for name in STORIES if name != "moved while filling"])
async def test_death_anywhere_on_the_paper_venue(story: str) -> None:
    died = await die_everywhere(lambda: standing(PaperGround()), STORIES[story])
    assert died["before commit"] > 3
    assert died["after place"] >= 2


@pytest.mark.parametrize("ground", [lambda: ScriptedGround(ALL), PaperGround])
async def test_death_anywhere_in_a_purchase_by_parts(ground: Callable[[], Ground]) -> None:
    """A part that certainly was not sent is not sent in a burst later: the plan ends with less."""
    died = await die_everywhere(lambda: standing(ground()), sliced, verify=check_sliced)
    assert died["before place"] == died["after place"] == 6


WIRES = ("binance", "gate", "mexc")


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("wire", WIRES)
async def test_death_on_the_wire(wire: str, story: str) -> None:
    """A sample in every run; all of them, by SIGKILL: python -m tests.faults.boundary_kills --all."""
    died = await die_everywhere(lambda: wire_ground(wire), STORIES[story], every=17, offset=len(story))
    assert died.total() >= 4


@pytest.mark.parametrize("wire", WIRES)
async def test_death_in_a_purchase_by_parts_on_the_wire(wire: str) -> None:
    died = await die_everywhere(lambda: wire_ground(wire), sliced, every=41, offset=9, verify=check_sliced)
    assert died.total() >= 4
