"""The summary of a run: all the figures, in plain values, the same whichever way the run went."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from backtest.runner import RunSummary, run_to_end, summarize
from domain.money import Symbol
from graph.tally import Tally, equal_hold, plain
from portfolio.metrics import performance
from tests.unit.graph.graph_rig import make_desk, run_desk, write_candles

COSTS = {"taker": "0.001"}
PROMISED = {
    "bars",
    "cycles",
    "orders",
    "fills",
    "refusals",
    "fees",
    "equity_final",
    "total_return",
    "sharpe",
    "max_drawdown",
    "wall_seconds",
    "bars_per_second",
    "fingerprint",
    "buy_and_hold",
    "first_bar",
    "last_bar",
    "costs",
    "trials",
}


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_candles(tmp_path_factory.mktemp("candles"), bars=100)


async def run(candles: Path, **more: int) -> RunSummary:
    return await run_to_end(make_desk(candles).engine, costs=COSTS, **more)  # type: ignore[arg-type]  # max_bars


async def test_a_run_tells_every_promised_figure_as_plain_json(candles: Path) -> None:
    told = (await run(candles)).as_mapping()
    assert set(told) == PROMISED
    assert json.loads(json.dumps(told)) == told
    assert (told["bars"], told["cycles"], told["trials"], told["costs"]) == (100, 100, 1, COSTS)


async def test_the_figures_are_those_of_the_books(candles: Path) -> None:
    desk = make_desk(candles)
    told = await run_to_end(desk.engine, costs=COSTS)
    figures = performance(desk.tally.curve)
    assert (told.total_return, told.sharpe) == (figures.total_return, figures.sharpe)
    assert told.equity_final == desk.portfolio.equity
    assert told.fees == desk.portfolio.fees_paid
    filled = sum(order.filled for order in desk.orders.orders.values())
    assert sum(fill.quantity for fill in desk.tally.fills) == filled
    assert told.fills == len(desk.tally.fills) > 0


async def test_a_run_in_two_parts_is_the_run_in_one(candles: Path) -> None:
    whole = await run(candles)
    desk = make_desk(candles)
    part = await run_to_end(desk.engine, costs=COSTS, max_bars=37)
    assert part.bars == 37
    rest = await run_to_end(desk.engine, costs=COSTS)
    own = ("wall_seconds", "bars_per_second")
    assert {k: v for k, v in rest.as_mapping().items() if k not in own} == {
        k: v for k, v in whole.as_mapping().items() if k not in own
    }


async def test_a_stop_ends_the_run_between_two_bars(candles: Path) -> None:
    desk = make_desk(candles)
    reports: list[int] = []
    told = await run_to_end(
        desk.engine,
        costs=COSTS,
        stop=lambda: len(reports) == 12,
        after_bar=lambda report: reports.append(report.bar),
    )
    assert reports == list(range(12))
    assert told.bars == 12


def test_before_the_first_bar_there_is_nothing_to_tell() -> None:

    told = summarize(Tally(), equity=Decimal(10), costs={}, wall_seconds=0.0, bars_run=0)
    assert (told.bars, told.equity_final, told.sharpe, told.buy_and_hold) == (0, Decimal(10), None, None)
    assert (told.first_bar, told.bars_per_second) == (None, 0.0)


async def test_the_fingerprint_changes_with_any_fill_refusal_or_final_equity(candles: Path) -> None:

    desk = make_desk(candles)
    await run_desk(desk)
    tally = desk.tally
    told = {tally.fingerprint()}
    fill = tally.fills[3]
    for changed in (
        replace(fill, price=fill.price + Decimal("0.01")),  # type: ignore[arg-type]  # a price all the same
        replace(fill, fee=replace(fill.fee, amount=fill.fee.amount + Decimal("0.00000001"))),
        replace(fill, filled_at=tally.fills[4].filled_at.replace(microsecond=7)),
    ):
        tally.fills[3] = changed
        told.add(tally.fingerprint())
    tally.fills[3] = replace(fill, fill_id="another", client_id="another")
    told.add(tally.fingerprint())  # names are not part of it: as the first
    assert len(told) == 4


def test_equal_numbers_are_equal_text() -> None:

    assert {plain(Decimal(text)) for text in ("100", "1E2", "100.00")} == {"100"}
    assert plain(Decimal("0.10")) == "0.1"


def test_buy_and_hold_is_the_mean_over_the_symbols_priced_at_both_ends() -> None:

    a, b, c = (Symbol(f"{name}/USDT") for name in "ABC")
    assert equal_hold({a: Decimal(1), b: Decimal(2)}, {a: Decimal(3), b: Decimal(2), c: Decimal(9)}) == 1.0
    assert equal_hold({}, {a: Decimal(3)}) is None
