"""The newer rules at their edges, each from both sides, and what they leave alone."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.money import Price, Quantity
from domain.orders import OrderType, Side
from risk.facts import BreakerFacts, HealthFacts, RiskFacts
from risk.rules import RULES
from risk.windows import Blackout, TradingHours
from tests.unit.risk.gate_cases import (
    A_MINUTE,
    BTC,
    BUY,
    ETH,
    FACTS,
    LIMITS,
    NOW,
    QUOTE,
    SELL,
    SOL,
    Plan,
    book,
    cut,
    holding,
    losses,
    market,
    refused_by,
    resting,
    sent,
)

D = Decimal
SECOND = timedelta(seconds=1)
TINY = replace(BUY, quantity=Quantity(D("0.001")))
SALE = replace(SELL, reduce_only=False)


def on_probation(size: str, facts: RiskFacts = FACTS) -> RiskFacts:
    return replace(facts, breakers=BreakerFacts(D(size), ()))


def test_probation_takes_its_part_of_the_limit_on_an_order() -> None:
    """5,001 of 10,000: with 0.5001 it is just within, with 0.50 it is not."""
    assert refused_by(Plan(facts=on_probation("0.5001"))) == []
    assert refused_by(Plan(facts=on_probation("0.50"))) == ["breaker_size"]


def test_probation_takes_its_part_of_the_limit_on_a_holding() -> None:
    """A tenth of 30,000 with 50.01 more: 2,949.99 may be held before."""
    held = holding("0.0589998", price="50000")  # 2,949.99
    assert refused_by(Plan(TINY, on_probation("0.1", held))) == []
    more = holding("0.059", price="50000")
    assert refused_by(Plan(TINY, on_probation("0.1", more))) == ["breaker_size"]
    pending = replace(FACTS, open_orders=(resting(Side.BUY, "0.0589998", "50000"),))
    assert refused_by(Plan(TINY, on_probation("0.1", pending))) == []
    pending = replace(FACTS, open_orders=(resting(Side.BUY, "0.059", "50000"),))
    assert refused_by(Plan(TINY, on_probation("0.1", pending))) == ["breaker_size"]


def test_probation_holds_a_sale_to_the_size_of_an_order_only() -> None:
    """4,999 of 10,000 at the bid, however much is held."""
    assert refused_by(Plan(SALE, on_probation("0.4999", holding("0.5")))) == []
    assert refused_by(Plan(SALE, on_probation("0.4998", holding("0.5")))) == ["breaker_size"]
    assert cut(Plan(SALE, on_probation("0.4998", holding("0.5")))) == 0


def test_probation_needs_both_limits() -> None:
    neither = replace(LIMITS, max_position_notional_quote=None, max_position_equity_fraction=None)
    assert "breaker_size" in refused_by(Plan(facts=on_probation("0.9"), limits=neither))
    no_order = replace(LIMITS, max_order_notional_quote=None)
    assert "breaker_size" in refused_by(Plan(facts=on_probation("0.9"), limits=no_order))


@pytest.mark.parametrize(
    ("asked", "abstained", "healthy"), [(0, 0, True), (20, 10, True), (20, 11, False), (1, 1, False)]
)
def test_models_are_well_up_to_the_limit(asked: int, abstained: int, healthy: bool) -> None:
    large = replace(BUY, quantity=Quantity(D("0.15")))
    told = refused_by(Plan(large, replace(FACTS, health=HealthFacts(asked, abstained))))
    assert told == ([] if healthy else ["model_health"])


def test_the_worse_of_models_and_breakers_counts() -> None:
    ill = replace(FACTS, health=HealthFacts(20, 20))
    large = replace(BUY, quantity=Quantity(D("0.15")))
    assert cut(Plan(large, on_probation("0.25", ill))) == D("0.04999")
    assert cut(Plan(large, on_probation("0.75", ill))) == D("0.09998")


def test_every_open_breaker_is_named() -> None:
    facts = replace(FACTS, breakers=BreakerFacts(D(1), ("drawdown", "gap")))
    assert refused_by(Plan(facts=facts)) == ["open_breaker"]


@pytest.mark.parametrize(
    ("changes", "duplicate"),
    [
        ({}, True),
        ({"side": Side.SELL}, False),
        ({"quantity": D("0.10001")}, False),
        ({"quantity": D("0.1000")}, True),
        ({"parent": "algo-1"}, True),
    ],
)
def test_only_the_same_order_is_a_duplicate(changes: dict[str, Any], duplicate: bool) -> None:
    assert refused_by(Plan(facts=sent(1, **changes))) == (["duplicate_intent"] if duplicate else [])


def test_parts_of_one_plan_and_replacements_repeat_on_purpose() -> None:
    part = replace(BUY, parent="algo-1")
    assert refused_by(Plan(part, sent(1, parent="algo-1"))) == []
    assert refused_by(Plan(part, sent(1, parent="algo-2"))) == ["duplicate_intent"]
    assert refused_by(Plan(replace(BUY, replaces="s-000000-00"), sent(1))) == []
    assert refused_by(Plan(replace(BUY, replaces="s-000000-09"), sent(1))) == ["duplicate_intent"]


def test_an_order_is_no_duplicate_of_itself() -> None:
    assert refused_by(Plan(replace(BUY, client_id="s-000000-00"), sent(1))) == []


def test_a_duplicate_is_found_behind_other_orders() -> None:
    recent = (sent(1, quantity=D(9)).recent_intents or ()) + (sent(2).recent_intents or ())
    assert refused_by(Plan(facts=replace(FACTS, recent_intents=recent))) == ["duplicate_intent"]


def test_a_window_of_nothing_finds_no_duplicate() -> None:
    assert refused_by(Plan(facts=sent(0), limits=replace(LIMITS, duplicate_window_seconds=0))) == []


# 50,010 is asked; the stop of the plain buy lies 2,500.50 below.
REWARDS = [
    ("52510.50", "47509.50", True),
    ("52510.49", "47509.50", False),
    ("50010.50", "50009.50", True),
    ("50010.50", "50009.49", False),
]


@pytest.mark.parametrize(("profit", "stop", "enough"), REWARDS)
def test_the_reward_is_worth_the_risk(profit: str, stop: str, enough: bool) -> None:
    intent = replace(BUY, take_profit=Price(D(profit)), protective_stop=Price(D(stop)))
    assert refused_by(Plan(intent)) == ([] if enough else ["reward_to_risk"])


def test_the_reward_is_measured_from_the_live_price_not_from_the_orders_own() -> None:
    """From its own limit it is 2,900 for 2,100.50; from the live price 2,500 for 2,500.50."""
    intent = replace(
        BUY,
        order_type=OrderType.LIMIT,
        limit_price=Price(D("49610")),
        take_profit=Price(D("52510")),
    )
    assert refused_by(Plan(intent)) == ["reward_to_risk"]


def test_without_a_stop_everything_is_at_risk() -> None:
    none = replace(LIMITS, require_stop=False)
    far = replace(TINY, protective_stop=None, take_profit=Price(D("100020")))
    assert refused_by(Plan(far, limits=none)) == []
    assert refused_by(Plan(replace(far, take_profit=Price(D("100019.99"))), limits=none)) == [
        "reward_to_risk"
    ]


def test_without_a_take_profit_there_is_no_reward_to_measure() -> None:
    assert refused_by(Plan(limits=replace(LIMITS, min_reward_to_risk_ratio=D(100)))) == []


def test_a_stop_at_the_live_price_leaves_no_ratio() -> None:
    limit = replace(
        BUY,
        order_type=OrderType.LIMIT,
        limit_price=Price(D("50200")),
        protective_stop=Price(D("50010")),
        take_profit=Price(D("60000")),
    )
    assert refused_by(Plan(limit)) == ["reward_to_risk"]


def test_without_a_stop_the_whole_order_is_the_loss_of_the_trade() -> None:
    free = replace(LIMITS, require_stop=False)
    bare = replace(BUY, protective_stop=None)
    assert cut(Plan(bare, limits=free)) == D("0.03999")  # 2,000 / 50,010


def test_assets_move_together_from_the_threshold_on() -> None:
    """66,000 of ETH beside 5,001: one cluster of at most 70,000 when they move together."""
    eth = holding("22", symbol=ETH, price="3000")
    for correlation, together in (("0.8", True), ("0.7999", False), ("-0.9", False), ("1", True)):
        moves = replace(eth, book=book(correlations={ETH: D(correlation)}).book)
        assert refused_by(Plan(facts=moves)) == (["cluster_exposure"] if together else [])


def test_an_asset_is_in_its_own_cluster_once() -> None:
    own = replace(holding("0.4"), book=book(correlations={BTC: D(1), ETH: D(0)}).book)
    limits = replace(LIMITS, max_cluster_equity_fraction=D("0.25001"))  # 20,000 held, 5,001 more
    assert refused_by(Plan(facts=own, limits=limits)) == []
    assert refused_by(Plan(facts=own, limits=replace(limits, max_cluster_equity_fraction=D("0.25")))) == [
        "cluster_exposure"
    ]


def test_what_is_pending_belongs_to_the_cluster() -> None:
    limits = replace(LIMITS, max_cluster_equity_fraction=D("0.10001"))
    for symbol, together in ((ETH, True), (SOL, False)):
        pending = replace(FACTS, open_orders=(resting(Side.BUY, "1", "5000.01", symbol=symbol),))
        assert refused_by(Plan(facts=pending, limits=limits)) == (["cluster_exposure"] if together else [])
        exact = replace(FACTS, open_orders=(resting(Side.BUY, "1", "5000", symbol=symbol),))
        assert refused_by(Plan(facts=exact, limits=limits)) == []


def test_depth_and_volume_are_of_the_side_and_day_they_say() -> None:
    assert refused_by(Plan(facts=market(asks_quote=D(20_004)))) == []
    assert refused_by(Plan(facts=market(asks_quote=D("20003.99")))) == ["depth_share"]
    assert refused_by(Plan(facts=market(volume_quote=D(500_100)))) == []
    assert refused_by(Plan(facts=market(volume_quote=D("500099.99")))) == ["volume_share"]
    thin = market(bids_quote=D(19_996)).market
    assert refused_by(Plan(SALE, holding("1", market=thin))) == []
    thinner = market(bids_quote=D("19995.99")).market
    assert refused_by(Plan(SALE, holding("1", market=thinner))) == ["depth_share"]


def test_a_quote_agrees_from_above_and_from_below() -> None:
    """The middle is 50,000 and 3 % of it 1,500."""
    for reference, agrees in ((51_500, True), (48_500, True), (51_501, False), (48_499, False)):
        assert refused_by(Plan(facts=market(reference=D(reference)))) == (
            [] if agrees else ["price_agreement"]
        )


def test_an_estimated_quote_is_refused_for_entries_only() -> None:
    estimated = replace(QUOTE, estimated=True)
    assert refused_by(Plan(facts=replace(FACTS, quote=estimated))) == ["estimated_price"]
    assert refused_by(Plan(SELL, holding("1", quote=estimated))) == []


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        (lambda at: market(severe_news_at=at), "news_blackout"),
        (lambda at: losses(last_loss_at={BTC: at}), "loss_cooldown"),
        (lambda at: losses(streak=6, streak_at=at), "loss_streak"),
    ],
)
def test_pauses_end_to_the_second_and_a_clock_that_went_back_does_not_end_them(facts: Any, rule: str) -> None:
    limits = replace(LIMITS, news_blackout_seconds=60, loss_cooldown_seconds=60, loss_streak_pause_seconds=60)
    for ago, over in ((60 * SECOND, True), (59 * SECOND, False), (-SECOND, False), (timedelta(0), False)):
        assert refused_by(Plan(facts=facts(NOW - ago), limits=limits)) == ([] if over else [rule])


@pytest.mark.parametrize(
    ("limit", "facts"),
    [
        ("news_blackout_seconds", market(severe_news_at=NOW)),
        ("loss_cooldown_seconds", losses(last_loss_at={BTC: NOW})),
        ("loss_streak_pause_seconds", losses(streak=9, streak_at=NOW)),
    ],
)
def test_a_pause_of_nothing_is_none(limit: str, facts: RiskFacts) -> None:
    nothing: dict[str, Any] = {limit: 0}
    assert refused_by(Plan(facts=facts, limits=replace(LIMITS, **nothing))) == []


def test_a_loss_elsewhere_does_not_cool_this_symbol_down() -> None:
    assert refused_by(Plan(facts=losses(last_loss_at={ETH: NOW}))) == []


def test_one_of_several_trading_hours_is_enough() -> None:
    mon, sat = TradingHours.read("mon 12:00-13:00"), TradingHours.read("sat 12:00-13:00")
    assert refused_by(Plan(limits=replace(LIMITS, trading_hours_utc=(sat, mon)))) == []
    assert refused_by(Plan(limits=replace(LIMITS, trading_hours_utc=(sat,)))) == ["trading_hours"]


def test_one_of_several_blackouts_is_enough() -> None:
    past, now = Blackout(NOW - 2 * A_MINUTE, NOW), Blackout(NOW - A_MINUTE, NOW + A_MINUTE)
    assert refused_by(Plan(limits=replace(LIMITS, blackout_windows_utc=(past,)))) == []
    assert refused_by(Plan(limits=replace(LIMITS, blackout_windows_utc=(past, now)))) == ["blackout"]


def test_any_scenario_may_be_the_worst() -> None:
    """60,000 may be lost. The crash costs half of 5,001, the mild one a tenth."""
    for losses_now, kept in (
        ((D("59499.90"), D(0)), True),
        ((D("59499.91"), D(0)), False),
        ((D(0), D("57499.50")), True),
        ((D(0), D("57499.51")), False),
    ):
        told = refused_by(Plan(facts=book(scenario_losses=losses_now)))
        assert told == ([] if kept else ["stressed_loss"])


def test_an_asset_that_gains_in_a_scenario_cannot_be_clipped_out_of_it() -> None:
    gains = book(
        scenarios=(replace(FACTS.book.scenarios[0], shock_fraction=D("-0.1")),) if FACTS.book else (),
        scenario_losses=(D(61_000),),
    )
    assert refused_by(Plan(facts=gains)) == ["stressed_loss"]
    assert cut(Plan(facts=gains)) == 0


def test_the_table_knows_every_limit_and_every_fact() -> None:
    limits = {name for rule in RULES for name in rule.limits}
    facts = {name for rule in RULES for name in rule.needs}
    assert limits == set(LIMITS.__slots__)
    assert facts == {each.name for each in fields(FACTS)}


@pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
def test_every_rule_says_what_it_means_in_a_sentence(rule: Any) -> None:
    assert rule.meaning.endswith(".")
    assert len(rule.meaning) > 20
