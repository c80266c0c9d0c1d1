"""A whole decision cycle with a real SDK and an endpoint that misbehaves: the cycle goes on and says why."""

from __future__ import annotations

import time

import pytest

from app.activity import Activity
from app.service import LiveDesk
from app.session import SessionRun
from domain.opinions import Abstention, Opinion
from llm.loopback import Fault, LoopbackServer
from memory.records import CycleRecord, MemoryRecords
from tests.faults.model_desk import KEY, STANCE, SYMBOLS, answer, model_desk

DEADLINE = 1.0
ROLES_IN_SEQUENCE = 3


async def _cycle(server: LoopbackServer, deadline: float = DEADLINE) -> tuple[CycleRecord, SessionRun, float]:
    run = SessionRun(model_desk(server.base_url, deadline=deadline))
    await run.start()
    began = time.perf_counter()
    await run.advance()
    seconds = time.perf_counter() - began
    records = run.desk.context.records
    assert isinstance(records, MemoryRecords)
    await run.desk.model.close()  # type: ignore[union-attr]  # a desk with a key has a client
    return records.recent(1)[0], run, seconds


async def test_answers_are_used_and_everything_about_them_is_on_record() -> None:
    with LoopbackServer(answer) as server:
        record, _, _ = await _cycle(server, deadline=20.0)
    given = [view for view in record.views if view.source == "market_analyst:model"]
    views = [view for view in given if isinstance(view, Opinion)]
    assert {view.symbol for view in views} == set(SYMBOLS)
    assert [view.stance for view in views] == [STANCE] * len(SYMBOLS)
    assert all(set(view.evidence_ids) <= {item.evidence_id for item in record.evidence} for view in views)
    assert {call.role for call in record.calls} >= {"market_analyst", "sentiment_analyst"}
    assert all(call.system and call.user and call.answer and call.prompt_hash for call in record.calls)
    assert record.tokens == sum(call.prompt_tokens + call.completion_tokens for call in record.calls) > 0
    assert record.cost > 0
    assert KEY not in record.model_dump_json()
    assert server.keys == [f"Bearer {KEY}"] * len(server.keys)


FAULTS = {
    Fault.MALFORMED: "",
    Fault.REFUSAL: "refus",
    Fault.TRUNCATED: "",
    Fault.UNAUTHORIZED: "401",
    Fault.RATE_LIMITED: "429",
    Fault.SERVER_ERROR: "500",
    Fault.HANG: "",
}


@pytest.mark.parametrize(("fault", "named"), FAULTS.items(), ids=[fault.value for fault in FAULTS])
async def test_a_role_that_fails_abstains_in_time_and_the_cycle_goes_on(fault: Fault, named: str) -> None:
    with LoopbackServer(answer, then=fault, retry_after="30") as server:
        record, run, seconds = await _cycle(server)
    assert seconds < ROLES_IN_SEQUENCE * DEADLINE + 1.0
    failed = {
        view.source: view.reason
        for view in record.views
        if isinstance(view, Abstention) and view.source.endswith(":model")
    }
    assert "market_analyst:model" in failed
    assert failed["market_analyst:model"]
    assert named in failed["market_analyst:model"]
    baseline = [view for view in record.views if view.source == "market_analyst:baseline"]
    assert {view.symbol for view in baseline} == set(SYMBOLS)
    assert all(call.error for call in record.calls)
    assert record.summary
    assert run.desk.tally.bars == 1


async def test_the_page_tells_model_from_baseline_and_counts_the_failures() -> None:
    with LoopbackServer(answer, plan=(Fault.UNAUTHORIZED,) * 2) as server:
        run = SessionRun(model_desk(server.base_url, deadline=20.0))
        desk = run.desk
        records = desk.context.records
        assert isinstance(records, MemoryRecords)
        activity = Activity(desk.tools, desk.model_settings)
        desk.bus.subscribe(activity.see)
        service = LiveDesk(run, records, activity)
        await run.start()
        await run.advance()
        before = {agent.role: agent for agent in await service.agents()}
        await run.advance()
        after = {agent.role: agent for agent in await service.agents()}
        await desk.model.close()  # type: ignore[union-attr]  # a desk with a key has a client
    assert before["market_analyst"].last_source == "baseline"
    assert before["market_analyst"].abstentions == 1
    assert after["market_analyst"].last_source == "model"
    assert after["market_analyst"].model == "gpt-4.1-mini"
    assert after["market_analyst"].tokens > 0
    used = (await service.status()).models
    assert used.enabled
    assert used.failures == 2
    assert used.limit_tokens == 2_000_000
