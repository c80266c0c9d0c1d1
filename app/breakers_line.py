"""The words after `desk breakers`: show them, reset one. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

breakers_app = typer.Typer(
    help="Show the circuit breakers that are open or on probation, and why; reset one, with a reason.",
    invoke_without_command=True,
)

_Home = Annotated[
    Path | None, typer.Option("--home", help="Folder with all state (or DESK_HOME).", show_default=".desk")
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")]


@breakers_app.callback()
def breakers(context: typer.Context, home: _Home = None, json: _Json = False) -> None:
    """Show what is open or on probation, since when, why, and what may close it."""
    if context.invoked_subcommand is None:
        from app.commands.breaking import show_breakers

        show_breakers(home, json)


@breakers_app.command("reset")
def breakers_reset(
    name: Annotated[str, typer.Argument(help="The breaker; see desk breakers.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept in the journal.")],
    home: _Home = None,
    json: _Json = False,
) -> None:
    """Close a breaker now. It goes on watching, and opens again if there is still cause."""
    from app.commands.breaking import reset_breaker

    reset_breaker(home, json, name, reason=reason)
