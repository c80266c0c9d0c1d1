"""The doors to a halt that need nothing but this process: a file in the home folder, and a signal.

`PAUSE`, `STOP` or `PANIC` in the folder is in force while it lies there, whatever it holds: its text is the
reason. SIGUSR1 pauses, SIGUSR2 panics. Both latch in the journal as every halt does. See docs/emergency.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from app.control import Action
from domain.errors import DeskError, StorageError
from domain.halt import Halt, HaltState

FILES: Final[dict[Action, str]] = {"panic": "PANIC", "stop": "STOP", "pause": "PAUSE"}
"""By what they ask for, the strictest first."""

SIGNALS: Final[dict[signal.Signals, Action]] = {signal.SIGUSR1: "pause", signal.SIGUSR2: "panic"}

LOOK_SECONDS: Final = 0.2
"""How often a running desk looks at its home, in seconds of this machine, whatever else it waits for."""

_LONGEST_REASON: Final = 500
_log = structlog.get_logger("desk.emergency")


@dataclass(frozen=True, slots=True)
class Alarm:
    """A halt that was asked for, by whom and why."""

    action: Action
    reason: str
    by: str


class Emergency:
    """Watches one home folder and the process's signals. Costs three `lstat` when nothing lies there."""

    def __init__(self, home: Path, hurry: Callable[[], None] = lambda: None) -> None:
        """`hurry` tells the journal that there is no time to wait for anything."""
        self.hurry = hurry
        self._paths = [(action, str(home / name)) for action, name in FILES.items()]
        self._rung: list[Alarm] = []
        self._bell = asyncio.Event()

    def look(self, halt: Halt) -> Alarm | None:
        """What asks for more than the `halt` in force; the strictest of it, None when nothing does.

        A file that is there and cannot be read counts; a folder that cannot be looked into is a stop.
        """
        while self._rung:
            alarm = self._rung.pop()
            if not _covers(halt, alarm.action):
                return alarm
        for action, path in self._paths:
            try:
                found = os.lstat(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                if _covers(halt, "stop"):
                    return None
                return Alarm("stop", f"{path} cannot be looked for: {error.strerror}", "the desk")
            if not _covers(halt, action):
                return Alarm(action, _text(path), f"the file {path}, left by user {found.st_uid}")
        return None

    def held(self) -> str:
        """What lies there and forbids a resume, in words; empty when nothing does."""
        for _, path in self._paths:
            try:
                os.lstat(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                return f"{path} cannot be looked for: {error.strerror}"
            return f"{path} is still there. Remove it first: rm {path}"
        return ""

    def ring(self, alarm: Alarm) -> None:
        """Take an alarm in from a signal; whoever attends to the desk wakes at once."""
        self._rung.append(alarm)
        self._rung.sort(key=lambda each: list(FILES).index(each.action), reverse=True)
        self._bell.set()

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Hear SIGUSR1 and SIGUSR2 while the block runs, in the running loop."""
        loop = asyncio.get_running_loop()
        for number, action in SIGNALS.items():
            alarm = Alarm(action, f"signal {number.name}", f"whoever sent {number.name} to this process")
            loop.add_signal_handler(number, self.ring, alarm)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    async def attend(self, look: Callable[[], Awaitable[object]]) -> None:
        """Call `look` every LOOK_SECONDS and at every signal, until cancelled; it may take its time.

        What it raises is logged: a desk whose panic failed is asked again, not left alone.
        """
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._bell.wait()
            self._bell.clear()
            try:
                await look()
            except DeskError as error:
                _log.error(str(error))
            await asyncio.sleep(0)  # whatever rings without end, the rest of the desk has its turn


def leave(home: Path, action: Action, reason: str) -> Path:
    """Put the file of a halt into a home: the door that needs no desk, no journal and no answer.

    One that lies there already stays. Raises StorageError when it cannot be made.
    """
    path = home / FILES[action]
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(reason + "\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        return path
    except OSError as error:
        raise StorageError(
            f"{path} cannot be made: {error.strerror or error}", fix="Make it by hand"
        ) from error
    return path


def _covers(halt: Halt, action: Action) -> bool:
    """Whether a halt is at least as strict as what is asked for."""
    if action == "panic":
        return halt.flatten
    return halt.state is HaltState.HALTED or (action == "pause" and halt.state is HaltState.REDUCING)


def _text(path: str) -> str:
    """The reason in a file, or why there is none. Never waits: a pipe without a writer is empty."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            said = os.read(handle, _LONGEST_REASON).decode("utf-8", "replace")
        finally:
            os.close(handle)
    except OSError as error:
        return f"no reason could be read: {error.strerror}"
    return " ".join(said.split()) or "no reason was written into it"
