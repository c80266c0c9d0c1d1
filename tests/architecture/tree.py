"""What the architecture tests read: the rooms, their files, and pyproject."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# Folders at the top of the repository that hold Python but are no room of the application.
NOT_ROOMS = frozenset({"tests", "bench", "build", "docs"})


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def rooms() -> tuple[str, ...]:
    """Top-level packages, by their folders."""
    found = (path.parent.name for path in ROOT.glob("*/__init__.py"))
    return tuple(sorted(name for name in found if name not in NOT_ROOMS))


def room_files() -> Iterator[Path]:
    """Every Python file of the application."""
    for room in rooms():
        yield from sorted((ROOT / room).rglob("*.py"))


def own_files(*suffixes: str) -> Iterator[Path]:
    """Every file of the project with one of these suffixes: rooms, tests and benches, nothing vendored."""
    for folder in (*rooms(), "tests", "bench"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes and "vendor" not in path.parts and path.is_file():
                yield path


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
