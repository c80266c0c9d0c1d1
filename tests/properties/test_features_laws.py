"""Laws of the feature engine: bar by bar equals batch, and the future changes nothing before it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.clock import from_ns, to_ns
from domain.instrument import Instrument
from domain.market import Candle, Headline, OrderBook, Quote, Timeframe
from domain.money import Symbol
from market.bars import Bars, Column
from market.features import KINDS, FeatureEngine, FeatureSpec, compute
from market.feed import Tape
from market.incremental import MACHINES, Row
from market.instruments import spot_instrument
from market.resample import NS

BTC = Symbol("BTC/USDT")
HOUR = 3600 * NS
FIRST = int(datetime(2021, 1, 1, 5, tzinfo=UTC).timestamp()) * NS

# Every feature, short enough to be warm on a short tape.
NAMES = tuple(
    str(FeatureSpec.parse(name))
    for name in (
        "sma(5)", "ema(7)", "rsi(6)", "macd(3,7,4)", "macd_signal(3,7,4)", "macd_hist(3,7,4)",
        "bbands_upper(6,2)", "bbands_mid(6,2)", "bbands_lower(6,2)", "percent_b(6,2)", "atr(5)", "adx(4)",
        "stoch_k(6,3,2)", "stoch_d(6,3,2)", "obv", "vwap(6)", "vwap_day", "donchian_high(6)",
        "donchian_low(6)", "roc(4)", "vol(6)", "ewma_vol(6)", "volume_ratio(5)",
    )
)  # fmt: skip
LONGER = ("ema(3)@4h", "atr(2)@4h", "obv@4h", "vwap_day@4h", "macd(2,3,2)@4h", "vol(2)@4h", "sma(2)@1d")


@st.composite
def tapes(draw: st.DrawFn) -> Bars:
    """Hourly tapes of every temper: calm and wild, dear and cheap, with flat stretches, gaps, no volume."""
    count = draw(st.integers(1, 130))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1e-12, 1e-6, 0.01, 1.0, 100.0, 60_000.0]))
    wild = draw(st.sampled_from([0.0, 1e-4, 0.01, 0.2]))
    moves = rng.normal(0, wild, count)
    moves[rng.random(count) < draw(st.sampled_from([0.0, 0.3, 0.9]))] = 0.0
    close = scale * np.exp(np.cumsum(moves))
    open_ = np.concatenate((close[:1], close[:-1]))
    wick = wild * rng.random(count)
    volume = rng.exponential(1_000, count)
    volume[rng.random(count) < draw(st.sampled_from([0.0, 0.2, 1.0]))] = 0.0
    present = rng.random(count) >= draw(st.sampled_from([0.0, 0.05, 0.3]))
    present[0] = True
    at = FIRST + np.flatnonzero(present).astype(np.int64) * HOUR
    high, low = np.maximum(open_, close) * (1 + wick), np.minimum(open_, close) / (1 + wick)
    return Bars(
        symbol=BTC,
        timeframe=Timeframe.H1,
        open_ns=at,
        close_ns=at + HOUR,
        open=open_[present],
        high=high[present],
        low=low[present],
        close=close[present],
        volume=volume[present],
    )


class BarFeed:
    """Bars as a feed whose tape is not known in advance. A bar that is missing from the tape is a gap."""

    name = "bars"
    symbols = (BTC,)
    timeframe = Timeframe.H1

    def __init__(self, bars: Bars, warm_up: int) -> None:
        self.bars = bars
        self.warm_up = warm_up
        self.index = -1
        self.instruments: Mapping[Symbol, Instrument] = {BTC: spot_instrument(BTC, 100)}
        first = int(bars.close_ns[0]) + warm_up * HOUR
        self.grid = list(range(first, int(bars.close_ns[-1]) + 1, HOUR))

    @property
    def now(self) -> datetime | None:
        return from_ns(self.grid[self.index]) if self.index >= 0 else None

    def advance(self) -> datetime | None:
        if self.index + 1 >= len(self.grid):
            return None
        self.index += 1
        return self.now

    def seek(self, as_of: datetime) -> None:
        self.index = sum(moment <= to_ns(as_of) for moment in self.grid) - 1

    def bar_index(self) -> int:
        return self.index

    def row(self, symbol: Symbol) -> int:
        latest = self.grid[self.index] if self.index >= 0 else self.grid[0] - HOUR
        return self.bars.count_upto(from_ns(latest)) - 1

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        stop = min(self.row(symbol) + 1, self.bars.count_upto(as_of))
        return self.bars.slice(max(0, stop - limit), stop)

    def candle(self, symbol: Symbol) -> Candle | None:
        raise NotImplementedError("features are made from history alone")

    def quote(self, symbol: Symbol) -> Quote | None:
        raise NotImplementedError("features are made from history alone")

    def book(self, symbol: Symbol) -> OrderBook | None:
        raise NotImplementedError("features are made from history alone")

    def headlines(self, since: datetime) -> tuple[Headline, ...]:
        raise NotImplementedError("features are made from history alone")


class TapeFeed(BarFeed):
    """The same, but its whole tape is known."""

    def columns(self, symbol: Symbol) -> Bars:
        return self.bars

    def offset(self, symbol: Symbol) -> int:
        return self.bars.count_upto(from_ns(self.grid[0] - HOUR))

    def rows(self, symbol: Symbol) -> NDArray[np.int64]:
        return np.searchsorted(self.bars.close_ns, np.array(self.grid), side="right") - 1


def noise(bars: Bars, name: str) -> float:
    """How far rounding may carry a feature that can come close to zero: 1e-9 of what it is made from."""
    family = FeatureSpec.parse(name).kind.family
    if name.startswith("percent_b"):
        return 1e-6
    if family in ("macd", "atr", "bbands"):
        return 1e-9 * float(bars.close.max())
    return 1e-9


def assert_same(bars: Bars, name: str, one: Column, other: Column) -> None:
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=noise(bars, name), equal_nan=True, err_msg=name)


@given(tapes())
def test_every_indicator_bar_by_bar_equals_its_batch(bars: Bars) -> None:
    columns = (bars.open_ns, bars.high, bars.low, bars.close, bars.volume)
    rows = [Row(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]
    for name in NAMES:
        spec = FeatureSpec.parse(name)
        machine = MACHINES[spec.kind.family](spec.arguments, 3600)
        one_by_one = np.array([machine.push(row)[spec.kind.output] for row in rows])
        assert_same(bars, name, one_by_one, compute(bars, name))


@pytest.mark.parametrize("name", ["rsi(6)", "adx(4)", "stoch_k(6,3,2)", "atr(5)"])
@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1.0])
def test_a_cheap_coin_that_has_stopped_moving_is_measured_alike(name: str, scale: float) -> None:
    # Averages of moves shrink bar by bar here; neither side may call them zero before they are.
    moved = scale * np.array([1, 1.5, 1.2, 1.6, 1.1, 1.9, 1.3, 1.4, 1.2, 1.7])
    close = np.concatenate((moved, np.full(400, moved[-1])))
    at = FIRST + np.arange(len(close), dtype=np.int64) * HOUR
    bars = Bars(BTC, Timeframe.H1, at, at + HOUR, close, close, close, close, np.ones(len(close)))
    spec = FeatureSpec.parse(name)
    machine = MACHINES[spec.kind.family](spec.arguments, 3600)
    columns = (bars.open_ns, bars.high, bars.low, bars.close, bars.volume)
    rows = (Row(*values) for values in zip(*(column.tolist() for column in columns), strict=True))
    one_by_one = np.array([machine.push(row)[spec.kind.output] for row in rows])
    np.testing.assert_allclose(one_by_one, compute(bars, name), rtol=1e-9, atol=1e-12 * scale, equal_nan=True)


def walk(feed: BarFeed, names: tuple[str, ...]) -> dict[str, Column]:
    """Every value the engine answers at every step; NaN where it answers none."""
    engine = FeatureEngine(feed, names)
    seen: list[Mapping[str, float]] = []
    while feed.advance():
        engine.update()
        seen.append(engine.values(BTC))
    return {name: np.array([values.get(name, np.nan) for values in seen]) for name in names}


@given(tapes(), st.integers(0, 40))
def test_the_engine_answers_the_same_whether_or_not_it_knows_the_tape(bars: Bars, warm_up: int) -> None:
    warm_up = min(warm_up, int(bars.close_ns[-1] - bars.close_ns[0]) // HOUR)
    unknown, known = BarFeed(bars, warm_up), TapeFeed(bars, warm_up)
    assert isinstance(known, Tape)
    assert not isinstance(unknown, Tape)
    by_bar, by_tape = walk(unknown, NAMES + LONGER), walk(known, NAMES + LONGER)
    for name in NAMES + LONGER:
        assert_same(bars, name, by_bar[name], by_tape[name])
        expected = compute(bars, name)[known.rows(BTC)]
        np.testing.assert_array_equal(by_tape[name], expected, err_msg=name)


@given(tapes(), st.data())
def test_after_any_seek_values_are_those_of_an_uninterrupted_run(bars: Bars, data: st.DataObject) -> None:
    names = ("ema(7)", "rsi(6)", "atr(5)", "obv", "vwap(6)", "macd_hist(3,7,4)", "ema(3)@4h")
    whole = walk(BarFeed(bars, 0), names)
    feed = BarFeed(bars, 0)
    engine = FeatureEngine(feed, names)
    for index in data.draw(st.lists(st.integers(0, len(feed.grid) - 1), min_size=1, max_size=5)):
        feed.seek(from_ns(feed.grid[index]))
        engine.update()
        engine.update()
        for _ in range(3):
            values = engine.values(BTC)
            for name in names:
                assert values.get(name, np.nan) == pytest.approx(
                    whole[name][feed.index], rel=0, abs=0, nan_ok=True
                )
            feed.advance()
            engine.update()


@given(tapes(), st.data())
def test_changing_every_bar_after_a_moment_changes_no_value_at_it(bars: Bars, data: st.DataObject) -> None:
    known = data.draw(st.integers(1, len(bars)), label="bars known")
    factor = data.draw(st.sampled_from([0.01, 0.5, 3.0, 1_000.0]), label="what the rest is multiplied by")

    def doctored(column: Column) -> Column:
        changed = column.copy()
        changed[known:] *= factor
        return changed

    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    other = Bars(BTC, bars.timeframe, bars.open_ns, bars.close_ns, *(doctored(column) for column in columns))
    for name in NAMES + LONGER:
        np.testing.assert_array_equal(compute(bars, name)[:known], compute(other, name)[:known], err_msg=name)


def test_the_lists_of_this_file_cover_every_family() -> None:
    assert {FeatureSpec.parse(name).name for name in NAMES} == set(KINDS)
