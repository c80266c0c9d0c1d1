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
from risk.facts import AccountFacts, OpenOrderFacts, PositionFacts, RiskFacts
from risk.limits import RiskLimits
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
FACTS = st.builds(
    RiskFacts,
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
)
SANE_FACTS = st.builds(
    RiskFacts,
    halt=st.just(HaltState.ACTIVE),
    account=st.builds(
        AccountFacts,
        currency=st.just(USDT),
        equity=decimals("97000", "130000", 2),
        day_start_equity=st.just(Decimal(100_000)),
        peak_equity=st.just(Decimal(110_000)),
        free=st.fixed_dictionaries({USDT: decimals("0", "100000", 2), COIN: decimals("0", "2", 5)}),
        positions=st.fixed_dictionaries(
            {BTC: st.builds(PositionFacts, quantity=decimals("0", "1", 5), price=PRICES)}
        ),
    ),
    instrument=st.just(INSTRUMENT),
    quote=st.builds(
        lambda bid: Quote(BTC, Price(bid), Price(bid + 10), Price(bid), NOW),
        bid=PRICES,
    ),
    open_orders=OPEN_ORDERS.map(lambda orders: orders[:2]),
    recent_orders=st.integers(0, 9),
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
    protective_stop=decimals("42000", "46000", 2).map(Price),
)


def filled(limits: RiskLimits) -> RiskLimits:
    """The limits with nothing unset and room for ordinary orders."""
    known = {name: getattr(limits, name) or getattr(LIMITS, name) for name in LIMIT_NAMES}
    return replace(
        RiskLimits(**known),
        allowed_symbols=frozenset({BTC}),
        max_daily_loss_fraction=Decimal("0.05"),
        max_drawdown_fraction=Decimal("0.2"),
        max_stop_distance_fraction=Decimal("0.2"),
    )
