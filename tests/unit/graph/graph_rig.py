"""A whole desk on a small seeded tape: the real rooms, no database, no network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from app.bootstrap import Desk, build_desk
from app.settings import Settings
from domain.ports import Journal
from graph.context import CycleContext
from graph.engine import CycleRunner
from graph.inline import run_inline
from memory.journal import MemoryJournal
from memory.records import MemoryRecords

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
PRICES = {"BTC/USDT": 30_000.0, "ETH/USDT": 1_000.0, "SOL/USDT": 20.0}
START = "2021-01-03"


def write_candles(
    folder: Path, bars: int = 160, seed: int = 5, symbols: tuple[str, ...] = SYMBOLS, warmup: int = 48
) -> Path:
    """Hourly candles of a trending random walk for each symbol; `warmup` bars lie before START."""
    folder.mkdir(parents=True, exist_ok=True)
    count = bars + warmup
    first = pd.Timestamp(START, tz="UTC") - pd.Timedelta(hours=warmup)
    for index, symbol in enumerate(symbols):
        random = np.random.Generator(np.random.PCG64([seed, index]))
        drift = 0.003 * np.sin(np.arange(count) / 15.0 + index)
        close = PRICES[symbol] * np.exp(np.cumsum(drift + random.standard_normal(count) * 0.006))
        open_ = np.concatenate(([PRICES[symbol]], close[:-1]))
        reach = np.abs(random.standard_normal((2, count))) * 0.003
        pd.DataFrame(
            {
                "timestamp": pd.date_range(first, periods=count, freq="h"),
                "open": open_,
                "high": np.maximum(open_, close) * (1 + reach[0]),
                "low": np.minimum(open_, close) * (1 - reach[1]),
                "close": close,
                "volume": random.lognormal(9.0, 0.4, count),
            }
        ).to_parquet(folder / f"{symbol.replace('/', '-')}.parquet")
    return folder


def settings_for(candles: Path, **sections: dict[str, Any]) -> Settings:
    told: dict[str, Any] = {
        "session": {"timeframe": "1h"},
        "market": {"source": "replay", "candles": candles, "start": START},
    }
    for name, values in sections.items():
        told[name] = {**told.get(name, {}), **values}
    return Settings.model_validate(told)


def inline(context: CycleContext) -> CycleRunner:
    return partial(run_inline, context)


def make_desk(
    candles: Path,
    *,
    name: str = "test",
    cycles: Callable[[CycleContext], CycleRunner] = inline,
    journal: Journal | None = None,
    **more: Any,
) -> Desk:
    sections = {key: more.pop(key) for key in tuple(more) if key in Settings.model_fields}
    return build_desk(
        settings_for(candles, **sections),
        session=name,
        journal=journal or MemoryJournal(),
        records=MemoryRecords(),
        cycles=cycles,
        **more,
    )


async def run_desk(desk: Desk, bars: int | None = None) -> None:
    """Step to the end of the tape, or so many bars."""
    done = 0
    while (bars is None or done < bars) and await desk.engine.step() is not None:
        done += 1
