"""A desk in good order, and for each rule one thing that only this rule refuses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from domain.halt import HaltState
from domain.instrument import Instrument
from domain.market import Quote
from domain.money import ONE, ZERO, Currency, Price, Quantity, Symbol
from domain.orders import OrderIntent, OrderType, Side
from risk.approval import ApprovedOrder
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
from risk.gate import Refused, review
from risk.limits import RiskLimits
from risk.windows import ALWAYS, Blackout, TradingHours

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BTC = Symbol("BTC/USDT")
ETH = Symbol("ETH/USDT")
SOL = Symbol("SOL/USDT")
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
MARKET = MarketFacts(
    reference=Decimal(50_000),
    bids_quote=Decimal(1_000_000),
    asks_quote=Decimal(1_000_000),
    volume_quote=Decimal(100_000_000),
    severe_news_at=None,
)
LOSSES = LossFacts(week_start_equity=Decimal(100_000), streak=0, streak_at=None, last_loss_at={})
BOOK = BookFacts(
    correlations={ETH: Decimal("0.9"), SOL: Decimal("0.5")},
    scenarios=(
        ScenarioFacts("mild", Decimal("0.1"), Decimal("0.2")),
        ScenarioFacts("crash", Decimal("0.5"), Decimal("0.8")),
    ),
    scenario_losses=(ZERO, ZERO),
    variance=ZERO,
    covariance=ZERO,
    asset_variance=Decimal("0.0016"),
    worst_deviation=Decimal("0.05"),
)
"""Nothing is held yet; the asset's deviation is 4 % a day."""

FACTS = RiskFacts(
    halt=HaltState.ACTIVE,
    account=ACCOUNT,
    instrument=INSTRUMENT,
    quote=QUOTE,
    open_orders=(),
    recent_orders=0,
    market=MARKET,
    losses=LOSSES,
    book=BOOK,
    recent_intents=(),
    health=HealthFacts(asked=20, abstained=10),
    breakers=BreakerFacts(ONE, ()),
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
    allow_estimated_prices=False,
    max_price_disagreement_fraction=Decimal("0.03"),
    max_cluster_equity_fraction=Decimal("0.7"),
    min_correlation_fraction=Decimal("0.8"),
    max_leverage_ratio=ONE,
    max_depth_fraction=Decimal("0.25"),
    max_volume_fraction=Decimal("0.01"),
    duplicate_window_seconds=30,
    min_reward_to_risk_ratio=ONE,
    max_trade_loss_equity_fraction=Decimal("0.02"),
    max_weekly_loss_fraction=Decimal("0.1"),
    max_loss_streak_count=6,
    loss_streak_pause_seconds=14_400,
    loss_cooldown_seconds=600,
    max_stressed_loss_equity_fraction=Decimal("0.6"),
    max_var_equity_fraction=Decimal("0.15"),
    max_cvar_equity_fraction=Decimal("0.2"),
    trading_hours_utc=(ALWAYS,),
    blackout_windows_utc=(),
    news_blackout_seconds=3600,
    max_abstention_fraction=Decimal("0.5"),
    unhealthy_size_fraction=Decimal("0.5"),
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


def market(**changes: Any) -> RiskFacts:
    """The facts with something else in the market."""
    return replace(FACTS, market=replace(MARKET, **changes))


def losses(**changes: Any) -> RiskFacts:
    """The facts with other losses before."""
    return replace(FACTS, losses=replace(LOSSES, **changes))


def book(**changes: Any) -> RiskFacts:
    """The facts with another book."""
    return replace(FACTS, book=replace(BOOK, **changes))


def sent(seconds: float, **changes: Any) -> RiskFacts:
    """The facts with the same order sent so many seconds ago."""
    told: dict[str, Any] = {"side": Side.BUY, "quantity": BUY.quantity, "parent": "", **changes}
    at = NOW - timedelta(seconds=seconds)
    return replace(FACTS, recent_intents=(IntentFacts(client_id="s-000000-00", at=at, **told),))


def refused_by(plan: Plan) -> list[str]:
    """The rules that have something against the order: it is refused, or clipped by just these."""
    answer = verdict(plan)
    return [said.rule for said in (answer.clips if isinstance(answer, ApprovedOrder) else answer.breaches)]


def cut(plan: Plan) -> Decimal:
    """The quantity that the gate lets through; zero when it refuses."""
    answer = verdict(plan)
    return answer.intent.quantity if isinstance(answer, ApprovedOrder) else ZERO


FIVE_OPEN = tuple(resting(Side.SELL, "0.1", "3100", symbol=ETH, number=number) for number in range(5))

A_MINUTE = timedelta(minutes=1)

ONLY_THIS_RULE_REFUSES: dict[str, Plan] = {
    "halt_state": Plan(facts=replace(FACTS, halt=HaltState.REDUCING)),
    "known_account": Plan(facts=account(peak_equity=Decimal(0))),
    "fresh_price": Plan(facts=replace(FACTS, quote=replace(QUOTE, as_of=NOW - timedelta(seconds=31)))),
    "price_agreement": Plan(facts=market(reference=Decimal(52_000))),
    "estimated_price": Plan(facts=replace(FACTS, quote=replace(QUOTE, estimated=True))),
    "allowed_symbol": Plan(limits=replace(LIMITS, allowed_symbols=frozenset({ETH}))),
    "well_formed": Plan(
        intent=replace(BUY, take_profit=Price(Decimal(50_010))),
        limits=replace(LIMITS, min_reward_to_risk_ratio=ZERO),
    ),
    "venue_filters": Plan(intent=replace(BUY, quantity=Quantity(Decimal("0.100001")))),
    "balance": Plan(facts=account(free={USDT: Decimal(5_001)})),
    "order_notional": Plan(intent=replace(BUY, quantity=Quantity(Decimal("0.2")))),
    "position_size": Plan(facts=holding("0.55")),
    "gross_exposure": Plan(facts=holding("25.5", symbol=SOL, price="3000")),
    "leverage": Plan(
        facts=holding("31.665", symbol=SOL, price="3000"),  # 94,995, beside borrowed money
        limits=replace(LIMITS, max_gross_exposure_equity_fraction=ONE),
    ),
    "cluster_exposure": Plan(facts=holding("22", symbol=ETH, price="3000")),
    "depth_share": Plan(facts=market(asks_quote=Decimal(20_000))),
    "volume_share": Plan(facts=market(volume_quote=Decimal(500_000))),
    "price_collar": Plan(
        intent=replace(
            BUY,
            order_type=OrderType.LIMIT,
            limit_price=Price(Decimal(51_500)),
            protective_stop=Price(Decimal(48_500)),
        )
    ),
    "order_rate": Plan(facts=replace(FACTS, recent_orders=10)),
    "duplicate_intent": Plan(facts=sent(29)),
    "open_orders": Plan(facts=replace(FACTS, open_orders=FIVE_OPEN)),
    "stop_required": Plan(
        intent=replace(BUY, protective_stop=None),
        limits=replace(LIMITS, max_trade_loss_equity_fraction=ONE),
    ),
    "reward_to_risk": Plan(intent=replace(BUY, take_profit=Price(Decimal(52_000)))),
    "trade_loss": Plan(limits=replace(LIMITS, max_trade_loss_equity_fraction=Decimal("0.0025"))),
    "daily_loss": Plan(facts=account(day_start_equity=Decimal(106_000), peak_equity=Decimal(106_000))),
    "weekly_loss": Plan(facts=losses(week_start_equity=Decimal(112_000))),
    "peak_drawdown": Plan(facts=account(peak_equity=Decimal(126_000))),
    "loss_streak": Plan(facts=losses(streak=6, streak_at=NOW - A_MINUTE)),
    "loss_cooldown": Plan(facts=losses(last_loss_at={BTC: NOW - A_MINUTE})),
    "stressed_loss": Plan(facts=book(scenario_losses=(ZERO, Decimal(58_000)))),
    "value_at_risk": Plan(limits=replace(LIMITS, max_var_equity_fraction=Decimal("0.005"))),
    "expected_shortfall": Plan(limits=replace(LIMITS, max_cvar_equity_fraction=Decimal("0.005"))),
    "trading_hours": Plan(
        limits=replace(LIMITS, trading_hours_utc=(TradingHours.read("sat-sun 00:00-24:00"),))
    ),
    "blackout": Plan(limits=replace(LIMITS, blackout_windows_utc=(Blackout(NOW, NOW + A_MINUTE),))),
    "news_blackout": Plan(facts=market(severe_news_at=NOW - A_MINUTE)),
    "model_health": Plan(
        intent=replace(BUY, quantity=Quantity(Decimal("0.11"))),
        facts=replace(FACTS, health=HealthFacts(20, 11)),
    ),
    "open_breaker": Plan(facts=replace(FACTS, breakers=BreakerFacts(ONE, ("drawdown",)))),
    "breaker_size": Plan(facts=replace(FACTS, breakers=BreakerFacts(Decimal("0.25"), ()))),
    "reduce_only": Plan(intent=replace(BUY, reduce_only=True)),
}
"""One desk per rule that only this rule has something against: it refuses, or lets less through."""
