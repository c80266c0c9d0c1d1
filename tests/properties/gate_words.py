"""What an approval promises, said again without the gate's code."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar, assert_never

from domain.halt import HaltState
from domain.market import Quote
from domain.orders import STOPS, TRIGGERED, WITH_LIMIT, OrderIntent, OrderType, Origin, Side, TimeInForce
from risk.facts import RiskFacts
from risk.limits import RiskLimits
from tests.properties.gate_inputs import COIN
from tests.unit.risk.gate_cases import BTC, ETH, NOW, USDT

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
