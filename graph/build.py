"""The decision cycle as a LangGraph state machine."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, cast

from graph.context import CycleContext
from graph.nodes import ANALYSTS, NODES, SEQUENCE
from graph.state import CycleState
from graph.station import Node, Update

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

Durability = Literal["sync", "async", "exit"]

DURABILITY: Final[Durability] = "exit"
"""Chosen by measurement: docs/decisions/0020-checkpoint-durability.md."""


class CycleGraph(Protocol):
    """The compiled graph as a function: one cycle, in the checkpoint thread of that name."""

    async def __call__(self, state: CycleState, thread: str) -> CycleState: ...


def build(
    context: CycleContext, checkpointer: BaseCheckpointSaver[str] | None = None
) -> CompiledStateGraph[CycleState, None, CycleState, CycleState]:
    """The compiled graph over one session's context; with a checkpointer it keeps every cycle's state."""
    from langgraph.graph import END, START, StateGraph

    graph = StateGraph(CycleState)
    for name, node in NODES.items():
        graph.add_node(name, _bound(node, context))
    graph.add_edge(START, "observe")
    for analyst in ANALYSTS:
        graph.add_edge("observe", analyst)
    graph.add_edge(list(ANALYSTS), SEQUENCE[0])
    for before, after in itertools.pairwise(SEQUENCE):
        graph.add_edge(before, after)
    graph.add_edge(SEQUENCE[-1], END)
    return graph.compile(checkpointer=checkpointer)


def runner(
    context: CycleContext,
    checkpointer: BaseCheckpointSaver[str] | None = None,
    durability: Durability = DURABILITY,
) -> CycleGraph:
    """The compiled graph as a function of a state and a thread name."""
    graph = build(context, checkpointer)

    async def run(state: CycleState, thread: str) -> CycleState:
        config: Any = {"configurable": {"thread_id": thread}, "recursion_limit": 2 * len(NODES)}
        if checkpointer is None:
            return cast(CycleState, await graph.ainvoke(state, config))
        return cast(CycleState, await graph.ainvoke(state, config, durability=durability))

    return run


class _Bound(Protocol):
    """A node as LangGraph calls it."""

    async def __call__(self, state: CycleState) -> Update: ...


def _bound(node: Node, context: CycleContext) -> _Bound:
    async def run(state: CycleState) -> Update:
        return await node(state, context)

    return run
