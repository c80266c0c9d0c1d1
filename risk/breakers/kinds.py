"""Every breaker there is: its level, its measure and the measure's unit. Higher is always worse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from domain.breakers import Level


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of breaker. `scope` says what there is one of it for; empty: one for all.

    `recovers` marks those that watch a curve (equity, paper profit) and step back up as `recovery` tells.
    """

    level: Level
    scope: str
    unit: str
    says: str
    recovers: bool = False

    def tell(self, value: float) -> str:
        """A measure as people read it: a fraction of 0.031 is 3.10 %."""
        if self.unit.startswith("fraction"):
            return f"{value * 100:.2f} %{self.unit.removeprefix('fraction')}"
        return f"{value:.4g} {self.unit}"

    def compare(self, value: float, limit: float) -> str:
        """A measure and the limit it reached."""
        told = self.tell(limit) if self.unit.startswith("fraction") else f"{limit:.4g}"
        return f"{self.tell(value)}, the limit is {told}"


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "strategy_loss": Kind(
            Level.STRATEGY, "strategy", "fraction", "fall of its paper profit from its high", recovers=True
        ),
        "strategy_streak": Kind(Level.STRATEGY, "strategy", "trades", "losing paper trades in a row"),
        "strategy_errors": Kind(
            Level.STRATEGY, "strategy", "fraction", "share of its latest answers on which it broke"
        ),
        "drawdown": Kind(
            Level.PORTFOLIO,
            "",
            "fraction",
            "fall of equity from its high since this last closed",
            recovers=True,
        ),
        "equity_volatility": Kind(
            Level.PORTFOLIO, "", "fraction per day", "volatility of equity over the last day"
        ),
        "venue_errors": Kind(Level.SYSTEM, "", "orders", "orders refused or unanswered by the venue lately"),
        "reconcile_mismatch": Kind(
            Level.SYSTEM, "", "differences", "differences between books and venue that nobody can explain"
        ),
        "latency": Kind(Level.SYSTEM, "", "seconds", "the usual time from sending an order to its answer"),
        "data_quality": Kind(Level.SYSTEM, "symbol", "bars", "bars since the last one that could be trusted"),
        "stale_feed": Kind(Level.SYSTEM, "symbol", "seconds", "age of the newest price"),
        "model_outage": Kind(
            Level.SYSTEM, "", "fraction", "share of the latest model calls without an answer"
        ),
        "disk_full": Kind(Level.SYSTEM, "", "times", "disk room that is needed, over what is free"),
        "slow_journal": Kind(Level.SYSTEM, "", "seconds", "the longest the journal lately took to write"),
        "clock_skew": Kind(
            Level.SYSTEM, "", "seconds", "how far this machine's clock drifted from the venue's"
        ),
        "order_rate": Kind(
            Level.SYSTEM, "", "usual deviations", "orders sent in a bar, against the usual number"
        ),
        "slippage": Kind(
            Level.SYSTEM, "", "allowances", "fills worse than expected, added up (one-sided CUSUM)"
        ),
        "volatility_spike": Kind(
            Level.MARKET, "symbol", "usual moves", "size of the latest moves, against the usual one"
        ),
        "price_gap": Kind(
            Level.MARKET, "symbol", "fraction", "jump from the last close to the next price traded"
        ),
        "spread_blowout": Kind(Level.MARKET, "symbol", "times", "spread, over its limit"),
        "depeg": Kind(Level.MARKET, "symbol or *", "fraction", "distance of a stable coin from its peg"),
        "volume_collapse": Kind(
            Level.MARKET, "symbol", "fraction", "part of the usual volume that is missing"
        ),
    }
)
"""By name, in the order in which they are shown."""
