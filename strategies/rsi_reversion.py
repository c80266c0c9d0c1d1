"""Mean reversion by Wilder's relative strength index."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, model_validator

from domain.market import SymbolView
from domain.opinions import Abstention, View
from strategies.base import Parameters, below, opinion, warm


class RsiReversionParameters(Parameters):
    """`oversold` and `overbought` are RSI levels in (0, 100); the stop is `stop_atr` ATRs below the close."""

    length: int = Field(default=14, ge=2, le=500)
    oversold: float = Field(default=30.0, gt=0, lt=100)
    overbought: float = Field(default=70.0, gt=0, lt=100)
    atr: int = Field(default=14, ge=2, le=500)
    stop_atr: float = Field(default=2.5, gt=0, le=20)
    horizon_bars: int = Field(default=12, ge=1, le=10_000)

    @model_validator(mode="after")
    def _levels_in_order(self) -> RsiReversionParameters:
        if self.oversold >= self.overbought:
            raise ValueError(f"oversold {self.oversold} is not below overbought {self.overbought}")
        return self


class RsiReversion:
    """Bullish when oversold, bearish when overbought, in proportion to how far; no view in between."""

    name = "rsi_reversion"

    def __init__(self, parameters: RsiReversionParameters | None = None) -> None:
        self.parameters = parameters or RsiReversionParameters()
        self._rsi = f"rsi({self.parameters.length})"
        self._atr = f"atr({self.parameters.atr})"
        self.features = (self._rsi, self._atr)

    def opine(self, view: SymbolView) -> View:
        values = warm(view, self.features)
        if isinstance(values, str):
            return Abstention(self.name, view.symbol, values)
        rsi = values[self._rsi]
        low, high = self.parameters.oversold, self.parameters.overbought
        if low < rsi < high:
            return Abstention(self.name, view.symbol, f"RSI {rsi:.1f} is between {low:g} and {high:g}")
        bullish = rsi <= low
        excess = (low - rsi) / low if bullish else (rsi - high) / (100.0 - high)
        return opinion(
            self,
            view,
            stance=1.0 if bullish else -1.0,
            confidence=0.4 + 0.6 * min(1.0, excess),
            horizon=timedelta(seconds=view.candle.timeframe.seconds * self.parameters.horizon_bars),
            rationale=f"RSI {rsi:.1f} is {'oversold' if bullish else 'overbought'}",
            invalidation=below(view, self.parameters.stop_atr * values[self._atr]) if bullish else None,
        )
