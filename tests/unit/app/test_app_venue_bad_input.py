"""Starts at a venue that cannot be: one line that names the thing and the fix, and the documented code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.wire.faults import Fault, FaultKind
from tests.unit.app.desk_line import DeskLine, Outcome
from tests.unit.app.rehearsing import KEY, Open, exchange


@pytest.fixture(scope="module")
def there() -> Iterator[Open]:
    with exchange("binance") as opened:
        yield opened


@pytest.fixture
def keys(there: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in there.environment.items():
        monkeypatch.setenv(name, value)
    there.running.faults.clear()


def one_line(ended: Outcome) -> str:
    lines = [line for line in ended.err.splitlines() if line.startswith("desk: ")]
    assert len(lines) == 1, ended.err
    assert "Traceback" not in ended.err
    return lines[0]


def start(desk: DeskLine, url: str, *words: str) -> Outcome:
    return desk("run", "--venue", "binance-testnet", "--venue-url", url, "--bars", "1", *words)


LIVE_HOSTS = {
    "the venue itself": ("binance-testnet", "https://api.binance.com"),
    "another live host": ("gate-testnet", "https://api.gateio.ws"),
    "a look-alike": ("binance-testnet", "https://testnet.binance.vision.example.org"),
    "not encrypted": ("binance-testnet", "http://testnet.binance.vision"),
}


@pytest.mark.parametrize(("venue", "url"), LIVE_HOSTS.values(), ids=LIVE_HOSTS.keys())
def test_a_live_host_is_refused_by_name_before_anything_happens(
    desk: DeskLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, venue: str, url: str
) -> None:
    for half in ("KEY", "SECRET"):
        monkeypatch.setenv(f"{venue.upper().replace('-', '_')}_API_{half}", "x")
    ended = desk("run", "--venue", venue, "--venue-url", url, "--bars", 1)
    assert ended.code == 4
    assert url.partition("://")[2] in one_line(ended)
    assert "testnet or a loopback address" in one_line(ended)
    assert not (tmp_path / "home").exists()


def test_a_confirmation_without_real_money_is_refused(desk: DeskLine) -> None:
    ended = desk("run", "--confirm-live", "mexc", "--bars", 1)
    assert ended.code == 4
    assert "--confirm-live mexc is for real money" in one_line(ended)


def test_missing_keys_are_named(desk: DeskLine, monkeypatch: pytest.MonkeyPatch) -> None:
    for half in ("KEY", "SECRET"):
        monkeypatch.delenv(f"BINANCE_TESTNET_API_{half}", raising=False)
    ended = start(desk, "http://127.0.0.1:9")
    assert ended.code == 4
    assert "BINANCE_TESTNET_API_KEY is not in the environment" in one_line(ended)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("half", ["KEY", "SECRET"])
def test_wrong_keys_are_said_to_be_wrong(
    desk: DeskLine, there: Open, monkeypatch: pytest.MonkeyPatch, half: str
) -> None:
    monkeypatch.setenv(f"BINANCE_TESTNET_API_{half}", "wrong" * 8)
    ended = start(desk, there.url)
    assert ended.code == 4
    assert "binance-testnet refuses the keys" in one_line(ended)
    assert KEY not in ended.err
    assert "wrongwrong" not in ended.err


@pytest.mark.usefixtures("keys")
def test_a_symbol_the_venue_does_not_list_is_not_found(desk: DeskLine, there: Open) -> None:
    ended = start(desk, there.url, "--symbols", "NOPE/USDT")
    assert ended.code == 2
    assert "NOPE/USDT" in one_line(ended)


@pytest.mark.usefixtures("keys")
def test_more_capital_than_the_account_has_is_refused(desk: DeskLine, there: Open) -> None:
    ended = start(desk, there.url, "--capital", "1000000")
    assert ended.code == 4
    assert "session.capital is 1000000" in one_line(ended)
    assert desk("status").code == 2, "nothing was begun"


def test_a_venue_that_nobody_reaches_is_named(desk: DeskLine, keys: None) -> None:
    ended = start(desk, "http://127.0.0.1:9")
    assert ended.code == 1
    assert "binance-testnet" in one_line(ended)


TROUBLE = {
    "broken candles": Fault(FaultKind.ERROR, path="klines"),
    "broken books": Fault(FaultKind.ERROR, path="depth"),
    "closed": Fault(FaultKind.MAINTENANCE),
    "hangs up": Fault(FaultKind.RESET),
    "banned": Fault(FaultKind.BAN, retry_after=60),
}


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("fault", TROUBLE.values(), ids=TROUBLE.keys())
def test_a_venue_in_trouble_at_the_start_is_named(desk: DeskLine, there: Open, fault: Fault) -> None:
    there.running.faults.add(fault)
    try:
        ended = start(desk, there.url)
    finally:
        there.running.faults.clear()
    assert ended.code == 1
    assert "binance-testnet" in one_line(ended)


@pytest.mark.usefixtures("keys")
def test_paper_and_a_venue_never_share_a_folder(desk: DeskLine, there: Open) -> None:
    assert desk("run", "--bars", 1, "--speed", "max", "--json").code == 0
    ended = start(desk, there.url)
    assert ended.code == 4
    assert "belongs to paper trading, not binance-testnet" in one_line(ended)
