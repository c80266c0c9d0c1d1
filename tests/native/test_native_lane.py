"""The compiled order path: held to the tests and decisions of the plain one, used only while it fits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app import native, native_build
from domain.errors import ConfigError
from tests.architecture.tree import ROOT

STORE = ROOT / "build" / "native"
"""Kept between runs of the suite; `make clean` removes it."""
HELD = ("tests/unit/risk", "tests/unit/portfolio", "tests/scenarios", "tests/properties")
"""Rooms of tests that lead through every rule of the gate, the books and the desk."""
DESK = """
import sys
from pathlib import Path
from app import native
store = sys.argv.pop(1)
native.activate(Path(store), needed=store != "plain")
native.activate = native.active  # what stands beside the files is no part of this
from app.cli import main
import risk.gate
print(risk.gate.__file__.rpartition(".")[2], file=sys.stderr)
main()
"""
MESSAGES = """
@quick
@dataclass(frozen=True, slots=True)
class Held:
    'What is held.'
    size: int
    at: int = 3

@dataclass(frozen=True, slots=True)
class Other:
    size: int
"""


@pytest.fixture
def store() -> Path:
    native_build.build(STORE)
    return STORE


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=500, check=False
    )


@pytest.mark.timeout(600)
def test_the_compiled_order_path_keeps_the_tests_of_the_plain_one(store: Path) -> None:
    ran = python("-m", "pytest", "-p", "no:cacheprovider", "-n", "0", "--native-in", str(store), *HELD)
    assert ran.returncode == 0, ran.stdout[-4000:]


@pytest.mark.timeout(600)
def test_it_trades_as_the_plain_one_does_to_the_last_digit(store: Path, tmp_path: Path) -> None:
    def traded(lane: str) -> Any:
        ran = python("-c", DESK, lane, "backtest", "--bars", "1500", "--seed", "3", "--json")
        assert ran.returncode == 0, ran.stderr
        told = json.loads(ran.stdout)
        return ran.stderr.split()[0], {name: told[name] for name in ("fingerprint", "fills", "equity_final")}

    plain, compiled = traded("plain"), traded(str(store))
    assert (plain[0], compiled[0]) == ("py", "so")
    assert plain[1] == compiled[1]
    assert int(plain[1]["fills"]) > 20


def test_a_build_is_of_the_files_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "ROOT", tmp_path)
    (tmp_path / "risk").mkdir()
    rule = tmp_path / "risk" / "rule.py"
    names = []
    for text in ("LIMIT = 1", "LIMIT = 2", "LIMIT = 1"):
        rule.write_text(text)
        names.append(native.build_name())
    assert names[0] == names[2] != names[1]
    rule.rename(tmp_path / "risk" / "other.py")
    assert native.build_name() not in names


def test_without_a_build_of_these_files_the_desk_is_plain_python(tmp_path: Path) -> None:
    assert native.activate(tmp_path) is native.active()
    if native.active():
        return
    (tmp_path / "of-other-files").mkdir()
    assert not native.activate(tmp_path)
    with pytest.raises(ConfigError, match="make native"):
        native.activate(tmp_path, needed=True)


@pytest.mark.skipif(native.active(), reason="this process runs the compiled lane already")
def test_a_desk_is_never_half_compiled(tmp_path: Path) -> None:
    import risk.gate

    assert risk.gate.__name__ in native.MODULES
    (tmp_path / native.build_name()).mkdir()
    assert not native.activate(tmp_path)
    with pytest.raises(ConfigError, match=r"risk\.gate.* was imported before"):
        native.activate(tmp_path, needed=True)
    assert not native.active()


def test_a_missing_compiler_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ConfigError, match=r"compiler .* is missing") as failed:
        native_build.build(tmp_path / "store")
    assert "apt-get install -y gcc" in str(failed.value)


def test_missing_headers_are_named_with_what_installs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"include": str(tmp_path)})
    with pytest.raises(ConfigError, match=r"headers of this Python are missing: .*Python\.h") as failed:
        native_build.build(tmp_path / "store")
    assert "python3-dev" in str(failed.value)


def test_a_build_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_build, "_STEPS", "import sys\nsys.exit('error: no room left')")
    with pytest.raises(ConfigError, match="could not be compiled: error: no room left"):
        native_build.build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_the_messages_of_the_gate_are_spelled_out_for_the_compiler() -> None:
    told = native_build.spelled_out(MESSAGES)
    assert told.splitlines() == [
        "@dataclass(frozen=True)",
        "class Held:",
        '    """What is held."""',
        "    size: int",
        "    at: int = 3",
        "",
        "    def __init__(self, size: int, at: int=3) -> None:",
        "        self.size = size",
        "        self.at = at",
        "",
        "@dataclass(frozen=True, slots=True)",
        "class Other:",
        "    size: int",
    ]
