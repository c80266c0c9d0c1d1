"""The Cornish-Fisher expansion: a normal quantile bent to a skewness and a kurtosis.

With z a standard normal quantile, s and k the two parameters (k is an excess):

    w(z) = z + (z^2 - 1) s / 6 + (z^3 - 3 z) k / 24 - (2 z^3 - 5 z) s^2 / 36

(E. A. Cornish and R. A. Fisher, "Moments and cumulants in the specification of distributions", Revue de
l'Institut International de Statistique 5, 1938.) Two things are often forgotten; both are in D. Maillard, "A
user's guide to the Cornish Fisher expansion" (2012, SSRN 1997178):

- s and k are not the skewness and the excess kurtosis of w, except close to zero. `bend` solves for the s and
  k whose w has those of the sample, and w is divided by its own standard deviation.
- w is a quantile only where it rises with z. Outside that domain there is no such distribution, and `bend`
  says so.

The shortfall is the mean of w over the normal tail, in closed form, since w is a cubic in z.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Final

import numpy as np

from domain.errors import DataError
from risk.measures.returns import Column

# A cubic to its fourth power is a polynomial of degree 12: seven points are exact, eight leave room.
_POINTS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(8)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_ROUNDS: Final = 60
_CLOSE: Final = 1e-9
_STEP: Final = 1e-6
_NORMAL: Final = NormalDist()


def moments(returns: Column) -> tuple[float, float, float, float]:
    """Mean, standard deviation (n - 1), skewness and excess kurtosis (both by moments, n).

    Raises DataError for returns that do not move.
    """
    mean = float(returns.mean())
    centred = returns - mean
    square = float((centred**2).mean())
    deviation = float(returns.std(ddof=1))
    if square <= (1e-12 * max(1.0, abs(mean))) ** 2:
        raise DataError("the returns do not move, so they have no skewness or kurtosis")
    skewness = float((centred**3).mean()) / square**1.5
    excess = float((centred**4).mean()) / square**2 - 3.0
    return mean, deviation, skewness, excess


def bend(skewness: float, excess: float) -> tuple[float, float]:
    """The parameters (s, k) whose distribution has this skewness and excess kurtosis.

    Damped Newton steps from zero. Raises DataError where no rising expansion has them.
    """
    target = np.array([skewness, excess])
    at = np.zeros(2)
    miss = _shape(at) - target
    for _ in range(_ROUNDS):
        if float(np.abs(miss).max()) < _CLOSE:
            break
        slope = np.column_stack(
            [(_shape(at + step) - _shape(at - step)) / (2 * _STEP) for step in np.eye(2) * _STEP]
        )
        try:
            move = np.linalg.solve(slope, -miss)
        except np.linalg.LinAlgError:
            break
        for part in (1.0, 0.5, 0.25, 0.125, 0.0625):
            reached = _shape(at + part * move) - target
            if float(np.abs(reached).sum()) < float(np.abs(miss).sum()):
                break
        else:
            break
        at, miss = at + part * move, reached
    s, k = float(at[0]), float(at[1])
    if float(np.abs(miss).max()) >= _CLOSE * 1e3 or not rises(s, k):
        raise DataError(
            f"no Cornish-Fisher distribution has a skewness of {skewness:.2f} and an excess kurtosis of "
            f"{excess:.2f}",
            fix="Use the historical or the filtered method",
        )
    return s, k


def rises(s: float, k: float) -> bool:
    """Whether w rises with z everywhere: its derivative, a parabola in z, has no two real roots.

    w'(z) = (k / 8 - s^2 / 6) z^2 + (s / 3) z + (1 - k / 8 + 5 s^2 / 36).
    """
    a, b, c = k / 8 - s * s / 6, s / 3, 1 - k / 8 + 5 * s * s / 36
    return a >= 0.0 and c > 0.0 and b * b <= 4 * a * c


def bent_quantile(probability: float, s: float, k: float) -> float:
    """The quantile of the standardised bent distribution at `probability`."""
    z = _NORMAL.inv_cdf(probability)
    return float((_bent(np.array([z]), s, k)[0]) / _deviation(s, k))


def bent_shortfall(probability: float, s: float, k: float) -> float:
    """The mean of the standardised bent distribution below its quantile at `probability`.

    By the moments of the normal tail below z: with h = density(z) / probability, E z = -h, E z^2 = 1 - z h,
    E z^3 = -(z^2 + 2) h.
    """
    z = _NORMAL.inv_cdf(probability)
    h = _NORMAL.pdf(z) / probability
    first, second, third = -h, 1 - z * h, -(z * z + 2) * h
    mean = first + (second - 1) * s / 6 + (third - 3 * first) * k / 24 - (2 * third - 5 * first) * s * s / 36
    return float(mean / _deviation(s, k))


def _bent(z: Column, s: float, k: float) -> Column:
    return z + (z**2 - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s * s / 36


def _deviation(s: float, k: float) -> float:
    w = _bent(_POINTS, s, k)
    return float(np.sqrt(_WEIGHTS @ w**2))


def _shape(at: Column) -> Column:
    """Skewness and excess kurtosis of w; its mean is zero whatever s and k."""
    w = _bent(_POINTS, float(at[0]), float(at[1]))
    square = float(_WEIGHTS @ w**2)
    return np.array([float(_WEIGHTS @ w**3) / square**1.5, float(_WEIGHTS @ w**4) / square**2 - 3.0])
