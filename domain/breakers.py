"""Circuit breakers as the record knows them: what changed, why, and what every source of views had said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Literal

from domain.money import Symbol


class BreakerState(StrEnum):
    """CLOSED lets everything through. OPEN lets nothing new through. HALF_OPEN is on probation: a part."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Level(StrEnum):
    """Whom a breaker protects from what: one strategy, the account, the machinery, or one market."""

    STRATEGY = "strategy"
    PORTFOLIO = "portfolio"
    SYSTEM = "system"
    MARKET = "market"


def breaker_name(breaker: str, scope: str) -> str:
    """How people name one breaker: `drawdown`, or `price_gap:BTC/USDT` for one of many."""
    return f"{breaker}:{scope}" if scope else breaker


@dataclass(frozen=True, slots=True)
class BreakerChanged:
    """A breaker opened, closed, or allows another size. All that a restart needs to go on is in here.

    `breaker` is its kind, `scope` the strategy or symbol it stands for (empty: all of them).
    `size_fraction` of the usual size is allowed from now on, 0 forbids entries. `figures` are the numbers
    behind the cause, by name. `wait_seconds` is how long it stays open at least, until `until`; None when it
    is not open. A `by` that is not empty names the person who reset it.
    """

    kind: ClassVar[Literal["breaker_changed"]] = "breaker_changed"
    durable: ClassVar[bool] = True
    breaker: str
    level: Level
    scope: str
    state: BreakerState
    cause: str
    size_fraction: Decimal
    figures: Mapping[str, float]
    wait_seconds: float
    until: datetime | None
    at: datetime
    by: str = ""

    @property
    def name(self) -> str:
        return breaker_name(self.breaker, self.scope)


@dataclass(frozen=True, slots=True)
class ViewsTaken:
    """What every source of views thought at the end of a cycle, short enough to be kept for every one.

    `stances` are those of the opinions in [-1, 1], also of a strategy whose breaker was open and that was
    only heard. A source that was asked and had no view on a symbol has none in its mapping. `failed` counts
    by source the symbols on which it broke. `model_calls` models were asked, `model_failures` gave no answer.
    """

    kind: ClassVar[Literal["views_taken"]] = "views_taken"
    durable: ClassVar[bool] = True
    cycle_id: str
    stances: Mapping[str, Mapping[Symbol, float]]
    failed: Mapping[str, int]
    model_calls: int
    model_failures: int
    at: datetime
