"""Breakout: a close beyond the range of the bars before it."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from domain.market import SymbolView
from domain.opinions import Abstention, View
from strategies.base import Parameters, below, opinion, warm


class BreakoutParameters(Parameters):
    """`length` is the channel in bars. The close must stand in the outer `zone` of it to have a view.

    `calm` is the ATR (as a fraction of price) up to which volatility costs no confidence.
    """

    length: int = Field(default=20, ge=2, le=500)
    zone: float = Field(default=0.2, gt=0, lt=0.5)
    atr: int = Field(default=14, ge=2, le=500)
    calm: float = Field(default=0.02, gt=0, le=1)
    stop_atr: float = Field(default=3.0, gt=0, le=20)
    horizon_bars: int = Field(default=24, ge=1, le=10_000)


class Breakout:
    """Bullish near the top of the Donchian channel, bearish near its bottom; less sure when it is wild."""

    name = "breakout"

    def __init__(self, parameters: BreakoutParameters | None = None) -> None:
        self.parameters = parameters or BreakoutParameters()
        self._high = f"donchian_high({self.parameters.length})"
        self._low = f"donchian_low({self.parameters.length})"
        self._atr = f"atr({self.parameters.atr})"
        self.features = (self._high, self._low, self._atr)

    def opine(self, view: SymbolView) -> View:
        values = warm(view, self.features)
        if isinstance(values, str):
            return Abstention(self.name, view.symbol, values)
        high, low, atr = (values[name] for name in self.features)
        if high <= low:
            return Abstention(self.name, view.symbol, "the channel has no height")
        close = float(view.candle.close)
        place = (close - low) / (high - low)
        zone = self.parameters.zone
        if zone < place < 1.0 - zone:
            return Abstention(self.name, view.symbol, f"the close stands at {place:.0%} of the channel")
        bullish = place >= 1.0 - zone
        depth = (place - (1.0 - zone)) / zone if bullish else (zone - place) / zone
        wildness = max(1.0, atr / close / self.parameters.calm)
        return opinion(
            self,
            view,
            stance=1.0 if bullish else -1.0,
            confidence=(0.4 + 0.5 * min(1.0, depth)) / wildness,
            horizon=timedelta(seconds=view.candle.timeframe.seconds * self.parameters.horizon_bars),
            rationale=f"the close stands at {place:.0%} of the {self.parameters.length}-bar channel",
            invalidation=below(view, self.parameters.stop_atr * atr) if bullish else None,
        )
