"""Whether the desk may trade."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HaltState(StrEnum):
    """ACTIVE trades. REDUCING only gets smaller. HALTED makes no decisions; it can still be reduced."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


@dataclass(frozen=True, slots=True)
class Halt:
    """The state, who set it, why and when.

    `latched` needs an explicit confirmation to lift. `flatten`: everything is to be sold, also by the next
    desk that starts with it.
    """

    state: HaltState
    reason: str
    by: str
    at: datetime
    latched: bool = False
    flatten: bool = False
