"""Where the risk report's prices come from: the session's market, the user's files, or the journal's marks.

The journal holds the price of every symbol at every closed bar, so it always belongs to the session; but it
begins with the session and knows no volumes. The market that the settings name reaches further back, and is
used when it is the one that the session ran on: its close at the last mark is the journal's price.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from app.bootstrap import build_feed
from app.settings import Settings
from domain.clock import to_ns
from domain.errors import DeskError
from domain.events import EquityMarked
from domain.instrument import split_symbol
from domain.money import Symbol, decimal_from
from market.candle_file import find_file, read_candles
from market.feed import Feed
from risk.measures.returns import SECOND_NS, Column, Returns, Times, aligned

PERIODS: Final = (86_400, 14_400, 3_600, 900, 300, 60)
ENOUGH: Final = 250
"""Observations that make a longer period worth its longer wait."""
MARKET: Final = "BTC"
_MOST_BARS: Final = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Closes by asset, oldest first: (close times in ns since 1970 UTC, prices), bars of `seconds`.

    `volumes` are what a day trades in quote currency, the mean of the last week; an asset whose volume is not
    known is absent. `source` says in words where they come from.
    """

    closes: Mapping[str, tuple[Times, Column]]
    volumes: Mapping[str, float]
    seconds: int
    source: str

    def returns(self, assets: Iterable[str]) -> Returns:
        """Returns over the longest period with at least ENOUGH of them, else over one bar.

        Raises DataError for an asset without prices.
        """
        chosen = {asset: self.closes.get(asset, _NONE) for asset in assets}
        for seconds in PERIODS:
            if seconds > self.seconds and seconds % self.seconds == 0:
                found = aligned(chosen, seconds)
                if len(found) >= ENOUGH:
                    return found
        return aligned(chosen, self.seconds)

    @property
    def bars(self) -> int:
        return max((len(times) for times, _ in self.closes.values()), default=0)


_NONE: Final[tuple[Times, Column]] = (np.empty(0, np.int64), np.empty(0))


def from_marks(marks: Iterable[EquityMarked], seconds: int) -> Prices:
    """The prices that the session's bars were marked at. A symbol without a price at a bar has none there."""
    times: dict[str, list[int]] = {}
    prices: dict[str, list[float]] = {}
    for mark in marks:
        at = to_ns(mark.at)
        for symbol, price in mark.prices.items():
            asset = split_symbol(symbol)[0]
            times.setdefault(asset, []).append(at)
            prices.setdefault(asset, []).append(float(price))
    closes = {asset: (np.array(at, np.int64), np.array(prices[asset])) for asset, at in times.items()}
    return Prices(closes, {}, seconds, "the journal's marks")


def from_feed(feed: Feed, as_of: datetime, source: str) -> Prices:
    """What the market shows up to `as_of`, and nothing after it."""
    closes: dict[str, tuple[Times, Column]] = {}
    volumes: dict[str, float] = {}
    for symbol in feed.symbols:
        bars = feed.history(symbol, as_of, _MOST_BARS)
        asset = split_symbol(symbol)[0]
        closes[asset] = (bars.close_ns, bars.close)
        if volume := _a_day(bars.close_ns, bars.close * bars.volume):
            volumes[asset] = volume
    return Prices(closes, volumes, feed.timeframe.seconds, source)


def from_session(
    settings: Settings, marks: list[EquityMarked], seconds: int, symbols: Iterable[Symbol]
) -> Prices:
    """The longest prices of this session: of its market where that can be told, else of its journal."""
    journal = from_marks(marks, seconds)
    if settings.mode != "paper" or not marks:
        return journal
    last = marks[-1]
    try:
        feed = build_feed(settings)
        feed.seek(last.at)
        if not set(symbols) <= set(feed.symbols):
            return journal
        market = from_feed(feed, last.at, f"the {feed.name} market of the settings")
        same = all(_ends_with(market, symbol, float(price)) for symbol, price in last.prices.items())
    except DeskError:  # no such market here: the journal needs none
        return journal
    return market if same and market.bars >= journal.bars else journal


def from_files(folder: Path, assets: Iterable[str], quote: str, stamps: str) -> Prices:
    """All that the user's candle files hold. Raises DataError as the files deserve, UnknownSymbol."""
    closes: dict[str, tuple[Times, Column]] = {}
    volumes: dict[str, float] = {}
    spacing = 0
    for asset in assets:
        path = find_file(folder, Symbol(f"{asset}/{quote}"))
        file = read_candles(path, "close" if stamps == "close" else "open", 3600)
        times = file.open_ns + file.spacing * SECOND_NS
        closes[asset] = (times, file.values["close"])
        if volume := _a_day(times, file.values["close"] * file.values["volume"]):
            volumes[asset] = volume
        spacing = max(spacing, file.spacing)
    return Prices(closes, volumes, spacing or 3600, f"the candles in {folder}")


def _ends_with(prices: Prices, symbol: Symbol, price: float) -> bool:
    _, column = prices.closes.get(split_symbol(symbol)[0], _NONE)
    return bool(len(column)) and abs(float(column[-1]) - price) <= 1e-6 * price


def _a_day(times: Times, traded: Column) -> float:
    """What a day trades, from the last week of it; zero when nothing is known."""
    if not len(times):
        return 0.0
    week = timedelta(days=7) // timedelta(seconds=1) * SECOND_NS
    recent = traded[times > times[-1] - week]
    first = times[len(times) - len(recent)]
    days = float(times[-1] - first) / (86_400 * SECOND_NS)
    return float(decimal_from(float(recent.sum()))) / days if days > 0.0 else 0.0
