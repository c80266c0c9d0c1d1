"""`desk exchange`: what it tells, that it answers and ends, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.exchange import Rehearsal, read_faults, rehearse
from domain.errors import ConfigError
from domain.money import Symbol
from simulator.wire.faults import Fault, FaultKind, When, fault_from
from tests.unit.app.desk_line import DeskLine

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "docs" / "exchange.md"


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=20) as answer:  # noqa: S310
        return json.loads(answer.read())


def test_it_tells_where_it_is_answers_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    faults = tmp_path / "faults.toml"
    faults.write_text('[[fault]]\nkind = "maintenance"\npath = "ping"\n')
    words = "exchange --venue binance --port 0 --json --seed 3 --cash 500 --symbols ETH/USDT --speed 0"
    process = subprocess.Popen(
        [sys.executable, "-c", "from app.cli import main; main()", *words.split(), "--faults", str(faults)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        told = json.loads(process.stdout.readline())
        url = told["url"]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        assert told["stream_url"] == url.replace("http", "ws")
        assert told["balances"] == {"USDT": "500"}
        assert set(told["environment"].values()) == {told["key"], told["secret"]}
        assert told["desk"] == f"desk run --venue binance-testnet --venue-url {url}"
        assert [each["symbol"] for each in ask(f"{url}/api/v3/exchangeInfo")["symbols"]] == ["ETHUSDT"]
        before, after = ask(f"{url}/clock")["now"], ask(f"{url}/clock", {"advance": 60})["now"]
        assert datetime.fromisoformat(after) - datetime.fromisoformat(before) == timedelta(minutes=1)
        with pytest.raises(urllib.error.HTTPError):
            ask(f"{url}/api/v3/ping")
        assert [each["happened"] for each in ask(f"{url}/faults")] == [1]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert json.loads(out) == {"faults": 1}
    assert "Traceback" not in err


@pytest.mark.parametrize("speed", [0.0, 1.0, 30.0])
async def test_its_time_runs_as_it_was_told(speed: float) -> None:
    told = Rehearsal(venue="gate", key="k", secret="s", speed=speed, symbols=("BTC/USDT",), cash=Decimal(1))
    async with rehearse(told) as (running, summary):
        assert running.url.startswith("http://127.0.0.1:")
        assert summary.as_mapping() == {"faults": 0}
    assert "'s'" not in repr(told)


async def test_a_storm_is_another_market() -> None:
    async def price(weather: str) -> object:
        told = Rehearsal(
            venue="gate",
            key="k",
            secret="s",
            speed=0,
            symbols=("BTC/USDT",),
            cash=Decimal(1),
            weather=weather,
        )
        async with rehearse(told) as (running, _):
            return running.exchange.market_of(Symbol("BTC/USDT")).last_price

    assert await price("fair") != await price("storm")


BAD = {
    "unknown venue": (("--venue", "kraken"), "binance, gate, mexc"),
    "no venue": ((), "--venue"),
    "half a pair": (("--venue", "gate", "--key", "k"), "go together"),
    "backwards": (("--venue", "gate", "--speed", "-1"), "speed"),
    "no money": (("--venue", "gate", "--cash", "lots"), "'lots' is not an amount"),
    "debt": (("--venue", "gate", "--cash", "-5"), "'-5' is not an amount"),
    "drizzle": (("--venue", "gate", "--weather", "drizzle"), "fair, storm"),
    "no file": (("--venue", "gate", "--faults", "nowhere.toml"), "nowhere.toml"),
    "no address": (("--venue", "gate", "--host", "192.0.2.1"), "192.0.2.1"),
}


@pytest.mark.parametrize(("words", "named"), BAD.values(), ids=BAD.keys())
def test_what_makes_no_sense_is_one_line_and_exit_code_4(
    desk: DeskLine, words: tuple[str, ...], named: str
) -> None:
    ended = desk("exchange", "--port", "0", *words)
    assert ended.code == 4, ended.err
    lines = [line for line in ended.err.splitlines() if line.startswith("desk: ")]
    assert len(lines) == 1
    assert named in lines[0]


def test_an_unknown_coin_is_not_found(desk: DeskLine) -> None:
    ended = desk("exchange", "--venue", "gate", "--port", "0", "--symbols", "NOPE/USDT")
    assert ended.code == 2
    assert "NOPE" in ended.err


BAD_FILES = {
    "not toml": "[[fault\n",
    "other tables": "[market]\nseed = 1\n",
    "not tables": 'fault = ["drop"]\n',
    "no kind": "[[fault]]\ncount = 1\n",
    "unknown kind": '[[fault]]\nkind = "fire"\n',
    "unknown key": '[[fault]]\nkind = "drop"\noften = true\n',
    "count of none": '[[fault]]\nkind = "drop"\ncount = 0\n',
}


@pytest.mark.parametrize("text", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_fault_file_that_cannot_be_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trouble.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"trouble\.toml"):
        read_faults(path)


def test_the_document_names_every_kind_and_its_examples_are_faults(tmp_path: Path) -> None:
    text = DOCUMENT.read_text()
    for kind in FaultKind:
        assert f"| `{kind.value}` |" in text, kind
    toml = next(block for block in re.findall(r"```toml\n(.*?)```", text, re.S) if "[[fault]]" in block)
    path = tmp_path / "faults.toml"
    path.write_text(toml)
    assert read_faults(path) == (
        Fault(FaultKind.ERROR, probability=0.1, lasts=600),
        Fault(FaultKind.SKEW, drift=0.001),
    )
    (posted,) = re.findall(r"/faults -d '(\{.*?\})'", text)
    assert fault_from(json.loads(posted)).when is When.AFTER
    settings = next(block for block in re.findall(r"```toml\n(.*?)```", text, re.S) if "[venue]" in block)
    assert tomllib.loads(settings)["venue"]["name"] == "binance-testnet"
