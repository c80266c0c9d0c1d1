"""The words after `desk risk`: the measures, and stress. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

risk_app = typer.Typer(
    help="Measure the risk of what is held: VaR and CVaR with their backtest, beta, correlations, limits.",
    invoke_without_command=True,
)

_Home = Annotated[
    Path | None, typer.Option("--home", help="Folder with all state (or DESK_HOME).", show_default=".desk")
]
_Config = Annotated[
    Path | None, typer.Option("--config", help="Settings file (or DESK_CONFIG).", show_default="desk.toml")
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")]


@risk_app.callback()
def risk(context: typer.Context, home: _Home = None, config: _Config = None, json: _Json = False) -> None:
    """Show value at risk, shortfall, beta, correlations, contributions, exposure, limits, breakers."""
    if context.invoked_subcommand is None:
        from app.commands.risking import show_risk

        show_risk(home, config, json)


@risk_app.command("stress")
def risk_stress(
    scenario: Annotated[str | None, typer.Option(help="Only this scenario, asset by asset.")] = None,
    candles: Annotated[
        Path | None, typer.Option(help="Candle file or folder to replay past days from.")
    ] = None,
    home: _Home = None,
    config: _Config = None,
    json: _Json = False,
) -> None:
    """Show what the book would lose: past days replayed, flash crash, de-peg, outage, a dry market."""
    from app.commands.risking import show_stress

    show_stress(home, config, json, scenario=scenario, candles=candles)
