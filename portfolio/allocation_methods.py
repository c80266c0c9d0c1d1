"""The methods of allocation as skfolio estimators: returns in, parts of what is invested out.

Importing skfolio takes seconds, so only a desk that allocates imports this module, when it is wired. Returns
are scaled to a volatility of one first: bars of minutes have variances that a solver takes for zero. Linear
algebra stays on one core: on matrices this small the threads of BLAS wait for each other, three times as
long as the work takes on a busy machine, and one core adds up in one order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import cvxpy as cp
import numpy as np
from cvxpy.atoms.norm1 import norm1
from numpy.typing import NDArray
from skfolio import RiskMeasure
from skfolio.cluster import HierarchicalClustering, LinkageMethod
from skfolio.distance import CovarianceDistance
from skfolio.moments import LedoitWolf
from skfolio.optimization import (
    HierarchicalRiskParity,
    InverseVolatility,
    MeanRisk,
    ObjectiveFunction,
    RiskBudgeting,
)
from skfolio.prior import EmpiricalPrior
from skfolio.seriation import HierarchicalSeriation
from threadpoolctl import ThreadpoolController

from domain.errors import DataError
from portfolio.allocation import AllocationPolicy

Floats = NDArray[np.float64]
CVAR_BETA: Final = 0.95

_THREADS: Final = ThreadpoolController()


def shrunk_covariance(returns: Floats) -> Floats:
    """The Ledoit-Wolf covariance of returns, per bar, shape (symbols, symbols)."""
    with _THREADS.limit(limits=1, user_api="blas"):
        covariance: Floats = LedoitWolf().fit(returns).covariance_
    return covariance


def solve(returns: Floats, policy: AllocationPolicy, previous: Floats) -> Floats:
    """Parts of what is invested, in the order of the columns; `previous` are those held, in the same unit.

    Raises DataError when the solver finds nothing.
    """
    scale = 1.0 / float(returns.std(axis=0).mean())
    cost = float(policy.cost_fraction) / policy.cost_horizon_bars
    model = _METHODS[policy.method](policy, previous, cost, scale)
    try:
        with _THREADS.limit(limits=1, user_api="blas"):
            weights: Floats = np.asarray(model.fit(returns * scale).weights_, dtype=np.float64)
    except (cp.error.SolverError, ValueError, ArithmeticError) as error:
        raise DataError(f"{policy.method} found no weights ({error})", fix="Choose another method") from error
    return weights


def _prior() -> EmpiricalPrior:
    return EmpiricalPrior(covariance_estimator=LedoitWolf())


def _inverse_volatility(policy: AllocationPolicy, previous: Floats, cost: float, scale: float) -> Any:
    return InverseVolatility(prior_estimator=_prior())


def _risk_parity(policy: AllocationPolicy, previous: Floats, cost: float, scale: float) -> Any:
    return RiskBudgeting(risk_measure=RiskMeasure.VARIANCE, prior_estimator=_prior())


def _hrp(policy: AllocationPolicy, previous: Floats, cost: float, scale: float) -> Any:
    """As in the paper: distance sqrt((1 - rho) / 2), single linkage, no reordering of leaves."""
    return HierarchicalRiskParity(
        risk_measure=RiskMeasure.VARIANCE,
        prior_estimator=_prior(),
        distance_estimator=CovarianceDistance(covariance_estimator="precomputed"),
        seriation_estimator=HierarchicalSeriation(
            hierarchical_clustering_estimator=HierarchicalClustering(linkage_method=LinkageMethod.SINGLE),
            optimal_ordering=False,
        ),
    )


def _min_variance(policy: AllocationPolicy, previous: Floats, cost: float, scale: float) -> Any:
    """Variance and cost per bar; both are scaled as a variance is."""

    def paid(weights: Any) -> Any:
        return cost * scale**2 * norm1(weights - previous)

    return MeanRisk(
        objective_function=ObjectiveFunction.MINIMIZE_RISK,
        risk_measure=RiskMeasure.VARIANCE,
        prior_estimator=_prior(),
        add_objective=paid,
    )


def _mean_cvar(policy: AllocationPolicy, previous: Floats, cost: float, scale: float) -> Any:
    return MeanRisk(
        objective_function=ObjectiveFunction.MAXIMIZE_UTILITY,
        risk_measure=RiskMeasure.CVAR,
        risk_aversion=float(policy.risk_aversion),
        cvar_beta=CVAR_BETA,
        prior_estimator=_prior(),
        transaction_costs=cost * scale,
        previous_weights=previous,
    )


_METHODS: Final[Mapping[str, Callable[[AllocationPolicy, Floats, float, float], Any]]] = MappingProxyType(
    {
        "inverse_volatility": _inverse_volatility,
        "risk_parity": _risk_parity,
        "hrp": _hrp,
        "min_variance": _min_variance,
        "mean_cvar": _mean_cvar,
    }
)
