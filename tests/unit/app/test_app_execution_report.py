"""`desk execution`: the text as it is printed, and what a script reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.commands.execution import By, known_key, show_execution
from app.home import Home
from domain.errors import ConfigError, NotFound
from memory.database import open_database
from memory.journal import SqliteJournal
from tests.unit.execution.quality_story import story

GOLDEN = Path(__file__).parent / "golden_execution.txt"


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """A home whose journal tells the story."""
    home = Home(tmp_path)
    open_database(home.database).dispose()
    journal = SqliteJournal(home.database)
    for event in story():
        journal.append(event)
    journal.commit()
    journal.close()
    return tmp_path


def test_the_text_is_this(told: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for by in ("venue", "symbol", "algorithm"):
        show_execution(told, False, symbol=None, by=by)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == GOLDEN.read_text(encoding="utf-8").splitlines()


def test_json_has_every_figure_and_no_rounding_of_money(
    told: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_execution(told, True, symbol="ETH/USDT", by="algorithm")
    seen = json.loads(capsys.readouterr().out)
    assert (seen["session"], seen["currency"], seen["running"], seen["vetoed"]) == ("s", "USDT", False, 0)
    (row,) = seen["rows"]
    assert (row["key"], row["shortfall"], row["fill_rate"]) == ("twap", "110.00", "0.5000")
    assert row["to_fill"] == {"count": 0, "p50": None, "p95": None, "p99": None}


def test_a_symbol_that_was_never_traded_is_not_found(told: Path) -> None:
    with pytest.raises(NotFound, match="DOGE/USDT"):
        show_execution(told, False, symbol="DOGE/USDT", by="venue")


@pytest.mark.parametrize("by", ["venue", "symbol", "algorithm"])
def test_what_rows_can_be_made_by(by: By) -> None:
    assert known_key(by) == by


def test_nothing_else_can() -> None:
    with pytest.raises(ConfigError, match="'agent' is nothing to group by"):
        known_key("agent")
