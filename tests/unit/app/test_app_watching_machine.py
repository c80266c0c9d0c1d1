"""What only exists where time is real: the disk, the journal's pace, the age of prices, the venue's clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import isnan
from pathlib import Path

import pytest

from app.watching_machine import Machine, TimedJournal, free_bytes
from domain.events import Notice
from memory.journal import MemoryJournal
from tests.unit.app.watching_stage import BTC, HOUR, SECOND, START, USDC, Market, Stage


class Commits(MemoryJournal):
    """A journal whose commits take as long as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0
        self.takes = 0.0

    def commit(self) -> None:
        self.time += self.takes
        super().commit()


def machine(
    market: Market, folder: Path | None = None, free: int = 100
) -> tuple[Machine, Commits, list[int]]:
    commits, asked = Commits(), [free]

    def read(path: Path) -> int:
        asked.append(asked[0])
        if asked[0] < 0:
            raise OSError("the disk is gone")
        return asked[0]

    timed = TimedJournal(commits, counter=lambda: commits.time)
    made = Machine(feed=market, folder=folder, needed_bytes=100, journal=timed, free=read)
    return made, commits, asked


def measured(one: Machine, now: datetime = START) -> dict[tuple[str, str], float]:
    return {(kind, scope): value for kind, scope, value in one.measures(now)}


def test_what_is_measured_where_time_is_real() -> None:
    one, _, _ = machine(Market())
    assert measured(one, START + 7 * SECOND) == {
        ("stale_feed", BTC): 7.0,
        ("stale_feed", USDC): 7.0,
        ("slow_journal", ""): 0.0,
    }


def test_the_clocks_drift_is_known_once_the_venue_told_its_time() -> None:
    one, _, _ = machine(Market())
    one.drifted(None)
    assert ("clock_skew", "") not in measured(one)
    one.drifted(timedelta(seconds=-3))
    one.drifted(None)
    assert measured(one)["clock_skew", ""] == 3.0


def test_where_time_runs_faster_seconds_are_those_of_this_machine() -> None:
    one = Machine(
        feed=Market(),
        folder=None,
        needed_bytes=1,
        journal=TimedJournal(Commits()),
        speed=10.0,
        free=lambda _: 1,
    )
    one.drifted(timedelta(seconds=30))
    told = measured(one, START + 20 * SECOND)
    assert (told["clock_skew", ""], told["stale_feed", BTC]) == (3.0, 2.0)


def test_the_longest_of_the_last_twenty_commits() -> None:
    commits = Commits()
    timed = TimedJournal(commits, counter=lambda: commits.time)
    assert timed.longest() == 0.0
    commits.takes = 3.0
    timed.commit()
    commits.takes = 0.5
    for _ in range(19):
        timed.commit()
    assert timed.longest() == 3.0
    timed.commit()
    assert timed.longest() == 0.5


def test_a_timed_journal_keeps_what_it_is_given() -> None:
    commits = Commits()
    timed = TimedJournal(commits)
    timed.append(Notice("info", "test", "x", START))
    timed.commit()
    assert len(list(commits.events())) == 1


@pytest.mark.parametrize(("free", "opens"), [(101, False), (100, True), (1, True), (-1, True)])
def test_a_full_disk_opens_its_breaker(free: int, opens: bool, tmp_path: Path) -> None:
    market = Market()
    one, _, _ = machine(market, tmp_path, free)
    stage = Stage(machine=one, market=market)
    market.quoted = START + HOUR
    assert (stage.bar() == ["disk_full"]) is opens


def test_a_disk_that_cannot_be_asked_is_a_bad_one_and_is_asked_once_a_minute(tmp_path: Path) -> None:
    one, _, asked = machine(Market(), tmp_path, -1)
    assert isnan(measured(one)["disk_full", ""])
    assert isnan(measured(one, START + 59 * SECOND)["disk_full", ""])
    assert len(asked) == 2
    asked[0] = 50
    assert measured(one, START + 60 * SECOND)["disk_full", ""] == 2.0


def test_this_disk_has_room(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) > 0


@pytest.mark.parametrize(("age", "opens"), [(119, False), (120, True)])
def test_prices_that_grow_old_open_a_breaker_between_two_bars(age: int, opens: bool) -> None:
    market = Market()
    one, _, _ = machine(market)
    stage = Stage(machine=one, market=market)
    market.quoted = START + HOUR
    assert stage.bar() == []
    expected = [f"stale_feed:{BTC}", f"stale_feed:{USDC}"] if opens else []
    assert stage.look(age * SECOND) == expected


def test_restoring_measures_nothing_of_this_machine(tmp_path: Path) -> None:
    market = Market()
    one, _, asked = machine(market, tmp_path, -1)
    stage = Stage(machine=one, market=market)
    stage.watch.restore([Notice("info", "test", "x", START)])
    assert len(asked) == 1
    assert stage.watch.machine is one
