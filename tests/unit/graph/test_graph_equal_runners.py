"""LangGraph, with and without checkpoints, decides what the inline runner decides."""

from __future__ import annotations

from pathlib import Path

from domain.events import DeskEvent, IntentRefused, OpinionGiven, ProposalMade
from domain.orders import OrderIntent
from graph.build import runner
from graph.checkpoints import CheckpointedRunner, open_checkpoints
from graph.context import CycleContext
from graph.engine import CycleRunner
from graph.state import CycleState
from tests.unit.graph.graph_rig import inline, make_desk, run_desk, write_candles


def plain_graph(context: CycleContext) -> CycleRunner:
    graph = runner(context)

    async def run(state: CycleState) -> CycleState:
        return await graph(state, state["cycle_id"])

    return run


class Decisions:
    """Everything a run decided, in order; the verdicts with their reasons."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.intents: list[OrderIntent] = []

    def listen(self, event: DeskEvent) -> None:
        if isinstance(event, (OpinionGiven, ProposalMade, IntentRefused)):
            self.seen.append(event)


async def decisions(candles: Path, cycles, **sections) -> tuple[list[object], list[OrderIntent], str]:  # type: ignore[no-untyped-def]  # settings as keywords
    told = Decisions()
    desk = make_desk(candles, cycles=cycles, **sections)
    desk.bus.subscribe(told.listen)
    await run_desk(desk)
    desk.portfolio.check()
    intents = [order.intent for order in desk.orders.orders.values()]
    return told.seen, intents, desk.tally.fingerprint()


async def test_the_graph_decides_what_the_inline_runner_decides(tmp_path: Path) -> None:
    # Narrow limits, so that both reviews have something to refuse as well.
    narrow = {
        "risk": {"max_gross_exposure_equity_fraction": "0.3", "allowed_symbols": ["BTC/USDT", "ETH/USDT"]}
    }
    candles = write_candles(tmp_path / "candles", bars=160)
    expected = await decisions(candles, inline, **narrow)
    found = await decisions(candles, plain_graph, **narrow)
    assert found == expected
    opinions, intents, _ = expected
    assert len(intents) > 20
    assert any(isinstance(event, IntentRefused) for event in opinions)


async def test_checkpoints_change_no_decision(tmp_path: Path) -> None:
    candles = write_candles(tmp_path / "candles", bars=80)
    expected = await decisions(candles, inline)
    async with open_checkpoints(tmp_path / "checkpoints.sqlite") as saver:
        found = await decisions(
            candles, lambda context: CheckpointedRunner(runner(context, saver), saver, keep=10)
        )
    assert found == expected
