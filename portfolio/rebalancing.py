"""Rebalancing: when holdings go back to their base weights, and by which trades. Pure arithmetic.

It is due on a schedule (every so many bars), when a weight has drifted out of its band, or both. What comes
out is a proposal like any other: legs, gate and order desk do the rest, through the one door.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.errors import ConfigError
from domain.money import ONE, ZERO, Symbol
from domain.opinions import Proposal, Target


@dataclass(frozen=True, slots=True)
class RebalancePolicy:
    """When to trade back, and what is too small to trade.

    every_bars          bars between two rebalancings; 0: no schedule
    drift_fraction      the change of weight in one symbol, a fraction of equity, that makes one due; 0: none
    min_trade_fraction  the smallest change of weight worth an order

    Raises ConfigError for values out of range, and when nothing would ever make one due.
    """

    every_bars: int = 672
    drift_fraction: Decimal = Decimal("0.05")
    min_trade_fraction: Decimal = Decimal("0.005")

    def __post_init__(self) -> None:
        if self.every_bars < 0:
            raise ConfigError(f"every_bars {self.every_bars} is below 0", fix="Write a number of bars")
        for name in ("drift_fraction", "min_trade_fraction"):
            value: Decimal = getattr(self, name)
            if not (value.is_finite() and ZERO <= value < ONE):
                raise ConfigError(f"{name} {value} is not in [0, 1)", fix="Write a fraction of equity")
        if not self.every_bars and not self.drift_fraction:
            raise ConfigError(
                "nothing would ever make a rebalancing due", fix="Set every_bars or drift_fraction"
            )


def scheduled(policy: RebalancePolicy, bars_since: int | None) -> str:
    """Why one is due by now; empty when it is not. `bars_since` the last; None when there was none."""
    if bars_since is None:
        return "the first"
    if policy.every_bars and bars_since >= policy.every_bars:
        return f"{bars_since} bars since the last"
    return ""


def drifted(
    policy: RebalancePolicy, current: Mapping[Symbol, Decimal], base: Mapping[Symbol, Decimal]
) -> str:
    """Which weight has drifted farthest, when that is too far; empty when none has.

    `current` and `base` are weights, fractions of equity; a symbol that is absent has none.
    """
    drifts = {name: drift(current, base, name) for name in sorted({*current, *base})}
    worst = max(drifts, key=lambda name: drifts[name], default=None)
    if worst is None or not policy.drift_fraction or drifts[worst] < policy.drift_fraction:
        return ""
    return f"{worst} has drifted by {drifts[worst] * 100:.1f} % of equity"


def drift(current: Mapping[Symbol, Decimal], base: Mapping[Symbol, Decimal], symbol: Symbol) -> Decimal:
    """How far a symbol's weight is from its base, as a fraction of equity."""
    return abs(current.get(symbol, ZERO) - base.get(symbol, ZERO))


@dataclass(frozen=True, slots=True)
class Trade:
    """One change of weight.

    Weights are fractions of equity; `value` (above zero: a buy) and `cost` in quote.
    """

    symbol: Symbol
    current: Decimal
    target: Decimal
    value: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class RebalancePlan:
    """What a rebalancing would trade. `turnover` adds up the changes of weight, `cost` the trades' costs."""

    trades: tuple[Trade, ...]
    turnover: Decimal
    cost: Decimal


def plan(
    current: Mapping[Symbol, Decimal],
    target: Mapping[Symbol, Decimal],
    *,
    equity: Decimal,
    cost_fraction: Decimal,
    min_trade_fraction: Decimal,
) -> RebalancePlan:
    """The trades from `current` to `target` weights, sells first, then by symbol.

    `equity` is in the account's currency, `cost_fraction` what a trade costs of its value. A symbol that only
    `current` names is sold whole, whatever its size; another change below `min_trade_fraction` is left alone.
    """
    trades = []
    for symbol in sorted({*current, *target}):
        now, then = current.get(symbol, ZERO), target.get(symbol, ZERO)
        change = then - now
        leaves = then == ZERO and now != ZERO
        if change and (leaves or abs(change) >= min_trade_fraction):
            value = change * equity
            trades.append(Trade(symbol, now, then, value, abs(value) * cost_fraction))
    trades.sort(key=lambda trade: trade.value > ZERO)
    return RebalancePlan(
        tuple(trades),
        sum((abs(trade.target - trade.current) for trade in trades), ZERO),
        sum((trade.cost for trade in trades), ZERO),
    )


def proposal(cycle_id: str, as_of: datetime, trades: RebalancePlan, reason: str) -> Proposal:
    """The plan as a proposal: one target a trade, without a stop of its own (legs give the usual one)."""
    targets = tuple(Target(trade.symbol, trade.target, None, reason) for trade in trades.trades)
    return Proposal(cycle_id, as_of, targets)
