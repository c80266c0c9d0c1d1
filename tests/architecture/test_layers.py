"""Who may import whom, and that the contract, the document and the folders speak of the same rooms."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.architecture.tree import ROOT, pyproject, rooms

LINT = str(Path(sys.executable).parent / "lint-imports")


def _layers() -> list[str]:
    contracts = pyproject()["tool"]["importlinter"]["contracts"]
    return next(contract["layers"] for contract in contracts if contract["id"] == "layers")


def test_rooms_import_only_rooms_below_them() -> None:
    told = subprocess.run(
        [LINT, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_contract_covers_every_room() -> None:
    in_layers = sorted(name for layer in _layers() for name in layer.split(" | "))
    assert in_layers == list(rooms())
    assert sorted(pyproject()["tool"]["importlinter"]["root_packages"]) == list(rooms())


def test_the_document_draws_the_layers_that_are_checked() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    drawn = re.search(r"## Layers.*?```\n(.*?)```", text, re.DOTALL)
    assert drawn
    assert drawn.group(1).split("\n")[:-1] == _layers()


def test_a_room_that_reaches_upwards_is_caught(tmp_path: Path) -> None:
    """The same contract over a small copy of the house in which risk imports the order desk."""
    for room in rooms():
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(
        (ROOT / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    (tmp_path / "risk" / "gate.py").write_text("import execution\n", encoding="utf-8")
    told = subprocess.run(
        [LINT, "--no-logo", "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert told.returncode == 1
    assert "risk is not allowed to import execution" in told.stdout
