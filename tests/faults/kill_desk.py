"""The whole desk as people run it, killed at the boundaries of its journal: `desk run`, but forked."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from domain.events import DeskEvent
from memory.journal import SqliteJournal
from tests.faults.boundaries import Fate
from tests.faults.forking import fork, wait_for
from tests.faults.kill_table import Killed

BARS = 60
SEED = 11


def _be_the_desk(home: Path, deadly: int | None) -> None:
    """`desk run` in this process, which lives for nothing else; its journal kills it."""
    fate = Fate(deadly, by_signal=True)
    append, commit = SqliteJournal.append, SqliteJournal.commit

    def mortal_append(self: SqliteJournal, event: DeskEvent) -> None:
        fate.moment(f"before {event.kind}")
        append(self, event)
        fate.moment(f"after {event.kind}")

    def mortal_commit(self: SqliteJournal) -> None:
        fate.moment("before commit")
        commit(self)
        fate.moment("after commit")

    SqliteJournal.append = mortal_append  # type: ignore[method-assign]
    SqliteJournal.commit = mortal_commit  # type: ignore[method-assign]
    for number, ending in ((1, ".told"), (2, ".said")):
        os.dup2(os.open(home.with_suffix(ending), os.O_CREAT | os.O_WRONLY | os.O_TRUNC), number)
    options = ["--home", str(home), "--bars", str(BARS), "--seed", str(SEED), "--speed", "max", "--json"]
    sys.argv = ["desk", "run", *options]
    from app.cli import main

    try:
        main()
    finally:
        sys.stdout.flush()
        home.with_suffix(".moments").write_text(json.dumps(fate.names))
        home.with_suffix(".loaded").write_text(json.dumps(sorted(sys.modules)))


def _run(home: Path, deadly: int | None) -> tuple[int, dict[str, Any]]:
    """One desk to its end: how it ended, and what it told."""
    code = wait_for(fork(lambda: _be_the_desk(home, deadly)))
    said = home.with_suffix(".told").read_text().strip()
    told: dict[str, Any] = json.loads(said) if code == 0 and said else {}
    return code, told


def kill_the_desk(folder: Path, *, every: int = 1, offset: int = 0) -> Killed:
    """Run a session in peace; then kill one at each `every`-th boundary and let the next desk finish it."""
    calm = folder / "calm"
    code, wanted = _run(calm, None)
    if code != 0:
        return Killed("desk run", "session", 0, 0, 0, (f"code {code} in peace",))
    names: list[str] = json.loads(calm.with_suffix(".moments").read_text())
    _load(json.loads(calm.with_suffix(".loaded").read_text()))
    kills, wrong = 0, []
    for moment in range(offset, len(names), every):
        home, where = folder / f"killed-{moment}", f"moment {moment}, {names[moment]}"
        code, _ = _run(home, moment)
        if code != -signal.SIGKILL:
            wrong.append(f"{where}: nobody was killed, code {code}")
            continue
        kills += 1
        _, told = _run(home, None)
        if told.get("fingerprint") != wanted["fingerprint"] or told.get("unknown_orders"):
            said = home.with_suffix(".said").read_text().strip().splitlines()[-1:]
            wrong.append(f"{where}: it ended with {told}, {said}")
    return Killed("desk run", "session", len(names), len(names), kills, tuple(wrong))


def _load(names: Iterable[str]) -> None:
    """What one desk has loaded, the next ones find loaded."""
    for name in names:
        if name not in sys.modules and not name.startswith("__"):
            try:
                importlib.import_module(name)
            except Exception:  # noqa: BLE001, S112  parts that libraries make up as they run
                continue
