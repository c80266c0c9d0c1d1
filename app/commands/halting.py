"""`desk halt`, `desk panic` and `desk resume`: told to the running desk, or kept for the next one.

A halt takes the first of three ways that works, and says which: the running desk's answer; the journal of a
home where no desk runs; a file in the home folder, which a desk that hangs obeys once it looks, and the next
one before anything else. A resume has no other way than the first two.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from typer.exceptions import Exit

from app import control
from app.commands.reading import open_journal
from app.control import Unheard
from app.emergency import Emergency, leave
from app.halts import Halts
from app.history import History, fold
from app.home import Home
from app.render import print_json
from app.settings import home_folder
from domain.clock import LiveClock, SimulatedClock
from domain.errors import DeadlineExceeded, DeskError, NotFound, NotRunning, StorageError
from memory.journal import SqliteJournal

_BY: Final = "the operator, at the command line"
_BUSY_SECONDS: Final = 1.0


def request_halt(
    home: Path | None, as_json: bool, action: control.Action, *, reason: str, confirm: bool = False
) -> None:
    """Ask the running desk, or write the halt down where no desk runs; print what became of it.

    Raises DeadlineExceeded when a running desk did not look: the halt then lies in the home as a file. A
    panic without a running desk raises NotRunning, because nothing could be sold: the next desk that starts
    here sells first.
    """
    folder = Home(home_folder(home))
    if not folder.exists:
        raise NotFound(f"no desk has run in {folder.path}", fix="Name its folder with --home")
    told = ask_for(folder, action, reason=reason, by=_BY, confirm=confirm)
    short = _falls_short(action, told)
    if not as_json:
        print(told["message"])
        if short is not None:
            raise short
        return
    if short is None:
        print_json(told)
        return
    print_json({**told, "error": str(short), "exit_code": short.exit_code})
    raise Exit(short.exit_code)


def _falls_short(action: control.Action, told: dict[str, Any]) -> DeskError | None:
    """What the operator has to do beside what was done; None when it was all."""
    if told["way"] == "file" and told["running"]:
        fix = f"End process {told['pid']} and start it again"
        return DeadlineExceeded("the running desk does not look at its home", fix=fix)
    if action == "panic" and told["way"] == "desk" and not told["flat"]:
        return DeskError(
            "not everything is sold yet", fix="The desk goes on; see desk status and desk positions"
        )
    if action == "panic" and not told["running"] and told.get("positions") != 0:
        held = f"{told['positions']} position(s)" if "positions" in told else "what is held"
        fix = "Start it with desk run: it sells before anything else"
        return NotRunning(f"no desk runs here, so {held} could not be sold", fix=fix)
    return None


def ask_for(folder: Home, action: control.Action, *, reason: str, by: str, confirm: bool) -> dict[str, Any]:
    """Have a home halted or resumed; `way` tells how: "desk", "journal" or "file".

    Raises what the desk refuses, and for a resume whatever stands in its way.
    """
    running = folder.running()
    if running is None:
        return keep_halt(folder, action, reason, confirm)
    try:
        told = control.ask(folder.requests, action, reason=reason, by=by, confirm=confirm)
    except (DeadlineExceeded, StorageError) as error:
        if folder.running() is None:  # it ended with the request in hand
            return keep_halt(folder, action, reason, confirm)
        if action == "resume" or not isinstance(error, (Unheard, StorageError)):
            raise
        path = leave(folder.path, action, f"{reason} ({by})")
        said = f"{error.message}. {_left(path, action)}"
        return {"message": said, "running": True, "way": "file", "pid": running.pid, "file": str(path)}
    return {**told, "way": "desk"}


def keep_halt(folder: Home, action: control.Action, reason: str, confirm: bool) -> dict[str, Any]:
    """Write a halt into the journal of a home where no desk runs; where that cannot be, beside it."""
    try:
        return _in_journal(folder, action, reason, confirm)
    except StorageError as error:
        if action == "resume":
            raise
        path = leave(folder.path, action, f"{reason} ({_BY})")
        said = f"No desk runs here, and {error.message}. {_left(path, action)}"
        return {"message": said, "running": False, "way": "file", "file": str(path)}


def _in_journal(folder: Home, action: control.Action, reason: str, confirm: bool) -> dict[str, Any]:
    with folder.lock():
        writer = SqliteJournal(folder.database, busy_seconds=_BUSY_SECONDS)
        try:
            journal = open_journal(folder)
            try:
                journal.verify()
                history = fold(event for _, event in journal.events())
            finally:
                journal.close()
            clock = SimulatedClock(history.latest.as_of) if history.latest else LiveClock()
            halts = Halts(history.halt, writer, clock, lambda event: None)
            halts.hold(Emergency(folder.path).held)
            halt = halts.apply(action, reason=reason, by=_BY, confirm=confirm)
            if halts.unwritten is not None:
                raise halts.unwritten
        finally:
            writer.close()
    latched = ", latched" if halt.latched else ""
    told: dict[str, Any] = {
        "state": halt.state,
        "latched": halt.latched,
        "message": f"No desk runs here. The next one starts {halt.state}{latched} ({halt.reason}).",
        "running": False,
        "way": "journal",
    }
    if action == "panic":
        told["positions"] = _held(history)
    return told


def _left(path: Path, action: control.Action) -> str:
    then = {"pause": "only gets smaller", "stop": "decides nothing", "panic": "sells everything first"}[
        action
    ]
    return f"{path} was left instead: whatever desk looks there next {then}, as long as the file is there."


def _held(history: History) -> int:
    return len(history.latest.portfolio.positions) if history.latest else 0
