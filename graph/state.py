"""What travels through the graph: plain data and frozen messages, never an approval.

Everything in here can be written to a checkpoint (see `graph/checkpoints.py`, which refuses the rest).
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, TypedDict

from agents.base import AgentReport
from domain.market import MarketSnapshot
from domain.money import Symbol
from domain.opinions import Abstention, Proposal, View
from domain.orders import OrderIntent, OrderStatus
from domain.tactics import Tactic
from domain.verdicts import VerdictRecord
from graph.proposal import Blended
from portfolio.sizing import Sized


@dataclass(frozen=True, slots=True)
class Station:
    """A node that did its work: what it said, from which sources, its verdict, and what that took.

    `seconds` is wall time. `failed` means that it raised and abstained; `said` then tells why.
    """

    node: str
    said: str
    sources: tuple[str, ...]
    verdict: str
    seconds: float
    tokens: int
    cost: Decimal
    failed: bool = False


@dataclass(frozen=True, slots=True)
class OrderOutcome:
    """How an order stood when the order desk was done with it; fills come with a later bar."""

    client_id: str
    status: OrderStatus
    note: str


class CycleState(TypedDict, total=False):
    """The state of one cycle. Only `verdicts` and `stations` are added to; the rest is written once.

    No key has the name of a node: LangGraph keeps both in one namespace.
    """

    cycle: int
    cycle_id: str
    at: datetime
    headlines_since: datetime
    reduce_only: bool
    snapshot: MarketSnapshot
    market_report: AgentReport
    sentiment_report: AgentReport
    strategy_views: tuple[View, ...]
    blended: tuple[Blended, ...]
    muted: tuple[Abstention, ...]
    sized: tuple[Sized, ...]
    proposed: Proposal
    risk_report: AgentReport
    proposal: Proposal
    vetoed: tuple[str, ...]
    trader_report: AgentReport
    tactics: Mapping[Symbol, Tactic]
    intents: tuple[OrderIntent, ...]
    approved: tuple[str, ...]
    orders: tuple[OrderOutcome, ...]
    verdicts: Annotated[tuple[VerdictRecord, ...], operator.add]
    stations: Annotated[tuple[Station, ...], operator.add]
    record_hash: str
    summary: str


ADDED: Final = ("verdicts", "stations")
"""The channels whose updates are joined to what is there; inline.py does what LangGraph does."""


def opening(
    *, cycle: int, cycle_id: str, at: datetime, headlines_since: datetime, reduce_only: bool
) -> CycleState:
    """The state a cycle starts with."""
    return CycleState(
        cycle=cycle,
        cycle_id=cycle_id,
        at=at,
        headlines_since=headlines_since,
        reduce_only=reduce_only,
        verdicts=(),
        stations=(),
    )


def views_of(state: CycleState) -> tuple[View, ...]:
    """Every view given so far, in the order market, sentiment, strategies."""
    views: tuple[View, ...] = ()
    for name in ("market_report", "sentiment_report"):
        report = state.get(name)
        if isinstance(report, AgentReport):
            views += report.views
    return views + state.get("strategy_views", ())
