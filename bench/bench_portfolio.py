"""Sizing a cycle and allocating across many assets: what the portfolio room may cost.

Allocation is measured from returns to weights, shrinkage and checks included, with the optimiser loaded: 672
bars, which is a week of quarter hours. Sizing is measured as a cycle does it: facts gathered for three
symbols from a warm simulated market, then the default stages, and once with every stage there is.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Final

from bench.result import Context, Result, alone

if TYPE_CHECKING:
    from portfolio.sizing import SizingPolicy

SYMBOLS: Final = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
ROUNDS: Final = 400
SIZING_US: Final = 50.0
ASSETS: Final = 50
BARS: Final = 672
TRIES: Final = 9
HRP_MS: Final = 100.0


def run(context: Context) -> list[Result]:
    """Milliseconds of each method of allocation on 50 assets, microseconds of sizing three symbols."""
    from portfolio.allocation import METHODS
    from portfolio.sizing import STAGES, SizingPolicy

    allocated = [
        alone(
            f"portfolio_{method}_50", _allocating(method), "ms", at_most=HRP_MS if method == "hrp" else None
        )
        for method in METHODS
    ]
    return [
        *allocated,
        alone("portfolio_sizing_cycle", _sizing(SizingPolicy()), "us", at_most=SIZING_US),
        alone("portfolio_sizing_all_stages", _sizing(SizingPolicy(stages=STAGES)), "us"),
    ]


def _allocating(method: str) -> float:
    import numpy as np

    from domain.money import Symbol
    from portfolio.allocation import AllocationPolicy, Returns, allocate

    random = np.random.default_rng(50)
    market = random.normal(0, 0.003, (BARS, 1)) * random.uniform(0.4, 1.6, ASSETS)
    own = random.normal(0, 0.003, (BARS, ASSETS)) * random.uniform(0.4, 2.0, ASSETS)
    returns = Returns(tuple(Symbol(f"C{number:02d}/USDT") for number in range(ASSETS)), market + own)
    policy = AllocationPolicy(method=method)
    allocate(returns, policy)  # loads the optimiser
    seconds = []
    for _ in range(TRIES):
        began = perf_counter()
        allocate(returns, policy)
        seconds.append(perf_counter() - began)
    return median(seconds) * 1e3


def _sizing(policy: SizingPolicy) -> float:
    from app.bootstrap import SYNTHETIC_START
    from domain.market import Timeframe
    from domain.money import Currency, Money, Price, Symbol
    from domain.opinions import Opinion
    from graph.proposal import Wanted
    from graph.sizing import Sizer, sizing_features
    from market.features import FeatureEngine
    from market.snapshot import SnapshotBuilder
    from portfolio.portfolio import Portfolio
    from portfolio.sizing import Sizing
    from simulator.synthetic import SyntheticFeed

    symbols = tuple(Symbol(name) for name in SYMBOLS)
    feed = SyntheticFeed(seed=5, symbols=symbols, timeframe=Timeframe.M15, start=SYNTHETIC_START)
    at = feed.advance()
    if at is None:
        raise ValueError("the simulated market has no bar")
    features = FeatureEngine(feed, sizing_features(policy))
    snapshot = SnapshotBuilder(feed, features, timedelta(hours=1)).freeze(at, at)
    portfolio = Portfolio(Money(Decimal(10_000), Currency("USDT")), feed.instruments)
    wanted = tuple(
        Wanted(
            symbol, 0.7, 0.6, Decimal("0.1050"), Decimal(0), (last := snapshot.views[symbol].quote.last),
            Price(last * Decimal("0.96")),
            tuple(Opinion(name, symbol, 0.7, 0.6, timedelta(hours=4), "why") for name in ("a", "b", "c")),
        )
        for symbol in symbols
    )  # fmt: skip
    sizing = Sizing(policy)
    seconds = []
    for _ in range(ROUNDS):
        began = perf_counter()
        Sizer(sizing, snapshot=snapshot, feed=feed, portfolio=portfolio, max_weight=0.25)(wanted)
        seconds.append(perf_counter() - began)
    return median(seconds) * 1e6
