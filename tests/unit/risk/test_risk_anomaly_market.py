"""The measures of a market: moves, gaps, volume, spread, pegs, and bars that cannot be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isnan, log, sqrt
from typing import Any

import pytest

from domain.market import Candle, Quote, Timeframe
from domain.money import Price, Symbol
from risk.anomalies.market import MarketSensor, Windows, spread_of

BTC = Symbol("BTC/USDT")
START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
CALM = 0.6745 * 0.024 * sqrt(1 / 24)
"""The usual move of an hour on a day of 2.4 % volatility."""


class Tape:
    """Hourly bars, each opening where the last one closed unless told otherwise."""

    def __init__(self, symbol: Symbol = BTC, close: float = 100.0) -> None:
        self.sensor = MarketSensor(
            symbol, Timeframe.H1, calm_daily_fraction=0.024, spread_fraction=0.01, spread_ratio=8.0
        )
        self.symbol = symbol
        self.close = close
        self.at = START

    def candle(self, close: float, *, opened: float | None = None, volume: float = 10.0) -> Candle:
        opened = self.close if opened is None else opened
        self.at += HOUR
        told = {
            "open": opened,
            "high": max(opened, close),
            "low": min(opened, close),
            "close": close,
            "volume": volume,
        }
        self.close = close
        numbers: dict[str, Any] = {name: Decimal(repr(number)) for name, number in told.items()}
        return Candle(self.symbol, Timeframe.H1, self.at - HOUR, self.at, **numbers)

    def bar(self, close: float, *, opened: float | None = None, volume: float = 10.0) -> dict[str, float]:
        return dict(self.sensor.bar(self.candle(close, opened=opened, volume=volume)))

    def calm(self, bars: int = 200, move: float = 0.001) -> Tape:
        """Up and down by `move`, in turn."""
        for index in range(bars):
            self.bar(100.0 * (1 + move * (index % 2)))
        return self


def quote(bid: str, ask: str) -> Quote:
    return Quote(BTC, Price(Decimal(bid)), Price(Decimal(ask)), Price(Decimal(bid)), START)


@pytest.mark.parametrize(
    ("timeframe", "usual", "latest", "stride"),
    [
        (Timeframe.M1, 1000, 60, 62),
        (Timeframe.M15, 672, 16, 42),
        (Timeframe.H1, 168, 4, 10),
        (Timeframe.D1, 96, 4, 6),
    ],
)
def test_the_usual_is_a_week_and_the_latest_four_hours_within_bounds(
    timeframe: Timeframe, usual: int, latest: int, stride: int
) -> None:
    windows = Windows.of(timeframe)
    assert (windows.usual, windows.latest, windows.stride) == (usual, latest, stride)
    assert windows.memory == usual + latest + 2 * stride


def test_the_usual_is_known_from_half_a_week_on_at_the_next_aligned_bar() -> None:
    tape = Tape()
    first = next(bar for bar in range(1, 200) if "volatility_spike" in tape.bar(100.0))
    closed = int(tape.at.timestamp()) // 3600
    assert (closed - 1) % 10 == 0, "it was taken at the bar before, a multiple of the stride"
    assert 1 + 4 + 84 < first <= 1 + 4 + 84 + 10


def test_a_calm_day_of_a_longer_bar_is_still_a_day() -> None:
    def spike(timeframe: Timeframe) -> float:
        sensor = MarketSensor(
            BTC, timeframe, calm_daily_fraction=0.024, spread_fraction=0.01, spread_ratio=8.0
        )
        tape = Tape()
        told: dict[str, float] = {}
        for index in range(300):
            close = 101.0 if index == 299 else 100.0
            at = START + (index + 1) * timeframe.delta
            candle = replace(tape.candle(close), close_time=at)
            told = dict(sensor.bar(candle))
        return told["volatility_spike"]

    assert spike(Timeframe.D1) == pytest.approx(log(1.01) / 2 / (0.6745 * 0.024), rel=1e-6)
    assert spike(Timeframe.H4) == pytest.approx(log(1.01) / 2 / (0.6745 * 0.024 / sqrt(6)), rel=1e-6)


def test_a_clean_series_measures_little() -> None:
    told = Tape().calm(move=0.004).bar(100.0)
    assert told["data_quality"] == 0.0
    assert told["price_gap"] == 0.0
    assert told["volatility_spike"] == pytest.approx(1.0, rel=0.01)
    assert told["volume_collapse"] == pytest.approx(0.0)


def test_nothing_is_a_spike_while_the_usual_is_unknown() -> None:
    tape = Tape()
    assert "volatility_spike" not in tape.bar(100.0)
    assert "volatility_spike" not in tape.bar(200.0)
    assert "volume_collapse" not in tape.bar(100.0)


def test_a_spike_is_the_root_mean_square_of_the_latest_moves_over_the_usual_one() -> None:
    tape = Tape().calm(move=0.01)
    usual = log(1.01)
    told = tape.bar(tape.close * 1.2)
    latest = [usual, usual, usual, log(1.2)]
    expected = sqrt(sum(move * move for move in latest) / 4) / usual
    assert told["volatility_spike"] == pytest.approx(expected, rel=1e-3)


def test_one_huge_bar_and_an_hour_of_large_ones_are_told_alike() -> None:
    one, many = Tape().calm(move=0.01), Tape().calm(move=0.01)
    spike = one.bar(one.close * 1.10)["volatility_spike"]
    for _ in range(4):
        slow = many.bar(many.close * 1.048)["volatility_spike"]
    assert slow == pytest.approx(spike, rel=0.1)


def test_a_spike_passes_when_it_is_no_longer_among_the_latest() -> None:
    tape = Tape().calm(move=0.01)
    told = [tape.bar(tape.close * 1.2)["volatility_spike"]]
    told += [tape.bar(tape.close * 1.01)["volatility_spike"] for _ in range(4)]
    assert told[3] > 5.0
    assert told[4] < 1.1


def test_a_wick_counts_as_a_move() -> None:
    tape = Tape().calm(move=0.01)
    candle = tape.candle(tape.close)
    deep = replace(candle, low=Price(candle.low * Decimal("0.8")))
    assert dict(tape.sensor.bar(deep))["volatility_spike"] > 5.0


def test_a_level_shift_of_volatility_is_a_spike_until_it_is_the_usual() -> None:
    tape = Tape().calm(move=0.01)
    told = [tape.bar(100.0 * (1 + 0.08 * (index % 2)))["volatility_spike"] for index in range(200)]
    assert told[10] > 7.0
    assert told[-1] == pytest.approx(1.0, rel=0.05)


def test_a_constant_series_is_measured_against_a_calm_day() -> None:
    tape = Tape().calm(move=0.0)
    assert tape.bar(100.0)["volatility_spike"] == 0.0
    told = tape.bar(101.0)["volatility_spike"]
    assert told == pytest.approx(log(1.01) / 2 / CALM, rel=1e-6)


def test_a_gap_is_between_the_last_close_and_the_next_open() -> None:
    tape = Tape().calm()
    assert tape.bar(97.0, opened=tape.close * 0.97)["price_gap"] == pytest.approx(0.03)
    assert tape.bar(97.0, opened=tape.close * 1.05)["price_gap"] == pytest.approx(0.05)


@pytest.mark.parametrize(("volume", "missing"), [(10.0, 0.0), (1.0, 0.9), (0.0, 1.0), (30.0, -2.0)])
def test_volume_is_missing_against_the_usual_one(volume: float, missing: float) -> None:
    tape = Tape().calm()
    for _ in range(4):
        told = tape.bar(100.0, volume=volume)
    assert told["volume_collapse"] == pytest.approx(missing)


def test_a_market_that_never_has_volume_misses_none() -> None:
    tape = Tape()
    for _ in range(200):
        told = tape.bar(100.0, volume=0.0)
    assert "volume_collapse" not in told


def test_missing_bars_are_counted_and_a_good_one_ends_the_count() -> None:
    tape = Tape().calm()
    assert [dict(tape.sensor.bar(None)) for _ in range(3)] == [{"data_quality": float(n)} for n in (1, 2, 3)]
    assert tape.bar(100.0)["data_quality"] == 0.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"close": "NaN"},
        {"high": "Infinity"},
        {"low": "0"},
        {"low": "-1"},
        {"high": "50"},
        {"low": "150"},
        {"open": "151"},
        {"volume": "NaN"},
        {"volume": "-1"},
        {"volume": "Infinity"},
    ],
)
def test_a_bar_that_cannot_be_counts_as_missing_and_changes_nothing_else(wrong: dict[str, str]) -> None:
    tape, clean = Tape().calm(), Tape().calm()
    told: dict[str, Any] = {name: Decimal(text) for name, text in wrong.items()}
    bad = replace(tape.candle(tape.close), **told)
    assert dict(tape.sensor.bar(bad)) == {"data_quality": 1.0}
    clean.at += HOUR
    assert tape.bar(103.0) == clean.bar(103.0)


def test_bars_from_before_the_session_are_the_usual_too() -> None:
    tape, primed = Tape(), Tape()
    for index in range(200):
        close = 100.0 * (1 + 0.01 * (index % 2))
        tape.bar(close)
        primed.sensor.prime(primed.candle(close))
    assert tape.bar(120.0) == primed.bar(120.0)


def test_the_usual_is_the_same_however_much_was_read_before_it() -> None:
    """What is remembered is `windows.memory` bars: after so many, two sensors agree to the last digit."""
    long, short = Tape(), Tape()
    memory = long.sensor.windows.memory
    for index in range(3 * memory):
        candle = long.candle(100.0 * (1 + 0.01 * ((index * 7919) % 13)), volume=10.0 + (index * 31) % 17)
        told = dict(long.sensor.bar(candle))
        long.sensor.spread(quote("99.9", f"{100 + (index % 7) / 100}"))
        if index >= 2 * memory - 1:
            other = dict(short.sensor.bar(candle))
            short.sensor.spread(quote("99.9", f"{100 + (index % 7) / 100}"))
    assert other == told
    assert short.sensor.spread(quote("99", "101")) == long.sensor.spread(quote("99", "101"))


def test_a_spread_is_measured_against_the_usual_one_once_it_is_known() -> None:
    tape = Tape()
    assert tape.sensor.spread(quote("99.5", "100.5"))[1] == pytest.approx(1.0)
    for _ in range(200):
        tape.bar(100.0)
        tape.sensor.spread(quote("99.95", "100.05"))
    assert tape.sensor.spread(quote("99.6", "100.4"))[1] == pytest.approx(1.0)
    assert tape.sensor.spread(quote("99.95", "100.05"))[1] == pytest.approx(0.125)


def test_a_market_as_tight_as_can_be_may_widen_a_little() -> None:
    tape = Tape()
    for _ in range(200):
        tape.bar(100.0)
        tape.sensor.spread(quote("99.9995", "100.0005"))
    assert tape.sensor.spread(quote("99.9", "100.1"))[1] == pytest.approx(1.0)


def test_no_market_has_a_spread_beyond_what_is_too_wide_for_any() -> None:
    tape = Tape()
    for _ in range(200):
        tape.bar(100.0)
        tape.sensor.spread(quote("99.7", "100.3"))
    assert tape.sensor.spread(quote("99.5", "100.5"))[1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("bid", "ask"), [("0", "1"), ("-1", "1"), ("2", "1"), ("NaN", "1"), ("1", "NaN"), ("1", "Infinity")]
)
def test_a_quote_without_a_market_in_it_has_no_spread(bid: str, ask: str) -> None:
    assert isnan(spread_of(quote(bid, ask)))
    sensor = Tape().sensor
    assert isnan(sensor.spread(quote(bid, ask))[1])


def test_a_spread_of_nothing_is_one() -> None:
    assert spread_of(quote("100", "100")) == 0.0


def test_a_stable_coin_below_its_peg_is_its_own_fault_above_it_that_of_the_quote() -> None:
    tape = Tape(Symbol("USDC/USDT"), close=1.0)
    assert tape.sensor.off_peg() is None
    tape.bar(0.97)
    assert tape.sensor.off_peg() == pytest.approx((0.03, 0.0))
    tape.bar(1.05)
    assert tape.sensor.off_peg() == pytest.approx((0.0, 0.05))


def test_what_has_no_peg_is_never_off_it() -> None:
    assert Tape().calm().sensor.off_peg() is None
    assert not Tape(Symbol("USDT/EUR")).sensor.pegged


def test_half_a_week_of_moves_and_of_spreads_is_enough() -> None:
    """Whenever the session began: the first aligned bar with 84 of them, and none before it."""
    moves, spreads = set(), set()
    for offset in range(10):
        tape = Tape()
        tape.at += offset * HOUR
        moves.add(next(bar for bar in range(1, 200) if "volatility_spike" in tape.bar(100.0)))
        tape = Tape()
        tape.at += offset * HOUR
        for bar in range(1, 200):
            if tape.sensor.spread(quote("99.95", "100.05"))[1] > 0.11:
                spreads.add(bar)
                break
            tape.bar(100.0)
    assert moves == set(range(90, 100))
    assert spreads == set(range(85, 95))
