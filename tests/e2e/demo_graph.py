"""The stations of the demo desk: the same names and order as the real graph."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from app.views import (
    Graph,
    GraphEdge,
    GraphNode,
)

_LEVELS = (
    ("observe",),
    ("market", "sentiment", "strategies"),
    ("propose",),
    ("risk_analyst",),
    ("risk_gate",),
    ("execution_trader",),
    ("gate",),
    ("order_desk",),
    ("record",),
)
ROLES = {
    "market": "market_analyst",
    "sentiment": "sentiment_analyst",
    "risk_analyst": "risk_analyst",
    "execution_trader": "execution_trader",
}
_GATES = ("risk_gate", "gate")


def graph() -> Graph:
    def kind(node: str) -> Literal["code", "agent", "gate"]:
        return "agent" if node in ROLES else "gate" if node in _GATES else "code"

    nodes = tuple(
        GraphNode(id=node, title=node.replace("_", " ").capitalize(), kind=kind(node), role=ROLES.get(node))
        for level in _LEVELS
        for node in level
    )
    edges = tuple(
        GraphEdge(source=a, target=b) for first, second in pairwise(_LEVELS) for a in first for b in second
    )
    return Graph(nodes=nodes, edges=edges)
