"""Time comes from a Clock, and settings from one module: no other file may ask the machine."""

from __future__ import annotations

import pytest

from tests.architecture.sources import mentions, offences
from tests.architecture.tree import ROOT, room_files

CLOCK = ROOT / "domain" / "clock.py"
SETTINGS = ROOT / "app" / "settings.py"

WALL_TIME = frozenset(
    {
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
        "time.time",
        "time.time_ns",
        "time.gmtime",
        "time.localtime",
        "time.ctime",
        "pandas.Timestamp.now",
        "pandas.Timestamp.utcnow",
        "pandas.Timestamp.today",
    }
)
ENVIRONMENT = frozenset({"os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv", "os.unsetenv"})


def test_only_the_clock_asks_for_the_time_of_day() -> None:
    assert offences((path for path in room_files() if path != CLOCK), WALL_TIME) == []


def test_the_clock_really_is_where_the_time_comes_from() -> None:
    assert offences(iter([CLOCK]), WALL_TIME)


def test_only_settings_reads_the_environment() -> None:
    assert offences((path for path in room_files() if path != SETTINGS), ENVIRONMENT) == []


def test_settings_really_is_where_the_environment_is_read() -> None:
    assert offences(iter([SETTINGS]), ENVIRONMENT)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from datetime import datetime\ndatetime.now()", "datetime.datetime.now"),
        ("import datetime as dt\ndefault = dt.datetime.utcnow", "datetime.datetime.utcnow"),
        ("from datetime import date as day\nday.today()", "datetime.date.today"),
        ("import time\ntime.time()", "time.time"),
        ("from time import time_ns", "time.time_ns"),
        ("import pandas as pd\npd.Timestamp.now('UTC')", "pandas.Timestamp.now"),
        ("import os\nos.environ['HOME']", "os.environ"),
        ("from os import getenv as ask\nask('HOME')", "os.getenv"),
    ],
)
def test_the_search_sees_through_aliases(source: str, found: str) -> None:
    assert found in {name for _, name in mentions(source, WALL_TIME | ENVIRONMENT)}


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.perf_counter()\ntime.monotonic()\ntime.sleep(1)",
        "from datetime import datetime\ndatetime.fromisoformat('2021-01-01')",
        "clock.now()",
        "now = feed.now\ntime = 3",
    ],
)
def test_the_search_leaves_durations_and_clock_ports_alone(source: str) -> None:
    assert list(mentions(source, WALL_TIME | ENVIRONMENT)) == []
