"""`desk halt`, `desk panic` and `desk resume`: told to the running desk, or kept for the next one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app import control
from app.commands.reading import open_journal
from app.halts import Halts
from app.history import History, fold
from app.home import Home
from app.render import print_json
from app.settings import home_folder
from domain.clock import LiveClock, SimulatedClock
from domain.errors import NotFound, NotRunning
from memory.journal import SqliteJournal

_BY = "the operator, at the command line"


def request_halt(
    home: Path | None, as_json: bool, action: control.Action, *, reason: str, confirm: bool = False
) -> None:
    """Ask the running desk, or write the halt into the journal when none runs.

    A panic without a running desk latches the halt and raises NotRunning, because nothing could be sold:
    the next desk that starts here sells first.
    """
    folder = Home(home_folder(home))
    if not folder.exists:
        raise NotFound(f"no desk has run in {folder.path}", fix="Name its folder with --home")
    if folder.running() is not None:
        told = control.ask(folder.requests, action, reason=reason, by=_BY, confirm=confirm)
    else:
        told = keep_halt(folder, action, reason, confirm)
    if as_json:
        print_json(told)
    else:
        print(told["message"])
    if told.get("positions"):
        raise NotRunning(
            f"no desk runs here, so {told['positions']} position(s) could not be sold",
            fix="Start it with desk run: it sells them before anything else",
        )


def keep_halt(folder: Home, action: control.Action, reason: str, confirm: bool) -> dict[str, Any]:
    """Write a halt into the journal of a home where no desk runs."""
    with folder.lock():
        journal = open_journal(folder)
        try:
            history = fold(event for _, event in journal.events())
        finally:
            journal.close()
        writer = SqliteJournal(folder.database)
        try:
            clock = SimulatedClock(history.latest.as_of) if history.latest else LiveClock()
            halts = Halts(history.halt, writer, clock, lambda event: None)
            halt = halts.apply(action, reason=reason, by=_BY, confirm=confirm)
        finally:
            writer.close()
    latched = ", latched" if halt.latched else ""
    message = f"No desk runs here. The next one starts {halt.state}{latched} ({halt.reason})."
    told: dict[str, Any] = {
        "state": halt.state,
        "latched": halt.latched,
        "message": message,
        "running": False,
    }
    if action == "panic":
        told["positions"] = _held(history)
    return told


def _held(history: History) -> int:
    return len(history.latest.portfolio.positions) if history.latest else 0
