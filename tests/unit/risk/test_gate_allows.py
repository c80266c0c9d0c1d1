"""By how much a rule would clip, asked of the rule itself: unknown is no answer, and edges are exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.errors import GateError
from domain.money import Price, Quantity
from domain.orders import OrderType, Side
from risk.case import Case
from risk.facts import BreakerFacts, RiskFacts, ScenarioFacts
from risk.gate import RULEBOOK, Refused
from risk.limits import RiskLimits
from risk.rules import RULES, Rule, rulebook
from tests.unit.risk.gate_cases import (
    BUY,
    ETH,
    FACTS,
    LIMITS,
    NOW,
    ONLY_THIS_RULE_REFUSES,
    Plan,
    book,
    cut,
    market,
    resting,
    verdict,
)

D = Decimal
NOTHING = RiskFacts(None, None, None, None, None, None)
CLIPPING = [rule for rule in RULES if rule.allows is not None]
IDS = [rule.name for rule in CLIPPING]
NO_ACCOUNT = {
    "position_size",
    "order_notional",
    "depth_share",
    "volume_share",
    "model_health",
    "breaker_size",
}
"""They can tell without it, from limits in money; the rules themselves refuse an account that is unknown."""
RAISES = {"gross_exposure"}


def allows(rule: str, plan: Plan) -> Decimal | None:
    """The quantity of this rule alone, without anything that catches it."""
    found = RULEBOOK.by_name[rule].allows
    assert found is not None
    return found(Case(plan.intent, plan.facts, plan.limits, NOW))


@pytest.mark.parametrize("rule", CLIPPING, ids=IDS)
def test_a_rule_that_cannot_know_allows_no_quantity(rule: Rule) -> None:
    """None, and no exception that somebody has to catch, without what it needs; else a quantity."""
    plan = ONLY_THIS_RULE_REFUSES[rule.name]
    assert allows(rule.name, plan) is not None
    if rule.name not in RAISES:
        assert allows(rule.name, Plan(plan.intent, NOTHING, plan.limits)) is None
    assert allows(rule.name, Plan(plan.intent, plan.facts, RiskLimits())) is None
    assert allows(rule.name, Plan(replace(plan.intent, order_type=OrderType.LIMIT), plan.facts)) is None
    more = {"market", "breakers"} if rule.name == "cluster_exposure" else {"market", "breakers", "book"}
    for name in more & set(rule.needs):
        assert allows(rule.name, Plan(plan.intent, replace(plan.facts, **{name: None}), plan.limits)) is None


@pytest.mark.parametrize("rule", sorted(set(IDS) - NO_ACCOUNT))
def test_without_the_account_no_rule_allows_a_quantity(rule: str) -> None:
    plan = ONLY_THIS_RULE_REFUSES[rule]
    facts = replace(plan.facts, account=None)
    if rule in RAISES:
        with pytest.raises(GateError):
            allows(rule, Plan(plan.intent, facts, plan.limits))
    else:
        assert allows(rule, Plan(plan.intent, facts, plan.limits)) is None


@pytest.mark.parametrize("name", ["asks_quote", "volume_quote"])
def test_a_part_of_the_market_that_is_unknown_allows_nothing(name: str) -> None:
    rule = "depth_share" if name == "asks_quote" else "volume_share"
    assert allows(rule, Plan(facts=market(**{name: None}))) is None


@pytest.mark.parametrize("rule", ["stressed_loss", "value_at_risk", "expected_shortfall", "leverage"])
def test_without_what_is_pending_they_allow_nothing(rule: str) -> None:
    assert allows(rule, Plan(facts=replace(FACTS, open_orders=None))) is None
    assert allows("gross_exposure", Plan(facts=replace(FACTS, open_orders=None))) is None


@pytest.mark.parametrize(
    ("notional", "fraction", "most"),
    [("20000", "0.3", "20000"), ("30000", "0.2", "20000"), (None, "0.2", "20000"), ("20000", None, "20000")],
)
def test_the_stricter_limit_on_a_holding_counts(
    notional: str | None, fraction: str | None, most: str
) -> None:
    limits = replace(
        LIMITS,
        max_position_notional_quote=None if notional is None else D(notional),
        max_position_equity_fraction=None if fraction is None else D(fraction),
        max_order_notional_quote=D(100_000),
    )
    assert allows("position_size", Plan(limits=limits)) == D(most) / 50_010
    half = replace(FACTS, breakers=BreakerFacts(D("0.5"), ()))
    assert allows("breaker_size", Plan(facts=half, limits=limits)) == D(most) / 2 / 50_010
    assert allows("model_health", Plan(facts=half, limits=limits)) == D(most) / 2 / 50_010


def test_a_stop_at_the_price_risks_nothing_that_could_be_divided() -> None:
    at_price = replace(BUY, protective_stop=Price(D(50_010)))
    assert allows("trade_loss", Plan(at_price)) is None
    below = replace(BUY, protective_stop=Price(D(50_009)))
    assert allows("trade_loss", Plan(below)) == 2_000


def scenarios(*each: tuple[str, str]) -> RiskFacts:
    """Of each scenario the shock of the asset, and what the book loses already."""
    return book(
        scenarios=tuple(ScenarioFacts(f"s{n}", D(shock), D("0.9")) for n, (shock, _) in enumerate(each)),
        scenario_losses=tuple(D(lost) for _, lost in each),
    )


def test_a_scenario_in_which_the_asset_stands_still_limits_nothing_until_it_is_full() -> None:
    """60,000 may be lost."""
    assert allows("stressed_loss", Plan(facts=scenarios(("0", "0"), ("0.5", "0")))) == D(120_000) / 50_010
    assert allows("stressed_loss", Plan(facts=scenarios(("0", "60000"), ("0.5", "0")))) == D(120_000) / 50_010
    assert allows("stressed_loss", Plan(facts=scenarios(("0", "60001"), ("0.5", "0")))) is None
    assert allows("stressed_loss", Plan(facts=scenarios(("-0.1", "60001"), ("0.5", "0")))) is None
    assert allows("stressed_loss", Plan(facts=scenarios(("-0.1", "0")))) is None
    both = scenarios(("0.5", "0"), ("0.25", "50000"))
    assert allows("stressed_loss", Plan(facts=both)) == D(40_000) / 50_010


def test_a_bad_day_that_is_just_full_allows_nothing_more_and_beyond_it_nothing_is_known() -> None:
    """The room is 15,000 / 2.6065, of which other pending orders take theirs."""
    limits = replace(LIMITS, max_var_equity_fraction=D("0.26065"))  # 10,000 of deviation
    full = book(variance=D(10_000) ** 2, covariance=D(5), asset_variance=D("0.01"))
    assert allows("value_at_risk", Plan(facts=full, limits=limits)) == 0
    beyond = book(variance=D(10_001) ** 2, covariance=D(5), asset_variance=D("0.01"))
    assert allows("value_at_risk", Plan(facts=beyond, limits=limits)) is None
    other = (resting(Side.BUY, "1", "200000", symbol=ETH),)  # 5 % of it are 10,000
    empty = book(variance=D(0), covariance=D(5), asset_variance=D("0.01"))
    assert allows("value_at_risk", Plan(facts=replace(empty, open_orders=other), limits=limits)) == 0
    more = (resting(Side.BUY, "1", "500000", symbol=ETH),)
    assert allows("value_at_risk", Plan(facts=replace(empty, open_orders=more), limits=limits)) is None
    still = book(variance=D(1), covariance=D(0), asset_variance=D(0))
    assert allows("value_at_risk", Plan(facts=still, limits=limits)) is None


def fixed(allowed: str) -> Callable[[Case], Decimal]:
    return lambda case: D(allowed)


def test_the_gate_takes_no_answer_that_is_not_below_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other rule's clip would do; but a rule that refuses 0.2 and allows it makes no sense."""
    large = replace(BUY, quantity=Quantity(D("0.2")))
    thin = market(asks_quote=D(20_000))
    assert cut(Plan(large, thin)) == D("0.09998")
    for allowed in ("0.2", "0.3"):
        planted = [
            replace(each, allows=fixed(allowed)) if each.name == "order_notional" else each for each in RULES
        ]
        monkeypatch.setattr("risk.gate.RULEBOOK", rulebook(planted))
        again = Plan(replace(large), replace(thin))
        assert isinstance(verdict(again), Refused)
