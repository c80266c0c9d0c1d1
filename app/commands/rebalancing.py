"""`desk rebalance`: asked of the running desk; as a dry run also of a paper desk that stands still."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app import control
from app.commands.reading import read
from app.home import Home
from app.rebalancing import KIND, described, load, work_out
from app.render import print_json, print_table
from app.settings import home_folder
from app.settings import load as load_settings
from domain.errors import DataError, NotRunning

_BY = "the operator, at the command line"
_PATIENCE_SECONDS = 60.0
"""The optimiser may have to be loaded first."""


def rebalance_holdings(
    *, home: Path | None, config: Path | None, method: str | None, dry_run: bool, as_json: bool
) -> None:
    """Work out a rebalancing, and have it carried out unless `dry_run`.

    Raises NotRunning without a desk that could carry it out, or the desk's refusal.
    """
    folder = Home(home_folder(home))
    if folder.exists and folder.running() is not None:
        asked: dict[str, Any] = {"kind": KIND, "method": method, "dry_run": dry_run}
        told: Mapping[str, Any] = control.ask_work(
            folder.requests, asked=asked, by=_BY, timeout=_PATIENCE_SECONDS
        )
    elif dry_run:
        told = _standing_still(home, config, method)
    else:
        raise NotRunning(
            f"no desk runs in {folder.path}, so nothing was traded",
            fix="Start it with desk run, or look with --dry-run",
        )
    if as_json:
        print_json(told)
        return
    _show(told)


def _standing_still(home: Path | None, config: Path | None, method: str | None) -> Mapping[str, Any]:
    from app.bootstrap import build_feed

    seen = read(home)
    settings = load_settings(config)
    if settings.mode != "paper" or seen.session.started.mode != "paper":
        raise NotRunning("prices of a venue are read by a running desk", fix="Start it with desk run")
    chosen = method or settings.allocation.method
    settings.allocation.allocation(chosen)
    load(chosen)
    as_of = seen.session.as_of
    feed = build_feed(settings)
    feed.seek(as_of)
    prices = {symbol: quote.last for symbol in feed.symbols if (quote := feed.quote(symbol)) is not None}
    if not prices:
        raise DataError(f"the market has no price at {as_of.isoformat()}", fix="Check [market] and --config")
    found = work_out(feed, seen.session.portfolio, prices, settings.allocation, method=chosen, as_of=as_of)
    return described(found, running=False, dry_run=True)


def _show(told: Mapping[str, Any]) -> None:
    where = "live" if told["running"] else "not running: as the desk stood"
    print(f"{where}, {told['as_of']}; equity {told['equity']} {told['currency']}, method {told['method']}")
    if told["fallback"]:
        print(f"warning: {told['fallback']}")
    for symbol in told["left_out"]:
        print(f"warning: {symbol} has no fresh price and is left out")
    print_table(
        ("symbol", "current", "target"),
        [(symbol, told["current"].get(symbol, "0"), weight) for symbol, weight in told["target"].items()],
        empty="No symbol has a price.",
    )
    columns = ("symbol", "side", "current", "target", "value", "cost")
    print_table(
        columns, [[trade[name] for name in columns] for trade in told["trades"]], empty="Nothing to trade."
    )
    for order in told["orders"]:
        note = f" ({order['note']})" if order["note"] else ""
        if order["quantity"] != order["asked"]:
            note = f", of {order['asked']} asked for{note}"
        what = f"{order['side']} {order['quantity']} {order['symbol']}"
        print(f"{order['client_id']}: {what}, {order['status']}{note}")
    print(f"turnover {told['turnover']} of equity, cost about {told['cost']} {told['currency']}")
    print(told["message"])
