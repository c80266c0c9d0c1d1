"""Laws of the synthetic market, for any seed, place and length."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.market import Headline, Timeframe
from domain.money import Symbol
from simulator.blocks import BLOCK_BARS
from simulator.synthetic import SyntheticFeed

START = datetime(2024, 3, 1, tzinfo=UTC)
BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
seeds = st.integers(0, 2**31)
frames = st.sampled_from(Timeframe)


def feed(seed: int, timeframe: Timeframe, warmup: int = 30) -> SyntheticFeed:
    return SyntheticFeed(seed, (BTC, ETH), timeframe, START, warmup)


@settings(max_examples=20)
@given(seeds, frames)
def test_bars_are_whole_and_on_the_grid(seed: int, timeframe: Timeframe) -> None:
    market = feed(seed, timeframe)
    market.seek(START + 1500 * timeframe.delta)
    for symbol in market.symbols:
        bars = market.history(symbol, START + 9999 * timeframe.delta, 5000)
        assert len(bars) == 1530
        assert np.all(bars.low > 0)
        assert np.all(bars.low <= np.minimum(bars.open, bars.close))
        assert np.all(bars.high >= np.maximum(bars.open, bars.close))
        assert np.all(bars.volume >= 0)
        assert np.all(np.diff(bars.close_ns) == timeframe.seconds * 10**9)
        assert np.all(bars.open_ns[1:] == bars.close_ns[:-1])
        ticks = bars.close * 100
        assert np.all(np.abs(ticks - np.rint(ticks)) < 1e-4)


@settings(max_examples=15)
@given(seeds, frames, st.integers(1, 2 * BLOCK_BARS + 40))
def test_seek_shows_what_an_uninterrupted_run_saw_there(seed: int, timeframe: Timeframe, steps: int) -> None:
    walked, sought = feed(seed, timeframe), feed(seed, timeframe)
    for _ in range(steps):
        walked.advance()
    now = walked.now
    assert now == START + steps * timeframe.delta
    sought.seek(now + timeframe.delta / 2)
    assert (sought.now, sought.bar_index()) == (now, steps - 1)
    for symbol in walked.symbols:
        assert sought.candle(symbol) == walked.candle(symbol)
        assert sought.quote(symbol) == walked.quote(symbol)
        assert sought.book(symbol) == walked.book(symbol)
    since = now - 50 * timeframe.delta
    assert sought.headlines(since) == walked.headlines(since)
    assert sought.advance() == walked.advance()
    assert sought.candle(BTC) == walked.candle(BTC)


@settings(max_examples=15)
@given(seeds, frames, st.integers(1, 1200))
def test_nothing_from_the_future_is_shown(seed: int, timeframe: Timeframe, steps: int) -> None:
    market = feed(seed, timeframe)
    market.seek(START + steps * timeframe.delta)
    now = market.now
    assert now is not None
    bars = market.history(BTC, now + timedelta(days=900), 10)
    candle = market.candle(BTC)
    assert candle is not None
    assert bars.candle(-1, market.instruments[BTC]) == candle
    assert candle.close_time == now
    for headline in market.headlines(START - timedelta(days=900)):
        assert headline.published_at < headline.available_at <= now
    earlier = market.history(BTC, now - 3 * timeframe.delta, 10)
    assert np.array_equal(earlier.close[-5:], market.history(BTC, now, 8).close[:5])


@settings(max_examples=15)
@given(seeds, st.integers(0, 1500), st.integers(1, 200))
def test_headlines_come_once_each_in_order(seed: int, steps: int, stride: int) -> None:
    market = feed(seed, Timeframe.H1)
    market.seek(START + steps * timedelta(hours=1))
    since = market.now or START
    whole = since
    pieces: list[Headline] = []
    for _ in range(4):
        for _ in range(stride):
            market.advance()
        now = market.now
        assert now is not None
        pieces += market.headlines(since)
        since = now
    assert tuple(pieces) == market.headlines(whole)
    times = [headline.available_at for headline in pieces]
    assert times == sorted(times)
    assert len({headline.headline_id for headline in pieces}) == len(pieces)


@settings(max_examples=10)
@given(seeds, frames)
def test_the_book_stands_around_the_close(seed: int, timeframe: Timeframe) -> None:
    market = feed(seed, timeframe)
    for _ in range(5):
        market.advance()
        for symbol in market.symbols:
            book, quote = market.book(symbol), market.quote(symbol)
            assert book is not None
            assert quote is not None
            assert (book.bids[0].price, book.asks[0].price) == (quote.bid, quote.ask)
            assert quote.bid <= quote.last <= quote.ask
            assert quote.bid < quote.ask
            assert len(book.bids) == len(book.asks) == 20
            assert list(book.bids) == sorted(book.bids, key=lambda level: -level.price)
            assert list(book.asks) == sorted(book.asks, key=lambda level: level.price)
            assert all(level.quantity > 0 for level in (*book.bids, *book.asks))
