"""Whether value at risk kept its promise: exceedances counted, and tested for their number and their spacing.

A forecast uses only what was known before the return it is held against. With n forecasts at a level, x of
them exceeded, p = 1 - level and q = x / n:

Kupiec           LR = -2 ln[(1-p)^(n-x) p^x / ((1-q)^(n-x) q^x)], chi-squared with one degree of freedom,
                 large when there are too many exceedances or too few (P. Kupiec, "Techniques for verifying
                 the accuracy of risk measurement models", J. of Derivatives 3, 1995).
Christoffersen   Independence: LR of one exceedance rate against two, one after a day without and one after a
                 day with an exceedance; one degree of freedom. Conditional coverage: the sum of both, two
                 degrees (P. Christoffersen, "Evaluating interval forecasts", International Economic Review
                 39, 1998).

The tests are asymptotic and weak in short samples: at 99 % and 255 days anything up to six exceedances
passes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import DataError
from risk.measures.bending import bend, bent_quantile, moments
from risk.measures.returns import Column, HistoryTooShort, checked
from risk.measures.tail import WARM_UP, ewma_volatility, needed, place_of

WINDOW: Final = 250
"""Returns behind each forecast."""
_FITS: Final = 100
_NO_FORECAST: Final = -1

Hits = NDArray[np.int8]
"""1 for an exceedance, 0 for none, -1 where there was no forecast."""


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """A test's statistic and the probability of one at least as large, were the forecasts right."""

    statistic: float
    p_value: float

    def rejects(self, significance: float = 0.05) -> bool:
        """Whether the forecasts are rejected at this significance."""
        return self.p_value < significance


@dataclass(frozen=True, slots=True)
class Coverage:
    """How forecasts of VaR at `level` fared over `observations` returns."""

    level: float
    observations: int
    exceedances: int
    kupiec: LikelihoodRatio
    independence: LikelihoodRatio
    conditional: LikelihoodRatio

    @property
    def expected(self) -> float:
        """Exceedances that right forecasts have on average."""
        return (1.0 - self.level) * self.observations


def coverage(returns: Column, level: float, method: str, window: int = WINDOW) -> Coverage:
    """How the method's forecasts, each from the `window` returns before, fared on those that followed.

    Raises HistoryTooShort when not one exceedance would be expected, and DataError as `forecasts`.
    """
    needs = window + WARM_UP + math.ceil(1.0 / (1.0 - level) - 1e-9)
    column = checked(returns, needs, f"the backtest of {method} VaR")
    predicted = forecasts(column, level, method, window)
    actual = column[len(column) - len(predicted) :]
    known = np.isfinite(predicted)
    hits = np.where(known, -actual > predicted, _NO_FORECAST).astype(np.int8)
    return judge(hits, level)


def judge(hits: Hits, level: float) -> Coverage:
    """The three tests on a series of hits, oldest first. Raises DataError when there is no forecast."""
    needed(level)
    seen = hits >= 0
    count, exceeded = int(seen.sum()), int((hits == 1).sum())
    if not count:
        raise DataError("there is no forecast to judge")
    p = 1.0 - level
    kupiec = 2.0 * (_log(count - exceeded, exceeded) - _log(count - exceeded, exceeded, p))
    before, after = hits[:-1], hits[1:]
    pairs = [int(((before == i) & (after == j)).sum()) for i in (0, 1) for j in (0, 1)]
    calm, calm_hit, hit, hit_hit = pairs
    apart = _log(calm, calm_hit) + _log(hit, hit_hit)
    independence = 2.0 * (apart - _log(calm + hit, calm_hit + hit_hit))
    return Coverage(
        level,
        count,
        exceeded,
        one_degree(kupiec),
        one_degree(independence),
        two_degrees(kupiec + independence),
    )


def forecasts(returns: Column, level: float, method: str, window: int = WINDOW) -> Column:
    """One-step-ahead VaR for the last returns, each from the `window` returns before it and none after.

    NaN where the method could give none. The first forecast is for return `window` (from 0), or, for the
    filtered method, WARM_UP later. The bent shape of Cornish-Fisher is fitted anew at most 100 times, mean
    and deviation always. Raises DataError for a method that nobody knows or a window too short for the level.
    """
    maker = _FORECASTERS.get(method)
    if maker is None:
        raise DataError(f"there is no VaR method {method!r}", fix=f"Use one of {', '.join(_FORECASTERS)}")
    if window < needed(level):
        raise HistoryTooShort(f"a window for {method} VaR", needed(level), window)
    return maker(returns, level, window)


def _windows(column: Column, window: int) -> NDArray[np.float64]:
    """Every window that has a return after it, a row each."""
    rows: NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(column, window)[:-1]
    return rows


def _historical(returns: Column, level: float, window: int) -> Column:
    place = place_of(window, level)
    quantiles: Column = np.partition(-_windows(returns, window), place, axis=1)[:, place]
    return quantiles


def _filtered(returns: Column, level: float, window: int) -> Column:
    volatility = ewma_volatility(returns)
    standard = returns[WARM_UP:] / volatility[WARM_UP:-1]
    return _historical(standard, level, window) * volatility[WARM_UP + window : -1]


def _cornish_fisher(returns: Column, level: float, window: int) -> Column:
    rows = _windows(returns, window)
    every = max(1, -(-len(rows) // _FITS))
    quantile = math.nan
    found = np.full(len(rows), math.nan)
    for index, row in enumerate(rows):
        if index % every == 0:
            quantile = _bent(row, level)
        found[index] = -(row.mean() + row.std(ddof=1) * quantile)
    return found


def _bent(window: Column, level: float) -> float:
    """The bent quantile of a window; NaN where no Cornish-Fisher distribution fits it."""
    try:
        _, _, skewness, excess = moments(window)
        return bent_quantile(1.0 - level, *bend(skewness, excess))
    except DataError:
        return math.nan


_FORECASTERS: Final[Mapping[str, Callable[[Column, float, int], Column]]] = MappingProxyType(
    {"historical": _historical, "filtered": _filtered, "cornish-fisher": _cornish_fisher}
)


def _log(misses: int, hits: int, rate: float | None = None) -> float:
    """Log-likelihood of so many misses and hits at a rate; None: the rate that was observed."""
    if not misses + hits:
        return 0.0
    at = hits / (misses + hits) if rate is None else rate
    return (misses * math.log1p(-at) if misses else 0.0) + (hits * math.log(at) if hits else 0.0)


def one_degree(statistic: float) -> LikelihoodRatio:
    """A statistic held against chi-squared with one degree of freedom."""
    statistic = max(0.0, statistic)
    return LikelihoodRatio(statistic, math.erfc(math.sqrt(statistic / 2.0)))


def two_degrees(statistic: float) -> LikelihoodRatio:
    """A statistic held against chi-squared with two degrees of freedom."""
    statistic = max(0.0, statistic)
    return LikelihoodRatio(statistic, math.exp(-statistic / 2.0))
