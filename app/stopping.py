"""The stop guardian as the settings want it: its plan, what the plan looks at, and its bound."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from app.settings import Settings
from domain.errors import ConfigError
from execution.stops.plan import StopKind, StopPlan
from risk.limits import RiskLimits

if TYPE_CHECKING:
    from domain.clock import Clock
    from execution.guardian import StopGuardian
    from execution.loss_limit import LossLimit
    from execution.order_desk import OrderDesk
    from market.features import FeatureEngine
    from market.feed import Feed
    from portfolio.portfolio import Portfolio


def guardian_of(
    settings: Settings,
    limits: RiskLimits,
    *,
    orders: OrderDesk,
    portfolio: Portfolio,
    feed: Feed,
    clock: Clock,
    features: FeatureEngine,
    session: str,
    bound: timedelta | None,
    losses: LossLimit | None = None,
) -> StopGuardian:
    """The guardian of a session. `bound` is what the venue's own patience comes to, None on a tape.

    Raises ConfigError for stops wider than the limits allow, and for a bound that cannot be kept.
    """
    from execution.guardian import StopGuardian
    from execution.stops.keeper import StopKeeper

    plan = settings.stops.plan()
    distance, longest = _default_distance(settings, plan, limits), _bound(settings, bound)
    keeper = None
    if plan.rules:
        keeper = StopKeeper(plan, portfolio, feed, features.pick, orders.first_stop)
    return StopGuardian(
        orders,
        portfolio,
        feed,
        clock,
        session=session,
        default_distance=distance,
        bound=longest,
        keeper=keeper,
        losses=losses,
    )


def _default_distance(settings: Settings, plan: StopPlan, limits: RiskLimits) -> Decimal:
    """The stop of a position whose entry named none: never wider than the gate lets an entry have."""
    farthest, told = limits.max_stop_distance_fraction, plan.default_distance_fraction
    if farthest is None:
        return told
    if plan.has(StopKind.FIXED) and plan.fixed_distance_fraction > farthest:
        raise ConfigError(
            f"stops.fixed_distance_fraction {plan.fixed_distance_fraction} is wider than "
            f"risk.max_stop_distance_fraction {farthest}: no entry has a stop that far away",
            fix="Make it at most that limit",
        )
    if told > farthest and "default_distance_fraction" in settings.stops.model_fields_set:
        raise ConfigError(
            f"stops.default_distance_fraction {told} is wider than "
            f"risk.max_stop_distance_fraction {farthest}",
            fix="Make it at most that limit",
        )
    return min(told, farthest)


def _bound(settings: Settings, patience: timedelta | None) -> timedelta:
    """How long a position may be without its stop: bars on a tape, seconds at a venue."""
    told = settings.stops.unprotected_seconds
    if patience is None:
        if told is not None:
            raise ConfigError(
                "stops.unprotected_seconds is for a venue, and this market moves in bars",
                fix="Set stops.unprotected_bars",
            )
        return settings.session.timeframe.delta * settings.stops.unprotected_bars
    if told is None:
        return patience
    if timedelta(seconds=told) < patience:
        raise ConfigError(
            f"stops.unprotected_seconds {told} is less than the {patience.total_seconds():.0f} seconds that "
            "placing a stop may take at this venue before its fate is known",
            fix="Make it at least that, or leave it out",
        )
    return timedelta(seconds=told)
