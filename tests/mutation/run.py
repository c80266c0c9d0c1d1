"""The run: tests are collected once; every mutant gets a forked process in which they run until one fails.

The first process runs the unchanged code and notes which functions every test calls, and how long it takes:
a mutant then needs only the tests that call its function, the likely and the quick ones first.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

import pytest

from tests.mutation.mutants import Mutant, apply, find

KILLED, SURVIVED, HUNG, BEYOND = "killed", "survived", "hung", "not applied"
_CODES: Final = {0: SURVIVED, 1: KILLED, 3: BEYOND, -signal.SIGXCPU: HUNG}
WALL: Final = 20
"""So many times its seconds of computing a process may last; then it waits for what never comes."""
SLOW: Final = 0.5
"""Seconds. A test that takes longer is no quick one, whatever its name."""
Calls = dict[tuple[str, str], dict[int, float]]
"""By path and name of a function: the numbers of the tests that call it, and how long each takes."""


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
        self._calls: Calls = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of the usual loop."""
        mutants = tuple(self._mutants())
        said = sys.__stdout__ or sys.stdout
        print(f"\n{len(session.items)} tests, {len(mutants)} mutants", file=said, flush=True)
        gc.freeze()
        fails = self._unchanged(session)
        if fails:
            print(f"nothing to be learnt, for without any mutant this fails: {fails}", file=said, flush=True)
            session.testsfailed = 1
            return True
        self.results = {}
        waiting, running = list(reversed(mutants)), dict[int, tuple[Mutant, float]]()
        while waiting or running:
            while waiting and len(running) < self._jobs:
                mutant = waiting.pop()
                running[self._fork(session, mutant)] = mutant, time.monotonic() + WALL * self._seconds
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

    def _unchanged(self, session: pytest.Session) -> str:
        """Run everything as it is, and learn who calls what; returns the test that fails, if one does."""
        with tempfile.NamedTemporaryFile() as told:
            pid = os.fork()
            if not pid:
                code = 1
                try:
                    _hush()
                    calls: Calls = {}
                    code, last = _run(session, range(len(session.items)), _Watching(self._root, calls))
                    rows = [[*name, list(tests.items())] for name, tests in calls.items()]
                    Path(told.name).write_text(json.dumps(rows if not code else last), encoding="utf-8")
                finally:
                    os._exit(code)
            while (end := _ended(pid, time.monotonic() + 7200)) is None:
                time.sleep(0.01)
            rows = json.loads(Path(told.name).read_text(encoding="utf-8") or '"it ended"')
            if end != SURVIVED:
                return str(rows)
            self._calls = {(path, name): dict(tests) for path, name, tests in rows}
        return ""

    def _fork(self, session: pytest.Session, mutant: Mutant) -> int:
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            _hush()
            seconds = int(self._seconds)
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
            code = _run(session, self._likely(session, mutant))[0] if apply(self._root, mutant) else 3
        finally:
            os._exit(code)

    def _likely(self, session: pytest.Session, mutant: Mutant) -> list[int]:
        """The tests that call the mutant's function, those first that are named like it, then the quick."""
        stem = Path(mutant.path).stem
        words = (stem, *stem.split("_"), mutant.function.split(".")[-1])
        took = self._calls.get((mutant.path, mutant.function), {})

        def unlikely(number: int) -> tuple[bool, float]:
            name = session.items[number].nodeid
            return not any(word in name for word in words) or took[number] > SLOW, took[number]

        return sorted(took, key=unlikely)


class _Watching:
    """Notes, for one test after another, which functions of the project it calls."""

    def __init__(self, root: Path, calls: Calls) -> None:
        self._root, self._calls = f"{root}/", calls
        self._seen: set[tuple[str, str]] = set()

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        code = frame.f_code
        if code.co_filename.startswith(self._root):
            self._seen.add((code.co_filename[len(self._root) :], code.co_qualname))

    @contextlib.contextmanager
    def during(self, number: int) -> Iterator[None]:
        began = time.process_time()
        sys.settrace(self)
        try:
            yield
        finally:
            sys.settrace(None)
            took = time.process_time() - began
            for name in self._seen:
                self._calls.setdefault(name, {})[number] = took
            self._seen.clear()


def _hush() -> None:
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)


def _run(
    session: pytest.Session, numbers: Sequence[int], watching: _Watching | None = None
) -> tuple[int, str]:
    """Run these tests until one fails: 1 and its name; 0 when none does."""
    ordered = [(number, session.items[number]) for number in numbers]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for index, (number, item) in enumerate(ordered):
            following = ordered[index + 1][1] if index + 1 < len(ordered) else None
            with watching.during(number) if watching else contextlib.nullcontext():
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                return 1, item.nodeid
    return 0, ""


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
