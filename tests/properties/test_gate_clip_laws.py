"""Laws of clipping: never more than asked, never more than a rule allows, and as much as all rules allow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.money import Quantity
from domain.orders import TRIGGERED, OrderIntent, Side
from risk.approval import ApprovedOrder
from risk.facts import RiskFacts
from risk.gate import Refused, review
from risk.limits import RiskLimits
from risk.rules import RULES, rulebook
from tests.properties.gate_inputs import FACTS, INTENTS, LIMIT_SETS, SANE_FACTS, SANE_INTENTS, filled
from tests.unit.risk.gate_cases import INSTRUMENT, LIMITS, NOW

EASY = replace(
    LIMITS,
    max_order_notional_quote=Decimal(5_000),
    price_collar_fraction=Decimal("0.2"),
    max_price_disagreement_fraction=Decimal("0.3"),
    max_stop_distance_fraction=Decimal("0.3"),
)
NAMES = st.sampled_from([rule.name for rule in RULES])
SOME_LIMITS = st.just(EASY) | LIMIT_SETS.map(filled)


def approved_quantity(intent: OrderIntent, facts: RiskFacts, limits: RiskLimits) -> Decimal:
    """What the gate lets through; zero when it refuses."""
    answer = review(intent, facts, limits, NOW)
    return answer.intent.quantity if isinstance(answer, ApprovedOrder) else Decimal(0)


@settings(max_examples=150)
@given(INTENTS | SANE_INTENTS, FACTS | SANE_FACTS, SOME_LIMITS)
def test_a_clipped_order_is_the_same_order_only_smaller(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits
) -> None:
    answer = review(intent, facts, limits, NOW)
    if isinstance(answer, Refused):
        return
    if not answer.clips:
        assert answer.intent is intent
        return
    assert intent.side is Side.BUY
    assert not intent.reduce_only
    assert intent.order_type not in TRIGGERED
    assert not intent.group
    assert not intent.replaces
    assert answer.intent == replace(intent, quantity=answer.intent.quantity)
    assert 0 < answer.intent.quantity < intent.quantity
    assert answer.intent.quantity == min(clip.allowed for clip in answer.clips)
    assert all(clip.asked == intent.quantity for clip in answer.clips)


@settings(max_examples=150)
@given(SANE_INTENTS, SANE_FACTS, SOME_LIMITS)
def test_a_clipped_order_passes_as_it_is_and_a_step_more_does_not(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits
) -> None:
    answer = review(intent, facts, limits, NOW)
    if isinstance(answer, Refused) or not answer.clips:
        return
    again = review(answer.intent, facts, limits, NOW)
    assert isinstance(again, ApprovedOrder)
    assert not again.clips
    more = replace(answer.intent, quantity=Quantity(answer.intent.quantity + INSTRUMENT.step_size))
    beyond = review(more, facts, limits, NOW)
    assert isinstance(beyond, Refused) or beyond.clips or more == intent


@contextmanager
def without(name: str) -> Iterator[None]:
    """The gate without one of its rules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("risk.gate.RULEBOOK", rulebook(rule for rule in RULES if rule.name != name))
        yield


@settings(max_examples=150)
@given(
    INTENTS | SANE_INTENTS, FACTS | SANE_FACTS, SOME_LIMITS, st.sampled_from([rule.name for rule in RULES])
)
def test_adding_a_rule_never_approves_more(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits, name: str
) -> None:
    whole = approved_quantity(intent, facts, limits)
    with without(name):
        assert approved_quantity(intent, facts, limits) >= whole


@settings(max_examples=100)
@given(SANE_INTENTS, SANE_FACTS, SOME_LIMITS, st.decimals("0.01", "1", places=2))
def test_asking_for_less_never_brings_more(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits, part: Decimal
) -> None:
    less = replace(intent, quantity=INSTRUMENT.quantity(intent.quantity * part))
    assert approved_quantity(less, facts, limits) <= max(
        approved_quantity(intent, facts, limits), less.quantity
    )
