"""The rough question never says no where the exact rules would ask for something."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from execution.protection import moves
from execution.stops.keeper import TRAIL_STEP
from execution.stops.plan import StopKind, StopPlan
from execution.stops.rough import MORE, Rough
from execution.stops.rules import Seen, Standing, fraction_due, overstays, tightest
from execution.stops.trip import Trip
from tests.faults.world import START
from tests.unit.execution.stopped import plan

D = Decimal
PLAN: StopPlan = plan(*StopKind, ladder="0.3@0.5 0.3@1", time_bars=5, break_even_r_ratio="0.5")
ROUGH = Rough(PLAN, TRAIL_STEP)


def roughly(value: Decimal | None, factor: float = 1.0) -> Any:
    return None if value is None else float(value) * factor


def stirs(trip: Trip, standing: Standing, seen: Seen, armed: Decimal) -> bool:
    return ROUGH.stirs(
        trip,
        Standing(
            roughly(standing.entry),
            roughly(standing.costs),
            roughly(standing.risk),
            roughly(standing.high, MORE),
            standing.bars,
        ),
        Seen(
            roughly(seen.bid, MORE),
            roughly(seen.atr),
            roughly(seen.chandelier_atr),
            roughly(seen.turbulence),
        ),
        float(armed),
    )


cents = st.integers(1, 2_000_000).map(lambda each: D(each) / 100)
small = st.integers(0, 50_000).map(lambda each: D(each) / 100)
near = st.sampled_from([D("0.5"), D("0.75"), D(1), D("1.5"), D("0.7499999"), D("2.3")])


@given(cents, small, st.none() | small, cents, st.integers(0, 9), cents, st.none() | small, near, cents)
@settings(max_examples=300)
def test_a_no_is_never_wrong(
    entry: Decimal,
    costs: Decimal,
    risk: Decimal | None,
    high: Decimal,
    bars: int,
    bid: Decimal,
    atr: Decimal | None,
    turbulence: Decimal,
    level: Decimal,
) -> None:
    standing = Standing(entry, costs, risk or None, max(high, entry), bars)
    seen = Seen(bid, atr, atr, turbulence)
    trip = Trip(START, D(1), entry, costs, D(1), entry)
    trigger = tightest(PLAN, standing, seen)
    raised = trigger is not None and trigger.price >= level * (1 + TRAIL_STEP)
    exact = raised or overstays(PLAN, standing) or bool(fraction_due(PLAN, standing, seen))
    if exact:
        assert stirs(trip, standing, seen, level)
    exactly_there = None if trigger is None else trigger.price / (1 + TRAIL_STEP)
    if exactly_there:
        assert stirs(trip, standing, seen, exactly_there), "the very edge counts"


def test_what_is_far_from_any_rule_is_let_be() -> None:
    trip = Trip(START, D(1), D(100), D(0), D(1), D(100))
    standing = Standing(D(100), D(0), D(10), D(101), 2)
    assert not stirs(trip, standing, Seen(D(100), D(1), D(1), D(1)), D("98.5"))
    assert stirs(trip, standing, Seen(D(100), D(1), D(1), D(1)), D("97.8"))
    assert stirs(trip, standing, Seen(D(105), D(1), D(1), D(1)), D("104.9")), "the first target"
    sold = Trip(START, D("0.7"), D(70), D(0), D(1), D(100))
    assert not stirs(sold, standing, Seen(D(105), D(1), D(1), D(1)), D("104.9")), "and it was taken"
    assert stirs(trip, Standing(D(100), D(0), D(10), D(101), 5), Seen(D(100)), D("98.5")), "its time is up"


def test_an_armed_stop_moves_by_a_whole_step_and_a_new_one_at_once() -> None:
    assert moves(None, D(100), D("100.01"))
    assert not moves(None, D(100), D(100))
