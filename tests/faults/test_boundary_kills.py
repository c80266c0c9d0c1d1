"""Real SIGKILLs at chosen boundaries of the journal; all boundaries by hand, see boundary_kills.py."""

from __future__ import annotations

from pathlib import Path

from tests.faults.boundary_kills import by_name, kill_at, run

CHOSEN = [
    ("after order_submitted", 3),  # sent or not: only the venue knows
    ("before order_filled", 5),
    ("after stop_armed", 7),  # the new stop stands, the old one as well
]


def test_a_desk_killed_at_a_boundary_ends_as_one_nobody_disturbed(tmp_path: Path) -> None:
    code, calm, names = run(tmp_path / "calm", None)
    assert code == 0
    moments = by_name(names, CHOSEN)
    assert kill_at(tmp_path, moments, calm["fingerprint"]) == len(CHOSEN)
