"""`desk --help` answers at once because it loads next to nothing; this list is what it may load."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT, rooms

OWN_MODULES = {
    "app",
    "app.breakers_line",
    "app.cli",
    "app.limits_line",
    "app.native",
    "app.portfolio_line",
    "app.risk_line",
    "app.work_line",
    "domain",
    "domain.errors",
}
LIBRARIES = {"typer", "annotated_doc", "shellingham"}
# Typer asks pydantic, when it is installed, about the type of a verb's options.
LIBRARIES_FOR_OPTIONS = {
    "pydantic",
    "pydantic_core",
    "annotated_types",
    "typing_extensions",
    "typing_inspection",
}
OF_THE_INTERPRETER = {"__main__", "_distutils_hack", "sitecustomize", "usercustomize"}
PREFIXES_OF_THE_INTERPRETER = ("_sysconfigdata_", "__editable__")

DUMP = """
import json, sys
sys.argv = ["desk", *sys.argv[1:]]
from app.cli import main
try:
    main()
except SystemExit as leave:
    code = leave.code or 0
json.dump({"code": code, "modules": sorted(sys.modules)}, sys.stderr)
"""


def _loaded_by(*arguments: str) -> tuple[str, set[str]]:
    ran = subprocess.run(
        [sys.executable, "-c", DUMP, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    told = json.loads(ran.stderr)
    assert told["code"] == 0
    return ran.stdout, set(told["modules"])


def _third_party(modules: set[str]) -> set[str]:
    tops = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - set(rooms())
    return {name for name in tops - OF_THE_INTERPRETER if not name.startswith(PREFIXES_OF_THE_INTERPRETER)}


def test_desk_help_loads_only_what_is_listed_here() -> None:
    said, modules = _loaded_by("--help")
    assert "Usage: desk" in said
    assert {name for name in modules if name.partition(".")[0] in rooms()} == OWN_MODULES
    assert _third_party(modules) <= LIBRARIES


@pytest.mark.parametrize("verb", ["run", "backtest", "status", "journal"])
def test_the_help_of_a_verb_loads_no_room_that_works(verb: str) -> None:
    said, modules = _loaded_by(verb, "--help")
    assert f"Usage: desk {verb}" in said
    assert {name for name in modules if name.partition(".")[0] in rooms()} == OWN_MODULES
    assert _third_party(modules) <= LIBRARIES | LIBRARIES_FOR_OPTIONS
