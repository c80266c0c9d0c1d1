"""Pause, stop, panic and resume: which may follow which. Pure; the caller keeps what comes out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from domain.clock import require_utc
from domain.errors import ConfigError, InvalidTransition
from domain.halt import Halt, HaltState


class HaltSwitch:
    """Whether the desk may trade. Only `resume` makes it freer; the rest keeps it or makes it stricter.

    Each call returns the state in force afterwards, which is the old one (same object) when nothing changed,
    so that a caller can tell whether there is something to journal. Every halt latches.
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
        return self._tighten(Halt(HaltState.REDUCING, reason, by, require_utc(at), latched=True))

    def stop(self, *, reason: str, by: str, at: datetime) -> Halt:
        """No decisions: HALTED. Does not take back a panic."""
        return self._tighten(Halt(HaltState.HALTED, reason, by, require_utc(at), latched=True))

    def panic(self, *, reason: str, by: str, at: datetime) -> Halt:
        """HALTED, and everything is to be sold."""
        return self._tighten(Halt(HaltState.HALTED, reason, by, require_utc(at), latched=True, flatten=True))

    def resume(self, *, reason: str, by: str, at: datetime, confirm: bool = False) -> Halt:
        """Trade again: ACTIVE, with the reason of whoever answers for it.

        Raises ConfigError when the reason is empty, InvalidTransition for a latched halt unless `confirm` is
        True; then nothing has changed.
        """
        old = self._halt
        if old.state is HaltState.ACTIVE:
            return old
        if not reason.strip():
            raise ConfigError("a halt is lifted with a reason", fix="Say what was looked at (--reason)")
        if old.latched and confirm is not True:
            raise InvalidTransition(
                f"the desk was {old.state} by {old.by} ({old.reason}) and that is latched",
                fix="Confirm to resume (--confirm)",
            )
        self._halt = Halt(HaltState.ACTIVE, reason, by, require_utc(at))
        return self._halt

    def _tighten(self, wanted: Halt) -> Halt:
        old = self._halt
        if _strictness(wanted) > _strictness(old):
            self._halt = wanted
        elif not old.latched and old.state is not HaltState.ACTIVE:
            self._halt = replace(old, latched=True)
        return self._halt


def _strictness(halt: Halt) -> tuple[int, bool]:
    match halt.state:
        case HaltState.ACTIVE:
            return 0, False
        case HaltState.REDUCING:
            return 1, halt.flatten
        case HaltState.HALTED:
            return 2, halt.flatten
        case _:
            assert_never(halt.state)
