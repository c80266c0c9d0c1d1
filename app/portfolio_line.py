"""`desk rebalance`, `audit`, `inventory` and `accept` on the command line. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_Home = Annotated[
    Path | None, typer.Option("--home", help="Folder with all state (or DESK_HOME).", show_default=".desk")
]
_Config = Annotated[
    Path | None, typer.Option("--config", help="Settings file (or DESK_CONFIG).", show_default="desk.toml")
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")]


def rebalance(
    method: Annotated[
        str | None,
        typer.Option(
            help="equal, inverse_volatility, risk_parity, hrp, min_variance or mean_cvar.",
            show_default="that of [allocation]",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the trades, send nothing.")] = False,
    home: _Home = None,
    config: _Config = None,
    json: _Json = False,
) -> None:
    """Bring holdings to the base weights of an allocation, once, through the gate."""
    from app.commands.rebalancing import rebalance_holdings

    rebalance_holdings(home=home, config=config, method=method, dry_run=dry_run, as_json=json)


def audit(home: _Home = None, json: _Json = False) -> None:
    """Add up every fill in the journal again, in double entry, and compare with the books."""
    from app.commands.auditing import audit_books

    audit_books(home, json)


def inventory(home: _Home = None, config: _Config = None, json: _Json = False) -> None:
    """What is owned at every venue: the accounts of this desk and of the desks in [peers]."""
    from app.commands.inventory import show_inventory

    show_inventory(home=home, config=config, as_json=json)


def accept(
    currency: Annotated[str, typer.Argument(help="The currency of which the venue holds more, as USDT.")],
    reason: Annotated[str, typer.Option(help="Whose money it is; kept in the journal.")],
    home: _Home = None,
    json: _Json = False,
) -> None:
    """Answer for money at the venue that the books do not know: it is not the desk's, and entries go on."""
    from app.commands.accepting import accept_outside

    accept_outside(home, json, currency, reason)


def add_to(app: typer.Typer) -> None:
    """Make these verbs of `app`."""
    app.command()(rebalance)
    app.command()(audit)
    app.command()(inventory)
    app.command()(accept)
