"""From a model's typed views to opinions: checked symbol by symbol, struck out where unsupported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Final

from pydantic import Field

from agents.asking import said
from agents.base import source_name
from agents.claims import AnswerModel, Claim, check
from domain.errors import MoneyError
from domain.instrument import Instrument
from domain.market import MarketSnapshot
from domain.money import Price, Symbol
from domain.opinions import Abstention, Evidence, Opinion, View

FARTHEST_INVALIDATION: Final = 0.25


class SymbolAnswer(AnswerModel):
    """A model's view on one symbol."""

    symbol: str
    stance: Annotated[float, Field(ge=-1, le=1)]
    confidence: Annotated[float, Field(ge=0, le=1)]
    horizon_hours: Annotated[float, Field(gt=0, le=720)]
    invalidation: float | None
    claims: list[Claim]
    rationale: Annotated[str, Field(max_length=1_000)]


class ViewsAnswer(AnswerModel):
    """One answer for all symbols."""

    summary: Annotated[str, Field(max_length=2_000)]
    views: list[SymbolAnswer]


def opinions(
    role: str,
    answer: ViewsAnswer,
    symbols: Sequence[Symbol],
    evidence: Mapping[str, Evidence],
    snapshot: MarketSnapshot,
    instruments: Mapping[Symbol, Instrument],
    *,
    most_confident: float = 1.0,
) -> tuple[View, ...]:
    """One view per symbol, in order: the model's where it holds, otherwise an abstention that says why."""
    source = source_name(role, "model")
    given: dict[str, list[SymbolAnswer]] = {}
    for one in answer.views:
        given.setdefault(one.symbol, []).append(one)
    views: list[View] = []
    for symbol in symbols:
        found = given.get(symbol, [])
        if len(found) != 1:
            reason = "two different views given" if found else "no view given"
            views.append(Abstention(source, symbol, reason))
            continue
        views.append(_opinion(source, found[0], symbol, evidence, snapshot, instruments, most_confident))
    return tuple(views)


def _opinion(
    source: str,
    one: SymbolAnswer,
    symbol: Symbol,
    evidence: Mapping[str, Evidence],
    snapshot: MarketSnapshot,
    instruments: Mapping[Symbol, Instrument],
    most_confident: float,
) -> View:
    checked = check(one.claims, evidence, symbol)
    notes = [f"struck out: {problem}" for problem in checked.struck]
    if not checked.ids:
        return Abstention(source, symbol, "; ".join(["no supported claim", *notes]))
    close = float(snapshot.views[symbol].candle.close)
    invalidation: Price | None = None
    if one.invalidation is not None and one.stance != 0.0:
        invalidation = wrong_at(one.invalidation, one.stance, close, instruments[symbol])
        if invalidation is None:
            notes.append(f"struck out: invalidation {one.invalidation:g} for a price of {close:g}")
    return Opinion(
        source=source,
        symbol=symbol,
        stance=one.stance,
        confidence=min(one.confidence, most_confident) * checked.share,
        horizon=timedelta(hours=one.horizon_hours),
        rationale="; ".join([said(one.rationale), *notes]),
        evidence_ids=checked.ids,
        invalidation=invalidation,
    )


def wrong_at(level: float, stance: float, close: float, instrument: Instrument) -> Price | None:
    """The price that proves a view wrong, on the tick grid away from the market.

    None when it lies on the wrong side of the close, or farther off than a quarter of it.
    """
    below = stance > 0
    if (level >= close) if below else (level <= close):
        return None
    if abs(level - close) > FARTHEST_INVALIDATION * close:
        return None
    try:
        return instrument.price_down(level) if below else instrument.price_up(level)
    except MoneyError:
        return None


def in_short(views: Sequence[View]) -> str:
    """A sentence of all views: symbol and stance, or why there is none."""
    return "; ".join(
        f"{view.symbol} none ({view.reason})"
        if isinstance(view, Abstention)
        else f"{view.symbol} {view.stance:+.2f}"
        for view in views
    )
