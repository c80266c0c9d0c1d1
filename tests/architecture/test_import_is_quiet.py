"""Nothing happens at import: no connection, no name looked up, no file left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, room_files

# The interpreter itself reports these, from Python and from C, so no library can go around it.
WATCH = """
import importlib, json, sys
seen = []
watched = {"socket." + name for name in ("connect", "getaddrinfo", "gethostbyname", "sendto")}
def hook(event, arguments):
    if event in watched:
        seen.append([event, repr(arguments)])
sys.addaudithook(hook)
"""
IMPORT_ALL = WATCH + "for name in sys.argv[1:]: importlib.import_module(name)\nprint(json.dumps(seen))"
RUN_DESK = (
    WATCH
    + """
from app.cli import main
sys.argv = ["desk", *sys.argv[1:]]
try:
    main()
finally:
    print("\\n" + json.dumps(seen))
"""
)


def _modules() -> list[str]:
    migrations = ROOT / "memory" / "migrations"  # scripts that Alembic runs, not modules
    found = []
    for path in room_files():
        if migrations not in path.parents:
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


def _python(script: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in an empty home, with an environment that sets nothing: defaults must be quiet."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_every_room_opens_no_socket_and_leaves_no_file(tmp_path: Path) -> None:
    modules = _modules()
    assert len(modules) > 15
    ran = _python(IMPORT_ALL, *modules, folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == []
    assert list(tmp_path.rglob("*")) == []


def test_running_the_desk_without_a_key_reaches_for_nothing(tmp_path: Path) -> None:
    """Not even a name is looked up: the simulated market and the baselines live in this process."""
    ran = _python(RUN_DESK, "run", "--bars", "30", "--speed", "max", "--json", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    report, watched = ran.stdout.strip().rsplit("\n", 1)
    assert json.loads(report)["bars"] == 30
    assert json.loads(watched) == []


@pytest.mark.parametrize(
    "act",
    [
        "import socket; s = socket.socket(); s.settimeout(0.01); s.connect_ex(('127.0.0.1', 9))",
        "import socket; socket.getaddrinfo('localhost', 80)",
    ],
)
def test_the_watch_sees_a_connection_attempt(act: str, tmp_path: Path) -> None:
    ran = _python(WATCH + act + "\nprint(json.dumps(seen))", folder=tmp_path)
    assert json.loads(ran.stdout), ran.stderr
