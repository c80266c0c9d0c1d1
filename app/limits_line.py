"""The words after `desk limits`: show them, set, reset, history. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

limits_app = typer.Typer(
    help="Show the risk limits in force; tighten them, or loosen them up to a ceiling with a reason.",
    invoke_without_command=True,
)

_Home = Annotated[
    Path | None, typer.Option("--home", help="Folder with all state (or DESK_HOME).", show_default=".desk")
]
_Config = Annotated[
    Path | None, typer.Option("--config", help="Settings file (or DESK_CONFIG).", show_default="desk.toml")
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")]
_Reason = Annotated[str, typer.Option(help="Why; loosening needs one. It is kept in the journal.")]


@limits_app.callback()
def limits(context: typer.Context, home: _Home = None, config: _Config = None, json: _Json = False) -> None:
    """Show every limit in force: value, unit, ceiling, where it comes from."""
    if context.invoked_subcommand is None:
        from app.commands.limiting import show_limits

        show_limits(home, config, json)


@limits_app.command("set")
def limits_set(
    name: Annotated[str, typer.Argument(help="The limit; see desk limits.")],
    value: Annotated[str, typer.Argument(help="Its new value, as the settings file writes it.")],
    reason: _Reason = "",
    home: _Home = None,
    config: _Config = None,
    json: _Json = False,
) -> None:
    """Change one limit, in force from the next review on and after every restart."""
    from app.commands.limiting import change_limits

    change_limits(home, config, json, told={name: value}, reason=reason)


@limits_app.command("reset")
def limits_reset(
    names: Annotated[
        list[str] | None, typer.Argument(help="The limits; all of them when none is named.")
    ] = None,
    reason: _Reason = "",
    home: _Home = None,
    config: _Config = None,
    json: _Json = False,
) -> None:
    """Go back to what the settings file says. Also ends a doubt about the limits on record."""
    from app.commands.limiting import change_limits

    change_limits(home, config, json, back=tuple(names or ()), reason=reason)


@limits_app.command("history")
def limits_history(home: _Home = None, json: _Json = False) -> None:
    """List every start and change of the limits: when, by whom, why, and the hash they then had."""
    from app.commands.limiting import show_history

    show_history(home, json)
