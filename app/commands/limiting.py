"""`desk limits`: what is in force, changes by the running desk or kept for the next one, their history."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app import control
from app.commands.reading import open_journal
from app.history import History, fold
from app.home import Home
from app.limiting import Limiting
from app.limits_section import document_of
from app.limits_views import LimitChangeView, LimitsView, entry_view, limits_view, set_view
from app.render import print_json, print_table, text
from app.settings import Settings, home_folder, load
from domain.clock import LiveClock, SimulatedClock
from domain.errors import ConfigError, NotFound
from domain.limits import LimitsChanged, LimitsDeclared
from memory.journal import SqliteJournal
from risk.document import LimitsDocument
from risk.record import LimitsRecord, restored

_BY = "the operator, at the command line"


def show_limits(home: Path | None, config: Path | None, as_json: bool) -> None:
    """The limits in force: those of the running desk, else those that the next one starts with."""
    folder, settings = Home(home_folder(home)), load(config)
    history = _history(folder) if folder.exists else History()
    running = folder.running() is not None
    view = view_of(settings, history, running)
    if as_json:
        print_json({"running": running, **view.model_dump(mode="json")})
        return
    print("in force in the running desk" if running else "not running: the next desk here starts with these")
    _print(view)


def view_of(settings: Settings, history: History, running: bool) -> LimitsView:
    """The limits in force in the running desk, else those that the next one in this home starts with."""
    record = history.limits
    if running and record is not None and not record.doubt:
        return limits_view(record.current, _known(settings, record), settings.risk)
    document = document_of(settings)
    start = restored(document, record)
    return limits_view(start.limits, document, settings.risk, start.doubt)


def _print(view: LimitsView) -> None:
    rows = [
        (each.name, _text(each.value), _text(each.ceiling), each.unit, each.source, each.says)
        for each in view.limits
    ]
    print_table(("limit", "in force", "ceiling", "unit", "from", "meaning"), rows, empty="")
    print(f"version {view.version}, SHA-256 {view.hash}")
    if view.doubt:
        print(
            f"IN DOUBT, so the desk is halted: {view.doubt}. See desk limits history, then desk limits reset"
        )


def _text(value: object) -> str:
    match value:
        case None:
            return "-"
        case tuple():
            return ", ".join(value) or "none"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def change_limits(
    home: Path | None,
    config: Path | None,
    as_json: bool,
    *,
    told: Mapping[str, str] | None = None,
    back: tuple[str, ...] | None = None,
    reason: str = "",
) -> None:
    """Have the running desk set or reset limits, or write it into the journal when none runs."""
    folder = Home(home_folder(home))
    if not folder.exists:
        raise NotFound(f"no desk has run in {folder.path}", fix="Set limits in [risk], or name its --home")
    answer = ask_for_limits(folder, load(config), told, back, reason=reason, by=_BY)
    if as_json:
        print_json(answer)
    else:
        print(answer["message"])


def ask_for_limits(
    folder: Home,
    settings: Settings,
    told: Mapping[str, str] | None,
    back: tuple[str, ...] | None,
    *,
    reason: str,
    by: str,
    may_loosen: bool = True,
) -> dict[str, Any]:
    """Have limits changed by the desk of a home, or in its journal when none runs. Raises the refusal."""
    if folder.running() is not None:
        return control.ask_limits(
            folder.requests, told=told, back=back, reason=reason, by=by, may_loosen=may_loosen
        )
    with folder.lock():
        history = _history(folder)
        record = history.limits
        writer = SqliteJournal(folder.database)
        try:
            clock = SimulatedClock(history.latest.as_of) if history.latest else LiveClock()
            limiting = Limiting(_known(settings, record), record, writer, clock, lambda event: None)
            if told is not None and limiting.doubt:
                raise ConfigError(f"the limits on record are in doubt: {limiting.hold()}")
            if record is None:
                limiting.declare()  # a change follows on what it changes
            event = limiting.change(told, back, by=by, reason=reason, may_loosen=may_loosen)
            if limiting.unwritten is not None:
                raise limiting.unwritten  # there is no desk in which it could be in force
        finally:
            writer.close()
    return {"running": False, **set_view(limiting, event).model_dump(mode="json")}


def _known(settings: Settings, record: LimitsRecord | None) -> LimitsDocument:
    """What the last desk here was configured with; a start compares that with what it finds then."""
    if record is None or record.doubt:
        return document_of(settings)
    return LimitsDocument(record.configured, record.ceilings)


def show_history(home: Path | None, as_json: bool) -> None:
    """Every start and change of the limits on record, oldest first."""
    folder = Home(home_folder(home))
    if not folder.exists:
        raise NotFound(f"no desk has run in {folder.path}", fix="Name its folder with --home")
    journal = open_journal(folder)
    try:
        events = [event for _, event in journal.events()]
    finally:
        journal.close()
    entries = [entry_view(event) for event in events if isinstance(event, LimitsDeclared | LimitsChanged)]
    doubt = record.doubt if (record := fold(events).limits) is not None else ""
    if as_json:
        print_json({"doubt": doubt, "entries": [entry.model_dump(mode="json") for entry in entries]})
        return
    rows = [
        (
            text(entry.at),
            entry.what,
            entry.hash[:12],
            _changes(entry.changes),
            entry.by or "the desk, at its start",
            entry.reason or "-",
        )
        for entry in entries
    ]
    print_table(("at", "what", "hash", "changes", "by", "reason"), rows, empty="no limits on record yet")
    if doubt:
        print(f"IN DOUBT: {doubt}")


def _changes(changes: tuple[LimitChangeView, ...]) -> str:
    return "; ".join(f"{each.name} {each.old or 'unset'} -> {each.new or 'unset'}" for each in changes) or "-"


def _history(folder: Home) -> History:
    journal = open_journal(folder)
    try:
        return fold(event for _, event in journal.events())
    finally:
        journal.close()
