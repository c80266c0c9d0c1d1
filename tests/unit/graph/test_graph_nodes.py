"""What the nodes promise: failures are told and abstain, vetoes stick, nothing but the desk sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agents.base import AgentReport
from app.bootstrap import Desk
from domain.errors import LedgerError, StorageError
from domain.events import DeskEvent, IntentRefused, NodeFinished, NodeStarted, Notice
from domain.money import Symbol
from domain.opinions import Abstention, Proposal, View
from domain.orders import OrderStatus, OrderType, Origin, Side
from domain.tactics import Tactic
from graph.inline import run_inline
from graph.nodes import ANALYSTS, NODES, SEQUENCE
from graph.state import CycleState, opening
from llm.calls import ModelCall
from memory.records import CycleRecord
from tests.unit.graph.graph_rig import make_desk, run_desk, write_candles


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_candles(tmp_path_factory.mktemp("candles"), bars=80)


async def standing(candles: Path, bars: int = 30, **sections: Any) -> tuple[Desk, list[DeskEvent]]:
    """A desk that stands on a bar, and the events from here on."""
    # The cycle that follows stands on the bar of the newest one: its orders are no mistake here.
    again: dict[str, object] = {"duplicate_window_seconds": 0, "max_depth_fraction": 1}
    desk = make_desk(candles, **{**sections, "risk": {**again, **sections.get("risk", {})}})
    await run_desk(desk, bars=bars)
    seen: list[DeskEvent] = []
    desk.bus.subscribe(seen.append)
    return desk, seen


async def one_cycle(desk: Desk, number: int = 900) -> CycleState:
    """A cycle here and now, under a number that the engine has not used."""
    at = desk.clock.now()
    start = opening(cycle=number, cycle_id=f"test-{number:06d}", at=at, headlines_since=at, reduce_only=False)
    return await run_inline(desk.context, start)


async def until_it_trades(
    candles: Path, *, only: Side | None = None, **sections: Any
) -> tuple[Desk, list[DeskEvent], CycleState]:
    """A desk on the first bar whose cycle sends an order (on that side only), that cycle, and its events."""
    for bars in range(1, 80):
        desk, seen = await standing(candles, bars=bars, **sections)
        seen.clear()
        state = await one_cycle(desk)
        if state["orders"] and (only is None or all(each.side is only for each in state["intents"])):
            return desk, seen, state
    raise AssertionError("no cycle of the tape trades")


async def test_every_station_says_when_it_starts_and_what_it_found(candles: Path) -> None:
    desk, seen = await standing(candles)
    state = await one_cycle(desk)
    started = [event.node for event in seen if isinstance(event, NodeStarted)]
    finished = [event for event in seen if isinstance(event, NodeFinished)]
    assert sorted(started) == sorted(NODES) == sorted(["observe", *ANALYSTS, *SEQUENCE])
    assert [event.node for event in finished] == [station.node for station in state["stations"]]
    assert all(event.said and event.seconds >= 0 for event in finished)
    assert started[0] == "observe"
    assert started[-len(SEQUENCE) :] == list(SEQUENCE)


class Failing:
    """An agent that raises whatever is asked of it."""

    role = "failing"
    features: tuple[str, ...] = ()

    async def consider(self, context: object) -> AgentReport:
        raise RuntimeError("the analyst broke")

    async def temper(
        self, context: object, proposal: Proposal, views: object
    ) -> tuple[Proposal, AgentReport]:
        raise RuntimeError("the risk analyst broke")

    async def choose(self, context: object, proposal: Proposal) -> tuple[dict[Symbol, Tactic], AgentReport]:
        raise RuntimeError("the trader broke")


@pytest.mark.parametrize("analyst", ["market", "sentiment"])
async def test_an_analyst_that_fails_abstains_on_record_and_the_cycle_goes_on(
    candles: Path, analyst: str
) -> None:
    desk, seen = await standing(candles)
    setattr(desk.context, f"{analyst}_analyst", Failing())
    state = await one_cycle(desk)
    record = desk.context.records.get("test-000900")  # type: ignore[attr-defined]  # records in memory
    assert isinstance(record, CycleRecord)
    why = "RuntimeError: the analyst broke"
    assert Abstention(f"{analyst}_analyst", None, why) in record.views
    assert f"failed: {analyst}" in state["summary"]
    told = [event for event in seen if isinstance(event, Notice)]
    assert [(notice.level, notice.source) for notice in told] == [("warning", f"graph.{analyst}")]
    assert why in told[0].message
    assert [e.verdict for e in seen if isinstance(e, NodeFinished) and e.node == analyst] == ["failed"]
    assert [station.node for station in state["stations"] if station.failed] == [analyst]


async def test_without_risk_analyst_and_trader_the_proposal_trades_at_market(
    candles: Path,
) -> None:
    _, _, expected = await until_it_trades(candles)
    desk, _ = await standing(candles, bars=bar_of(expected, candles))
    desk.context.risk_analyst = Failing()
    desk.context.execution_trader = Failing()
    state = await one_cycle(desk)
    assert state["proposal"] == state["proposed"]
    assert state["orders"]
    assert {intent.order_type for intent in state["intents"]} == {OrderType.MARKET}
    assert {s.node for s in state["stations"] if s.failed} == {"risk_analyst", "execution_trader"}


def bar_of(state: CycleState, candles: Path) -> int:
    """The bar a state was decided on, counted from 1."""
    desk = make_desk(candles)
    feed, bar = desk.feed, 0
    while feed.advance() != state["at"]:
        bar += 1
    return bar + 1


async def test_without_a_snapshot_nothing_is_proposed_and_the_cycle_is_recorded(candles: Path) -> None:
    desk, _ = await standing(candles)

    def no_market(*_: object) -> object:
        raise RuntimeError("the feed is gone")

    desk.context.snapshots.freeze = no_market  # type: ignore[assignment, method-assign]  # the feed breaks
    state = await one_cycle(desk)
    failed = {station.node for station in state["stations"] if station.failed}
    assert failed >= {"observe", *ANALYSTS, "propose"}
    assert (state["proposal"].targets, state["intents"], state["orders"]) == ((), (), ())
    record = desk.context.records.get("test-000900")  # type: ignore[attr-defined]  # records in memory
    assert record.snapshot is None
    assert all(isinstance(view, Abstention) for view in record.views)


@pytest.mark.parametrize("error", [StorageError("the disk is full"), LedgerError("out of balance")])
async def test_an_error_in_the_books_is_never_swallowed(candles: Path, error: Exception) -> None:
    desk, seen = await standing(candles)

    def broken(*_: object) -> object:
        raise error

    desk.context.snapshots.freeze = broken  # type: ignore[assignment, method-assign]  # even in a soft node
    with pytest.raises(type(error)):
        await one_cycle(desk)
    assert [e.verdict for e in seen if isinstance(e, NodeFinished) and e.node == "observe"] == ["failed"]


async def test_a_record_that_cannot_be_kept_stops_the_cycle(candles: Path) -> None:
    desk, _ = await standing(candles)

    def full(record: object) -> str:
        raise StorageError("the disk is full")

    desk.context.records.save = full  # type: ignore[method-assign]  # the disk fills up now
    with pytest.raises(StorageError, match="disk is full"):
        await one_cycle(desk)


class Greedy:
    """A risk analyst that argues everything larger, and adds a target."""

    role = "greedy"
    features: tuple[str, ...] = ()

    async def temper(
        self, context: object, proposal: Proposal, views: Sequence[View]
    ) -> tuple[Proposal, AgentReport]:
        larger = tuple(replace(target, weight=target.weight * 3 + 1) for target in proposal.targets)
        return replace(proposal, targets=larger), AgentReport("greedy", (), "more", (), (), "model")


async def test_a_risk_analyst_that_argues_larger_changes_nothing(candles: Path) -> None:
    _, _, expected = await until_it_trades(candles)
    desk, _ = await standing(candles, bars=bar_of(expected, candles))
    desk.context.risk_analyst = Greedy()
    state = await one_cycle(desk)
    assert state["proposal"].targets
    assert [t.weight for t in state["proposal"].targets] == [t.weight for t in state["proposed"].targets]


async def test_a_vetoed_leg_is_recorded_and_never_reaches_the_trader_or_the_desk(candles: Path) -> None:
    banned = {"allowed_symbols": ["BTC/USDT"]}
    for bars in range(1, 60):
        desk, seen = await standing(candles, bars=bars, risk=banned)
        state = await one_cycle(desk)
        if state["vetoed"]:
            break
    else:
        raise AssertionError("nothing was vetoed")
    refused = [event for event in seen if isinstance(event, IntentRefused)]
    assert {event.intent.client_id for event in refused} == set(state["vetoed"])
    assert all(event.stage == 1 and event.intent.symbol != "BTC/USDT" for event in refused)
    assert {breach.rule for event in refused for breach in event.breaches} == {"allowed_symbol"}
    assert not set(state["vetoed"]) & {intent.client_id for intent in state["intents"]}
    assert not set(state["vetoed"]) & set(desk.orders.orders)
    assert not {event.intent.symbol for event in refused} & set(state["tactics"])


async def test_what_the_first_review_refuses_is_not_submitted(
    candles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits tighten between the veto and the final review."""
    _, _, expected = await until_it_trades(candles, only=Side.BUY)
    desk, _ = await standing(candles, bars=bar_of(expected, candles))
    choose = desk.context.execution_trader.choose

    async def tighten(context: Any, proposal: Proposal) -> Any:
        desk.context.limits = desk.limits.tightened(max_order_notional_quote="0.01")
        return await choose(context, proposal)

    monkeypatch.setattr(desk.context.execution_trader, "choose", tighten)
    before = set(desk.orders.orders)
    state = await one_cycle(desk)
    assert state["intents"]
    assert state["approved"] == ()
    assert state["orders"] == ()
    assert set(desk.orders.orders) == before
    assert {b.rule for v in state["verdicts"] for b in v.breaches} == {"order_notional"}


async def test_a_newer_cycle_withdraws_what_an_older_one_left_open(candles: Path) -> None:
    desk, _, state = await until_it_trades(candles)
    intent = next(i for i in state["intents"] if i.client_id == state["orders"][0].client_id)
    assert desk.orders.orders[intent.client_id].status is OrderStatus.ACCEPTED
    await one_cycle(desk, number=901)
    assert desk.orders.orders[intent.client_id].status is OrderStatus.CANCELLED
    still = [order for order in desk.orders.open_orders() if order.intent.origin is Origin.CYCLE]
    assert all(order.intent.cycle == 901 for order in still)


async def test_the_same_cycle_again_sends_nothing_twice(candles: Path) -> None:
    desk, _, state = await until_it_trades(candles)
    orders = dict(desk.orders.orders)
    again = await one_cycle(desk)
    assert [outcome.client_id for outcome in again["orders"]] == [o.client_id for o in state["orders"]]
    assert dict(desk.orders.orders) == orders


async def test_tokens_and_cost_of_a_cycle_are_those_of_its_calls(candles: Path) -> None:
    call = ModelCall("market_analyst", "m", "h", "s", "u", "a", "", 1, 100, 20, Decimal("0.002"), 0.5)

    class Asking:
        role = "market_analyst"
        features: tuple[str, ...] = ()

        async def consider(self, context: object) -> AgentReport:
            return AgentReport(self.role, (), "asked twice", (), (call, call), "model")

    desk, seen = await standing(candles)
    desk.context.market_analyst = Asking()
    await one_cycle(desk)
    record = desk.context.records.get("test-000900")  # type: ignore[attr-defined]  # records in memory
    assert (record.tokens, record.cost, record.calls) == (240, Decimal("0.004"), (call, call))
    told = [event for event in seen if isinstance(event, NodeFinished) and event.node == "market"]
    assert (told[0].tokens, told[0].cost, told[0].sources) == (240, Decimal("0.004"), ("model",))
