"""The sentiment analyst: what recent headlines mean, weighed by age, never obeyed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from agents.asking import DEFAULT_DEADLINE, Seat, by_id, evidence_lines, said
from agents.base import AgentReport, source_name
from agents.views import ViewsAnswer, in_short, opinions
from domain.money import Symbol
from domain.opinions import Abstention, Opinion, View
from llm.calls import Model
from tools.catalog import SENTIMENT_ANALYST
from tools.context import ToolContext
from tools.news import HeadlinesArguments
from tools.registry import Registry, ToolResult

HALF_LIFE_HOURS: Final = 6.0
HORIZON: Final = timedelta(hours=12)
MOST_CONFIDENT: Final = 0.7
"""Text from outside is weak evidence, whoever reads it: no sentiment view is surer than this."""

_SOURCE: Final = source_name(SENTIMENT_ANALYST, "baseline")
_MARKET_NEWS_WEIGHT: Final = 0.5


class SentimentAnalyst:
    """Asks its model once for all symbols that have headlines; otherwise the lexicon speaks."""

    role: str = SENTIMENT_ANALYST
    features: tuple[str, ...] = ()

    def __init__(
        self, *, tools: Registry, model: Model | None = None, deadline: float = DEFAULT_DEADLINE
    ) -> None:
        self._seat = Seat(self.role, tools=tools, model=model, deadline=deadline)

    async def consider(self, context: ToolContext) -> AgentReport:
        """One view per symbol; an abstention where there is no news. Never raises for a model's failure."""
        seat, snapshot = self._seat, context.snapshot
        seen = {
            symbol: seat.look("headlines", HeadlinesArguments(symbol=symbol), context)
            for symbol in snapshot.symbols
        }
        told = tuple(symbol for symbol in seen if seen[symbol].data["headlines"])
        if seat.model is None or not told:
            return self._baseline(seen)
        answer = await seat.ask(
            seat.model,
            ViewsAnswer,
            as_of=snapshot.as_of.isoformat(),
            symbols=", ".join(told),
            headlines=evidence_lines(seen[symbol] for symbol in told),
        )
        report = self._baseline(seen)
        if answer.value is None:
            return seat.fell_back(answer.call, report)
        views = opinions(
            self.role,
            answer.value,
            told,
            by_id(seen.values()),
            snapshot,
            context.feed.instruments,
            most_confident=MOST_CONFIDENT,
        )
        silent = tuple(
            Abstention(source_name(self.role, "model"), symbol, "no headlines")
            for symbol in seen
            if symbol not in told
        )
        return AgentReport(
            role=self.role,
            views=views + silent,
            said=said(answer.value.summary),
            evidence=report.evidence,
            calls=(answer.call,),
            source="model",
        )

    def _baseline(self, seen: Mapping[Symbol, ToolResult]) -> AgentReport:
        views = tuple(baseline(symbol, result) for symbol, result in seen.items())
        return AgentReport(
            role=self.role,
            views=views,
            said=in_short(views),
            evidence=tuple(by_id(seen.values()).values()),
            calls=(),
            source="baseline",
        )


def baseline(symbol: Symbol, result: ToolResult) -> View:
    """The lexicon's mean score, each headline halved in weight every six hours.

    News about the whole market counts half. Confidence grows with how much fresh news there is, from
    0.3 up to 0.6. Abstains without headlines.
    """
    rows: list[Mapping[str, Any]] = result.data["headlines"]
    if not rows:
        return Abstention(_SOURCE, symbol, "no headlines")
    weights = [
        0.5 ** (row["age_hours"] / HALF_LIFE_HOURS)
        * (1.0 if row["about"] == "symbol" else _MARKET_NEWS_WEIGHT)
        for row in rows
    ]
    total = sum(weights)
    mean = sum(weight * row["score"] for weight, row in zip(weights, rows, strict=True)) / total
    return Opinion(
        source=_SOURCE,
        symbol=symbol,
        stance=min(max(mean, -1.0), 1.0),
        confidence=0.3 + 0.3 * min(total / 5.0, 1.0),
        horizon=HORIZON,
        rationale=f"{len(rows)} headlines, worth {total:.1f} fresh ones, mean score {mean:+.2f}",
        evidence_ids=(result.evidence.evidence_id,),
    )
