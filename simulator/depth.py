"""The order book of the synthetic market: 20 levels a side, drawn afresh at every bar close."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

import numpy as np

from domain.instrument import Instrument
from domain.market import BookLevel, OrderBook
from domain.money import Price, Quantity
from simulator.assets import Asset

LEVELS: Final = 20
_TOUCH_SHARE: Final = 0.0001
_GAP_SHARE: Final = 0.00003


def best(close: int, spread: int) -> tuple[int, int]:
    """Best bid and ask in ticks around the close, `spread` ticks apart, both at least one tick."""
    bid = max(close - spread // 2, 1)
    return bid, bid + spread


def ladder(
    *,
    seed: tuple[int, ...],
    asset: Asset,
    instrument: Instrument,
    close: int,
    spread: int,
    stress: float,
    as_of: datetime,
) -> OrderBook:
    """The book at a close. Levels lie further apart and hold less when `stress` (1 is usual) is high.

    `close` and `spread` are in ticks. Quantities grow away from the touch; each is drawn from `seed`.
    """
    bid, ask = best(close, spread)
    gap = max(round(close * _GAP_SHARE * max(stress, 0.3)), 1)
    touch = asset.volume * _TOUCH_SHARE / max(stress, 0.3) * 10**asset.quantity_digits
    draws = np.random.default_rng(seed).lognormal(-0.18, 0.6, 2 * LEVELS)
    growth = 1.0 + 0.18 * np.arange(LEVELS)
    sizes = np.maximum(np.rint(touch * draws * np.tile(growth, 2)), 1.0).astype(np.int64).tolist()
    tick, step = instrument.tick_size, instrument.step_size
    bids = tuple(
        BookLevel(Price(Decimal(bid - at * gap) * tick), Quantity(Decimal(sizes[at]) * step))
        for at in range(LEVELS)
        if bid - at * gap > 0
    )
    asks = tuple(
        BookLevel(Price(Decimal(ask + at * gap) * tick), Quantity(Decimal(sizes[LEVELS + at]) * step))
        for at in range(LEVELS)
    )
    return OrderBook(instrument.symbol, as_of, bids, asks)
