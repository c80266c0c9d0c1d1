"""`desk halt`, `panic` and `resume` where no desk runs, where one hangs, and where the database is held."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app import control
from app.history import fold
from app.home import Home, Running
from domain.events import HaltChanged
from domain.halt import HaltState
from memory.journal import SqliteJournal
from tests.unit.app.desk_line import DeskLine

RUN = ("run", "--speed", "max", "--json")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def desk(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> DeskLine:
    """A command line in a home where a desk has run 60 bars, holds something and was stopped."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESK_HOME", str(home))
    return DeskLine(monkeypatch, capsys)


@contextmanager
def locked(home: Path) -> Iterator[None]:
    other = sqlite3.connect(home / "desk.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


def halts(home: Path) -> list[tuple[HaltState, str, str, bool]]:
    journal = SqliteJournal(home / "desk.db", read_only=True)
    try:
        found = [event.halt for _, event in journal.events() if isinstance(event, HaltChanged)]
    finally:
        journal.close()
    return [(halt.state, halt.reason, halt.by, halt.latched) for halt in found]


def test_where_no_desk_runs_the_journal_is_the_way(desk: DeskLine, home: Path) -> None:
    assert desk(*RUN, "--bars", 5).code == 0
    told = desk("halt", "stop", "--reason", "holiday", "--json")
    assert (told.code, told.told["way"], told.told["running"]) == (0, "journal", False)
    assert halts(home) == [(HaltState.HALTED, "holiday", "the operator, at the command line", True)]
    said = desk("panic", "--reason", "fire", "--json")
    assert (said.code, said.told["exit_code"], said.told["positions"]) == (3, 3, held(home))
    assert "could not be sold" in said.told["error"]
    assert halts(home)[-1][1] == "fire"
    assert desk(*RUN, "--bars", 10).told["positions"] == 0, "the next desk sells before anything else"
    assert desk("panic", "--reason", "again").code == 0, "nothing is held, so nothing is left to sell"


@pytest.mark.parametrize(
    ("words", "name", "code"),
    [(("halt", "pause"), "PAUSE", 0), (("halt", "stop"), "STOP", 0), (("panic",), "PANIC", 3)],
)
def test_where_the_database_is_held_the_file_is_the_way(
    desk: DeskLine, home: Path, words: tuple[str, ...], name: str, code: int
) -> None:
    assert desk(*RUN, "--bars", 5).code == 0
    with locked(home):
        began = time.monotonic()
        said = desk(*words, "--reason", "the disk is odd")
        assert time.monotonic() - began < 15
    assert said.code == code, said.err
    assert "is locked" in said.out
    assert str(home / name) in said.out
    assert "the disk is odd" in (home / name).read_text()
    assert halts(home) == []
    again = desk(*RUN, "--bars", 10)
    assert again.code == 0, again.err
    state, reason, by, latched = halts(home)[0]
    assert (state is HaltState.REDUCING) is (name == "PAUSE")
    assert "the disk is odd" in reason
    assert str(home / name) in by
    assert latched


def test_a_resume_needs_the_file_gone_a_confirmation_and_a_reason(desk: DeskLine, home: Path) -> None:
    assert desk(*RUN, "--bars", 5).code == 0
    (home / "STOP").write_text("careful")
    assert desk(*RUN, "--bars", 10).code == 0
    lift = ("resume", "--confirm", "--reason", "looked at it")
    refused = desk(*lift)
    assert refused.code == 4
    assert f"rm {home / 'STOP'}" in refused.err
    (home / "STOP").unlink()
    assert desk("resume", "--confirm").code == 4
    assert desk("resume", "--confirm", "--reason", " ").code == 4
    assert desk("resume", "--reason", "looked at it").code == 1
    with locked(home):
        assert desk(*lift).code == 1, "a resume has no other way"
    assert halts(home)[-1][0] is HaltState.HALTED
    assert desk(*lift).code == 0
    assert halts(home)[-1] == (HaltState.ACTIVE, "looked at it", "the operator, at the command line", False)


def test_a_resume_that_nobody_hears_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "HEARD_SECONDS", 0.05)
    home = Home(tmp_path)
    home.prepare("paper")
    for action in control.ACTIONS:
        with pytest.raises(control.Unheard, match="did not look"):
            control.ask(home.requests, action, reason="r", by="anna", confirm=True)
    assert sorted(
        each.action for each in control.pending(home.requests) if isinstance(each, control.Request)
    ) == [
        "panic",
        "pause",
        "stop",
    ]


def test_a_panic_that_has_not_sold_everything_is_no_success(
    desk: DeskLine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desk(*RUN, "--bars", 5).code == 0
    monkeypatch.setattr(Home, "running", lambda self: Running(1, "s", None))
    answer: dict[str, Any] = {"message": "The desk is halted", "running": True, "flat": False}
    monkeypatch.setattr(control, "ask", lambda *_, **__: answer)
    said = desk("panic", "--json")
    assert (said.code, said.told["way"], said.told["exit_code"]) == (1, "desk", 1)
    assert desk("halt", "stop").code == 0
    answer["flat"] = True
    assert desk("panic").code == 0


# --- a real process ---


@contextmanager
def living(home: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """A desk process on paper, four bars a second, from its first bar on."""
    command = [sys.executable, "-c", "from app.cli import main; main()", "run", "--speed", "3600"]
    process = subprocess.Popen(
        [*command, "--home", str(home), *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(10)
        if process.stderr is not None:
            process.stderr.close()


def until(true: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def held(home: Path) -> int:
    journal = SqliteJournal(home / "desk.db", read_only=True)
    try:
        latest = fold(event for _, event in journal.events()).latest
    finally:
        journal.close()
    return len(latest.portfolio.positions) if latest is not None else 0


def _runs(home: Path) -> bool:
    return (home / "running.json").exists() and held(home) > 0


def test_a_process_hears_signals_and_one_that_hangs_obeys_the_file_when_it_wakes(
    desk: DeskLine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "HEARD_SECONDS", 1.0)
    with living(home) as process:
        until(lambda: _runs(home))
        process.send_signal(signal.SIGUSR1)
        until(lambda: halts(home))
        assert halts(home)[-1][:2] == (HaltState.REDUCING, "signal SIGUSR1")
        process.send_signal(signal.SIGSTOP)  # it hangs as hard as a process can
        said = desk("panic", "--reason", "it hangs", "--json")
        told = said.told
        assert (said.code, told["exit_code"]) == (5, 5)
        assert (told["way"], told["pid"], told["file"]) == ("file", process.pid, str(home / "PANIC"))
        process.send_signal(signal.SIGCONT)
        until(lambda: held(home) == 0)
        assert halts(home)[-1][0] is HaltState.HALTED
        assert "it hangs" in halts(home)[-1][1]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
