"""What every node does around its own work: say it starts, measure, report, and never fail in silence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from domain.errors import DeskError, GateError, InvalidTransition, LedgerError, StorageError
from domain.events import NodeFinished, NodeStarted, Notice
from domain.money import ZERO
from graph.context import CycleContext
from graph.state import CycleState, Station
from llm.calls import ModelCall

Update = dict[str, Any]
"""The part of the state that a node writes."""

STOPS_THE_DESK = (StorageError, LedgerError, InvalidTransition, GateError)
"""Errors no cycle may outlive: the record, the books or the proof of approval cannot be trusted."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a node hands back: its part of the state and what it tells those who watch."""

    update: Update
    said: str
    sources: tuple[str, ...] = ()
    verdict: str = ""
    calls: tuple[ModelCall, ...] = ()


Body = Callable[[CycleState, CycleContext], Awaitable[Work]]
Node = Callable[[CycleState, CycleContext], Awaitable[Update]]


@dataclass(frozen=True, slots=True)
class Fallback:
    """What a failed node leaves behind, so that the rest of the cycle abstains with it."""

    make: Callable[[CycleState, str], Mapping[str, Any]] = field(default=lambda state, why: {})


def station(name: str, body: Body, fallback: Fallback | None) -> Node:
    """A node around `body`. When `body` raises, the failure is told, recorded, and `fallback` stands in.

    Without a fallback the error goes on up, as do the errors in STOPS_THE_DESK.
    """

    async def node(state: CycleState, context: CycleContext) -> Update:
        cycle_id = state["cycle_id"]
        context.publish(NodeStarted(cycle_id, name, context.wall.now()))
        began = perf_counter()
        failed = False
        try:
            work = await body(state, context)
        except Exception as error:
            why = _explain(error)
            fatal = fallback is None or isinstance(error, STOPS_THE_DESK)
            if fatal:
                _finish(context, cycle_id, _failed_station(name, why, perf_counter() - began))
                raise
            context.emit(Notice("warning", f"graph.{name}", f"{cycle_id}: {why}", state["at"]))
            work = Work(dict(fallback.make(state, why)) if fallback else {}, why, verdict="failed")
            failed = True
        done = Station(
            node=name,
            said=work.said,
            sources=work.sources,
            verdict=work.verdict,
            seconds=perf_counter() - began,
            tokens=sum(call.prompt_tokens + call.completion_tokens for call in work.calls),
            cost=sum((call.cost for call in work.calls), ZERO),
            failed=failed,
        )
        _finish(context, cycle_id, done)
        return {**work.update, "stations": (done,)}

    return node


def _failed_station(name: str, why: str, seconds: float) -> Station:
    return Station(name, why, (), "failed", seconds, 0, ZERO, failed=True)


def _finish(context: CycleContext, cycle_id: str, done: Station) -> None:
    context.publish(
        NodeFinished(
            cycle_id,
            done.node,
            done.said,
            done.sources,
            done.verdict,
            done.seconds,
            done.tokens,
            done.cost,
            context.wall.now(),
        )
    )


def _explain(error: Exception) -> str:
    return str(error) if isinstance(error, DeskError) else f"{type(error).__name__}: {error}"
