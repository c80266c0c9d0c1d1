"""`desk accept`: the operator answers for money at the venue that the books do not know."""

from __future__ import annotations

from pathlib import Path

from app import control
from app.home import Home
from app.render import print_json
from app.settings import home_folder
from domain.errors import NotFound, NotRunning

_BY = "the operator, at the command line"


def accept_outside(home: Path | None, as_json: bool, currency: str, reason: str) -> None:
    """Ask the running desk, which compares with the venue anew. Raises NotRunning where none runs."""
    folder = Home(home_folder(home))
    if not folder.exists:
        raise NotFound(f"no desk has run in {folder.path}", fix="Name its folder with --home")
    if folder.running() is None:
        raise NotRunning(
            "no desk runs here, and only a running one can compare with its venue", fix="Start it: desk run"
        )
    told = control.ask_accept(folder.requests, currency=currency, reason=reason, by=_BY)
    if as_json:
        print_json(told)
    else:
        print(told["message"])
