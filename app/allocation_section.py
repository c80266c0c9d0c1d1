"""The settings of allocation: whether the desk has base weights, how they are found and when it goes back."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from app.section import Section
from domain.errors import ConfigError
from portfolio.allocation import AllocationPolicy
from portfolio.rebalancing import RebalancePolicy

if TYPE_CHECKING:
    from graph.allocating import Allocator
    from market.feed import Feed

_Number = Annotated[Decimal, Field(allow_inf_nan=False)]


class AllocationSection(Section):
    """Off: opinions alone decide. See portfolio/allocation.py and portfolio/rebalancing.py for the rest."""

    mode: Literal["off", "tilt", "rebalance"] = "off"
    method: Literal["equal", "inverse_volatility", "risk_parity", "hrp", "min_variance", "mean_cvar"] = "hrp"
    lookback_bars: Annotated[int, Field(ge=30, le=5_000)] = 672
    invested_fraction: _Number = Decimal("0.75")
    max_weight_fraction: _Number = Decimal("0.30")
    tilt_ratio: Annotated[_Number, Field(ge=0, le=1)] = Decimal(1)
    every_bars: int = 672
    drift_fraction: _Number = Decimal("0.05")
    min_trade_fraction: _Number = Decimal("0.005")
    max_turnover_fraction: _Number = Decimal(2)
    cost_fraction: _Number = Decimal("0.001")
    risk_aversion: _Number = Decimal(1)
    on_bad_data: Literal["refuse", "equal"] = "refuse"

    @model_validator(mode="after")
    def _sensible(self) -> AllocationSection:
        try:
            self.allocation(self.method)
            self.rebalance()
        except ConfigError as error:
            raise ValueError(f"{error.message}; {error.fix}") from None
        return self

    def allocation(self, method: str) -> AllocationPolicy:
        """How weights are found by `method`. Raises ConfigError for one that does not exist."""
        return AllocationPolicy(
            method=method,
            invested_fraction=self.invested_fraction,
            max_weight_fraction=self.max_weight_fraction,
            cost_fraction=self.cost_fraction,
            cost_horizon_bars=max(1, self.every_bars),
            max_turnover_fraction=self.max_turnover_fraction,
            risk_aversion=self.risk_aversion,
            on_bad_data=self.on_bad_data,
        )

    def rebalance(self) -> RebalancePolicy:
        """When to go back to the base weights."""
        return RebalancePolicy(self.every_bars, self.drift_fraction, self.min_trade_fraction)

    def allocator(self, feed: Feed) -> Allocator | None:
        """Who keeps the base weights of a session; None when it is off.

        Loads the optimiser now: that takes seconds, which a running desk does not have.
        """
        if self.mode == "off":
            return None
        if self.method != "equal":
            import portfolio.allocation_methods  # noqa: F401
        from graph.allocating import AllocatingPolicy, Allocator

        policy = AllocatingPolicy(
            mode=self.mode,
            allocation=self.allocation(self.method),
            rebalance=self.rebalance(),
            lookback_bars=self.lookback_bars,
            tilt_ratio=self.tilt_ratio,
        )
        return Allocator(policy, feed)
