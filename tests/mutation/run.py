"""The run: tests are collected once; every mutant gets a forked process in which they run until one fails."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.mutation.mutants import Mutant, apply, find

KILLED, SURVIVED, HUNG, BEYOND = "killed", "survived", "hung", "not applied"
_CODES: Final = {0: SURVIVED, 1: KILLED, 3: BEYOND}


class Mutating:
    """A pytest plugin that runs what was collected once for every mutant, and once for none.

    `results` is None until the unchanged code has passed everything.
    """

    def __init__(
        self, root: Path, only: tuple[str, ...], kinds: tuple[str, ...], jobs: int, seconds: float
    ) -> None:
        self.results: dict[Mutant, str] | None = None
        self._root, self._only, self._kinds = root, only, kinds
        self._jobs, self._seconds = jobs, seconds

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of the usual loop."""
        mutants = tuple(self._mutants())
        said = sys.__stdout__ or sys.stdout
        print(f"\n{len(session.items)} tests, {len(mutants)} mutants", file=said, flush=True)
        gc.freeze()
        if self._one(session, None) != SURVIVED:
            print("the tests fail without any mutant: nothing to be learnt", file=said, flush=True)
            session.testsfailed = 1
            return True
        self.results = {}
        waiting, running = list(reversed(mutants)), dict[int, tuple[Mutant, float]]()
        while waiting or running:
            while waiting and len(running) < self._jobs:
                mutant = waiting.pop()
                running[self._fork(session, mutant)] = mutant, time.monotonic() + self._seconds
            for pid, (mutant, ends) in list(running.items()):
                end = _ended(pid, ends)
                if end is not None:
                    del running[pid]
                    self.results[mutant] = end
                    if end != KILLED:
                        print(f"{end:12s} {mutant.name}", file=said, flush=True)
            time.sleep(0.01)
        return True

    def _mutants(self) -> Iterator[Mutant]:
        for where in self._only:
            path = self._root / where
            for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
                for mutant in find(self._root, file):
                    if not self._kinds or mutant.kind in self._kinds:
                        yield mutant

    def _one(self, session: pytest.Session, mutant: Mutant | None) -> str:
        pid = self._fork(session, mutant)
        while (end := _ended(pid, time.monotonic() + 3600)) is None:
            time.sleep(0.01)
        return end

    def _fork(self, session: pytest.Session, mutant: Mutant | None) -> int:
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            with open(os.devnull, "w", encoding="utf-8") as nowhere:
                os.dup2(nowhere.fileno(), 1)
                os.dup2(nowhere.fileno(), 2)
            if mutant is not None and not apply(self._root, mutant):
                code = 3
            else:
                code = _run(session, () if mutant is None else _near(mutant))
        finally:
            os._exit(code)


def _near(mutant: Mutant) -> tuple[str, ...]:
    """Words of the mutant's file: tests that have them in their name are run first."""
    stem = Path(mutant.path).stem
    return (stem, *stem.split("_"), mutant.function.split(".")[-1])


def _run(session: pytest.Session, words: tuple[str, ...]) -> int:
    """Run the tests, the likely ones first, until one fails: 1; 0 when none does."""
    ordered = sorted(session.items, key=lambda item: -sum(word in item.nodeid for word in words))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for index, item in enumerate(ordered):
            following = ordered[index + 1] if index + 1 < len(ordered) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                return 1
    return 0


def _ended(pid: int, ends: float) -> str | None:
    """How a process ended; None while it runs. One that takes too long is ended here."""
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        return _CODES.get(os.waitstatus_to_exitcode(status), KILLED)
    if time.monotonic() > ends:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return HUNG
    return None


def report(results: Mapping[Mutant, str]) -> str:
    """By file and in all: how many were made, how many were killed, which survived."""
    lines, files = [], sorted({mutant.path for mutant in results})
    for path in files:
        ends = Counter(end for mutant, end in results.items() if mutant.path == path)
        lines.append(f"{path:44s} {_share(ends)}")
    ends = Counter(results.values())
    lines.append(f"{'all':44s} {_share(ends)}")
    for kind in sorted({mutant.kind for mutant in results}):
        of = Counter(end for mutant, end in results.items() if mutant.kind == kind)
        lines.append(f"  {kind:42s} {_share(of)}")
    return "\n".join(lines)


def _share(ends: Counter[str]) -> str:
    made = sum(ends.values()) - ends[BEYOND]
    killed = ends[KILLED] + ends[HUNG]
    share = 100 * killed / made if made else 100.0
    rest = f"{ends[SURVIVED]} survived, {ends[BEYOND]} not applied"
    return f"{killed:5d} of {made:5d} killed, {share:5.1f} %, {rest}"
