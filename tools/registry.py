"""Which tools there are, which role may call which, and the evidence a call leaves behind."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from domain.errors import DeskError
from domain.events import ToolCalled
from domain.money import Symbol
from domain.opinions import Evidence
from tools.context import ToolContext

Value = float | str


class ToolRefused(DeskError):
    """A tool that does not exist, may not be called by this role, or not with these arguments."""


class Arguments(BaseModel):
    """What a tool is asked with. Frozen, so the same question is answered once per context."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a tool found, before it has an evidence id.

    `values` are the facts a claim may cite by name. `data` is the same in the form a model reads best.
    """

    symbol: Symbol | None
    as_of: datetime
    values: Mapping[str, Value]
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A tool's answer: the evidence on record, and the data for whoever asked."""

    evidence: Evidence
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that only looks. `run` must give the same answer for the same context and arguments."""

    name: str
    description: str
    arguments: type[Arguments]
    run: Callable[[Any, ToolContext], Seen]
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Action:
    """A tool that asks the desk to do something. Only `Registry.act` runs it."""

    name: str
    description: str
    arguments: type[Arguments]
    run: Callable[[Any, str, ToolContext], Awaitable[Seen]]
    roles: frozenset[str]


class Registry:
    """The tools of the desk. A role that is not named by a tool may not call it."""

    def __init__(self, tools: Iterable[Tool | Action]) -> None:
        self._tools: dict[str, Tool | Action] = {}
        for tool in tools:
            if tool.name in self._tools:
                raise ToolRefused(f"two tools are called {tool.name}")
            self._tools[tool.name] = tool

    def allowed(self, role: str) -> tuple[str, ...]:
        """The names of the tools that `role` may call."""
        return tuple(name for name, tool in self._tools.items() if role in tool.roles)

    def describe(self, role: str) -> list[dict[str, Any]]:
        """Name, description and argument schema of every tool that `role` may call, for a prompt."""
        return [
            {"name": name, "description": tool.description, "arguments": tool.arguments.model_json_schema()}
            for name, tool in self._tools.items()
            if role in tool.roles
        ]

    def call(
        self, role: str, name: str, args: Arguments | Mapping[str, Any], context: ToolContext
    ) -> ToolResult:
        """Look at something, once per context. Raises ToolRefused, or what the tool raises (DataError)."""
        started = time.perf_counter()
        tool = self._find(role, name)
        if isinstance(tool, Action):
            raise ToolRefused(f"{name} acts on the desk and cannot be called while looking")
        asked = self.check(name, args)
        key = (name, asked)
        result = context.answers.get(key)
        if result is None:
            result = _on_record(name, asked, tool.run(asked, context))
            context.answers[key] = result
        self._publish(role, name, result, started, context)
        return result

    async def act(
        self, role: str, name: str, args: Arguments | Mapping[str, Any], context: ToolContext
    ) -> ToolResult:
        """Ask the desk to do something. Raises ToolRefused, or what the desk raises."""
        started = time.perf_counter()
        tool = self._find(role, name)
        if not isinstance(tool, Action):
            raise ToolRefused(f"{name} only looks; it is not an action")
        asked = self.check(name, args)
        result = _on_record(name, asked, await tool.run(asked, role, context))
        context.answers.clear()  # the account is not what it was
        self._publish(role, name, result, started, context)
        return result

    def check(self, name: str, args: Arguments | Mapping[str, Any]) -> Arguments:
        """The arguments, typed. Raises ToolRefused naming the first that is wrong."""
        wanted = self._tools[name].arguments
        if type(args) is wanted:
            return args
        told = args.model_dump() if isinstance(args, Arguments) else dict(args)
        try:
            return wanted.model_validate(told)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "arguments"
            known = ", ".join(wanted.model_fields) or "none"
            raise ToolRefused(f"{name}: {where}: {first['msg']}", fix=f"Its arguments: {known}") from None

    def _find(self, role: str, name: str) -> Tool | Action:
        tool = self._tools.get(name)
        if tool is None:
            raise ToolRefused(
                f"there is no tool {name!r}", fix=f"Known tools: {', '.join(self.allowed(role)) or 'none'}"
            )
        if role not in tool.roles:
            raise ToolRefused(
                f"{role} may not call {name}",
                fix=f"It may call: {', '.join(self.allowed(role)) or 'nothing'}",
            )
        return tool

    @staticmethod
    def _publish(role: str, name: str, result: ToolResult, started: float, context: ToolContext) -> None:
        context.publish(
            ToolCalled(
                cycle_id=context.cycle_id,
                role=role,
                tool=name,
                evidence_id=result.evidence.evidence_id,
                seconds=time.perf_counter() - started,
                at=context.snapshot.as_of,
            )
        )


def _on_record(name: str, asked: Arguments, seen: Seen) -> ToolResult:
    evidence = Evidence(
        evidence_id=evidence_id(name, asked, seen),
        tool=name,
        symbol=seen.symbol,
        as_of=seen.as_of,
        values=MappingProxyType(dict(seen.values)),
    )
    return ToolResult(evidence, seen.data)


def evidence_id(name: str, asked: Arguments, seen: Seen) -> str:
    """`ev-` and eight hex digits of the SHA-256 of tool, arguments, time and values, in canonical JSON."""
    content = (name, asked.__dict__, seen.as_of, dict(seen.values))
    packed = orjson.dumps(content, option=orjson.OPT_SORT_KEYS, default=str)
    return f"ev-{hashlib.sha256(packed).hexdigest()[:8]}"
