"""From a leg and its tactic to a plan: which legs are worked in parts, and in how many."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Final

from domain.algorithms import AlgorithmPlan
from domain.errors import ConfigError
from domain.instrument import Instrument
from domain.market import Quote
from domain.money import ONE, ZERO
from domain.orders import OrderIntent
from domain.tactics import LARGE_SHARE, Tactic
from execution.algorithms.plans import even_part, iceberg, twap

WORKED_IN_PARTS: Final = frozenset({Tactic.TWAP, Tactic.ICEBERG})

USUAL_BARS: Final = 24
"""Over so many bars the usual volume of a bar is taken."""

MOST_PARTS: Final = 24
"""A leg is spread over at most so many bars: what takes longer is a new decision's business."""


def plan_for(
    parent: OrderIntent,
    tactic: Tactic,
    instrument: Instrument,
    quote: Quote,
    bar_volume: Decimal,
    *,
    start: datetime,
    bar: timedelta,
) -> AlgorithmPlan | None:
    """The plan for a leg whose tactic works it in parts; None when it goes out as one order.

    Parts are sized so that each is at most LARGE_SHARE of `bar_volume` (base currency of a usual bar) and
    come one per `bar`; a leg that fits into one part, or whose volume is not known, is one order.
    """
    if tactic not in WORKED_IN_PARTS or bar_volume <= ZERO:
        return None
    wanted = (parent.quantity / (bar_volume * LARGE_SHARE)).quantize(ONE, ROUND_CEILING)
    parts = min(int(wanted), MOST_PARTS)
    if parts < 2:
        return None
    if tactic is Tactic.TWAP:
        plan = twap(parent, instrument, quote.mid, start=start, interval=bar, parts=parts)
        return plan if len(plan.slices) > 1 else None
    try:
        shown = even_part(parent.quantity, parts, instrument)
        return iceberg(parent, instrument, start=start, end=start + bar * parts, shown=shown)
    except ConfigError:  # what would be shown is below the venue's minimums: one order it is
        return None
