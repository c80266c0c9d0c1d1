"""The execution trader: picks how each target is worked. It never writes a quantity."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Final

from pydantic import Field

from agents.asking import DEFAULT_DEADLINE, Seat, as_json, by_id, evidence_lines, said
from agents.base import AgentReport
from agents.claims import AnswerModel
from domain.market import SymbolView
from domain.money import ZERO, Symbol
from domain.opinions import Proposal, Target
from domain.tactics import LARGE_SHARE, Tactic
from llm.calls import Model
from tools.catalog import EXECUTION_TRADER
from tools.context import ToolContext
from tools.market import BookArguments, SymbolArguments
from tools.registry import Registry
from tools.untrusted import quote

WIDE_SPREAD: Final = Decimal("0.0015")
"""Above this fraction of the middle, a spread that was seen (not modelled) is worth waiting for."""


class Choice(AnswerModel):
    """The tactic for one target."""

    symbol: str
    tactic: Tactic
    reason: Annotated[str, Field(max_length=500)]


class TacticsAnswer(AnswerModel):
    """One answer for all targets."""

    summary: Annotated[str, Field(max_length=2_000)]
    choices: list[Choice]


class ExecutionTrader:
    """Exits go to market whoever decides; for entries the model may choose, else volume and spread do."""

    role: str = EXECUTION_TRADER
    features: tuple[str, ...] = ()

    def __init__(
        self, *, tools: Registry, model: Model | None = None, deadline: float = DEFAULT_DEADLINE
    ) -> None:
        self._seat = Seat(self.role, tools=tools, model=model, deadline=deadline)

    async def choose(
        self, context: ToolContext, proposal: Proposal
    ) -> tuple[Mapping[Symbol, Tactic], AgentReport]:
        """One tactic per target of the proposal. Never raises for a model's failure."""
        seat, views = self._seat, context.snapshot.views
        held, equity = _weights(context), context.portfolio.equity
        tactics = {
            target.symbol: baseline(target, held.get(target.symbol, ZERO), views.get(target.symbol), equity)
            for target in proposal.targets
        }
        seen = [
            seat.look("indicators", SymbolArguments(symbol=symbol), context)
            for symbol in tactics
            if symbol in views
        ]
        report = AgentReport(
            role=self.role,
            views=(),
            said=_told(tactics),
            evidence=tuple(by_id(seen).values()),
            calls=(),
            source="baseline",
        )
        entries = [target for target in proposal.targets if not _reduces(target, held)]
        if seat.model is None or not entries:
            return tactics, report
        for symbol in tactics:
            if symbol in views and (book := seat.try_look("book", BookArguments(symbol=symbol), context)):
                seen.append(book)
        answer = await seat.ask(
            seat.model,
            TacticsAnswer,
            as_of=context.snapshot.as_of.isoformat(),
            targets=as_json([_shown(target, held) for target in proposal.targets]),
            evidence=evidence_lines(seen),
        )
        if answer.value is None:
            return tactics, seat.fell_back(answer.call, report)
        chosen, notes = merge(answer.value, tactics, {target.symbol for target in entries})
        return chosen, AgentReport(
            role=self.role,
            views=(),
            said="; ".join([said(answer.value.summary), _told(chosen), *notes]),
            evidence=tuple(by_id(seen).values()),
            calls=(answer.call,),
            source="model",
        )


def baseline(target: Target, held: Decimal, view: SymbolView | None, equity: Decimal) -> Tactic:
    """MARKET to get smaller or when no price is known, TWAP for what is large against the last bar's volume.

    Else the spread decides: passive when truly wide. `held` is the weight held now, `equity` what weights
    are fractions of. A modelled spread proves nothing and never makes an entry passive.
    """
    if view is None or abs(target.weight) < abs(held):
        return Tactic.MARKET
    quote_now = view.quote
    traded = view.candle.volume * quote_now.mid
    if ZERO < traded * LARGE_SHARE < abs(target.weight - held) * equity:
        return Tactic.TWAP
    if quote_now.estimated or quote_now.mid <= ZERO:
        return Tactic.LIMIT_AT_TOUCH
    spread = (quote_now.ask - quote_now.bid) / quote_now.mid
    return Tactic.LIMIT_PASSIVE if spread > WIDE_SPREAD else Tactic.LIMIT_AT_TOUCH


def merge(
    answer: TacticsAnswer, tactics: Mapping[Symbol, Tactic], entries: set[Symbol]
) -> tuple[dict[Symbol, Tactic], list[str]]:
    """The model's tactics for entries over the baseline's, and a note for everything struck out."""
    chosen = dict(tactics)
    notes: list[str] = []
    asked: dict[Symbol, set[Tactic]] = {}
    for one in answer.choices:
        asked.setdefault(Symbol(one.symbol), set()).add(one.tactic)
    for symbol, choices in asked.items():
        if symbol not in tactics:
            notes.append(f"struck out: {quote(symbol)[:24]} is not a target")
        elif len(choices) > 1:
            notes.append(f"struck out: two tactics for {symbol}")
        elif symbol in entries:
            (chosen[symbol],) = choices
        elif choices != {tactics[symbol]}:
            notes.append(f"struck out: {symbol} gets smaller, at market")
    return chosen, notes


def _weights(context: ToolContext) -> dict[Symbol, Decimal]:
    account = context.portfolio
    if account.equity <= ZERO:
        return {}
    return {
        symbol: position.quantity * position.mark / account.equity
        for symbol, position in account.positions.items()
    }


def _reduces(target: Target, held: Mapping[Symbol, Decimal]) -> bool:
    return abs(target.weight) < abs(held.get(target.symbol, ZERO))


def _shown(target: Target, held: Mapping[Symbol, Decimal]) -> dict[str, object]:
    return {
        "symbol": target.symbol,
        "weight": f"{target.weight:f}",
        "held": f"{held.get(target.symbol, ZERO):.4f}",
        "reason": quote(target.reason),
    }


def _told(tactics: Mapping[Symbol, Tactic]) -> str:
    return "; ".join(f"{symbol} {tactic.value}" for symbol, tactic in tactics.items()) or "nothing to work"
