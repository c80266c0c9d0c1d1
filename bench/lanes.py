"""The same measurement in the compiled lane: a process of its own, for one process is one lane.

`python -m bench.lanes STORE MODULE` runs `bench.MODULE.of_a_lane()` with the order path compiled, and prints
JSON.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final, Protocol, cast

from app import native, native_build
from bench.result import Result

STORE: Final = native.ROOT / "build" / "native"


class OfALane(Protocol):
    """A benchmark module with a part that depends on the lane."""

    @staticmethod
    def of_a_lane() -> list[Result]: ...


def compiled(module: str) -> list[Result]:
    """What `bench.<module>` measures with the order path compiled; the names end in `_native`.

    Builds it first if need be. Raises ConfigError when that is not possible.
    """
    native_build.build(STORE)
    ran = subprocess.run(
        [sys.executable, "-m", "bench.lanes", str(STORE), module],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = [Result(**entry) for entry in json.loads(ran.stdout.splitlines()[-1])]
    return [replace(each, name=f"{each.name}_native") for each in told]


def main(store: str, module: str) -> None:
    native.activate(Path(store), needed=True)
    measured = cast(OfALane, importlib.import_module(f"bench.{module}")).of_a_lane()
    print(json.dumps([asdict(result) for result in measured]))


if __name__ == "__main__":
    main(*sys.argv[1:])
