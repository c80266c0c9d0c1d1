"""Laws of the gate, for any intent, any facts and any limits."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.halt import HaltState
from domain.market import Quote
from domain.money import Price, Quantity
from domain.orders import OrderIntent, OrderType, Side
from risk.approval import ApprovedOrder, redeem
from risk.facts import AccountFacts, BreakerFacts, OpenOrderFacts, PositionFacts, RiskFacts
from risk.gate import Refused, review
from risk.limits import RiskLimits
from tests.properties.gate_inputs import (
    COIN,
    FACTS,
    INTENTS,
    LIMIT_NAMES,
    LIMIT_SETS,
    OPEN_ORDERS,
    SANE_FACTS,
    SANE_INTENTS,
    decimals,
    filled,
    in_form,
)
from tests.properties.gate_words import hold_in_words
from tests.unit.risk.gate_cases import BTC, BUY, ETH, INSTRUMENT, LIMITS, NOW, USDT
from tests.unit.risk.gate_cases import FACTS as GOOD_FACTS


@settings(max_examples=300)
@given(INTENTS, FACTS, LIMIT_SETS)
def test_the_gate_never_approves_beyond_its_limits(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits
) -> None:
    answer = review(intent, facts, limits, NOW)
    if isinstance(answer, ApprovedOrder):
        assert redeem(answer) is answer.intent
        hold_in_words(answer.intent, facts, limits)


@settings(max_examples=300)
@given(SANE_INTENTS, SANE_FACTS, LIMIT_SETS.map(filled))
def test_an_approval_of_a_sane_order_holds_in_words(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits
) -> None:
    answer = review(intent, facts, limits, NOW)
    if isinstance(answer, ApprovedOrder):
        hold_in_words(answer.intent, facts, limits)


def test_sane_orders_are_often_approved() -> None:
    """Without this, the laws above could hold because nothing ever passes."""
    seen: Counter[str] = Counter()
    easy = replace(
        LIMITS,
        max_order_notional_quote=Decimal(5_000),
        price_collar_fraction=Decimal("0.2"),
        max_price_disagreement_fraction=Decimal("0.3"),
        max_stop_distance_fraction=Decimal("0.3"),
    )

    @settings(max_examples=300, derandomize=True)
    @given(SANE_INTENTS, SANE_FACTS)
    def count(intent: OrderIntent, facts: RiskFacts) -> None:
        answer = review(intent, facts, easy, NOW)
        clipped = isinstance(answer, ApprovedOrder) and bool(answer.clips)
        entry = "entry" if intent.side is Side.BUY else "sale"
        seen[f"{'clipped' if clipped else type(answer).__name__} {entry}"] += 1

    count()
    for each in (
        "ApprovedOrder entry",
        "clipped entry",
        "Refused entry",
        "ApprovedOrder sale",
        "Refused sale",
    ):
        assert seen[each] >= 5, seen


@pytest.mark.parametrize("kind", OrderType)
def test_the_sane_orders_are_of_every_type(kind: OrderType) -> None:
    quote = Quote(BTC, Price(Decimal(50_000)), Price(Decimal(50_010)), Price(Decimal(50_000)), NOW)
    facts = replace(GOOD_FACTS, quote=quote)
    intent = in_form(kind, Side.BUY, Decimal(50_005), Decimal(50), protective_stop=Price(Decimal(47_000)))
    answer = review(intent, facts, LIMITS, NOW)
    assert isinstance(answer, ApprovedOrder)
    hold_in_words(intent, facts, LIMITS)


WORSE: list[tuple[str, Any]] = [
    ("halt", HaltState.HALTED),
    ("halt", None),
    ("account", None),
    ("instrument", None),
    ("quote", None),
    ("open_orders", None),
    ("recent_orders", None),
    ("recent_orders", 1_000),
    ("market", None),
    ("losses", None),
    ("book", None),
    ("recent_intents", None),
    ("health", None),
    ("breakers", None),
    ("breakers", BreakerFacts(Decimal(0), ("planted",))),
]


@given(INTENTS | SANE_INTENTS, FACTS | SANE_FACTS, st.sampled_from(WORSE))
def test_worse_facts_only_refuse_more(intent: OrderIntent, facts: RiskFacts, worse: tuple[str, Any]) -> None:
    before = review(intent, facts, LIMITS, NOW)
    after = review(intent, replace(facts, **{worse[0]: worse[1]}), LIMITS, NOW)
    if isinstance(before, Refused):
        assert isinstance(after, Refused)


@given(
    INTENTS | SANE_INTENTS,
    FACTS | SANE_FACTS,
    LIMIT_SETS,
    st.sampled_from(LIMIT_NAMES),
)
def test_unsetting_a_limit_only_refuses_more(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits, name: str
) -> None:
    if name in ("max_position_notional_quote", "max_position_equity_fraction"):
        limits = replace(limits, max_position_notional_quote=None, max_position_equity_fraction=None)
    before = review(intent, facts, limits, NOW)
    after = review(intent, facts, replace(limits, **{name: None}), NOW)
    if isinstance(before, Refused):
        assert isinstance(after, Refused)
        assert {breach.rule for breach in before.breaches} <= {breach.rule for breach in after.breaches}


TIGHTER: dict[str, Any] = {
    "max_order_notional_quote": lambda value: value / 2,
    "max_position_notional_quote": lambda value: value / 2,
    "max_position_equity_fraction": lambda value: value / 2,
    "max_gross_exposure_equity_fraction": lambda value: value / 2,
    "price_collar_fraction": lambda value: value / 2,
    "max_stop_distance_fraction": lambda value: value / 2,
    "max_daily_loss_fraction": lambda value: value / 2,
    "max_drawdown_fraction": lambda value: value / 2,
    "max_quote_age_seconds": lambda value: max(1, value // 2),
    "max_orders_per_window_count": lambda value: max(1, value - 1),
    "max_open_orders_count": lambda value: max(1, value - 1),
    "require_stop": lambda value: True,
    "fee_reserve_fraction": lambda value: min(Decimal(1), value * 2),
    "max_price_disagreement_fraction": lambda value: value / 2,
    "max_cluster_equity_fraction": lambda value: value / 2,
    "max_depth_fraction": lambda value: value / 2,
    "max_volume_fraction": lambda value: value / 2,
    "max_trade_loss_equity_fraction": lambda value: value / 2,
    "max_weekly_loss_fraction": lambda value: value / 2,
    "max_stressed_loss_equity_fraction": lambda value: value / 2,
    "max_var_equity_fraction": lambda value: value / 2,
    "max_cvar_equity_fraction": lambda value: value / 2,
    "min_reward_to_risk_ratio": lambda value: value * 2 + 1,
    "max_loss_streak_count": lambda value: max(1, value - 1),
    "loss_streak_pause_seconds": lambda value: value * 2,
    "loss_cooldown_seconds": lambda value: value * 2,
    "news_blackout_seconds": lambda value: value * 2,
    "max_abstention_fraction": lambda value: value / 2,
    "unhealthy_size_fraction": lambda value: value / 2,
}


@given(INTENTS | SANE_INTENTS, FACTS | SANE_FACTS, LIMIT_SETS, st.sampled_from(sorted(TIGHTER)))
def test_a_tighter_limit_never_lets_more_through(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits, name: str
) -> None:
    value = getattr(limits, name)
    if value is None:
        return
    tighter = limits.tightened(**{name: TIGHTER[name](value)})
    before = review(intent, facts, limits, NOW)
    if isinstance(before, Refused):
        after = review(intent, facts, tighter, NOW)
        assert isinstance(after, Refused)
        assert {breach.rule for breach in before.breaches} <= {breach.rule for breach in after.breaches}


@given(INTENTS | SANE_INTENTS, FACTS | SANE_FACTS, OPEN_ORDERS)
def test_more_open_orders_never_let_more_through(
    intent: OrderIntent, facts: RiskFacts, more: tuple[OpenOrderFacts, ...]
) -> None:
    before = review(intent, facts, LIMITS, NOW)
    after = review(intent, replace(facts, open_orders=(*(facts.open_orders or ()), *more)), LIMITS, NOW)
    if isinstance(before, Refused) and facts.open_orders is not None:
        assert isinstance(after, Refused)


@given(INTENTS | SANE_INTENTS, FACTS | SANE_FACTS, LIMIT_SETS)
def test_the_same_question_has_the_same_answer(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits
) -> None:
    first, second = review(intent, facts, limits, NOW), review(intent, facts, limits, NOW)
    if isinstance(first, Refused):
        assert first == second
    else:
        assert isinstance(second, ApprovedOrder)
        assert (first.intent, first.clips, first.at) == (second.intent, second.clips, second.at)


@given(decimals("0.00020", "1", 5), decimals("0.00020", "1", 5), st.sampled_from(HaltState), st.booleans())
def test_a_part_of_the_holding_can_always_be_sold(
    held: Decimal, wanted: Decimal, halt: HaltState, allowed: bool
) -> None:
    quantity = min(held, wanted)
    facts = RiskFacts(
        halt=halt,
        account=AccountFacts(
            currency=USDT,
            equity=Decimal(1),
            day_start_equity=Decimal(100_000),
            peak_equity=Decimal(100_000),
            free={COIN: held},
            positions={BTC: PositionFacts(held, Decimal(50_000))},
        ),
        instrument=INSTRUMENT,
        quote=Quote(BTC, Price(Decimal(50_000)), Price(Decimal(50_010)), Price(Decimal(50_000)), NOW),
        open_orders=(),
        recent_orders=10_000,
    )
    sell = replace(BUY, side=Side.SELL, quantity=Quantity(quantity), reduce_only=True, protective_stop=None)
    limits = LIMITS if allowed else replace(LIMITS, allowed_symbols=frozenset({ETH}))
    assert isinstance(review(sell, facts, limits, NOW), ApprovedOrder)
