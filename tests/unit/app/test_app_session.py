"""A session that runs: paced and flat out, halted, panicked, stopped; and how the API sees it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from app import control
from app.activity import Activity
from app.backtesting import in_memory
from app.home import Home
from app.service import LiveDesk
from app.session import SessionRun
from app.settings import Settings
from domain.errors import InvalidTransition, NotFound, UnknownSymbol
from domain.events import DeskEvent, EquityMarked, HaltChanged, SessionStarted, SessionStopped
from domain.halt import HaltState
from domain.money import Symbol
from memory.records import MemoryRecords


def _run(bars: int | None = None, *, requests: Path | None = None, seed: int = 11) -> SessionRun:
    settings = Settings.model_validate({"market": {"seed": seed, "speed": "max"}})
    return SessionRun(in_memory(settings), bars=bars, requests=requests)


async def _until_held(run: SessionRun) -> None:
    """Step until something is held; the simulated market always gets there."""
    for _ in range(400):
        await run.advance()
        if run.desk.portfolio.positions:
            return
    raise AssertionError("nothing was bought in 400 bars")


async def test_a_run_ends_after_its_bars_and_says_that_it_is_over() -> None:
    run = _run(bars=30)
    seen: list[DeskEvent] = []
    run.desk.bus.subscribe(seen.append)
    await run.start()
    await run.run(None)
    await run.close()
    await run.close()
    assert run.state == "finished"
    assert isinstance(seen[0], SessionStarted)
    assert sum(isinstance(event, EquityMarked) for event in seen) == 30
    ends = [event for event in seen if isinstance(event, SessionStopped)]
    assert [end.reason for end in ends] == ["completed"]


async def test_a_paced_run_steps_by_the_clock_and_stops_when_told() -> None:
    run = _run()
    await run.start()
    run.desk.bus.subscribe(lambda event: run.stop() if run.desk.tally.bars >= 3 else None)
    await asyncio.wait_for(run.run(0.02), 5)
    assert run.desk.tally.bars == 3
    await run.close()
    assert run.state == "stopping"
    assert not [order for order in run.desk.orders.open_orders() if not order.intent.reduce_only]


async def test_a_step_that_fails_ends_a_paced_run_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    run = _run()
    await run.start()

    async def broken() -> None:
        raise NotFound("the tape is gone")

    monkeypatch.setattr(run.desk.engine, "step", broken)
    with pytest.raises(NotFound, match="the tape is gone"):
        await asyncio.wait_for(run.run(0.02), 5)
    assert run.state == "failed"
    assert "the tape is gone" in run.problem


async def test_panic_sells_everything_verifies_and_latches() -> None:
    run = _run()
    await run.start()
    await _until_held(run)
    halt = await run.halt("panic", reason="fire", by="test")
    assert (halt.state, halt.latched) == (HaltState.HALTED, True)
    assert run.desk.portfolio.positions == {}
    assert run.desk.orders.open_orders() == ()
    cycles = run.desk.tally.cycles
    for _ in range(20):
        await run.advance()
    assert run.desk.tally.cycles == cycles
    assert run.desk.portfolio.positions == {}
    with pytest.raises(InvalidTransition):
        await run.halt("resume", reason="again", by="test")
    await run.halt("resume", reason="again", by="test", confirm=True)
    await run.advance()
    assert run.desk.tally.cycles == cycles + 1


async def test_panic_does_not_wait_for_a_cycle_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    run = _run()
    await run.start()
    await _until_held(run)

    class Hanging:
        role = "market_analyst"
        features = ()

        async def consider(self, context: object) -> object:
            await asyncio.sleep(3600)
            raise AssertionError("nobody answers")

    monkeypatch.setattr(run.desk.context, "market_analyst", Hanging())
    stuck = asyncio.create_task(run.advance())
    await asyncio.sleep(0.05)
    assert not stuck.done()
    await asyncio.wait_for(run.halt("panic", reason="model down", by="test"), 5)
    assert run.desk.portfolio.positions == {}
    assert await asyncio.wait_for(stuck, 1) is True


async def test_a_paused_desk_only_gets_smaller() -> None:
    run = _run()
    await run.start()
    await _until_held(run)
    await run.halt("pause", reason="careful", by="test")
    held = {symbol: position.quantity for symbol, position in run.desk.portfolio.positions.items()}
    for _ in range(60):
        await run.advance()
        for symbol, position in run.desk.portfolio.positions.items():
            assert position.quantity <= held.get(symbol, Decimal(0))
            held[symbol] = position.quantity


async def test_requests_in_the_folder_are_obeyed_and_answered(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare("paper")
    run = _run(requests=home.requests)
    await run.start()
    await run.advance()

    async def ask(action: control.Action, *, confirm: bool = False) -> dict[str, object]:
        asked = asyncio.to_thread(
            control.ask, home.requests, action, reason="r", by="test", confirm=confirm, timeout=10
        )
        asking = asyncio.create_task(asked)
        while not asking.done():
            await run.look_at_requests()
            await asyncio.sleep(0.01)
        return asking.result()

    assert (await ask("pause"))["state"] == "reducing"
    assert (await ask("panic"))["flat"] is True
    with pytest.raises(Exception, match="latched"):
        await ask("resume")
    assert (await ask("resume", confirm=True))["state"] == "active"


async def test_a_halt_is_written_down_before_anyone_is_told() -> None:
    run = _run()
    await run.start()
    told: list[int] = []
    run.desk.bus.subscribe(
        lambda event: told.append(run.desk.journal.pending) if isinstance(event, HaltChanged) else None  # type: ignore[attr-defined]  # MemoryJournal
    )
    await run.halt("stop", reason="r", by="test")
    assert told == [0]


async def test_the_service_tells_what_the_desk_knows() -> None:
    run = _run()
    desk = run.desk
    activity = Activity(desk.tools, None)
    records = desk.context.records
    assert isinstance(records, MemoryRecords)
    service = LiveDesk(run, records, activity)
    desk.bus.subscribe(activity.see)
    desk.bus.subscribe(service.see)
    assert (await service.health()).state == "starting"
    await run.start()
    assert (await service.status()).now is None
    await _until_held(run)
    status = await service.status()
    assert status.account.equity == desk.portfolio.equity
    assert status.counts.fills == len(desk.tally.fills)
    assert not any(price.stale for price in status.prices)
    positions = await service.positions()
    leaving = {order.symbol for order in await service.orders(limit=50, open_only=True) if order.reduce_only}
    assert all(position.stop is not None or position.symbol in leaving for position in positions)
    latest = (await service.decisions(limit=5))[0]
    decision = await service.decision(latest.cycle_id)
    assert len(decision.record_hash) == 64
    assert decision.observation is not None
    graph = await service.graph()
    assert [node.node for node in decision.nodes if node.node not in {item.id for item in graph.nodes}] == []
    agents = {agent.role: agent for agent in await service.agents()}
    assert agents["market_analyst"].last_source == "baseline"
    assert agents["market_analyst"].model is None
    curve = await service.equity_curve(limit=10)
    assert len(curve) == min(10, desk.tally.bars)
    assert curve[-1].equity == desk.portfolio.equity
    assert len(await service.candles(Symbol("BTC/USDT"), limit=7)) == 7
    with pytest.raises(UnknownSymbol):
        await service.candles(Symbol("NO/USDT"), limit=7)
    with pytest.raises(NotFound):
        await service.decision("nobody-000001")
    order = (await service.orders(limit=1, open_only=False))[0]
    why = await service.chat(f"why {order.client_id}", confirm=None, by="test")
    assert order.client_id in why.text


async def test_the_chat_sells_only_when_confirmed_and_never_resumes() -> None:
    run = _run()
    records = run.desk.context.records
    assert isinstance(records, MemoryRecords)
    service = LiveDesk(run, records, Activity(run.desk.tools, None))
    await run.start()
    await run.advance()
    asked = await service.chat("sell everything", confirm=None, by="test")
    assert asked.proposed is not None
    assert run.desk.halts.state() is HaltState.ACTIVE
    await service.chat("sell everything", confirm=asked.proposed.confirm_id, by="test")
    halt = run.desk.halts.current
    assert (halt.state, halt.flatten, halt.by) == (HaltState.HALTED, True, "test")
    for words in ("resume", "confirm resume"):
        await service.chat(words, confirm=None, by="test")
        await service.chat("yes", confirm="resume", by="test")
    assert run.desk.halts.current is halt


async def test_a_listener_that_fails_is_dropped_and_the_desk_goes_on() -> None:
    run = _run(bars=3)
    heard: list[str] = []

    def broken(event: DeskEvent) -> None:
        heard.append(event.kind)
        raise ValueError("no ears")

    run.desk.bus.subscribe(broken)
    await run.start()
    await run.run(None)
    assert run.desk.tally.bars == 3
    assert heard == ["session_started"]
