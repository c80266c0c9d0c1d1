"""From candles to journaled fills by the command line: one brain, two doors, and every order explained."""

from __future__ import annotations

import math
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.app.desk_line import DeskLine

BARS = 400
ASKED = {
    "bars", "cycles", "orders", "fills", "refusals", "fees", "equity_final", "total_return", "sharpe",
    "max_drawdown", "wall_seconds", "bars_per_second", "fingerprint",
}  # fmt: skip


def _write_candles(folder: Path) -> None:
    """Two waves with a drift, hourly from 2021: enough to trade, small enough to read."""
    folder.mkdir()
    start = datetime(2020, 12, 28, tzinfo=UTC)
    for name, level, phase in (("BTC-USDT", 30_000.0, 0.0), ("ETH-USDT", 1_000.0, 1.0)):
        lines, price = ["timestamp,open,high,low,close,volume"], level
        for hour in range(96 + BARS):
            close = level * (1 + 0.08 * math.sin(hour / 23 + phase) + 0.0002 * hour)
            high, low = max(price, close) * 1.002, min(price, close) * 0.998
            moment = (start + timedelta(hours=hour)).isoformat()
            lines.append(f"{moment},{price:.4f},{high:.4f},{low:.4f},{close:.4f},{5000 + hour}")
            price = close
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def market(tmp_path: Path) -> list[object]:
    folder = tmp_path / "candles"
    _write_candles(folder)
    options = {"--symbols": "BTC/USDT,ETH/USDT", "--timeframe": "1h", "--start": "2021-01-01"}
    return ["--candles", folder, *(word for pair in options.items() for word in pair)]


def test_run_and_backtest_are_one_brain_and_every_order_has_its_story(
    desk: DeskLine, market: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = desk("run", *market, "--speed", "max", "--json")
    assert ran.code == 0, ran.err
    assert ran.told.keys() >= ASKED
    assert ran.told["bars"] == BARS
    assert ran.told["fills"] > 0
    assert ran.told["unknown_orders"] == 0

    tested = desk("backtest", *market, "--json")
    assert tested.told["fingerprint"] == ran.told["fingerprint"]
    again = desk("run", *market, "--speed", "max", "--json")
    assert again.told["fingerprint"] == ran.told["fingerprint"]
    assert again.told["session"] != ran.told["session"]

    monkeypatch.setenv("DESK_DECISION__RUNNER", "graph")
    graphed = desk("run", *market, "--speed", "max", "--json", "--home", "graphed")
    assert graphed.told["fingerprint"] == ran.told["fingerprint"]
    assert (tmp_path / "graphed" / "checkpoints.db").exists()
    monkeypatch.delenv("DESK_DECISION__RUNNER")

    verified = desk("journal", "verify", "--json")
    assert verified.told["ok"] is True

    listed = desk("orders", "--all", "--limit", "1000", "--json").told["orders"]
    entry = next(order for order in listed if order["origin"] == "cycle" and order["status"] == "filled")
    story = desk("explain", entry["client_id"], "--json").told
    assert story["observation"]["symbols"][0]["symbol"] == entry["symbol"]
    assert story["evidence"]
    assert {view["source"] for view in story["opinions"]} >= {"market_analyst:baseline", "ma_crossover"}
    assert story["proposal"]["after_risk_analyst"]
    assert story["intent"]["client_id"] == entry["client_id"]
    assert [verdict["stage"] for verdict in story["verdicts"]] == [1, 2]
    declared = desk("limits", "history", "--json").told["entries"][-1]
    assert story["verdicts"][0]["limits_hash"] == declared["hash"]
    assert story["fills"]
    text = desk("explain", entry["client_id"]).out
    places = [text.index(f"\n{part}\n") for part in story if f"\n{part}\n" in text]
    assert len(places) == 9
    assert places == sorted(places)


def test_one_flipped_byte_is_found(desk: DeskLine, market: list[object], tmp_path: Path) -> None:
    assert desk("run", *market, "--speed", "max", "--bars", "60", "--json").code == 0
    path = tmp_path / "home" / "desk.db"
    with sqlite3.connect(path) as writer:
        seq, payload = writer.execute(
            "SELECT seq, payload FROM journal WHERE kind = 'equity_marked' ORDER BY seq LIMIT 1 OFFSET 7"
        ).fetchone()
        flipped = bytearray(payload)
        flipped[len(flipped) // 2] ^= 1
        writer.execute("UPDATE journal SET payload = ? WHERE seq = ?", (bytes(flipped), seq))
    found = desk("journal", "verify")
    assert found.code == 1
    assert f"event {seq} " in found.err


def test_a_run_that_was_cut_short_goes_on_where_it_stopped(desk: DeskLine, market: list[object]) -> None:
    whole = desk("run", *market, "--speed", "max", "--json", "--home", "whole").told
    first = desk("run", *market, "--speed", "max", "--bars", "10", "--json").told
    assert first["state"] == "finished"
    other = desk("run", *market, "--speed", "max", "--json").told
    assert other["session"] != first["session"]
    assert other["fingerprint"] == whole["fingerprint"]


def test_reports_of_a_desk_that_does_not_run_say_so(desk: DeskLine, market: list[object]) -> None:
    assert desk("run", *market, "--speed", "max", "--json").code == 0
    for verb in ("status", "positions", "orders"):
        told = desk(verb)
        assert told.code == 0
        assert told.out.startswith("not running: "), verb
    assert desk("status", "--json").told["running"] is False
    answered = desk("chat", "what", "is", "my", "profit?")
    assert "Profit" in answered.out
    assert "not running" in answered.out
    why = desk("chat", "why", "BTC")
    assert "opinions" in why.out


def test_a_halt_outlives_the_desk_and_a_latch_wants_a_confirmation(
    desk: DeskLine, market: list[object]
) -> None:
    assert desk("run", *market, "--speed", "max", "--bars", "50", "--json").code == 0
    assert desk("halt", "stop", "--reason", "holiday").code == 0
    idle = desk("run", *market, "--speed", "max", "--bars", "50", "--new", "--json").told
    assert (idle["bars"], idle["cycles"], idle["orders"]) == (50, 0, 0)
    assert desk("panic", "--json").told["latched"] is True
    refused = desk("resume", "--reason", "looked at it")
    assert refused.code == 1
    assert "--confirm" in refused.err
    assert desk("resume", "--confirm").code == 4
    assert desk("resume", "--confirm", "--reason", "  ").code == 4
    assert desk("status", "--json").told["halt"]["state"] == "halted"
    assert desk("resume", "--confirm", "--reason", "looked at it").code == 0
    assert desk("status", "--json").told["halt"]["state"] == "active"
