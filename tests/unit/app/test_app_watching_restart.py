"""The same tape gives the same transitions: in two runs, and when a run is killed and goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app.bootstrap import Desk
from domain.breakers import BreakerChanged, BreakerState
from domain.events import DeskEvent, EquityMarked
from memory.journal import MemoryJournal
from risk.breakers.recovery import RecoveryBreaker
from tests.unit.graph.graph_rig import make_desk, run_desk, write_candles

BARS = 150
NERVOUS: dict[str, Any] = {
    "drawdown_fraction": 0.004,
    "drawdown_relapse_fraction": 0.001,
    "drawdown_good_days_count": 1,
    "equity_volatility_daily_fraction": 0.004,
    "portfolio_wait_seconds": 7_200,
    "strategy_loss_fraction": 0.01,
    "strategy_relapse_fraction": 0.01,
    "strategy_good_days_count": 1,
    "strategy_streak_count": 2,
    "strategy_wait_seconds": 7_200,
    "volatility_ratio": 1.5,
    "calm_volatility_daily_fraction": 0.001,
    "price_gap_fraction": 0.0001,
    "volume_missing_fraction": 0.25,
    "spread_fraction": 0.0015,
    "slippage_allowance_fraction": 0.0001,
    "slippage_sum_ratio": 1.5,
    "order_rate_deviations_ratio": 1.5,
    "equity_jump_deviations_ratio": 1.5,
}
"""Limits so tight that an ordinary tape makes every breaker move that a tape can move."""


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_candles(tmp_path_factory.mktemp("candles"), bars=BARS, warmup=220)


def desk_on(candles: Path, journal: MemoryJournal, past: list[DeskEvent] | None = None) -> Desk:
    return make_desk(
        candles, journal=journal, past=past or [], breakers=NERVOUS, stops={}, sizing={"stages": []}
    )


def kept(journal: MemoryJournal) -> list[DeskEvent]:
    return [event for _, event in journal.events()]


def transitions(journal: MemoryJournal) -> list[BreakerChanged]:
    return [event for event in kept(journal) if isinstance(event, BreakerChanged)]


def standing(desk: Desk) -> object:
    """Everything that decides how the breakers will move."""
    board, paper = desk.watch.board, desk.watch.paper
    told = [
        (
            one.name,
            one.state,
            one.size,
            one.wait,
            one.until,
            one.changed_at,
            one.good if one.state is not BreakerState.CLOSED else 0,
            (one.high, one.low, one.base) if isinstance(one, RecoveryBreaker) else (),
        )
        for one in board.all()
        if one.changed_at is not None
    ]
    return told, paper.level, paper.books


@pytest.fixture(scope="module")
def whole(candles: Path) -> tuple[Desk, MemoryJournal]:
    """A run that nobody interrupted."""
    journal = MemoryJournal()
    desk = desk_on(candles, journal)
    asyncio.run(run_desk(desk))
    return desk, journal


def test_nearly_every_breaker_of_a_tape_moves_here(whole: tuple[Desk, MemoryJournal]) -> None:
    told = transitions(whole[1])
    moved = {event.breaker for event in told}
    assert moved >= {
        "drawdown",
        "equity_volatility",
        "order_rate",
        "slippage",
        "strategy_loss",
        "strategy_streak",
        "volatility_spike",
        "volume_collapse",
    }
    assert {event.state for event in told} == set(BreakerState)


async def test_the_same_tape_gives_the_same_transitions(
    candles: Path, whole: tuple[Desk, MemoryJournal]
) -> None:
    journal = MemoryJournal()
    desk = desk_on(candles, journal)
    await run_desk(desk)
    assert transitions(journal) == transitions(whole[1])
    assert standing(desk) == standing(whole[0])
    assert desk.tally.fingerprint() == whole[0].tally.fingerprint()


@pytest.mark.parametrize("bars", [1, 31, 32, 80, 148])
async def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    candles: Path, whole: tuple[Desk, MemoryJournal], bars: int
) -> None:
    journal = MemoryJournal()
    await run_desk(desk_on(candles, journal), bars=bars)
    again = desk_on(candles, journal, kept(journal))
    await again.orders.reconcile()
    await run_desk(again)
    assert transitions(journal) == transitions(whole[1])
    assert standing(again) == standing(whole[0])
    assert again.tally.fingerprint() == whole[0].tally.fingerprint()


async def test_a_kill_inside_a_bar_changes_nothing(candles: Path, whole: tuple[Desk, MemoryJournal]) -> None:
    """The journal ends after a transition that its bar did not live to see closed, or anywhere else."""
    events = kept(whole[1])
    changed = [i for i, event in enumerate(events) if isinstance(event, BreakerChanged)]
    assert len(changed) > 90
    for end in [*changed[::19], *range(40, len(events), 331)]:
        journal = MemoryJournal()
        for event in events[: end + 1]:
            journal.append(event)
        journal.commit()
        again = desk_on(candles, journal, kept(journal))
        await again.orders.reconcile()
        await run_desk(again, bars=BARS - again.tally.bars)
        assert transitions(journal) == transitions(whole[1]), events[end]
        assert standing(again) == standing(whole[0]), events[end]


async def test_after_a_restart_the_board_stands_before_anything_is_decided(candles: Path) -> None:
    journal = MemoryJournal()
    first = desk_on(candles, journal)
    await run_desk(first, bars=60)
    assert first.watch.board.troubled(), "pick a bar at which something is open"
    again = desk_on(candles, journal, kept(journal))
    assert standing(again) == standing(first)
    for symbol in again.feed.symbols:
        assert again.watch.board.facts(symbol) == first.watch.board.facts(symbol)
    marks = [event.at for event in kept(journal) if isinstance(event, EquityMarked)]
    assert again.feed.now == marks[-1], "restoring reads bars again, and puts the feed back"
