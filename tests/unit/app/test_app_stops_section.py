"""[stops]: what is refused before a session begins; a session with every rule is one brain in two doors."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.limits_section import limits_of
from app.settings import Settings, load
from app.stopping import guardian_of
from domain.errors import ConfigError
from execution.guardian import StopGuardian
from execution.stops.plan import Rung, StopKind, StopPlan
from tests.unit.app.desk_line import DeskLine

D = Decimal


def told(**stops: object) -> Settings:
    return load(None, {"stops": stops})


def test_without_a_word_a_position_keeps_the_stop_of_its_entry() -> None:
    assert Settings().stops.plan() == StopPlan()
    assert Settings().stops.rules == ()


def test_a_section_becomes_a_plan() -> None:
    plan = told(rules="atr, ladder,regime", atr_ratio="3", ladder="0.5@1, 0.25@2.5").stops.plan()
    assert plan.rules == (StopKind.ATR, StopKind.LADDER, StopKind.REGIME)
    assert plan.atr_ratio == 3
    assert plan.ladder == (Rung(D("0.5"), D(1)), Rung(D("0.25"), D("2.5")))
    assert plan.features == ("atr(14)", "vol(24)", "vol(240)")


def test_the_environment_may_say_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_STOPS__RULES", "fixed,time")
    monkeypatch.setenv("DESK_STOPS__TIME_BARS", "12")
    assert load().stops.plan().time_bars == 12


@pytest.mark.parametrize(
    ("stops", "said"),
    [
        ({"rule": "atr"}, "no such setting"),
        ({"rules": "atr,atr"}, "twice"),
        ({"rules": "guess"}, "rules"),
        ({"rules": "regime"}, "neither is listed"),
        ({"atr_ratio": "3"}, "atr is not among the rules"),
        ({"rules": "atr", "chandelier_bars": 5}, "chandelier is not among the rules"),
        ({"rules": "fixed", "ladder": "0.5@1"}, "ladder is not among the rules"),
        ({"rules": "atr", "regime_calm_ratio": "0.5"}, "regime is not among the rules"),
        ({"rules": "ladder", "ladder": "0.6@1,0.5@2"}, "more than the position"),
        ({"rules": "ladder", "ladder": "half"}, "not a part of a ladder"),
        ({"rules": "ladder", "ladder": "x@1"}, "not a part of a ladder"),
        ({"rules": "ladder,break_even", "break_even_r_ratio": "1.5"}, "first target"),
        ({"rules": "fixed", "fixed_distance_fraction": "1"}, "above 0 and below 1"),
        ({"unprotected_bars": 0}, "unprotected_bars"),
        ({"unprotected_seconds": 0}, "unprotected_seconds"),
    ],
)
def test_what_makes_no_sense_is_refused(stops: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        told(**stops)


def guarded(settings: Settings, bound: timedelta | None = None) -> StopGuardian:
    """The guardian of a session that has nothing else: what is refused is refused before it is used."""
    nothing: Any = None
    return guardian_of(
        settings,
        limits_of(settings),
        orders=nothing,
        portfolio=nothing,
        feed=nothing,
        clock=nothing,
        features=nothing,
        session="s",
        bound=bound,
    )


def test_the_default_distance_is_never_wider_than_the_gate_lets_an_entry_have() -> None:
    assert guarded(told())._distance == D("0.05")
    tight = load(None, {"risk": {"max_stop_distance_fraction": "0.03"}})
    assert guarded(tight)._distance == D("0.03")


@pytest.mark.parametrize("stops", [{"default_distance_fraction": "0.04"}, {"rules": "fixed"}])
def test_a_stop_wider_than_the_limit_is_refused_where_it_was_asked_for(stops: dict[str, object]) -> None:
    limit = {"max_stop_distance_fraction": "0.039"}
    with pytest.raises(ConfigError, match=r"wider than risk.max_stop_distance_fraction 0.039"):
        guarded(load(None, {"stops": stops, "risk": limit}))


def test_a_distance_at_the_limit_is_taken() -> None:
    limits = {"max_stop_distance_fraction": "0.05"}
    assert guarded(load(None, {"stops": {"default_distance_fraction": "0.05"}, "risk": limits})).bound


def test_bars_bound_a_tape_and_seconds_a_venue() -> None:
    minute = timedelta(minutes=1)
    assert guarded(told()).bound == 30 * minute
    assert guarded(told(unprotected_bars=1)).bound == 15 * minute
    assert guarded(told(), minute).bound == minute
    assert guarded(told(unprotected_seconds=60), minute).bound == minute
    assert guarded(told(unprotected_seconds=90), minute).bound == 1.5 * minute
    with pytest.raises(ConfigError, match="less than the 60 seconds"):
        guarded(told(unprotected_seconds=59), minute)
    with pytest.raises(ConfigError, match="for a venue"):
        guarded(told(unprotected_seconds=60))


def _candles(folder: Path) -> None:
    """A market with swings that reach targets and stops."""
    folder.mkdir()
    start = datetime(2020, 12, 18, tzinfo=UTC)
    lines, price = ["timestamp,open,high,low,close,volume"], 30_000.0
    for hour in range(336 + 150):
        close = 30_000.0 * (1 + 0.08 * math.sin(hour / 23) + 0.01 * math.sin(hour / 3) + 0.0002 * hour)
        high, low = max(price, close) * 1.002, min(price, close) * 0.998
        moment = (start + timedelta(hours=hour)).isoformat()
        lines.append(f"{moment},{price:.4f},{high:.4f},{low:.4f},{close:.4f},{5000 + hour}")
        price = close
    (folder / "BTC-USDT.csv").write_text("\n".join(lines) + "\n")


def test_a_session_with_every_rule_is_one_brain_and_says_which_rule_set_a_stop(
    desk: DeskLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _candles(tmp_path / "candles")
    options = ("--symbols", "BTC/USDT", "--timeframe", "1h", "--start", "2021-01-01")
    market: tuple[object, ...] = ("--candles", tmp_path / "candles", *options)
    plain = desk("backtest", *market, "--json").told
    monkeypatch.setenv("DESK_STOPS__RULES", "atr,chandelier,break_even,time,ladder,regime")
    ran = desk("run", *market, "--speed", "max", "--json")
    assert ran.code == 0, ran.err
    tested = desk("backtest", *market, "--json").told
    assert ran.told["fills"] > 0
    assert tested["fingerprint"] == ran.told["fingerprint"] != plain["fingerprint"]

    orders = desk("orders", "--all", "--limit", "1000", "--json").told["orders"]
    stop = next(order for order in orders if order["order_type"] == "stop")
    story = desk("explain", stop["client_id"]).out
    assert "because protect: " in story

    cut = desk("run", *market, "--speed", "max", "--bars", "60", "--json", "--home", "cut").told
    assert cut["bars"] == 60
    held = desk("positions", "--json", "--home", "cut").told["positions"]
    for position in held:
        assert position["stop"]
        assert position["stop_rule"]
        assert position["stop_why"]
