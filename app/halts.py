"""The halt state of a home: kept in the journal, obeyed by the gate, changed by an operator's word."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from app.control import Action
from domain.clock import Clock
from domain.events import EventSink, HaltChanged
from domain.halt import Halt, HaltState
from domain.ports import Journal
from risk.halt import HaltSwitch

_NEVER = Halt(
    HaltState.ACTIVE, "never halted", "the desk", datetime.fromisoformat("1970-01-01T00:00:00+00:00")
)


class Halts:
    """The switch with its record: a change is durable before anyone is told that it was made."""

    def __init__(self, last: Halt | None, journal: Journal, clock: Clock, publish: EventSink) -> None:
        """`last` is the halt on record; None for a home that was never halted."""
        self._switch = HaltSwitch(last or _NEVER)
        self._journal = journal
        self._clock = clock
        self._publish = publish

    @property
    def current(self) -> Halt:
        return self._switch.current

    def state(self) -> HaltState:
        return self._switch.state

    def apply(self, action: Action, *, reason: str, by: str, confirm: bool = False) -> Halt:
        """Pause, stop, panic or resume; the halt in force afterwards.

        Raises InvalidTransition when a latch is set and not confirmed. When the record cannot be written
        (StorageError) a halt is in force all the same: refusing to stop would be the worse failure.
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
                after = self._switch.resume(reason=reason, by=by, at=at, confirm=confirm)
            case _:
                assert_never(action)
        if after is not before:
            event = HaltChanged(after, at)
            self._journal.append(event)
            self._journal.commit()
            self._publish(event)
        return after
