"""Risk state in the file was changed, lost or damaged: the desk does not start, and nothing is sent.

Each row is one harm to a home where no desk runs, and what the next `desk run` says instead of trading. What
happens to a living desk that has lost too much is in test_risk_state.py.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from memory.aside import aside_of
from memory.chain import link
from memory.seal import seal_of
from tests.unit.app.desk_line import DeskLine


@dataclass(frozen=True, slots=True)
class Harm:
    """What is done to a home where no desk runs, and what the next `desk run` must say instead of trading."""

    do: Callable[[Path], None]
    says: str
    code: int = 1


def rewrite(home: Path, kind: str, change: Callable[[dict[str, Any]], object], *, rechain: bool) -> None:
    """Change the newest event of a kind; with `rechain` as a program would that makes the chain itself."""
    database = home / "desk.db"
    with sqlite3.connect(database) as file:
        seq, payload = file.execute(
            "SELECT seq, payload FROM journal WHERE kind = ? ORDER BY seq DESC LIMIT 1", (kind,)
        ).fetchone()
        told = json.loads(payload)
        change(told)
        file.execute("UPDATE journal SET payload = ? WHERE seq = ?", (json.dumps(told).encode(), seq))
        if rechain:
            previous = bytes(32)
            rows = file.execute("SELECT seq, kind, at, payload FROM journal ORDER BY seq").fetchall()
            for number, name, at, body in rows:
                previous = link(previous, number, name, at, body)
                file.execute("UPDATE journal SET hash = ? WHERE seq = ?", (previous, number))
            file.execute("UPDATE journal_head SET hash = ?", (previous,))
    file.close()
    seal_of(database).unlink(missing_ok=True)


def _sql(home: Path, statement: str) -> None:
    with sqlite3.connect(home / "desk.db") as file:
        file.execute(statement)
    file.close()
    seal_of(home / "desk.db").unlink(missing_ok=True)


def _marked(name: str, value: object, *, rechain: bool = False) -> Callable[[Path], None]:
    return lambda home: rewrite(
        home, "equity_marked", lambda told: told.update({name: value}), rechain=rechain
    )


def _without(name: str) -> Callable[[Path], None]:
    return lambda home: rewrite(home, "equity_marked", lambda told: told.pop(name), rechain=True)


def _lift(home: Path) -> None:
    rewrite(home, "halt_changed", lambda told: told["halt"].update({"state": "active"}), rechain=False)


def _wider(home: Path) -> None:
    def change(told: dict[str, Any]) -> None:
        told["configured"] = json.loads(json.dumps(told["configured"]).replace("0.05", "0.50"))

    rewrite(home, "limits_declared", change, rechain=False)


def _drop(kind: str) -> Callable[[Path], None]:
    newest = f"SELECT max(seq) FROM journal WHERE kind = '{kind}'"  # noqa: S608 - a word of this file
    return lambda home: _sql(home, f"DELETE FROM journal WHERE seq = ({newest})")  # noqa: S608


def _last_events(home: Path) -> None:
    """The loss is cut off, by somebody who forgot the head."""
    _sql(home, "DELETE FROM journal WHERE seq > (SELECT max(seq) - 5 FROM journal)")


def _unused_byte(home: Path) -> None:
    """A single byte far behind the events, in a file that was closed in good order."""
    content = bytearray((home / "desk.db").read_bytes())
    content[-1] ^= 1
    (home / "desk.db").write_bytes(bytes(content))


def _garbage(home: Path) -> None:
    (home / "desk.db").write_bytes(b"not a database" * 1000)
    seal_of(home / "desk.db").unlink(missing_ok=True)


def _beside(home: Path) -> None:
    aside_of(home / "desk.db").write_bytes(b'{"seq": 1, "kind": "halt_changed"}\n' + bytes(10))


def _config(text: str) -> Callable[[Path], None]:
    def write(home: Path) -> None:
        (home.parent / "desk.toml").write_text(text)

    return write


HARMS: dict[str, Harm] = {
    "the peak is lowered": Harm(_marked("peak", "1"), "does not match its hash"),
    "the start of day is lowered": Harm(_marked("day_start", "1"), "does not match its hash"),
    "the start of week is lowered": Harm(_marked("week_start", "1"), "does not match its hash"),
    "a halt is flipped": Harm(_lift, "does not match its hash"),
    "limits on record are widened": Harm(_wider, "does not match its hash"),
    "the newest mark is missing": Harm(_drop("equity_marked"), "missing"),
    "the halt is missing": Harm(_drop("halt_changed"), "does not match its head"),
    "the newest events are missing": Harm(_last_events, "does not match its head"),
    "a byte of the file is changed": Harm(_unused_byte, ""),
    "the file is garbage": Harm(_garbage, "not a database"),
    "the peak is NaN": Harm(_marked("peak", "NaN", rechain=True), "peak of NaN"),
    "the peak is zero": Harm(_marked("peak", "0", rechain=True), "peak of 0"),
    "the peak is missing": Harm(_without("peak"), "cannot be read"),
    "the start of day is NaN": Harm(_marked("day_start", "NaN", rechain=True), "day start of NaN"),
    "the start of week is NaN": Harm(_marked("week_start", "NaN", rechain=True), "week start of NaN"),
    "the equity is no number": Harm(_marked("equity", "much", rechain=True), "cannot be read"),
    "a price is NaN": Harm(
        lambda home: rewrite(
            home, "equity_marked", lambda told: told["prices"].update({"BTC/USDT": "NaN"}), rechain=True
        ),
        "cannot be marked",
    ),
    "what lies beside the database is garbage": Harm(_beside, "cannot be read"),
    "the limits are no TOML": Harm(_config("[risk\nmax_drawdown_fraction = 0.2"), "cannot be read", 4),
    "a limit is NaN": Harm(_config("[risk]\nmax_drawdown_fraction = nan"), "max_drawdown_fraction", 4),
    "a limit is infinite": Harm(_config("[risk]\nmax_drawdown_fraction = inf"), "max_drawdown_fraction", 4),
    "a limit is negative": Harm(_config("[risk]\nmax_drawdown_fraction = -0.2"), "max_drawdown_fraction", 4),
    "a limit is beyond its ceiling": Harm(_config("[risk]\nmax_leverage_ratio = 3"), "max_leverage_ratio", 4),
    "a limit is misspelt": Harm(_config("[risk]\nmax_drawdwn_fraction = 0.2"), "max_drawdwn_fraction", 4),
    "a limit is another kind": Harm(_config('[risk]\nrequire_stop = "perhaps"'), "require_stop", 4),
    "limits contradict each other": Harm(
        _config("[risk]\nmax_daily_loss_fraction = 0.19\nmax_drawdown_fraction = 0.1"),
        "contradict each other",
        4,
    ),
}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose desk ran 40 bars, was stopped and is halted."""
    folder = tmp_path_factory.mktemp("lived")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        capture = _NoCapture()
        desk = DeskLine(patch, capture)  # type: ignore[arg-type]  # nothing is read from it
        assert desk(*RUN, "--home", folder / "home").code == 0
        assert desk("halt", "stop", "--reason", "drill", "--home", folder / "home").code == 0
    return folder


class _NoCapture:
    def readouterr(self) -> Any:
        return type("Caught", (), {"out": "", "err": ""})


RUN = ("run", "--speed", "max", "--bars", "40", "--json")


@pytest.mark.parametrize("name", HARMS)
def test_a_desk_whose_state_was_harmed_does_not_start(
    name: str,
    lived: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    harm = HARMS[name]
    shutil.copytree(lived, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    desk = DeskLine(monkeypatch, capsys)
    harm.do(home)
    before = _count(home)
    for _ in range(2):  # nor the second time: nothing was mended by the first
        said = desk("run", "--speed", "max", "--bars", "80", "--home", home, "--json")
        assert said.code == harm.code, said.err
        assert harm.says in said.err
        assert _count(home) == before, "and nothing was done"


def _count(home: Path) -> int | None:
    try:
        with sqlite3.connect(home / "desk.db") as file:
            (events,) = file.execute("SELECT count(*) FROM journal").fetchone()
            return int(events)
    except sqlite3.DatabaseError:
        return None
    finally:
        file.close()


def test_an_unharmed_home_starts_and_its_halt_stands(
    lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The control: without harm the same commands run, and the halt of the earlier life holds."""
    shutil.copytree(lived, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    desk = DeskLine(monkeypatch, capsys)
    told = desk("run", "--speed", "max", "--bars", "80", "--home", tmp_path / "home", "--json")
    assert told.code == 0, told.err
    assert (told.told["bars"], told.told["cycles"], told.told["orders"]) == (80, 0, 0)
    assert desk("status", "--home", tmp_path / "home", "--json").told["halt"]["state"] == "halted"
