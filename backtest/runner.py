"""What a run came to, and a bare run of an engine to the end of its tape.

`desk run` and `desk backtest` drive the same engine through the application's session, which can be halted
and stopped, and are summed up here: one brain, two doors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from time import perf_counter
from typing import Final

from graph.engine import Engine, StepReport
from graph.tally import Tally
from portfolio.metrics import performance

BREATHE_EVERY: Final = 32
"""After so many bars whoever else shares the event loop gets a turn."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run came to. Fractions are of 1, money is in the account's currency.

    `sharpe` is annualised from daily returns (365 days); it and the other ratios are None where undefined.
    `buy_and_hold` is the return of holding every symbol in equal parts over the same bars. `wall_seconds` and
    `bars_per_second` are those of this process; everything else covers the whole session. `trials` says how
    many configurations were tried to arrive at this one.
    """

    bars: int
    cycles: int
    orders: int
    fills: int
    refusals: int
    fees: Decimal
    equity_final: Decimal
    total_return: float | None
    sharpe: float | None
    max_drawdown: float | None
    buy_and_hold: float | None
    first_bar: datetime | None
    last_bar: datetime | None
    costs: Mapping[str, str]
    trials: int
    wall_seconds: float
    bars_per_second: float
    fingerprint: str

    def as_mapping(self) -> dict[str, object]:
        """Plain values for JSON: Decimals as text in fixed point, times as ISO 8601."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


async def run_to_end(
    engine: Engine,
    *,
    costs: Mapping[str, str],
    stop: Callable[[], bool] = lambda: False,
    after_bar: Callable[[StepReport], None] | None = None,
    max_bars: int | None = None,
) -> RunSummary:
    """Step until the tape ends, `stop` says so, or `max_bars` bars of the session are done.

    Raises what the engine raises; every closed bar is then in the journal.
    """
    before = engine.tally.bars
    began = perf_counter()
    while not stop() and (max_bars is None or engine.tally.bars < max_bars):
        report = await engine.step()
        if report is None:
            break
        if after_bar is not None:
            after_bar(report)
        if report.bar % BREATHE_EVERY == 0:
            await asyncio.sleep(0)
    seconds = perf_counter() - began
    return summarize(
        engine.tally,
        equity=engine.context.portfolio.equity,
        costs=costs,
        wall_seconds=seconds,
        bars_run=engine.tally.bars - before,
    )


def summarize(
    tally: Tally,
    *,
    equity: Decimal,
    costs: Mapping[str, str],
    wall_seconds: float,
    bars_run: int,
    trials: int = 1,
) -> RunSummary:
    """The summary of what `tally` has counted. `equity` stands in while no bar was closed yet."""
    figures = performance(tally.curve) if tally.curve else None
    return RunSummary(
        bars=tally.bars,
        cycles=tally.cycles,
        orders=tally.orders,
        fills=len(tally.fills),
        refusals=len(tally.refusals),
        fees=tally.fees,
        equity_final=tally.last.equity if tally.last is not None else equity,
        total_return=figures.total_return if figures is not None else None,
        sharpe=figures.sharpe if figures is not None else None,
        max_drawdown=figures.max_drawdown if figures is not None else None,
        buy_and_hold=tally.buy_and_hold(),
        first_bar=tally.first.at if tally.first is not None else None,
        last_bar=tally.last.at if tally.last is not None else None,
        costs=dict(costs),
        trials=trials,
        wall_seconds=wall_seconds,
        bars_per_second=bars_run / wall_seconds if wall_seconds > 0.0 else 0.0,
        fingerprint=tally.fingerprint(),
    )


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat()
    return dict(value) if isinstance(value, Mapping) else value
