"""From opinions to target weights: plain arithmetic, the same with and without language models.

For one symbol, each opinion i has a stance s_i in [-1, 1], a confidence c_i in [0, 1], and its source
a track weight w_i >= 0. With a_i = w_i * c_i:

    stance      S = sum(a_i * s_i) / sum(a_i)        the confidence-weighted average
    conviction  C = sum(a_i * c_i) / sum(a_i)        how sure those are who carry that average
    weight        = max_weight * S * C               rounded to 1e-4, never below zero on a spot account

So a weight is bounded by max_weight, grows (or stays) when any stance grows, and neither an abstention
nor an opinion of no confidence counts. A symbol on which nobody has a view keeps its holding.

Where an allocation gives base weights, opinions tilt them instead; a symbol without a view has its own:

    weight        = base * (1 + tilt * S * C)        in [0, max_weight]

Then the weights are sized (`portfolio/sizing.py`), all symbols of the cycle at once.

Hysteresis: a weight within `rebalance_band` of what is held is left alone, so that small changes of
mind do not pay fees. Going flat is never held back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from math import fsum

from domain.errors import ConfigError
from domain.instrument import Instrument
from domain.money import ONE, ZERO, Price, Symbol
from domain.opinions import Opinion, Proposal, Target, View
from portfolio.sizing import WEIGHT_STEP, Sized


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


@dataclass(frozen=True, slots=True)
class Base:
    """Weights to start from, fractions of equity, and how far opinions tilt them: 1 is none to double."""

    weights: Mapping[Symbol, Decimal]
    tilt: Decimal = ONE


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the opinions on a symbol come to, before sizing. A weight above zero has a `stop` below `last`."""

    symbol: Symbol
    stance: float
    conviction: float
    weight: Decimal
    held: Decimal
    last: Decimal
    stop: Price | None
    opinions: tuple[Opinion, ...]
    base: Decimal | None = None


Sizer = Callable[[Sequence[Wanted]], Sequence[Sized]]
"""Sizes all weights of a cycle: one answer for each, in the same order."""


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
    """A cycle's proposal, the arithmetic behind every symbol, and how each weight was sized."""

    proposal: Proposal
    symbols: tuple[Blended, ...]
    sized: tuple[Sized, ...] = ()


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
    base: Base | None = None,
    sizer: Sizer | None = None,
) -> Blend:
    """Target weights from all views of a cycle, one entry of `last` (last prices) per symbol.

    `held` are the present weights. With `reduce_only` no target is above what is held. `farthest_stop` is the
    farthest a stop may lie under the last price, as a fraction of it. `sizer` has the last word
    on a weight above zero, but cannot lift one over max_weight. Raises ValueError when a track weight is
    negative.
    """
    opinions: dict[Symbol, list[Opinion]] = {symbol: [] for symbol in last}
    for view in views:
        if isinstance(view, Opinion) and view.symbol in opinions:
            opinions[view.symbol].append(view)
    wanted: dict[Symbol, Wanted] = {}
    for symbol, price in last.items():
        entry = _wanted(symbol, opinions[symbol], held, price, policy, track, base)
        if entry is not None and entry.weight > ZERO:
            level = stop_price(entry.opinions, price, instruments[symbol], policy, track, farthest_stop)
            entry = replace(entry, stop=level)
        if entry is not None:
            wanted[symbol] = entry
    long = tuple(each for each in wanted.values() if each.weight > ZERO)
    sized = {each.symbol: each for each in sizer(long)} if sizer is not None and long else {}
    blended: list[Blended] = []
    targets: list[Target] = []
    for symbol in last:
        want = wanted.get(symbol)
        if want is None:
            present = held.get(symbol, ZERO).quantize(WEIGHT_STEP)
            blended.append(Blended(symbol, 0.0, 0.0, present, present, Outcome.NO_VIEW))
            continue
        settled = _settle(want, sized.get(symbol), policy, reduce_only)
        blended.append(settled)
        if settled.outcome is Outcome.ACT:
            stop = want.stop if settled.weight > ZERO else None
            targets.append(Target(symbol, settled.weight, stop, _reason(want, sized.get(symbol))))
    return Blend(Proposal(cycle_id, as_of, tuple(targets)), tuple(blended), tuple(sized.values()))


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


def _wanted(
    symbol: Symbol,
    opinions: Sequence[Opinion],
    held: Mapping[Symbol, Decimal],
    last: Decimal,
    policy: BlendPolicy,
    track: Callable[[str], float],
    base: Base | None,
) -> Wanted | None:
    """The weight of the formulas above, without a stop yet; None without a view and without a base."""
    agreed = consensus(opinions, track)
    start = None if base is None else base.weights.get(symbol)
    if agreed is None and start is None:
        return None
    stance, conviction = agreed or (0.0, 0.0)
    exact = ZERO
    if start is not None and base is not None:
        exact = start * (ONE + base.tilt * Decimal(stance) * Decimal(conviction))
    elif stance > 0.0:
        exact = policy.max_weight * Decimal(stance) * Decimal(conviction)
    weight = max(ZERO, min(_cap(policy), exact.quantize(WEIGHT_STEP, rounding=ROUND_HALF_EVEN)))
    present = held.get(symbol, ZERO).quantize(WEIGHT_STEP)
    return Wanted(symbol, stance, conviction, weight, present, last, None, tuple(opinions), start)


def _cap(policy: BlendPolicy) -> Decimal:
    return policy.max_weight.quantize(WEIGHT_STEP, rounding=ROUND_DOWN)


def _settle(wanted: Wanted, sized: Sized | None, policy: BlendPolicy, reduce_only: bool) -> Blended:
    """The sized weight, held to what may be done, and whether it is worth doing anything."""
    held = wanted.held
    weight = wanted.weight if sized is None else max(ZERO, min(_cap(policy), sized.weight))
    if reduce_only:
        weight = min(weight, max(ZERO, held))
    small = abs(weight - held) < policy.rebalance_band
    goes_flat = weight == ZERO and held != ZERO
    idle = weight == held or (small and not goes_flat)
    outcome = Outcome.HOLD if idle else Outcome.ACT
    return Blended(wanted.symbol, wanted.stance, wanted.conviction, weight, held, outcome)


def _reason(wanted: Wanted, sized: Sized | None) -> str:
    said = f"stance {wanted.stance:+.2f}, conviction {wanted.conviction:.2f}"
    if wanted.base is not None:
        said = f"base weight {percent(wanted.base)}, {said}"
    if sized is None or sized.weight == wanted.weight:
        return said
    stages = ", ".join(each.stage for each in sized.stages if each.after != each.before)
    return f"{said}; sized from {percent(wanted.weight)} by {stages}"


def percent(weight: Decimal) -> str:
    """A weight as people read it: 0.1363 is 13.6 %."""
    return f"{weight * 100:.1f} %"
