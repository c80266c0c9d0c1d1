"""`desk work`: orders in parts, asked of the running desk; what is being worked, read from the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from app import control
from app.commands.reading import Reading, open_journal, read
from app.home import Home
from app.render import print_json, print_table
from app.settings import home_folder
from app.working import Desired
from domain.algorithms import AlgorithmPlan
from domain.errors import NotRunning
from domain.events import AlgorithmEnded, AlgorithmStarted, AlgorithmStopping
from execution.algorithms.state import state_of

_BY = "the operator, at the command line"


def start_work(home: Path | None, as_json: bool, asked: Mapping[str, Any]) -> None:
    """Check the words, then ask the running desk. Raises ConfigError, NotRunning, or the desk's refusal."""
    Desired.read(asked)
    _tell(control.ask_work(_running(home).requests, asked=asked, by=_BY), as_json)


def stop_work(home: Path | None, as_json: bool, algorithm_id: str) -> None:
    """Ask the running desk to stop one. Raises NotRunning, or NotFound when it is not being worked."""
    _tell(control.ask_work(_running(home).requests, ends=algorithm_id, by=_BY), as_json)


def _running(option: Path | None) -> Home:
    home = Home(home_folder(option))
    if not home.exists or home.running() is None:
        raise NotRunning(
            f"no desk runs in {home.path}, so nothing was asked for",
            fix="Start it with desk run, or name its folder with --home",
        )
    return home


def _tell(told: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(told)
    else:
        print(told["message"])


@dataclass(slots=True)
class _Worked:
    plan: AlgorithmPlan
    state: str = "working"


def list_work(option: Path | None, as_json: bool, *, all_orders: bool) -> None:
    """What the newest session works in parts, as far as the journal knows."""
    seen = read(option)
    rows = [_row(seen, each) for each in _worked(seen) if all_orders or each.state in ("working", "stopping")]
    if as_json:
        session = seen.session.started.session
        print_json({"running": seen.live, "session": session, "as_of": seen.session.as_of, "orders": rows})
        return
    print(seen.age())
    columns = (
        "algorithm_id",
        "by",
        "method",
        "side",
        "symbol",
        "done",
        "amount",
        "children",
        "ends",
        "state",
    )
    print_table(
        columns, [[row[name] for name in columns] for row in rows], empty="Nothing is being worked in parts."
    )


def _worked(seen: Reading) -> list[_Worked]:
    session = seen.session.started.session
    found: dict[str, _Worked] = {}
    journal = open_journal(seen.home)
    try:
        for _, event in journal.events():
            match event:
                case AlgorithmStarted() if event.plan.session == session:
                    found[event.plan.algorithm_id] = _Worked(event.plan)
                case AlgorithmStopping() if event.algorithm_id in found:
                    found[event.algorithm_id].state = "stopping"
                case AlgorithmEnded() if event.algorithm_id in found:
                    found[event.algorithm_id].state = event.reason
                case _:
                    continue
    finally:
        journal.close()
    return list(found.values())


def _row(seen: Reading, each: _Worked) -> dict[str, Any]:
    plan = each.plan
    stands = state_of(plan, seen.session.book.orders)
    done: Decimal = stands.done
    return {
        "algorithm_id": plan.algorithm_id,
        "by": plan.origin,
        "method": plan.method,
        "side": plan.side,
        "symbol": plan.symbol,
        "amount": plan.amount,
        "done": done,
        "in_quote": plan.in_quote,
        "children": len(stands.children),
        "open": len(stands.live),
        "ends": plan.end,
        "state": each.state,
    }
