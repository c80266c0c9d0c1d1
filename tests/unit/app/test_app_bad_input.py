"""Bad input: one line that names the thing and the fix, the documented exit code, nothing lost."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.unit.app.desk_line import DeskLine

GOOD = (
    "timestamp,open,high,low,close,volume\n"
    "2021-01-01T00:00:00+00:00,1,2,1,2,5\n"
    "2021-01-01T01:00:00+00:00,2,3,1,2,5\n"
)
LATER = "2021-01-01T05:00:00+00:00,2,3,1,2,5\n"
ROW = "2021-01-01T02:00:00+00:00,{},{},{},{},5\n"

CANDLES = {
    "no folder": (None, 1, "nowhere"),
    "no such symbol": ({"ETH-USDT.csv": GOOD}, 2, "BTC/USDT"),
    "empty": ({"BTC-USDT.csv": ""}, 1, "BTC-USDT.csv"),
    "header only": ({"BTC-USDT.csv": "timestamp,open,high,low,close,volume\n"}, 1, "BTC-USDT.csv"),
    "garbled": ({"BTC-USDT.parquet": "not parquet"}, 1, "BTC-USDT.parquet"),
    "column missing": ({"BTC-USDT.csv": "timestamp,open\n2021-01-01,1\n"}, 1, "high"),
    "nan": ({"BTC-USDT.csv": GOOD + ROW.format("nan", 3, 1, 2)}, 1, "BTC-USDT.csv"),
    "negative": ({"BTC-USDT.csv": GOOD + ROW.format(-1, 3, -1, 2)}, 1, "BTC-USDT.csv"),
    "high under low": ({"BTC-USDT.csv": GOOD + ROW.format(2, 1, 3, 2)}, 1, "BTC-USDT.csv"),
    "hours missing": ({"BTC-USDT.csv": GOOD + LATER}, 1, "BTC/USDT misses 3 1h bars in 1 gap;"),
    "not in order": ({"BTC-USDT.csv": GOOD + "2020-12-31T00:00:00+00:00,1,2,1,2,5\n"}, 1, "BTC-USDT.csv"),
}


def _one_line(err: str) -> str:
    lines = [line for line in err.splitlines() if line.startswith("desk: ")]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    return lines[0]


@pytest.mark.parametrize(("files", "code", "named"), CANDLES.values(), ids=CANDLES.keys())
def test_candles_that_cannot_be_trusted(
    desk: DeskLine, tmp_path: Path, files: dict[str, str] | None, code: int, named: str
) -> None:
    folder = tmp_path / "nowhere"
    if files is not None:
        folder = tmp_path / "candles"
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
    told = desk("backtest", "--candles", folder, "--symbols", "BTC/USDT", "--timeframe", "1h")
    assert told.code == code, told.err
    assert named in _one_line(told.err)


@pytest.mark.parametrize("verb", ["backtest", "run"])
def test_missing_hours_are_named_and_refused_until_they_are_accepted(
    desk: DeskLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    (tmp_path / "BTC-USDT.csv").write_text(GOOD + LATER)
    monkeypatch.setenv("DESK_MARKET__SPEED", "max")
    words = (verb, "--candles", tmp_path, "--symbols", "BTC/USDT", "--timeframe", "1h")
    refused = desk(*words)
    assert refused.code == 1
    assert "DESK_MARKET__GAPS=allow" in _one_line(refused.err)
    monkeypatch.setenv("DESK_MARKET__GAPS", "allow")
    allowed = desk(*words, "--json")
    assert allowed.code == 0, allowed.err
    assert "BTC/USDT misses 3 1h bars in 1 gap" in allowed.err
    assert allowed.told["bars"] > 0


WORDS = {
    "unknown option": (("run", "--sped", "max"), 4, "--sped"),
    "unknown verb": (("buy",), 4, "buy"),
    "unknown way to halt": (("halt", "maybe"), 4, "maybe"),
    "bad timeframe": (("backtest", "--timeframe", "7m"), 4, "timeframe"),
    "bad speed": (("run", "--speed", "fast"), 4, "speed"),
    "bad date": (("backtest", "--start", "soon"), 4, "soon"),
    "unknown coin": (("run", "--symbols", "NOPE/USDT", "--speed", "max"), 2, "NOPE"),
    "endless backtest": (("backtest",), 4, "--bars"),
    "no desk ran here": (("status",), 2, "desk run"),
    "no journal": (("journal", "verify"), 2, "no desk has run"),
    "nothing to halt": (("panic",), 2, "no desk has run"),
}


@pytest.mark.parametrize(("words", "code", "named"), WORDS.values(), ids=WORDS.keys())
def test_words_that_mean_nothing(desk: DeskLine, words: tuple[str, ...], code: int, named: str) -> None:
    told = desk(*words)
    assert told.code == code, told.err
    assert named in _one_line(told.err)


def test_an_error_is_json_too_when_json_is_asked_for(desk: DeskLine) -> None:
    told = desk("status", "--json")
    assert told.told == {"error": _one_line(told.err).removeprefix("desk: "), "exit_code": 2}


def test_a_bad_limit_is_named_with_its_near_match(desk: DeskLine, tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text("[risk]\nmax_drawdwn = 0.1\n")
    told = desk("run", "--speed", "max", "--bars", "1")
    assert told.code == 4
    assert "max_drawdown_fraction" in _one_line(told.err)


def test_live_trading_needs_the_operators_word(desk: DeskLine, tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text('[venue]\nname = "mexc"\nlive = true\n')
    told = desk("run", "--bars", "1")
    assert told.code == 4
    assert "--confirm-live mexc" in _one_line(told.err)
    assert not (tmp_path / "home").exists()


def test_a_port_in_use_is_named(desk: DeskLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = desk("run", "--serve", "--port", port, "--bars", "1", "--speed", "max")
    assert told.code == 1
    assert str(port) in _one_line(told.err)
    assert desk("journal", "verify").code == 0


def test_a_file_that_is_no_database_is_named(desk: DeskLine, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "desk.db").write_text("this is not a database, it is a note of some length")
    told = desk("run", "--speed", "max", "--bars", "1")
    assert told.code == 1
    assert "desk.db" in _one_line(told.err)


def test_an_unknown_order_is_not_found(desk: DeskLine) -> None:
    assert desk("run", "--speed", "max", "--bars", "3", "--json").code == 0
    told = desk("explain", "s1-000001-00")
    assert told.code == 2
    assert "s1-000001-00" in _one_line(told.err)


def test_doctor_says_what_is_well_and_what_is_not(
    desk: DeskLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "desk.toml").write_text(
        f'[api]\nport = {port}\n[models]\nbase_url = "http://127.0.0.1:{port}/v1"\n'
    )
    well = desk("doctor", "--json")
    assert well.code == 0, well.out
    assert well.told["ok"] is True
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    ill = desk("doctor", "--json")
    assert ill.code == 1
    failed = [check for check in ill.told["checks"] if not check["ok"]]
    assert [check["check"] for check in failed] == ["model endpoint"]
    assert failed[0]["fix"]
    assert "sk-test" not in ill.out
