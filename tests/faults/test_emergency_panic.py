"""Panic with the model hung, the database held by another process and nobody serving the API.

On the wire, at every venue and through every door: flat by the venue's own books within ten simulated
seconds, latched, and all of it on record, though the database never answered.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app import control
from app.venue_run import VenueRun
from domain.errors import ConfigError, InvalidTransition
from domain.events import IntentRecorded
from domain.halt import Halt, HaltState
from domain.orders import Origin
from execution.venue import Venue
from memory.aside import aside_of
from memory.journal import SqliteJournal
from risk.approval import ApprovedOrder
from tests.faults.emergency_stage import (
    WITHIN,
    EmergencyStage,
    emergency_stage,
    locked_by_another_process,
)

Door = Callable[[EmergencyStage, VenueRun], Awaitable[object]]


async def _by_file(stage: EmergencyStage, run: VenueRun) -> None:
    (stage.home.path / "PANIC").write_text("the news is bad\n")


async def _by_signal(stage: EmergencyStage, run: VenueRun) -> None:
    os.kill(os.getpid(), signal.SIGUSR2)


async def _by_request(stage: EmergencyStage, run: VenueRun) -> object:
    ask = control.ask
    return await asyncio.to_thread(
        ask, stage.home.requests, "panic", reason="the news is bad", by="anna", confirm=False, timeout=60
    )


async def _by_call(stage: EmergencyStage, run: VenueRun) -> object:
    """What the API and the chat do."""
    return await run.halt("panic", reason="the news is bad", by="the api")


DOORS: dict[str, Door] = {"file": _by_file, "signal": _by_signal, "request": _by_request, "call": _by_call}
CASES = [("binance", door) for door in DOORS] + [("gate", "file"), ("mexc", "signal")]


@pytest.mark.parametrize(("venue", "door"), CASES)
async def test_a_panic_gets_flat_with_model_database_and_api_down(
    venue: str, door: str, tmp_path: Path
) -> None:
    async with emergency_stage(venue, tmp_path) as stage, stage.run() as run:
        await stage.hold_something(run)
        assert not stage.flat_at_the_venue(run)
        emergency = run._emergency
        assert emergency is not None
        with emergency.signals():
            living = asyncio.create_task(run.run())
            assert run._cycle is not None
            assert not run._cycle.done(), "a cycle waits for its model"
            with locked_by_another_process(stage.home.database):
                began = stage.wire.time.counted
                calling = asyncio.create_task(_call(DOORS[door], stage, run))
                await stage.until(lambda: stage.flat_at_the_venue(run))
                assert stage.wire.time.counted - began <= WITHIN
                await stage.until(lambda: any("flat:" in each for each in stage.notices()))
                await calling
                assert stage.journal.trouble is not None
                (panic,) = [halt for halt in stage.halts() if halt.flatten]
                assert (panic.state, panic.latched) == (HaltState.HALTED, True)
                assert run.state == "running"
            await stage.until(lambda: stage.journal.trouble is None)
        run.stop()
        await asyncio.wait_for(living, 10)
        await run.close()
        assert stage.journal.verify().events > 0
        assert run.desk.halts.current == panic


async def _call(door: Door, stage: EmergencyStage, run: VenueRun) -> None:
    await door(stage, run)


async def test_every_sale_was_durable_before_it_was_sent(tmp_path: Path) -> None:
    async with emergency_stage("binance", tmp_path) as stage:
        seen: list[tuple[str, bool]] = []

        class Watching:
            """The venue, and whether a reader would have known of each order before it came."""

            def __init__(self, inner: Venue) -> None:
                self._inner = inner

            def __getattr__(self, name: str) -> object:
                return getattr(self._inner, name)

            async def place(self, order: ApprovedOrder) -> str:
                name = order.intent.client_id
                known = [
                    event.intent.client_id for event in stage.events() if isinstance(event, IntentRecorded)
                ]
                seen.append((name, name in known))
                return await self._inner.place(order)

        stage.around_venue = Watching  # type: ignore[assignment]  # it is one by delegation
        async with stage.run() as run:
            await stage.hold_something(run)
            with locked_by_another_process(stage.home.database):
                await run.halt("panic", reason="drill", by="anna")
            assert stage.flat_at_the_venue(run)
        sales = [name for name, _ in seen if "-p-" in name]
        assert len(sales) == 2
        assert all(known for _, known in seen)


async def test_the_next_desk_takes_the_record_over_and_stays_halted(tmp_path: Path) -> None:
    async with emergency_stage("binance", tmp_path) as stage:
        async with stage.run() as run:
            await stage.hold_something(run)
            with locked_by_another_process(stage.home.database):
                await run.halt("panic", reason="drill", by="anna")
        before = stage.events()
        assert aside_of(stage.home.database).exists()
        stage.reopen()
        assert stage.events() == before
        async with stage.run() as again:
            assert stage.flat_at_the_venue(again)
            assert again.desk.halts.current.flatten
            assert [each for each in again.desk.orders.orders.values() if each.intent.origin is Origin.PANIC]
            assert set(again.desk.portfolio.positions) == set(run.desk.portfolio.positions)
            stage.journal.verify()


async def test_nothing_lifts_the_halt_while_the_record_is_broken_or_the_file_lies_there(
    tmp_path: Path,
) -> None:
    async with emergency_stage("binance", tmp_path) as stage, stage.run() as run:

        async def lift(reason: str = "checked", *, confirm: bool = True) -> Halt:
            return await run.halt("resume", reason=reason, by="anna", confirm=confirm)

        file = stage.home.path / "STOP"
        with locked_by_another_process(stage.home.database):
            file.write_text("careful")
            await run.look_at_requests()
            assert run.desk.halts.current.reason == "careful"
            with pytest.raises(ConfigError, match=r"rm .*STOP"):
                await lift()
            file.unlink()
            with pytest.raises(ConfigError, match="journal cannot be written"):
                await lift()
        await run.desk.engine.tend()
        with pytest.raises(ConfigError, match="reason"):
            await lift(" ")
        with pytest.raises(InvalidTransition, match="latched"):
            await lift(confirm=False)
        await lift()
        assert [(halt.state, halt.reason, halt.by) for halt in stage.halts()][-1] == (
            HaltState.ACTIVE,
            "checked",
            "anna",
        )


async def test_a_database_that_fails_halts_a_desk_at_a_venue_and_its_stops_stay(tmp_path: Path) -> None:
    async with emergency_stage("binance", tmp_path) as stage, stage.run() as run:
        await stage.hold_something(run)
        with locked_by_another_process(stage.home.database):
            symbol = run.desk.feed.symbols[0]
            quote = run.desk.feed.quote(symbol)
            assert quote is not None
            entry = await stage.buy(run.desk, 20, symbol, quote.ask)
            assert "halted" in entry.note, (
                "its intent is beside the database, and that is for getting smaller"
            )
            assert run.desk.halts.state() is HaltState.HALTED
            await run.desk.engine.tend()
            guards = [each for each in run.desk.orders.open_orders() if each.intent.guards]
            assert len(guards) == 2
        assert run.desk.halts.current.by == "the desk"


async def test_without_any_record_nothing_is_sold_the_stops_stay_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with emergency_stage("binance", tmp_path) as stage, stage.run() as run:
        await stage.hold_something(run)
        placed = len(stage.wire.exchange.open_orders("desk"))

        def no_room(*_: object) -> int:
            raise OSError(28, "No space left on device")

        with locked_by_another_process(stage.home.database), monkeypatch.context() as broken:
            broken.setattr("memory.aside.os.pwrite", no_room)
            with pytest.raises(Exception, match=r"locked.*No space left"):
                await run.halt("panic", reason="drill", by="anna")
            assert run.desk.halts.current.flatten, "in force all the same"
            open_now = stage.wire.exchange.open_orders("desk")
            assert len(open_now) == placed - 1, "the entry is withdrawn, the stops are not"
        stage.wire.time.pass_(60)
        await run.look_at_requests()
        assert stage.flat_at_the_venue(run), "with a record again it is finished"


async def test_a_journal_of_another_desk_is_never_written_around(tmp_path: Path) -> None:
    async with emergency_stage("binance", tmp_path) as stage, stage.run() as run:
        await stage.hold_something(run)
        other = SqliteJournal(stage.home.database)
        other.append(stage.events()[0])
        other.commit()
        with pytest.raises(Exception, match="another desk"):
            await run.halt("panic", reason="drill", by="anna")
        assert run.desk.halts.current.flatten
        other.close()
