"""What all roles share: the tools they look with, the model they may ask, and how failures are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from agents.base import AgentReport, source_name
from domain.errors import DataError
from domain.opinions import Abstention, Evidence
from llm.calls import Answer, Model, ModelCall, T
from prompts.loader import load
from tools.context import ToolContext
from tools.registry import Arguments, Registry, ToolResult

DEFAULT_DEADLINE: Final = 20.0
_MAX_SAID: Final = 400


class Seat:
    """A role's seat at the desk: its tools, and its model when there is one."""

    def __init__(
        self, role: str, *, tools: Registry, model: Model | None = None, deadline: float = DEFAULT_DEADLINE
    ) -> None:
        self.role = role
        self.tools = tools
        self.model = model
        self.deadline = deadline

    def look(self, name: str, args: Arguments, context: ToolContext) -> ToolResult:
        """Call a tool. Raises ToolRefused or DataError."""
        return self.tools.call(self.role, name, args, context)

    def try_look(self, name: str, args: Arguments, context: ToolContext) -> ToolResult | None:
        """Call a tool that may have nothing to show: None when the data is missing."""
        try:
            return self.tools.call(self.role, name, args, context)
        except DataError:
            return None

    async def ask(
        self, model: Model, schema: type[T], *, within: float | None = None, **values: str
    ) -> Answer[T]:
        """Ask with the role's prompt, filled in, `within` seconds (the seat's deadline unless told)."""
        system, user = load(self.role).turns(**values)
        deadline = self.deadline if within is None else max(within, 0.0)
        return await model.ask(role=self.role, system=system, user=user, schema=schema, deadline=deadline)

    def fell_back(self, call: ModelCall, report: AgentReport) -> AgentReport:
        """The baseline's report with the model's abstention in front, and the call that failed."""
        abstention = Abstention(source_name(self.role, "model"), None, call.error)
        return replace(
            report,
            views=(abstention, *report.views),
            said=f"The model abstained ({call.error}); baseline: {report.said}",
            calls=(call,),
        )


def by_id(results: Iterable[ToolResult]) -> dict[str, Evidence]:
    """Evidence by its id."""
    return {result.evidence.evidence_id: result.evidence for result in results}


def evidence_lines(results: Iterable[ToolResult]) -> str:
    """One line per result: the id, the tool, the symbol, and the data as JSON."""
    return "\n".join(
        f"{result.evidence.evidence_id} {result.evidence.tool} {result.evidence.symbol or '-'} "
        f"{as_json(result.data)}"
        for result in results
    )


def as_json(value: Mapping[str, Any] | list[Any]) -> str:
    """Compact JSON; what JSON does not know is written as text."""
    return orjson.dumps(value, default=str).decode()


def said(text: str) -> str:
    """A model's words for people to read: one line, not too long."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_SAID else line[: _MAX_SAID - 3] + "..."
