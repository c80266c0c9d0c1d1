"""Settings: file, environment and command line, in rising order; nothing unknown passes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from app.limits_section import limits_of
from app.settings import Settings, home_folder, load, model_key, venue_key
from domain.errors import ConfigError


@pytest.fixture(autouse=True)
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DESK_HOME", "DESK_CONFIG", "NEBIUS_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_with_nothing_told_the_desk_trades_paper_on_the_simulated_market() -> None:
    settings = load()
    assert settings.mode == "paper"
    assert settings.market.source == "synthetic"


def test_the_command_line_beats_the_environment_which_beats_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("desk.toml").write_text("[session]\ncapital = 1\ndecide_every = 2\n[market]\nseed = 3\n")
    monkeypatch.setenv("DESK_SESSION__CAPITAL", "10")
    monkeypatch.setenv("DESK_SESSION__DECIDE_EVERY", "20")
    settings = load(overrides={"session": {"capital": "100", "symbols": None}})
    assert settings.session.capital == Decimal(100)
    assert settings.session.decide_every == 20
    assert settings.market.seed == 3


BAD = {
    "unknown key": ("[session]\nsymbolz = []\n", "session.symbolz"),
    "unknown section": ("[sesion]\ncapital = 1\n", "sesion"),
    "not a table": ("session = 1\n", "session"),
    "no capital": ("[session]\ncapital = 0\n", "session.capital"),
    "nan capital": ('[session]\ncapital = "NaN"\n', "session.capital"),
    "unknown timeframe": ('[session]\ntimeframe = "7m"\n', "session.timeframe"),
    "no symbol": ("[session]\nsymbols = []\n", "symbols is empty"),
    "twice": ('[session]\nsymbols = ["BTC/USDT", "BTC/USDT"]\n', "twice"),
    "not a symbol": ('[session]\nsymbols = ["BTCUSDT"]\n', "BTCUSDT"),
    "other quote": ('[session]\nsymbols = ["BTC/EUR"]\n', "not quoted in USDT"),
    "replay of nothing": ('[market]\nsource = "replay"\n', "candles names no file"),
    "no date": ('[market]\nstart = "soon"\n', "'soon' is not a date"),
    "backwards": ('[market]\nstart = "2021-02-01"\nend = "2021-01-01"\n', "end lies before start"),
    "unknown venue": ('[venue]\nname = "binance"\n', "venue.name"),
    "keys in the file": ('[venue]\nname = "mexc"\nkey = "sk-1"\n', "venue.key"),
    "live paper": ("[venue]\nlive = true\n", "live and url belong to a venue"),
    "paper with an address": ('[venue]\nurl = "http://127.0.0.1:1"\n', "live and url belong to a venue"),
    "streams alone": ('[venue]\nname = "mexc"\nstream_url = "ws://127.0.0.1:1"\n', "stands alone"),
    "live testnet": ('[venue]\nname = "gate-testnet"\nlive = true\n', "is a testnet"),
    "live elsewhere": ('[venue]\nname = "mexc"\nlive = true\nurl = "http://127.0.0.1:1"\n', "own address"),
    "no testnet": ('[venue]\nname = "coinbase"\n', "coinbase has no testnet"),
    "no testnet elsewhere": ('[venue]\nname = "mexc"\nurl = "https://api.mexc.com"\n', "mexc has no testnet"),
    "a faster testnet": ('[venue]\nname = "gate-testnet"\n[market]\nspeed = 2.0\n', "a venue's time is real"),
    "an impatient rehearsal": (
        '[venue]\nname = "mexc"\nurl = "http://127.0.0.1:1"\n[market]\nspeed = "max"\n',
        "speed max is for paper",
    ),
    "candles of a venue": (
        '[venue]\nname = "binance-testnet"\n[market]\nsource = "replay"\ncandles = "x"\n',
        "has its own prices",
    ),
    "speed of nothing": ("[market]\nspeed = 0.0\n", "speed"),
    "fee of half": ("[costs]\ntaker = 0.5\n", "costs.taker"),
    "a key in the file": ('[models]\napi_key = "sk-1"\n', "models.api_key"),
    "not toml": ("[session\n", "cannot be read"),
}


@pytest.mark.parametrize(("text", "named"), BAD.values(), ids=BAD.keys())
def test_a_bad_setting_is_refused_by_name(text: str, named: str) -> None:
    Path("desk.toml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        load()
    assert named in str(refused.value)
    assert refused.value.fix
    assert refused.value.exit_code == 4
    assert "sk-1" not in str(refused.value)


def test_a_variable_that_means_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_CAPITAL", "10")
    with pytest.raises(ConfigError, match="DESK_CAPITAL"):
        load()


def test_a_named_file_that_is_missing_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load(Path("other.toml"))


def test_an_end_day_is_meant_whole() -> None:
    market = load(overrides={"market": {"start": "2021-01-01", "end": "2021-06-30"}}).market
    assert market.start == datetime(2021, 1, 1, tzinfo=UTC)
    assert market.end == datetime(2021, 6, 30, 23, 59, 59, 999999, tzinfo=UTC)


def test_the_session_does_not_change_with_speed_or_port() -> None:
    told = Settings().fingerprint()
    assert load(overrides={"market": {"speed": "max"}, "api": {"port": 1}}).fingerprint() == told
    assert load(overrides={"market": {"seed": 8}}).fingerprint() != told


def test_a_key_in_the_environment_is_found_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert model_key() is None
    monkeypatch.setenv("NEBIUS_API_KEY", "neb-secret")
    key = model_key()
    assert key is not None
    assert key.preset == "nebius"
    assert key.secret.get_secret_value() == "neb-secret"
    assert "neb-secret" not in repr(key)


VENUES = {
    "paper": ({}, "paper", "paper"),
    "testnet": ({"name": "binance-testnet"}, "testnet", "binance-testnet"),
    "rehearsal": ({"name": "mexc", "url": "http://127.0.0.1:8500"}, "testnet", "mexc"),
    "live": ({"name": "mexc", "live": True}, "live", "mexc live"),
}


@pytest.mark.parametrize(("told", "mode", "kind"), VENUES.values(), ids=VENUES.keys())
def test_the_mode_follows_the_venue(told: dict[str, object], mode: str, kind: str) -> None:
    settings = load(overrides={"venue": told})
    assert settings.mode == mode
    assert settings.venue.home_kind == kind


def test_a_price_of_a_venue_is_old_after_a_minute() -> None:
    assert load().max_quote_age_seconds() == 45 * 60
    assert load(overrides={"venue": {"name": "gate-testnet"}}).max_quote_age_seconds() == 60


def test_the_address_of_a_venue_is_not_what_a_session_is() -> None:
    first, other = (
        load(overrides={"venue": {"name": "mexc", "url": f"http://127.0.0.1:{port}"}}) for port in (1, 2)
    )
    assert first.fingerprint() == other.fingerprint()
    assert first.fingerprint() != load().fingerprint()


def test_venue_keys_come_from_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GATE_TESTNET_API_KEY", "GATE_TESTNET_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="GATE_TESTNET_API_KEY is not in the environment") as refused:
        venue_key("gate-testnet")
    assert "GATE_TESTNET_API_SECRET" in refused.value.fix
    monkeypatch.setenv("GATE_TESTNET_API_KEY", "the-key")
    with pytest.raises(ConfigError, match="GATE_TESTNET_API_SECRET is not"):
        venue_key("gate-testnet")
    monkeypatch.setenv("GATE_TESTNET_API_SECRET", "the-secret")
    found = venue_key("gate-testnet")
    assert found.key.get_secret_value() == "the-key"
    assert found.secret.get_secret_value() == "the-secret"
    assert "the-" not in repr(found)


def test_the_home_is_the_option_or_the_variable_or_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert home_folder() == Path(".desk").resolve()
    monkeypatch.setenv("DESK_HOME", "elsewhere")
    assert home_folder() == Path("elsewhere").resolve()
    assert home_folder(Path("chosen")) == Path("chosen").resolve()


def test_the_example_file_says_the_defaults() -> None:
    example = Path(__file__).parents[3] / "desk.example.toml"
    told = load(example)
    assert told.model_copy(update={"risk": {}}) == Settings()
    assert limits_of(told) == limits_of(Settings())
    commented = {
        line.lstrip("# ").partition(" =")[0] for line in example.read_text().splitlines() if " = " in line
    }
    for section in Settings.model_fields.values():
        fields = getattr(section.annotation, "model_fields", {})
        assert set(fields) <= commented, f"{section.annotation} has settings the example does not show"
