"""`desk accept`: a deposit freezes the desk, its status says so, and somebody answers for it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from app import control
from app.accepting import accept
from app.commands.accepting import accept_outside
from app.control import AcceptRequest
from app.home import Home
from domain.errors import ConfigError, DeadlineExceeded, NotFound, NotRunning
from domain.money import Currency
from domain.reconciliation import Reconciled
from tests.unit.app.wire_stage import ACCOUNT, wire_stage

USDT = Currency("USDT")


def asked(currency: str, reason: str = "my own savings") -> AcceptRequest:
    return AcceptRequest("1", currency, reason, "somebody")


async def test_a_deposit_is_told_and_answered_for() -> None:
    async with wire_stage("binance") as stage, stage.run() as run:
        desk = run.desk
        with pytest.raises(ConfigError, match="nothing is frozen"):
            await accept(desk, asked("USDT"))
        stage.exchange.deposit(ACCOUNT, USDT, Decimal(500))
        await desk.orders.reconcile()
        assert list(desk.orders.frozen) == ["*"]
        with pytest.raises(ConfigError, match="needs a reason"):
            await accept(desk, asked("USDT", " "))
        with pytest.raises(ConfigError, match="nothing to do with DOGE"):
            await accept(desk, asked("doge"))
        assert (await accept(desk, asked("usdt")))["frozen"] == {}
        assert desk.orders.frozen == {}
        newest = [event for event in stage.events() if isinstance(event, Reconciled)]
        assert any("my own savings (somebody)" in each.message for one in newest for each in one.differences)
        await run.close()


async def test_money_that_is_gone_stays_frozen() -> None:
    async with wire_stage("binance") as stage, stage.run() as run:
        stage.exchange.deposit(ACCOUNT, USDT, Decimal(-500))
        await run.desk.orders.reconcile()
        with pytest.raises(ConfigError, match="the books say"):
            await accept(run.desk, asked("USDT"))
        assert run.desk.orders.frozen
        await run.close()


def test_the_request_comes_across_as_it_was_left(tmp_path: Path) -> None:
    with pytest.raises(DeadlineExceeded, match="taken back"):
        control.ask_accept(tmp_path, currency="USDT", reason="mine", by="me", timeout=0)
    assert list(control.pending(tmp_path)) == []
    control._leave(tmp_path, {"accept": "USDT", "reason": "mine", "by": "me"})
    (found,) = control.pending(tmp_path)
    assert isinstance(found, AcceptRequest)
    assert (found.currency, found.reason, found.by) == ("USDT", "mine", "me")


def test_it_needs_a_running_desk(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        accept_outside(tmp_path / "nowhere", False, "USDT", "mine")
    Home(tmp_path).database.touch()
    with pytest.raises(NotRunning, match="no desk runs here"):
        accept_outside(tmp_path, False, "USDT", "mine")
