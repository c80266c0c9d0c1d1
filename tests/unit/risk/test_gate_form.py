"""The form of an order: what each type needs and must not have, on which side of the market, until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.money import Price
from domain.orders import OrderIntent, OrderType, Origin, Side, TimeInForce
from risk.facts import RiskFacts
from risk.gate import Refused
from risk.rules import RULES, rulebook
from tests.unit.risk.gate_cases import (
    BUY,
    FACTS,
    LIMITS,
    NOW,
    SELL,
    Plan,
    holding,
    refused_by,
    resting,
    verdict,
)

LATER = NOW + timedelta(seconds=1)
HELD = holding("0.2")


def price(value: str) -> Price:
    return Price(Decimal(value))


def entry(kind: OrderType, **changes: Any) -> OrderIntent:
    return replace(BUY, order_type=kind, **changes)


def way_out(kind: OrderType, **changes: Any) -> OrderIntent:
    return replace(SELL, order_type=kind, **changes)


def without(intent: OrderIntent, name: str) -> OrderIntent:
    gone: dict[str, Any] = {name: None}
    return replace(intent, **gone)


NO_REWARD = replace(LIMITS, min_reward_to_risk_ratio=Decimal(0))

# The market is 49,990 / 50,010.
GOOD: dict[str, Plan] = {
    "limit": Plan(entry(OrderType.LIMIT, limit_price=price("49500"))),
    "buy stop": Plan(entry(OrderType.STOP, trigger_price=price("50010.01"))),
    "buy stop-limit": Plan(
        entry(OrderType.STOP_LIMIT, trigger_price=price("50100"), limit_price=price("50100"))
    ),
    "buy take-profit": Plan(entry(OrderType.TAKE_PROFIT, trigger_price=price("50009.99"))),
    "buy take-profit-limit": Plan(
        entry(OrderType.TAKE_PROFIT_LIMIT, trigger_price=price("49800"), limit_price=price("49900"))
    ),
    "buy trailing": Plan(
        entry(OrderType.TRAILING_STOP, trigger_price=price("50200"), trailing=Decimal("0.01"))
    ),
    "sell stop": Plan(way_out(OrderType.STOP, trigger_price=price("49989.99")), HELD),
    "sell stop-limit": Plan(
        way_out(OrderType.STOP_LIMIT, trigger_price=price("30000"), limit_price=price("29400")), HELD
    ),
    "sell take-profit": Plan(way_out(OrderType.TAKE_PROFIT, trigger_price=price("49990.01")), HELD),
    "sell take-profit-limit": Plan(
        way_out(OrderType.TAKE_PROFIT_LIMIT, trigger_price=price("60000"), limit_price=price("59000")), HELD
    ),
    "sell trailing": Plan(
        way_out(OrderType.TRAILING_STOP, trigger_price=price("45000"), trailing=Decimal("0.5")), HELD
    ),
    "good till date": Plan(
        entry(
            OrderType.LIMIT,
            limit_price=price("49500"),
            time_in_force=TimeInForce.GTD,
            expires_at=LATER,
        )
    ),
    "the desk's own date": Plan(entry(OrderType.LIMIT, limit_price=price("49500"), expires_at=LATER)),
    "post-only": Plan(entry(OrderType.LIMIT, limit_price=price("49500"), post_only=True)),
    "bracket": Plan(replace(BUY, take_profit=price("52510.50"), trailing=Decimal("0.05"))),
    "replacement": Plan(replace(BUY, replaces="s-000000-00")),
}

BAD: dict[str, tuple[Plan, str]] = {
    "market with a limit": (Plan(replace(BUY, limit_price=price("50000"))), "has no limit price"),
    "market with a trigger": (Plan(replace(BUY, trigger_price=price("50100"))), "has no trigger price"),
    "limit with a trigger": (
        Plan(entry(OrderType.LIMIT, limit_price=price("49500"), trigger_price=price("50100"))),
        "has no trigger price",
    ),
    "stop with a limit": (
        Plan(way_out(OrderType.STOP, trigger_price=price("49000"), limit_price=price("49000")), HELD),
        "has no limit price",
    ),
    "sell stop at the bid": (
        Plan(way_out(OrderType.STOP, trigger_price=price("49990")), HELD),
        "not below the market",
    ),
    "buy stop at the ask": (
        Plan(entry(OrderType.STOP, trigger_price=price("50010"))),
        "not above the market",
    ),
    "sell take-profit at the bid": (
        Plan(way_out(OrderType.TAKE_PROFIT, trigger_price=price("49990")), HELD),
        "not above the market",
    ),
    "buy take-profit at the ask": (
        Plan(entry(OrderType.TAKE_PROFIT, trigger_price=price("50010"))),
        "not below the market",
    ),
    "sell stop-limit with its limit above": (
        Plan(
            way_out(OrderType.STOP_LIMIT, trigger_price=price("49000"), limit_price=price("49000.01")), HELD
        ),
        "wrong side of its trigger",
    ),
    "buy stop-limit with its limit below": (
        Plan(entry(OrderType.STOP_LIMIT, trigger_price=price("50100"), limit_price=price("50099.99"))),
        "wrong side of its trigger",
    ),
    "trailing without a distance": (
        Plan(way_out(OrderType.TRAILING_STOP, trigger_price=price("45000")), HELD),
        "needs a distance",
    ),
    "trailing at nothing": (
        Plan(way_out(OrderType.TRAILING_STOP, trigger_price=price("45000"), trailing=Decimal(0)), HELD),
        "not in",
    ),
    "trailing too far": (
        Plan(way_out(OrderType.TRAILING_STOP, trigger_price=price("45000"), trailing=Decimal("0.51")), HELD),
        "not in",
    ),
    "a distance without a stop": (Plan(replace(SELL, trailing=Decimal("0.1")), HELD), "no protective stop"),
    "good till date without one": (
        Plan(entry(OrderType.LIMIT, limit_price=price("49500"), time_in_force=TimeInForce.GTD)),
        "needs a date",
    ),
    "a date in the past": (
        Plan(
            entry(OrderType.LIMIT, limit_price=price("49500"), time_in_force=TimeInForce.GTD, expires_at=NOW)
        ),
        "has passed",
    ),
    "a market order with a date": (Plan(replace(BUY, expires_at=LATER)), "over at once"),
    "fill-or-kill with a date": (
        Plan(
            entry(
                OrderType.LIMIT,
                limit_price=price("50010"),
                time_in_force=TimeInForce.FOK,
                expires_at=LATER,
            )
        ),
        "over at once",
    ),
    "a post-only market order": (Plan(replace(BUY, post_only=True)), "post-only"),
    "post-only at once": (
        Plan(
            entry(OrderType.LIMIT, limit_price=price("49500"), post_only=True, time_in_force=TimeInForce.IOC)
        ),
        "post-only",
    ),
    "a sale with a protective stop": (
        Plan(replace(SELL, protective_stop=price("45000")), HELD),
        "opens nothing",
    ),
    "a sale with a take-profit": (Plan(replace(SELL, take_profit=price("60000")), HELD), "opens nothing"),
    "a take-profit at the price": (
        Plan(replace(BUY, take_profit=price("50010")), limits=NO_REWARD),
        "not above its price",
    ),
    "its own replacement": (Plan(replace(BUY, replaces=BUY.client_id)), "replace itself"),
}


@pytest.mark.parametrize("name", GOOD)
def test_an_order_in_form_passes(name: str) -> None:
    assert refused_by(GOOD[name]) == []


@pytest.mark.parametrize("name", BAD)
def test_an_order_out_of_form_is_refused_for_its_form_alone(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, why = BAD[name]
    answer = verdict(plan)
    assert isinstance(answer, Refused)
    assert [breach.rule for breach in answer.breaches] == ["well_formed"]
    assert why in answer.breaches[0].message
    monkeypatch.setattr("risk.gate.RULEBOOK", rulebook(each for each in RULES if each.name != "well_formed"))
    assert refused_by(plan) == []


NEEDS = [
    (OrderType.LIMIT, "limit_price"),
    (OrderType.STOP, "trigger_price"),
    (OrderType.STOP_LIMIT, "trigger_price"),
    (OrderType.STOP_LIMIT, "limit_price"),
    (OrderType.TAKE_PROFIT, "trigger_price"),
    (OrderType.TAKE_PROFIT_LIMIT, "limit_price"),
    (OrderType.TRAILING_STOP, "trigger_price"),
]


@pytest.mark.parametrize(("kind", "needed"), NEEDS)
def test_a_type_without_the_price_it_needs_is_refused(kind: OrderType, needed: str) -> None:
    (plan,) = [
        each for each in GOOD.values() if each.intent.order_type is kind and each.intent.side is Side.BUY
    ][:1]
    assert refused_by(replace(plan, intent=without(plan.intent, needed))) != []


@pytest.mark.parametrize("bad", ["0", "-1", "NaN", "Infinity"])
def test_prices_that_make_no_sense_are_refused(bad: str) -> None:
    assert refused_by(Plan(entry(OrderType.LIMIT, limit_price=price(bad)))) != []
    assert refused_by(Plan(way_out(OrderType.STOP, trigger_price=price(bad)), HELD)) != []


def test_without_a_quote_no_side_is_known() -> None:
    plan = Plan(way_out(OrderType.STOP, trigger_price=price("45000")), replace(HELD, quote=None))
    assert refused_by(plan) == ["fresh_price", "well_formed"]


WORST: list[tuple[str, str]] = [
    ("limit", "49500"),
    ("buy stop", "50010.01"),
    ("buy stop-limit", "50100"),
    ("buy take-profit", "50010"),  # what is asked now, for it cannot be promised less
    ("buy take-profit-limit", "49900"),
    ("buy trailing", "50200"),
]


@pytest.mark.parametrize(("name", "worst"), WORST)
def test_an_entry_is_measured_at_the_worst_price_it_may_pay(name: str, worst: str) -> None:
    plan = GOOD[name]
    value = plan.intent.quantity * Decimal(worst)
    assert refused_by(replace(plan, limits=replace(LIMITS, max_order_notional_quote=value))) == []
    less = replace(LIMITS, max_order_notional_quote=value - Decimal("0.01"))
    assert refused_by(replace(plan, limits=less)) == ["order_notional"]


def test_a_price_off_the_tick_is_refused_wherever_it_stands() -> None:
    off = price("49000.005")
    limit = way_out(OrderType.STOP_LIMIT, trigger_price=price("49500"), limit_price=off)
    trigger = way_out(OrderType.STOP_LIMIT, trigger_price=off, limit_price=price("49000"))
    assert refused_by(Plan(limit, HELD)) == ["venue_filters"]
    assert refused_by(Plan(trigger, HELD)) == ["venue_filters"]


def test_a_stop_limit_is_not_given_away_far_below_its_trigger() -> None:
    at = way_out(OrderType.STOP_LIMIT, trigger_price=price("40000"), limit_price=price("39200"))
    assert refused_by(Plan(at, HELD)) == []
    assert refused_by(Plan(replace(at, limit_price=price("39199.99")), HELD)) == ["price_collar"]


GUARDS = [
    (way_out(OrderType.STOP, trigger_price=price("45000")), True),
    (way_out(OrderType.STOP_LIMIT, trigger_price=price("45000"), limit_price=price("44500")), True),
    (way_out(OrderType.TRAILING_STOP, trigger_price=price("45000"), trailing=Decimal("0.1")), True),
    (way_out(OrderType.LIMIT, limit_price=price("60000"), origin=Origin.GUARDIAN), True),
    (way_out(OrderType.TAKE_PROFIT, trigger_price=price("60000"), origin=Origin.GUARDIAN), True),
    (way_out(OrderType.LIMIT, limit_price=price("60000")), False),
    (way_out(OrderType.MARKET, origin=Origin.GUARDIAN), False),
]


@pytest.mark.parametrize(("intent", "shares"), GUARDS)
def test_only_what_guards_a_holding_shares_it_with_other_sales(intent: OrderIntent, shares: bool) -> None:
    selling: RiskFacts = replace(HELD, open_orders=(resting(Side.SELL, "0.2", "50100"),))
    assert intent.guards is shares
    assert (refused_by(Plan(intent, selling)) == []) is shares


def test_a_stop_that_does_not_say_it_only_reduces_shares_nothing() -> None:
    naked = replace(way_out(OrderType.STOP, trigger_price=price("49900")), reduce_only=False)
    assert not naked.guards
    assert not replace(BUY, order_type=OrderType.STOP, reduce_only=True).guards
    facts = replace(FACTS, open_orders=())
    assert refused_by(Plan(naked, facts)) == ["balance"]
