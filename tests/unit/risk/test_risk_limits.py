"""Limits are read strictly, and from chat they only ever get tighter."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import ConfigError
from domain.money import Symbol
from risk.limits import DEFAULTS, RiskLimits

BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
CONFIGURED = RiskLimits.from_mapping({**DEFAULTS, "allowed_symbols": ["BTC/USDT", "ETH/USDT"]})


def test_the_defaults_set_every_limit_but_the_symbols_and_one_of_the_position_limits() -> None:
    defaults = RiskLimits.from_mapping(DEFAULTS)
    unset = {each.name for each in fields(RiskLimits) if getattr(defaults, each.name) is None}
    assert unset == {"allowed_symbols", "max_position_notional_quote"}


def test_nothing_is_filled_in() -> None:
    assert RiskLimits.from_mapping({}) == RiskLimits()


def test_unknown_keys_are_refused_with_the_near_match() -> None:
    with pytest.raises(ConfigError) as error:
        RiskLimits.from_mapping({**DEFAULTS, "max_drawdwon": 0.1})
    assert str(error.value) == "unknown risk limit 'max_drawdwon'. Did you mean max_drawdown_fraction?"
    assert error.value.exit_code == 4


def test_an_unknown_key_like_no_other_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="Known limits: allowed_symbols, max_quote_age"):
        RiskLimits.from_mapping({"zzz": 1})


@pytest.mark.parametrize("key", [3, None, ("max_drawdown_fraction",)])
def test_a_key_that_is_no_name_is_refused(key: Any) -> None:
    with pytest.raises(ConfigError, match="unknown risk limit"):
        RiskLimits.from_mapping({key: 1})


READ: list[tuple[str, object, object]] = [
    ("max_order_notional_quote", 5000, Decimal(5000)),
    ("max_order_notional_quote", "5000.5", Decimal("5000.5")),
    ("max_daily_loss_fraction", 0.1, Decimal("0.1")),
    ("max_quote_age", 90, timedelta(seconds=90)),
    ("max_quote_age", 0.5, timedelta(milliseconds=500)),
    ("max_quote_age", "90s", timedelta(seconds=90)),
    ("max_quote_age", "5m", timedelta(minutes=5)),
    ("max_quote_age", "2h", timedelta(hours=2)),
    ("order_rate_window", "1d", timedelta(days=1)),
    ("max_open_orders_count", "7", 7),
    ("require_stop", "false", False),
    ("require_stop", True, True),
    ("allowed_symbols", "BTC/USDT, ETH/USDT", frozenset({BTC, ETH})),
    ("allowed_symbols", ["BTC/USDT"], frozenset({BTC})),
    ("fee_reserve_fraction", 0, Decimal(0)),
    ("max_drawdown_fraction", None, None),
]


@pytest.mark.parametrize(("name", "told", "value"), READ)
def test_values_are_read_as_a_person_writes_them(name: str, told: object, value: object) -> None:
    limits = RiskLimits.from_mapping({name: told})
    assert getattr(limits, name) == value
    assert type(getattr(limits, name)) is type(value)


BAD: list[tuple[str, object]] = [
    ("max_order_notional_quote", -1),
    ("max_order_notional_quote", 0),
    ("max_order_notional_quote", "much"),
    ("max_order_notional_quote", True),
    ("max_order_notional_quote", float("nan")),
    ("max_order_notional_quote", float("inf")),
    ("max_order_notional_quote", [5000]),
    ("max_position_equity_fraction", 30),
    ("max_gross_exposure_equity_fraction", 1.01),
    ("price_collar_fraction", 0),
    ("max_daily_loss_fraction", 5),
    ("max_drawdown_fraction", "20%"),
    ("max_stop_distance_fraction", -0.1),
    ("fee_reserve_fraction", -0.001),
    ("max_orders_per_window_count", 0),
    ("max_orders_per_window_count", 2.5),
    ("max_open_orders_count", "many"),
    ("require_stop", 1),
    ("require_stop", "yes"),
    ("max_quote_age", 0),
    ("max_quote_age", "-5m"),
    ("max_quote_age", "soon"),
    ("max_quote_age", "5w"),
    ("max_quote_age", 1e300),
    ("allowed_symbols", []),
    ("allowed_symbols", ""),
    ("allowed_symbols", ["BTCUSDT"]),
    ("allowed_symbols", [1]),
    ("allowed_symbols", 5),
    ("allowed_symbols", {"BTC/USDT": True}),
]


@pytest.mark.parametrize(("name", "told"), BAD)
def test_a_wrong_value_is_refused_by_name(name: str, told: object) -> None:
    with pytest.raises(ConfigError, match=name) as error:
        RiskLimits.from_mapping({name: told})
    assert error.value.fix.startswith("Write ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_daily_loss_fraction": 0.05},
        {"max_daily_loss_fraction": Decimal("NaN")},
        {"max_open_orders_count": True},
        {"max_quote_age": 60},
        {"allowed_symbols": {"BTC/USDT"}},
        {"require_stop": "false"},
    ],
)
def test_limits_made_in_code_are_checked_too(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        RiskLimits(**wrong)


def test_limits_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        CONFIGURED.max_drawdown_fraction = Decimal(1)  # type: ignore[misc]  # that it fails is the point


TIGHTER: dict[str, object] = {
    "allowed_symbols": "BTC/USDT",
    "max_quote_age": "1m",
    "max_order_notional_quote": 100,
    "max_position_notional_quote": 500,
    "max_position_equity_fraction": 0.05,
    "max_gross_exposure_equity_fraction": 0.1,
    "price_collar_fraction": 0.01,
    "max_orders_per_window_count": 5,
    "order_rate_window": "2h",
    "max_open_orders_count": 2,
    "require_stop": True,
    "max_stop_distance_fraction": 0.02,
    "max_daily_loss_fraction": 0.01,
    "max_drawdown_fraction": 0.02,
    "fee_reserve_fraction": 0.05,
}
LOOSER: dict[str, object] = {
    "allowed_symbols": ["BTC/USDT", "ETH/USDT", "SOL/USDT"],
    "max_quote_age": "3h",
    "max_order_notional_quote": 25_001,
    "max_position_equity_fraction": 0.31,
    "max_gross_exposure_equity_fraction": 0.91,
    "price_collar_fraction": 0.06,
    "max_orders_per_window_count": 61,
    "order_rate_window": "30m",
    "max_open_orders_count": 21,
    "require_stop": False,
    "max_stop_distance_fraction": 0.2,
    "max_daily_loss_fraction": 0.06,
    "max_drawdown_fraction": 0.21,
    "fee_reserve_fraction": 0,
}


def test_every_limit_can_be_tightened() -> None:
    assert set(TIGHTER) == {each.name for each in fields(RiskLimits)}
    assert set(LOOSER) == set(TIGHTER) - {"max_position_notional_quote"}


@pytest.mark.parametrize("name", TIGHTER)
def test_a_limit_is_tightened(name: str) -> None:
    tightened = CONFIGURED.tightened(**{name: TIGHTER[name]})
    assert getattr(tightened, name) == getattr(RiskLimits.from_mapping({name: TIGHTER[name]}), name)
    for each in fields(RiskLimits):
        if each.name != name:
            assert getattr(tightened, each.name) == getattr(CONFIGURED, each.name)


@pytest.mark.parametrize("name", LOOSER)
def test_a_limit_is_never_loosened(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} = .* would loosen"):
        CONFIGURED.tightened(**{name: LOOSER[name]})


def test_one_loosening_among_tightenings_changes_nothing() -> None:
    with pytest.raises(ConfigError, match="max_drawdown_fraction"):
        CONFIGURED.tightened(max_order_notional_quote=10, max_drawdown_fraction=1)


def test_an_unset_limit_cannot_be_set_by_tightening() -> None:
    """Unset refuses everything: any value would let something through."""
    with pytest.raises(ConfigError, match="unset and refuses everything"):
        RiskLimits().tightened(max_drawdown_fraction=0.01)
    with pytest.raises(ConfigError, match="unset and refuses everything"):
        RiskLimits().tightened(max_position_notional_quote=1)


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_limit_cannot_be_unset(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        CONFIGURED.tightened(**{name: None})


def test_tightening_refuses_unknown_names() -> None:
    with pytest.raises(ConfigError, match="Did you mean max_drawdown_fraction"):
        CONFIGURED.tightened(max_drawdon=0.1)


def test_limits_can_be_written_down_and_read_back() -> None:
    assert RiskLimits.from_mapping(CONFIGURED.as_mapping()) == CONFIGURED
    assert CONFIGURED.as_mapping()["max_quote_age"] == "7200s"
    assert CONFIGURED.as_mapping()["allowed_symbols"] == ["BTC/USDT", "ETH/USDT"]
