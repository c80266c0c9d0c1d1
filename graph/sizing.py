"""What the sizing stages may know, gathered for all symbols of a cycle: from the tape and the books alone.

Only what the configured stages read is worked out. Everything here is a function of the snapshot, the history
before it and the portfolio, so a run after a crash sizes as the run before it would have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from math import sqrt
from typing import TYPE_CHECKING, Final

from domain.clock import to_ns
from domain.market import MarketSnapshot
from domain.money import ZERO, Symbol
from domain.opinions import Opinion
from graph.proposal import Wanted
from portfolio.portfolio import Portfolio
from portfolio.sizing import Sized, Sizing, SizingFacts, SizingPolicy, TrackRecord

if TYPE_CHECKING:
    from market.feed import Feed

SENTIMENT_SOURCE: Final = "sentiment_analyst"
"""Whose opinion is the sentiment of a symbol: its stance times its confidence."""

_DAY_NS: Final = 86_400 * 1_000_000_000

Judged = Callable[[str], TrackRecord | None]
"""The judged opinions of a source; None when it has no record."""


def no_record(source: str) -> TrackRecord | None:
    """What is known of every source until somebody keeps a record."""
    return None


def volatility_feature(policy: SizingPolicy) -> str:
    """The feature that the volatility target reads."""
    return f"ewma_vol({policy.volatility_span_bars})"


def sizing_features(policy: SizingPolicy) -> tuple[str, ...]:
    """What the feature engine has to compute for these stages."""
    return (volatility_feature(policy),) if "volatility_target" in policy.stages else ()


class Sizer:
    """Sizes the weights of one cycle, all at once: see `graph.proposal.Sizer`."""

    def __init__(
        self,
        sizing: Sizing,
        *,
        snapshot: MarketSnapshot,
        feed: Feed,
        portfolio: Portfolio,
        max_weight: float,
        judged: Judged = no_record,
    ) -> None:
        self._sizing = sizing
        self._snapshot = snapshot
        self._feed = feed
        self._portfolio = portfolio
        self._max_weight = max_weight
        self._judged = judged

    def __call__(self, wanted: Sequence[Wanted]) -> tuple[Sized, ...]:
        policy = self._sizing.policy
        stages = policy.stages
        equity, peak = float(self._portfolio.equity), float(self._portfolio.peak_equity)
        drawdown = max(0.0, 1.0 - equity / peak) if peak > 0.0 else None
        feature = volatility_feature(policy)
        views = self._snapshot.views
        together = self._diversification(wanted) if "correlation" in stages else {}
        sized = []
        for want in wanted:
            symbol = want.symbol
            facts = SizingFacts(
                symbol,
                self._max_weight,
                float(want.held),
                want.stance,
                want.conviction,
                equity,
                None if want.stop is None else float((want.last - want.stop) / want.last),
                views[symbol].features.get(feature),
                together.get(symbol),
                drawdown,
                self._day_volume(symbol) if "liquidity" in stages else None,
                _sentiment(want.opinions) if "sentiment" in stages else None,
                self._record(want.opinions) if "kelly" in stages else None,
            )
            sized.append(self._sizing.size(want.weight, facts))
        return tuple(sized)

    def _record(self, opinions: Sequence[Opinion]) -> TrackRecord | None:
        """The records of all who argue for the position, added up."""
        found = [self._judged(opinion.source) for opinion in opinions if opinion.stance > 0.0]
        known = [record for record in found if record is not None]
        if not known:
            return None
        return TrackRecord(sum(record.count for record in known), sum(record.wins for record in known))

    def _day_volume(self, symbol: Symbol) -> float | None:
        """What was traded in the 24 hours before the snapshot, at closing prices; None without a bar."""
        as_of = self._snapshot.as_of
        most = max(1, 86_400 // self._feed.timeframe.seconds)
        bars = self._feed.history(symbol, as_of, most)
        recent = bars.close_ns > to_ns(as_of) - _DAY_NS
        return float((bars.close * bars.volume)[recent].sum()) if recent.any() else None

    def _diversification(self, wanted: Sequence[Wanted]) -> Mapping[Symbol, float]:
        """For each symbol of known correlation, the ratio of the whole book that is wanted or kept."""
        weights = {want.symbol: float(want.weight) for want in wanted}
        equity = self._portfolio.equity
        for symbol, quantity, price in self._portfolio.held():
            if symbol not in weights and equity > ZERO:
                weights[symbol] = float(quantity * price / equity)
        return diversification(self._feed, weights, self._snapshot.as_of, self._sizing.policy)


def diversification(
    feed: Feed, weights: Mapping[Symbol, float], as_of: datetime, policy: SizingPolicy
) -> Mapping[Symbol, float]:
    """sqrt(sum r_i^2) / sqrt(r' rho r), with r_i the weight times the volatility of symbol i.

    One for a single symbol or independent ones, 1 / sqrt(n) for n equal ones that move as one. Measured over
    the bars that all symbols share; a symbol with less history than the window is left out.
    """
    import numpy as np

    window = policy.correlation_window_bars
    found = {symbol: feed.history(symbol, as_of, window + 1) for symbol in sorted(weights)}
    whole = {symbol: bars for symbol, bars in found.items() if len(bars) > window}
    if not whole:
        return {}
    stamps = [bars.close_ns for bars in whole.values()]
    closes = [bars.close for bars in whole.values()]
    if any(not np.array_equal(stamps[0], other) for other in stamps[1:]):
        shared = reduce(np.intersect1d, stamps)
        closes = [close[np.isin(stamp, shared)] for stamp, close in zip(stamps, closes, strict=True)]
    moves = np.diff(np.log(np.array(closes)), axis=1)
    if moves.shape[1] < window // 2:
        return {}
    sizes = np.array([weights[symbol] for symbol in whole])
    scaled = (moves - moves.mean(axis=1, keepdims=True)) * sizes[:, None]
    # The variance of a sum is the sum of all covariances, so no matrix is needed.
    alone, together = float((scaled**2).sum()), float((scaled.sum(axis=0) ** 2).sum())
    if not (alone > 0.0 and together > 0.0):
        return {}
    ratio = sqrt(alone / together)
    return dict.fromkeys(whole, ratio)


def _sentiment(opinions: Sequence[Opinion]) -> float:
    """In [-1, 1]; zero when the sentiment analyst has no view."""
    for opinion in opinions:
        if opinion.source == SENTIMENT_SOURCE:
            return opinion.stance * opinion.confidence
    return 0.0
