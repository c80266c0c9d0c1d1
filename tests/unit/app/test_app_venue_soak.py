"""Half a stormy hour of lost orders and outages at each venue: nothing unexplained or bare, equal books.

A whole day by hand: python -m tests.unit.app.venue_soak binance 24.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.app.soak_trouble import Often
from tests.unit.app.venue_soak import BOUND, Soak, soak

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
    assert told.problems() == [], "which is all of this once more, for who runs a day by hand"
    assert told.swing > 0.02, "a storm"
    assert told.marks >= 30


def well(**changed: Any) -> Soak:
    """A day without a fault."""
    return replace(Soak("binance", fills=9, unknown=1, resident=[100.0, 200.0, 209.9]), **changed)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"unexplained": ["1 BTC too much"]}, "not explained: 1 BTC too much"),
        ({"differences": ["BTC: 1 in the books"]}, "books and venue differ: BTC: 1 in the books"),
        ({"hanging": ["s-000001-00: unknown"]}, "fate not known at the end: s-000001-00: unknown"),
        ({"late": ["BTC/USDT 05 10:00"]}, "a gap in protection beyond the bound: BTC/USDT 05 10:00"),
        ({"bare": BOUND.total_seconds() + 1}, "without its stop for"),
        ({"fills": 0}, "nothing was traded"),
        ({"unknown": 0}, "nothing was tried"),
        ({"resident": [100.0, 200.0, 210.0]}, "memory grew by 5.0%, the bound is 5%"),
        ({"resident": [100.0, 200.0, float("nan")]}, "memory grew by nan"),
    ],
)
def test_whatever_is_not_as_it_has_to_be_is_said(changed: dict[str, Any], says: str) -> None:
    (said,) = well(**changed).problems()
    assert says in said


def test_a_day_without_a_fault_has_none_and_two_hours_say_nothing_of_memory() -> None:
    assert well(bare=BOUND.total_seconds()).problems() == []
    assert well(resident=[100.0, 200.0]).problems() == []
