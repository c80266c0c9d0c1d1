"""Which feeds the contract suite runs, and how each is made.

To hold another implementation to the contract, add a case to FEEDS. `make(folder)` must answer a fresh feed
of the same tape each time it is called; `folder` is an empty directory for its files. `bars` is how many
bar closes to walk: no more than a finite tape has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from domain.market import Timeframe
from domain.money import Symbol
from market.feed import Feed
from market.replay import ReplayFeed
from simulator.synthetic import SyntheticFeed
from tests.contracts.candle_files import write_walk

BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")


@dataclass(frozen=True, slots=True)
class FeedCase:
    name: str
    make: Callable[[Path], Feed]
    bars: int


def _replay(folder: Path) -> Feed:
    write_walk(folder / "BTC-USDT.parquet", seed=1, rows=24 * 8)
    write_walk(folder / "ETH-USDT.csv", seed=2, rows=24 * 8)
    return ReplayFeed(folder, [BTC, ETH], Timeframe.H1, start=date(2021, 1, 4))


def _replay_with_gaps(folder: Path) -> Feed:
    write_walk(folder / "BTC-USDT.parquet", seed=1, rows=24 * 8, leave_out=(100, 101, 120, 130))
    write_walk(folder / "ETH-USDT.parquet", seed=2, rows=24 * 8, leave_out=(*range(90), 101, 102, 150))
    return ReplayFeed(folder, [BTC, ETH], Timeframe.H1, start=date(2021, 1, 4))


def _replay_resampled(folder: Path) -> Feed:
    write_walk(folder / "BTC-USDT.csv", seed=3, rows=24 * 60 * 2, minutes=1)
    return ReplayFeed(folder, [BTC], Timeframe.M15)


def _synthetic(folder: Path) -> Feed:
    return SyntheticFeed(7, [BTC, ETH], Timeframe.M15, datetime(2021, 1, 1, tzinfo=UTC), warmup_bars=100)


FEEDS: tuple[FeedCase, ...] = (
    FeedCase("replay", _replay, bars=120),
    FeedCase("replay with gaps", _replay_with_gaps, bars=119),
    FeedCase("replay resampled", _replay_resampled, bars=192),
    FeedCase("synthetic", _synthetic, bars=400),
)
