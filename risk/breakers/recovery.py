"""A breaker on a curve, and the plan by which size comes back after a fall: on evidence, never by time alone.

While it is closed, the fall from the curve's high is what is measured. Once it opened, two things count as
evidence for each step of the plan (25 %, 50 %, 75 % of the usual size, then closed):

- the curve regained the step's part of the way from its low back to its high, or
- so many days in a row (UTC, whole ones) neither lost money nor would have. A day counts only when something
  was at risk: in the books, or on paper, where the views that are not traded are followed all the same. A day
  on which nothing could have been lost says nothing.

A further fall of `relapse` below where the step began opens it again, with a longer wait. Closing makes the
present level the new high: the gate's own drawdown limit goes on to remember the true one.
"""

from __future__ import annotations

from datetime import date
from math import isfinite
from typing import Final

from domain.breakers import BreakerChanged, BreakerState
from risk.breakers.breaker import Breaker
from risk.breakers.observation import BreakerRule, Observation

_CLOSED: Final = BreakerState.CLOSED
_HALF_OPEN: Final = BreakerState.HALF_OPEN


class RecoveryBreaker(Breaker):
    """A breaker whose observations are points of a curve, above zero, with the trial curve beside it."""

    def __init__(self, kind: str, scope: str, rule: BreakerRule, *, relapse: float) -> None:
        super().__init__(kind, scope, rule)
        self._relapse = relapse
        self.high = 0.0
        self.low = 0.0
        self.base = 0.0
        self._day: date | None = None
        self._whole = False
        self._moved = False
        self._began: tuple[float, float] = (0.0, 0.0)
        self._last: tuple[float, float] | None = None

    @property
    def quiet_below(self) -> float | None:
        """None: a curve has to be seen whole."""
        return None

    def observe(self, seen: Observation, *, deciding: bool = True) -> BreakerChanged | None:
        level = seen.value
        if not (isfinite(level) and level > 0.0):
            if self.state is BreakerState.OPEN or not deciding:
                return None
            return self._fall(seen, "the curve it watches is not a number above zero")
        self._count_day(seen)
        if self.state is _CLOSED:
            if level >= self.high:
                self.high = self.low = level
                return None
            fall = (self.high - level) / self.high
            return self._fall(seen, self._said(fall)) if fall >= self.rule.trip and deciding else None
        self.low = min(self.low, level)
        if self.changed_at is not None and seen.at <= self.changed_at:
            return None
        if self.state is _HALF_OPEN and (again := (self.base - level) / self.base) >= self._relapse:
            return self._fall(seen, self._said(again)) if deciding else None
        return self._recover(seen) if deciding and self._waited(seen.at) else None

    def apply(self, event: BreakerChanged) -> None:
        """Stand as the record says; closed by hand, the fall is measured from the present level on."""
        super().apply(event)
        figures = event.figures
        if event.by and self._last is not None:
            figures = self._closing(self._last[0])
        self.high = figures.get("high", self.high)
        self.low = figures.get("low", self.low)
        self.base = figures.get("level", self.base)

    def _recover(self, seen: Observation) -> BreakerChanged | None:
        larger = [size for size in self.rule.probation if size > self.size]
        goal = float(larger[0]) if larger else 1.0
        way = self.high - self.low
        regained = (seen.value - self.low) / way if way > 0.0 else 0.0
        if regained >= goal:
            evidence = f"{regained:.0%} of the fall was regained"
        elif self.good >= self.rule.good_count:
            evidence = f"{self.good} days in a row without a loss"
        else:
            return None
        level = seen.value
        figures = self._figures(level) if larger else self._closing(level)
        return self._step_up(seen.at, evidence, figures)

    def _count_day(self, seen: Observation) -> None:
        """At the first point of a new day, judge the one that ended; the day of a change is no whole one."""
        now = (seen.value, seen.value if seen.trial is None else seen.trial)
        today = seen.at.date()
        if self._last is None or self._day is None:
            self._day, self._began, self._whole, self._moved = today, now, False, False
        elif today != self._day:
            if self._whole and self._moved and not self._changed_within(self._day):
                lost = self._last[0] < self._began[0] or self._last[1] < self._began[1]
                self.good = 0 if lost else self.good + 1
            self._day, self._began, self._whole, self._moved = today, self._last, True, False
        if self._last is not None and now != self._last:
            self._moved = True
        self._last = now

    def _changed_within(self, day: date) -> bool:
        """Whether it changed on that day or later: then the day says nothing about what came after."""
        return self.changed_at is not None and self.changed_at.date() >= day

    def _fall(self, seen: Observation, cause: str) -> BreakerChanged:
        level = seen.value if isfinite(seen.value) else self.base
        return self._change(
            BreakerState.OPEN,
            self.rule.open_size,
            seen.at,
            cause,
            self._figures(level),
            wait=self._next_wait(seen.at),
        )

    def _said(self, fall: float) -> str:
        if self.state is _HALF_OPEN:
            return f"fell another {fall:.2%} on probation, the limit is {self._relapse:.2%}"
        return f"fell {fall:.2%} from its high, the limit is {self.rule.trip:.2%}"

    def _figures(self, level: float) -> dict[str, float]:
        return {"level": level, "high": self.high, "low": min(self.low, level)}

    @staticmethod
    def _closing(level: float) -> dict[str, float]:
        return {"level": level, "high": level, "low": level}
