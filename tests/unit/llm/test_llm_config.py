"""Settings of an endpoint: presets, checks, and a key that shows nowhere."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import SecretStr, ValidationError

from domain.errors import ConfigError
from llm.config import ModelSettings, Prices, build, from_preset

KEY = SecretStr("sk-very-secret-4711")
GOOD: dict[str, object] = {"base_url": "http://127.0.0.1:9/v1", "api_key": KEY, "model": "m"}


@pytest.mark.parametrize(
    ("preset", "host"), [("nebius", "api.tokenfactory.nebius.com"), ("openai", "api.openai.com")]
)
def test_a_preset_needs_only_a_key(preset: str, host: str) -> None:
    settings = from_preset(preset, KEY)  # type: ignore[arg-type]  # a parametrized literal is a str
    assert host in settings.base_url
    assert settings.prices_for(settings.model).prompt > 0


def test_overrides_win_over_a_preset_and_none_is_left_out() -> None:
    settings = from_preset("nebius", KEY, {"model": "other", "max_tokens": 100, "base_url": None})
    assert (settings.model, settings.max_tokens) == ("other", 100)
    assert "nebius" in settings.base_url


def test_a_role_may_have_its_own_model() -> None:
    settings = build({**GOOD, "roles": {"risk_analyst": "careful"}})
    assert settings.model_for("risk_analyst") == "careful"
    assert settings.model_for("operator") == "m"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"base_url": "ftp://host/"}, "base_url"),
        ({"base_url": "https://user:pass@host/v1"}, "base_url"),
        ({"model": ""}, "model"),
        ({"max_tokens": 1}, "max_tokens"),
        ({"deadline_seconds": 0}, "deadline_seconds"),
        ({"temperature": 9}, "temperature"),
        ({"tempreature": 0.1}, "tempreature"),
        ({"api_key": SecretStr("  ")}, "api_key"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(change: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build({**GOOD, **change})
    assert named in caught.value.message
    assert "\n" not in str(caught.value)
    assert "4711" not in str(caught.value)


def test_the_key_is_in_no_text_of_the_settings() -> None:
    settings = build(GOOD)
    assert "4711" not in repr(settings) + str(settings) + settings.model_dump_json() + str(
        settings.model_dump()
    )


def test_settings_cannot_be_changed() -> None:
    settings = build(GOOD)
    with pytest.raises(ValidationError):
        settings.model = "other"
    assert isinstance(settings, ModelSettings)


def test_cost_is_dollars_per_million_tokens() -> None:
    prices = Prices(prompt=Decimal("0.20"), completion=Decimal("0.60"))
    assert prices.cost(1_000_000, 500_000) == Decimal("0.50")
