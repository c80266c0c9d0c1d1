"""Allocation: base weights across symbols from their past returns, by skfolio on a shrunk covariance.

Methods, all long only, on the covariance of Ledoit & Wolf 2004 ("A well-conditioned estimator for
large-dimensional covariance matrices"):

equal               1 / n: what the others have to beat (DeMiguel, Garlappi & Uppal 2009)
inverse_volatility  in proportion to 1 / volatility
risk_parity         equal contributions to the variance (Maillard, Roncalli & Teiletche 2010)
hrp                 hierarchical risk parity with single linkage (Lopez de Prado 2016)
min_variance        the smallest variance and cost of getting there (Markowitz 1952)
mean_cvar           mean less CVaR at 95 % less cost (Rockafellar & Uryasev 2000)

The same returns give the same weights, in whatever order the symbols come. Floats become Decimals here and
nowhere else, rounded down, so the weights never add up to more than `invested_fraction`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from domain.errors import ConfigError, DataError
from domain.money import ONE, ZERO, Symbol
from portfolio.sizing import WEIGHT_STEP, on_grid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

METHODS: Final = ("equal", "inverse_volatility", "risk_parity", "hrp", "min_variance", "mean_cvar")
ON_BAD_DATA: Final = ("refuse", "equal")
FEWEST_RETURNS: Final = 30
"""With fewer no covariance is believed, however few the symbols."""

_TWO: Final = Decimal(2)
_SINGULAR: Final = 1e-10


@dataclass(frozen=True, slots=True)
class AllocationPolicy:
    """How weights are found. Fractions are of 1.

    method                 one of METHODS
    invested_fraction      of equity, in all symbols together; the rest stays cash
    max_weight_fraction    of equity, in one symbol; what a method wants above it stays cash
    cost_fraction          what a trade costs, of its value: fee and half the spread
    cost_horizon_bars      over so many bars min_variance and mean_cvar spread the cost of a trade
    max_turnover_fraction  of equity, buys and sells together, in one rebalancing: the weights then move only
                           part of the way
    risk_aversion          mean_cvar: what a unit of CVaR counts against a unit of mean return
    on_bad_data            refuse: DataError. equal: equal weights, and said so on record

    Raises ConfigError for a value outside its range.
    """

    method: str = "hrp"
    invested_fraction: Decimal = Decimal("0.75")
    max_weight_fraction: Decimal = ONE
    cost_fraction: Decimal = Decimal("0.001")
    cost_horizon_bars: int = 672
    max_turnover_fraction: Decimal = _TWO
    risk_aversion: Decimal = ONE
    on_bad_data: str = "refuse"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(
                f"{self.method!r} is not an allocation method", fix=f"Name one of {', '.join(METHODS)}"
            )
        if self.on_bad_data not in ON_BAD_DATA:
            raise ConfigError(
                f"on_bad_data {self.on_bad_data!r} is unknown", fix=f"Write {' or '.join(ON_BAD_DATA)}"
            )
        for name, high in (
            ("invested_fraction", ONE),
            ("max_weight_fraction", ONE),
            ("max_turnover_fraction", _TWO),
            ("risk_aversion", Decimal(1000)),
        ):
            value: Decimal = getattr(self, name)
            if not (value.is_finite() and ZERO < value <= high):
                raise ConfigError(
                    f"{name} {value} is out of range", fix=f"Write a number above 0 and at most {high}"
                )
        if not (self.cost_fraction.is_finite() and ZERO <= self.cost_fraction <= Decimal("0.1")):
            raise ConfigError(
                f"cost_fraction {self.cost_fraction} is out of range", fix="Write a number of 0 to 0.1"
            )
        if self.cost_horizon_bars < 1:
            raise ConfigError(
                f"cost_horizon_bars {self.cost_horizon_bars} is below 1", fix="Write a number of bars"
            )


@dataclass(frozen=True, slots=True)
class Returns:
    """Simple returns of bars, `values[bar, symbol]`, oldest first, columns in the order of `symbols`.

    Raises DataError for a shape that does not fit, no symbol at all, or one named twice.
    """

    symbols: tuple[Symbol, ...]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        if not self.symbols:
            raise DataError("there is nothing to allocate to", fix="Name at least one symbol")
        if self.values.ndim != 2 or self.values.shape[1] != len(self.symbols):
            raise DataError(f"returns of shape {self.values.shape} do not fit {len(self.symbols)} symbols")
        if len(set(self.symbols)) != len(self.symbols):
            raise DataError("returns name a symbol twice")


@dataclass(frozen=True, slots=True)
class Allocation:
    """The weights of a method, fractions of equity, and how they came about.

    `fallback` is empty, or says why equal weights stand in for the method. `turnover` is the sum of all
    changes from the weights before; `partial` says that `max_turnover_fraction` let them move only part of
    the way. `bars` is how many returns were looked at.
    """

    method: str
    weights: Mapping[Symbol, Decimal]
    turnover: Decimal
    bars: int
    fallback: str = ""
    partial: bool = False


def allocate(
    returns: Returns, policy: AllocationPolicy, previous: Mapping[Symbol, Decimal] | None = None
) -> Allocation:
    """The weights of `policy.method` for these returns, coming from `previous` (fractions; nothing, if None).

    Raises DataError, naming the symbol, for returns that are not finite or never move, for too few of them
    and for a covariance that cannot be used; with `on_bad_data` "equal" it goes on with equal weights.
    """
    order = sorted(range(len(returns.symbols)), key=lambda column: returns.symbols[column])
    symbols = [returns.symbols[column] for column in order]
    values = returns.values[:, order]
    before = {symbol: (previous or {}).get(symbol, ZERO) for symbol in symbols}
    fallback = ""
    shares = [1.0 / len(symbols)] * len(symbols)
    if policy.method != "equal" and len(symbols) > 1:
        try:
            _demand_usable(symbols, values)
            shares = _shares(symbols, values, policy, before)
        except DataError as error:
            if policy.on_bad_data == "refuse":
                raise
            fallback = f"equal weights instead of {policy.method}: {error.message}"
    ceiling = float(policy.max_weight_fraction)
    aims = [min(share * float(policy.invested_fraction), ceiling) for share in shares]
    starts = [float(before[symbol]) for symbol in symbols]
    wanted = sum(abs(aim - start) for aim, start in zip(aims, starts, strict=True))
    most = float(policy.max_turnover_fraction)
    part = most / wanted if wanted > most else 1.0
    weights = {
        symbol: on_grid(start + part * (aim - start))
        for symbol, aim, start in zip(symbols, aims, starts, strict=True)
    }
    return Allocation(
        policy.method,
        MappingProxyType({symbol: weights[symbol] for symbol in returns.symbols}),
        sum((abs(weights[symbol] - before[symbol]) for symbol in symbols), ZERO).quantize(WEIGHT_STEP),
        len(values),
        fallback,
        partial=part < 1.0,
    )


def _demand_usable(symbols: list[Symbol], values: NDArray[np.float64]) -> None:
    import numpy as np

    least = max(FEWEST_RETURNS, len(symbols) + 1)
    if len(values) < least:
        raise DataError(
            f"{len(values)} returns are too few for {len(symbols)} symbols",
            fix=f"Have a history of at least {least + 1} bars that all symbols share",
        )
    for symbol, column in zip(symbols, values.T, strict=True):
        if not np.isfinite(column).all():
            raise DataError(f"a return of {symbol} is not a finite number", fix="Mend its candles")
        if not np.ptp(column) > 0.0:
            raise DataError(f"the price of {symbol} never moves", fix="Leave it out, or mend its candles")


def _shares(
    symbols: list[Symbol],
    values: NDArray[np.float64],
    policy: AllocationPolicy,
    before: Mapping[Symbol, Decimal],
) -> list[float]:
    """Each symbol's part of what is invested. Raises DataError when the method finds none."""
    import numpy as np

    from portfolio.allocation_methods import shrunk_covariance, solve

    covariance = shrunk_covariance(values)
    deviations = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviations, deviations)
    if np.linalg.eigvalsh(correlation)[0] < _SINGULAR:
        np.fill_diagonal(correlation, -1.0)
        one, other = np.unravel_index(int(np.argmax(correlation)), correlation.shape)
        raise DataError(
            f"the covariance is singular: {symbols[one]} and {symbols[other]} move as one",
            fix="Leave one of them out",
        )
    starts = np.array([float(before[symbol] / policy.invested_fraction) for symbol in symbols])
    found = np.maximum(solve(values, policy, starts), 0.0)
    total = float(found.sum())
    if not (np.isfinite(found).all() and total > 0.0):
        raise DataError(f"{policy.method} found no weights", fix="Choose another method")
    shares: list[float] = (found / max(total, 1.0)).tolist()
    return shares
