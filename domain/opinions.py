"""What a source of views thinks, what it rests on, and what the desk proposes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from domain.money import Price, Symbol


@dataclass(frozen=True, slots=True)
class Evidence:
    """One tool result that an opinion may cite by id."""

    evidence_id: str
    tool: str
    symbol: Symbol | None
    as_of: datetime
    values: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Opinion:
    """A view on one symbol: stance in [-1, 1], confidence in [0, 1]. ValueError outside these."""

    source: str
    symbol: Symbol
    stance: float
    confidence: float
    horizon: timedelta
    rationale: str
    evidence_ids: tuple[str, ...] = ()
    invalidation: Price | None = None

    def __post_init__(self) -> None:
        if not -1.0 <= self.stance <= 1.0:
            raise ValueError(f"stance {self.stance} is outside [-1, 1]")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"confidence {self.confidence} is outside [0, 1]")


@dataclass(frozen=True, slots=True)
class Abstention:
    """A source that has no view, on record. `symbol` None means: none on any symbol.

    `failed` tells that it broke, rather than having nothing to say.
    """

    source: str
    symbol: Symbol | None
    reason: str
    failed: bool = False


View = Opinion | Abstention


@dataclass(frozen=True, slots=True)
class Target:
    """The weight of equity the desk wants in one symbol, and the price that proves it wrong."""

    symbol: Symbol
    weight: Decimal
    stop: Price | None
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """The target weights of one cycle; a symbol that is not named keeps its holding."""

    cycle_id: str
    as_of: datetime
    targets: tuple[Target, ...]
