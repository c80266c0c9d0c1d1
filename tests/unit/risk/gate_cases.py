"""A desk in good order, and for each rule one thing that only this rule refuses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from domain.halt import HaltState
from domain.instrument import Instrument
from domain.market import Quote
from domain.money import Currency, Price, Quantity, Symbol
from domain.orders import OrderIntent, OrderType, Side
from risk.approval import ApprovedOrder
from risk.facts import AccountFacts, OpenOrderFacts, PositionFacts, RiskFacts
from risk.gate import Refused, review
from risk.limits import RiskLimits

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BTC = Symbol("BTC/USDT")
ETH = Symbol("ETH/USDT")
USDT = Currency("USDT")

INSTRUMENT = Instrument(
    symbol=BTC,
    base=Currency("BTC"),
    quote=USDT,
    tick_size=Decimal("0.01"),
    step_size=Decimal("0.00001"),
    min_quantity=Decimal("0.00001"),
    max_quantity=Decimal(100),
    min_notional=Decimal(10),
)
QUOTE = Quote(
    symbol=BTC,
    bid=Price(Decimal(49_990)),
    ask=Price(Decimal(50_010)),
    last=Price(Decimal(50_000)),
    as_of=NOW - timedelta(seconds=20),
)
ACCOUNT = AccountFacts(
    currency=USDT,
    equity=Decimal(100_000),
    day_start_equity=Decimal(100_000),
    peak_equity=Decimal(100_000),
    free={USDT: Decimal(100_000)},
    positions={},
)
FACTS = RiskFacts(
    halt=HaltState.ACTIVE,
    account=ACCOUNT,
    instrument=INSTRUMENT,
    quote=QUOTE,
    open_orders=(),
    recent_orders=0,
)
LIMITS = RiskLimits(
    allowed_symbols=frozenset({BTC, ETH}),
    max_quote_age_seconds=30,
    max_order_notional_quote=Decimal(10_000),
    max_position_notional_quote=Decimal(30_000),
    max_position_equity_fraction=Decimal("0.3"),
    max_gross_exposure_equity_fraction=Decimal("0.8"),
    price_collar_fraction=Decimal("0.02"),
    max_orders_per_window_count=10,
    order_rate_window_seconds=60,
    max_open_orders_count=5,
    require_stop=True,
    max_stop_distance_fraction=Decimal("0.1"),
    max_daily_loss_fraction=Decimal("0.05"),
    max_drawdown_fraction=Decimal("0.2"),
    fee_reserve_fraction=Decimal("0.002"),
)
BUY = OrderIntent(
    client_id="s-000001-00",
    session="s",
    cycle=1,
    leg=0,
    symbol=BTC,
    side=Side.BUY,
    quantity=Quantity(Decimal("0.1")),
    order_type=OrderType.MARKET,
    created_at=NOW,
    protective_stop=Price(Decimal("47509.50")),
)
"""A market buy worth 5,001 USDT, with its stop exactly 5 % below."""

SELL = replace(BUY, side=Side.SELL, reduce_only=True, protective_stop=None)
STOP_SELL = replace(SELL, order_type=OrderType.STOP, trigger_price=Price(Decimal(45_000)))


@dataclass(frozen=True)
class Plan:
    """One review to be made; a desk in good order unless told otherwise."""

    intent: OrderIntent = BUY
    facts: RiskFacts = FACTS
    limits: RiskLimits = field(default=LIMITS)


def account(**changes: Any) -> RiskFacts:
    """The facts with something else in the account."""
    return replace(FACTS, account=replace(ACCOUNT, **changes))


def holding(quantity: str, *, symbol: Symbol = BTC, price: str = "50000", **changes: Any) -> RiskFacts:
    """The facts with a position, half the equity still in cash, and anything else that is told."""
    base = Currency(symbol.partition("/")[0])
    owned = account(
        free={USDT: Decimal(50_000), base: Decimal(quantity)},
        positions={symbol: PositionFacts(Decimal(quantity), Decimal(price))},
    )
    return replace(owned, **changes)


def resting(
    side: Side, remaining: str, price: str, *, symbol: Symbol = BTC, stop: bool = False, number: int = 0
) -> OpenOrderFacts:
    return OpenOrderFacts(
        client_id=f"open-{number}",
        symbol=symbol,
        side=side,
        remaining=Decimal(remaining),
        price=Decimal(price),
        reduce_only=side is Side.SELL,
        is_stop=stop,
    )


def verdict(plan: Plan) -> ApprovedOrder | Refused:
    return review(plan.intent, plan.facts, plan.limits, NOW)


def refused_by(plan: Plan) -> list[str]:
    """The rules that refuse; empty when the gate approves."""
    answer = verdict(plan)
    return [] if isinstance(answer, ApprovedOrder) else [breach.rule for breach in answer.breaches]


FIVE_OPEN = tuple(resting(Side.SELL, "0.1", "3100", symbol=ETH, number=number) for number in range(5))

ONLY_THIS_RULE_REFUSES: dict[str, Plan] = {
    "halt_state": Plan(facts=replace(FACTS, halt=HaltState.REDUCING)),
    "known_account": Plan(facts=account(peak_equity=Decimal(0))),
    "fresh_price": Plan(facts=replace(FACTS, quote=replace(QUOTE, as_of=NOW - timedelta(seconds=31)))),
    "allowed_symbol": Plan(limits=replace(LIMITS, allowed_symbols=frozenset({ETH}))),
    "well_formed": Plan(intent=replace(BUY, take_profit=Price(Decimal(50_010)))),
    "venue_filters": Plan(intent=replace(BUY, quantity=Quantity(Decimal("0.100001")))),
    "balance": Plan(facts=account(free={USDT: Decimal(5_001)})),
    "order_notional": Plan(intent=replace(BUY, quantity=Quantity(Decimal("0.2")))),
    "position_size": Plan(facts=holding("0.55")),
    "gross_exposure": Plan(facts=holding("25.5", symbol=ETH, price="3000")),
    "price_collar": Plan(intent=replace(BUY, order_type=OrderType.LIMIT, limit_price=Price(Decimal(51_500)))),
    "order_rate": Plan(facts=replace(FACTS, recent_orders=10)),
    "open_orders": Plan(facts=replace(FACTS, open_orders=FIVE_OPEN)),
    "stop_required": Plan(intent=replace(BUY, protective_stop=None)),
    "daily_loss": Plan(facts=account(day_start_equity=Decimal(106_000), peak_equity=Decimal(106_000))),
    "peak_drawdown": Plan(facts=account(peak_equity=Decimal(126_000))),
    "reduce_only": Plan(intent=replace(BUY, reduce_only=True)),
}
