"""`desk breakers`: what is open and why; a reset, done by the running desk or kept for the next one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from app import control
from app.breaker_views import breaker_view
from app.commands.reading import read
from app.render import print_json, print_table, text
from app.views import BreakerView
from domain.errors import ConfigError
from memory.journal import SqliteJournal
from risk.breakers.breaker import closed_by_hand

_BY: Final = "the operator, at the command line"
_CHANGES_SHOWN: Final = 5


def show_breakers(home: Path | None, as_json: bool) -> None:
    """The breakers of the newest session, from its journal."""
    seen = read(home)
    view = seen.session.breakers.view()
    if as_json:
        print_json({"running": seen.live, "as_of": seen.session.as_of, **view.model_dump(mode="json")})
        return
    print(seen.age())
    _print(view.troubled, "every breaker is closed")
    if view.changes:
        print("newest changes:")
        _print(view.changes[-_CHANGES_SHOWN:], "")


def _print(views: tuple[BreakerView, ...], empty: str) -> None:
    rows = [
        (
            view.name,
            view.level,
            view.state,
            f"{view.size_fraction * 100:.0f} %",
            text(view.at),
            text(view.until) if view.until is not None else "-",
            view.cause,
        )
        for view in views
    ]
    print_table(("breaker", "level", "state", "size", "since", "at least until", "cause"), rows, empty=empty)


def reset_breaker(home: Path | None, as_json: bool, name: str, *, reason: str) -> None:
    """Have the running desk close a breaker, or write it into the journal when none runs."""
    if not reason.strip():
        raise ConfigError("a reset needs a reason", fix="Say why with --reason; it is kept in the journal")
    seen = read(home)
    if seen.live:
        told = control.ask_breaker(seen.home.requests, name=name, reason=reason, by=_BY)
    else:
        told = _write(home, name, reason)
    if as_json:
        print_json(told)
    else:
        print(told["message"])


def _write(home: Path | None, name: str, reason: str) -> dict[str, Any]:
    seen = read(home)
    with seen.home.lock():
        session = read(home).session
        last = session.breakers.find(name)
        event = closed_by_hand(last.breaker, last.scope, reason=reason, by=_BY, at=session.as_of)
        writer = SqliteJournal(seen.home.database)
        try:
            writer.append(event)
            writer.commit()
        finally:
            writer.close()
    return {
        "running": False,
        "breaker": breaker_view(event).model_dump(mode="json"),
        "message": f"No desk runs here. {name} is closed for the next one ({reason}).",
    }
