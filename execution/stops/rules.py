"""The rules of a stop plan as pure functions: what is known of a position in, the price it asks for out.

Prices are in quote currency. A rule that cannot know (a feature still warming up, no risk measured yet) asks
for nothing, and the stop stays where it is. The long side only: a stop lies under the market. Rules only add,
multiply and compare, so that `execution.stops.rough` may ask them in floats first.

Sources: average true range and stops in multiples of it, J. Welles Wilder, "New Concepts in Technical Trading
Systems" (1978); the chandelier exit is Charles LeBeau's, as told in Alexander Elder, "Come Into My Trading
Room" (2002); multiples of the initial risk (R), Van K. Tharp, "Trade Your Way to Financial Freedom" (1998).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, cast

from domain.frozen import quick
from domain.money import ZERO
from execution.stops.plan import StopKind, StopPlan

_SAME: Final = cast(Decimal, 1)  # an int multiplies Decimals and floats alike


@quick
@dataclass(frozen=True, slots=True)
class Standing:
    """How a position stands, from its fills, its stops and the tape alone.

    `entry` is the average price of what is held, `costs` the entry fees per unit, `risk` R per unit: None
    until a first stop was armed, and when that lay at or above the entry. `high` is the highest of the prices
    paid and of the bars that opened since the first fill; `bars` counts whole bars since that fill.
    """

    entry: Decimal
    costs: Decimal
    risk: Decimal | None
    high: Decimal
    bars: int


@quick
@dataclass(frozen=True, slots=True)
class Seen:
    """What the market shows: the bid now, and features of the newest closed bar, None while they warm up.

    `turbulence` is the realised volatility of the fast window over that of the slow one.
    """

    bid: Decimal | None
    atr: Decimal | None = None
    chandelier_atr: Decimal | None = None
    turbulence: Decimal | None = None


@quick
@dataclass(frozen=True, slots=True)
class Trigger:
    """The price a stop should lie at, and the rule that says so."""

    price: Decimal
    kind: StopKind


def fixed(plan: StopPlan, standing: Standing, seen: Seen) -> Decimal | None:
    """entry x (1 - distance)."""
    return standing.entry * (1 - plan.fixed_distance_fraction)


def atr(plan: StopPlan, standing: Standing, seen: Seen) -> Decimal | None:
    """entry - ratio x regime factor x ATR: it tightens as the market calms down."""
    if seen.atr is None:
        return None
    return standing.entry - plan.atr_ratio * regime_factor(plan, seen) * seen.atr


def chandelier(plan: StopPlan, standing: Standing, seen: Seen) -> Decimal | None:
    """highest high since entry - ratio x regime factor x ATR."""
    if seen.chandelier_atr is None:
        return None
    return standing.high - plan.chandelier_ratio * regime_factor(plan, seen) * seen.chandelier_atr


def trailing(plan: StopPlan, standing: Standing, seen: Seen) -> Decimal | None:
    """bid x (1 - distance)."""
    return None if seen.bid is None else seen.bid * (1 - plan.trailing_distance_fraction)


def break_even(plan: StopPlan, standing: Standing, seen: Seen) -> Decimal | None:
    """(entry + entry fees) / (1 - exit costs), once high or bid >= entry + ratio x R, if under the bid."""
    bid, risk = seen.bid, standing.risk
    if bid is None or risk is None:
        return None
    if max(bid, standing.high) < standing.entry + plan.break_even_r_ratio * risk:
        return None
    level = (standing.entry + standing.costs) / (1 - plan.break_even_exit_fraction)
    return level if level < bid else None


TRIGGERS: Final[Mapping[StopKind, Callable[[StopPlan, Standing, Seen], Decimal | None]]] = {
    StopKind.FIXED: fixed,
    StopKind.ATR: atr,
    StopKind.CHANDELIER: chandelier,
    StopKind.TRAILING: trailing,
    StopKind.BREAK_EVEN: break_even,
}
"""The rules that name a price. TIME and LADDER sell instead, REGIME scales."""


def regime_factor(plan: StopPlan, seen: Seen) -> Decimal:
    """What the ATR ratios are multiplied by: 1 between the two regimes, and while turbulence is unknown."""
    turbulence = seen.turbulence
    if turbulence is None or StopKind.REGIME not in plan.rules:
        return _SAME
    if turbulence <= plan.regime_calm_ratio:
        return plan.regime_calm_factor
    return plan.regime_storm_factor if turbulence >= plan.regime_storm_ratio else _SAME


Rule = tuple[StopKind, Callable[[StopPlan, Standing, Seen], Decimal | None]]


def priced(plan: StopPlan) -> tuple[Rule, ...]:
    """The rules of a plan that name a price, in its order."""
    return tuple((kind, TRIGGERS[kind]) for kind in plan.rules if kind in TRIGGERS)


def tightest(plan: StopPlan, standing: Standing, seen: Seen) -> Trigger | None:
    """The highest price that any rule asks for; the earlier in the list where two agree."""
    best: Decimal | None = None
    by: StopKind | None = None
    for kind, rule in priced(plan):
        price = rule(plan, standing, seen)
        if price is not None and price > 0 and (best is None or price > best):
            best, by = price, kind
    return None if best is None or by is None else Trigger(best, by)


def overstays(plan: StopPlan, standing: Standing) -> bool:
    """Whether the time stop closes it: `time_bars` have passed, and no high was `time_r_ratio` R above."""
    if StopKind.TIME not in plan.rules or standing.risk is None or standing.bars < plan.time_bars:
        return False
    return standing.high < standing.entry + plan.time_r_ratio * standing.risk


def fraction_due(plan: StopPlan, standing: Standing, seen: Seen) -> Decimal:
    """How much of all that was bought the ladder wants sold by now, as a fraction."""
    bid, risk = seen.bid, standing.risk
    if StopKind.LADDER not in plan.rules or bid is None or risk is None:
        return ZERO
    due = ZERO
    for rung in plan.ladder:
        if bid < standing.entry + rung.r_ratio * risk:
            break
        due += rung.fraction
    return due
