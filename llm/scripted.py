"""A model that says what it was told to: for tests, demonstrations and rehearsals. No network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from domain.errors import ModelError
from llm.calls import Answer, ModelCall, T, prompt_hash
from llm.parsing import parse

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Fails:
    """A scripted failure: the role abstains with this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the script received it."""

    role: str
    system: str
    user: str


class Hangs:
    """A scripted silence: no answer comes before the deadline."""


if TYPE_CHECKING:
    Line = str | BaseModel | Fails | Hangs | Callable[[Asked], str]


class ScriptedModel:
    """Answers each role with the lines of its script, in order; the last line is repeated.

    A line is raw text (parsed as an endpoint's answer would be), a schema object, a function of the
    question that returns text, `Fails(reason)` or `Hangs()`. A role without a script abstains. `asked`
    keeps every question. Implements `Model`.
    """

    def __init__(self, script: Mapping[str, Sequence[Line]]) -> None:
        self._script = {role: list(lines) for role, lines in script.items()}
        self.asked: list[Asked] = []

    async def ask(self, *, role: str, system: str, user: str, schema: type[T], deadline: float) -> Answer[T]:
        """The next line of the role's script, as a typed answer."""
        question = Asked(role, system, user)
        self.asked.append(question)
        lines = self._script.get(role, [])
        line: Line = Fails("the script has no line for this role") if not lines else lines[0]
        if len(lines) > 1:
            lines.pop(0)
        if isinstance(line, Hangs):
            await asyncio.sleep(deadline)
            return self._answer(question, "", None, f"no answer within {deadline:g} s")
        if isinstance(line, Fails):
            return self._answer(question, "", None, line.reason)
        text = self._text(line, question)
        try:
            return self._answer(question, text, parse(text, schema), "")
        except ModelError as error:
            return self._answer(question, text, None, error.message)

    @staticmethod
    def _text(line: str | BaseModel | Callable[[Asked], str], question: Asked) -> str:
        if isinstance(line, str):
            return line
        return line(question) if callable(line) else line.model_dump_json()

    @staticmethod
    def _answer(question: Asked, text: str, value: T | None, error: str) -> Answer[T]:
        call = ModelCall(
            role=question.role,
            model="scripted",
            prompt_hash=prompt_hash(question.system, question.user),
            system=question.system,
            user=question.user,
            answer=text,
            error=error,
            attempts=1,
            prompt_tokens=0,
            completion_tokens=0,
            cost=Decimal(0),
            seconds=0.0,
        )
        return Answer(value, call)
