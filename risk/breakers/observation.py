"""What a breaker is shown, and the rule it holds it against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from domain.errors import ConfigError
from domain.frozen import quick
from domain.money import ONE, ZERO

PROBATION = (Decimal("0.25"),)


@quick
@dataclass(frozen=True, slots=True)
class Observation:
    """One measurement for one breaker, at `at`. Units are those of its kind.

    A breaker that recovers is shown a curve instead: `value` is where it stands (equity, or a paper account
    of 1), and `trial` where the paper account of what would have been stands, when there is one.
    """

    kind: str
    scope: str
    value: float
    at: datetime
    trial: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When a breaker opens, and what it takes to close it again.

    It opens at `trip` or above. A measure at or below `clear` is good; one in between is neither. It stays
    open for `wait` at least and until `good_count` good ones came in a row, then allows the first of the
    `probation` sizes; as many again for each further size, and to close. Opening again from probation, or
    within `max_wait` of closing, doubles the wait, up to `max_wait`. `open_size` is allowed while it is open.
    Raises ConfigError for numbers that contradict each other.
    """

    trip: float
    clear: float
    good_count: int
    wait: timedelta
    max_wait: timedelta
    probation: tuple[Decimal, ...] = PROBATION
    open_size: Decimal = ZERO

    def __post_init__(self) -> None:
        if not self.clear < self.trip:
            raise ConfigError(
                f"a breaker that opens at {self.trip:g} cannot call {self.clear:g} good",
                fix="Write a lower one",
            )
        if self.good_count < 1:
            raise ConfigError("a breaker needs at least one good observation to close", fix="Write 1 or more")
        if not timedelta(0) < self.wait <= self.max_wait:
            raise ConfigError(
                f"a breaker cannot wait {self.wait}, at most {self.max_wait}",
                fix="Write a wait up to the cap",
            )
        sizes = (self.open_size, *self.probation, ONE)
        if self.open_size < ZERO or any(one >= next_ for one, next_ in pairwise(sizes)):
            raise ConfigError(
                "the sizes on probation do not rise from below to 1: "
                + ", ".join(f"{size:f}" for size in self.probation),
                fix="Write fractions of the usual size such as 0.25, 0.5, 0.75",
            )
