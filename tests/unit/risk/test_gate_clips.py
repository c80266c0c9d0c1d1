"""The gate makes an order smaller where the rules say by how much; all else passes whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.halt import HaltState
from domain.money import Price, Quantity
from domain.orders import OrderIntent, OrderType, Side
from domain.verdicts import Clip
from risk.approval import ApprovedOrder, redeem
from risk.case import Case
from risk.facts import BreakerFacts, HealthFacts
from risk.gate import Refused
from risk.rules import RULES, Rule, rulebook
from tests.unit.risk.gate_cases import (
    BUY,
    ETH,
    FACTS,
    FIVE_OPEN,
    INSTRUMENT,
    LIMITS,
    NOW,
    ONLY_THIS_RULE_REFUSES,
    SELL,
    Plan,
    book,
    cut,
    holding,
    market,
    refused_by,
    resting,
    verdict,
)

D = Decimal
CLIPPING = [rule.name for rule in RULES if rule.allows is not None]
# What is left of the order in each rule's scenario, worked out by hand from price 50,010 and step 0.00001.
LEFT = {
    "order_notional": "0.19996",  # 10,000 / 50,010
    "position_size": "0.04999",  # (30,000 - 27,500) / 50,010
    "gross_exposure": "0.06998",  # (80,000 - 76,500) / 50,010
    "leverage": "0.09988",  # (100,000 - 94,995) / 1.002 / 50,010
    "cluster_exposure": "0.07998",  # (70,000 - 66,000) / 50,010
    "depth_share": "0.09998",  # 5,000 / 50,010
    "volume_share": "0.09998",
    "trade_loss": "0.09998",  # 250 / 2,500.50
    "stressed_loss": "0.07998",  # (60,000 - 58,000) / 0.5 / 50,010
    "value_at_risk": "0.09589",  # 500 / 2.6065 / 0.04 / 50,010
    "expected_shortfall": "0.09163",  # 500 / 2.7278 / 0.04 / 50,010
    "model_health": "0.09998",  # 5,000 / 50,010
    "breaker_size": "0.04999",  # 2,500 / 50,010
}


def test_every_rule_that_can_clip_has_its_figure() -> None:
    assert set(LEFT) == set(CLIPPING)


@pytest.mark.parametrize("rule", CLIPPING)
def test_the_order_is_clipped_to_what_this_rule_allows(rule: str) -> None:
    plan = ONLY_THIS_RULE_REFUSES[rule]
    answer = verdict(plan)
    assert isinstance(answer, ApprovedOrder)
    left = D(LEFT[rule])
    assert answer.clips == (Clip(rule, plan.intent.quantity, left),)
    assert redeem(answer) == replace(plan.intent, quantity=Quantity(left))


@pytest.mark.parametrize("rule", CLIPPING)
def test_a_step_more_than_is_left_breaks_this_rule(rule: str) -> None:
    plan = ONLY_THIS_RULE_REFUSES[rule]
    at_most = replace(plan.intent, quantity=Quantity(D(LEFT[rule])))
    more = replace(at_most, quantity=Quantity(at_most.quantity + INSTRUMENT.step_size))
    assert refused_by(replace(plan, intent=at_most)) == []
    assert refused_by(replace(plan, intent=more)) == [rule]


@pytest.mark.parametrize("rule", CLIPPING)
def test_unknown_facts_leave_nothing_to_clip_to(rule: str) -> None:
    plan = ONLY_THIS_RULE_REFUSES[rule]
    for fact in next(each for each in RULES if each.name == rule).needs:
        assert cut(replace(plan, facts=replace(plan.facts, **{fact: None}))) == 0


@pytest.mark.parametrize("rule", CLIPPING)
def test_unset_limits_leave_nothing_to_clip_to(rule: str) -> None:
    plan = ONLY_THIS_RULE_REFUSES[rule]
    either = {"max_position_notional_quote", "max_position_equity_fraction"}
    for limit in set(next(each for each in RULES if each.name == rule).limits) - either:
        assert cut(replace(plan, limits=replace(plan.limits, **{limit: None}))) == 0
    neither = replace(plan.limits, max_position_notional_quote=None, max_position_equity_fraction=None)
    assert cut(replace(plan, limits=neither)) == 0


def test_the_smallest_of_all_is_taken_and_every_clip_told() -> None:
    limits = replace(LIMITS, max_order_notional_quote=D(4_000), max_trade_loss_equity_fraction=D("0.001"))
    answer = verdict(Plan(limits=limits))
    assert isinstance(answer, ApprovedOrder)
    assert answer.intent.quantity == D("0.03999")  # 100 / 2,500.50
    assert answer.clips == (
        Clip("order_notional", BUY.quantity, D("0.07998")),
        Clip("trade_loss", BUY.quantity, D("0.03999")),
    )
    assert [str(clip) for clip in answer.clips] == [
        "order_notional allows 0.07998 of 0.1",
        "trade_loss allows 0.03999 of 0.1",
    ]


def test_one_rule_that_cannot_say_by_how_much_refuses_all() -> None:
    facts = replace(market(asks_quote=D(10_000)), halt=HaltState.REDUCING)
    answer = verdict(Plan(facts=facts))
    assert isinstance(answer, Refused)
    assert [breach.rule for breach in answer.breaches] == ["halt_state", "depth_share"]
    assert answer.intent is BUY


LARGE = replace(BUY, quantity=Quantity(D("0.2")))
NEVER: dict[str, OrderIntent] = {
    "of a group": replace(LARGE, group="oco"),
    "in place of another": replace(LARGE, replaces="s-000000-00"),
    "a stop entry": replace(LARGE, order_type=OrderType.STOP, trigger_price=Price(D(50_100))),
    "a stop-limit entry": replace(
        LARGE,
        order_type=OrderType.STOP_LIMIT,
        trigger_price=Price(D(50_100)),
        limit_price=Price(D(50_200)),
    ),
    "a take-profit entry": replace(LARGE, order_type=OrderType.TAKE_PROFIT, trigger_price=Price(D(49_900))),
}


@pytest.mark.parametrize("what", NEVER)
def test_only_plain_buys_are_clipped(what: str) -> None:
    answer = verdict(Plan(NEVER[what]))
    assert isinstance(answer, Refused)
    assert "order_notional" in [breach.rule for breach in answer.breaches]


def test_a_sale_is_never_clipped() -> None:
    sale = replace(LARGE, side=Side.SELL, protective_stop=None)
    answer = verdict(Plan(sale, holding("0.2"), replace(LIMITS, max_order_notional_quote=D(9_000))))
    assert isinstance(answer, Refused)
    assert [breach.rule for breach in answer.breaches] == ["order_notional"]
    reducing = replace(sale, reduce_only=True)
    whole = verdict(Plan(reducing, holding("0.2"), replace(LIMITS, max_order_notional_quote=D(1))))
    assert isinstance(whole, ApprovedOrder)
    assert whole.intent is reducing


def test_a_limit_order_is_clipped_at_its_own_price() -> None:
    limit = replace(LARGE, order_type=OrderType.LIMIT, limit_price=Price(D(50_000)))
    assert cut(Plan(limit)) == D("0.2")
    assert cut(Plan(replace(limit, limit_price=Price(D(50_100))))) == D("0.19960")


def test_nothing_is_clipped_below_the_venues_minimum() -> None:
    """10 quote is the least order: 10.01 are left at 0.00021, 9.91 at 0.00019."""
    limits = replace(LIMITS, max_order_notional_quote=D("10.4"))
    assert cut(Plan(limits=limits)) == D("0.00020")
    answer = verdict(Plan(limits=replace(LIMITS, max_order_notional_quote=D("9.99"))))
    assert isinstance(answer, Refused)
    assert [breach.rule for breach in answer.breaches] == ["order_notional"]


def test_what_allows_nothing_at_all_refuses() -> None:
    assert cut(Plan(facts=holding("0.6"))) == 0  # 30,000 are held already
    assert cut(Plan(facts=market(asks_quote=D(0)))) == 0
    assert cut(Plan(facts=replace(FACTS, breakers=BreakerFacts(D(0), ())))) == 0
    assert cut(Plan(limits=replace(LIMITS, unhealthy_size_fraction=D(0)), facts=ill())) == 0


def ill() -> Any:
    return replace(FACTS, health=HealthFacts(20, 20))


def test_pending_buys_take_their_room_first() -> None:
    pending = replace(FACTS, open_orders=(resting(Side.BUY, "0.55", "50000"),))
    assert cut(Plan(facts=pending)) == D("0.04999")
    elsewhere = replace(FACTS, open_orders=(resting(Side.BUY, "22", "3000", symbol=ETH),))
    limits = replace(LIMITS, max_stressed_loss_equity_fraction=D("0.9"), max_var_equity_fraction=D("0.9"))
    assert refused_by(Plan(facts=elsewhere, limits=limits)) == ["cluster_exposure"]
    assert cut(Plan(facts=elsewhere, limits=limits)) == D("0.07998")


def test_pending_buys_of_other_symbols_count_as_the_worst_asset_under_stress() -> None:
    """20,000 pending fall by 0.8: 16,000 of 18,000 are gone, and 2,000 buy 4,000 of what falls by half."""
    facts = replace(FACTS, open_orders=(resting(Side.BUY, "5", "4000", symbol=ETH),))
    limits = replace(LIMITS, max_stressed_loss_equity_fraction=D("0.18"))
    assert refused_by(Plan(facts=facts, limits=limits)) == ["stressed_loss"]
    assert cut(Plan(facts=facts, limits=limits)) == D("0.07998")


def test_value_at_risk_counts_what_is_held_and_how_it_moves_together() -> None:
    """Held: 10,000 at 4 % a day, moving in step: with 5,001 more a bad day costs 1,564.01."""
    facts = book(variance=D(160_000), covariance=D(16))
    assert refused_by(Plan(facts=facts, limits=replace(LIMITS, max_var_equity_fraction=D("0.0156401")))) == []
    limits = replace(LIMITS, max_var_equity_fraction=D("0.015"))
    assert cut(Plan(facts=facts, limits=limits)) == D("0.08772")  # (1,500 / 2.6065 / 0.04 - 10,000) / 50,010
    apart = book(variance=D(160_000), covariance=D(-16))
    assert refused_by(Plan(facts=apart, limits=limits)) == []


def test_pending_buys_of_other_symbols_add_their_whole_deviation() -> None:
    facts = replace(FACTS, open_orders=(resting(Side.BUY, "5", "4000", symbol=ETH),))
    limits = replace(LIMITS, max_var_equity_fraction=D("0.03"))  # 3,000; pending 20,000 * 0.05 * 2.6065
    assert cut(Plan(facts=facts, limits=limits)) == D("0.07546")  # (3,000 / 2.6065 - 1,000) / 0.04 / 50,010
    none_left = replace(LIMITS, max_var_equity_fraction=D("0.026"))
    assert cut(Plan(facts=facts, limits=none_left)) == 0


def test_an_asset_that_never_moves_is_clipped_by_its_covariance_alone() -> None:
    still = book(variance=D(0), covariance=D(10), asset_variance=D(0))
    limits = replace(LIMITS, max_var_equity_fraction=D("0.005"), max_cvar_equity_fraction=D("0.5"))
    assert cut(Plan(facts=still, limits=limits)) == D("0.03679")  # (500 / 2.6065)^2 / 20 / 50,010
    frozen = book(variance=D(10**6), covariance=D(0), asset_variance=D(0))
    assert cut(Plan(facts=frozen, limits=limits)) == 0


def planted(name: str, allows: Callable[[Case], D | None]) -> tuple[Rule, ...]:
    return tuple(replace(rule, allows=allows) if rule.name == name else rule for rule in RULES)


@pytest.mark.parametrize("allowed", [None, "0", "-1", "NaN", "Infinity", "0.1", "0.2", "0.3"])
def test_a_rule_that_allows_nonsense_refuses(allowed: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """0.2 was asked for: what allows as much, more, or nothing at all is no clip; 0.1 is, and is held to."""
    rules = planted("order_notional", lambda case: None if allowed is None else D(allowed))
    monkeypatch.setattr("risk.gate.RULEBOOK", rulebook(rules))
    assert cut(Plan(LARGE)) == (D("0.1") if allowed == "0.1" else 0)


def test_a_rule_that_fails_to_say_how_much_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(case: Case) -> D | None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("risk.gate.RULEBOOK", rulebook(planted("order_notional", broken)))
    answer = verdict(Plan(LARGE))
    assert isinstance(answer, Refused)
    assert [breach.rule for breach in answer.breaches] == ["order_notional"]


def test_a_clip_that_does_not_help_refuses_with_what_was_wrong_at_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("risk.gate.RULEBOOK", rulebook(planted("depth_share", lambda case: D("0.09"))))
    answer = verdict(Plan(facts=market(asks_quote=D(4_000))))
    assert isinstance(answer, Refused)
    assert answer.intent is BUY
    assert [breach.rule for breach in answer.breaches] == ["depth_share"]


def test_a_full_order_list_is_not_made_room_in_by_a_smaller_order() -> None:
    answer = verdict(Plan(LARGE, replace(FACTS, open_orders=FIVE_OPEN)))
    assert isinstance(answer, Refused)
    assert [breach.rule for breach in answer.breaches] == ["order_notional", "open_orders"]
    assert answer.at == NOW


def test_an_unclipped_approval_has_no_clips() -> None:
    for plan in (Plan(), Plan(SELL, holding("1"))):
        answer = verdict(plan)
        assert isinstance(answer, ApprovedOrder)
        assert answer.clips == ()
