"""`desk inventory`: what is owned at every venue that has a running desk, asked of the venues themselves."""

from __future__ import annotations

import asyncio
from pathlib import Path

from app.peers import RemoteDesk
from app.render import print_json, print_table
from app.settings import home_folder, load
from domain.errors import NotRunning
from execution.algorithms.inventory import Inventory, take_inventory

HERE = "this desk"


def show_inventory(*, home: Path | None, config: Path | None, as_json: bool) -> None:
    """This desk's account and those of the desks in [peers]. Raises NotRunning when none of them answers."""
    settings = load(config)
    live = settings.mode == "live"
    homes = {HERE: home_folder(home), **settings.peers}
    desks = [RemoteDesk(name, folder, live=live) for name, folder in homes.items()]
    found = asyncio.run(take_inventory(desks))
    if not found.balances:
        raise NotRunning(
            "no desk answers, here or in [peers]",
            fix="Start one with desk serve, or name its folder with --home",
        )
    if as_json:
        print_json(_told(found))
        return
    rows = [
        (
            currency,
            found.total(currency).total,
            place.venue,
            place.balance.free,
            place.balance.locked,
            f"{place.share * 100:.1f} %",
        )
        for currency in found.currencies
        for place in found.where(currency)
    ]
    columns = ("currency", "in all", "where", "free", "in orders", "share")
    print_table(columns, rows, empty="Nothing is held anywhere.")
    if found.unknown:
        print(f"No answer from {', '.join(found.unknown)}: every total is at least what is shown.")


def _told(found: Inventory) -> dict[str, object]:
    return {
        "complete": found.complete,
        "unknown": list(found.unknown),
        "totals": {name: f"{found.total(name).total:f}" for name in found.currencies},
        "places": {
            name: [
                {
                    "where": place.venue,
                    "free": f"{place.balance.free:f}",
                    "locked": f"{place.balance.locked:f}",
                    "share": f"{place.share:.6f}",
                }
                for place in found.where(name)
            ]
            for name in found.currencies
        },
    }
