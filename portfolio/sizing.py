"""Sizing: a pipeline of named stages, each a pure function (target weight, facts) -> weight, on record.

Sizing proposes; the gate disposes. A stage may make a weight smaller or, where it says so, larger, but no
stage turns a long into a short or exceeds `max_weight`: the pipeline holds every stage to that, whatever it
answers. What a stage must know and does not is told, and then the weight is not raised above what is held.

The order is fixed, and caps come last, so that nothing after a cap can lift a weight above it:

    volatility_target  correlation  sentiment  |  kelly  drawdown  liquidity  risk_per_trade

The stages themselves stand in `portfolio/sizing_stages.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import ROUND_DOWN, Decimal
from math import isfinite
from typing import Final

from domain.errors import ConfigError
from domain.frozen import quick
from domain.money import ZERO, Symbol

STAGES: Final = (
    "volatility_target",
    "correlation",
    "sentiment",
    "kelly",
    "drawdown",
    "liquidity",
    "risk_per_trade",
)
"""Every stage there is, in the order in which they run."""

WEIGHT_STEP: Final = Decimal("0.0001")
SHAPES: Final = ("linear", "convex")


@quick
@dataclass(frozen=True, slots=True)
class TrackRecord:
    """How often a source was right: `wins` of `count` judged opinions. ValueError when that cannot be."""

    count: int
    wins: int

    def __post_init__(self) -> None:
        if not 0 <= self.wins <= self.count:
            raise ValueError(f"{self.wins} of {self.count} opinions cannot have been right")


@quick
@dataclass(frozen=True, slots=True)
class SizingFacts:
    """What the stages may know of one symbol in one cycle. What nobody could establish is None.

    max_weight                   the most one symbol may have, fraction of equity
    held                         the present weight, fraction of equity
    stance, conviction           what the opinions came to, in [-1, 1] and [0, 1]
    equity_quote                 the account, in its currency
    stop_distance_fraction       from the last price down to the stop, fraction of that price
    annual_volatility_fraction   EWMA volatility of log returns, per year of 365 days (0.8 is 80 %)
    diversification_ratio        volatility the book would have with independent assets / what it has
    drawdown_fraction            equity below its peak, fraction of the peak
    day_volume_quote             traded in the symbol in the last 24 hours, account currency
    sentiment                    in [-1, 1]; 0.0 when nothing was said
    record                       the judged opinions of the sources that argue for the position
    """

    symbol: Symbol
    max_weight: float
    held: float
    stance: float
    conviction: float
    equity_quote: float
    stop_distance_fraction: float | None = None
    annual_volatility_fraction: float | None = None
    diversification_ratio: float | None = None
    drawdown_fraction: float | None = None
    day_volume_quote: float | None = None
    sentiment: float | None = None
    record: TrackRecord | None = None


@dataclass(frozen=True, slots=True)
class SizingPolicy:
    """Which stages run, and their parameters. Fractions and ratios are of 1; see docs/sizing.md.

    stages                             names out of STAGES, in that order
    volatility_target_annual_fraction  the volatility at which a weight stands as it is
    volatility_span_bars               of the EWMA: lambda = 1 - 2 / (bars + 1); 33 is RiskMetrics' 0.94
    volatility_max_scale_ratio         the most a quiet market may enlarge a weight; 1: never
    risk_per_trade_equity_fraction     the most a position may lose at its stop
    kelly_fraction                     of the full Kelly bet
    kelly_min_record_count             fewer judged opinions than that are no record
    kelly_prior_count                  how many opinions the prior weighs as much as
    kelly_unproven_trust_fraction      how much of a claimed edge is believed before there is a record
    kelly_payoff_ratio                 what a winner brings, in units of what a loser costs
    correlation_window_bars            over how many bars correlations are measured
    correlation_floor_ratio            the smallest that correlation makes a weight
    liquidity_day_volume_fraction      the largest position, of what trades in 24 hours
    drawdown_start_fraction            from here on positions shrink
    drawdown_end_fraction              from here on they have their smallest size
    drawdown_floor_ratio               that smallest size
    drawdown_shape                     linear, or convex: shrinks fast at first
    sentiment_max_change_fraction      sentiment scales a weight within [1 - this, 1 + this]

    Raises ConfigError for an unknown, repeated or misplaced stage and a value outside its range.
    """

    stages: tuple[str, ...] = ("volatility_target", "drawdown", "risk_per_trade")
    volatility_target_annual_fraction: float = 0.8
    volatility_span_bars: int = 33
    volatility_max_scale_ratio: float = 1.0
    risk_per_trade_equity_fraction: float = 0.01
    kelly_fraction: float = 0.25
    kelly_min_record_count: int = 30
    kelly_prior_count: int = 100
    kelly_unproven_trust_fraction: float = 0.1
    kelly_payoff_ratio: float = 1.0
    correlation_window_bars: int = 192
    correlation_floor_ratio: float = 0.5
    liquidity_day_volume_fraction: float = 0.005
    drawdown_start_fraction: float = 0.05
    drawdown_end_fraction: float = 0.20
    drawdown_floor_ratio: float = 0.25
    drawdown_shape: str = "linear"
    sentiment_max_change_fraction: float = 0.2

    def __post_init__(self) -> None:
        for name in self.stages:
            if name not in STAGES:
                raise ConfigError(f"there is no sizing stage {name!r}", fix=f"There are {', '.join(STAGES)}")
        if tuple(sorted(set(self.stages), key=STAGES.index)) != self.stages:
            raise ConfigError(
                f"the sizing stages {', '.join(self.stages)} are repeated or out of order",
                fix=f"Keep this order: {', '.join(STAGES)}",
            )
        if self.drawdown_shape not in SHAPES:
            raise ConfigError(
                f"drawdown_shape {self.drawdown_shape!r} is unknown", fix=f"Write {' or '.join(SHAPES)}"
            )
        for field in fields(self):
            bounds = _BOUNDS.get(field.name)
            if bounds is not None:
                _within(field.name, getattr(self, field.name), *bounds)
        if not self.drawdown_start_fraction < self.drawdown_end_fraction:
            raise ConfigError(
                f"drawdown_start_fraction {self.drawdown_start_fraction:g} is not below "
                f"drawdown_end_fraction {self.drawdown_end_fraction:g}",
                fix="Positions shrink from the one to the other",
            )


_BOUNDS: Final[Mapping[str, tuple[float, float, bool]]] = {
    # name: lowest, highest, whether the lowest itself is allowed
    "volatility_target_annual_fraction": (0, 10, False),
    "volatility_span_bars": (2, 5_000, True),
    "volatility_max_scale_ratio": (1, 4, True),
    "risk_per_trade_equity_fraction": (0, 0.1, False),
    "kelly_fraction": (0, 1, False),
    "kelly_min_record_count": (1, 1_000_000, True),
    "kelly_prior_count": (1, 1_000_000, True),
    "kelly_unproven_trust_fraction": (0, 1, True),
    "kelly_payoff_ratio": (0, 100, False),
    "correlation_window_bars": (20, 5_000, True),
    "correlation_floor_ratio": (0, 1, False),
    "liquidity_day_volume_fraction": (0, 1, False),
    "drawdown_start_fraction": (0, 1, True),
    "drawdown_end_fraction": (0, 1, False),
    "drawdown_floor_ratio": (0, 1, True),
    "sentiment_max_change_fraction": (0, 0.5, True),
}


def _within(name: str, value: float, low: float, high: float, low_allowed: bool) -> None:
    if not isfinite(value) or value > high or value < low or (value == low and not low_allowed):
        edge = "at least" if low_allowed else "above"
        raise ConfigError(
            f"{name} {value:g} is out of range", fix=f"Write a number {edge} {low:g} and at most {high:g}"
        )


@quick
@dataclass(frozen=True, slots=True)
class Answer:
    """What a stage says: a weight, why in a few words, and the figures behind it."""

    weight: float
    why: str
    figures: Mapping[str, float]


Stage = Callable[[float, SizingFacts, SizingPolicy], Answer]


@quick
@dataclass(frozen=True, slots=True)
class Contribution:
    """What one stage did to one weight, for the record. Weights are fractions of equity."""

    stage: str
    before: Decimal
    after: Decimal
    why: str
    figures: Mapping[str, float]


@quick
@dataclass(frozen=True, slots=True)
class Sized:
    """A symbol's weight before and after sizing, and every stage between. Fractions of equity."""

    symbol: Symbol
    blended: Decimal
    weight: Decimal
    stages: tuple[Contribution, ...]


class Sizing:
    """The pipeline of one policy."""

    __slots__ = ("_stages", "policy")

    def __init__(self, policy: SizingPolicy, stages: Mapping[str, Stage] | None = None) -> None:
        """`stages` are the functions by name; without them, the desk's own. KeyError when one is missing."""
        if stages is None:
            from portfolio.sizing_stages import BY_NAME

            stages = BY_NAME
        self.policy = policy
        self._stages: Sequence[tuple[str, Stage]] = tuple((name, stages[name]) for name in policy.stages)

    def size(self, weight: Decimal, facts: SizingFacts) -> Sized:
        """The weight after every stage, in [0, max_weight], and what each did.

        `weight` is what the opinions came to, a fraction of equity and not negative. A weight of zero is
        left alone: getting out is never sized. Each step is rounded down to WEIGHT_STEP, here and nowhere
        else. A stage that answers NaN counts as one that says zero.
        """
        present = weight
        steps: list[Contribution] = []
        for name, stage in self._stages:
            if present <= ZERO:
                break
            before = float(present)
            answer = stage(before, facts, self.policy)
            after = min(max(answer.weight, 0.0), facts.max_weight) if isfinite(answer.weight) else 0.0
            new = present if after == before else on_grid(after)
            steps.append(Contribution(name, present, new, answer.why, answer.figures))
            present = new
        return Sized(facts.symbol, weight, present, tuple(steps))


def on_grid(weight: float) -> Decimal:
    """A finite weight on the grid, rounded down; a float that stands for a point of the grid stays on it."""
    return Decimal(round(weight, 12).__repr__()).quantize(WEIGHT_STEP, rounding=ROUND_DOWN)
