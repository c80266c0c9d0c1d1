"""Whether a look at a position could find anything new, asked in floats: most looks find nothing.

The same rules as in Decimals, on the same numbers rounded. What moves a stop up is made a little larger and
what keeps a position open a little smaller, by far more than floats round: a look that could matter is never
left out, and one that finds nothing costs a few microseconds.
"""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Final, cast

from execution.stops.plan import Rung, StopKind, StopPlan
from execution.stops.rules import Standing, fraction_due, overstays, priced
from execution.stops.trip import Trip

MORE: Final = 1 + 1e-9
"""What a high and a bid are multiplied by: far more than floats round."""

_LESS: Final = 1 - 3e-9


class Rough:
    """One plan in floats. Prices that are handed in are floats, too, under the types of the exact ones."""

    def __init__(self, plan: StopPlan, step: Decimal) -> None:
        """`step` is the fraction of itself by which an armed stop has to rise to be moved at all."""
        told: dict[str, Any] = {}
        for field in fields(plan):
            value = getattr(plan, field.name)
            told[field.name] = float(value) if isinstance(value, Decimal) else value
        told["ladder"] = tuple(
            Rung(rung.fraction, cast(Decimal, float(rung.r_ratio))) for rung in plan.ladder
        )
        self._plan = cast(StopPlan, SimpleNamespace(**told))
        self._times, self._ladders = plan.has(StopKind.TIME), plan.has(StopKind.LADDER)
        self._rules = priced(plan)
        self._moves = float(1 + step) * _LESS

    def stirs(self, trip: Trip, standing: Any, seen: Any, armed: float) -> bool:
        """Whether the exact rules could close it, sell a part of it, or raise a stop armed at this price.

        `standing` and `seen` are a Standing and a Seen of floats, high and bid times `MORE`.
        """
        plan = self._plan
        if self._times and standing.bars >= plan.time_bars and overstays(plan, _lower(standing)):
            return True
        if self._ladders:
            part = fraction_due(plan, standing, seen)
            if part and part * trip.bought > trip.sold:
                return True
        enough = armed * self._moves
        for _, rule in self._rules:
            price = rule(plan, standing, seen)
            if price is not None and price >= enough:
                return True
        return False


def _lower(standing: Any) -> Standing:
    return Standing(standing.entry, standing.costs, standing.risk, standing.high * _LESS, standing.bars)
