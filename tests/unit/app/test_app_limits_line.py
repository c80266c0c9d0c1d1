"""`desk limits` and the rest of the command line, without a running desk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.app.desk_line import DeskLine
from tests.unit.app.limits_stage import DAILY


@pytest.fixture
def home(desk: DeskLine, tmp_path: Path) -> Path:
    (tmp_path / "desk.toml").write_text('[risk]\nmax_weekly_loss_fraction = "0.12"\n')
    assert desk("run", "--speed", "max", "--bars", "2").code == 0
    return tmp_path


def test_the_start_says_the_limits_in_force(desk: DeskLine, home: Path) -> None:
    told = desk("run", "--speed", "max", "--bars", "3", "--new")
    shown = desk("limits", "--json").told
    assert f"Limits {shown['hash'][:12]}: order 25000, position 0.3" in told.err
    assert "desk limits shows all" in told.err


def test_limits_are_shown_with_unit_ceiling_and_source(desk: DeskLine, home: Path) -> None:
    told = desk("limits", "--json").told
    limits = {each["name"]: each for each in told["limits"]}
    assert (told["running"], told["version"], told["doubt"], told["hash"]) == (
        False, 1, "", told["configured_hash"],
    )  # fmt: skip
    week = limits["max_weekly_loss_fraction"]
    assert (week["value"], week["unit"], week["ceiling"], week["source"]) == (
        "0.12",
        "fraction of 1",
        "0.35",
        "file",
    )
    assert limits[DAILY]["source"] == "default"
    shown = desk("limits").out
    assert told["hash"] in shown
    assert "max_weekly_loss_fraction" in shown


def test_a_change_without_a_running_desk_is_there_at_the_next_start(desk: DeskLine, home: Path) -> None:
    told = desk("limits", "set", DAILY, "0.03", "--json").told
    assert told["changes"] == [{"name": DAILY, "old": "0.05", "new": "0.03"}]
    assert told["running"] is False
    limits = {each["name"]: each for each in desk("limits", "--json").told["limits"]}
    assert (limits[DAILY]["value"], limits[DAILY]["source"], limits[DAILY]["configured"]) == (
        "0.03",
        "session",
        "0.05",
    )
    again = desk("run", "--speed", "max", "--bars", "4")
    assert f"Limit changed: {DAILY} 0.05 -> 0.03." in again.err
    assert "a day's 0.03" in again.err
    assert desk("limits", "reset", "--reason", "calm again").code == 0
    assert desk("limits", "--json").told["hash"] == desk("limits", "--json").told["configured_hash"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("set", DAILY, "0.06"), "loosening max_daily_loss_fraction needs a reason"),
        (("set", DAILY, "0.06", "--reason", "  "), "needs a reason"),
        (("set", DAILY, "0.21", "--reason", "why not"), "looser than its ceiling 0.2"),
        (("set", DAILY, "0.13", "--reason", "why not"), "that would contradict"),
        (("set", "max_dayly_loss_fraction", "0.01"), "Did you mean max_daily_loss_fraction or"),
        (("set", DAILY, "much"), "is not a finite number"),
        (
            ("reset", "max_dayly_loss_fraction", "--reason", "why not"),
            "Did you mean max_daily_loss_fraction or",
        ),
    ],
)
def test_what_may_not_be_set_is_refused_in_one_line(
    desk: DeskLine, home: Path, words: tuple[str, ...], says: str
) -> None:
    before = desk("limits", "history", "--json").told
    told = desk("limits", *words)
    assert told.code == 4
    assert says in told.err
    assert told.err.count("\n") == 1
    assert desk("limits", "history", "--json").told == before


def test_the_history_tells_who_why_and_the_chain_of_hashes(desk: DeskLine, home: Path) -> None:
    desk("limits", "set", DAILY, "0.03")
    desk("limits", "set", DAILY, "0.06", "--reason", "a calm week")
    told = desk("limits", "history", "--json").told
    assert told["doubt"] == ""
    what = [(entry["what"], entry["reason"]) for entry in told["entries"]]
    assert what == [("declared", ""), ("changed", ""), ("changed", "a calm week")]
    assert [change for entry in told["entries"] for change in entry["changes"]] == [
        {"name": DAILY, "old": "0.05", "new": "0.03"},
        {"name": DAILY, "old": "0.03", "new": "0.06"},
    ]
    assert told["entries"][-1]["hash"] == desk("limits", "--json").told["hash"]
    assert "a calm week" in desk("limits", "history").out
    assert "by" in told["entries"][-1]


def test_a_changed_file_goes_on_the_chain(desk: DeskLine, home: Path) -> None:
    desk("limits", "set", DAILY, "0.03")
    (home / "desk.toml").write_text('[risk]\nmax_weekly_loss_fraction = "0.11"\n')
    assert desk("limits", "set", "max_drawdown_fraction", "0.15").code == 0
    told = desk("limits", "history", "--json").told
    assert told["doubt"] == ""
    assert [entry["what"] for entry in told["entries"]] == ["declared", "changed", "changed"]
    limits = {each["name"]: each["value"] for each in desk("limits", "--json").told["limits"]}
    assert (limits[DAILY], limits["max_weekly_loss_fraction"], limits["max_drawdown_fraction"]) == (
        "0.03",
        "0.11",
        "0.15",
    )


def test_limits_of_no_home_are_those_of_the_file_and_cannot_be_changed(desk: DeskLine) -> None:
    assert desk("limits", "--json").told["limits"]
    assert desk("limits", "set", DAILY, "0.01").code == 2
    assert desk("limits", "history").code == 2


def test_doctor_tells_the_hash_and_refuses_a_contradiction(desk: DeskLine, home: Path) -> None:
    found = {each["check"]: each for each in desk("doctor", "--json").told["checks"]}
    assert desk("limits", "--json").told["configured_hash"][:12] in found["risk limits"]["found"]
    (home / "desk.toml").write_text('[risk]\nmax_daily_loss_fraction = "0.12"\n')
    found = {each["check"]: each for each in desk("doctor", "--json").told["checks"]}
    assert found["risk limits"]["ok"] is False
    assert (
        "max_daily_loss_fraction = 0.12 is above max_weekly_loss_fraction = 0.1"
        in found["risk limits"]["found"]
    )
    assert desk("run", "--bars", "1").code == 4
