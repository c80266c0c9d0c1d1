"""Longer bars from shorter ones, without look-ahead."""

from __future__ import annotations

import numpy as np

from domain.errors import ConfigError
from domain.market import Timeframe
from market.bars import Bars, Times

NS = 1_000_000_000


def bucket_open(times_ns: Times, seconds: int) -> Times:
    """The opening time of the bucket each time falls into; buckets of `seconds` are aligned to 1970 UTC."""
    length = seconds * NS
    return times_ns - times_ns % length


def resample(bars: Bars, timeframe: Timeframe, spacing: int | None = None) -> Bars:
    """The bars of `timeframe` that are complete in `bars`.

    A longer bar exists once the last of its shorter bars has closed and only when none of them is
    missing; the first and the last bucket and every bucket with a gap are left out rather than guessed.
    `spacing` is the length of the shorter bars in seconds when it is none of the named timeframes.
    ConfigError when `timeframe` is not a whole multiple of it.
    """
    shorter = bars.timeframe.seconds if spacing is None else spacing
    each, rest = divmod(timeframe.seconds, shorter)
    if rest or not each:
        raise ConfigError(
            f"{bars.symbol}: bars of {shorter} s cannot be made into {timeframe}",
            fix="Ask for a timeframe that is a whole multiple of the data's",
        )
    opens = bucket_open(bars.open_ns, timeframe.seconds)
    first = np.flatnonzero(np.diff(opens, prepend=np.int64(-1)))
    counts = np.diff(first, append=len(opens))
    whole = counts == each
    first = first[whole]
    last = first + each - 1
    if not len(first):
        nothing = bars.slice(0, 0)
        return Bars(
            bars.symbol,
            timeframe,
            nothing.open_ns,
            nothing.close_ns,
            nothing.open,
            nothing.high,
            nothing.low,
            nothing.close,
            nothing.volume,
        )
    rows = first[:, None] + np.arange(each)
    return Bars(
        symbol=bars.symbol,
        timeframe=timeframe,
        open_ns=opens[first],
        close_ns=opens[first] + timeframe.seconds * NS,
        open=bars.open[first],
        high=bars.high[rows].max(axis=1),
        low=bars.low[rows].min(axis=1),
        close=bars.close[last],
        volume=bars.volume[rows].sum(axis=1),
    )
