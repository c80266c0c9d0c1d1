"""The risk analyst: argues targets smaller, never larger, whatever its model says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from agents.asking import DEFAULT_DEADLINE, Seat, as_json, by_id, evidence_lines, said
from agents.base import AgentReport
from agents.claims import AnswerModel, Claim, check
from agents.tempering import ATR, Keep, keep_fractions, shrink
from domain.money import ONE, ZERO, Symbol
from domain.opinions import Abstention, Evidence, Proposal, Target, View
from llm.calls import Model
from tools.account import NoArguments, room_for
from tools.catalog import RISK_ANALYST
from tools.context import ToolContext
from tools.market import BookArguments, SymbolArguments
from tools.registry import Registry
from tools.untrusted import quote


class Adjustment(AnswerModel):
    """How much of one target to keep. Out of [0, 1] it is struck out, not believed."""

    symbol: str
    keep: float
    claims: list[Claim]
    reason: Annotated[str, Field(max_length=500)]


class RiskAnswer(AnswerModel):
    """One answer for the whole proposal."""

    summary: Annotated[str, Field(max_length=2_000)]
    adjustments: list[Adjustment]


class RiskAnalyst:
    """Its arithmetic always applies; its model, when it has one, may only cut further."""

    role: str = RISK_ANALYST
    features: tuple[str, ...] = (ATR,)

    def __init__(
        self, *, tools: Registry, model: Model | None = None, deadline: float = DEFAULT_DEADLINE
    ) -> None:
        self._seat = Seat(self.role, tools=tools, model=model, deadline=deadline)

    async def temper(
        self, context: ToolContext, proposal: Proposal, views: Sequence[View]
    ) -> tuple[Proposal, AgentReport]:
        """The same targets, each between zero and what was proposed. Never raises for a model's failure."""
        seat = self._seat
        targets = {target.symbol: target for target in proposal.targets}
        seen = [seat.look("portfolio", NoArguments(), context)]
        for symbol in targets:
            if symbol in context.snapshot.views:
                seen.append(seat.look("limits_left", SymbolArguments(symbol=symbol), context))
        keeps = self._arithmetic(context, targets)
        report = AgentReport(
            role=self.role,
            views=(),
            said=_told(keeps),
            evidence=tuple(by_id(seen).values()),
            calls=(),
            source="baseline",
        )
        if seat.model is None or not targets:
            return _tempered(proposal, keeps), report
        for symbol in targets:
            if symbol in context.snapshot.views:
                seen.append(seat.look("indicators", SymbolArguments(symbol=symbol), context))
                book = seat.try_look("book", BookArguments(symbol=symbol), context)
                seen += [book] if book is not None else []
        answer = await seat.ask(
            seat.model,
            RiskAnswer,
            as_of=context.snapshot.as_of.isoformat(),
            proposal=as_json([_shown_target(target) for target in proposal.targets]),
            views=as_json([_shown_view(view) for view in views]),
            evidence=evidence_lines(seen),
        )
        if answer.value is None:
            return _tempered(proposal, keeps), seat.fell_back(answer.call, report)
        evidence = by_id(seen)
        cut, notes = merge(answer.value, keeps, evidence)
        report = replace(
            report,
            said="; ".join([said(answer.value.summary), _told(cut), *notes]),
            evidence=tuple(evidence.values()),
            calls=(answer.call,),
            source="model",
        )
        return _tempered(proposal, cut), report

    @staticmethod
    def _arithmetic(context: ToolContext, targets: Mapping[Symbol, Target]) -> dict[Symbol, Keep]:
        account = context.portfolio
        held = {symbol: position.quantity * position.mark for symbol, position in account.positions.items()}
        rooms = {symbol: room_for(symbol, context.facts(symbol), context.limits) for symbol in targets}
        return keep_fractions(targets, context.snapshot.views, rooms, held, account.equity)


def merge(
    answer: RiskAnswer, keeps: Mapping[Symbol, Keep], evidence: Mapping[str, Evidence]
) -> tuple[dict[Symbol, Keep], list[str]]:
    """The model's cuts on top of the arithmetic, and a note for everything struck out.

    A cut counts as far as its claims hold: with none supported it is struck out whole. The smaller of
    model and arithmetic stands; asked twice about a symbol, the smaller answer.
    """
    merged = dict(keeps)
    notes: list[str] = []
    for one in answer.adjustments:
        symbol = Symbol(one.symbol)
        if symbol not in merged:
            notes.append(f"struck out: {quote(one.symbol)[:24]} is not proposed")
            continue
        if not 0.0 <= one.keep <= 1.0:
            notes.append(f"struck out: keep {one.keep:g} of {symbol}, it may only shrink")
        asked = min(max(one.keep, 0.0), 1.0)
        if asked == 1.0:
            continue
        checked = check(one.claims, evidence, symbol)
        notes += [f"struck out: {problem}" for problem in checked.struck]
        fraction = ONE - (ONE - Decimal(repr(asked))) * Decimal(repr(checked.share))
        if fraction < merged[symbol].fraction:
            merged[symbol] = Keep(max(fraction, ZERO), said(one.reason))
    return merged, notes


def _tempered(proposal: Proposal, keeps: Mapping[Symbol, Keep]) -> Proposal:
    return replace(
        proposal, targets=tuple(shrink(target, keeps[target.symbol]) for target in proposal.targets)
    )


def _told(keeps: Mapping[Symbol, Keep]) -> str:
    cuts = [
        f"{symbol} kept {keep.fraction:.0%} ({keep.reason})"
        for symbol, keep in keeps.items()
        if keep.fraction < ONE
    ]
    return "; ".join(cuts) or "no target needs to be smaller"


def _shown_target(target: Target) -> dict[str, object]:
    return {
        "symbol": target.symbol,
        "weight": f"{target.weight:f}",
        "stop": None if target.stop is None else f"{target.stop:f}",
        "reason": quote(target.reason),
    }


def _shown_view(view: View) -> dict[str, object]:
    if isinstance(view, Abstention):
        return {"source": view.source, "symbol": view.symbol, "abstains": quote(view.reason)}
    return {
        "source": view.source,
        "symbol": view.symbol,
        "stance": round(view.stance, 3),
        "confidence": round(view.confidence, 3),
        "rationale": quote(view.rationale),
    }
