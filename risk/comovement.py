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
_LEAST: Final = 1e-300  # what a sum of weights is divided by when nothing is known

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
    seconds = tapes[0].timeframe.seconds if tapes else _DAY
    step = block_bars(seconds)
    block = step * seconds
    returns, known = _returns(tapes, step, block, (bars_needed(seconds) - 1) // step)
    weights, total = _weights(len(returns), block)
    covariance: Matrix = (returns * weights).T @ returns
    if known is None:
        covariance *= _DAY / block / total
    else:
        seen = known.astype(np.float64)
        covariance *= _DAY / block / np.maximum((seen * weights).T @ seen, _LEAST)
    deviations: Matrix = np.sqrt(covariance.diagonal())
    scale = deviations[:, None] * deviations
    if deviations.all():
        correlation: Matrix = (covariance / scale).clip(-1.0, 1.0)
    else:  # a price that never moved moves with nothing that can be measured: taken to move with everything
        correlation = np.where(scale > 0, covariance / np.maximum(scale, _LEAST), 1.0).clip(-1.0, 1.0)
    young = _young(returns, known)
    if young.any():
        deviations[young] = STAND_IN_DEVIATION
        correlation[young, :] = 1.0
        correlation[:, young] = 1.0
        covariance = correlation * (deviations[:, None] * deviations)
    return Comovement(covariance, correlation, deviations)


def _young(returns: Matrix, known: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Which assets have too few returns."""
    rows, count = returns.shape
    if known is None:
        return np.full(count, rows < FEWEST_RETURNS)
    young: NDArray[np.bool_] = known.sum(axis=0) < FEWEST_RETURNS
    return young


@lru_cache(maxsize=8)
def _weights(rows: int, block: int) -> tuple[Matrix, float]:
    """What the return of each block counts, a column, oldest first, the newest 1; and their sum."""
    decay = DAILY_DECAY ** (block / _DAY)
    weights: Matrix = (decay ** np.arange(rows - 1, -1, -1, dtype=np.float64))[:, None]
    return weights, max(float(weights.sum()), _LEAST)


def _returns(
    tapes: Sequence[Bars], step: int, block: int, blocks: int
) -> tuple[Matrix, NDArray[np.bool_] | None]:
    """Log returns by block (rows, oldest first) and asset, and where they are known, None: everywhere.

    Unknown ones are 0.
    """
    end = max((int(bars.close_ns[-1]) for bars in tapes if len(bars)), default=0)
    longest = max((len(bars) for bars in tapes), default=0)
    blocks = min(blocks, max(longest - 1, 0) // step)
    start = end - blocks * block * _NS
    prices = np.full((blocks + 1, len(tapes)), np.nan)
    for column, bars in enumerate(tapes):
        first = len(bars) - 1 - blocks * step
        if len(bars) and first >= 0 and bars.close_ns[-1] == end and bars.close_ns[first] == start:
            prices[:, column] = bars.close[first::step]
        elif len(bars):
            ends = end - np.arange(blocks, -1, -1, dtype=np.int64) * (block * _NS)
            rows = np.searchsorted(bars.close_ns, ends, side="right") - 1
            prices[:, column] = np.where(rows >= 0, bars.close[np.maximum(rows, 0)], np.nan)
    if (prices > 0).all():
        logs = np.log(prices)
        whole: Matrix = logs[1:] - logs[:-1]
        return whole, None
    logs = np.log(np.where(prices > 0, prices, np.nan))
    returns: Matrix = logs[1:] - logs[:-1]
    known = np.isfinite(returns)
    return np.where(known, returns, 0.0), known
