"""`desk breakers`: what is open and why; a reset by the running desk, or kept for the next one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app import control
from app.activity import Activity
from app.service import LiveDesk
from app.session import SessionRun
from domain.breakers import BreakerState
from domain.errors import NotFound
from memory.journal import MemoryJournal
from memory.records import MemoryRecords
from risk.breakers.observation import Observation
from tests.unit.app.desk_line import DeskLine
from tests.unit.graph.graph_rig import make_desk, run_desk, write_candles

NERVOUS = "[breakers]\nvolume_missing_fraction = 0.2\nmarket_wait_seconds = 86400\n"


@pytest.fixture
def nervous(desk: DeskLine, tmp_path: Path) -> DeskLine:
    """A home whose session has some volume breaker open, and is not over."""
    (tmp_path / "desk.toml").write_text(NERVOUS)
    assert desk("run", "--bars", "60", "--speed", "max", "--seed", "3").code == 0
    return desk


def test_nothing_has_run_here(desk: DeskLine) -> None:
    assert desk("breakers").code == 2
    assert desk("breakers", "reset", "drawdown", "--reason", "why not").code == 2


def test_it_shows_what_is_open_and_what_is_watched(nervous: DeskLine) -> None:
    told = nervous("breakers", "--json").told
    assert told["running"] is False
    assert told["as_of"]
    first = next(each for each in told["troubled"] if each["name"].startswith("volume_collapse:"))
    assert (first["level"], first["state"], first["size_fraction"]) == ("market", "open", "0")
    assert "part of the usual volume that is missing" in first["cause"]
    assert told["changes"][-1]["at"] >= told["changes"][0]["at"]
    leads = {each["leads_to"] for each in told["anomalies"]}
    assert {"volatility_spike", "slippage", "order_rate", "notice"} <= leads
    plain = nervous("breakers")
    assert plain.code == 0
    assert first["name"] in plain.out
    assert "not running" in plain.out


def test_a_reset_is_kept_for_the_next_desk(nervous: DeskLine) -> None:
    name = nervous("breakers", "--json").told["troubled"][0]["name"]
    told = nervous("breakers", "reset", name, "--reason", "a holiday", "--json").told
    assert told["breaker"]["state"] == "closed"
    assert told["running"] is False
    after = nervous("breakers", "--json").told
    assert name not in {each["name"] for each in after["troubled"]}
    assert after["changes"][-1]["cause"] == "reset: a holiday"
    assert after["changes"][-1]["by"]
    assert nervous("journal", "verify").code == 0
    assert nervous("run", "--bars", "61", "--speed", "max", "--seed", "3").code == 0


def test_a_reset_needs_a_reason_and_something_to_reset(nervous: DeskLine) -> None:
    assert nervous("breakers", "reset", "drawdown").code == 4
    assert nervous("breakers", "reset", "drawdown", "--reason", " ").code == 4
    refused = nervous("breakers", "reset", "drawdown", "--reason", "why not")
    assert refused.code == 2
    assert "no breaker 'drawdown' is open" in refused.err


def test_an_unknown_setting_is_refused(desk: DeskLine, tmp_path: Path) -> None:
    (tmp_path / "desk.toml").write_text("[breakers]\ndrawdown_percent = 10\n")
    refused = desk("backtest", "--bars", "1")
    assert refused.code == 4
    assert "breakers.drawdown_percent: there is no such setting" in refused.err


async def opened(tmp_path: Path) -> tuple[SessionRun, LiveDesk, Path]:
    """A running desk with one breaker open, and the folder in which it looks for requests."""
    desk = make_desk(write_candles(tmp_path / "candles", bars=40), journal=MemoryJournal())
    folder = tmp_path / "requests"
    folder.mkdir()
    run = SessionRun(desk, requests=folder)
    service = LiveDesk(run, MemoryRecords(), Activity(desk.tools, None))
    desk.bus.subscribe(service.see)
    await run.start()
    await run_desk(desk, bars=5)
    at = desk.clock.now()
    (event,) = desk.watch.board.observe(Observation("price_gap", "BTC/USDT", 1.0, at), at)
    service.see(event)
    return run, service, folder


async def obey(run: SessionRun, asked: Any) -> Any:
    while not asked.done():
        await run.look_at_requests()
        await asyncio.sleep(0.01)
    return await asked


async def test_the_running_desk_closes_it_and_says_so(tmp_path: Path) -> None:
    run, service, folder = await opened(tmp_path)
    asked = asyncio.create_task(
        asyncio.to_thread(control.ask_breaker, folder, name="price_gap:BTC/USDT", reason="seen", by="Ada")
    )
    told = await obey(run, asked)
    assert told["running"] is True
    assert told["message"] == "price_gap:BTC/USDT is closed (reset: seen); it goes on watching."
    assert (await service.status()).breakers == ()
    last = (await service.breakers()).changes[-1]
    assert (last.by, last.cause) == ("Ada", "reset: seen")


async def test_the_running_desk_refuses_what_is_not_open(tmp_path: Path) -> None:
    run, _, folder = await opened(tmp_path)
    asked = asyncio.create_task(
        asyncio.to_thread(control.ask_breaker, folder, name="latency", reason="seen", by="Ada")
    )
    with pytest.raises(NotFound, match="price_gap:BTC/USDT"):
        await obey(run, asked)


async def test_status_and_breakers_tell_what_is_open_and_how_sources_do(tmp_path: Path) -> None:
    _, service, _ = await opened(tmp_path)
    (shown,) = (await service.status()).breakers
    assert (shown.name, shown.state) == ("price_gap:BTC/USDT", BreakerState.OPEN)
    assert shown.size_fraction == 0
    view = await service.breakers()
    assert view.troubled == (shown,)
    assert {"ma_crossover", "breakout"} <= {source.source for source in view.sources}


async def test_a_reset_left_for_an_earlier_run_is_not_done_by_this_one(tmp_path: Path) -> None:
    desk = make_desk(write_candles(tmp_path / "candles", bars=40))
    folder = tmp_path / "requests"
    folder.mkdir()
    left = folder / "0123.request"
    left.write_bytes(b'{"breaker": "drawdown", "reason": "old", "by": "Ada"}')
    run = SessionRun(desk, requests=folder)
    await run.start()
    assert not left.exists()
    assert b"the desk has restarted since" in (folder / "0123.answer").read_bytes()
