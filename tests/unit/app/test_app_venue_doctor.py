"""`desk doctor` at a venue: what is well, and the first thing that is not, with the way to mend it."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.exchange import ACCOUNT
from domain.money import Currency
from simulator.exchange.accounts import ApiKey
from simulator.wire.faults import Fault, FaultKind
from tests.unit.app.desk_line import DeskLine
from tests.unit.app.rehearsing import Open, exchange

USDT = Currency("USDT")


@pytest.fixture(scope="module", params=["binance", "gate", "mexc", "coinbase"])
def there(request: pytest.FixtureRequest) -> Iterator[Open]:
    with exchange(request.param) as opened:
        yield opened


@pytest.fixture(scope="module")
def binance() -> Iterator[Open]:
    with exchange("binance") as opened:
        yield opened


class Doctor:
    """A home whose settings name an exchange on this machine."""

    def __init__(self, desk: DeskLine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._desk, self._folder, self._monkeypatch = desk, folder, monkeypatch

    def __call__(self, there: Open, **session: Any) -> tuple[int, dict[str, Any], str]:
        venue = f"{there.venue}-testnet" if there.venue in ("binance", "gate") else there.venue
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        told = "".join(f"{key} = {json.dumps(value)}\n" for key, value in session.items())
        if there.venue == "mexc":  # unhurried: the connector waits five seconds before it asks for a balance
            told += "[market]\nspeed = 1.5\n"
        (self._folder / "desk.toml").write_text(
            f'[session]\n{told}[venue]\nname = "{venue}"\nurl = "{there.url}"\n[api]\nport = {port}\n'
        )
        for name, value in there.environment.items():
            self._monkeypatch.setenv(name, value)
        ended = self._desk("doctor", "--json")
        return ended.code, {check["check"]: check for check in ended.told["checks"]}, ended.out + ended.err


@pytest.fixture
def doctor(desk: DeskLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    return Doctor(desk, tmp_path, monkeypatch)


def test_all_is_well(doctor: Doctor, there: Open) -> None:
    code, checks, said = doctor(there)
    assert code == 0, said
    assert {"venue address", "venue keys", "venue", "venue account", "key permissions"} <= set(checks)
    assert "BTC/USDT" in checks["venue"]["found"]
    assert "100000" in checks["venue account"]["found"]
    assert checks["key permissions"]["found"] == "the key cannot withdraw"
    assert all(secret not in said for secret in there.environment.values())


def first_failure(checks: dict[str, Any]) -> dict[str, Any]:
    failed = [check for check in checks.values() if not check["ok"]]
    assert len(failed) == 1
    assert failed[0]["fix"]
    found: dict[str, Any] = failed[0]
    return found


def test_a_key_that_can_withdraw_is_refused(doctor: Doctor, there: Open) -> None:
    (own,) = there.running.exchange.keys(ACCOUNT)
    rich = ApiKey("w" * 32, own.secret, withdraw=True)
    there.running.exchange.open_account("rich", {USDT: Decimal(100_000)}, [rich])
    told = {name: rich.key if name.endswith("_KEY") else value for name, value in there.environment.items()}
    code, checks, _ = doctor(Open(there.venue, there.running, there.summary, told))
    assert code == 4
    failure = first_failure(checks)
    assert failure["check"] == "key permissions"
    assert "may withdraw" in failure["found"]


def test_a_wrong_clock_is_said(doctor: Doctor, binance: Open) -> None:
    binance.running.faults.add(Fault(FaultKind.SKEW, seconds=20.0))
    try:
        code, checks, _ = doctor(binance)
    finally:
        binance.running.faults.clear()
    assert code == 1
    failure = first_failure(checks)
    assert failure["check"] == "venue"
    assert "20.0 s behind" in failure["found"]


@pytest.mark.parametrize(
    ("session", "check", "named", "code"),
    [
        ({"symbols": ["NOPE/USDT"]}, "venue", "NOPE/USDT", 2),
        ({"capital": "200000"}, "venue account", "session.capital", 4),
    ],
)
def test_what_the_settings_ask_for_must_be_there(
    doctor: Doctor, binance: Open, session: dict[str, Any], check: str, named: str, code: int
) -> None:
    ended, checks, _ = doctor(binance, **session)
    failure = first_failure(checks)
    assert (ended, failure["check"]) == (code, check)
    assert named in failure["found"] + failure["fix"]


def test_wrong_keys_are_said(doctor: Doctor, binance: Open) -> None:
    told = {**binance.environment, "BINANCE_TESTNET_API_SECRET": "x" * 64}
    code, checks, said = doctor(Open(binance.venue, binance.running, binance.summary, told))
    assert code == 4
    assert first_failure(checks)["check"] == "venue account"
    assert "x" * 64 not in said


def test_missing_keys_are_said(doctor: Doctor, binance: Open) -> None:
    told = {**binance.environment, "BINANCE_TESTNET_API_SECRET": ""}
    code, checks, _ = doctor(Open(binance.venue, binance.running, binance.summary, told))
    assert code == 4
    failure = first_failure(checks)
    assert failure["check"] == "venue keys"
    assert "BINANCE_TESTNET_API_SECRET" in failure["found"]


def test_a_live_host_is_refused(desk: DeskLine, tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text('[venue]\nname = "gate-testnet"\nurl = "https://api.gateio.ws"\n')
    ended = desk("doctor", "--json")
    assert ended.code == 4
    failed = next(check for check in ended.told["checks"] if not check["ok"])
    assert failed["check"] == "venue address"
    assert "api.gateio.ws" in failed["found"]


def test_nobody_there_is_said(doctor: Doctor, binance: Open, desk: DeskLine, tmp_path: Path) -> None:
    doctor(binance)
    text = (tmp_path / "desk.toml").read_text()
    (tmp_path / "desk.toml").write_text(text.replace(binance.url, "http://127.0.0.1:9"))
    ended = desk("doctor", "--json")
    assert ended.code == 1
    failed = next(check for check in ended.told["checks"] if not check["ok"])
    assert failed["check"] == "venue"


def test_other_coins_are_valued_at_the_bid_or_named(doctor: Doctor, there: Open) -> None:
    (own,) = there.running.exchange.keys(ACCOUNT)
    mixed = ApiKey("m" * 32, own.secret)
    held = {USDT: Decimal(100_000), Currency("BTC"): Decimal("0.5"), Currency("ETH"): Decimal(2)}
    there.running.exchange.open_account("mixed", held, [mixed])
    told = {name: mixed.key if name.endswith("_KEY") else value for name, value in there.environment.items()}
    opened = Open(there.venue, there.running, there.summary, told)
    _, checks, said = doctor(opened, symbols=["BTC/USDT"])
    found = re.search(
        r"; also 0\.5 BTC, worth ([\d.]+) USDT at the bid; ETH, which no market of the desk values$",
        checks["venue account"]["found"],
    )
    assert found, said
    assert 5_000 < float(found[1]) < 500_000


def test_an_account_of_other_coins_alone_is_told_what_they_are_worth(doctor: Doctor, binance: Open) -> None:
    (own,) = binance.running.exchange.keys(ACCOUNT)
    coins = ApiKey("c" * 32, own.secret)
    binance.running.exchange.open_account("coins", {Currency("BTC"): Decimal(1)}, [coins])
    told = {
        name: coins.key if name.endswith("_KEY") else value for name, value in binance.environment.items()
    }
    code, checks, _ = doctor(Open(binance.venue, binance.running, binance.summary, told))
    assert code == 4
    failure = first_failure(checks)
    assert "holds 0 USDT, less than session.capital 10000; also 1 BTC, worth " in failure["found"]
