"""[breakers]: units in every name, nothing unknown, nothing that contradicts itself."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from app.breakers_section import BreakersSection
from risk.breakers.kinds import KINDS

_UNITS = ("_fraction", "_fractions", "_ratio", "_count", "_seconds", "_bytes")


def test_every_name_says_its_unit() -> None:
    assert [name for name in BreakersSection.model_fields if not name.endswith(_UNITS)] == []


def test_every_breaker_has_a_rule_and_every_curve_a_relapse() -> None:
    told = BreakersSection()
    assert list(told.rules()) == list(KINDS)
    assert set(told.relapses()) == {name for name, kind in KINDS.items() if kind.recovers}


@pytest.mark.parametrize(
    "told",
    [
        {"drawdwn_fraction": 0.1},
        {"drawdown_fraction": 0},
        {"drawdown_fraction": 1},
        {"drawdown_fraction": "NaN"},
        {"volatility_ratio": 1},
        {"volatility_ratio": "inf"},
        {"market_good_bars_count": 0},
        {"recovery_size_fractions": []},
        {"recovery_size_fractions": ["0.5", "0.25"]},
        {"recovery_size_fractions": ["0", "0.25"]},
        {"recovery_size_fractions": ["0.5", "1"]},
        {"probation_size_fraction": "1"},
        {"probation_size_fraction": "0"},
        {"model_outage_size_fraction": "1"},
        {"market_wait_seconds": 86_401},
        {"strategy_max_wait_seconds": 1},
        {"system_wait_seconds": 0},
        {"same_answers_window_count": 9},
    ],
)
def test_what_makes_no_sense_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BreakersSection.model_validate(told)


def test_what_is_told_is_what_the_rules_say() -> None:
    told = BreakersSection.model_validate(
        {
            "volatility_ratio": 7,
            "market_wait_seconds": 60,
            "market_max_wait_seconds": 120,
            "market_good_bars_count": 9,
            "probation_size_fraction": "0.1",
            "recovery_size_fractions": ["0.2", "0.6"],
            "model_outage_size_fraction": "0.2",
        }
    )
    rules = told.rules()
    spike = rules["volatility_spike"]
    assert (spike.trip, spike.good_count) == (7.0, 9)
    assert (spike.wait, spike.max_wait) == (timedelta(minutes=1), timedelta(minutes=2))
    assert spike.probation == (Decimal("0.1"),)
    assert rules["drawdown"].probation == (Decimal("0.2"), Decimal("0.6"))
    assert (rules["model_outage"].open_size, rules["model_outage"].probation) == (
        Decimal("0.2"),
        (Decimal("0.6"),),
    )
    assert rules["latency"].probation == (Decimal("0.1"),)


def test_the_defaults_as_documented() -> None:
    trips = {name: rule.trip for name, rule in BreakersSection().rules().items()}
    assert trips == {
        "strategy_loss": 0.35,
        "strategy_streak": 25,
        "strategy_errors": 0.5,
        "drawdown": 0.10,
        "equity_volatility": 0.06,
        "venue_errors": 5,
        "reconcile_mismatch": 1,
        "latency": 5.0,
        "data_quality": 3,
        "stale_feed": 120,
        "model_outage": 0.8,
        "disk_full": 1.0,
        "slow_journal": 2.0,
        "clock_skew": 2.0,
        "order_rate": 12.0,
        "slippage": 6.0,
        "volatility_spike": 5.0,
        "price_gap": 0.03,
        "spread_blowout": 1.0,
        "depeg": 0.01,
        "volume_collapse": 0.95,
    }
