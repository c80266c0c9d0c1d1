"""A modelled spread and book for tapes that carry only candles. What it makes is marked `estimated`.

The model is plain and causal: it reads only bars up to the one it stands on.

- Half of the spread, as a fraction of the close, is 0.5 basis points plus 0.5 % of the usual bar range
  (mean of (high - low) / close over the last 20 bars, scaled to one hour by the square root of time, the
  way a range grows), at most 20 basis points.
- One side of the book rests 1 % of the usual hourly volume (mean over the last 24 bars), on 20 levels
  one half-spread apart, growing linearly away from the touch, as books of liquid spot markets do near it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import sqrt

import numpy as np

from domain.clock import from_ns
from domain.instrument import Instrument
from domain.market import BookLevel, OrderBook, Quote
from domain.money import Price, Quantity
from market.bars import Bars, Column

LEVELS = 20
_FLOOR, _CEILING = 0.5e-4, 20e-4
_RANGE_SHARE, _RANGE_BARS = 0.005, 20
_VOLUME_SHARE, _VOLUME_BARS = 0.01, 24
_HOUR = 3600
# Level k (from 0) holds (k + 1) parts of 1 + 2 + ... + 20.
_PARTS = LEVELS * (LEVELS + 1) // 2


@dataclass(frozen=True, slots=True, eq=False)
class Liquidity:
    """For each bar: half the spread as a fraction of the close, and the base volume resting on a side."""

    half_spread: Column
    depth: Column


def _trailing_mean(values: Column, window: int) -> Column:
    """The mean of up to `window` values ending at each row."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    stop = np.arange(1, len(values) + 1)
    start = np.maximum(stop - window, 0)
    means: Column = (sums[stop] - sums[start]) / (stop - start)
    # Subtracting sums can leave a hair below zero where every value is zero.
    return np.maximum(means, 0.0)


def liquidity(bars: Bars) -> Liquidity:
    """The model's spread and depth at every bar."""
    hours = bars.timeframe.seconds / _HOUR
    usual_range = _trailing_mean((bars.high - bars.low) / bars.close, _RANGE_BARS) / sqrt(hours)
    half = np.minimum(_FLOOR + _RANGE_SHARE * usual_range, _CEILING)
    depth = _VOLUME_SHARE * _trailing_mean(bars.volume, _VOLUME_BARS) / hours
    return Liquidity(half, depth)


def quote_at(bars: Bars, row: int, model: Liquidity, instrument: Instrument) -> Quote:
    """The modelled quote at the close of bar `row`, snapped outward to the tick grid."""
    close, half = float(bars.close[row]), float(model.half_spread[row])
    last = instrument.price(close)
    tick = instrument.tick_size
    bid = min(_down(close * (1 - half), tick), last)
    ask = max(_up(close * (1 + half), tick), last)
    if bid <= 0:  # a price of one or two ticks has no room below
        bid = tick
    if ask <= bid:
        ask = bid + tick
    return Quote(
        symbol=bars.symbol,
        bid=Price(bid),
        ask=Price(ask),
        last=last,
        as_of=from_ns(int(bars.close_ns[row])),
        estimated=True,
    )


def _down(value: float, tick: Decimal) -> Decimal:
    return (Decimal(repr(value)) / tick).quantize(Decimal(1), rounding=ROUND_FLOOR) * tick


def _up(value: float, tick: Decimal) -> Decimal:
    return (Decimal(repr(value)) / tick).quantize(Decimal(1), rounding=ROUND_CEILING) * tick


def book_at(bars: Bars, row: int, model: Liquidity, instrument: Instrument, quote: Quote) -> OrderBook:
    """The modelled book at the close of bar `row`, around `quote`; levels that hold nothing are left out."""
    gap = _up(float(bars.close[row]) * float(model.half_spread[row]), instrument.tick_size)
    step = instrument.step_size
    depth_steps = float(model.depth[row]) / float(step)
    bids: list[BookLevel] = []
    asks: list[BookLevel] = []
    for level in range(LEVELS):
        quantity = Quantity(int(depth_steps * (level + 1) / _PARTS) * step)
        if not quantity:
            continue
        away = gap * level
        if quote.bid > away:
            bids.append(BookLevel(Price(quote.bid - away), quantity))
        asks.append(BookLevel(Price(quote.ask + away), quantity))
    return OrderBook(bars.symbol, quote.as_of, tuple(bids), tuple(asks), estimated=True)


def depth_at(bars: Bars, row: int, model: Liquidity, quote: Quote) -> tuple[Decimal, Decimal]:
    """What the book of bar `row` holds on bids and asks in quote currency, but for rounding to the grids.

    Level k lies k half-spreads from the touch and holds (k + 1) parts, so the average unit lies 12.67 away.
    """
    away = float(bars.close[row]) * float(model.half_spread[row]) * _AVERAGE_LEVEL
    depth = float(model.depth[row])
    bids = max(depth * (float(quote.bid) - away), 0.0)
    return Decimal(repr(bids)), Decimal(repr(depth * (float(quote.ask) + away)))


_AVERAGE_LEVEL = sum(level * (level + 1) for level in range(LEVELS)) / _PARTS
