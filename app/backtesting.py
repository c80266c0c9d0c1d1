"""A backtest: the same wiring and the same engine as a run, in memory, without a model."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from app.bootstrap import Desk, build_desk, costs_of
from app.session import SessionRun
from app.settings import Settings

if TYPE_CHECKING:
    from graph.context import CycleContext
    from graph.engine import CycleRunner

SESSION = "backtest"


async def backtest(settings: Settings, *, bars: int | None = None) -> dict[str, object]:
    """Run to the end of the tape, or for `bars` bars, and sum up. Raises what a run raises."""
    from backtest.runner import summarize

    desk = in_memory(settings)
    run = SessionRun(desk, bars=bars)
    started = time.perf_counter()
    await run.start()
    await run.run(None)
    seconds = time.perf_counter() - started
    await run.close()
    told = summarize(
        desk.tally,
        equity=desk.portfolio.equity,
        costs=costs_of(settings),
        wall_seconds=seconds,
        bars_run=desk.tally.bars,
    )
    return told.as_mapping()


def in_memory(settings: Settings) -> Desk:
    """A desk that keeps nothing on disk and asks no model, its cycles run inline."""
    from graph.inline import run_inline
    from memory.journal import MemoryJournal
    from memory.records import MemoryRecords

    def inline(context: CycleContext) -> CycleRunner:
        return partial(run_inline, context)

    return build_desk(
        settings, session=SESSION, journal=MemoryJournal(), records=MemoryRecords(), cycles=inline
    )
