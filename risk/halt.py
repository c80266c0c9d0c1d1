"""Pause, stop, panic and resume: which may follow which. Pure; the caller keeps what comes out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from domain.clock import require_utc
from domain.errors import InvalidTransition
from domain.halt import Halt, HaltState


class HaltSwitch:
    """Whether the desk may trade. Only `resume` makes it freer; the rest keeps it or makes it stricter.

    Each call returns the state in force afterwards, which is the old one (same object) when nothing changed,
    so that a caller can tell whether there is something to journal.
    """

    __slots__ = ("_halt",)

    def __init__(self, halt: Halt) -> None:
        """Start from the last state on record. There is no default: nothing starts free by accident."""
        self._halt = halt

    @property
    def current(self) -> Halt:
        return self._halt

    @property
    def state(self) -> HaltState:
        return self._halt.state

    def pause(self, *, reason: str, by: str, at: datetime) -> Halt:
        """No new risk: REDUCING. Does not lift a halt."""
        return self._tighten(Halt(HaltState.REDUCING, reason, by, require_utc(at)))

    def stop(self, *, reason: str, by: str, at: datetime) -> Halt:
        """No decisions: HALTED. Does not unlatch a panic."""
        return self._tighten(Halt(HaltState.HALTED, reason, by, require_utc(at)))

    def panic(self, *, reason: str, by: str, at: datetime) -> Halt:
        """HALTED and latched: only a confirmed `resume` lifts it."""
        return self._tighten(Halt(HaltState.HALTED, reason, by, require_utc(at), latched=True))

    def resume(self, *, reason: str, by: str, at: datetime, confirm: bool = False) -> Halt:
        """Trade again: ACTIVE. Raises InvalidTransition for a latched halt unless `confirm` is True."""
        if self._halt.state is HaltState.ACTIVE:
            return self._halt
        if self._halt.latched and confirm is not True:
            raise InvalidTransition(
                f"the desk was halted by {self._halt.by} ({self._halt.reason}) and the halt is latched",
                fix="Confirm to resume (--confirm)",
            )
        self._halt = Halt(HaltState.ACTIVE, reason, by, require_utc(at))
        return self._halt

    def _tighten(self, wanted: Halt) -> Halt:
        old = self._halt
        if _strictness(wanted.state) > _strictness(old.state):
            self._halt = replace(wanted, latched=wanted.latched or old.latched)
        elif wanted.latched and not old.latched:
            self._halt = wanted
        return self._halt


def _strictness(state: HaltState) -> int:
    match state:
        case HaltState.ACTIVE:
            return 0
        case HaltState.REDUCING:
            return 1
        case HaltState.HALTED:
            return 2
        case _:
            assert_never(state)
