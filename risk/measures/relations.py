"""How assets move together: beta, correlation, covariance, clusters, and who contributes how much to risk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.errors import DataError
from risk.measures.returns import Column, HistoryTooShort, Returns, Table, checked
from risk.measures.tail import needed, tail_weights

FEWEST: Final = 30
"""Returns below which nobody is told how two assets move together."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one asset adds to the book's risk, one number for each measure; the assets' add up to the book's.

    `volatility` and `cvar` are fractions of what the weights are fractions of, over one observation.
    """

    asset: str
    weight: float
    volatility: float
    cvar: float


@dataclass(frozen=True, slots=True)
class Contributions:
    """The assets' contributions and what they add up to."""

    parts: tuple[Contribution, ...]
    volatility: float
    cvar: float
    level: float


def beta(asset: Column, market: Column) -> float:
    """Slope of the asset's returns on the market's: covariance over the market's variance.

    (W. F. Sharpe, "Capital asset prices", J. of Finance 19, 1964.) Raises HistoryTooShort, or DataError for
    columns of unequal length and for a market that stands still.
    """
    own, other = checked(asset, FEWEST, "beta"), checked(market, FEWEST, "beta")
    if len(own) != len(other):
        raise DataError(f"beta needs returns of the same moments, not {len(own)} and {len(other)}")
    deviations = other - other.mean()
    variance = float(deviations @ deviations)
    if variance <= 0.0:
        raise DataError("the market does not move, so nothing has a beta to it")
    return float((own - own.mean()) @ deviations) / variance


def covariance(returns: Returns) -> Table:
    """Sample covariance (n - 1) of the returns of one observation. Raises HistoryTooShort."""
    if len(returns) < FEWEST:
        raise HistoryTooShort("covariance", FEWEST, len(returns))
    table: Table = np.atleast_2d(np.cov(returns.values, rowvar=False))
    return table


def correlation(returns: Returns) -> Table:
    """Pearson correlation; symmetric, ones on the diagonal.

    Raises HistoryTooShort, or DataError naming an asset that stands still: it is correlated with nothing.
    """
    table = covariance(returns)
    deviation = np.sqrt(np.diag(table))
    for asset, value in zip(returns.assets, deviation, strict=True):
        if value <= 0.0:
            raise DataError(f"{asset} does not move, so it has no correlation")
    found = np.clip(table / np.outer(deviation, deviation), -1.0, 1.0)
    np.fill_diagonal(found, 1.0)
    result: Table = found
    return result


def clusters(assets: tuple[str, ...], correlations: Table, at_least: float) -> tuple[tuple[str, ...], ...]:
    """Groups of assets in which each is correlated by `at_least` with another one of its group.

    Single linkage: A with B and B with C makes one group of three. In the order of `assets`.
    """
    left = list(range(len(assets)))
    groups: list[tuple[str, ...]] = []
    while left:
        group = [left.pop(0)]
        for member in group:  # grows while it is walked
            near = [other for other in left if correlations[member, other] >= at_least]
            group += near
            left = [other for other in left if other not in near]
        groups.append(tuple(assets[index] for index in sorted(group)))
    return tuple(groups)


def contributions(returns: Returns, weights: Mapping[str, float], level: float) -> Contributions:
    """Each asset's part in the book's volatility and shortfall, by Euler's theorem.

    Both measures grow in proportion to the book, so the sum of weight * derivative is the whole:
    for volatility w_i (C w)_i / sqrt(w' C w) with C the covariance, for the shortfall the mean of the
    asset's own losses over the book's worst observations (D. Tasche, "Risk contributions and performance
    measurement", 1999). A negative part makes the book safer. Raises HistoryTooShort, or DataError for a
    book that does not move.
    """
    if len(returns) < max(FEWEST, needed(level)):
        raise HistoryTooShort("contribution to risk", max(FEWEST, needed(level)), len(returns))
    held = returns.vector(weights)
    spread = covariance(returns) @ held
    volatility = math.sqrt(max(0.0, float(held @ spread)))
    if volatility <= 0.0:
        raise DataError("the book does not move, so nothing contributes to its risk")
    worst = tail_weights(-(returns.values @ held), level)
    shortfalls = -(worst @ returns.values) * held
    parts = [
        Contribution(asset, float(held[i]), float(held[i] * spread[i] / volatility), float(shortfalls[i]))
        for i, asset in enumerate(returns.assets)
        if asset in weights
    ]
    return Contributions(tuple(parts), volatility, float(shortfalls.sum()), level)
