"""[sizing] and [allocation]: what is refused, stages from the environment, and what desk explain shows."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.bootstrap import build_feed
from app.settings import Settings, load
from domain.errors import ConfigError
from portfolio.sizing import STAGES, SizingPolicy
from tests.unit.app.desk_line import DeskLine


def settings(folder: Path, text: str) -> Settings:
    path = folder / "desk.toml"
    path.write_text(text)
    return load(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[sizing]\nstages = ["martingale"]', "sizing: there is no sizing stage 'martingale'"),
        ('[sizing]\nstages = ["risk_per_trade", "drawdown"]', "repeated or out of order"),
        ("[sizing]\nkelly_fractoin = 0.5", "sizing.kelly_fractoin: there is no such setting"),
        ("[sizing]\nkelly_fraction = 1.5", "kelly_fraction 1.5 is out of range"),
        ("[sizing]\nkelly_fraction = nan", "sizing.kelly_fraction"),
        ('[sizing]\ndrawdown_shape = "cliff"', "sizing.drawdown_shape"),
        ("[sizing]\nvolatility_span_bars = 2.5", "sizing.volatility_span_bars"),
        ('[allocation]\nmethod = "astrology"', "allocation.method"),
        ('[allocation]\nmode = "maybe"', "allocation.mode"),
        ("[allocation]\ninvested = 1", "allocation.invested: there is no such setting"),
        ('[allocation]\ninvested_fraction = "1.2"', "invested_fraction 1.2 is out of range"),
        ("[allocation]\nlookback_bars = 29", "allocation.lookback_bars"),
        ('[allocation]\ntilt_ratio = "1.1"', "allocation.tilt_ratio"),
        ('[allocation]\nevery_bars = 0\ndrift_fraction = "0"', "nothing would ever make a rebalancing due"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        settings(tmp_path, text)
    assert words in str(refused.value)


def test_stages_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_SIZING__STAGES", "sentiment, drawdown")
    assert settings(tmp_path, "").sizing.policy().stages == ("sentiment", "drawdown")
    monkeypatch.setenv("DESK_SIZING__STAGES", "")
    assert settings(tmp_path, "").sizing.policy().stages == ()


def test_the_section_is_the_policy() -> None:
    assert Settings().sizing.policy() == SizingPolicy()
    told = {"stages": STAGES, "drawdown_shape": "convex", "liquidity_day_volume_fraction": 0.01}
    policy = Settings.model_validate({"sizing": told}).sizing.policy()
    assert policy == SizingPolicy(STAGES, drawdown_shape="convex", liquidity_day_volume_fraction=0.01)


def test_sizing_is_part_of_what_a_session_is() -> None:
    other = Settings.model_validate({"sizing": {"stages": ["drawdown"]}})
    assert other.fingerprint() != Settings().fingerprint()


def test_allocation_is_off_unless_it_is_asked_for() -> None:
    feed = build_feed(Settings())
    assert Settings().allocation.allocator(feed) is None
    told = {"mode": "rebalance", "method": "equal", "tilt_ratio": "0.5", "every_bars": 0, "lookback_bars": 99}
    allocator = Settings.model_validate({"allocation": told}).allocation.allocator(feed)
    assert allocator is not None
    policy = allocator.policy
    assert (policy.mode, policy.allocation.method, policy.tilt_ratio) == (
        "rebalance",
        "equal",
        Decimal("0.5"),
    )
    assert (policy.lookback_bars, policy.rebalance.every_bars, policy.allocation.cost_horizon_bars) == (
        99,
        0,
        1,
    )


def test_explain_shows_what_every_stage_did(desk: DeskLine) -> None:
    told: Any = desk("run", "--speed", "max", "--bars", "60", "--json").told
    assert told["fills"]
    listed = desk("orders", "--all", "--json").told["orders"]
    entry = next(order for order in listed if order["origin"] == "cycle" and order["side"] == "buy")
    (sized,) = desk("explain", entry["client_id"], "--json").told["sizing"]
    assert sized["symbol"] == entry["symbol"]
    assert [step["stage"] for step in sized["stages"]] == ["volatility_target", "drawdown", "risk_per_trade"]
    assert sized["stages"][0]["before"] == sized["blended"]
    assert sized["stages"][-1]["after"] == sized["weight"]
    assert sized["stages"][0]["figures"]["annual_volatility_fraction"] > 0
    first = sized["stages"][0]
    line = f"  {entry['symbol']} volatility_target: {first['before']} -> {first['after']} ({first['why']})"
    assert line in desk("explain", entry["client_id"]).out.splitlines()
    session, cycle = entry["client_id"].rsplit("-", 2)[:2]
    assert line in desk("explain", f"{session}-{cycle}").out.splitlines()
