"""Trend following by two exponential moving averages."""

from __future__ import annotations

from datetime import timedelta
from math import tanh

from pydantic import Field, model_validator

from domain.market import SymbolView
from domain.opinions import Abstention, View
from strategies.base import Parameters, below, opinion, warm


class MaCrossoverParameters(Parameters):
    """`fast` and `slow` are lengths in bars; `full_atr` is the gap, in ATRs, of nearly full conviction.

    The stop lies `stop_atr` ATRs under the close.
    """

    fast: int = Field(default=12, ge=2, le=500)
    slow: int = Field(default=26, ge=3, le=1000)
    atr: int = Field(default=14, ge=2, le=500)
    full_atr: float = Field(default=0.75, gt=0, le=20)
    stop_atr: float = Field(default=3.0, gt=0, le=20)
    horizon_bars: int = Field(default=24, ge=1, le=10_000)

    @model_validator(mode="after")
    def _fast_is_faster(self) -> MaCrossoverParameters:
        if self.fast >= self.slow:
            raise ValueError(f"fast {self.fast} is not shorter than slow {self.slow}")
        return self


class MaCrossover:
    """Long while the fast average is above the slow one; surer the wider the gap is in ATRs."""

    name = "ma_crossover"

    def __init__(self, parameters: MaCrossoverParameters | None = None) -> None:
        self.parameters = parameters or MaCrossoverParameters()
        self._fast = f"ema({self.parameters.fast})"
        self._slow = f"ema({self.parameters.slow})"
        self._atr = f"atr({self.parameters.atr})"
        self.features = (self._fast, self._slow, self._atr)

    def opine(self, view: SymbolView) -> View:
        values = warm(view, self.features)
        if isinstance(values, str):
            return Abstention(self.name, view.symbol, values)
        fast, slow, atr = (values[name] for name in self.features)
        if atr <= 0.0:
            return Abstention(self.name, view.symbol, "the market does not move: ATR is zero")
        gap = (fast - slow) / atr
        strength = tanh(abs(gap) / self.parameters.full_atr)
        return opinion(
            self,
            view,
            stance=1.0 if gap > 0.0 else -1.0 if gap < 0.0 else 0.0,
            confidence=0.3 + 0.6 * strength,
            horizon=timedelta(seconds=view.candle.timeframe.seconds * self.parameters.horizon_bars),
            rationale=f"{self._fast} {fast:.6g} vs {self._slow} {slow:.6g}: {gap:+.2f} ATR",
            invalidation=below(view, self.parameters.stop_atr * atr),
        )
