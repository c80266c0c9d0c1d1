"""The words after `desk work`: one command a kind, and `list` and `stop`. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

work_app = typer.Typer(
    help="Have the running desk work a large order in parts; list such orders, stop one.",
    no_args_is_help=True,
)

_HELP: Final = {
    "twap": "Even parts, one per interval.",
    "vwap": "Parts in proportion to the volume that the hour of day usually has.",
    "iceberg": "A limit order of which one part is shown at a time.",
    "scale": "A ladder of limit orders between two prices.",
    "dca": "Purchases for the same sum of money, one per interval.",
    "route": "Split over this desk and those in [peers], by price after fee, depth and what is free there.",
}
_Home = Annotated[
    Path | None, typer.Option("--home", help="Folder with all state (or DESK_HOME).", show_default=".desk")
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to standard output.")]


def work(
    context: typer.Context,
    symbol: Annotated[str, typer.Option(help="For example BTC/USDT.")],
    side: Annotated[str, typer.Option(help="buy or sell.")],
    quantity: Annotated[str | None, typer.Option(help="How much, in base currency.")] = None,
    notional: Annotated[str | None, typer.Option(help="Or for how much, in quote currency.")] = None,
    minutes: Annotated[
        str | None, typer.Option(help="Over how long, in the desk's time.", show_default="one bar a part")
    ] = None,
    slices: Annotated[
        str | None, typer.Option(help="In how many parts.", show_default="10; a ladder 5")
    ] = None,
    limit: Annotated[str | None, typer.Option(help="The worst price.")] = None,
    low: Annotated[str | None, typer.Option("--from", help="scale: one end of the ladder.")] = None,
    high: Annotated[str | None, typer.Option("--to", help="scale: the other end.")] = None,
    stop: Annotated[str | None, typer.Option(help="The price that proves a purchase wrong.")] = None,
    home: _Home = None,
    json: _Json = False,
) -> None:
    from app.commands.working import start_work

    asked = {
        "kind": context.info_name,
        "symbol": symbol,
        "side": side,
        "quantity": quantity,
        "notional": notional,
        "minutes": minutes,
        "slices": slices,
        "limit": limit,
        "from": low,
        "to": high,
        "stop": stop,
    }
    start_work(home, json, {name: value for name, value in asked.items() if value is not None})


for _kind, _help in _HELP.items():
    work_app.command(_kind, help=_help)(work)


@work_app.command("list")
def work_list(
    all_orders: Annotated[bool, typer.Option("--all", help="Also those that ended.")] = False,
    home: _Home = None,
    json: _Json = False,
) -> None:
    """List the orders that are being worked in parts, the desk's own included."""
    from app.commands.working import list_work

    list_work(home, json, all_orders=all_orders)


@work_app.command("stop")
def work_stop(
    algorithm: Annotated[str, typer.Argument(help="Its id; see desk work list.")],
    home: _Home = None,
    json: _Json = False,
) -> None:
    """Send nothing more of one, and withdraw what it has open. What it bought stays."""
    from app.commands.working import stop_work

    stop_work(home, json, algorithm)
