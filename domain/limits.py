"""Limits on record: what a session was configured with, and every change of what is in force.

Values are text, as a person reads and writes them; an empty text is an unset limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True)
class LimitChange:
    """One limit, from the value it had to the value it has."""

    name: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class LimitsDeclared:
    """The limits a desk starts with: the configured ones, their ceilings, and which earlier changes stand.

    `configured` and `ceilings` are canonical JSON of `version`; `kept` leads from the configured limits to
    those in force, whose SHA-256 is `limits_hash`. `doubt` says why the limits on record cannot be trusted;
    then the desk is halted until a person has said what they are.
    """

    kind: ClassVar[Literal["limits_declared"]] = "limits_declared"
    durable: ClassVar[bool] = True
    version: int
    limits_hash: str
    configured: str
    ceilings: str
    kept: tuple[LimitChange, ...]
    at: datetime
    by: str = ""
    reason: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class LimitsChanged:
    """Limits were tightened or loosened, in force from the next review on. Hashes are those of the limits."""

    kind: ClassVar[Literal["limits_changed"]] = "limits_changed"
    durable: ClassVar[bool] = True
    old_hash: str
    new_hash: str
    changes: tuple[LimitChange, ...]
    by: str
    reason: str
    at: datetime
