"""What every agent gives back, and what the graph may ask of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from domain.money import Symbol
from domain.opinions import Evidence, Proposal, View
from domain.tactics import Tactic
from llm.calls import ModelCall
from tools.context import ToolContext

Source = Literal["model", "baseline"]


@dataclass(frozen=True, slots=True)
class AgentReport:
    """What one role saw and said.

    `source` says who formed the views that count. When a model was asked and failed it is "baseline":
    `views` then holds an Abstention of `<role>:model` with the reason beside the baseline's own views,
    and `calls` holds the failed call.
    """

    role: str
    views: tuple[View, ...]
    said: str
    evidence: tuple[Evidence, ...]
    calls: tuple[ModelCall, ...]
    source: Source


def source_name(role: str, source: Source) -> str:
    """The name a view goes by, so that a model and its baseline are scored apart: `role:source`."""
    return f"{role}:{source}"


def role_of(source: str) -> str:
    """The role behind a view's source name; a strategy's name is returned unchanged."""
    return source.partition(":")[0]


class Analyst(Protocol):
    """Forms views on every symbol of a snapshot, with one model call at most."""

    role: str
    features: tuple[str, ...]

    async def consider(self, context: ToolContext) -> AgentReport:
        """Views on the context's snapshot. Never raises for a model's failure."""
        ...


class Temperer(Protocol):
    """Argues targets smaller, never larger."""

    role: str
    features: tuple[str, ...]

    async def temper(
        self, context: ToolContext, proposal: Proposal, views: Sequence[View]
    ) -> tuple[Proposal, AgentReport]:
        """The same targets, each with a weight between zero and what was proposed."""
        ...


class Trader(Protocol):
    """Picks how each target is worked, from a list."""

    role: str
    features: tuple[str, ...]

    async def choose(
        self, context: ToolContext, proposal: Proposal
    ) -> tuple[Mapping[Symbol, Tactic], AgentReport]:
        """One tactic for every target of the proposal."""
        ...
