"""The settings of sizing: which stages run, and their parameters, each with its unit in its name."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from app.section import Section
from domain.errors import ConfigError
from portfolio.sizing import SizingPolicy

_DEFAULT = SizingPolicy()
_Number = Annotated[float, Field(allow_inf_nan=False)]


class SizingSection(Section):
    """See portfolio/sizing.py, which knows what each of them means and may be. No stages: no sizing."""

    stages: tuple[str, ...] = _DEFAULT.stages
    volatility_target_annual_fraction: _Number = _DEFAULT.volatility_target_annual_fraction
    volatility_span_bars: int = _DEFAULT.volatility_span_bars
    volatility_max_scale_ratio: _Number = _DEFAULT.volatility_max_scale_ratio
    risk_per_trade_equity_fraction: _Number = _DEFAULT.risk_per_trade_equity_fraction
    kelly_fraction: _Number = _DEFAULT.kelly_fraction
    kelly_min_record_count: int = _DEFAULT.kelly_min_record_count
    kelly_prior_count: int = _DEFAULT.kelly_prior_count
    kelly_unproven_trust_fraction: _Number = _DEFAULT.kelly_unproven_trust_fraction
    kelly_payoff_ratio: _Number = _DEFAULT.kelly_payoff_ratio
    correlation_window_bars: int = _DEFAULT.correlation_window_bars
    correlation_floor_ratio: _Number = _DEFAULT.correlation_floor_ratio
    liquidity_day_volume_fraction: _Number = _DEFAULT.liquidity_day_volume_fraction
    drawdown_start_fraction: _Number = _DEFAULT.drawdown_start_fraction
    drawdown_end_fraction: _Number = _DEFAULT.drawdown_end_fraction
    drawdown_floor_ratio: _Number = _DEFAULT.drawdown_floor_ratio
    drawdown_shape: Literal["linear", "convex"] = "linear"
    sentiment_max_change_fraction: _Number = _DEFAULT.sentiment_max_change_fraction

    @model_validator(mode="before")
    @classmethod
    def _split(cls, told: object) -> object:
        """Stages may be written as text: the environment has no lists."""
        if isinstance(told, dict) and isinstance(told.get("stages"), str):
            names = tuple(part.strip() for part in told["stages"].split(",") if part.strip())
            return {**told, "stages": names}
        return told

    @model_validator(mode="after")
    def _sensible(self) -> SizingSection:
        try:
            self.policy()
        except ConfigError as error:
            raise ValueError(f"{error.message}; {error.fix}") from None
        return self

    def policy(self) -> SizingPolicy:
        return SizingPolicy(**dict(self))
