"""Real SIGKILLs at a sample of all moments; at all of them by hand, see boundary_kills.py."""

from __future__ import annotations

import pytest

from tests.faults.boundary_kills import DESK
from tests.faults.forking import apart
from tests.faults.killing import PLACES

STORIES = [f"--story={story}" for story in ("single", "bracket", "twap")]
SAMPLES = {
    "stories": ([*(f"--place={place}" for place in PLACES), *STORIES, "--every=71", "--offset=9"], 25),
    "the whole desk": ([f"--place={DESK}", "--every=83", "--offset=31"], 7),
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_desk_killed_at_a_boundary_ends_as_one_nobody_disturbed(sample: str) -> None:
    options, least = SAMPLES[sample]
    done = apart("tests.faults.boundary_kills", ["--here", *options], keep=True)
    told = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, told
    name, _, _, kills, same, _ = done.stdout.splitlines()[-1].split()
    assert name == "all", told
    assert int(kills) == int(same) >= least, told
