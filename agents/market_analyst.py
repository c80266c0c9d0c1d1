"""The market analyst: trend, momentum, stretch and strength, as one view per symbol."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Final

from agents.asking import DEFAULT_DEADLINE, Seat, by_id, evidence_lines, said
from agents.base import AgentReport, source_name
from agents.views import ViewsAnswer, in_short, opinions, wrong_at
from domain.instrument import Instrument
from domain.market import SymbolView
from domain.opinions import Abstention, Opinion, View
from llm.calls import Model
from tools.catalog import MARKET_ANALYST
from tools.context import ToolContext
from tools.market import BookArguments, CandlesArguments, SymbolArguments
from tools.registry import Registry, ToolResult

FAST, SLOW, ATR, RSI, ADX, ROC = "ema(12)", "ema(26)", "atr(14)", "rsi(14)", "adx(14)", "roc(24)"
STOP_IN_ATR: Final = 2.5
HORIZON_BARS: Final = 24

_SOURCE: Final = source_name(MARKET_ANALYST, "baseline")


class MarketAnalyst:
    """Asks its model once for all symbols; without one, or when it fails, the baseline speaks."""

    role: str = MARKET_ANALYST
    features: tuple[str, ...] = (FAST, SLOW, ATR, RSI, ADX, ROC)

    def __init__(
        self, *, tools: Registry, model: Model | None = None, deadline: float = DEFAULT_DEADLINE
    ) -> None:
        self._seat = Seat(self.role, tools=tools, model=model, deadline=deadline)

    async def consider(self, context: ToolContext) -> AgentReport:
        """One view per symbol of the snapshot. Never raises for a model's failure."""
        seat, snapshot = self._seat, context.snapshot
        seen = [
            seat.look("indicators", SymbolArguments(symbol=symbol), context) for symbol in snapshot.symbols
        ]
        fresh = tuple(symbol for symbol in snapshot.symbols if not snapshot.views[symbol].stale)
        if seat.model is None or not fresh:
            return self._baseline(context, seen)
        for symbol in fresh:
            for found in (
                seat.try_look("candles", CandlesArguments(symbol=symbol), context),
                seat.try_look("book", BookArguments(symbol=symbol), context),
            ):
                if found is not None:
                    seen.append(found)
        answer = await seat.ask(
            seat.model,
            ViewsAnswer,
            as_of=snapshot.as_of.isoformat(),
            timeframe=context.feed.timeframe.value,
            symbols=", ".join(fresh),
            evidence=evidence_lines(seen),
        )
        if answer.value is None:
            return seat.fell_back(answer.call, self._baseline(context, seen))
        evidence = by_id(seen)
        views = opinions(self.role, answer.value, fresh, evidence, snapshot, context.feed.instruments)
        stale = tuple(
            Abstention(source_name(self.role, "model"), symbol, "the data is stale")
            for symbol in snapshot.symbols
            if snapshot.views[symbol].stale
        )
        return AgentReport(
            role=self.role,
            views=views + stale,
            said=said(answer.value.summary),
            evidence=tuple(evidence.values()),
            calls=(answer.call,),
            source="model",
        )

    def _baseline(self, context: ToolContext, seen: list[ToolResult]) -> AgentReport:
        snapshot = context.snapshot
        ids = {
            result.evidence.symbol: result.evidence.evidence_id
            for result in seen
            if result.evidence.tool == "indicators"
        }
        views = tuple(
            baseline(view, context.feed.instruments[symbol], ids[symbol])
            for symbol, view in snapshot.views.items()
        )
        return AgentReport(
            role=self.role,
            views=views,
            said=in_short(views),
            evidence=tuple(by_id(seen).values()),
            calls=(),
            source="baseline",
        )


def baseline(view: SymbolView, instrument: Instrument, evidence_id: str) -> View:
    """A view from six indicators, or an abstention while one warms up or the data is stale.

    trend    tanh((EMA12 - EMA26) / ATR14)
    momentum tanh(ROC24 / (4.9 * ATR14 in percent of the close)); 4.9 is the square root of 24 bars
    stance   strength * (0.6 trend + 0.4 momentum) - stretch, with strength rising from 0.2 to 1 as ADX14 goes
             from 10 to 30, and stretch up to 0.5 against RSI14 beyond 75 or 25
    wrong at 2.5 ATR from the close
    """
    if view.stale:
        return Abstention(_SOURCE, view.symbol, "the data is stale")
    features = view.features
    missing = [name for name in MarketAnalyst.features if name not in features]
    if missing:
        return Abstention(_SOURCE, view.symbol, f"still warming up: {', '.join(missing)}")
    close, atr = float(view.candle.close), features[ATR]
    usual = 4.9 * 100.0 * atr / close
    if not (
        math.isfinite(usual)
        and usual > 0.0  # of the smallest floats nothing is left here
        and all(math.isfinite(features[one]) for one in MarketAnalyst.features)
    ):
        return Abstention(_SOURCE, view.symbol, "the price does not move")
    trend = math.tanh((features[FAST] - features[SLOW]) / atr)
    momentum = math.tanh(features[ROC] / usual)
    rsi, adx = features[RSI], features[ADX]
    strength = min(max((adx - 10.0) / 20.0, 0.2), 1.0)
    stretch = min(max(rsi - 75.0, 0.0), 25.0) / 50.0 - min(max(25.0 - rsi, 0.0), 25.0) / 50.0
    stance = min(max(strength * (0.6 * trend + 0.4 * momentum) - stretch, -1.0), 1.0)
    agree = 1.0 - abs(trend - momentum) / 2.0
    confidence = min(max(0.3 + 0.4 * strength * agree * abs(stance), 0.0), 1.0)
    wrong = (
        wrong_at(close - math.copysign(STOP_IN_ATR * atr, stance), stance, close, instrument)
        if stance
        else None
    )
    return Opinion(
        source=_SOURCE,
        symbol=view.symbol,
        stance=stance,
        confidence=confidence,
        horizon=timedelta(seconds=view.candle.timeframe.seconds * HORIZON_BARS),
        rationale=f"trend {trend:+.2f}, momentum {momentum:+.2f}, RSI {rsi:.0f}, ADX {adx:.0f}",
        evidence_ids=(evidence_id,),
        invalidation=wrong,
    )
