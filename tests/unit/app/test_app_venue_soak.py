"""Half a stormy hour of lost orders and outages at each venue: nothing unexplained or bare, equal books.

A whole day by hand: python -m tests.unit.app.venue_soak binance 24.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.app.soak_trouble import Often
from tests.unit.app.venue_soak import BOUND, soak

DENSE = Often(outages=72, streams=240, stale_books=48, skews=48, snare_chance=0.03)


@pytest.mark.parametrize("venue", ["binance", "gate", "mexc"])
async def test_half_an_hour_of_trouble_leaves_nothing_behind(venue: str, tmp_path: Path) -> None:
    told = await soak(venue, hours=0.5, often=DENSE, home=tmp_path)
    assert told.fills > 10
    assert told.laid["snare"] >= 5
    assert told.unknown > 0, "orders got lost"
    assert told.hanging == [], "and all were found, or found to be nowhere"
    assert told.differences == []
    assert told.unexplained == []
    assert told.bare <= BOUND.total_seconds()
    assert told.late == [], "the guardian says so itself"
    assert told.swing > 0.02, "a storm"
    assert told.marks >= 30
