"""Base weights in the loop: when they are found, what the blend makes of them, that a restart keeps them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.allocation import AllocationMade
from domain.errors import DataError
from domain.events import DeskEvent, Notice
from domain.money import Symbol
from graph.allocating import AllocatingPolicy, Allocator, past_returns
from graph.build import runner
from graph.context import CycleContext, equal_track
from graph.engine import CycleRunner
from graph.proposal import Base, Blend, BlendPolicy, Outcome, blend
from graph.state import CycleState
from memory.journal import MemoryJournal
from portfolio.allocation import AllocationPolicy
from portfolio.rebalancing import RebalancePolicy
from tests.unit.graph.graph_rig import SYMBOLS, make_desk, run_desk, write_candles
from tests.unit.graph.test_graph_proposal import BTC, LAST, NOW, instrument, opinion

D = Decimal
EVERY, LOOKBACK = 48, 40


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_candles(tmp_path_factory.mktemp("allocating"), bars=120)


def told(mode: str, **more: Any) -> dict[str, Any]:
    return {"allocation": {"mode": mode, "every_bars": EVERY, "lookback_bars": LOOKBACK, **more}}


def tilted(stance: float | None, tilt: str = "1", base: str = "0.2", held: str = "0", **more: Any) -> Blend:
    views = [] if stance is None else [opinion("a", stance, 1.0)]
    return blend(
        cycle_id="s-000001",
        as_of=NOW,
        views=views,
        last={BTC: LAST},
        held={BTC: D(held)},
        instruments={BTC: instrument(BTC)},
        policy=BlendPolicy(),
        track=equal_track,
        base=Base({BTC: D(base)}, D(tilt)),
        **more,
    )


@pytest.mark.parametrize(
    ("stance", "tilt", "expected"),
    [
        (None, "1", "0.2000"),
        (0.0, "1", "0.2000"),
        (0.2, "1", "0.2400"),
        (1.0, "1", "0.2500"),  # doubled, held to max_weight
        (-0.5, "1", "0.1000"),
        (-0.5, "0.5", "0.1500"),
        (-1.0, "1", "0.0000"),
        (-1.0, "0", "0.2000"),
    ],
)
def test_opinions_tilt_a_base_weight(stance: float | None, tilt: str, expected: str) -> None:
    assert tilted(stance, tilt).symbols[0].weight == D(expected)


def test_a_base_weight_is_a_target_with_a_stop_and_says_so() -> None:
    (target,) = tilted(None).proposal.targets
    assert target.stop == D("45000.00")
    assert target.reason == "base weight 20.0 %, stance +0.00, conviction 0.00"
    assert tilted(None, held="0.2").symbols[0].outcome is Outcome.HOLD


def test_a_paused_desk_does_not_grow_to_its_base_weight() -> None:
    assert tilted(None, held="0.05", reduce_only=True).proposal.targets == ()


async def test_the_first_cycle_finds_weights_and_then_the_schedule(candles: Path) -> None:
    journal = MemoryJournal()
    desk = make_desk(candles, journal=journal, **told("tilt"))
    await run_desk(desk)
    made = [event for _, event in journal.events() if isinstance(event, AllocationMade)]
    assert [event.cycle for event in made] == [1, 1 + EVERY, 1 + 2 * EVERY]
    assert [event.because for event in made] == ["the first", *["48 bars since the last"] * 2]
    assert {event.bars for event in made} == {LOOKBACK}
    assert all(sum(event.weights.values()) <= D("0.75") for event in made)
    assert desk.context.allocator is not None
    assert desk.context.allocator.newest == made[-1]


async def test_following_base_weights_trades_back_only_what_has_drifted(candles: Path) -> None:
    desk = make_desk(candles, **told("rebalance", invested_fraction="0.3"))
    await run_desk(desk, bars=3)
    allocator = desk.context.allocator
    assert allocator is not None
    assert allocator.newest is not None
    base = allocator.newest.weights
    held = {
        position.symbol: position.value / desk.portfolio.equity
        for position in desk.portfolio.positions.values()
    }
    for symbol, weight in base.items():
        # The risk analyst may argue a base weight smaller, never larger.
        assert D("0.02") < held[symbol] < weight + D("0.02")

    async def footing(cycle: int, held_now: dict[Symbol, Decimal]) -> Any:
        return await allocator.footing(
            cycle=cycle,
            as_of=desk.clock.now(),
            held=held_now,
            policy=BlendPolicy(),
            sizer=None,
            emit=desk.context.emit,
        )

    near = {symbol: weight + D("0.0499") for symbol, weight in base.items()}
    assert (await footing(4, near)).base.weights == near
    far = {**base, Symbol(SYMBOLS[0]): base[Symbol(SYMBOLS[0])] - D("0.05")}
    found = await footing(4, far)
    assert found.base == Base(base, D(0))
    assert (found.policy.max_weight, found.policy.rebalance_band) == (D("0.30"), D("0.005"))
    assert allocator.newest.cycle == 1
    # A bar that is run again after a crash goes on with the weights that are on record.
    allocator.restore([AllocationMade(4, "hrp", base, D(0), 40, "the first", "", desk.clock.now())])
    assert (await footing(4, near)).base.weights == base


async def decided(candles: Path, mode: str, **more: Any) -> tuple[str, list[DeskEvent]]:
    journal = MemoryJournal()
    desk = make_desk(candles, journal=journal, **told(mode), **more)
    await run_desk(desk)
    return desk.tally.fingerprint(), [
        event for _, event in journal.events() if isinstance(event, AllocationMade)
    ]


def graphed(context: CycleContext) -> CycleRunner:
    graph = runner(context)

    async def run(state: CycleState) -> CycleState:
        return await graph(state, state["cycle_id"])

    return run


@pytest.mark.parametrize("mode", ["tilt", "rebalance"])
async def test_the_same_tape_gives_the_same_weights_in_every_runner(candles: Path, mode: str) -> None:
    once = await decided(candles, mode)
    assert await decided(candles, mode) == once
    assert await decided(candles, mode, cycles=graphed) == once


@pytest.mark.parametrize("mode", ["tilt", "rebalance"])
async def test_a_restarted_desk_goes_on_with_its_weights(candles: Path, mode: str) -> None:
    whole = await decided(candles, mode)
    journal = MemoryJournal()
    await run_desk(make_desk(candles, journal=journal, **told(mode)), bars=60)
    past = [event for _, event in journal.events()]
    again = make_desk(candles, journal=journal, past=past, **told(mode))
    await run_desk(again)
    made = [event for _, event in journal.events() if isinstance(event, AllocationMade)]
    assert made == whole[1]


async def test_what_cannot_be_allocated_proposes_nothing_and_says_why(tmp_path: Path) -> None:
    journal = MemoryJournal()
    few = write_candles(tmp_path / "few", bars=10, warmup=12)
    desk = make_desk(few, journal=journal, **told("tilt"))
    await run_desk(desk)
    assert not desk.orders.orders
    notices = [event.message for _, event in journal.events() if isinstance(event, Notice)]
    assert len(notices) == 10
    assert "returns are too few for 3 symbols" in notices[0]


async def test_equal_weights_stand_in_when_said_so_with_a_notice(tmp_path: Path) -> None:
    journal = MemoryJournal()
    few = write_candles(tmp_path / "few", bars=10, warmup=12)
    desk = make_desk(few, journal=journal, **told("tilt", on_bad_data="equal"))
    await run_desk(desk)
    (made,) = [event for _, event in journal.events() if isinstance(event, AllocationMade)]
    assert set(made.weights.values()) == {D("0.2500")}
    assert made.fallback.startswith("equal weights instead of hrp")
    assert any(isinstance(e, Notice) and e.message == made.fallback for _, e in journal.events())


async def test_old_weights_go_on_when_new_ones_cannot_be_found(candles: Path) -> None:
    desk = make_desk(candles, **told("tilt"))
    await run_desk(desk, bars=2)
    seen: list[DeskEvent] = []
    policy = AllocatingPolicy("tilt", AllocationPolicy(), RebalancePolicy(every_bars=5), lookback_bars=4)
    allocator = Allocator(policy, desk.feed)
    more: dict[str, Any] = {"held": {}, "policy": BlendPolicy(), "sizer": None, "emit": seen.append}
    with pytest.raises(DataError, match="too few"):
        await allocator.footing(cycle=2, as_of=desk.clock.now(), **more)
    old = AllocationMade(2, "hrp", {BTC: D("0.2")}, D(0), 40, "the first", "", desk.clock.now())
    allocator.restore([old])
    for cycle in (6, 7, 8):
        found = await allocator.footing(cycle=cycle, as_of=desk.clock.now(), **more)
        assert found.base == Base(old.weights, D(1))
        assert allocator.newest == old
    assert [isinstance(event, Notice) and "old base weights go on" in event.message for event in seen] == [
        True
    ] * 2


async def test_returns_are_those_of_bars_that_all_share_up_to_now(candles: Path) -> None:
    desk = make_desk(candles)
    await run_desk(desk, bars=20)
    as_of = desk.clock.now()
    found = past_returns(desk.feed, desk.feed.symbols, as_of, 10)
    assert found.symbols == desk.feed.symbols
    assert found.values.shape == (10, 3)
    close = desk.feed.history(found.symbols[1], as_of, 11).close
    assert np.array_equal(found.values[:, 1], np.diff(close) / close[:-1])
    with pytest.raises(DataError, match="nothing to allocate"):
        past_returns(desk.feed, (), as_of, 10)
