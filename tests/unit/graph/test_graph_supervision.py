"""A source whose breaker is open abstains, on record; that somebody wants out is always heard."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agents.base import AgentReport
from app.breakers_section import BreakersSection
from domain.breakers import ViewsTaken
from domain.events import DeskEvent
from domain.market import SymbolView
from domain.money import Symbol
from domain.opinions import Abstention, Opinion, View
from graph.state import CycleState, opening
from graph.supervision import supervise, views_taken
from llm.calls import ModelCall
from memory.journal import MemoryJournal
from risk.breakers.board import BreakerBoard
from risk.breakers.observation import Observation
from strategies.base import consult
from tests.unit.graph.graph_rig import make_desk, run_desk, write_candles

START = datetime(2026, 1, 5, tzinfo=UTC)
BTC = Symbol("BTC/USDT")


def board(*strategies: str) -> BreakerBoard:
    """A board on which the breakers of these strategies are open."""
    told = BreakersSection()
    made = BreakerBoard(told.rules(), relapse=told.relapses())
    for name in strategies:
        made.observe(Observation("strategy_streak", name, 99.0, START), START)
    return made


def opinion(source: str, stance: float, confidence: float = 0.8) -> Opinion:
    return Opinion(source, BTC, stance, confidence, timedelta(hours=1), "because")


def test_without_trouble_the_views_are_the_very_same() -> None:
    views: tuple[View, ...] = (opinion("breakout", 1.0), Abstention("ma_crossover", BTC, "cold"))
    assert supervise(views, None).views is views
    assert supervise(views, board()).views is views


def test_an_open_breaker_makes_its_strategy_abstain_and_says_why() -> None:
    views = (opinion("breakout", 0.4), opinion("ma_crossover", 0.4))
    heard = supervise(views, board("breakout"))
    (muted,) = heard.muted
    assert heard.views == (muted, views[1])
    assert (muted.source, muted.symbol, muted.failed) == ("breakout", BTC, False)
    assert muted.reason.startswith("its breaker is open (strategy_streak:breakout: losing paper trades")
    assert muted.reason.endswith("it said +0.40")


@pytest.mark.parametrize("stance", [0.0, -0.001, -1.0])
def test_who_wants_less_is_heard_whatever_is_open(stance: float) -> None:
    views = (opinion("breakout", stance),)
    heard = supervise(views, board("breakout"))
    assert heard.views == views
    assert heard.muted == ()


def test_an_abstention_stays_what_it_is() -> None:
    views = (Abstention("breakout", BTC, "cold"),)
    assert supervise(views, board("breakout")).views == views


def test_on_probation_it_counts_with_a_part_of_its_confidence() -> None:
    made, at = board("breakout"), START + timedelta(days=2)
    for _ in range(3):
        at += timedelta(hours=1)
        made.observe(Observation("strategy_streak", "breakout", 0.0, at), at)
    heard = supervise((opinion("breakout", 0.4), opinion("breakout", -0.4)), made)
    assert heard.muted == ()
    assert [view.confidence for view in heard.views if isinstance(view, Opinion)] == [0.2, 0.8]


def state(views: tuple[View, ...], *, calls: tuple[ModelCall, ...] = ()) -> CycleState:
    made = opening(cycle=1, cycle_id="s-000001", at=START, headlines_since=START, reduce_only=False)
    made["market_report"] = AgentReport(
        "market_analyst", (opinion("market_analyst:model", 0.1),), "", (), calls, "model"
    )
    made["strategy_views"] = views
    return made


def call(error: str) -> ModelCall:
    return ModelCall(
        role="market_analyst",
        model="m",
        prompt_hash="",
        system="",
        user="",
        answer="",
        error=error,
        attempts=1,
        prompt_tokens=0,
        completion_tokens=0,
        cost=Decimal(0),
        seconds=0.0,
    )


def test_what_is_kept_of_a_cycle() -> None:
    views = (
        opinion("breakout", 0.4),
        Abstention("ma_crossover", BTC, "ValueError: no", failed=True),
        Abstention("rsi_reversion", BTC, "in between"),
    )
    told = views_taken(state(views, calls=(call(""), call("timed out"))))
    assert told == ViewsTaken(
        "s-000001",
        {"market_analyst:model": {BTC: 0.1}, "breakout": {BTC: 0.4}, "ma_crossover": {}, "rsi_reversion": {}},
        {"ma_crossover": 1},
        2,
        1,
        START,
    )


class Broken:
    name = "broken"
    features = ()

    def opine(self, view: SymbolView) -> View:
        raise ValueError("no")


async def test_a_strategy_that_breaks_is_told_from_one_without_a_view(tmp_path: Path) -> None:
    journal = MemoryJournal()
    desk = make_desk(write_candles(tmp_path / "candles", bars=10), journal=journal)
    desk.context.strategies = (*desk.context.strategies, Broken())
    await run_desk(desk, bars=2)
    events: list[DeskEvent] = [event for _, event in journal.events()]
    taken = [event for event in events if isinstance(event, ViewsTaken)]
    assert [event.failed for event in taken] == [{"broken": 3}, {"broken": 3}]
    assert taken[0].stances["broken"] == {}
    assert "ma_crossover" in taken[0].stances


async def test_a_muted_strategy_opens_no_position_and_stands_in_the_record(tmp_path: Path) -> None:
    candles = write_candles(tmp_path / "candles", bars=40)
    quiet: dict[str, Any] = {"decision": {"strategies": ["ma_crossover"]}}
    free = make_desk(candles, **quiet)
    await run_desk(free)
    assert free.tally.fills, "a tape on which the strategy trades"
    muted = make_desk(candles, **quiet)
    sources = ("ma_crossover", "market_analyst:baseline", "sentiment_analyst:baseline")
    at = datetime(2020, 1, 1, tzinfo=UTC)
    for source in sources:
        muted.watch.board.observe(Observation("strategy_streak", source, 99.0, at), at)
    published: list[DeskEvent] = []
    muted.bus.subscribe(published.append)
    await run_desk(muted)
    assert muted.tally.fills == []
    assert muted.watch.paper.books["ma_crossover"].level != 1.0, "it is heard all the same, on paper"
    assert any("its breaker is open" in repr(event) for event in published)


def test_consulting_tells_a_failure() -> None:
    class View:
        stale = False
        symbol = BTC

    told = consult(Broken(), View())  # type: ignore[arg-type]
    assert isinstance(told, Abstention)
    assert told.failed
