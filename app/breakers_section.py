"""The settings of the circuit breakers, and the rules they come to. docs/breakers.md tells what each does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Final

from pydantic import Field, model_validator

from app.section import Section
from domain.money import ONE, ZERO
from risk.breakers.kinds import KINDS
from risk.breakers.observation import BreakerRule

_Part = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
_Ratio = Annotated[float, Field(gt=1, le=1_000, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=1, le=1_000)]
_Seconds = Annotated[int, Field(ge=1, le=366 * 86_400)]
_Sizes = Annotated[tuple[Decimal, ...], Field(min_length=1, max_length=10)]


class BreakersSection(Section):
    """When each breaker opens, how long it waits, and how much evidence lets size back in.

    Fractions are of 1. A `_wait_seconds` doubles with every relapse, up to its `_max_wait_seconds`.
    """

    probation_size_fraction: Annotated[Decimal, Field(gt=0, lt=1)] = Decimal("0.25")
    recovery_size_fractions: _Sizes = (Decimal("0.25"), Decimal("0.5"), Decimal("0.75"))

    drawdown_fraction: _Part = 0.10
    drawdown_relapse_fraction: _Part = 0.03
    drawdown_good_days_count: _Count = 3
    equity_volatility_daily_fraction: _Part = 0.06
    portfolio_wait_seconds: _Seconds = 86_400
    portfolio_max_wait_seconds: _Seconds = 8 * 86_400
    portfolio_good_bars_count: _Count = 8

    strategy_loss_fraction: _Part = 0.35
    strategy_relapse_fraction: _Part = 0.10
    strategy_good_days_count: _Count = 3
    strategy_streak_count: _Count = 25
    strategy_good_trades_count: _Count = 3
    strategy_error_fraction: _Part = 0.5
    strategy_error_window_count: _Count = 20
    strategy_cost_fraction: Annotated[float, Field(ge=0, lt=0.1, allow_inf_nan=False)] = 0.001
    strategy_wait_seconds: _Seconds = 86_400
    strategy_max_wait_seconds: _Seconds = 16 * 86_400

    volatility_ratio: _Ratio = 5.0
    calm_volatility_daily_fraction: _Part = 0.025
    price_gap_fraction: _Part = 0.03
    spread_fraction: _Part = 0.01
    spread_ratio: _Ratio = 8.0
    depeg_fraction: _Part = 0.01
    volume_missing_fraction: _Part = 0.95
    market_wait_seconds: _Seconds = 3_600
    market_max_wait_seconds: _Seconds = 86_400
    market_good_bars_count: _Count = 4

    venue_errors_count: _Count = 5
    venue_errors_window_seconds: _Seconds = 3_600
    reconcile_differences_count: _Count = 1
    answer_seconds: Annotated[float, Field(gt=0, le=600)] = 5.0
    missing_bars_count: _Count = 3
    price_age_seconds: _Seconds = 120
    model_failure_fraction: _Part = 0.8
    model_outage_size_fraction: Annotated[Decimal, Field(ge=0, lt=1)] = Decimal("0.5")
    free_disk_bytes: Annotated[int, Field(ge=1)] = 256 * 1024 * 1024
    journal_seconds: Annotated[float, Field(gt=0, le=600)] = 2.0
    clock_skew_seconds: Annotated[float, Field(gt=0, le=600)] = 2.0
    order_rate_deviations_ratio: _Ratio = 12.0
    slippage_allowance_fraction: _Part = 0.005
    slippage_sum_ratio: _Ratio = 6.0
    system_wait_seconds: _Seconds = 900
    system_max_wait_seconds: _Seconds = 21_600
    system_good_count: _Count = 4

    same_answers_fraction: _Part = 0.86
    same_answers_window_count: Annotated[int, Field(ge=10, le=1_000)] = 50
    equity_jump_deviations_ratio: _Ratio = 20.0

    @model_validator(mode="after")
    def _makes_sense(self) -> BreakersSection:
        sizes = (ZERO, *self.recovery_size_fractions, ONE)
        if any(one >= larger for one, larger in pairwise(sizes)):
            raise ValueError("recovery_size_fractions must rise between 0 and 1, as 0.25, 0.5, 0.75 do")
        for level in ("portfolio", "strategy", "market", "system"):
            if getattr(self, f"{level}_wait_seconds") > getattr(self, f"{level}_max_wait_seconds"):
                raise ValueError(f"{level}_wait_seconds is above {level}_max_wait_seconds")
        return self

    def relapses(self) -> Mapping[str, float]:
        """How far a curve that recovers may fall again, as a fraction of where its step began."""
        return {"drawdown": self.drawdown_relapse_fraction, "strategy_loss": self.strategy_relapse_fraction}

    def rules(self) -> Mapping[str, BreakerRule]:
        """A rule for every breaker there is."""
        return {name: self._rule(name) for name in KINDS}

    def _rule(self, name: str) -> BreakerRule:
        level = KINDS[name].level.value
        setting, good_part, good = _OF[name]
        trip = float(getattr(self, setting)) if setting else 1.0
        return BreakerRule(
            trip=trip,
            clear=trip * good_part,
            good_count=getattr(self, good or f"{level}_good_bars_count"),
            wait=timedelta(seconds=getattr(self, f"{level}_wait_seconds")),
            max_wait=timedelta(seconds=getattr(self, f"{level}_max_wait_seconds")),
            probation=self._sizes(name),
            open_size=self.model_outage_size_fraction if name == "model_outage" else ZERO,
        )

    def _sizes(self, name: str) -> tuple[Decimal, ...]:
        if KINDS[name].recovers:
            return self.recovery_size_fractions
        if name == "model_outage":
            return ((ONE + self.model_outage_size_fraction) / 2,)
        return (self.probation_size_fraction,)


_OF: Final[Mapping[str, tuple[str, float, str]]] = {
    "strategy_loss": ("strategy_loss_fraction", 0.0, "strategy_good_days_count"),
    "strategy_streak": ("strategy_streak_count", 0.0, "strategy_good_trades_count"),
    "strategy_errors": ("strategy_error_fraction", 0.2, "strategy_good_trades_count"),
    "drawdown": ("drawdown_fraction", 0.0, "drawdown_good_days_count"),
    "equity_volatility": ("equity_volatility_daily_fraction", 0.7, ""),
    "venue_errors": ("venue_errors_count", 0.2, "system_good_count"),
    "reconcile_mismatch": ("reconcile_differences_count", 0.0, "system_good_count"),
    "latency": ("answer_seconds", 0.5, "system_good_count"),
    "data_quality": ("missing_bars_count", 0.0, "system_good_count"),
    "stale_feed": ("price_age_seconds", 0.5, "system_good_count"),
    "model_outage": ("model_failure_fraction", 0.5, "system_good_count"),
    "disk_full": ("", 0.9, "system_good_count"),
    "slow_journal": ("journal_seconds", 0.5, "system_good_count"),
    "clock_skew": ("clock_skew_seconds", 0.5, "system_good_count"),
    "order_rate": ("order_rate_deviations_ratio", 0.5, "system_good_count"),
    "slippage": ("slippage_sum_ratio", 0.5, "system_good_count"),
    "volatility_spike": ("volatility_ratio", 0.6, ""),
    "price_gap": ("price_gap_fraction", 0.5, ""),
    "spread_blowout": ("", 0.5, ""),
    "depeg": ("depeg_fraction", 0.5, ""),
    "volume_collapse": ("volume_missing_fraction", 0.85, ""),
}
"""For each breaker: the setting it opens at (none: 1), which part of that is good, and how much evidence."""
