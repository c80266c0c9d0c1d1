"""The operator's chat: answers questions, and hands commands to the desk once a person confirms them.

Commands are recognised from the person's own words, before any model is asked. What a model proposes is
only ever shown: nothing happens until the person confirms it by its id.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import Field

from agents.answering import HELP, answer, explain
from agents.asking import DEFAULT_DEADLINE, Seat, as_json, evidence_lines
from agents.claims import AnswerModel
from agents.desk_view import DeskAction, DeskView, Pending, Reply
from agents.recognising import Command, Confirmation, Question, Tightening, Topic, recognise
from domain.errors import DeskError
from llm.calls import Model, ModelCall
from tools.catalog import OPERATOR
from tools.context import ToolContext
from tools.registry import Arguments, Registry, ToolRefused, ToolResult
from tools.untrusted import quote

MAX_STEPS: Final = 4
_MAX_PENDING: Final = 16
_MAX_QUESTION: Final = 2_000
_MAX_RECORD: Final = 4_000

NO_RESUME: Final = (
    'The chat cannot lift a halt. A person does it, with a reason: desk resume --confirm --reason "...".'
)

_SUMMARIES: Final = {
    DeskAction.PAUSE: "Pause trading: positions can then only get smaller.",
    DeskAction.STOP: "Stop making decisions. Positions and their stops stay.",
    DeskAction.PANIC: "Cancel entries, sell every position at market, and latch the desk halted.",
}


class ToolStep(AnswerModel):
    """A lookup the model asks for; `arguments` is a JSON object as text."""

    name: str
    arguments: str


class ProposedStep(AnswerModel):
    """An action the model thinks the person asked for; `arguments` only for submit_intent."""

    name: Literal["pause", "stop", "panic", "submit_intent"]
    arguments: str | None


class OperatorStep(AnswerModel):
    """One step of an answer: look something up, or answer, perhaps with an action to confirm."""

    tool: ToolStep | None
    answer: Annotated[str, Field(max_length=4_000)] | None
    action: ProposedStep | None


class Operator:
    """Answers one question at a time; orders that wait for a confirmation are kept by id."""

    role: str = OPERATOR

    def __init__(
        self, *, tools: Registry, model: Model | None = None, deadline: float = DEFAULT_DEADLINE
    ) -> None:
        self._seat = Seat(self.role, tools=tools, model=model, deadline=deadline)
        self._pending: OrderedDict[str, Arguments] = OrderedDict()

    async def answer(
        self,
        context: ToolContext | None,
        question: str,
        desk: DeskView,
        *,
        confirm: str | None = None,
        by: str = "operator",
    ) -> Reply:
        """Answer, propose, or do what is confirmed. `context` None: no snapshot yet, so no tools.

        `confirm` repeats the id of a pending action. Never raises for a model's failure, and says in words
        why the desk refused.
        """
        question = question.strip()[:_MAX_QUESTION]
        symbols = context.snapshot.symbols if context is not None else ()
        asked = Confirmation(confirm) if confirm else recognise(question, symbols)
        try:
            match asked:
                case Confirmation(confirm_id):
                    return await self._confirmed(confirm_id, question, context, desk, by)
                case Command(action, confirmed):
                    return await self._command(action, confirmed, question, desk, by)
                case Tightening(name, value):
                    told = await desk.tighten(name, value, reason=f"chat: {quote(question)}", by=by)
                    return Reply(told, "baseline", done="tighten")
                case Question() | None:
                    return await self._question(asked, question, context, desk)
        except DeskError as error:
            return Reply(str(error), "baseline")

    async def _command(
        self, action: DeskAction, confirmed: bool, question: str, desk: DeskView, by: str
    ) -> Reply:
        """A pause and a stop only make the desk safer: done at once. A panic sells, so it asks first.

        The chat lifts nothing: words in a chat can be pasted, quoted or made up.
        """
        if action is DeskAction.RESUME:
            return Reply(NO_RESUME, "baseline")
        if action is not DeskAction.PANIC or confirmed:
            told = await desk.act(action, reason=f"chat: {quote(question)}", by=by, confirm=confirmed)
            return Reply(told, "baseline", done=action.value)
        pending = Pending(action.value, action.value, _SUMMARIES[action])
        return Reply(
            f"{pending.summary} To do it, say `confirm {action.value}`.", "baseline", pending=pending
        )

    async def _confirmed(
        self, confirm_id: str, question: str, context: ToolContext | None, desk: DeskView, by: str
    ) -> Reply:
        if confirm_id in set(DeskAction):
            return await self._command(DeskAction(confirm_id), True, question, desk, by)
        wanted = self._pending.pop(confirm_id, None)
        if wanted is None:
            return Reply(f"Nothing waits under {quote(confirm_id)[:40]}; ask again.", "baseline")
        if context is None:
            raise ToolRefused("orders cannot be asked for before the first bar")
        result = await self._seat.tools.act(self.role, "submit_intent", wanted, context)
        values = result.evidence.values
        note = f": {values['note']}" if values["note"] else ""
        text = f"Order {values['client_id']} is {values['status']}{note}."
        return Reply(text, "baseline", evidence=(result.evidence,), done="submit_intent")

    async def _question(
        self, asked: Question | None, question: str, context: ToolContext | None, desk: DeskView
    ) -> Reply:
        model = self._seat.model
        if model is None or context is None:
            return Reply(await _without_model(asked, desk), "baseline")
        calls: list[ModelCall] = []
        seen: list[ToolResult] = []
        lookups: list[str] = []
        facts = await _facts(asked, desk)
        ends = time.perf_counter() + self._seat.deadline
        while True:
            told = await self._seat.ask(
                model,
                OperatorStep,
                within=ends - time.perf_counter(),
                steps=str(MAX_STEPS),
                tools=as_json(self._tools_shown()),
                as_of=context.snapshot.as_of.isoformat(),
                facts=facts,
                lookups="\n".join(lookups) or "none",
                question=_fenceless(question),
            )
            calls.append(told.call)
            step = told.value
            problem = told.call.error if step is None else ""
            if step is not None and step.tool is not None and step.answer is None:
                if len(lookups) < MAX_STEPS:
                    lookups.append(self._look(step.tool, context, seen))
                    continue
                problem = f"the model did not answer after {MAX_STEPS} lookups"
            evidence = tuple(result.evidence for result in seen)
            if step is None or not step.answer:
                text = await _without_model(asked, desk)
                why = f"(The model abstained: {problem or 'it gave no answer'}.)"
                return Reply(f"{text}\n{why}", "baseline", evidence, tuple(calls))
            pending = self._propose(step.action)
            text = step.answer.strip()
            if pending is not None:
                text = f"{text}\n{pending.summary} To do it, say `confirm {pending.confirm_id}`."
            return Reply(text, "model", evidence, tuple(calls), pending)

    def _tools_shown(self) -> list[dict[str, Any]]:
        return self._seat.tools.describe(self.role)

    def _look(self, step: ToolStep, context: ToolContext, seen: list[ToolResult]) -> str:
        """One lookup, as a line for the model; what goes wrong is told to it, not raised."""
        try:
            result = self._seat.tools.call(self.role, step.name, _object(step.arguments), context)
        except DeskError as error:
            return f"{quote(step.name)[:40]} failed: {error}"
        seen.append(result)
        return evidence_lines([result])

    def _propose(self, step: ProposedStep | None) -> Pending | None:
        """What the model proposes, checked and kept until a person confirms it; None when it is nothing."""
        if step is None:
            return None
        if step.name != "submit_intent":
            action = DeskAction(step.name)
            return Pending(action.value, action.value, _SUMMARIES[action])
        try:
            wanted = self._seat.tools.check("submit_intent", _object(step.arguments or "{}"))
        except ToolRefused:
            return None
        told = wanted.model_dump(mode="json", exclude_none=True)
        packed = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
        confirm_id = f"order-{hashlib.sha256(packed).hexdigest()[:8]}"
        self._pending[confirm_id] = wanted
        while len(self._pending) > _MAX_PENDING:
            self._pending.popitem(last=False)
        words = ", ".join(f"{key} {quote(str(value))}" for key, value in told.items())
        return Pending(confirm_id, "submit_intent", f"Send this order to the risk gate: {words}.")


async def _without_model(asked: Question | None, desk: DeskView) -> str:
    if asked is None:
        return f"I did not understand that.\n{HELP}"
    return await answer(asked, desk)


async def _facts(asked: Question | None, desk: DeskView) -> str:
    """The records a model may answer from: the common ones, and the story when it is asked why."""
    questions: Sequence[Topic] = (Topic.STATUS, Topic.PROFIT, Topic.POSITIONS, Topic.ORDERS, Topic.DECISIONS)
    parts = [f"{topic.value}: {await answer(Question(topic), desk)}" for topic in questions]
    match asked:
        case Question(Topic.EXPLAIN):
            parts.append(f"explanation: {(await explain(asked, desk))[:_MAX_RECORD]}")
        case Question(Topic.LIMITS | Topic.HALT):
            parts.append(f"{asked.topic.value}: {await answer(asked, desk)}")
        case _:
            pass
    return "\n".join(_fenceless(part) for part in parts)


def _fenceless(text: str) -> str:
    """Text that cannot end the fence it is shown in; its lines are kept."""
    return text.replace("```", "'''")


def _object(text: str) -> dict[str, Any]:
    """The JSON object in a text. Raises ToolRefused for anything else."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ToolRefused("the arguments are not JSON") from error
    if not isinstance(found, dict):
        raise ToolRefused("the arguments are not a JSON object")
    return found
