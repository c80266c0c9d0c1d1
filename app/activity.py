"""Who works on what, told by the events: the stations of the graph and what each role did last."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from app.viewing import ROLES
from app.views import AgentView, Graph, GraphEdge, GraphNode
from domain.events import DeskEvent, NodeFinished, OpinionGiven
from domain.money import ZERO
from domain.opinions import Abstention
from graph.nodes import ANALYSTS, SEQUENCE
from llm.config import ModelSettings
from tools.registry import Registry

_TITLES: Final = {
    "observe": "Observe",
    "market": "Market analyst",
    "sentiment": "Sentiment analyst",
    "strategies": "Strategies",
    "propose": "Propose",
    "risk_analyst": "Risk analyst",
    "risk_gate": "Risk gate",
    "execution_trader": "Execution trader",
    "gate": "Gate",
    "order_desk": "Order desk",
    "record": "Record",
}
_GATES: Final = frozenset({"risk_gate", "gate"})


def graph_view() -> Graph:
    """The stations and their order, as the graph is built."""
    names = ("observe", *ANALYSTS, *SEQUENCE)
    edges = [("observe", analyst) for analyst in ANALYSTS]
    edges += [(analyst, SEQUENCE[0]) for analyst in ANALYSTS]
    edges += list(itertools.pairwise(SEQUENCE))
    return Graph(
        nodes=tuple(
            GraphNode(id=name, title=_TITLES[name], kind=_kind(name), role=ROLES.get(name)) for name in names
        ),
        edges=tuple(GraphEdge(source=source, target=target) for source, target in edges),
    )


def _kind(node: str) -> Literal["code", "agent", "gate"]:
    if node in _GATES:
        return "gate"
    return "agent" if node in ROLES else "code"


@dataclass(slots=True)
class _Role:
    calls: int = 0
    abstentions: int = 0
    tokens: int = 0
    cost: Decimal = ZERO
    said: str = ""
    source: Literal["model", "baseline"] | None = None
    seconds: float | None = None
    at: datetime | None = None


class Activity:
    """Listens to the desk and keeps what each role did last and used in all."""

    def __init__(self, tools: Registry, models: ModelSettings | None) -> None:
        self._tools = tools
        self._models = models
        self._roles = {role: _Role() for role in (*ROLES.values(), "operator")}

    @property
    def calls(self) -> int:
        return sum(role.calls for role in self._roles.values())

    @property
    def failures(self) -> int:
        return sum(role.abstentions for role in self._roles.values())

    @property
    def tokens(self) -> int:
        return sum(role.tokens for role in self._roles.values())

    @property
    def cost(self) -> Decimal:
        return sum((role.cost for role in self._roles.values()), ZERO)

    def see(self, event: DeskEvent) -> None:
        match event:
            case NodeFinished() if event.node in ROLES:
                self._finished(self._roles[ROLES[event.node]], event)
            case OpinionGiven(view=Abstention(source=source, symbol=None)) if source.endswith(":model"):
                self._roles[source.removesuffix(":model")].abstentions += 1
            case _:
                return

    def _finished(self, role: _Role, event: NodeFinished) -> None:
        role.said, role.seconds, role.at = event.said, event.seconds, event.at
        role.source = "model" if "model" in event.sources else "baseline"
        role.tokens += event.tokens
        role.cost += event.cost
        if self._models is not None and event.tokens:
            role.calls += 1

    def agents(self) -> tuple[AgentView, ...]:
        """Every role, in the order of the graph, the operator last."""
        nodes = {role: node for node, role in ROLES.items()}
        return tuple(
            AgentView(
                role=name,
                node=nodes.get(name),
                title=_TITLES.get(nodes.get(name, ""), "Operator"),
                model=self._models.model_for(name) if self._models is not None else None,
                tools=self._tools.allowed(name),
                calls=role.calls,
                abstentions=role.abstentions,
                tokens=role.tokens,
                cost=role.cost,
                last_said=role.said,
                last_source=role.source,
                last_seconds=role.seconds,
                last_at=role.at,
            )
            for name, role in self._roles.items()
        )
