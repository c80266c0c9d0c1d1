"""A run and its emergency doors: at the start, on every bar, beside a bar that hangs; carried to the end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.backtesting import in_memory
from app.emergency import FILES, Emergency
from app.session import SessionRun
from app.settings import Settings
from app.venue_run import VenueRun
from domain.errors import StorageError
from domain.events import CycleStarted, HaltChanged, IntentRecorded, OrderSubmitted
from domain.halt import HaltState
from domain.orders import Side
from execution.scripted import Answer
from tests.unit.app.venue_stage import VenueStage

BARS = 60


def paper(home: Path, bars: int | None = BARS) -> tuple[SessionRun, list[object]]:
    settings = Settings.model_validate({"market": {"seed": 11, "speed": "max"}})
    run = SessionRun(in_memory(settings), bars=bars, emergency=Emergency(home))
    seen: list[object] = []
    run.desk.bus.subscribe(seen.append)
    return run, seen


@pytest.mark.parametrize("action", ["pause", "stop", "panic"])
async def test_a_file_that_lies_there_at_the_start_is_obeyed_before_the_first_bar(
    tmp_path: Path, action: str
) -> None:
    (tmp_path / FILES[action]).write_text("not today")  # type: ignore[index]  # one of the actions
    run, seen = paper(tmp_path)
    await run.start()
    halt = run.desk.halts.current
    assert (halt.reason, halt.latched, halt.flatten) == ("not today", True, action == "panic")
    await run.run(None)
    assert not [event for event in seen if isinstance(event, OrderSubmitted)]
    cycles = [event for event in seen if isinstance(event, CycleStarted)]
    assert bool(cycles) is (action == "pause")
    assert len([event for event in seen if isinstance(event, HaltChanged)]) == 1, "once, however often seen"


async def test_a_file_is_seen_on_the_next_bar_and_outlives_itself(tmp_path: Path) -> None:
    run, seen = paper(tmp_path)
    file = tmp_path / "STOP"

    def appear(event: object) -> None:
        if run.desk.tally.bars == 20 and not file.exists():
            file.write_text("at bar 20")

    run.desk.bus.subscribe(appear)
    await run.start()
    await run.run(None)
    assert run.desk.tally.bars == BARS
    assert len([event for event in seen if isinstance(event, CycleStarted)]) == 20
    file.unlink()
    assert await run.look_at_requests()
    halt = run.desk.halts.current
    assert (halt.state, halt.reason, halt.latched) == (HaltState.HALTED, "at bar 20", True)


async def test_a_panic_file_is_seen_beside_a_bar_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = paper(tmp_path, bars=None)
    await run.start()
    while not run.desk.portfolio.positions:
        await run.advance()
    hanging = asyncio.Event()

    class Hanging:
        role = "market_analyst"
        features = ()

        async def consider(self, context: object) -> object:
            hanging.set()
            await asyncio.sleep(3600)
            raise AssertionError("nobody answers")

    monkeypatch.setattr(run.desk.context, "market_analyst", Hanging())
    living = asyncio.create_task(run.run(None))
    async with asyncio.timeout(30):
        await hanging.wait()
        (tmp_path / "PANIC").write_text("the model hangs")
        while run.desk.portfolio.positions:  # noqa: ASYNC110 - another task sells
            await asyncio.sleep(0.01)
    assert run.desk.halts.current.reason == "the model hangs"
    run.stop()
    await asyncio.wait_for(living, 10)


async def held_at_a_venue(stage: VenueStage, home: Path) -> VenueRun:
    desk = await stage.desk()
    run = VenueRun(desk, stage.world.feed, rest=stage.rest, emergency=Emergency(home))
    await run.start()
    for _ in range(40):
        if desk.portfolio.positions:
            return run
        stage.data.counter.seconds += 3600
        await run.beat()
        await run.desk.engine.tend()
    raise AssertionError("nothing was bought")


TROUBLES = {
    "its sales are refused": lambda stage: stage.filling.answers.extend([Answer.REJECT] * 12),
    "its sales are lost": lambda stage: stage.filling.answers.extend([Answer.LOSE_REQUEST] * 3),
    "its answers are lost": lambda stage: stage.filling.answers.extend([Answer.LOSE_ANSWER] * 3),
    "it is down": lambda stage: stage.filling.answers.extend([Answer.DOWN] * 12),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_panic_goes_on_until_it_is_done(tmp_path: Path, trouble: str) -> None:
    stage = VenueStage(pace=1)
    run = await held_at_a_venue(stage, tmp_path)
    (tmp_path / "PANIC").write_text("drill")
    TROUBLES[trouble](stage)
    said: list[dict[str, object]] = []
    for _ in range(60):
        await run.look_at_requests()
        said.append(run.describe(run.desk.halts.current))
        if run.is_flat:
            break
        await stage.rest(1)
        await run.beat()
    assert not run.desk.portfolio.positions
    assert [told["flat"] for told in said] == [False] * (len(said) - 1) + [True]
    assert all("NOT FLAT, and it goes on" in str(told["message"]) for told in said[:-1])
    assert str(said[-1]["message"]).endswith("Flat.")
    if trouble in ("its sales are refused", "it is down"):
        assert len(said) > 1, "one panic was not enough"
    sold = [
        event.intent
        for event in stage.events()
        if isinstance(event, IntentRecorded) and event.intent.side is Side.SELL
    ]
    assert all(intent.reduce_only for intent in sold)
    placed = stage.filling.placed
    assert len(placed) == len(set(placed))


async def test_a_database_that_fails_stops_the_tape_and_in_the_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.emergency_run.PATIENCE", 2)
    run, _ = paper(tmp_path)
    await run.start()
    await run.advance()
    run.record_trouble(StorageError("the disk is full"))
    with pytest.raises(StorageError, match="the disk is full"):
        await run.run(None)
    assert run.state == "failed"


async def test_a_tape_waits_for_its_record_and_goes_on_where_it_stood(tmp_path: Path) -> None:
    run, _ = paper(tmp_path)
    await run.start()
    await run.advance()
    run.record_trouble(StorageError("the disk is full"))
    living = asyncio.create_task(run.advance())
    for _ in range(3):
        await asyncio.sleep(0.01)
    assert not living.done()
    bars = run.desk.tally.bars
    run.record_trouble(None)
    assert await asyncio.wait_for(living, 10)
    assert run.desk.tally.bars == bars


async def test_a_panic_reaches_a_tape_that_waits_for_its_record(tmp_path: Path) -> None:
    run, _ = paper(tmp_path, bars=None)
    await run.start()
    while not run.desk.portfolio.positions:
        await run.advance()
    run.record_trouble(StorageError("the disk is full"))
    living = asyncio.create_task(run.run(None))
    await asyncio.sleep(0.05)
    (tmp_path / "PANIC").write_text("drill")
    async with asyncio.timeout(30):
        while run.desk.portfolio.positions:  # noqa: ASYNC110 - another task sells
            await asyncio.sleep(0.01)
    run.stop()
    await asyncio.wait_for(living, 10)
    assert run.state == "running"


async def test_a_halted_tape_goes_on_beside_its_record(tmp_path: Path) -> None:
    run, _ = paper(tmp_path)
    await run.start()
    await run.advance()
    await run.halt("stop", reason="drill", by="anna")
    run.record_trouble(StorageError("the disk is full"))
    await run.run(None)
    assert run.desk.tally.bars == BARS
    with pytest.raises(Exception, match="journal cannot be written"):
        await run.halt("resume", reason="checked", by="anna", confirm=True)
    run.record_trouble(None)
    assert (await run.halt("resume", reason="checked", by="anna", confirm=True)).state is HaltState.ACTIVE
