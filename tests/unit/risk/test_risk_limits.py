"""Limits are read strictly, and from chat they only ever get tighter."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import ConfigError
from domain.money import Symbol
from risk.limit_kinds import LONGEST_SECONDS, _decimal, _whole, text_of
from risk.limits import DEFAULTS, RiskLimits
from risk.windows import ALWAYS, Blackout, TradingHours

BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
MEETING = Blackout(datetime(2026, 3, 18, 18, tzinfo=UTC), datetime(2026, 3, 18, 20, tzinfo=UTC))
WORKDAYS = TradingHours(0, 4, 8 * 60, 20 * 60)
CONFIGURED = RiskLimits.from_mapping(
    {
        **DEFAULTS,
        "allowed_symbols": ["BTC/USDT", "ETH/USDT"],
        "blackout_windows_utc": str(MEETING),
        "trading_hours_utc": "mon-fri 08:00-20:01",
    }
)


def test_the_defaults_set_every_limit_but_the_symbols_and_one_of_the_position_limits() -> None:
    defaults = RiskLimits.from_mapping(DEFAULTS)
    unset = {each.name for each in fields(RiskLimits) if getattr(defaults, each.name) is None}
    assert unset == {"allowed_symbols", "max_position_notional_quote"}


def test_nothing_is_filled_in() -> None:
    assert RiskLimits.from_mapping({}) == RiskLimits()


def test_unknown_keys_are_refused_with_the_near_match() -> None:
    with pytest.raises(ConfigError) as error:
        RiskLimits.from_mapping({**DEFAULTS, "max_drawdwon": 0.1})
    assert (
        str(error.value)
        == "unknown risk limit 'max_drawdwon'. Did you mean max_drawdown_fraction or max_depth_fraction?"
    )
    assert error.value.exit_code == 4


def test_an_unknown_key_like_no_other_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="Known limits: allowed_symbols, max_quote_age_seconds"):
        RiskLimits.from_mapping({"zzz": 1})


@pytest.mark.parametrize("key", [3, None, ("max_drawdown_fraction",)])
def test_a_key_that_is_no_name_is_refused(key: Any) -> None:
    with pytest.raises(ConfigError, match="unknown risk limit"):
        RiskLimits.from_mapping({key: 1})


READ: list[tuple[str, object, object]] = [
    ("max_order_notional_quote", 5000, Decimal(5000)),
    ("max_order_notional_quote", "5000.5", Decimal("5000.5")),
    ("max_daily_loss_fraction", 0.1, Decimal("0.1")),
    ("max_quote_age_seconds", 90, 90),
    ("max_quote_age_seconds", "90", 90),
    ("order_rate_window_seconds", 90.0, 90),
    ("loss_cooldown_seconds", 0, 0),
    ("max_leverage_ratio", 1, Decimal(1)),
    ("trading_hours_utc", "always", (ALWAYS,)),
    ("trading_hours_utc", ["mon-fri 08:00-20:00", "always"], (ALWAYS,)),
    ("trading_hours_utc", "mon-fri 08:00-20:00, sat 10:00-12:00", (WORKDAYS, TradingHours(5, 5, 600, 720))),
    ("blackout_windows_utc", "none", ()),
    ("blackout_windows_utc", [], ()),
    ("blackout_windows_utc", "2026-03-18T18:00Z/2026-03-18T20:00Z", (MEETING,)),
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
    ("max_quote_age_seconds", 0),
    ("max_quote_age_seconds", -5),
    ("max_quote_age_seconds", 0.5),
    ("max_quote_age_seconds", "5m"),
    ("max_quote_age_seconds", LONGEST_SECONDS + 1),
    ("max_quote_age_seconds", 1e300),
    ("loss_cooldown_seconds", -1),
    ("min_reward_to_risk_ratio", "-0.01"),
    ("max_leverage_ratio", "0.99"),
    ("unhealthy_size_fraction", "1.01"),
    ("trading_hours_utc", []),
    ("trading_hours_utc", "mon-fri"),
    ("trading_hours_utc", "mon-fri 08:00"),
    ("trading_hours_utc", "mon-fry 08:00-20:00"),
    ("trading_hours_utc", "mon 22:00-02:00"),
    ("trading_hours_utc", "mon 08:60-20:00"),
    ("trading_hours_utc", [8]),
    ("blackout_windows_utc", "2026-03-18T18:00Z/"),
    ("blackout_windows_utc", "/2026-03-18T18:00Z"),
    ("blackout_windows_utc", "2026-03-18T18:00Z"),
    ("blackout_windows_utc", "2026-03-18T18:00/2026-03-18T20:00Z"),
    ("blackout_windows_utc", "2026-03-18T18:00Z/2026-03-18T18:00Z"),
    ("blackout_windows_utc", "soon/later"),
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
    assert error.value.fix.startswith(("Write ", "Mend "))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_daily_loss_fraction": 0.05},
        {"max_daily_loss_fraction": Decimal("NaN")},
        {"max_open_orders_count": True},
        {"max_quote_age_seconds": 60.0},
        {"trading_hours_utc": ("always",)},
        {"blackout_windows_utc": [MEETING]},
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
    "max_quote_age_seconds": 7199,
    "allow_estimated_prices": False,
    "max_price_disagreement_fraction": "0.029",
    "price_collar_fraction": "0.049",
    "max_order_notional_quote": 24_999,
    "max_position_notional_quote": 500,
    "max_position_equity_fraction": "0.299",
    "max_cluster_equity_fraction": "0.899",
    "min_correlation_fraction": "0.799",
    "max_gross_exposure_equity_fraction": "0.899",
    "max_leverage_ratio": 1,
    "fee_reserve_fraction": "0.0051",
    "max_depth_fraction": "0.249",
    "max_volume_fraction": "0.0099",
    "max_orders_per_window_count": 59,
    "order_rate_window_seconds": 3601,
    "duplicate_window_seconds": 31,
    "max_open_orders_count": 19,
    "require_stop": True,
    "max_stop_distance_fraction": "0.149",
    "min_reward_to_risk_ratio": "1.1",
    "max_trade_loss_equity_fraction": "0.019",
    "max_daily_loss_fraction": "0.049",
    "max_weekly_loss_fraction": "0.099",
    "max_drawdown_fraction": "0.199",
    "max_loss_streak_count": 5,
    "loss_streak_pause_seconds": 14_401,
    "loss_cooldown_seconds": 1,
    "max_stressed_loss_equity_fraction": "0.599",
    "max_var_equity_fraction": "0.149",
    "max_cvar_equity_fraction": "0.199",
    "trading_hours_utc": "mon-fri 08:00-20:00",
    "blackout_windows_utc": "2026-03-18T18:00Z/2026-03-18T20:01Z",
    "news_blackout_seconds": 3601,
    "max_abstention_fraction": "0.49",
    "unhealthy_size_fraction": "0.49",
}
LOOSER: dict[str, object] = {
    "allowed_symbols": ["BTC/USDT", "ETH/USDT", "SOL/USDT"],
    "max_quote_age_seconds": 7201,
    "allow_estimated_prices": True,
    "max_price_disagreement_fraction": "0.031",
    "price_collar_fraction": "0.051",
    "max_order_notional_quote": 25_001,
    "max_position_equity_fraction": "0.301",
    "max_cluster_equity_fraction": "0.901",
    "min_correlation_fraction": "0.801",
    "max_gross_exposure_equity_fraction": "0.901",
    "max_leverage_ratio": "1.01",
    "fee_reserve_fraction": "0.0049",
    "max_depth_fraction": "0.251",
    "max_volume_fraction": "0.0101",
    "max_orders_per_window_count": 61,
    "order_rate_window_seconds": 3599,
    "duplicate_window_seconds": 29,
    "max_open_orders_count": 21,
    "require_stop": False,
    "max_stop_distance_fraction": "0.151",
    "min_reward_to_risk_ratio": "0.99",
    "max_trade_loss_equity_fraction": "0.021",
    "max_daily_loss_fraction": "0.051",
    "max_weekly_loss_fraction": "0.101",
    "max_drawdown_fraction": "0.201",
    "max_loss_streak_count": 7,
    "loss_streak_pause_seconds": 14_399,
    "max_stressed_loss_equity_fraction": "0.601",
    "max_var_equity_fraction": "0.151",
    "max_cvar_equity_fraction": "0.201",
    "trading_hours_utc": "always",
    "blackout_windows_utc": "2026-03-18T18:00Z/2026-03-18T19:59Z",
    "news_blackout_seconds": 3599,
    "max_abstention_fraction": "0.51",
    "unhealthy_size_fraction": "0.51",
}


def test_every_limit_can_be_tightened() -> None:
    assert set(TIGHTER) == {each.name for each in fields(RiskLimits)}
    assert set(LOOSER) == set(TIGHTER) - {"max_position_notional_quote", "loss_cooldown_seconds"}


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
    assert CONFIGURED.as_mapping()["max_quote_age_seconds"] == 7200
    assert CONFIGURED.as_mapping()["allowed_symbols"] == ["BTC/USDT", "ETH/USDT"]


@pytest.mark.parametrize(
    ("own", "other"),
    [
        ("max_position_notional_quote", "max_position_equity_fraction"),
        ("max_position_equity_fraction", "max_position_notional_quote"),
    ],
)
def test_a_position_limit_may_be_added_beside_the_other_only(own: str, other: str) -> None:
    there: dict[str, object] = {own: "0.5"}
    assert getattr(RiskLimits.from_mapping(there).tightened(**{other: "0.25"}), other) == Decimal("0.25")
    with pytest.raises(ConfigError, match="is unset and refuses everything"):
        RiskLimits().tightened(**{other: "0.25"})


def test_the_largest_whole_number_is_a_million_millions() -> None:
    assert RiskLimits.from_mapping({"max_open_orders_count": 10**12}).max_open_orders_count == 10**12
    with pytest.raises(ConfigError, match="a whole number"):
        RiskLimits.from_mapping({"max_open_orders_count": 10**12 + 1})


def test_several_windows_are_told_as_they_are_written() -> None:
    hours = RiskLimits.from_mapping({"trading_hours_utc": ["sat 10:00-12:00", "mon-fri 08:00-20:00"]})
    assert text_of(hours.trading_hours_utc) == "mon-fri 08:00-20:00, sat 10:00-12:00"
    assert text_of(()) == "none"


def test_a_range_is_told_with_the_ends_it_has() -> None:
    for check, wanted in (
        (_decimal(Decimal(0), Decimal(1)), "a number above 0 and at most 1"),
        (_decimal(Decimal(1), None, low_allowed=True), "a number at least 1"),
        (_whole(1, 9), "a whole number of at least 1 and at most 9"),
        (_whole(1, None), "a whole number of at least 1"),
    ):
        with pytest.raises(ConfigError) as error:
            check("max_it", "text")
        assert error.value.fix == f"Write {wanted}"
