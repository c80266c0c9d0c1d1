"""A few kills in every test run; many more by hand, see kill_nine.py."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.faults.kill_nine import command, torture

SEED = 11


def test_a_desk_that_is_killed_again_and_again_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    found = torture(tmp_path / "killed", kills=6, more_bars=150, seed=SEED, longest=2.0)
    assert found.bars >= 150
    assert found.fills > 0
    calm = subprocess.run(
        command(tmp_path / "calm", found.bars, SEED), capture_output=True, text=True, check=True
    )
    assert found.fingerprint == json.loads(calm.stdout)["fingerprint"]
