"""How assets move together: variances and correlations of a day, from closed bars.

The covariance fades with age as RiskMetrics has it (J.P. Morgan and Reuters, RiskMetrics Technical Document,
4th edition, 1996, chapter 5): exponential weights with a decay of 0.94 a day, a mean of zero, and 74 days of
history, beyond which one percent of the weight is left. Shorter bars are read in blocks of an hour; the decay
of a block is 0.94 to the power of its share of a day, and a day's variance is that of its blocks added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from market.bars import Bars

DAILY_DECAY: Final = 0.94
HISTORY_DAYS: Final = 74
BLOCK_SECONDS: Final = 3600
FEWEST_RETURNS: Final = 24
"""With fewer returns an asset's volatility is not known."""
STAND_IN_DEVIATION: Final = 0.08
"""What an asset without enough history is taken to move in a day: a restless coin's deviation, on the high
side on purpose. It is then taken to move in step with every other asset."""

_DAY: Final = 86_400
_NS: Final = 1_000_000_000

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Comovement:
    """Of one day, in the order of the bars given: covariances of returns, correlations, deviations."""

    covariance: Matrix
    correlation: Matrix
    deviations: Matrix


def block_bars(seconds: int) -> int:
    """How many bars of that length make a block: an hour's, or one."""
    return max(1, BLOCK_SECONDS // seconds)


def bars_needed(seconds: int) -> int:
    """How many bars of that length the whole history takes."""
    step = block_bars(seconds)
    return -(-HISTORY_DAYS * _DAY // (step * seconds)) * step + 1


def comovement(tapes: Sequence[Bars]) -> Comovement:
    """The co-movement of assets from their newest bars, all of one timeframe; each oldest first.

    Gaps are bridged with the last known price. An asset with fewer than 24 returns gets the stand-in: a
    deviation of 8 % a day and a correlation of 1 with everything. Pure; an empty tape is a young one.
    """
    count = len(tapes)
    seconds = tapes[0].timeframe.seconds if count else _DAY
    step = block_bars(seconds)
    block = step * seconds
    returns, known = _returns(tapes, step, block, (bars_needed(seconds) - 1) // step)
    rows = len(returns)
    weights = _weights(rows, block)
    if known.all():
        total = max(float(weights.sum()), 1e-300)
        covariance: Matrix = (returns * weights[:, None]).T @ returns / total
    else:
        seen = known.astype(np.float64)
        norm = np.maximum((seen * weights[:, None]).T @ seen, 1e-300)
        covariance = (returns * weights[:, None]).T @ returns / norm
    covariance = covariance * (_DAY / block)
    deviations: Matrix = np.sqrt(np.diagonal(covariance)).copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation: Matrix = covariance / np.outer(deviations, deviations)
    # A price that never moved moves with nothing that can be measured: taken to move with everything.
    correlation = np.clip(np.nan_to_num(correlation, nan=1.0, posinf=1.0, neginf=1.0), -1.0, 1.0)
    young = known.sum(axis=0) < FEWEST_RETURNS
    if young.any():
        deviations[young] = STAND_IN_DEVIATION
        correlation[young, :] = 1.0
        correlation[:, young] = 1.0
        covariance = correlation * np.outer(deviations, deviations)
    return Comovement(covariance, correlation, deviations)


@lru_cache(maxsize=8)
def _weights(rows: int, block: int) -> Matrix:
    """What the return of each block counts, oldest first; the newest counts 1."""
    weights: Matrix = (DAILY_DECAY ** (block / _DAY)) ** np.arange(rows - 1, -1, -1, dtype=np.float64)
    return weights


def _returns(tapes: Sequence[Bars], step: int, block: int, blocks: int) -> tuple[Matrix, NDArray[np.bool_]]:
    """Log returns by block (rows, oldest first) and asset, and where they are known; unknown ones are 0."""
    end = max((int(bars.close_ns[-1]) for bars in tapes if len(bars)), default=0)
    longest = max((len(bars) for bars in tapes), default=0)
    blocks = min(blocks, max(longest - 1, 0) // step)
    ends = end - np.arange(blocks, -1, -1, dtype=np.int64) * (block * _NS)
    prices = np.full((blocks + 1, len(tapes)), np.nan)
    for column, bars in enumerate(tapes):
        if not len(bars):
            continue
        first = len(bars) - 1 - blocks * step
        if first >= 0 and bars.close_ns[-1] == end and bars.close_ns[first] == ends[0]:
            prices[:, column] = bars.close[first::step]
        else:
            rows = np.searchsorted(bars.close_ns, ends, side="right") - 1
            prices[:, column] = np.where(rows >= 0, bars.close[np.maximum(rows, 0)], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        returns: Matrix = np.diff(np.log(prices), axis=0)
    known = np.isfinite(returns)
    return np.where(known, returns, 0.0), known
