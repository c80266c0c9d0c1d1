"""The home folder: one mode, one process, and requests that another process leaves."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app import control
from app.home import Home
from domain.errors import AlreadyRunning, ConfigError, DeadlineExceeded, DeskError, StorageError


def _home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare("paper")
    return home


def test_a_home_of_one_mode_is_refused_to_another(tmp_path: Path) -> None:
    home = _home(tmp_path)
    home.prepare("paper")
    with pytest.raises(ConfigError, match="belongs to paper trading, not live"):
        home.prepare("live")


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file/home"):
        Home(tmp_path / "file" / "home").prepare("paper")


def test_two_desks_never_share_a_home(tmp_path: Path) -> None:
    home = _home(tmp_path)
    with home.lock():
        home.announce("s1", "http://127.0.0.1:1")
        found = Home(home.path).running()
        assert found is not None
        assert found.session == "s1"
        code = (
            "import sys; from pathlib import Path; from app.home import Home\n"
            "with Home(Path(sys.argv[1])).lock(): pass"
        )
        other = subprocess.run(
            [sys.executable, "-c", code, str(home.path)], capture_output=True, text=True, check=False
        )
        assert "AlreadyRunning" in other.stderr
        with pytest.raises(AlreadyRunning), Home(home.path).lock():
            raise AssertionError("the lock was given twice")
    assert home.running() is None


def test_a_file_left_by_a_dead_desk_does_not_count_as_running(tmp_path: Path) -> None:
    home = _home(tmp_path)
    home.announce("s1", None)
    assert home.running() is None
    with home.lock():
        pass


def test_the_token_is_kept_and_private(tmp_path: Path) -> None:
    home = _home(tmp_path)
    token = home.token()
    assert len(token) >= 32
    assert Home(home.path).token() == token
    assert (home.path / "token").stat().st_mode & 0o077 == 0


def _ask(home: Home, action: control.Action, timeout: float) -> dict[str, object]:
    return control.ask(home.requests, action, reason="r", by="test", confirm=False, timeout=timeout)


def test_a_request_is_read_and_answered(tmp_path: Path) -> None:
    home = _home(tmp_path)
    said: list[dict[str, object]] = []
    asker = threading.Thread(target=lambda: said.append(_ask(home, "pause", 10)))
    asker.start()
    while not (found := list(control.pending(home.requests))):
        pass
    (request,) = found
    assert isinstance(request, control.Request)
    assert (request.action, request.by) == ("pause", "test")
    control.answer(home.requests, found[0].request_id, {"state": "reducing"})
    asker.join(10)
    assert said == [{"state": "reducing"}]
    assert list(home.requests.iterdir()) == []


def test_a_desk_that_does_not_answer_is_a_timeout_and_the_request_stays(tmp_path: Path) -> None:
    home = _home(tmp_path)
    with pytest.raises(DeadlineExceeded, match="did not look at panic"):
        _ask(home, "panic", 0.1)
    (request,) = control.pending(home.requests)
    assert isinstance(request, control.Request)
    assert request.action == "panic"


def test_a_refusal_is_told_in_the_desks_words(tmp_path: Path) -> None:
    home = _home(tmp_path)

    def refuse() -> None:
        while not (found := list(control.pending(home.requests))):
            pass
        control.answer(home.requests, found[0].request_id, {"error": "latched", "fix": "use --confirm"})

    desk = threading.Thread(target=refuse)
    desk.start()
    with pytest.raises(DeskError, match="latched"):
        _ask(home, "resume", 10)
    desk.join(10)


def test_a_garbled_request_is_dropped_not_obeyed(tmp_path: Path) -> None:
    home = _home(tmp_path)
    (home.requests / "a.request").write_text('{"action": "buy"}')
    (home.requests / "b.request").write_text("{")
    assert list(control.pending(home.requests)) == []
    assert sorted(path.name for path in home.requests.iterdir()) == ["a.answer", "b.answer"]
