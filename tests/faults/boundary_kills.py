"""Real processes, killed with SIGKILL at boundaries of their journal; and, by hand, every death on the wire.

As a child (`boundary_kills.py child <moment> <report> -- <desk arguments>`) it is the desk itself, killed at
that moment of its journal, or alive to the end with the names of all moments in the report. By hand:
`python -m tests.faults.boundary_kills --every 1` for all boundaries of a run on paper,
`python -m tests.faults.boundary_kills --wire` for every moment of every story at every simulated venue.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from domain.events import DeskEvent
from tests.faults.boundaries import Fate
from tests.faults.lives import die_everywhere
from tests.faults.stories import STORIES

BARS = 60
SEED = 11
WIRES = ("binance", "gate", "mexc")


def child(deadly: int | None, report: Path, arguments: list[str]) -> None:
    """The desk on the command line, whose journal kills it."""
    import memory.journal

    fate = Fate(deadly, by_signal=True)

    class Mortal(memory.journal.SqliteJournal):
        def append(self, event: DeskEvent) -> None:
            fate.moment(f"before {event.kind}")
            super().append(event)
            fate.moment(f"after {event.kind}")

        def commit(self) -> None:
            fate.moment("before commit")
            super().commit()
            fate.moment("after commit")

    memory.journal.SqliteJournal = Mortal  # type: ignore[misc]  # this process lives for nothing else
    sys.argv = ["desk", *arguments]
    from app.cli import main

    try:
        main()
    finally:
        report.write_text(json.dumps(fate.names))


def run(home: Path, deadly: int | None) -> tuple[int, dict[str, Any], list[str]]:
    """One child to its end: return code, what it told, the moments it lived through."""
    report = home.with_suffix(".moments")
    arguments = [
        "run",
        "--home",
        str(home),
        "--bars",
        str(BARS),
        "--seed",
        str(SEED),
        "--speed",
        "max",
        "--json",
    ]
    named = "-" if deadly is None else str(deadly)
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.boundary_kills", "child", named, str(report), "--", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    told: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
    if done.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(f"the desk ended by itself, code {done.returncode}: {done.stderr}")
    return done.returncode, told, json.loads(report.read_text()) if report.exists() else []


def kill_at(folder: Path, moments: Iterable[int], wanted: str) -> int:
    """Kill a desk at each of these moments, let the next one finish; it must end as one nobody disturbed."""
    killed = 0
    for moment in moments:
        home = folder / f"killed-{moment}"
        code, _, _ = run(home, moment)
        if code != -signal.SIGKILL:
            raise AssertionError(f"nobody died at moment {moment}")
        killed += 1
        _, told, _ = run(home, None)
        if told.get("fingerprint") != wanted or told.get("unknown_orders"):
            raise AssertionError(f"killed at moment {moment}, it ended with {told}")
    return killed


def by_name(names: list[str], wanted: Iterable[tuple[str, int]]) -> list[int]:
    """The numbers of moments given by name and which of that name, from 1; those that never were are left."""
    found = []
    for name, which in wanted:
        places = [place for place, each in enumerate(names) if each == name]
        if len(places) >= which:
            found.append(places[which - 1])
    return found


async def everywhere_on_the_wire() -> None:
    from tests.faults.wire_ground import wire_ground

    for wire in WIRES:
        for name, story in STORIES.items():
            try:
                died = await die_everywhere(lambda wire=wire: wire_ground(wire), story)  # type: ignore[misc]
            except AssertionError as error:
                print(f"{wire}, {name}: {error}", flush=True)
            else:
                print(f"{wire}, {name}: {died.total()} deaths, the same end", flush=True)


def main() -> None:
    if sys.argv[1:2] == ["child"]:
        child(None if sys.argv[2] == "-" else int(sys.argv[2]), Path(sys.argv[3]), sys.argv[5:])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--wire", action="store_true")
    told = parser.parse_args()
    if told.wire:
        asyncio.run(everywhere_on_the_wire())
        return
    with tempfile.TemporaryDirectory() as folder:
        _, calm, names = run(Path(folder) / "calm", None)
        killed = kill_at(Path(folder), range(0, len(names), told.every), calm["fingerprint"])
    print(f"{killed} of {len(names)} boundaries, the same end after each")


if __name__ == "__main__":
    main()
