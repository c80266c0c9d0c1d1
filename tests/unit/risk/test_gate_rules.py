"""Every rule of the gate holds on its own: take one away, break it, or move its limit, and it shows."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, NoReturn

import pytest

from domain.halt import HaltState
from domain.money import Price, Quantity
from domain.orders import OrderIntent
from risk.approval import ApprovedOrder, redeem
from risk.case import Case
from risk.facts import HealthFacts, RiskFacts
from risk.gate import Refused
from risk.limits import RiskLimits
from risk.rules import RULES, rulebook
from risk.windows import Blackout, TradingHours
from tests.unit.risk.gate_cases import (
    A_MINUTE,
    BTC,
    BUY,
    ETH,
    FACTS,
    FIVE_OPEN,
    LIMITS,
    LOSSES,
    NOW,
    ONLY_THIS_RULE_REFUSES,
    QUOTE,
    SOL,
    USDT,
    Plan,
    account,
    holding,
    losses,
    market,
    refused_by,
    sent,
    verdict,
)

NAMES = [rule.name for rule in RULES]


def test_a_desk_in_good_order_is_approved() -> None:
    answer = verdict(Plan())
    assert isinstance(answer, ApprovedOrder)
    assert answer.at == NOW
    assert redeem(answer) is BUY


def test_every_rule_has_a_scenario_of_its_own() -> None:
    assert list(ONLY_THIS_RULE_REFUSES) == NAMES


@pytest.mark.parametrize("rule", NAMES)
def test_only_this_rule_refuses(rule: str) -> None:
    assert refused_by(ONLY_THIS_RULE_REFUSES[rule]) == [rule]


@pytest.mark.parametrize("rule", NAMES)
def test_without_this_rule_its_scenario_would_pass(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("risk.gate.RULEBOOK", rulebook(each for each in RULES if each.name != rule))
    assert refused_by(ONLY_THIS_RULE_REFUSES[rule]) == []


@pytest.mark.parametrize("index", range(len(RULES)), ids=NAMES)
def test_an_exception_inside_this_rule_refuses(index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(case: Case) -> NoReturn:
        raise ZeroDivisionError("planted")

    broken.__name__ = NAMES[index]
    monkeypatch.setattr(
        "risk.gate.RULEBOOK",
        rulebook((*RULES[:index], replace(RULES[index], check=broken), *RULES[index + 1 :])),
    )
    answer = verdict(Plan())
    assert isinstance(answer, Refused)
    (breach,) = answer.breaches
    assert breach.rule == NAMES[index]
    assert "ZeroDivisionError: planted" in breach.message


def test_all_breaches_are_told_at_once() -> None:
    facts = replace(
        FACTS,
        halt=HaltState.HALTED,
        recent_orders=99,
        quote=replace(QUOTE, as_of=NOW - timedelta(days=1)),
    )
    told = refused_by(Plan(replace(BUY, protective_stop=None), facts))
    assert told == ["halt_state", "fresh_price", "order_rate", "stop_required", "trade_loss"]


def test_a_breach_says_rule_limit_and_value() -> None:
    intent = replace(ONLY_THIS_RULE_REFUSES["order_notional"].intent, group="whole or not at all")
    answer = verdict(Plan(intent))
    assert isinstance(answer, Refused)
    assert answer.intent is intent
    (breach,) = answer.breaches
    assert (breach.rule, breach.limit, breach.value) == ("order_notional", "10000", "10002")
    assert breach.message == "the order is worth 10002, allowed are 10000"


def test_a_refusal_without_a_reason_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        Refused(BUY, (), NOW)


LIMIT_NAMES = [each.name for each in fields(RiskLimits)]

# A limit, the value that just lets the order through, the next that does not, and the rule that says so.
LOST_FOUR_PERCENT = account(
    equity=Decimal(96_000), day_start_equity=Decimal(100_000), peak_equity=Decimal(100_000)
)
BARELY_COVERED = account(free={USDT: Decimal("5011.002")})  # 5,001 and 0.2 % on top
SMALL_WITHOUT_STOP = replace(BUY, protective_stop=None, quantity=Quantity(Decimal("0.03")))
MORE = replace(BUY, quantity=Quantity(Decimal("0.11")))  # worth 5,501.10
ILL = replace(FACTS, health=HealthFacts(20, 11))
BORROWED = holding("31.665", symbol=SOL, price="3000")
TO_THE_LIMIT = replace(BUY, take_profit=Price(Decimal("52510.50")))  # as far above as the stop is below
STREAK = losses(streak=6, streak_at=NOW - A_MINUTE)
HOURS = {name: (TradingHours.read(name),) for name in ("mon 12:00-13:00", "mon 08:00-12:00")}
MOVED: list[tuple[str, Any, Any, str, OrderIntent, RiskFacts]] = [
    ("allowed_symbols", frozenset({BTC}), frozenset({ETH}), "allowed_symbol", BUY, FACTS),
    ("max_quote_age_seconds", 20, 19, "fresh_price", BUY, FACTS),
    ("max_order_notional_quote", Decimal(5_001), Decimal("5000.99"), "order_notional", BUY, FACTS),
    ("max_position_notional_quote", Decimal(5_001), Decimal("5000.99"), "position_size", BUY, FACTS),
    ("max_position_equity_fraction", Decimal("0.05001"), Decimal("0.05"), "position_size", BUY, FACTS),
    ("max_gross_exposure_equity_fraction", Decimal("0.05001"), Decimal("0.05"), "gross_exposure", BUY, FACTS),
    ("price_collar_fraction", Decimal("0.0002"), Decimal("0.00019"), "price_collar", BUY, FACTS),
    ("max_orders_per_window_count", 4, 3, "order_rate", BUY, replace(FACTS, recent_orders=3)),
    ("max_open_orders_count", 6, 5, "open_orders", BUY, replace(FACTS, open_orders=FIVE_OPEN)),
    ("require_stop", False, True, "stop_required", SMALL_WITHOUT_STOP, FACTS),
    ("max_stop_distance_fraction", Decimal("0.05"), Decimal("0.0499"), "stop_required", BUY, FACTS),
    ("max_daily_loss_fraction", Decimal("0.0401"), Decimal("0.04"), "daily_loss", BUY, LOST_FOUR_PERCENT),
    ("max_drawdown_fraction", Decimal("0.0401"), Decimal("0.04"), "peak_drawdown", BUY, LOST_FOUR_PERCENT),
    ("fee_reserve_fraction", Decimal("0.002"), Decimal("0.0021"), "balance", BUY, BARELY_COVERED),
    (
        "allow_estimated_prices",
        True,
        False,
        "estimated_price",
        BUY,
        replace(FACTS, quote=replace(QUOTE, estimated=True)),
    ),
    (
        "max_price_disagreement_fraction",
        Decimal("0.2"),
        Decimal("0.1999"),
        "price_agreement",
        BUY,
        market(reference=Decimal(40_000)),
    ),
    ("max_cluster_equity_fraction", Decimal("0.05001"), Decimal("0.05"), "cluster_exposure", BUY, FACTS),
    (
        "min_correlation_fraction",
        Decimal("0.91"),
        Decimal("0.9"),
        "cluster_exposure",
        BUY,
        holding("22", symbol=ETH, price="3000"),
    ),
    ("max_leverage_ratio", Decimal("1.00006002"), Decimal("1.00006"), "leverage", BUY, BORROWED),
    ("max_depth_fraction", Decimal("0.005001"), Decimal("0.005"), "depth_share", BUY, FACTS),
    ("max_volume_fraction", Decimal("0.00005001"), Decimal("0.00005"), "volume_share", BUY, FACTS),
    ("duplicate_window_seconds", 30, 31, "duplicate_intent", BUY, sent(30)),
    ("min_reward_to_risk_ratio", Decimal(1), Decimal("1.01"), "reward_to_risk", TO_THE_LIMIT, FACTS),
    ("max_trade_loss_equity_fraction", Decimal("0.0025005"), Decimal("0.0025"), "trade_loss", BUY, FACTS),
    (
        "max_weekly_loss_fraction",
        Decimal("0.0401"),
        Decimal("0.04"),
        "weekly_loss",
        BUY,
        replace(LOST_FOUR_PERCENT, losses=replace(LOSSES, week_start_equity=Decimal(100_000))),
    ),
    ("max_loss_streak_count", 7, 6, "loss_streak", BUY, STREAK),
    ("loss_streak_pause_seconds", 60, 61, "loss_streak", BUY, STREAK),
    ("loss_cooldown_seconds", 60, 61, "loss_cooldown", BUY, losses(last_loss_at={BTC: NOW - A_MINUTE})),
    (
        "max_stressed_loss_equity_fraction",
        Decimal("0.025005"),
        Decimal("0.025"),
        "stressed_loss",
        BUY,
        FACTS,
    ),
    ("max_var_equity_fraction", Decimal("0.0052140426"), Decimal("0.005214"), "value_at_risk", BUY, FACTS),
    (
        "max_cvar_equity_fraction",
        Decimal("0.00545669112"),
        Decimal("0.005456"),
        "expected_shortfall",
        BUY,
        FACTS,
    ),
    ("trading_hours_utc", HOURS["mon 12:00-13:00"], HOURS["mon 08:00-12:00"], "trading_hours", BUY, FACTS),
    (
        "blackout_windows_utc",
        (Blackout(NOW - A_MINUTE, NOW),),
        (Blackout(NOW, NOW + A_MINUTE),),
        "blackout",
        BUY,
        FACTS,
    ),
    ("news_blackout_seconds", 60, 61, "news_blackout", BUY, market(severe_news_at=NOW - A_MINUTE)),
    ("max_abstention_fraction", Decimal("0.55"), Decimal("0.5499"), "model_health", MORE, ILL),
    ("unhealthy_size_fraction", Decimal("0.55011"), Decimal("0.55"), "model_health", MORE, ILL),
]
WITH = {"max_leverage_ratio": replace(LIMITS, max_gross_exposure_equity_fraction=Decimal(1))}
"""Limits that have to give way so that another one can be seen to move."""


@pytest.mark.parametrize(
    ("limit", "passes", "refuses", "rule", "intent", "facts"), MOVED, ids=[each[0] for each in MOVED]
)
def test_moving_this_limit_is_noticed(
    limit: str, passes: Any, refuses: Any, rule: str, intent: OrderIntent, facts: RiskFacts
) -> None:
    limits = WITH.get(limit, LIMITS)
    assert refused_by(Plan(intent, facts, replace(limits, **{limit: passes}))) == []
    assert refused_by(Plan(intent, facts, replace(limits, **{limit: refuses}))) == [rule]


def test_every_limit_is_moved_by_a_test() -> None:
    # The window's length is counted where the orders are: the gate only refuses when it is unset (below).
    moved = {each[0] for each in MOVED} | {"order_rate_window_seconds"}
    assert moved == {each.name for each in fields(RiskLimits)}


UNSET_REFUSES = {
    "allowed_symbols": "allowed_symbol",
    "max_quote_age_seconds": "fresh_price",
    "max_order_notional_quote": "order_notional",
    "max_gross_exposure_equity_fraction": "gross_exposure",
    "price_collar_fraction": "price_collar",
    "max_orders_per_window_count": "order_rate",
    "order_rate_window_seconds": "order_rate",
    "max_open_orders_count": "open_orders",
    "require_stop": "stop_required",
    "max_stop_distance_fraction": "stop_required",
    "max_daily_loss_fraction": "daily_loss",
    "max_drawdown_fraction": "peak_drawdown",
    "fee_reserve_fraction": "balance",
    "allow_estimated_prices": "estimated_price",
    "max_price_disagreement_fraction": "price_agreement",
    "max_cluster_equity_fraction": "cluster_exposure",
    "min_correlation_fraction": "cluster_exposure",
    "max_leverage_ratio": "leverage",
    "max_depth_fraction": "depth_share",
    "max_volume_fraction": "volume_share",
    "duplicate_window_seconds": "duplicate_intent",
    "min_reward_to_risk_ratio": "reward_to_risk",
    "max_trade_loss_equity_fraction": "trade_loss",
    "max_weekly_loss_fraction": "weekly_loss",
    "max_loss_streak_count": "loss_streak",
    "loss_streak_pause_seconds": "loss_streak",
    "loss_cooldown_seconds": "loss_cooldown",
    "max_stressed_loss_equity_fraction": "stressed_loss",
    "max_var_equity_fraction": "value_at_risk",
    "max_cvar_equity_fraction": "expected_shortfall",
    "trading_hours_utc": "trading_hours",
    "blackout_windows_utc": "blackout",
    "news_blackout_seconds": "news_blackout",
    "max_abstention_fraction": "model_health",
    "unhealthy_size_fraction": "model_health",
}


@pytest.mark.parametrize("limit", UNSET_REFUSES)
def test_an_unset_limit_refuses(limit: str) -> None:
    plan = Plan(limits=replace(LIMITS, **{limit: None}))
    answer = verdict(plan)
    assert isinstance(answer, Refused)
    (breach,) = answer.breaches
    assert (breach.rule, breach.value) == (UNSET_REFUSES[limit], "unset")
    assert limit in breach.message


def test_one_position_limit_is_enough_and_none_refuses() -> None:
    assert refused_by(Plan(limits=replace(LIMITS, max_position_notional_quote=None))) == []
    assert refused_by(Plan(limits=replace(LIMITS, max_position_equity_fraction=None))) == []
    neither = replace(LIMITS, max_position_notional_quote=None, max_position_equity_fraction=None)
    assert refused_by(Plan(limits=neither)) == ["position_size"]


def test_every_limit_is_unset_by_a_test() -> None:
    unset = set(UNSET_REFUSES) | {"max_position_notional_quote", "max_position_equity_fraction"}
    assert unset == {each.name for each in fields(RiskLimits)}


def test_limits_that_were_never_set_refuse_everything() -> None:
    told = refused_by(Plan(limits=RiskLimits()))
    unlimited = {
        "halt_state",
        "known_account",
        "well_formed",
        "venue_filters",
        "open_breaker",
        "breaker_size",
        "reduce_only",
    }
    assert set(told) == set(NAMES) - unlimited
