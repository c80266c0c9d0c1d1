"""Simulated hours with random outages at each venue: nothing unexplained, nothing left bare, equal books."""

from __future__ import annotations

import pytest

from tests.unit.app.venue_soak import BOUND, soak

LONGEST_BARE = 30.0
"""Simulated seconds that a position may be without its stop while the venue is up and down."""


@pytest.mark.parametrize("venue", ["binance", "gate", "mexc"])
async def test_hours_with_outages_leave_nothing_behind(venue: str) -> None:
    told = await soak(venue, hours=2, outage_chance=0.01)
    assert told.outages > 5
    assert told.fills > 0
    assert told.equal
    assert told.unexplained == []
    assert told.bare <= LONGEST_BARE
    assert told.late == [], "the guardian says so itself"
    assert told.gap <= BOUND.total_seconds()
    assert told.marks >= 20
