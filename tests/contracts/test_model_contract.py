"""What every model keeps to: the client over a real socket, and the script. One suite for both."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from llm.calls import Answer, Model
from llm.client import ModelClient
from llm.config import build
from llm.loopback import Fault, LoopbackServer
from llm.scripted import Fails, Hangs, ScriptedModel


class Stance(BaseModel):
    model_config = ConfigDict(extra="forbid")
    stance: float


GOOD = '{"stance": 0.25}'
Make = Callable[[str], Awaitable[Model]]


async def _client(kind: str, stack: AsyncExitStack) -> Model:
    fault = {"good": Fault.NONE, "garbled": Fault.MALFORMED, "fails": Fault.SERVER_ERROR, "hangs": Fault.HANG}
    server = stack.enter_context(LoopbackServer(GOOD, then=fault[kind]))
    client = ModelClient(build({"base_url": server.base_url, "api_key": SecretStr("k"), "model": "m"}))
    stack.push_async_callback(client.close)
    return client


async def _script(kind: str, stack: AsyncExitStack) -> Model:
    line: dict[str, str | Fails | Hangs] = {
        "good": GOOD,
        "garbled": GOOD[:5],
        "fails": Fails("out of order"),
        "hangs": Hangs(),
    }
    return ScriptedModel({"market_analyst": [line[kind]]})


@pytest.fixture(params=[_client, _script], ids=["client", "script"])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:

        async def made(kind: str) -> Model:
            model: Model = await request.param(kind, stack)
            return model

        yield made


async def ask(model: Model, deadline: float = 5.0) -> Answer[Stance]:
    return await model.ask(
        role="market_analyst", system="be brief", user="what now?", schema=Stance, deadline=deadline
    )


async def test_a_good_answer_is_typed(make: Make) -> None:
    answer = await ask(await make("good"))
    assert answer.value == Stance(stance=0.25)
    assert answer.call.error == ""


async def test_the_call_records_what_was_asked_and_said(make: Make) -> None:
    call = (await ask(await make("good"))).call
    assert (call.role, call.system, call.user, call.answer) == (
        "market_analyst",
        "be brief",
        "what now?",
        GOOD,
    )
    assert call.prompt_hash == hashlib.sha256(b"be brief\x00what now?").hexdigest()
    assert call.attempts == 1


@pytest.mark.parametrize("kind", ["garbled", "fails"])
async def test_a_failure_abstains_and_says_why_in_one_line(make: Make, kind: str) -> None:
    answer = await ask(await make(kind))
    assert answer.value is None
    assert answer.call.error
    assert "\n" not in answer.call.error


async def test_silence_abstains_at_the_deadline(make: Make) -> None:
    model = await make("hangs")
    started = time.perf_counter()
    answer = await ask(model, deadline=0.3)
    assert answer.value is None
    assert "no answer within 0.3 s" in answer.call.error
    assert 0.25 < time.perf_counter() - started < 1.5
