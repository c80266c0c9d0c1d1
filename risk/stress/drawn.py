"""Thousands of days drawn at random, with more volatility and more correlation than there was.

Log returns are drawn from a multivariate Student t: fat tails that come to all assets on the same days. Its
degrees of freedom are four by default; tail indices of daily returns lie between three and five (R. Cont,
"Empirical properties of asset returns: stylized facts and statistical issues", Quantitative Finance 1, 2001).
Volatilities are multiplied, and correlations pulled towards one: C becomes (1 - pull) C + pull.

The same seed gives the same days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.errors import DataError
from risk.measures.returns import Column, Table
from risk.measures.tail import empirical, needed

SCENARIOS: Final = 10_000
FREEDOM: Final = 4.0
VOLATILITY: Final = 2.0
PULL: Final = 0.5
SEED: Final = 7
_TINY: Final = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Losses of the book in every scenario, in the currency of its values; below zero is a gain.

    `worst` is the largest; `worst_moves` by how much each asset moved in it, as fractions of 1.
    """

    losses: Column
    worst: float
    worst_moves: Column

    def tail(self, level: float) -> tuple[float, float]:
        """VaR and expected shortfall at `level`: DataError outside (0.5, 1)."""
        needed(level)
        return empirical(self.losses, level)


def draw(
    values: Column,
    volatility: Column,
    correlations: Table,
    *,
    scenarios: int = SCENARIOS,
    seed: int = SEED,
    volatility_multiple: float = VOLATILITY,
    pull: float = PULL,
    freedom: float = FREEDOM,
) -> Drawn:
    """Losses of a book worth `values`, whose assets have these volatilities over the horizon in question.

    Raises DataError for arguments of unequal length, for what is not finite, for negative values and
    volatilities, for a matrix that is no correlation matrix, and for a pull outside [0, 1].
    """
    _check(values, volatility, correlations, scenarios)
    if not 0.0 <= pull <= 1.0:
        raise DataError(f"a pull of {pull} towards a correlation of one is not between 0 and 1")
    if not (freedom > 2.0 and volatility_multiple > 0.0):
        raise DataError("a stressed day needs more than two degrees of freedom and a volatility above zero")
    random = np.random.Generator(np.random.PCG64(seed))
    root = _root((1.0 - pull) * correlations + pull)
    moves = random.standard_normal((scenarios, len(values))) @ root.T
    # A Student t with a variance of one: normals over the root of a chi-squared that all assets share.
    moves *= np.sqrt((freedom - 2.0) / random.chisquare(freedom, scenarios))[:, None]
    moves *= volatility * volatility_multiple
    np.expm1(moves, out=moves)
    losses: Column = -(moves @ values)
    worst = int(np.argmax(losses))
    return Drawn(losses, float(losses[worst]), moves[worst].copy())


def _root(correlations: Table) -> Table:
    """A matrix whose product with its transpose is `correlations`, which may be singular."""
    sizes, directions = np.linalg.eigh(correlations)
    if sizes[0] < -_TINY * len(sizes) * 100:
        raise DataError("the correlations contradict each other: no returns could have them")
    root: Table = directions * np.sqrt(np.maximum(sizes, 0.0))
    return root


def _check(values: Column, volatility: Column, correlations: Table, scenarios: int) -> None:
    count = len(values)
    if not count:
        raise DataError("the book is empty, so there is nothing to stress")
    if len(volatility) != count or correlations.shape != (count, count):
        raise DataError(f"{count} values need as many volatilities and correlations")
    for name, numbers in (("value", values), ("volatility", volatility)):
        if not (np.isfinite(numbers) & (numbers >= 0.0)).all():
            raise DataError(f"a {name} is not a finite number of at least zero")
    unit = np.isfinite(correlations) & (np.abs(correlations) <= 1.0 + _TINY)
    if not unit.all() or np.abs(correlations - correlations.T).max() > _TINY:
        raise DataError("the correlations are not a symmetric table of numbers between -1 and 1")
    if np.abs(np.diag(correlations) - 1.0).max() > _TINY:
        raise DataError("an asset's correlation with itself is one")
    if scenarios < 1:
        raise DataError(f"{scenarios} scenarios tell nothing")
