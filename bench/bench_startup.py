"""How long `desk --help` takes, from the shell's point of view."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.result import Context, Result, alone

RUNS = 15
GOAL_SECONDS = 0.5


def seconds_of(command: list[str]) -> float:
    """Wall time of one run. Raises CalledProcessError when the command fails."""
    began = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - began


def run(context: Context) -> list[Result]:
    """The median of several runs, after one that lets Python compile."""
    command = [str(Path(sys.executable).with_name("desk")), "--help"]
    seconds_of(command)
    return [
        alone(
            "startup",
            statistics.median(seconds_of(command) for _ in range(RUNS)),
            "s",
            at_most=GOAL_SECONDS,
        )
    ]
