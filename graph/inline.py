"""The same nodes without LangGraph: for backtests without a model, where every millisecond is a bar.

The order of the nodes, and the way their updates are joined, are those of `graph/build.py`; a test holds
the two equal, decision for decision.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from graph.context import CycleContext
from graph.nodes import ANALYSTS, NODES, SEQUENCE
from graph.state import ADDED, CycleState


async def run_inline(context: CycleContext, state: CycleState) -> CycleState:
    """Run one cycle to its end and return its final state; the given state is not changed."""
    values: dict[str, Any] = dict(state)
    _join(values, await NODES["observe"](cast(CycleState, values), context))
    frozen = cast(CycleState, values)
    for update in await asyncio.gather(*(NODES[name](frozen, context) for name in ANALYSTS)):
        _join(values, update)
    for name in SEQUENCE:
        _join(values, await NODES[name](cast(CycleState, values), context))
    return cast(CycleState, values)


def _join(values: dict[str, Any], update: dict[str, Any]) -> None:
    for channel, value in update.items():
        values[channel] = values[channel] + value if channel in ADDED else value
