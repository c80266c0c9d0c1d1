"""The order path as machine code: mypyc compiles the very files that stand here, nothing is written twice.

A build lies in `.native/`, in a folder named after the text of every file it could have been made of and the
Python it is for. When a file changes, the name changes and the desk is plain Python again until the next
build: an old build is never used. `make native` builds; removing `.native` undoes it.

This module is loaded by `desk --help` and imports next to nothing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final

from domain.errors import ConfigError

ROOT: Final = Path(__file__).resolve().parents[1]
STORE: Final = ROOT / ".native"
ROOMS: Final = (
    "domain",
    "prompts",
    "portfolio",
    "market",
    "llm",
    "risk",
    "simulator",
    "memory",
    "execution",
)
"""What the compiled modules may import: a constant of any of these can be part of the machine code."""
MODULES: Final = (
    *(f"risk.{name}" for name in ("breaches", "case", "facts", "form", "gate", "history", "losses")),
    *(f"risk.rules_{name}" for name in ("market", "order", "size", "time")),
    *(f"portfolio.{name}" for name in ("ledger", "portfolio", "position")),
    *(f"simulator.{name}" for name in ("admission", "costs", "filling", "matching", "purse", "register")),
    "simulator.resting",
    *(f"execution.{name}" for name in ("book", "book_facts", "facts", "market_facts", "paper")),
    *(f"execution.{name}" for name in ("order_desk", "reconciling", "sending", "settling")),
)
"""What is compiled. Not the approval that the gate hands out, nor the messages: those stay as written."""


def build_name() -> str:
    """The name of the build of the files that stand here, for the Python that runs."""
    digest = hashlib.sha256(f"{EXTENSION_SUFFIXES[0]} {sys.version}".encode())
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    for path in sorted([*files, *(ROOT / "app").glob("native*.py")]):  # how it is built counts too
        text = path.read_bytes()
        digest.update(f"\n{path.relative_to(ROOT).as_posix()} {len(text)}\n".encode())
        digest.update(text)
    return digest.hexdigest()[:32]


def activate(store: Path = STORE, *, needed: bool = False) -> bool:
    """Import the compiled modules from now on, if there is a build of exactly these files; whether it does.

    A process that has imported one of them before stays as it is: half of each would be neither. Raises
    ConfigError when the lane is `needed` and cannot be had.
    """
    if active():
        return True
    folder = store / build_name() if store.is_dir() else store
    if folder == store or not folder.is_dir():
        if needed:
            raise ConfigError(f"{store} has no build of the order path as it is now", fix="Run make native")
        return False
    early = [name for name in MODULES if name in sys.modules]
    if early:
        if needed:
            raise ConfigError(f"{', '.join(early)} was imported before the compiled lane was chosen")
        return False
    sys.meta_path.insert(0, _Finder(_modules(folder)))
    return True


def active() -> bool:
    """Whether this process imports the compiled modules."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


def _modules(folder: Path) -> Mapping[str, Path]:
    """The modules of a build by name, the part that they share included."""
    suffix = EXTENSION_SUFFIXES[0]
    names = (path.relative_to(folder).as_posix() for path in folder.rglob(f"*{suffix}"))
    return {name.removesuffix(suffix).replace("/", "."): folder / name for name in names}


class _Finder:
    """Finds the modules of one build, and no others."""

    def __init__(self, modules: Mapping[str, Path]) -> None:
        self._modules = modules

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        where = self._modules.get(name)
        if where is None:
            return None
        return importlib.util.spec_from_file_location(
            name, where, loader=ExtensionFileLoader(name, str(where))
        )
