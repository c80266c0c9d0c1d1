"""From opinions to target weights: plain arithmetic, the same with and without language models.

For one symbol, each opinion i has a stance s_i in [-1, 1], a confidence c_i in [0, 1], and its source
a track weight w_i >= 0. With a_i = w_i * c_i:

    stance      S = sum(a_i * s_i) / sum(a_i)        the confidence-weighted average
    conviction  C = sum(a_i * c_i) / sum(a_i)        how sure those are who carry that average
    weight        = max_weight * S * C               rounded to 1e-4, never below zero on a spot account

So a weight is bounded by max_weight, grows (or stays) when any stance grows, and neither an abstention
nor an opinion of no confidence counts. A symbol on which nobody has a view keeps its holding.

Hysteresis: a weight within `rebalance_band` of what is held is left alone, so that small changes of
mind do not pay fees. Going flat is never held back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from math import fsum

from domain.errors import ConfigError
from domain.instrument import Instrument
from domain.money import ONE, ZERO, Price, Symbol
from domain.opinions import Opinion, Proposal, Target, View

WEIGHT_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class BlendPolicy:
    """How far the desk may go on an opinion. Weights are fractions of equity.

    `fallback_stop` is how far under the last price the stop lies when no opinion names one.
    Raises ConfigError for a fraction outside its range.
    """

    max_weight: Decimal = Decimal("0.25")
    rebalance_band: Decimal = Decimal("0.05")
    fallback_stop: Decimal = Decimal("0.10")

    def __post_init__(self) -> None:
        if not ZERO < self.max_weight <= ONE:
            raise ConfigError(
                f"max_weight {self.max_weight} is not in (0, 1]", fix="Write a fraction of equity"
            )
        if not ZERO <= self.rebalance_band <= ONE:
            raise ConfigError(
                f"rebalance_band {self.rebalance_band} is not in [0, 1]", fix="Write a fraction of equity"
            )
        if not ZERO < self.fallback_stop < ONE:
            raise ConfigError(
                f"fallback_stop {self.fallback_stop} is not in (0, 1)", fix="Write a fraction of the price"
            )


class Outcome(StrEnum):
    """What became of the opinions on a symbol."""

    ACT = "act"
    HOLD = "hold"
    NO_VIEW = "no_view"


@dataclass(frozen=True, slots=True)
class Blended:
    """The arithmetic of one symbol, kept for the record. Weights are fractions of equity."""

    symbol: Symbol
    stance: float
    conviction: float
    weight: Decimal
    held: Decimal
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Blend:
    """A cycle's proposal and the arithmetic behind every symbol, traded or not."""

    proposal: Proposal
    symbols: tuple[Blended, ...]


def blend(
    *,
    cycle_id: str,
    as_of: datetime,
    views: Iterable[View],
    last: Mapping[Symbol, Decimal],
    held: Mapping[Symbol, Decimal],
    instruments: Mapping[Symbol, Instrument],
    policy: BlendPolicy,
    track: Callable[[str], float],
    reduce_only: bool = False,
    farthest_stop: Decimal | None = None,
) -> Blend:
    """Target weights from all views of a cycle, one entry of `last` (last prices) per symbol.

    `held` are the present weights. With `reduce_only` no target is above what is held. `farthest_stop` is the
    farthest a stop may lie under the last price, as a fraction of it. Raises ValueError when a track weight
    is negative.
    """
    opinions: dict[Symbol, list[Opinion]] = {symbol: [] for symbol in last}
    for view in views:
        if isinstance(view, Opinion) and view.symbol in opinions:
            opinions[view.symbol].append(view)
    blended: list[Blended] = []
    targets: list[Target] = []
    for symbol, price in last.items():
        present = held.get(symbol, ZERO).quantize(WEIGHT_STEP)
        entry = _combine(symbol, opinions[symbol], present, policy, track, reduce_only)
        blended.append(entry)
        if entry.outcome is Outcome.ACT:
            stop = (
                stop_price(opinions[symbol], price, instruments[symbol], policy, track, farthest_stop)
                if entry.weight > ZERO
                else None
            )
            reason = f"stance {entry.stance:+.2f}, conviction {entry.conviction:.2f}"
            targets.append(Target(symbol, entry.weight, stop, reason))
    return Blend(Proposal(cycle_id, as_of, tuple(targets)), tuple(blended))


def pull(opinion: Opinion, track: Callable[[str], float]) -> float:
    """How much an opinion counts: track weight times confidence. ValueError for a negative weight."""
    weight = track(opinion.source)
    if not weight >= 0.0:
        raise ValueError(f"the track weight of {opinion.source} is {weight}")
    return weight * opinion.confidence


def consensus(opinions: Sequence[Opinion], track: Callable[[str], float]) -> tuple[float, float] | None:
    """(S, C) of the formula above; None when nothing counts. The order of opinions does not matter."""
    pulls = [pull(opinion, track) for opinion in opinions]
    total = fsum(pulls)
    if total <= 0.0:
        return None
    stance = fsum(a * o.stance for a, o in zip(pulls, opinions, strict=True)) / total
    conviction = fsum(a * o.confidence for a, o in zip(pulls, opinions, strict=True)) / total
    return max(-1.0, min(1.0, stance)), min(1.0, conviction)


def stop_price(
    opinions: Sequence[Opinion],
    last: Decimal,
    instrument: Instrument,
    policy: BlendPolicy,
    track: Callable[[str], float],
    farthest: Decimal | None = None,
) -> Price:
    """The price that proves a long wrong: what the bullish opinion that counts most named, below `last`.

    Without one, `fallback_stop` under `last`. Never farther than the fraction `farthest` of `last`: the gate
    would refuse the entry. On the instrument's grid, rounded down, or up when it is `farthest` that counts.
    """
    named = [
        (pull(opinion, track) * opinion.stance, opinion.source, opinion.invalidation)
        for opinion in opinions
        if opinion.stance > 0.0 and opinion.invalidation is not None and ZERO < opinion.invalidation < last
    ]
    level = max(named)[2] if named else last * (ONE - policy.fallback_stop)
    floor = ZERO if farthest is None else last * (ONE - farthest)
    return instrument.price_up(floor) if level < floor else instrument.price_down(level)


def never_larger(proposed: Proposal, tempered: Proposal) -> Proposal:
    """`tempered`, held to its promise: no weight above the proposed one, no stop farther away, no target
    added, and none dropped (dropping the order to get smaller would leave more)."""
    argued = {target.symbol: target for target in tempered.targets}
    targets = []
    for target in proposed.targets:
        new = argued.get(target.symbol, target)
        weight = max(ZERO, min(target.weight, new.weight)).quantize(WEIGHT_STEP)
        stop = target.stop
        if stop is not None and new.stop is not None and new.stop > stop:
            stop = new.stop
        targets.append(Target(target.symbol, weight, stop if weight > ZERO else None, new.reason))
    return Proposal(proposed.cycle_id, proposed.as_of, tuple(targets))


def _combine(
    symbol: Symbol,
    opinions: Sequence[Opinion],
    held: Decimal,
    policy: BlendPolicy,
    track: Callable[[str], float],
    reduce_only: bool,
) -> Blended:
    agreed = consensus(opinions, track)
    if agreed is None:
        return Blended(symbol, 0.0, 0.0, held, held, Outcome.NO_VIEW)
    stance, conviction = agreed
    weight = ZERO
    if stance > 0.0:
        exact = policy.max_weight * Decimal(stance) * Decimal(conviction)
        cap = policy.max_weight.quantize(WEIGHT_STEP, rounding=ROUND_DOWN)
        weight = min(cap, exact.quantize(WEIGHT_STEP, rounding=ROUND_HALF_EVEN))
    if reduce_only:
        weight = min(weight, max(ZERO, held))
    small = abs(weight - held) < policy.rebalance_band
    goes_flat = weight == ZERO and held != ZERO
    idle = weight == held or (small and not goes_flat)
    return Blended(symbol, stance, conviction, weight, held, Outcome.HOLD if idle else Outcome.ACT)


def percent(weight: Decimal) -> str:
    """A weight as people read it: 0.1363 is 13.6 %."""
    return f"{weight * 100:.1f} %"
