"""Asks an OpenAI-compatible endpoint, within a deadline, and abstains rather than guess.

One ask is at most: a request, one retry when the endpoint stumbles (a broken connection or a 5xx), one wait
when it says 429 and the wait fits the deadline, a step down in answer format for each format it does not
take, and one repair turn when the answer does not fit the schema. All of it inside one deadline.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from domain.errors import ModelError
from llm.budget import Budget, Reservation
from llm.calls import Answer, ModelCall, T, prompt_hash
from llm.config import ModelSettings
from llm.failures import cause, retry_after, say
from llm.parsing import parse, strict_schema
from prompts.loader import load

if TYPE_CHECKING:
    import openai
    from pydantic import BaseModel

_FORMATS: Final = ("json_schema", "json_object", "text")
_BACKOFF_SECONDS: Final = 0.25
_UNSAID_WAIT_SECONDS: Final = 1.0
_CHARS_PER_TOKEN: Final = 4
_MAX_ERROR_CHARS: Final = 240

Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class _Ask:
    """The state of one ask: what was sent and spent so far."""

    role: str
    model: str
    system: str
    user: str
    ends: float
    answer: str = ""
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    may_retry: bool = True
    may_wait: bool = True
    held: Reservation | None = None

    def left(self) -> float:
        return self.ends - time.perf_counter()


class ModelClient:
    """A pooled client for one endpoint. Implements `Model`; close it when done."""

    def __init__(
        self, settings: ModelSettings, *, budget: Budget | None = None, sleep: Sleep = asyncio.sleep
    ) -> None:
        from openai import AsyncOpenAI

        self.settings = settings
        self._budget = budget
        self._sleep = sleep
        self._client = AsyncOpenAI(
            api_key=settings.api_key.get_secret_value(), base_url=settings.base_url, max_retries=0
        )
        # The SDK reads these two from the environment; they belong to another endpoint than ours may be.
        self._client.organization = None
        self._client.project = None
        self._format: dict[str, int] = {}

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def ask(self, *, role: str, system: str, user: str, schema: type[T], deadline: float) -> Answer[T]:
        """One typed answer within `deadline` seconds, or None and the reason in `call.error`."""
        started = time.perf_counter()
        ask = _Ask(role, self.settings.model_for(role), system, user, started + deadline)
        value: T | None = None
        error = ""
        try:
            async with asyncio.timeout(max(deadline, 0.0)):
                value = await self._converse(ask, schema)
        except TimeoutError:
            error = f"no answer within {deadline:g} s"
        except ModelError as failure:
            error = failure.message
        except Exception as failure:  # noqa: BLE001 - whatever a library raises here, the role abstains
            error = f"{type(failure).__name__}: {failure}"
        prices = self.settings.prices_for(ask.model)
        call = ModelCall(
            role=role,
            model=ask.model,
            prompt_hash=prompt_hash(system, user),
            system=system,
            user=user,
            answer=ask.answer,
            error=self._clean(error),
            attempts=ask.attempts,
            prompt_tokens=ask.prompt_tokens,
            completion_tokens=ask.completion_tokens,
            cost=prices.cost(ask.prompt_tokens, ask.completion_tokens),
            seconds=time.perf_counter() - started,
        )
        return Answer(value, call)

    async def _converse(self, ask: _Ask, schema: type[T]) -> T:
        """The question and, when its answer does not fit, one repair turn."""
        messages = [{"role": "system", "content": ask.system}, {"role": "user", "content": ask.user}]
        text = await self._complete(ask, messages, schema)
        try:
            return parse(text, schema)
        except ModelError as problem:
            repair = load("repair").render(problem=problem.message)
            messages += [{"role": "assistant", "content": text}, {"role": "user", "content": repair}]
        text = await self._complete(ask, messages, schema)
        try:
            return parse(text, schema)
        except ModelError as problem:
            raise ModelError(f"unusable after one repair: {problem.message}") from problem

    async def _complete(self, ask: _Ask, messages: list[dict[str, str]], schema: type[BaseModel]) -> str:
        """The text of one usable completion. Raises ModelError for one that is not."""
        completion = await self._request(ask, messages, schema)
        choices = getattr(completion, "choices", None)
        if not choices:
            raise ModelError("the endpoint answered, but not with a chat completion")
        message = choices[0].message
        text = message.content or ""
        ask.answer = text or message.refusal or ""
        self._count(ask, completion, messages, ask.answer)
        if message.refusal or choices[0].finish_reason == "content_filter":
            raise ModelError(f"the model refused: {message.refusal or 'content filter'}")
        if choices[0].finish_reason == "length":
            raise ModelError(f"the answer was cut off at {self.settings.max_tokens} tokens")
        if not text.strip():
            raise ModelError("the answer is empty")
        return text

    async def _request(
        self, ask: _Ask, messages: list[dict[str, str]], schema: type[BaseModel]
    ) -> openai.types.chat.ChatCompletion:
        """Send, and send again where that is allowed. Raises ModelError when it is not."""
        import openai

        step = self._format.get(ask.model, 0)
        while True:
            self._reserve(ask, messages)
            ask.attempts += 1
            try:
                completion = await self._send(ask, messages, schema, _FORMATS[step])
            except openai.APIConnectionError as failure:  # it may have been worked on: stays reserved
                await self._retry(
                    ask, f"the endpoint {self.settings.base_url} cannot be reached: {cause(failure)}"
                )
            except openai.APIStatusError as failure:
                self._settle(ask, 0, 0)
                status = failure.status_code
                if status in (400, 422) and step + 1 < len(_FORMATS):
                    step += 1
                elif status == 429:
                    await self._wait(ask, failure)
                elif status >= 500:
                    await self._retry(ask, say(failure))
                else:
                    raise ModelError(say(failure)) from None
            else:
                self._format[ask.model] = step
                return completion

    async def _send(
        self, ask: _Ask, messages: list[dict[str, str]], schema: type[BaseModel], form: str
    ) -> openai.types.chat.ChatCompletion:
        options: dict[str, Any] = {self.settings.limit_field: self.settings.max_tokens}
        if self.settings.temperature is not None:
            options["temperature"] = self.settings.temperature
        if form == "json_schema":
            wanted = {"name": schema.__name__, "strict": True, "schema": strict_schema(schema)}
            options["response_format"] = {"type": "json_schema", "json_schema": wanted}
        else:
            messages = _with_schema(messages, schema)
            if form == "json_object":
                options["response_format"] = {"type": "json_object"}
        options |= {"model": ask.model, "messages": messages, "timeout": max(ask.left(), 0.001)}
        completion: openai.types.chat.ChatCompletion = await self._client.chat.completions.create(**options)
        return completion

    async def _retry(self, ask: _Ask, reason: str) -> None:
        """Back off before the one retry, or raise ModelError when there is none or no time for it."""
        if not ask.may_retry or ask.left() <= _BACKOFF_SECONDS:
            raise ModelError(reason)
        ask.may_retry = False
        await self._sleep(_BACKOFF_SECONDS)

    async def _wait(self, ask: _Ask, failure: openai.APIStatusError) -> None:
        """Wait as long as a 429 asks for, once and only if it fits the deadline; else raise ModelError."""
        wait = retry_after(failure.response.headers)
        seconds = _UNSAID_WAIT_SECONDS if wait is None else wait
        if not ask.may_wait or seconds >= ask.left():
            asked = "" if wait is None else f", asked to wait {seconds:g} s"
            raise ModelError(f"{say(failure)}{asked}")
        ask.may_wait = False
        await self._sleep(seconds)

    def _reserve(self, ask: _Ask, messages: list[dict[str, str]]) -> None:
        if self._budget is None:
            return
        prompt = _tokens(messages)
        prices = self.settings.prices_for(ask.model)
        held = self._budget.reserve(
            prompt + self.settings.max_tokens, prices.cost(prompt, self.settings.max_tokens)
        )
        if isinstance(held, str):
            raise ModelError(held)
        ask.held = held

    def _settle(self, ask: _Ask, prompt_tokens: int, completion_tokens: int) -> None:
        """Tell the budget what a request used. One that never answered keeps its reservation."""
        if self._budget is not None and ask.held is not None:
            cost = self.settings.prices_for(ask.model).cost(prompt_tokens, completion_tokens)
            self._budget.settle(ask.held, prompt_tokens + completion_tokens, cost)
        ask.held = None

    def _count(self, ask: _Ask, completion: Any, messages: list[dict[str, str]], text: str) -> None:
        """Add what the endpoint says was used; an endpoint that does not say is estimated."""
        usage = completion.usage
        prompt = usage.prompt_tokens if usage else _tokens(messages)
        answered = usage.completion_tokens if usage else math.ceil(len(text) / _CHARS_PER_TOKEN)
        ask.prompt_tokens += prompt
        ask.completion_tokens += answered
        self._settle(ask, prompt, answered)

    def _clean(self, error: str) -> str:
        """One short line without the key in it."""
        line = " ".join(error.replace(self.settings.api_key.get_secret_value(), "***").split())
        return line if len(line) <= _MAX_ERROR_CHARS else line[: _MAX_ERROR_CHARS - 3] + "..."


def _tokens(messages: list[dict[str, str]]) -> int:
    """About how many tokens the messages are, at four characters each."""
    return sum(math.ceil(len(message["content"]) / _CHARS_PER_TOKEN) for message in messages)


def _with_schema(messages: list[dict[str, str]], schema: type[BaseModel]) -> list[dict[str, str]]:
    """The messages, the schema told in words: for endpoints that take none as a parameter."""
    told = f"\n\nAnswer with one JSON object that fits this JSON schema:\n{json.dumps(strict_schema(schema))}"
    return [{**messages[0], "content": messages[0]["content"] + told}, *messages[1:]]
