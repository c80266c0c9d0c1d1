"""What a feed says its book holds, against the book it builds."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtest.tape import TapeFeed
from domain.market import BookLevel, Timeframe
from domain.money import Symbol
from market.bars import Bars
from market.feed import Depths
from market.instruments import spot_instrument
from market.liquidity import book_at, depth_at, liquidity, quote_at

BTC = Symbol("BTC/USDT")


def tape(volume: float, swing: float, count: int = 50) -> Bars:
    ends = np.arange(1, count + 1, dtype=np.int64) * 3_600_000_000_000
    close = np.full(count, 40_000.0)
    return Bars(
        BTC,
        Timeframe.H1,
        ends - 3_600_000_000_000,
        ends,
        close,
        close * (1 + swing),
        close * (1 - swing),
        close,
        np.full(count, volume),
    )


def worth(levels: tuple[BookLevel, ...]) -> float:
    return float(sum((level.price * level.quantity for level in levels), Decimal(0)))


@given(st.floats(100, 1e6), st.floats(0, 0.05))
def test_it_is_about_what_the_built_book_holds(volume: float, swing: float) -> None:
    bars, instrument = tape(volume, swing), spot_instrument(BTC, 40_000.0)
    model = liquidity(bars)
    quote = quote_at(bars, 49, model, instrument)
    book = book_at(bars, 49, model, instrument, quote)
    bids, asks = depth_at(bars, 49, model, quote)
    assert float(bids) == pytest.approx(worth(book.bids), rel=0.01)
    assert float(asks) == pytest.approx(worth(book.asks), rel=0.01)


def test_nothing_traded_is_nothing_there() -> None:
    bars, instrument = tape(0.0, 0.01), spot_instrument(BTC, 40_000.0)
    model = liquidity(bars)
    assert depth_at(bars, 49, model, quote_at(bars, 49, model, instrument)) == (Decimal(0), Decimal(0))


def test_a_tape_in_memory_knows_its_depth_without_a_book() -> None:
    feed = TapeFeed(tape(1000.0, 0.0), spot_instrument(BTC, 40_000.0))
    assert isinstance(feed, Depths)
    assert feed.depth(BTC) is None
    feed.advance()
    depth = feed.depth(BTC)
    assert depth is not None
    assert float(depth[0]) == pytest.approx(10 * 40_000, rel=0.01)
    assert depth[1] > depth[0]
