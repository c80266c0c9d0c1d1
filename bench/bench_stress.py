"""How long stressing a book takes: 10,000 drawn days of twenty assets, all named shocks, and VaR.

There is no peer to measure against: the goals are absolute. Times are medians over runs in one process.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from typing import Final

import numpy as np

from bench.result import Context, Result, alone
from risk.measures.coverage import coverage
from risk.measures.relations import contributions, correlation
from risk.measures.returns import Returns
from risk.measures.tail import METHODS
from risk.stress.drawn import SCENARIOS as DAYS
from risk.stress.drawn import draw
from risk.stress.scenarios import SCENARIOS, loss

ASSETS: Final = 20
RUNS: Final = 25
OBSERVATIONS: Final = 2_000
GOAL_DRAWN_MS: Final = 50.0


def median_ms(work: Callable[[], object], runs: int = RUNS) -> float:
    """The median time of one call in milliseconds; the first call, which warms up, does not count."""
    work()
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def book() -> Returns:
    """Returns of twenty assets with a common factor, the same on every machine."""
    random = np.random.Generator(np.random.PCG64(1))
    common = random.standard_t(4, OBSERVATIONS)[:, None] * 0.02
    own = random.standard_t(4, (OBSERVATIONS, ASSETS)) * 0.015
    values = np.maximum(common + own, -0.9)
    return Returns(tuple(f"A{number:02d}" for number in range(ASSETS)), values, 86_400)


def run(context: Context | None = None) -> list[Result]:
    """Drawn days, named shocks, and the measures of a twenty-asset book."""
    returns = book()
    values = np.linspace(100.0, 2_000.0, ASSETS)
    volatility, correlations = returns.values.std(axis=0), correlation(returns)
    drawn = draw(values, volatility, correlations)
    if len(drawn.losses) != DAYS or not np.isfinite(drawn.losses).all():
        raise ValueError(f"{DAYS} losses were asked for")
    weights = {
        asset: float(value / values.sum()) for asset, value in zip(returns.assets, values, strict=True)
    }
    held = {
        asset: Decimal(round(value, 2)) for asset, value in zip(returns.assets, values.tolist(), strict=True)
    }
    column = returns.of_book(weights)
    return [
        alone(
            "stress", median_ms(lambda: draw(values, volatility, correlations)), "ms", at_most=GOAL_DRAWN_MS
        ),
        alone("stress_named", median_ms(lambda: [loss(each, held) for each in SCENARIOS]), "ms"),
        alone(
            "stress_var_three_methods",
            median_ms(lambda: [method(column, 0.99) for method in METHODS.values()]),
            "ms",
        ),
        alone(
            "stress_var_backtest",
            median_ms(lambda: [coverage(column, 0.99, name) for name in METHODS], 5),
            "ms",
        ),
        alone("stress_contributions", median_ms(lambda: contributions(returns, weights, 0.99)), "ms"),
    ]


if __name__ == "__main__":
    json.dump([asdict(result) for result in run()], sys.stdout, indent=2)
    print()
