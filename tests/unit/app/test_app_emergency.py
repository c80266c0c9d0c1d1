"""The doors that need nothing but the process: files in the home folder, and signals."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.control import Action
from app.emergency import FILES, Alarm, Emergency, leave
from domain.errors import DeskError, StorageError
from domain.halt import Halt, HaltState

AT = datetime(2026, 1, 5, tzinfo=UTC)
FREE = Halt(HaltState.ACTIVE, "", "", AT)
HALTS = {
    "free": FREE,
    "paused": Halt(HaltState.REDUCING, "", "", AT, latched=True),
    "stopped": Halt(HaltState.HALTED, "", "", AT, latched=True),
    "panicking": Halt(HaltState.HALTED, "", "", AT, latched=True, flatten=True),
}
ENOUGH: dict[Action, set[str]] = {
    "pause": {"paused", "stopped", "panicking"},
    "stop": {"stopped", "panicking"},
    "panic": {"panicking"},
}


def test_an_empty_home_asks_for_nothing(tmp_path: Path) -> None:
    emergency = Emergency(tmp_path)
    for halt in HALTS.values():
        assert emergency.look(halt) is None
    assert emergency.held() == ""


@pytest.mark.parametrize("halt", HALTS)
@pytest.mark.parametrize("action", ENOUGH)
def test_a_file_asks_until_what_is_in_force_is_as_strict(tmp_path: Path, action: Action, halt: str) -> None:
    path = tmp_path / FILES[action]
    path.write_text("  the news\nis bad \n")
    alarm = Emergency(tmp_path).look(HALTS[halt])
    if halt in ENOUGH[action]:
        assert alarm is None
    else:
        assert alarm == Alarm(action, "the news is bad", f"the file {path}, left by user {os.getuid()}")
    assert str(path) in Emergency(tmp_path).held()


def test_the_strictest_file_wins(tmp_path: Path) -> None:
    emergency = Emergency(tmp_path)
    for action, name in reversed(FILES.items()):
        (tmp_path / name).touch()
        found = emergency.look(FREE)
        assert found is not None
        assert found.action == action


def _folder(path: Path) -> None:
    path.mkdir()


def _dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _binary(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00" * 10)


def _empty(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize("make", [_folder, _dangling, _pipe, _binary, _empty])
def test_a_file_that_cannot_be_read_counts(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "PANIC")
    found = Emergency(tmp_path).look(FREE)
    assert found is not None
    assert found.action == "panic"
    assert found.reason


def test_a_long_reason_is_cut(tmp_path: Path) -> None:
    (tmp_path / "STOP").write_text("x" * 10_000)
    found = Emergency(tmp_path).look(FREE)
    assert found is not None
    assert found.reason == "x" * 500


def test_a_folder_that_cannot_be_looked_into_stops_and_does_not_sell(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("a file where the folder was")
    found = Emergency(home).look(FREE)
    assert found is not None
    assert (found.action, found.by) == ("stop", "the desk")
    assert Emergency(home).look(HALTS["stopped"]) is None
    assert "cannot be looked for" in Emergency(home).held()


@pytest.mark.parametrize("action", ["pause", "stop", "panic"])
def test_a_file_that_is_left_is_found(tmp_path: Path, action: Action) -> None:
    path = leave(tmp_path, action, "because")
    found = Emergency(tmp_path).look(FREE)
    assert found is not None
    assert (path.name, found.action, found.reason) == (FILES[action], action, "because")
    assert leave(tmp_path, action, "another reason") == path
    assert path.read_text() == "because\n", "the first word stands"


def test_a_file_that_cannot_be_left_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="PANIC cannot be made"):
        leave(tmp_path / "nowhere", "panic", "because")


async def test_signals_ring_and_the_strictest_is_heard_first(tmp_path: Path) -> None:
    emergency = Emergency(tmp_path)
    before = [signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2)]
    with emergency.signals():
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR2)
        async with asyncio.timeout(5):
            await emergency._bell.wait()
            while len(emergency._rung) < 2:  # noqa: ASYNC110 - the loop hears them one by one
                await asyncio.sleep(0)
        first = emergency.look(FREE)
        assert first is not None
        assert (first.action, first.reason) == ("panic", "signal SIGUSR2")
        assert emergency.look(HALTS["panicking"]) is None, "what is in force covers the pause"
    assert [signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2)] == before


async def test_a_pause_that_came_first_does_not_hide_a_panic(tmp_path: Path) -> None:
    emergency = Emergency(tmp_path)
    emergency.ring(Alarm("pause", "one", "anna"))
    emergency.ring(Alarm("panic", "two", "anna"))
    emergency.ring(Alarm("pause", "three", "anna"))
    found = emergency.look(HALTS["paused"])
    assert found is not None
    assert found.reason == "two"
    assert emergency.look(HALTS["paused"]) is None


async def test_who_attends_looks_again_after_a_failure(tmp_path: Path) -> None:
    emergency = Emergency(tmp_path)
    looks: list[int] = []
    enough = asyncio.Event()

    async def look() -> None:
        looks.append(len(looks))
        if len(looks) == 3:
            enough.set()
        emergency.ring(Alarm("stop", "again", "anna"))  # even without end
        raise DeskError("not this time")

    attending = asyncio.create_task(emergency.attend(look))
    async with asyncio.timeout(10):
        await enough.wait()
    attending.cancel()
    await asyncio.wait({attending})
    assert attending.cancelled()
