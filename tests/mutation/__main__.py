"""Run it: `python -m tests.mutation [--only risk/losses.py] [--jobs 2] [--json FILE] [what pytest takes]`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.mutation.run import Mutating, report

ROOT = Path(__file__).parents[2]
TESTS = ("tests/unit/risk", "tests/properties")


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    words.add_argument(
        "--only", action="append", default=[], help="a file, or a folder, below the repository"
    )
    words.add_argument("--kind", action="append", default=[], choices=("flip", "edge", "limit", "return"))
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--seconds", type=float, default=120.0, help="a mutant that hangs counts as killed")
    words.add_argument("--json", type=Path)
    words.add_argument("tests", nargs="*", default=list(TESTS))
    told, more = words.parse_known_args()
    import pytest

    plugin = Mutating(ROOT, tuple(told.only or ["risk"]), tuple(told.kind), told.jobs, told.seconds)
    code = pytest.main(
        ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-n", "0", "-x", *more, *told.tests],
        plugins=[plugin],
    )
    if plugin.results is None:
        return int(code) or 1
    print(report(plugin.results))
    if told.json is not None:
        rows = [{"mutant": each.name, "kind": each.kind, "end": end} for each, end in plugin.results.items()]
        told.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


sys.exit(main())
