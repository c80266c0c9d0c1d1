"""Everything an endpoint can do wrong, over a real socket with the real SDK: the role abstains in time."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr

from domain.clock import SimulatedClock
from llm.budget import Budget
from llm.calls import Answer
from llm.client import ModelClient
from llm.config import build
from llm.loopback import Fault, LoopbackServer, Request

KEY = "sk-loopback-secret-0815"
GOOD = '{"stance": 0.25}'


class Stance(BaseModel):
    model_config = ConfigDict(extra="forbid")
    stance: float


async def ask(
    server: LoopbackServer | str,
    *,
    deadline: float = 3.0,
    budget: Budget | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    **settings: object,
) -> Answer[Stance]:
    base_url = server if isinstance(server, str) else server.base_url
    client = ModelClient(
        build({"base_url": base_url, "api_key": SecretStr(KEY), "model": "m", **settings}),
        budget=budget,
        sleep=sleep,
    )
    try:
        return await client.ask(role="market_analyst", system="s", user="u", schema=Stance, deadline=deadline)
    finally:
        await client.close()


@dataclass(frozen=True, slots=True)
class Case:
    """A fault on every request, what the record must say, and how often it is asked."""

    fault: Fault
    says: str
    attempts: int


CASES = (
    Case(Fault.MALFORMED, "unusable after one repair", 2),
    Case(Fault.REFUSAL, "the model refused: I cannot help with that", 1),
    Case(Fault.FILTERED, "the model refused: content filter", 1),
    Case(Fault.TRUNCATED, "cut off", 1),
    Case(Fault.EMPTY, "the answer is empty", 1),
    Case(Fault.UNAUTHORIZED, "401: the endpoint refused the key", 1),
    Case(Fault.NOT_FOUND, "404: this model does not exist", 1),
    Case(Fault.RATE_LIMITED, "429: slow down", 2),
    Case(Fault.SERVER_ERROR, "500: out of order", 2),
    Case(Fault.BROKEN, "cannot be reached", 2),
    Case(Fault.NOT_A_COMPLETION, "not with a chat completion", 1),
)


@pytest.mark.parametrize("case", CASES, ids=[case.fault.value for case in CASES])
async def test_a_faulty_endpoint_makes_the_role_abstain(case: Case) -> None:
    with LoopbackServer(GOOD, then=case.fault) as server:
        answer = await ask(server)
        assert answer.value is None
        assert case.says in answer.call.error
        assert answer.call.attempts == case.attempts == len(server.requests)


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.HANG])
async def test_the_key_is_sent_but_never_recorded(fault: Fault) -> None:
    def echo(request: Request) -> str:
        return f'{{"stance": "{KEY}"}}'

    with LoopbackServer(GOOD if fault is Fault.NONE else echo, then=fault) as server:
        answer = await ask(server)
        assert server.keys[0] == f"Bearer {KEY}"
        assert KEY not in answer.call.error
        assert KEY not in answer.call.system + answer.call.user


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.SERVER_ERROR, Fault.RATE_LIMITED, Fault.MALFORMED])
@pytest.mark.parametrize("deadline", [0.05, 0.3])
async def test_the_deadline_holds_whatever_happens(fault: Fault, deadline: float) -> None:
    with LoopbackServer(GOOD, then=fault, retry_after="30") as server:
        started = time.perf_counter()
        answer = await ask(server, deadline=deadline)
        assert answer.value is None
        assert answer.call.error
        assert time.perf_counter() - started < deadline + 1.0


async def test_no_time_left_means_no_request() -> None:
    with LoopbackServer(GOOD) as server:
        answer = await ask(server, deadline=0.0)
        assert answer.value is None
        assert "no answer within 0 s" in answer.call.error


async def test_the_caller_can_still_cancel() -> None:
    with LoopbackServer(GOOD, then=Fault.HANG) as server:
        task = asyncio.create_task(ask(server, deadline=30))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_one_repair_mends_an_answer_and_names_the_problem() -> None:
    with LoopbackServer(GOOD, plan=(Fault.MALFORMED,)) as server:
        answer = await ask(server)
        assert answer.value == Stance(stance=0.25)
        assert answer.call.attempts == 2
        assert answer.call.prompt_tokens == 200
        repair = server.requests[1]["messages"]
        assert [message["role"] for message in repair] == ["system", "user", "assistant", "user"]
        assert "no JSON object" in repair[-1]["content"]


async def test_the_repair_names_the_field_that_is_wrong() -> None:
    answers = iter(['{"stance": "up"}', GOOD])
    with LoopbackServer(lambda request: next(answers)) as server:
        assert (await ask(server)).value == Stance(stance=0.25)
        assert "stance: " in server.requests[1]["messages"][-1]["content"]


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.BROKEN])
async def test_one_stumble_is_retried_once(fault: Fault) -> None:
    with LoopbackServer(GOOD, plan=(fault,)) as server:
        answer = await ask(server)
        assert answer.value == Stance(stance=0.25)
        assert answer.call.attempts == 2


async def test_a_wait_that_fits_the_deadline_is_obeyed() -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    with LoopbackServer(GOOD, plan=(Fault.RATE_LIMITED,), retry_after="2") as server:
        answer = await ask(server, deadline=5.0, sleep=sleep)
        assert answer.value == Stance(stance=0.25)
        assert waited == [2.0]


async def test_a_wait_that_does_not_fit_abstains_at_once() -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    with LoopbackServer(GOOD, plan=(Fault.RATE_LIMITED,), retry_after="60") as server:
        answer = await ask(server, deadline=2.0, sleep=sleep)
        assert answer.value is None
        assert "asked to wait 60 s" in answer.call.error
        assert waited == []
        assert answer.call.attempts == 1


@pytest.mark.parametrize(
    ("fault", "forms"),
    [
        (Fault.NO_SCHEMA, ["json_schema", "json_object"]),
        (Fault.NO_FORMAT, ["json_schema", "json_object", None]),
    ],
)
async def test_an_endpoint_without_schemas_is_told_the_schema_in_words(
    fault: Fault, forms: list[str | None]
) -> None:
    with LoopbackServer(GOOD, then=fault) as server:
        client = ModelClient(build({"base_url": server.base_url, "api_key": SecretStr(KEY), "model": "m"}))
        for _ in range(2):
            answer = await client.ask(role="r", system="s", user="u", schema=Stance, deadline=3.0)
            assert answer.value == Stance(stance=0.25)
        await client.close()
        sent = [request.get("response_format", {}).get("type") for request in server.requests]
        assert sent == [*forms, forms[-1]], "the form that worked is remembered"
        assert '"stance"' in server.requests[-1]["messages"][0]["content"]


async def test_the_schema_is_sent_strict_where_it_is_taken() -> None:
    with LoopbackServer(GOOD) as server:
        await ask(server)
        sent = server.requests[0]["response_format"]["json_schema"]
        assert sent["strict"] is True
        assert sent["schema"]["additionalProperties"] is False


async def test_prose_and_thinking_around_the_answer_are_no_fault() -> None:
    with LoopbackServer(GOOD, then=Fault.PROSE) as server:
        answer = await ask(server)
        assert answer.value == Stance(stance=0.25)
        assert answer.call.attempts == 1


async def test_an_unreachable_endpoint_is_named() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    answer = await ask(f"http://127.0.0.1:{port}/v1/")
    assert answer.value is None
    assert f"http://127.0.0.1:{port}/v1/ cannot be reached" in answer.call.error


async def test_over_budget_nothing_is_sent_and_the_reason_is_said() -> None:
    clock = SimulatedClock(datetime(2026, 3, 2, tzinfo=UTC))
    budget = Budget(daily_tokens=2_000, daily_cost=Decimal(1), clock=clock)
    with LoopbackServer(GOOD) as server:
        first = await ask(server, budget=budget, max_tokens=1_950)
        second = await ask(server, budget=budget, max_tokens=1_950)
        assert first.value == Stance(stance=0.25)
        assert second.value is None
        assert "over budget: 120 of 2000 tokens" in second.call.error
        assert second.call.attempts == 0
        assert len(server.requests) == 1


async def test_a_request_that_never_answered_keeps_its_reservation() -> None:
    clock = SimulatedClock(datetime(2026, 3, 2, tzinfo=UTC))
    budget = Budget(daily_tokens=10_000, daily_cost=Decimal(1), clock=clock)
    with LoopbackServer(GOOD, then=Fault.HANG) as server:
        await ask(server, budget=budget, deadline=0.2, max_tokens=1_000)
        assert budget.used_tokens > 1_000


async def test_tokens_and_cost_of_every_turn_are_on_record() -> None:
    prices = {"m": {"prompt": "1", "completion": "2"}}
    with LoopbackServer(GOOD, plan=(Fault.MALFORMED,)) as server:
        call = (await ask(server, prices=prices)).call
        assert (call.prompt_tokens, call.completion_tokens) == (200, 40)
        assert call.cost == Decimal("0.00028")


async def test_another_endpoints_organization_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-private")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-private")
    with LoopbackServer(GOOD) as server:
        await ask(server)
        assert "private" not in str(server.headers)
