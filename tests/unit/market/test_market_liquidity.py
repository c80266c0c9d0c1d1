"""The modelled spread and book."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from domain.market import Timeframe
from domain.money import Symbol
from market.bars import Bars
from market.instruments import spot_instrument
from market.liquidity import book_at, liquidity, quote_at
from market.resample import NS

BTC = Symbol("BTC/USDT")


def bars(
    close: float, *, span: float, volume: float, count: int = 40, timeframe: Timeframe = Timeframe.H1
) -> Bars:
    """Equal bars: close in the middle of a range of `span` times the close."""
    at = np.arange(count, dtype=np.int64) * timeframe.seconds * NS
    flat = np.full(count, close)
    half = span / 2
    return Bars(
        BTC,
        timeframe,
        at,
        at + timeframe.seconds * NS,
        flat,
        flat * (1 + half),
        flat * (1 - half),
        flat,
        np.full(count, volume),
    )


def test_the_spread_grows_with_the_range_up_to_a_ceiling() -> None:
    calm, wild, mad = (
        float(liquidity(bars(100, span=span, volume=1)).half_spread[-1]) for span in (0.0, 0.01, 0.9)
    )
    assert calm == pytest.approx(0.5e-4)
    assert wild == pytest.approx(1.0e-4)
    assert mad == pytest.approx(20e-4)


def test_the_same_market_has_the_same_spread_on_longer_bars() -> None:
    hourly = liquidity(bars(100, span=0.01, volume=100)).half_spread[-1]
    four_hours = liquidity(bars(100, span=0.02, volume=400, timeframe=Timeframe.H4))
    assert four_hours.half_spread[-1] == pytest.approx(hourly)
    assert four_hours.depth[-1] == pytest.approx(1.0)


def test_a_side_of_the_book_holds_one_percent_of_the_usual_hourly_volume() -> None:
    tape = bars(100, span=0.01, volume=1_000)
    instrument, model = spot_instrument(BTC, 100), liquidity(tape)
    quote = quote_at(tape, 39, model, instrument)
    book = book_at(tape, 39, model, instrument, quote)
    for side in (book.bids, book.asks):
        assert len(side) == 20
        assert sum(level.quantity for level in side) == pytest.approx(Decimal(10), rel=Decimal("0.02"))
        assert side[-1].quantity > side[0].quantity
    assert book.estimated
    assert quote.estimated
    assert float(quote.ask - quote.bid) == pytest.approx(2 * 100 * 1e-4, abs=0.002)


def test_a_market_without_volume_has_an_empty_book() -> None:
    tape = bars(100, span=0.01, volume=0)
    instrument, model = spot_instrument(BTC, 100), liquidity(tape)
    book = book_at(tape, 39, model, instrument, quote_at(tape, 39, model, instrument))
    assert book.bids == book.asks == ()


def test_a_price_of_one_tick_still_has_a_spread() -> None:
    tape = bars(0.001, span=0.0, volume=1e6)
    instrument, model = spot_instrument(BTC, 100), liquidity(tape)
    assert instrument.tick_size == Decimal("0.001")
    quote = quote_at(tape, 39, model, instrument)
    assert quote.bid == Decimal("0.001")
    assert quote.ask == Decimal("0.002")
    book = book_at(tape, 39, model, instrument, quote)
    assert all(level.price > 0 for level in book.bids)
