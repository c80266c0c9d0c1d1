"""The moods of the synthetic market: a Markov chain in continuous time over five regimes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Regimes = NDArray[np.int64]


class Regime(IntEnum):
    RANGE = 0
    UP = 1
    DOWN = 2
    VOLATILE = 3
    CRISIS = 4


@dataclass(frozen=True, slots=True)
class Traits:
    """What a regime does. `drift` is in units of a coin's daily volatility per day; `transient` the share
    of variance that reverts within a day; `jumps` a day; `volume` and `volatility` are factors;
    `correlation` moves each coin's loading towards 1; `days` is the mean stay.
    """

    drift: float
    volatility: float
    transient: float
    jumps: float
    volume: float
    correlation: float
    days: float


TRAITS: Final = {
    Regime.RANGE: Traits(0.0, 0.75, 0.55, 0.10, 0.85, 0.00, 5.0),
    Regime.UP: Traits(0.32, 0.90, 0.10, 0.20, 1.10, 0.00, 6.5),
    Regime.DOWN: Traits(-0.28, 1.05, 0.10, 0.30, 1.15, 0.20, 4.5),
    Regime.VOLATILE: Traits(0.0, 1.60, 0.25, 0.80, 1.60, 0.25, 2.0),
    Regime.CRISIS: Traits(-0.80, 2.30, 0.15, 2.00, 2.60, 0.60, 0.7),
}

_NEXT: Final = np.array(
    [
        # RANGE  UP    DOWN  VOLATILE CRISIS
        [0.00, 0.42, 0.30, 0.24, 0.04],
        [0.50, 0.00, 0.18, 0.27, 0.05],
        [0.42, 0.20, 0.00, 0.25, 0.13],
        [0.38, 0.28, 0.24, 0.00, 0.10],
        [0.15, 0.10, 0.25, 0.50, 0.00],
    ]
)


def column(name: str) -> Array:
    """One trait of every regime, indexed by regime."""
    return np.array([getattr(TRAITS[regime], name) for regime in Regime], dtype=np.float64)


def path(rng: np.random.Generator, start: int, bars: int, bar_days: float) -> Regimes:
    """The regime of each of `bars` bars of `bar_days` days, after a bar in regime `start`."""
    out = np.empty(bars, dtype=np.int64)
    regime, at = start, 0
    while at < bars:
        leave = 1.0 - math.exp(-bar_days / TRAITS[Regime(regime)].days)
        stay = int(rng.geometric(leave)) - 1  # bars before the one that is in the next regime
        out[at : at + stay] = regime
        at += stay
        if at < bars:
            regime = int(rng.choice(len(_NEXT), p=_NEXT[regime]))
            out[at] = regime
            at += 1
    return out
