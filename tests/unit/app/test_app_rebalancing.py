"""`desk rebalance`: what it would trade, what it trades through the gate, and when it refuses."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app import control
from app.backtesting import in_memory
from app.home import Home
from app.rebalancing import KIND, rebalance
from app.session import SessionRun
from app.settings import Settings
from domain.errors import ConfigError, DataError, DeskError
from domain.halt import HaltState
from domain.orders import OrderStatus, Origin, Side
from tests.unit.app.desk_line import DeskLine
from tests.unit.graph.graph_rig import make_desk, run_desk, write_candles

BY = "a test"
QUIET: dict[str, Any] = {"session": {"decide_every": 10_000}, "market": {"seed": 11, "speed": "max"}}


async def stage(**sections: Any) -> SessionRun:
    """A paper desk on the simulated market that decides nothing after its first bar."""
    told = {**QUIET, "sizing": {"stages": []}, **sections}
    told["allocation"] = {"lookback_bars": 200, **sections.get("allocation", {})}
    run = SessionRun(in_memory(Settings.model_validate(told)))
    await run.start()
    await run.advance()
    for order in run.desk.orders.open_orders():
        await run.desk.orders.cancel(order.client_id, "the test wants an empty desk")
    await run.advance()
    return run


def weights(run: SessionRun) -> dict[str, Decimal]:
    equity = run.desk.portfolio.equity
    return {position.symbol: position.value / equity for position in run.desk.portfolio.positions.values()}


async def test_a_dry_run_says_everything_and_sends_nothing() -> None:
    run = await stage()
    before = dict(run.desk.orders.orders)
    told = await rebalance(run.desk, {"dry_run": True}, by=BY)
    assert dict(run.desk.orders.orders) == before
    assert (told["running"], told["dry_run"], told["method"], told["orders"]) == (True, True, "hrp", [])
    assert set(told["target"]) == set(run.desk.feed.symbols)
    for trade in told["trades"]:
        change = Decimal(trade["target"]) - Decimal(trade["current"])
        assert trade["side"] == (Side.BUY if change > 0 else Side.SELL)
        assert Decimal(trade["value"]) == (abs(change) * Decimal(told["equity"])).quantize(Decimal("0.01"))
    moved = sum(abs(Decimal(t["target"]) - Decimal(t["current"])) for t in told["trades"])
    assert Decimal(told["turnover"]) == moved
    assert Decimal(told["cost"]) == pytest.approx(moved * Decimal(told["equity"]) / 1000, abs=Decimal("0.01"))
    assert (
        told["message"] == f"3 change(s) of weight would be traded, turnover {moved * 100:.1f} % of equity."
    )


@pytest.mark.parametrize("method", ["equal", "risk_parity"])
async def test_holdings_come_to_the_weights(method: str) -> None:
    run = await stage(allocation={"invested_fraction": "0.30"})  # small enough for every limit
    told = await rebalance(run.desk, {"method": method}, by=BY)
    assert told["orders"]
    assert {order["status"] for order in told["orders"]} == {OrderStatus.ACCEPTED}
    assert told["message"].endswith("3 order(s) sent, 0 made smaller by the gate, 0 refused.")
    for each in told["orders"]:
        assert each["asked"] == each["quantity"]
        intent = run.desk.orders.orders[each["client_id"]].intent
        assert intent.origin is Origin.OPERATOR
        assert intent.reason == f"rebalance by {method}, asked for by {BY}"
        assert intent.side is Side.SELL or intent.protective_stop is not None
    await run.advance()
    for symbol, weight in weights(run).items():
        assert weight == pytest.approx(Decimal(told["target"][symbol]), abs=Decimal("0.01"))
    again = await rebalance(run.desk, {"method": method, "dry_run": True}, by=BY)
    assert Decimal(again["turnover"]) < Decimal("0.03")
    run.desk.portfolio.check()


async def test_the_gate_has_the_last_word() -> None:
    run = await stage(risk={"max_order_notional_quote": "1000"})
    told = await rebalance(run.desk, {"method": "equal"}, by=BY)
    for each in told["orders"]:
        order = run.desk.orders.orders[each["client_id"]]
        price = order.intent.arrival
        assert price is not None
        assert order.status is OrderStatus.REFUSED or order.intent.quantity * price <= Decimal("1001")
        assert order.status is OrderStatus.REFUSED or Decimal(each["quantity"]) <= Decimal(each["asked"])


async def test_a_paused_desk_only_sells() -> None:
    run = await stage(allocation={"invested_fraction": "0.3"})
    await rebalance(run.desk, {"method": "equal"}, by=BY)
    await run.advance()
    await run.halt("pause", reason="a test", by=BY)
    assert run.desk.halts.state() is HaltState.REDUCING
    smaller = run.desk.settings.allocation.model_copy(update={"invested_fraction": Decimal("0.15")})
    run.desk.settings = run.desk.settings.model_copy(update={"allocation": smaller})
    told = await rebalance(run.desk, {"method": "equal"}, by=BY)
    assert {(each["side"], each["status"]) for each in told["orders"]} == {(Side.SELL, OrderStatus.ACCEPTED)}
    larger = run.desk.settings.allocation.model_copy(update={"invested_fraction": Decimal("0.9")})
    run.desk.settings = run.desk.settings.model_copy(update={"allocation": larger})
    await run.advance()
    told = await rebalance(run.desk, {"method": "equal"}, by=BY)
    assert {(each["side"], each["status"]) for each in told["orders"]} == {(Side.BUY, OrderStatus.REFUSED)}
    assert told["message"].endswith("3 order(s) sent, 0 made smaller by the gate, 3 refused.")


async def test_what_cannot_be_is_refused_and_nothing_is_sent(tmp_path: Path) -> None:
    run = await stage()
    with pytest.raises(ConfigError, match="'astrology' is not an allocation method"):
        await rebalance(run.desk, {"method": "astrology"}, by=BY)
    few = make_desk(write_candles(tmp_path / "few", bars=5, warmup=5), session={"decide_every": 10_000})
    await run_desk(few, bars=4)
    before = len(few.orders.orders)
    with pytest.raises(DataError, match="returns are too few"):
        await rebalance(few, {"method": "hrp"}, by=BY)
    assert len(few.orders.orders) == before


async def test_a_desk_that_has_just_restarted_puts_its_stops_back_first() -> None:
    run = await stage()
    run.desk.engine.resume(())
    with pytest.raises(DeskError, match="puts its stops back first"):
        await rebalance(run.desk, {"method": "equal"}, by=BY)


async def test_what_earlier_decisions_left_open_is_withdrawn(tmp_path: Path) -> None:
    desk = make_desk(write_candles(tmp_path / "candles", bars=60))
    for _ in range(40):
        await desk.engine.step()
        entries = [o for o in desk.orders.open_orders() if o.intent.origin is Origin.CYCLE]
        if any(not order.intent.reduce_only for order in entries):
            break
    opened = [order for order in entries if not order.intent.reduce_only]
    assert opened, "no entry was ever open"
    await rebalance(desk, {"method": "equal"}, by=BY)
    assert {desk.orders.orders[order.client_id].status for order in opened} == {OrderStatus.CANCELLED}


async def test_another_process_asks_the_running_desk(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare("paper")
    run = SessionRun(in_memory(Settings.model_validate(QUIET)), requests=home.requests)
    await run.start()
    await run.advance()
    asked = {"kind": KIND, "method": "equal", "dry_run": True}
    waiting = asyncio.create_task(
        asyncio.to_thread(control.ask_work, home.requests, asked=asked, by=BY, timeout=30.0)
    )
    while not waiting.done():
        await run.look_at_requests()
        await asyncio.sleep(0.01)
    assert (await waiting)["method"] == "equal"


RUN = ("run", "--speed", "max", "--bars", "60", "--seed", "5")


def test_the_command_line(desk: DeskLine) -> None:
    assert desk("rebalance", "--dry-run").code == 2, "no desk has ever run here"
    assert desk(*RUN).code == 0
    refused = desk("rebalance", "--method", "equal")
    assert (refused.code, "nothing was traded" in refused.err) == (3, True)
    told = desk("rebalance", "--method", "equal", "--dry-run", "--json").told
    assert (told["running"], told["dry_run"], told["orders"]) == (False, True, [])
    assert set(told["target"].values()) == {"0.2500"}
    positions = desk("positions", "--json").told["positions"]
    for position in positions:
        assert Decimal(told["current"][position["symbol"]]) == pytest.approx(
            Decimal(position["weight"]), abs=Decimal("0.0001")
        )
    text = desk("rebalance", "--method", "equal", "--dry-run").out
    assert text.startswith("not running: as the desk stood, ")
    assert "would be traded" in text
    assert desk("rebalance", "--method", "bogus", "--dry-run").code == 4
