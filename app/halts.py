"""The halt state of a home: kept in the journal, obeyed by the gate, changed by an operator's word."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, assert_never

from app.control import Action
from domain.clock import Clock
from domain.errors import ConfigError, StorageError
from domain.events import EventSink, HaltChanged
from domain.halt import Halt, HaltState
from domain.ports import Journal
from risk.halt import HaltSwitch

_NEVER: Final = Halt(
    HaltState.ACTIVE, "never halted", "the desk", datetime.fromisoformat("1970-01-01T00:00:00+00:00")
)

Hold = Callable[[], str]
"""Says in words what keeps the desk halted, and how to be rid of it; empty when nothing does."""


class Halts:
    """The switch with its record. A halt is in force before it is written down, a resume only after.

    `unwritten` is why the newest halt is not on record yet; it is in the journal's open batch, and the next
    commit that works writes it.
    """

    def __init__(self, last: Halt | None, journal: Journal, clock: Clock, publish: EventSink) -> None:
        """`last` is the halt on record; None for a home that was never halted."""
        self._switch = HaltSwitch(last or _NEVER)
        self._journal = journal
        self._clock = clock
        self._publish = publish
        self._holds: list[Hold] = []
        self.unwritten: StorageError | None = None

    @property
    def current(self) -> Halt:
        return self._switch.current

    def state(self) -> HaltState:
        return self._switch.state

    def hold(self, reason: Hold) -> None:
        """Ask `reason` before every resume: what it names has to be gone first."""
        self._holds.append(reason)

    def apply(self, action: Action, *, reason: str, by: str, confirm: bool = False) -> Halt:
        """Pause, stop, panic or resume; the halt in force afterwards.

        A halt never fails: when it cannot be written down it is in force all the same, and `unwritten` says
        why. A resume raises ConfigError without a reason or while something holds the desk,
        InvalidTransition when it is not confirmed, StorageError when it cannot be written down; then the
        halt stays.
        """
        before, at = self._switch.current, self._clock.now()
        match action:
            case "pause":
                after = self._switch.pause(reason=reason, by=by, at=at)
            case "stop":
                after = self._switch.stop(reason=reason, by=by, at=at)
            case "panic":
                after = self._switch.panic(reason=reason, by=by, at=at)
            case "resume":
                return self._resume(before, reason=reason, by=by, at=at, confirm=confirm)
            case _:
                assert_never(action)
        if after is not before:
            event = HaltChanged(after, at)
            try:
                self._journal.append(event)
                self._journal.commit()
                self.unwritten = None
            except StorageError as error:
                self.unwritten = error
            self._publish(event)
        return after

    def _resume(self, before: Halt, *, reason: str, by: str, at: datetime, confirm: bool) -> Halt:
        if before.state is not HaltState.ACTIVE:
            for hold in self._holds:
                if said := hold():
                    raise ConfigError(f"the desk stays {before.state}: {said}")
        lifted = HaltSwitch(before)
        after = lifted.resume(reason=reason, by=by, at=at, confirm=confirm)
        if after is not before:
            event = HaltChanged(after, at)
            try:
                self._journal.append(event)
                self._journal.commit()
            except StorageError:
                self._journal.append(HaltChanged(before, at))  # the batch is kept: its last word is the halt
                raise
            self._switch, self.unwritten = lifted, None
            self._publish(event)
        return after
