"""Sources of views whose breaker is not closed: what still counts of what they say, and what is kept of all.

A source whose breaker is open abstains, on record, where its opinion would add to a holding; that somebody
wants out is always heard. On probation its opinions count with a part of their confidence. It is asked all
the same, and its paper account goes on: that is the evidence on which it may come back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from agents.base import AgentReport
from domain.breakers import ViewsTaken
from domain.money import ONE, ZERO, Symbol
from domain.opinions import Abstention, Opinion, View
from graph.state import CycleState, views_of
from risk.breakers.board import BreakerBoard

_REPORTS = ("market_report", "sentiment_report", "risk_report", "trader_report")


@dataclass(frozen=True, slots=True)
class Heard:
    """The views that count in the blend; `muted` are the abstentions that stand for opinions among them."""

    views: tuple[View, ...]
    muted: tuple[Abstention, ...]


def supervise(views: tuple[View, ...], board: BreakerBoard | None) -> Heard:
    """What counts of `views`, by the breakers of their sources. Without a board everything does."""
    if board is None or not board.troubled():
        return Heard(views, ())
    heard: list[View] = []
    muted: list[Abstention] = []
    for view in views:
        counted = _counted(view, board)
        heard.append(counted)
        if counted is not view and isinstance(counted, Abstention):
            muted.append(counted)
    return Heard(tuple(heard), tuple(muted))


def _counted(view: View, board: BreakerBoard) -> View:
    if not isinstance(view, Opinion) or view.stance <= 0.0:
        return view
    size = board.strategy_size(view.source)
    if size == ONE:
        return view
    if size > ZERO:
        return replace(view, confidence=view.confidence * float(size))
    causes = "; ".join(
        f"{one.name}: {one.cause}" for one in board.of_strategy(view.source) if one.size == ZERO
    )
    return Abstention(view.source, view.symbol, f"its breaker is open ({causes}); it said {view.stance:+.2f}")


def views_taken(state: CycleState) -> ViewsTaken:
    """What every source said in this cycle, muted or not, and how many models did not answer."""
    stances: dict[str, dict[Symbol, float]] = {}
    failed: dict[str, int] = {}
    for view in views_of(state):
        said = stances.setdefault(view.source, {})
        if isinstance(view, Opinion):
            said[view.symbol] = view.stance
        elif view.failed:
            failed[view.source] = failed.get(view.source, 0) + 1
    errors = [bool(call.error) for report in _reports(state) for call in report.calls]
    return ViewsTaken(state["cycle_id"], stances, failed, len(errors), sum(errors), state["at"])


def _reports(state: CycleState) -> Iterable[AgentReport]:
    return (report for name in _REPORTS if isinstance(report := state.get(name), AgentReport))
