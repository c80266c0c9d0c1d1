"""What the gate said, as a record. The approval itself never leaves the risk room's hands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Breach:
    """One reason to refuse: the rule, the limit it holds, the value it saw, and a sentence."""

    rule: str
    limit: str
    value: str
    message: str


@dataclass(frozen=True, slots=True)
class VerdictRecord:
    """A review on record. `stage` is 1 before the execution trader's tactic is sent, 2 at the desk."""

    client_id: str
    stage: int
    approved: bool
    breaches: tuple[Breach, ...]
    at: datetime
