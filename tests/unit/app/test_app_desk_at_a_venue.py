"""The whole desk as a process against a simulated exchange on this machine, with only its address changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from domain.events import CycleRecorded, Notice, OrderUnknown, SessionStarted
from memory.journal import SqliteJournal
from tests.unit.app.rehearsing import SECRET, desk_process, exchange

SPEED = 200
_MOST = 4
# What trends at this hour of the day is chance; equal weights, tilted by the agents, are bought at any.
TRADES = {
    "DESK_ALLOCATION__MODE": "tilt",
    "DESK_ALLOCATION__METHOD": "equal",
    "DESK_ALLOCATION__LOOKBACK_BARS": "60",
}


@pytest.mark.parametrize("venue", ["binance", "gate"])
def test_the_full_agent_loop_runs_with_only_the_address_changed(venue: str, tmp_path: Path) -> None:
    with exchange(venue, speed=float(SPEED)) as there:
        words = ("--venue", f"{venue}-testnet", "--venue-url", there.url, "--speed", SPEED)
        asked = ("run", *words, "--bars", 1, "--json")
        settings = {**there.environment, **TRADES}
        ended = desk_process(tmp_path, *asked, **settings)
        assert ended.returncode == 0, ended.stderr
        told = json.loads(ended.stdout)
        assert told["bars"] == told["cycles"] == 1
        assert told["unknown_orders"] == 0
        cycles = 1
        for _ in range(_MOST):  # each goes on where the last one stopped
            again = desk_process(tmp_path, *asked, **settings)
            assert again.returncode == 0, again.stderr
            resumed = json.loads(again.stdout)
            cycles += 1
            assert resumed["resumed"] is True
            assert resumed["session"] == told["session"]
            assert resumed["bars"] == cycles
            assert resumed["orders"] == there.summary.events["new"]
            if resumed["orders"]:
                break
        assert resumed["orders"] > 0
        assert SECRET not in ended.stderr + ended.stdout + again.stderr

    home = tmp_path / "home"
    assert (home / "mode").read_text().strip() == f"{venue}-testnet"
    journal = SqliteJournal(home / "desk.db", read_only=True)
    journal.verify()
    events = [event for _, event in journal.events()]
    journal.close()
    started = events[0]
    assert isinstance(started, SessionStarted)
    assert started.mode == "testnet"
    assert sum(isinstance(event, CycleRecorded) for event in events) == cycles
    assert not [event for event in events if isinstance(event, OrderUnknown)]
    assert not [event for event in events if isinstance(event, Notice) and event.level == "error"]
