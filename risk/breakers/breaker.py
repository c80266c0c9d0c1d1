"""One breaker: closed, open, half-open, and the evidence that moves it. A pure fold of observations."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Final

from domain.breakers import BreakerChanged, BreakerState, breaker_name
from domain.money import ONE
from risk.breakers.kinds import KINDS
from risk.breakers.observation import BreakerRule, Observation

_CLOSED: Final = BreakerState.CLOSED
_OPEN: Final = BreakerState.OPEN
_HALF_OPEN: Final = BreakerState.HALF_OPEN


def closed_by_hand(kind: str, scope: str, *, reason: str, by: str, at: datetime) -> BreakerChanged:
    """What goes on record when a person closes a breaker: all its waits begin anew."""
    return BreakerChanged(
        breaker=kind,
        level=KINDS[kind].level,
        scope=scope,
        state=_CLOSED,
        cause=f"reset: {reason}",
        size_fraction=ONE,
        figures={},
        wait_seconds=0.0,
        until=None,
        at=at,
        by=by,
    )


class Breaker:
    """The breaker of one kind and scope.

    It moves at most once per moment, and what is observed at the very moment of a change is no evidence
    about what came after: so a bar that is worked through again after a crash changes nothing twice.
    """

    def __init__(self, kind: str, scope: str, rule: BreakerRule) -> None:
        self.kind = kind
        self.scope = scope
        self.rule = rule
        self.state = _CLOSED
        self.size = ONE
        self.cause = ""
        self.good = 0
        self.wait = rule.wait
        self.until: datetime | None = None
        self.changed_at: datetime | None = None
        self.figures: dict[str, float] = {}

    @property
    def name(self) -> str:
        return breaker_name(self.kind, self.scope)

    @property
    def quiet_below(self) -> float | None:
        """Observations below this change nothing at all; None when every one counts."""
        return self.rule.trip if self.state is _CLOSED else None

    def observe(self, seen: Observation, *, deciding: bool = True) -> BreakerChanged | None:
        """Take in one measurement; the change it makes, if any. A measure that is no number is a bad one.

        With `deciding` off only the evidence is counted: what changed is read from the record.
        """
        bad = not isfinite(seen.value) or seen.value >= self.rule.trip
        if self.state is _CLOSED:
            return self._open(seen) if bad and deciding else None
        if self.changed_at is not None and seen.at <= self.changed_at:
            return None
        if bad:
            self.good = 0
            return self._open(seen) if self.state is _HALF_OPEN and deciding else None
        if seen.value > self.rule.clear:
            return None
        self.good += 1
        if not deciding or self.good < self.rule.good_count or not self._waited(seen.at):
            return None
        return self._step_up(seen.at, f"{self.good} good observations in a row", {"value": seen.value})

    def apply(self, event: BreakerChanged) -> None:
        """Stand as the record says."""
        self.state = event.state
        self.size = event.size_fraction
        self.cause = event.cause
        self.good = 0
        self.wait = self.rule.wait if event.by else timedelta(seconds=event.wait_seconds)
        self.until = event.until
        self.changed_at = event.at
        self.figures = dict(event.figures)

    def reset(self, *, reason: str, by: str, at: datetime) -> BreakerChanged:
        """Close it on a person's word. What it watches is measured as before: it may open again."""
        told = closed_by_hand(self.kind, self.scope, reason=reason, by=by, at=at)
        self.apply(told)
        return told

    def _waited(self, at: datetime) -> bool:
        return self.until is None or at >= self.until

    def _open(self, seen: Observation) -> BreakerChanged:
        return self._change(
            _OPEN,
            self.rule.open_size,
            seen.at,
            self._cause(seen),
            {"value": seen.value if isfinite(seen.value) else -1.0, "limit": self.rule.trip},
            wait=self._next_wait(seen.at),
        )

    def _next_wait(self, at: datetime) -> timedelta:
        """Twice the last one when it did not hold for long, as the rule tells; else the first again."""
        soon = self.changed_at is not None and at - self.changed_at <= self.rule.max_wait
        if self.state is _HALF_OPEN or (self.state is _CLOSED and soon):
            return min(self.wait * 2, self.rule.max_wait)
        return self.rule.wait

    def _cause(self, seen: Observation) -> str:
        kind = KINDS[self.kind]
        if not isfinite(seen.value):
            return f"{kind.says}: not a number"
        said = f"{kind.says}: {kind.compare(seen.value, self.rule.trip)}"
        return f"{said} ({seen.note})" if seen.note else said

    def _step_up(self, at: datetime, evidence: str, figures: dict[str, float]) -> BreakerChanged:
        """The next size on probation, or closed after the last of them."""
        larger = [size for size in self.rule.probation if size > self.size]
        if not larger:
            return self._change(_CLOSED, ONE, at, evidence, figures)
        return self._change(_HALF_OPEN, larger[0], at, evidence, figures)

    def _change(
        self,
        state: BreakerState,
        size: Decimal,
        at: datetime,
        cause: str,
        figures: dict[str, float],
        *,
        wait: timedelta | None = None,
        by: str = "",
    ) -> BreakerChanged:
        told = BreakerChanged(
            breaker=self.kind,
            level=KINDS[self.kind].level,
            scope=self.scope,
            state=state,
            cause=cause,
            size_fraction=size,
            figures=figures,
            wait_seconds=(wait or self.wait).total_seconds(),
            until=at + wait if wait is not None else None,
            at=at,
            by=by,
        )
        self.apply(told)
        return told
