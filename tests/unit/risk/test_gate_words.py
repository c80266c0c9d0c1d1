"""What the gate says: unknown, unset and senseless are told as such, never as a rule that broke."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest

from domain.market import Quote
from domain.money import Price, Quantity
from domain.orders import OrderIntent, OrderType, Side
from domain.verdicts import Breach
from risk.case import Case
from risk.facts import BreakerFacts, PositionFacts, RiskFacts
from risk.gate import RULEBOOK, Refused
from risk.limits import RiskLimits
from risk.rules import RULES, Asked, rulebook
from tests.unit.risk.gate_cases import (
    A_MINUTE,
    BTC,
    BUY,
    ETH,
    FACTS,
    FIVE_OPEN,
    LIMITS,
    NOW,
    QUOTE,
    SELL,
    STOP_SELL,
    Plan,
    account,
    book,
    holding,
    losses,
    market,
    refused_by,
    resting,
    sent,
    verdict,
)

D = Decimal
NOTHING = RiskFacts(None, None, None, None, None, None)
INTENTS = {
    "market": BUY,
    "limit": replace(BUY, order_type=OrderType.LIMIT, limit_price=Price(D(49_000))),
    "limit without a limit": replace(BUY, order_type=OrderType.LIMIT),
    "stop": replace(BUY, order_type=OrderType.STOP, trigger_price=Price(D(51_000))),
    "take profit named": replace(BUY, take_profit=Price(D(60_000))),
    "sale": replace(SELL, reduce_only=False),
    "reduction": SELL,
    "stop of a holding": STOP_SELL,
    "reducing limit": replace(SELL, order_type=OrderType.LIMIT, limit_price=Price(D(50_500))),
}


def said(rule: str, plan: Plan) -> Breach | None:
    """What this rule alone says, without anything that catches it."""
    return RULEBOOK.by_name[rule].check(Case(plan.intent, plan.facts, plan.limits, NOW))


def told(rule: str, plan: Plan) -> tuple[str, str]:
    """Limit and value of its breach."""
    breach = said(rule, plan)
    assert breach is not None
    return breach.limit, breach.value


@pytest.mark.parametrize("intent", INTENTS.values(), ids=INTENTS)
@pytest.mark.parametrize("fact", [None, *(each.name for each in fields(RiskFacts))])
def test_no_rule_breaks_over_an_unknown_fact(intent: OrderIntent, fact: str | None) -> None:
    for facts in (FACTS, holding("1"), holding("0.05")):
        known = NOTHING if fact is None else replace(facts, **{fact: None})
        for rule in RULES:
            breach = said(rule.name, Plan(intent, known))
            needed = fact is None or fact in rule.needs
            assert (
                breach is None or breach.value == "unknown" or not needed or breach.limit != "must be known"
            )
            assert breach is None or breach.value != "error"


@pytest.mark.parametrize("fact", [each.name for each in fields(RiskFacts)])
def test_what_is_unknown_is_told_so(fact: str) -> None:
    answer = verdict(Plan(facts=replace(FACTS, **{fact: None})))
    assert isinstance(answer, Refused)
    assert {breach.value for breach in answer.breaches} == {"unknown"}


@pytest.mark.parametrize("name", [each.name for each in fields(RiskLimits)])
def test_what_is_unset_is_told_so(name: str) -> None:
    both = {"max_position_notional_quote", "max_position_equity_fraction"}
    names: dict[str, Any] = dict.fromkeys(both if name in both else {name})
    ill = replace(FACTS, breakers=BreakerFacts(D("0.9"), ()))
    answer = verdict(Plan(replace(BUY, take_profit=Price(D(60_000))), ill, replace(LIMITS, **names)))
    assert isinstance(answer, Refused)
    values = {breach.rule: breach.value for breach in answer.breaches}
    assert set(values.values()) == {"unset"}, values


def test_a_price_that_an_order_does_not_name_is_unknown_to_every_rule_that_needs_it() -> None:
    plan = Plan(INTENTS["limit without a limit"])
    unknown = {rule.name for rule in RULES if (breach := said(rule.name, plan)) and breach.value == "unknown"}
    priced = {"venue_filters", "balance", "order_notional", "position_size", "gross_exposure", "leverage"}
    priced |= {"cluster_exposure", "depth_share", "volume_share", "price_collar", "stop_required"}
    assert unknown == priced | {"trade_loss", "stressed_loss", "value_at_risk", "expected_shortfall"}
    ill = replace(FACTS, breakers=BreakerFacts(D("0.9"), ()))
    assert told("breaker_size", Plan(plan.intent, ill)) == ("must be known", "unknown")
    sale = replace(plan.intent, side=Side.SELL, protective_stop=None)
    assert told("breaker_size", Plan(sale, ill))[1] == "more"
    assert said("well_formed", Plan(replace(BUY, order_type=OrderType.STOP))) is not None


def test_an_order_that_only_claims_to_reduce_hears_what_is_unknown() -> None:
    assert told("reduce_only", Plan(SELL, replace(FACTS, account=None)))[1] == "unknown"
    assert told("reduce_only", Plan(SELL, replace(holding("1"), open_orders=None)))[1] == "unknown"
    assert told("reduce_only", Plan(replace(BUY, reduce_only=True))) == ("a sell", "buy")
    assert told("reduce_only", Plan(SELL, holding("0.05"))) == ("at most 0.05", "0.1")
    assert not Case(replace(SELL, quantity=Quantity(D(0))), holding("1"), LIMITS, NOW).reduces


def test_the_price_is_old_or_ahead() -> None:
    def age(seconds: int) -> str:
        quote = replace(QUOTE, as_of=NOW - seconds * A_MINUTE / 60)
        return told("fresh_price", Plan(facts=replace(FACTS, quote=quote)))[1]

    assert (age(31), age(-1)) == ("0:00:31 old", "0:00:01 ahead of now")


def test_figures_are_told_where_they_exist() -> None:
    low = Price(D(0))
    empty = replace(FACTS, quote=Quote(BTC, low, low, low, NOW))
    assert told("price_collar", Plan(INTENTS["limit"], empty)) == ("2.00 %", "unknown")
    assert told("price_agreement", Plan(facts=empty)) == ("3.00 %", "senseless")
    assert told("price_agreement", Plan(facts=market(reference=D(52_000)))) == ("3.00 %", "4.00 %")
    far = replace(BUY, order_type=OrderType.LIMIT, limit_price=Price(D(52_000)))
    assert told("price_collar", Plan(far)) == ("2.00 %", "4.00 %")
    profit = replace(BUY, take_profit=Price(D("51260.25")))
    assert told("reward_to_risk", Plan(profit)) == ("at least 1", "0.50")
    at_ask = replace(profit, protective_stop=Price(D(50_010)))
    assert told("reward_to_risk", Plan(at_ask)) == ("at least 1", "no risk")
    assert told("leverage", Plan(facts=account(equity=D(0)))) == ("1", "no equity")
    assert told("leverage", Plan(facts=account(equity=D(5_001)))) == ("1", "1.00")
    assert told("order_rate", Plan(facts=replace(FACTS, recent_orders=10))) == ("10 in 60 s", "10")
    assert told("open_orders", Plan(facts=replace(FACTS, open_orders=FIVE_OPEN))) == ("5", "5")
    assert told("position_size", Plan(facts=holding("0.55"))) == ("30000", "32501")
    none = replace(BUY, protective_stop=None)
    assert told("stop_required", Plan(none)) == ("a protective stop", "none")
    assert told("stop_required", Plan(replace(BUY, protective_stop=low))) == ("below 50010", "0")
    assert told("loss_streak", Plan(facts=losses(streak=6)))[1] == "unknown"


@pytest.mark.parametrize(("quantity", "bid"), [("0", "50000"), ("-1", "50000"), ("0.1", "0")])
def test_nothing_is_no_quantity_and_no_price(quantity: str, bid: str) -> None:
    sale = replace(INTENTS["sale"], quantity=Quantity(D(quantity)))
    quote = replace(QUOTE, bid=Price(D(bid)))
    assert told("venue_filters", Plan(sale, replace(FACTS, quote=quote)))[0] == "above zero"


def test_a_holding_of_nothing_is_none() -> None:
    assert refused_by(Plan(facts=holding("0"))) == []
    assert said("position_size", Plan(facts=holding("0"))) is None
    owing = account(positions={BTC: PositionFacts(D(-1), D(50_000))})
    assert told("position_size", Plan(facts=owing)) == ("facts that make sense", "a position worth -50000")


def test_a_breaker_that_allows_nothing_is_no_nonsense() -> None:
    none = replace(FACTS, breakers=BreakerFacts(D(0), ()))
    assert told("breaker_size", Plan(facts=none)) == ("0 an order, 0 a holding", "more")
    for part in ("-0.1", "1.1"):
        ill = replace(FACTS, breakers=BreakerFacts(D(part), ()))
        assert told("breaker_size", Plan(facts=ill))[0] == "facts that make sense"


def test_nothing_was_lost_of_nothing() -> None:
    broke = account(equity=D(0), day_start_equity=D(0), peak_equity=D(0))
    assert said("daily_loss", Plan(facts=broke)) is None
    assert said("peak_drawdown", Plan(facts=broke)) is None


def test_a_pause_of_nothing_is_none_even_when_the_clock_went_back() -> None:
    ahead = losses(last_loss_at={BTC: NOW + A_MINUTE})
    assert refused_by(Plan(facts=ahead, limits=replace(LIMITS, loss_cooldown_seconds=0))) == []
    assert refused_by(Plan(facts=sent(-5), limits=replace(LIMITS, duplicate_window_seconds=0))) == []


def test_what_a_bad_day_costs_is_told() -> None:
    """4 % of 5,001 is 200.04 a day; 2.6065 of it are 521.40."""
    tight = replace(LIMITS, max_var_equity_fraction=D("0.005"))
    assert told("value_at_risk", Plan(limits=tight)) == ("0.50 % of equity, 500", "521.4")
    still = book(asset_variance=D(0))
    assert said("value_at_risk", Plan(facts=still)) is None
    pending = replace(still, open_orders=(resting(Side.BUY, "1", "2000", symbol=ETH),))
    exact = replace(LIMITS, max_var_equity_fraction=D("0.0026065"))  # 2.6065 x 2,000 x 5 % are 260.65
    assert said("value_at_risk", Plan(facts=pending, limits=exact)) is None
    beyond = replace(LIMITS, max_var_equity_fraction=D("0.0026064"))
    assert told("value_at_risk", Plan(facts=pending, limits=beyond))[1] == "0"
    senseless = book(covariance=D(-100), asset_variance=D(0))
    assert told("value_at_risk", Plan(facts=senseless))[1] == "senseless"


def test_a_limit_price_of_nothing_makes_no_sense() -> None:
    free = replace(BUY, order_type=OrderType.LIMIT, limit_price=Price(D(0)), post_only=True)
    breach = said("well_formed", Plan(free))
    assert breach is not None
    assert "a limit price of 0 makes no sense" in breach.message


@pytest.mark.parametrize(("side", "wrong"), [(Side.SELL, "46000.01"), (Side.BUY, "53999.99")])
def test_a_stop_limit_may_have_its_limit_at_its_trigger(side: Side, wrong: str) -> None:
    trigger = Price(D(46_000) if side is Side.SELL else D(54_000))
    base = BUY if side is Side.BUY else SELL
    order = replace(base, order_type=OrderType.STOP_LIMIT, trigger_price=trigger, limit_price=trigger)
    assert said("well_formed", Plan(order, holding("1"))) is None
    assert said("well_formed", Plan(replace(order, limit_price=Price(D(wrong))), holding("1"))) is not None


def test_the_rulebook_asks_each_order_what_concerns_it() -> None:
    book = rulebook(RULES)
    always = {rule.check for rule in RULES if rule.asked is Asked.ALWAYS}
    buys = {rule.check for rule in RULES if rule.asked is Asked.BUYS}
    assert set(book.reducing) == always
    assert set(book.selling) == {rule.check for rule in RULES} - buys
    assert len(book.buying) == len(RULES)
