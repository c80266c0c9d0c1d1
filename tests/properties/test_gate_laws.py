"""Laws of the gate, for any intent, any facts and any limits."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar, assert_never

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.halt import HaltState
from domain.market import Quote
from domain.money import Price, Quantity
from domain.orders import STOPS, TRIGGERED, WITH_LIMIT, OrderIntent, OrderType, Origin, Side, TimeInForce
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
from tests.unit.risk.gate_cases import BTC, BUY, ETH, INSTRUMENT, LIMITS, NOW, USDT
from tests.unit.risk.gate_cases import FACTS as GOOD_FACTS

Known = TypeVar("Known")


def hold_in_words(intent: OrderIntent, facts: RiskFacts, limits: RiskLimits) -> None:
    """What an approval promises, said again without the gate's code. Fails when one promise is broken."""
    account, instrument, quote, orders = facts.account, facts.instrument, facts.quote, facts.open_orders
    assert account is not None
    assert instrument is not None
    assert quote is not None
    assert orders is not None
    assert limits.max_quote_age_seconds is not None
    assert timedelta(0) <= NOW - quote.as_of <= timedelta(seconds=limits.max_quote_age_seconds)
    assert instrument.symbol == intent.symbol == quote.symbol
    held = account.positions[BTC].quantity if BTC in account.positions else Decimal(0)
    sales = [each for each in orders if each.symbol == BTC and each.side is Side.SELL and not each.is_stop]
    sides_with_market(intent, quote)
    guards = intent.order_type in STOPS or (
        intent.origin is Origin.GUARDIAN and intent.order_type is not OrderType.MARKET
    )
    shares = guards and intent.reduce_only and intent.side is Side.SELL
    selling = Decimal(0) if shares else sum((each.remaining for each in sales), Decimal(0))
    assert intent.quantity > 0
    assert intent.quantity % instrument.step_size == 0
    if intent.side is Side.SELL:
        assert intent.quantity + selling <= account.free[COIN]
        if intent.reduce_only:
            assert intent.quantity + selling <= held
            return
    else:
        assert not intent.reduce_only
    price = entry_price(intent, quote)
    value = intent.quantity * price
    entries_in_words(intent, facts, limits, value)
    assert facts.halt is HaltState.ACTIVE
    assert limits.allowed_symbols is not None
    assert intent.symbol in limits.allowed_symbols
    assert value <= some(limits.max_order_notional_quote)
    assert facts.recent_orders is not None
    assert facts.recent_orders + 1 <= some(limits.max_orders_per_window_count)
    assert len(orders) + 1 <= some(limits.max_open_orders_count)
    assert account.equity > account.day_start_equity * (1 - some(limits.max_daily_loss_fraction))
    assert account.equity > account.peak_equity * (1 - some(limits.max_drawdown_fraction))
    assert abs(price - quote.mid) <= some(limits.price_collar_fraction) * quote.mid
    if intent.side is Side.SELL:
        return
    buys = [each for each in orders if each.side is Side.BUY]
    pending = {
        symbol: sum((each.remaining * each.price for each in buys if each.symbol == symbol), Decimal(0))
        for symbol in (BTC, ETH)
    }
    worth = {symbol: each.quantity * each.price for symbol, each in account.positions.items()}
    position = value + pending[BTC] + worth.get(BTC, Decimal(0))
    assert limits.max_position_notional_quote is not None or limits.max_position_equity_fraction is not None
    if limits.max_position_notional_quote is not None:
        assert position <= limits.max_position_notional_quote
    if limits.max_position_equity_fraction is not None:
        assert position <= limits.max_position_equity_fraction * account.equity
    exposure = value + sum(pending.values()) + sum(worth.values())
    assert exposure <= some(limits.max_gross_exposure_equity_fraction) * account.equity
    assert (value + sum(pending.values())) * (1 + some(limits.fee_reserve_fraction)) <= account.free[USDT]
    assert exposure <= some(limits.max_leverage_ratio) * account.equity
    exposures_in_words(intent, facts, limits, value, pending[BTC], pending[ETH])
    if limits.require_stop:
        assert intent.protective_stop is not None
    if intent.protective_stop is not None:
        assert intent.protective_stop < price
        assert price - intent.protective_stop <= some(limits.max_stop_distance_fraction) * price


def entries_in_words(intent: OrderIntent, facts: RiskFacts, limits: RiskLimits, value: Decimal) -> None:
    """What the facts beyond the account promise of any order that does not reduce."""
    quote, market, lost, health = (
        some(facts.quote),
        some(facts.market),
        some(facts.losses),
        some(facts.health),
    )
    account, breakers = some(facts.account), some(facts.breakers)
    assert limits.allow_estimated_prices or not quote.estimated
    apart = abs(quote.mid - some(market.reference))
    assert apart <= some(limits.max_price_disagreement_fraction) * quote.mid
    depth = some(market.asks_quote if intent.side is Side.BUY else market.bids_quote)
    assert value <= some(limits.max_depth_fraction) * depth
    assert value <= some(limits.max_volume_fraction) * some(market.volume_quote)
    assert account.equity > lost.week_start_equity * (1 - some(limits.max_weekly_loss_fraction))
    for at, wait in (
        (lost.streak_at, some(limits.loss_streak_pause_seconds)),
        (lost.last_loss_at.get(BTC), some(limits.loss_cooldown_seconds)),
        (market.severe_news_at, some(limits.news_blackout_seconds)),
    ):
        pauses = at is not lost.streak_at or lost.streak >= some(limits.max_loss_streak_count)
        assert not pauses or at is None or not wait or NOW - at >= timedelta(seconds=wait)
    window = timedelta(seconds=some(limits.duplicate_window_seconds))
    for each in some(facts.recent_intents):
        same = (each.side, each.quantity) == (intent.side, intent.quantity)
        assert not same or not window or NOW - each.at >= window or each.parent == intent.parent != ""
    assert not breakers.open
    part = breakers.size_fraction
    if health.abstained > some(limits.max_abstention_fraction) * health.asked:
        part = min(part, some(limits.unhealthy_size_fraction))
    assert value <= part * some(limits.max_order_notional_quote)


def exposures_in_words(
    intent: OrderIntent, facts: RiskFacts, limits: RiskLimits, value: Decimal, here: Decimal, other: Decimal
) -> None:
    """What stress, value at risk and the stop promise of a buy: `here` and `other` is what is pending."""
    account, book, quote = some(facts.account), some(facts.book), some(facts.quote)
    equity, price = account.equity, entry_price(intent, quote)
    stop = intent.protective_stop
    at_stop = value if stop is None else intent.quantity * (price - stop)
    assert at_stop <= some(limits.max_trade_loss_equity_fraction) * equity
    if intent.take_profit is not None:
        risk = quote.ask if stop is None else quote.ask - stop
        assert intent.take_profit - quote.ask >= some(limits.min_reward_to_risk_ratio) * risk > 0
    total = value + here
    worth = {symbol: each.quantity * each.price for symbol, each in account.positions.items()}
    cluster = total + worth.get(BTC, Decimal(0))
    if book.correlations[ETH] >= some(limits.min_correlation_fraction):
        cluster += other + worth.get(ETH, Decimal(0))
    assert cluster <= some(limits.max_cluster_equity_fraction) * equity
    for lost, scenario in zip(book.scenario_losses, book.scenarios, strict=True):
        falls = lost + total * scenario.shock_fraction + other * scenario.worst_fraction
        assert falls <= some(limits.max_stressed_loss_equity_fraction) * equity
    variance = float(book.variance + 2 * total * book.covariance + total * total * book.asset_variance)
    deviation = math.sqrt(variance) + float(other * book.worst_deviation)
    assert 2.6065 * deviation <= float(some(limits.max_var_equity_fraction) * equity) * (1 + 1e-9)
    assert 2.7278 * deviation <= float(some(limits.max_cvar_equity_fraction) * equity) * (1 + 1e-9)


def sides_with_market(intent: OrderIntent, quote: Quote) -> None:
    """An approved order has the prices of its type only, an end ahead, and its trigger not yet reached."""
    assert (intent.limit_price is not None) == (intent.order_type in WITH_LIMIT)
    assert (intent.trigger_price is not None) == (intent.order_type in TRIGGERED)
    assert intent.expires_at is None or intent.expires_at > NOW
    assert intent.time_in_force is not TimeInForce.GTD or intent.expires_at is not None
    if intent.order_type is OrderType.TRAILING_STOP:
        assert 0 < some(intent.trailing) <= Decimal("0.5")
    if intent.trigger_price is not None:
        rises = (
            intent.trigger_price > quote.ask if intent.side is Side.BUY else intent.trigger_price > quote.bid
        )
        falls = (
            intent.trigger_price < quote.ask if intent.side is Side.BUY else intent.trigger_price < quote.bid
        )
        assert rises if (intent.side is Side.BUY) is (intent.order_type in STOPS) else falls
    if intent.take_profit is not None:
        assert intent.side is Side.BUY
        assert intent.take_profit > entry_price(intent, quote)


def entry_price(intent: OrderIntent, quote: Quote) -> Decimal:
    touch = quote.ask if intent.side is Side.BUY else quote.bid
    match intent.order_type:
        case OrderType.MARKET:
            return touch
        case OrderType.LIMIT | OrderType.STOP_LIMIT | OrderType.TAKE_PROFIT_LIMIT:
            return some(intent.limit_price)
        case OrderType.STOP | OrderType.TAKE_PROFIT | OrderType.TRAILING_STOP:
            trigger = some(intent.trigger_price)
            return max(trigger, touch) if intent.side is Side.BUY else trigger
        case _:
            assert_never(intent.order_type)


def some(value: Known | None) -> Known:
    assert value is not None
    return value


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
        price_collar_fraction=Decimal("0.2"),
        max_price_disagreement_fraction=Decimal("0.3"),
        max_stop_distance_fraction=Decimal("0.3"),
    )

    @settings(max_examples=300)
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
