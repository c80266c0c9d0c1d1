"""Value at risk and expected shortfall of a column of returns, by three methods.

Both are losses as fractions of what the returns are of, at a level such as 0.99, over one observation:
positive is a loss. The levels are those of the better days: at 0.99 one in a hundred is worse.

historical       The empirical distribution. VaR is its smallest loss x with F(x) >= level; the shortfall is
                 VaR + mean(max(loss - VaR, 0)) / (1 - level) (R. T. Rockafellar and S. Uryasev, "Conditional
                 value-at-risk for general loss distributions", J. of Banking and Finance 26, 2002), which is
                 never below VaR and is coherent whatever the ties.
filtered         Filtered historical simulation: returns divided by the volatility that was known before each,
                 their empirical tail times the volatility known now (J. Hull and A. White, "Incorporating
                 volatility updating into the historical simulation method", J. of Risk 1, 1998;
                 G. Barone-Adesi, K. Giannopoulos and L. Vosper, "VaR without correlations for portfolios of
                 derivative securities", J. of Futures Markets 19, 1999). The filter is the exponentially
                 weighted mean of squares with decay 0.94 (J.P. Morgan, RiskMetrics Technical Document, 1996).
cornish-fisher   A normal quantile bent to the sample's skewness and kurtosis; see `risk.measures.bending`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np

from domain.errors import DataError
from risk.measures.bending import bend, bent_quantile, bent_shortfall, moments
from risk.measures.returns import Column, checked

FEWEST: Final = 50
"""Returns below which no tail is estimated, whatever the level."""
WARM_UP: Final = 30
"""Returns the filter needs for its first volatility; they are not in the filtered tail."""
DECAY: Final = 0.94


@dataclass(frozen=True, slots=True)
class Tail:
    """Value at risk and expected shortfall: losses as fractions, over one observation."""

    method: str
    level: float
    var: float
    cvar: float
    observations: int

    def scaled(self, observations: float) -> Tail:
        """The same over so many observations, by the square root of time.

        Right for independent returns of finite variance and too small for those that jump or trend
        (J. Danielsson and J.-P. Zigrand, "On time-scaling of risk and the square-root-of-time rule", J. of
        Banking and Finance 30, 2006).
        """
        factor = math.sqrt(observations)
        return replace(self, var=self.var * factor, cvar=self.cvar * factor)


def needed(level: float) -> int:
    """Returns that a tail at `level` needs: one of them at least beyond it. DataError outside (0.5, 1)."""
    if not 0.5 < level < 1.0:
        raise DataError(f"a level of {level} is not between 0.5 and 1", fix="Write 0.99 for one day in 100")
    return max(FEWEST, math.ceil(1.0 / (1.0 - level) - 1e-9))


def historical(returns: Column, level: float) -> Tail:
    """From the empirical distribution. Raises HistoryTooShort, or DataError as `checked`."""
    column = checked(returns, needed(level), "historical VaR")
    var, cvar = empirical(-column, level)
    return Tail("historical", level, var, cvar, len(column))


def filtered(returns: Column, level: float, decay: float = DECAY) -> Tail:
    """From returns filtered by their volatility. Raises as `historical`, and for returns that stand still."""
    column = checked(returns, needed(level) + WARM_UP, "filtered VaR")
    volatility = ewma_volatility(column, decay)
    standard = column[WARM_UP:] / volatility[WARM_UP:-1]
    var, cvar = empirical(-standard, level)
    now = float(volatility[-1])
    return Tail("filtered", level, var * now, cvar * now, len(standard))


def cornish_fisher(returns: Column, level: float) -> Tail:
    """From mean, deviation, skewness and kurtosis. Raises as `historical`, and where no bending fits them."""
    column = checked(returns, needed(level), "Cornish-Fisher VaR")
    mean, deviation, skewness, kurtosis = moments(column)
    skew, excess = bend(skewness, kurtosis)
    var = -(mean + deviation * float(bent_quantile(1.0 - level, skew, excess)))
    cvar = -(mean + deviation * float(bent_shortfall(1.0 - level, skew, excess)))
    return Tail("cornish-fisher", level, var, cvar, len(column))


METHODS: Final[Mapping[str, Callable[[Column, float], Tail]]] = MappingProxyType(
    {"historical": historical, "filtered": filtered, "cornish-fisher": cornish_fisher}
)


def empirical(losses: Column, level: float) -> tuple[float, float]:
    """VaR and shortfall of losses that were observed, each as likely as the others."""
    place = place_of(len(losses), level)
    var = float(np.partition(losses, place)[place])
    beyond = np.maximum(losses - var, 0.0).mean() / (1.0 - level)
    return var, var + float(beyond)


def tail_weights(losses: Column, level: float) -> Column:
    """Non-negative weights, adding up to one, under which the mean loss is the shortfall at `level`.

    Losses beyond VaR weigh 1 / (n (1 - level)) each; those equal to VaR share what is left.
    """
    var, _ = empirical(losses, level)
    beyond, at = losses > var, losses == var
    weights = np.where(beyond, 1.0 / (len(losses) * (1.0 - level)), 0.0)
    weights[at] = (1.0 - weights.sum()) / at.sum()
    return weights


def ewma_volatility(returns: Column, decay: float = DECAY) -> Column:
    """Volatility known before each return, and, as one more entry, after the last.

    variance[t + 1] = decay * variance[t] + (1 - decay) * return[t]^2, begun with the mean square of the first
    WARM_UP returns: those entries know the whole of it, so they are not forecasts. Raises DataError for a
    decay outside (0, 1), for fewer returns than that, and where nothing moves.
    """
    if not 0.0 < decay < 1.0:
        raise DataError(f"a decay of {decay} is not between 0 and 1")
    column = checked(returns, WARM_UP, "volatility")
    squares = (column * column).tolist()
    variance = sum(squares[:WARM_UP]) / WARM_UP
    found = [variance] * (WARM_UP + 1)
    for square in squares[WARM_UP:]:
        variance = decay * variance + (1.0 - decay) * square
        found.append(variance)
    volatility: Column = np.sqrt(np.array(found))
    if not (volatility > 0.0).all():
        raise DataError("the returns do not move, so nothing can be filtered by their volatility")
    return volatility


def place_of(count: int, level: float) -> int:
    """The index, among losses in rising order, of the smallest with F(x) >= level."""
    return min(count - 1, max(0, math.ceil(count * level - 1e-9) - 1))
