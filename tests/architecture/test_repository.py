"""The shape of the repository: what is listed is what is there."""

from __future__ import annotations

import ast
import re
import tokenize
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.tree import NOT_ROOMS, ROOT, named, own_files, pyproject, room_files, rooms

MOST_LINES = 400


def _packages_on_disk() -> set[str]:
    return {
        ".".join(path.parent.relative_to(ROOT).parts)
        for room in rooms()
        for path in (ROOT / room).rglob("__init__.py")
    }


def test_pyproject_lists_exactly_the_packages_that_exist() -> None:
    listed = pyproject()["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(_packages_on_disk())


def test_every_top_folder_with_python_in_it_is_a_room() -> None:
    with_python = {path.parent.name for path in ROOT.glob("*/*.py")}
    assert {name for name in with_python if not name.startswith(".")} - NOT_ROOMS == set(rooms())


def test_every_python_file_of_a_room_lies_in_a_package() -> None:
    homeless = [named(path) for path in room_files() if not (path.parent / "__init__.py").exists()]
    assert homeless == []


@pytest.mark.parametrize("path", [p for p in room_files() if p.name == "__init__.py"], ids=named)
def test_init_files_hold_only_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


def test_no_file_is_long() -> None:
    lengths = {
        named(path): path.read_text(encoding="utf-8").count("\n")
        for path in own_files(".py", ".js", ".css", ".html")
    }
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_file_is_a_drawer_for_everything() -> None:
    names = ("utils.py", "helpers.py", "common.py", "misc.py")
    assert [named(path) for path in own_files(".py") if path.name in names] == []


def test_every_silenced_type_error_names_its_code() -> None:
    bare = []
    for path in own_files(".py"):
        with path.open("rb") as file:
            for token in tokenize.tokenize(file.readline):
                if token.type == tokenize.COMMENT and re.search(r"type:\s*ignore(?!\[)", token.string):
                    bare.append(f"{named(path)}:{token.start[0]}")
    assert bare == []


def _pins() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, version = line.partition("==")
            found[canonicalize_name(name)] = version
    return found


def test_every_dependency_is_locked_to_one_version_that_satisfies_it() -> None:
    project, pins = pyproject()["project"], _pins()
    wanted = [*project["dependencies"], *pyproject()["build-system"]["requires"]]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    for requirement in map(Requirement, wanted):
        version = pins.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} has no line in constraints.txt"
        assert requirement.specifier.contains(version), f"{requirement} is locked to {version}"
