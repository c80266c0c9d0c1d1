"""kill -9 at every boundary of the journal, for every story, on paper and at simulated exchanges on the wire.

`python -m tests.faults.boundary_kills --all` kills at every moment there is and prints a table;
`--every 40 --offset 7` at some. `--place` and `--story` choose, also the whole desk: `--place desk`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.faults.forking import apart, warm_up
from tests.faults.kill_desk import kill_the_desk
from tests.faults.kill_life import TOLD
from tests.faults.kill_table import HEAD, Killed, row, total
from tests.faults.killing import NEEDED, PAPER, PLACES, kill_everywhere

DESK = "desk"
NEVER = {(PAPER, "moved while filling")}
"""On paper nothing fills in part while it is being moved."""


def kill_all(places: list[str], stories: list[str], every: int, offset: int) -> Iterator[Killed]:
    """Every wanted story at every wanted place, one after the other."""
    for place in places:
        for story in stories if place != DESK else ["session"]:
            if (place, story) in NEVER:
                continue
            began = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                if place == DESK:
                    told = kill_the_desk(Path(folder), every=every, offset=offset)
                else:
                    told = kill_everywhere(place, story, Path(folder), every=every, offset=offset)
            yield replace(told, seconds=time.perf_counter() - began)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--all", action="store_true", help="every moment, not a sample")
    parser.add_argument("--every", type=int, default=40, metavar="N", help="every Nth moment")
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--place", action="append", choices=[*PLACES, DESK])
    parser.add_argument("--story", action="append", choices=list(TOLD))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if not told.here:
        return apart("tests.faults.boundary_kills", ["--here", *sys.argv[1:]]).returncode
    warm_up(NEEDED)
    rows = []
    print(HEAD, flush=True)
    places, stories = told.place or [*PLACES, DESK], told.story or list(TOLD)
    for each in kill_all(places, stories, 1 if told.all else told.every, told.offset):
        print(row(each), flush=True)
        rows.append(each)
    print(total(rows))
    return 1 if any(each.wrong or not each.kills for each in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
