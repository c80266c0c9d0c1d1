"""Kill a running desk at random moments, restart it each time, and hold its journal to account.

Used by a test with a few kills; by hand: `python -m tests.faults.kill_nine --kills 50`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from app.history import fold
from domain.events import CycleStarted, DeskEvent, EquityMarked, SessionStarted, StopsResumed
from domain.orders import OPEN_AT_VENUE
from memory.journal import SqliteJournal

_NEVER = 10_000_000
"""More bars than anyone waits for."""

_AT_BIRTH = 0.25
"""The share of kills that may come before the desk has even read its settings."""

DESK = [sys.executable, "-c", "from app.cli import main; main()"]


@dataclass(frozen=True, slots=True)
class Survivor:
    """What was left after all kills: counts for people, and the fingerprint of the finished session."""

    kills: int
    restarts: int
    bars: int
    orders: int
    fills: int
    expired: int
    fingerprint: str


def command(home: Path, bars: int, seed: int) -> list[str]:
    options = ["--home", str(home), "--bars", str(bars), "--seed", str(seed), "--speed", "max", "--json"]
    return [*DESK, "run", *options]


def torture(home: Path, *, kills: int, more_bars: int, seed: int, longest: float) -> Survivor:
    """Start, kill -9 within `longest` seconds, check, restart; at last close `more_bars` bars in peace.

    Raises AssertionError naming what was lost, doubled, unbalanced or out of order.
    """
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    for _ in range(kills):
        process = subprocess.Popen(
            command(home, _NEVER, seed), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        if process.stderr is not None and chance.random() > _AT_BIRTH:
            process.stderr.readline()  # it has read its settings: from here on it recovers, then trades
        time.sleep(chance.uniform(0.0, longest))
        process.send_signal(signal.SIGKILL)
        _, said = process.communicate()
        if process.returncode != -signal.SIGKILL:
            raise AssertionError(f"the desk ended by itself, code {process.returncode}: {said}")
        if _has_journal(home / "desk.db"):
            account(home)
    bars = sum(isinstance(event, EquityMarked) for event in account(home)) + more_bars
    last = subprocess.run(command(home, bars, seed), capture_output=True, text=True, check=False)
    if last.returncode:
        raise AssertionError(f"the desk did not come back: {last.stderr}")
    told = json.loads(last.stdout)
    events = account(home)
    session = fold(events).latest
    if session is None or told["bars"] != bars:
        raise AssertionError(f"{told['bars']} bars instead of {bars}")
    orders = session.book.orders.values()
    lost = [
        order.client_id for order in orders if not order.is_terminal and order.status not in OPEN_AT_VENUE
    ]
    if lost or told["unknown_orders"]:
        raise AssertionError(f"the fate of {lost} is not known")
    return Survivor(
        kills=kills,
        restarts=sum(isinstance(event, SessionStarted) and event.resumed for event in events),
        bars=told["bars"],
        orders=len(orders),
        fills=sum(len(order.fills) for order in orders),
        expired=sum("never had it" in order.note for order in orders),
        fingerprint=told["fingerprint"],
    )


def _has_journal(path: Path) -> bool:
    """Whether the desk lived long enough to make its tables."""
    if not path.exists():
        return False
    with contextlib.closing(sqlite3.connect(path)) as reader:
        made = {name for (name,) in reader.execute("SELECT name FROM sqlite_master")}
        return {"journal", "journal_head"} <= made


def account(home: Path) -> list[DeskEvent]:
    """Hold a journal to account: the chain, the books, the bars, and stops before decisions."""
    journal = SqliteJournal(home / "desk.db", read_only=True)
    try:
        journal.verify()
        events = [event for _, event in journal.events()]
    finally:
        journal.close()
    history = fold(events)  # raises when an order or a fill was recorded twice, or the table forbids a step
    if len(history.sessions) > 1:
        raise AssertionError("a restart began a new session")
    for session in history.sessions:
        session.portfolio.check()
        for order in session.book.orders.values():
            if order.filled > order.intent.quantity:
                raise AssertionError(f"{order.client_id} was overfilled")
    closed = [event.bar for event in events if isinstance(event, EquityMarked)]
    if closed != list(range(len(closed))):
        raise AssertionError("a bar was lost or closed twice")
    guarded = True
    for event in events:
        match event:
            case SessionStarted(resumed=True):
                guarded = False
            case StopsResumed():
                guarded = True
            case CycleStarted() if not guarded:
                raise AssertionError(f"{event.cycle_id} began before the stops were resumed")
            case _:
                pass
    return events


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--more-bars", type=int, default=200)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--longest", type=float, default=3.0)
    told = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        killed, calm = Path(folder) / "killed", Path(folder) / "calm"
        found = torture(
            killed, kills=told.kills, more_bars=told.more_bars, seed=told.seed, longest=told.longest
        )
        quiet = subprocess.run(
            command(calm, found.bars, told.seed), capture_output=True, text=True, check=True
        )
    print(found)
    same = json.loads(quiet.stdout)["fingerprint"] == found.fingerprint
    print(f"fingerprint {'equals' if same else 'differs from'} that of a run nobody disturbed")
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
