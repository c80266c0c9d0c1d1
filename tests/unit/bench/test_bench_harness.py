"""The bench harness: results are judged, merged and found again by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.bench_sqlite_floor import commit_p50_us
from bench.data import tape
from bench.peers.environments import PeerEnvironments, PeerFailed
from bench.result import Result, against, alone
from bench.run import main, measure, merge, module_of, names, read, write


def test_a_ratio_is_ours_over_the_peers() -> None:
    found = against("ema", 300.0, "bars/s", peer="other", peer_value=200.0, at_least=1.0)
    assert found.ratio == 1.5
    assert found.goal == ">= 1x other"
    assert found.met is True


@pytest.mark.parametrize(("value", "met"), [(15.0, True), (15.1, False)])
def test_a_goal_is_met_up_to_its_bound_and_missed_beyond(value: float, met: bool) -> None:
    assert alone("gate", value, "us", at_most=15).met is met


def test_without_a_goal_nothing_is_claimed() -> None:
    assert alone("floor", 100.0, "us") == Result("floor", 100.0, "us")


def test_measuring_one_replaces_that_entry_and_keeps_the_others() -> None:
    before = [alone("a", 1, "s"), alone("b", 2, "s")]
    assert merge(before, [alone("b", 3, "s")]) == [alone("a", 1, "s"), alone("b", 3, "s")]


def test_results_come_back_from_their_file_as_they_were(tmp_path: Path) -> None:
    results = [against("ema", 2.0, "bars/s", peer="other", peer_value=1.0, at_least=1.0), alone("b", 2, "s")]
    write(tmp_path / "latest.json", results)
    assert read(tmp_path / "latest.json") == results


def test_a_result_belongs_to_the_benchmark_with_the_longest_fitting_name() -> None:
    assert module_of("journal_large_rows", ["journal", "journal_large"]) == "journal_large"
    assert module_of("unknown", ["journal"]) is None


def test_a_result_that_could_not_be_found_again_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.bench_startup.run", lambda context: [alone("elsewhere", 1, "s")])
    with pytest.raises(ValueError, match="must start with startup"):
        measure("startup", None)  # type: ignore[arg-type]  # the fake benchmark looks at no context


def test_an_unknown_name_is_told_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--only", "nothing"])
    assert main() == 1
    told = capsys.readouterr().err
    assert "no benchmark nothing" in told
    assert all(name in told for name in names())


def test_the_tape_is_the_same_each_time_and_opens_where_it_closed() -> None:
    first, second = tape(1_000), tape(1_000)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert np.array_equal(first["open"][1:], first["close"][:-1])
    assert (first["low"] <= np.minimum(first["open"], first["close"])).all()
    assert (first["high"] >= np.maximum(first["open"], first["close"])).all()


def test_the_floor_is_a_real_commit_and_leaves_nothing_behind(tmp_path: Path) -> None:
    assert commit_p50_us(tmp_path, commits=20) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_peer_that_fails_says_what_it_was_doing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.peers.environments.sys.executable", "/bin/false")
    with pytest.raises(PeerFailed, match=r"could not make .*backtesting"):
        PeerEnvironments(tmp_path).python("backtesting")
