"""Any intent, any facts and any limits for the gate, and such as make sense."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from domain.halt import HaltState
from domain.market import Quote
from domain.money import Currency, Price, Quantity
from domain.orders import STOPS, TRIGGERED, WITH_LIMIT, OrderIntent, OrderType, Origin, Side, TimeInForce
from risk.facts import (
    AccountFacts,
    BookFacts,
    BreakerFacts,
    HealthFacts,
    IntentFacts,
    LossFacts,
    MarketFacts,
    OpenOrderFacts,
    PositionFacts,
    RiskFacts,
    ScenarioFacts,
)
from risk.limits import RiskLimits
from risk.windows import ALWAYS
from tests.unit.risk.gate_cases import BTC, BUY, ETH, INSTRUMENT, LIMITS, NOW, USDT

COIN = Currency("BTC")
LIMIT_NAMES = [each.name for each in fields(RiskLimits)]


def decimals(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(Decimal(low), Decimal(high), places=places, allow_nan=False, allow_infinity=False)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly something; now and then nothing."""
    return st.integers(0, 19).flatmap(lambda roll: st.none() if roll == 0 else strategy)


PRICES = decimals("45000", "55000", 2)
FRACTIONS = decimals("0.0001", "1", 4)
QUANTITIES = st.one_of(decimals("0.00001", "2", 5), decimals("0.00001", "0.2", 5), decimals("-1", "200", 6))
INTENTS = st.builds(
    lambda **changes: replace(BUY, **changes),
    side=st.sampled_from(Side),
    symbol=st.sampled_from([BTC, BTC, BTC, BTC, ETH]),
    quantity=QUANTITIES.map(Quantity),
    order_type=st.sampled_from(OrderType),
    reduce_only=st.booleans(),
    limit_price=maybe(PRICES.map(Price)),
    trigger_price=maybe(PRICES.map(Price)),
    protective_stop=maybe(PRICES.map(Price)),
    time_in_force=st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, *TimeInForce]),
    post_only=st.integers(0, 5).map(lambda roll: roll == 0),
    expires_at=st.none() | st.integers(-5, 5).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    trailing=st.none() | decimals("-0.1", "1", 2),
    take_profit=st.none() | PRICES.map(Price),
    origin=st.sampled_from(Origin),
    group=st.sampled_from(["", "g"]),
)
QUOTES = st.builds(
    lambda bid, spread, age: Quote(
        BTC, Price(bid), Price(bid + spread), Price(bid), NOW - timedelta(seconds=age)
    ),
    bid=PRICES,
    spread=decimals("-1", "500", 2),
    age=st.integers(-1, 40),
)
OPEN_ORDERS = st.lists(
    st.builds(
        OpenOrderFacts,
        client_id=st.just("open"),
        symbol=st.sampled_from([BTC, ETH]),
        side=st.sampled_from(Side),
        remaining=decimals("0", "0.3", 5),
        price=PRICES,
        reduce_only=st.booleans(),
        is_stop=st.booleans(),
    ),
    max_size=5,
).map(tuple)
EQUITIES = st.one_of(decimals("90000", "130000", 2), decimals("-10", "200000", 2))
ACCOUNTS = st.builds(
    AccountFacts,
    currency=st.just(USDT),
    equity=EQUITIES,
    day_start_equity=EQUITIES,
    peak_equity=EQUITIES,
    free=st.fixed_dictionaries(
        {}, optional={USDT: decimals("-10", "200000", 2), COIN: decimals("0", "2", 5)}
    ),
    positions=st.fixed_dictionaries(
        {},
        optional={
            symbol: st.builds(PositionFacts, quantity=decimals("0", "2", 5), price=PRICES)
            for symbol in (BTC, ETH)
        },
    ),
)
MOMENTS = st.none() | st.integers(-1, 7200).map(lambda seconds: NOW - timedelta(seconds=seconds))
MARKETS = st.builds(
    MarketFacts,
    reference=maybe(PRICES),
    bids_quote=maybe(decimals("0", "500000", 2)),
    asks_quote=maybe(decimals("0", "500000", 2)),
    volume_quote=maybe(decimals("0", "50000000", 2)),
    severe_news_at=MOMENTS,
)
LOST = st.builds(
    LossFacts,
    week_start_equity=EQUITIES,
    streak=st.integers(0, 8),
    streak_at=MOMENTS,
    last_loss_at=st.fixed_dictionaries({}, optional={BTC: MOMENTS.filter(bool)}),
)
BOOKS = st.builds(
    lambda losses, **more: BookFacts(
        scenarios=tuple(
            ScenarioFacts(f"s{number}", shock, min(Decimal(1), shock + Decimal("0.2")))
            for number, (_, shock) in enumerate(losses)
        ),
        scenario_losses=tuple(lost for lost, _ in losses),
        **more,
    ),
    losses=st.lists(st.tuples(decimals("0", "60000", 2), decimals("0", "0.9", 2)), max_size=3),
    correlations=st.fixed_dictionaries({ETH: decimals("-1", "1", 2)}),
    variance=decimals("0", "40000000", 2),
    covariance=decimals("0", "100", 4),
    asset_variance=decimals("0", "0.01", 6),
    worst_deviation=decimals("0", "0.1", 4),
)
SENT = st.lists(
    st.builds(
        IntentFacts,
        client_id=st.just("sent"),
        side=st.sampled_from(Side),
        quantity=decimals("0.00001", "0.2", 5),
        parent=st.sampled_from(["", "p"]),
        at=st.integers(0, 60).map(lambda seconds: NOW - timedelta(seconds=seconds)),
    ),
    max_size=2,
).map(tuple)
HEALTH = st.integers(0, 20).flatmap(
    lambda asked: st.builds(HealthFacts, asked=st.just(asked), abstained=st.integers(0, asked))
)
BREAKERS = st.builds(
    BreakerFacts,
    size_fraction=st.just(Decimal(1)) | decimals("0", "1", 2),
    open=st.sampled_from([(), (), (), ("drawdown",)]),
)
FACTS = st.builds(
    RiskFacts,
    market=maybe(MARKETS),
    losses=maybe(LOST),
    book=maybe(BOOKS),
    recent_intents=maybe(SENT),
    health=maybe(HEALTH),
    breakers=maybe(BREAKERS),
    halt=maybe(st.sampled_from([HaltState.ACTIVE, HaltState.ACTIVE, *HaltState])),
    account=maybe(ACCOUNTS),
    instrument=maybe(st.just(INSTRUMENT)),
    quote=maybe(QUOTES),
    open_orders=maybe(OPEN_ORDERS),
    recent_orders=maybe(st.integers(0, 12)),
)
LIMIT_SETS = st.builds(
    RiskLimits,
    allowed_symbols=maybe(st.sets(st.sampled_from([BTC, ETH]), min_size=1).map(frozenset)),
    max_quote_age_seconds=maybe(st.integers(1, 40)),
    max_order_notional_quote=maybe(decimals("100", "200000", 2)),
    max_position_notional_quote=st.none() | decimals("100", "200000", 2),
    max_position_equity_fraction=maybe(FRACTIONS),
    max_gross_exposure_equity_fraction=maybe(FRACTIONS),
    price_collar_fraction=maybe(FRACTIONS),
    max_orders_per_window_count=maybe(st.integers(1, 12)),
    order_rate_window_seconds=maybe(st.just(60)),
    max_open_orders_count=maybe(st.integers(1, 6)),
    require_stop=maybe(st.booleans()),
    max_stop_distance_fraction=maybe(FRACTIONS),
    max_daily_loss_fraction=maybe(FRACTIONS),
    max_drawdown_fraction=maybe(FRACTIONS),
    fee_reserve_fraction=maybe(decimals("0", "0.1", 4)),
    allow_estimated_prices=maybe(st.booleans()),
    max_price_disagreement_fraction=maybe(FRACTIONS),
    max_cluster_equity_fraction=maybe(FRACTIONS),
    min_correlation_fraction=maybe(FRACTIONS),
    max_leverage_ratio=maybe(decimals("1", "2", 2)),
    max_depth_fraction=maybe(FRACTIONS),
    max_volume_fraction=maybe(FRACTIONS),
    duplicate_window_seconds=maybe(st.integers(0, 60)),
    min_reward_to_risk_ratio=maybe(decimals("0", "3", 2)),
    max_trade_loss_equity_fraction=maybe(FRACTIONS),
    max_weekly_loss_fraction=maybe(FRACTIONS),
    max_loss_streak_count=maybe(st.integers(1, 8)),
    loss_streak_pause_seconds=maybe(st.integers(0, 7200)),
    loss_cooldown_seconds=maybe(st.integers(0, 7200)),
    max_stressed_loss_equity_fraction=maybe(FRACTIONS),
    max_var_equity_fraction=maybe(FRACTIONS),
    max_cvar_equity_fraction=maybe(FRACTIONS),
    trading_hours_utc=maybe(st.just((ALWAYS,))),
    blackout_windows_utc=maybe(st.just(())),
    news_blackout_seconds=maybe(st.integers(0, 7200)),
    max_abstention_fraction=maybe(FRACTIONS),
    unhealthy_size_fraction=maybe(FRACTIONS),
)
CALM_BOOKS = st.builds(
    lambda lost, shock, **more: BookFacts(
        scenarios=(
            ScenarioFacts("mild", Decimal("0.1"), Decimal("0.2")),
            ScenarioFacts("crash", shock, Decimal("0.6")),
        ),
        scenario_losses=(Decimal(0), lost),
        **more,
    ),
    lost=decimals("0", "40000", 2),
    shock=decimals("0.2", "0.6", 2),
    correlations=st.fixed_dictionaries({ETH: decimals("0.5", "1", 2)}),
    variance=decimals("0", "4000000", 2),
    covariance=decimals("0", "50", 4),
    asset_variance=decimals("0", "0.004", 6),
    worst_deviation=decimals("0", "0.06", 4),
)
BIDS = st.shared(decimals("48000", "52000", 2), key="bid")
SANE_FACTS = st.builds(
    RiskFacts,
    halt=st.just(HaltState.ACTIVE),
    account=st.builds(
        AccountFacts,
        currency=st.just(USDT),
        equity=decimals("97000", "130000", 2),
        day_start_equity=st.just(Decimal(100_000)),
        peak_equity=st.just(Decimal(110_000)),
        free=st.fixed_dictionaries({USDT: decimals("20000", "100000", 2), COIN: decimals("0", "2", 5)}),
        positions=st.fixed_dictionaries(
            {BTC: st.builds(PositionFacts, quantity=decimals("0", "0.6", 5), price=BIDS)}
        ),
    ),
    instrument=st.just(INSTRUMENT),
    quote=BIDS.map(lambda bid: Quote(BTC, Price(bid), Price(bid + 10), Price(bid), NOW)),
    open_orders=OPEN_ORDERS.map(lambda orders: orders[:1]),
    recent_orders=st.integers(0, 9),
    market=st.builds(
        MarketFacts,
        reference=BIDS,
        bids_quote=st.just(Decimal(1_000_000)),
        asks_quote=decimals("10000", "1000000", 2),
        volume_quote=decimals("300000", "100000000", 2),
        severe_news_at=st.none(),
    ),
    losses=st.builds(
        LossFacts,
        week_start_equity=st.just(Decimal(100_000)),
        streak=st.integers(0, 3),
        streak_at=st.none(),
        last_loss_at=st.just({}),
    ),
    book=CALM_BOOKS,
    recent_intents=st.just(()),
    health=HEALTH,
    breakers=st.builds(
        BreakerFacts, size_fraction=st.just(Decimal(1)) | decimals("0.2", "1", 2), open=st.just(())
    ),
)


def in_form(kind: OrderType, side: Side, price: Decimal, beyond: Decimal, **changes: Any) -> OrderIntent:
    """An order of this type with just the prices it needs, its trigger mostly on the right side."""
    up = (side is Side.BUY) is (kind in STOPS)
    trigger = Price(price + beyond if up else price - beyond)
    if side is Side.SELL:
        changes["protective_stop"] = None
    return replace(
        BUY,
        order_type=kind,
        side=side,
        limit_price=Price(price) if kind is OrderType.LIMIT else trigger if kind in WITH_LIMIT else None,
        trigger_price=trigger if kind in TRIGGERED else None,
        trailing=Decimal("0.05") if kind is OrderType.TRAILING_STOP else None,
        **changes,
    )


SANE_INTENTS = st.builds(
    in_form,
    kind=st.sampled_from([OrderType.MARKET, OrderType.LIMIT, *OrderType]),
    side=st.sampled_from(Side),
    price=PRICES,
    beyond=decimals("0", "9000", 2),
    quantity=decimals("0.001", "0.3", 5).map(Quantity),
    reduce_only=st.booleans(),
    protective_stop=decimals("41000", "44000", 2).map(Price),
)


def filled(limits: RiskLimits) -> RiskLimits:
    """The limits with nothing unset and room for ordinary orders."""
    known = {name: getattr(limits, name) or getattr(LIMITS, name) for name in LIMIT_NAMES}
    return replace(
        RiskLimits(**known),
        max_price_disagreement_fraction=Decimal("0.3"),
        allowed_symbols=frozenset({BTC}),
        max_daily_loss_fraction=Decimal("0.05"),
        max_drawdown_fraction=Decimal("0.2"),
        max_stop_distance_fraction=Decimal("0.2"),
    )
