"""What the gate said, as a record. The approval itself never leaves the risk room's hands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Breach:
    """One reason to refuse: the rule, the limit it holds, the value it saw, and a sentence."""

    rule: str
    limit: str
    value: str
    message: str


@dataclass(frozen=True, slots=True)
class Clip:
    """A rule that made an order smaller: the quantity it was asked for and the most it allows."""

    rule: str
    asked: Decimal
    allowed: Decimal

    def __str__(self) -> str:
        return f"{self.rule} allows {self.allowed:f} of {self.asked:f}"


@dataclass(frozen=True, slots=True)
class VerdictRecord:
    """A review on record. `stage` is 1 before the execution trader's tactic is sent, 2 at the desk.

    `clips` are the rules that let the order through smaller than it was asked for. `limits_hash` is the
    SHA-256 of the limits that were held.
    """

    client_id: str
    stage: int
    approved: bool
    breaches: tuple[Breach, ...]
    at: datetime
    clips: tuple[Clip, ...] = ()
    limits_hash: str = ""
