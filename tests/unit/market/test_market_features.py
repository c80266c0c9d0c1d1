"""The names of features, and their values on tapes small enough to check by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from math import log, sqrt
from pathlib import Path
from statistics import stdev

import numpy as np
import pytest

from domain.errors import ConfigError
from domain.market import Timeframe
from domain.money import Symbol
from market.bars import Bars, empty_bars
from market.features import KINDS, FeatureEngine, FeatureSpec, compute
from market.incremental import MACHINES
from market.indicators import BATCH
from market.replay import ReplayFeed
from market.resample import NS
from tests.contracts.candle_files import write_walk

BTC = Symbol("BTC/USDT")
MIDNIGHT = int(datetime(2021, 1, 1, tzinfo=UTC).timestamp()) * NS


def tape(closes: list[float], volumes: list[float] | None = None) -> Bars:
    """Hourly bars from midnight; high is close + 1 and low is close - 1."""
    close = np.array(closes, np.float64)
    at = MIDNIGHT + np.arange(len(closes), dtype=np.int64) * 3600 * NS
    volume = np.array(volumes or [1.0] * len(closes), np.float64)
    return Bars(BTC, Timeframe.H1, at, at + 3600 * NS, close, close + 1, close - 1, close, volume)


# --- names ---


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_a_name_that_reads_back_as_itself(name: str) -> None:
    spec = FeatureSpec.parse(name)
    assert FeatureSpec.parse(str(spec)) == spec
    assert FeatureSpec.parse(f"{spec}@4h").timeframe is Timeframe.H4
    assert str(FeatureSpec.parse(f"{spec}@4h")) == f"{spec}@4h"


def test_every_kind_exists_in_batch_and_bar_by_bar() -> None:
    families = {kind.family for kind in KINDS.values()}
    assert families == set(BATCH) == set(MACHINES)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("ema(12)@1h", "ema(12)@1h"),
        ("rsi", "rsi(14)"),
        ("macd_hist", "macd_hist(12,26,9)"),
        (" percent_b( 20 , 2.50 ) ", "percent_b(20,2.5)"),
        ("bbands_upper(20)", "bbands_upper(20,2)"),
        ("obv()", "obv"),
    ],
)
def test_names_have_one_canonical_form(written: str, canonical: str) -> None:
    assert str(FeatureSpec.parse(written)) == canonical


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("emma(12)", r"there is no feature 'emma'. There are sma, ema, rsi"),
        ("ema(12)@2h", r"there is no timeframe '2h'. There are 1m, 5m"),
        ("ema(12,3)", r"has 2 arguments. ema takes bars"),
        ("obv(3)", r"has 1 arguments. obv takes no arguments"),
        ("ema(1)", r"bars must lie between 2 and 5000"),
        ("ema(9999)", r"bars must lie between 2 and 5000"),
        ("ema(2.5)", r"bars must be a whole number, not '2.5'"),
        ("ema(x)", r"bars must be a whole number, not 'x'"),
        ("percent_b(20,nan)", r"deviations must lie between"),
        ("macd(26,12,9)", r"the fast average must be shorter"),
        ("ema(12", r"is not a feature"),
        ("", r"is not a feature"),
    ],
)
def test_names_that_do_not_exist_are_refused_with_what_does(name: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        compute(tape([1.0, 2.0]), name)


def test_a_shorter_timeframe_than_the_tape_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"ema\(3\)@15m cannot be made from 1h bars"):
        compute(tape([1.0, 2.0]), "ema(3)@15m")


# --- values, by hand ---


def test_sma_and_ema_by_hand() -> None:
    bars = tape([1, 2, 3, 4, 8])
    assert compute(bars, "sma(3)").tolist() == pytest.approx([np.nan, np.nan, 2, 3, 5], nan_ok=True)
    assert compute(bars, "ema(3)").tolist() == pytest.approx([np.nan, np.nan, 2, 3, 5.5], nan_ok=True)


def test_rsi_by_hand() -> None:
    # Moves +2 -1 +1: mean gain 1, mean loss 1/3; then -3: Wilder's smoothing over three bars.
    rsi = compute(tape([10, 12, 11, 12, 9]), "rsi(3)")
    assert rsi[:3].tolist() == pytest.approx([np.nan] * 3, nan_ok=True)
    assert rsi[3] == pytest.approx(100 * 1 / (1 + 1 / 3))
    gain, loss = 1 * 2 / 3, (1 / 3 * 2 + 3) / 3
    assert rsi[4] == pytest.approx(100 * gain / (gain + loss))


def test_atr_and_donchian_by_hand() -> None:
    bars = tape([10, 14, 13, 13])  # true ranges after the first bar: 5, 2, 2
    assert compute(bars, "atr(2)")[2:].tolist() == pytest.approx([3.5, (3.5 + 2) / 2])
    assert compute(bars, "donchian_high(3)")[2:].tolist() == [15, 15]
    assert compute(bars, "donchian_low(3)")[2:].tolist() == [9, 12]


def test_bands_by_hand() -> None:
    bars = tape([1, 3, 5])  # mean 3, population deviation sqrt(8/3)
    deviation = sqrt(8 / 3)
    assert compute(bars, "bbands_mid(3,2)")[2] == pytest.approx(3)
    assert compute(bars, "bbands_upper(3,2)")[2] == pytest.approx(3 + 2 * deviation)
    assert compute(bars, "bbands_lower(3,2)")[2] == pytest.approx(3 - 2 * deviation)
    assert compute(bars, "percent_b(3,2)")[2] == pytest.approx((2 + 2 * deviation) / (4 * deviation))


def test_stochastic_by_hand() -> None:
    bars = tape([10, 11, 12])  # range of three bars: 9 to 13
    assert compute(bars, "stoch_k(3,1,1)")[2] == pytest.approx(100 * (12 - 9) / (13 - 9))


def test_volume_features_by_hand() -> None:
    bars = tape([10, 11, 9, 9], [1, 2, 4, 3])
    assert compute(bars, "obv").tolist() == [1, 3, -1, -1]
    assert compute(bars, "vwap(2)")[1:].tolist() == pytest.approx([32 / 3, 58 / 6, 9])
    assert compute(bars, "vwap_day").tolist() == pytest.approx([10, 32 / 3, 68 / 7, 95 / 10])
    assert compute(bars, "volume_ratio(2)")[2:].tolist() == pytest.approx([4 / 1.5, 1])


def test_the_day_of_vwap_begins_anew_at_midnight() -> None:
    bars = tape([10.0] * 24 + [20.0, 30.0])
    assert compute(bars, "vwap_day")[22:].tolist() == pytest.approx([10, 10, 20, 25])


def test_roc_and_volatility_by_hand() -> None:
    bars = tape([100, 110, 99, 101])
    assert compute(bars, "roc(1)")[1:3].tolist() == pytest.approx([10, -10])
    returns = [log(110 / 100), log(99 / 110), log(101 / 99)]
    assert compute(bars, "vol(3)")[3] == pytest.approx(stdev(returns) * sqrt(365 * 24))


def test_macd_is_the_difference_of_two_averages() -> None:
    bars = tape([10 + i * 0.5 + (i % 5) for i in range(60)])
    line, signal, hist = (compute(bars, f"{name}(3,8,4)") for name in ("macd", "macd_signal", "macd_hist"))
    assert np.isnan(line[:10]).all()
    assert np.isfinite(line[10:]).all()
    np.testing.assert_allclose(hist[10:], (line - signal)[10:])
    # Seeds fade: long after the start it is the plain difference.
    assert line[-1] == pytest.approx((compute(bars, "ema(3)") - compute(bars, "ema(8)"))[-1], rel=1e-5)


def test_adx_is_high_in_a_trend_and_low_without_one() -> None:
    trend = compute(tape([100 + 3 * i for i in range(60)]), "adx(14)")
    none = compute(tape([100 + (i % 2) for i in range(60)]), "adx(14)")
    assert np.isnan(trend[:27]).all()
    assert trend[-1] > 90
    assert none[-1] < 20


def test_a_market_that_does_not_move_has_no_place_in_its_bands() -> None:
    flat = tape([7.0] * 30, [0.0] * 30)
    for name in ("percent_b(5,2)", "vwap(5)", "vwap_day", "volume_ratio(5)"):
        assert np.isnan(compute(flat, name)).all()
    assert compute(flat, "vol(5)")[-1] == 0
    assert compute(flat, "bbands_upper(5,2)")[-1] == 7


@pytest.mark.parametrize("name", KINDS)
def test_tapes_too_short_to_be_warm_give_nothing(name: str) -> None:
    assert len(compute(empty_bars(BTC, Timeframe.H1), name)) == 0
    assert len(compute(empty_bars(BTC, Timeframe.H1), f"{name}@4h")) == 0
    assert np.isnan(compute(tape([1.0, 2.0]), f"{name}@4h")).all()


def test_a_longer_timeframe_shows_only_bars_that_have_closed() -> None:
    closes = [float(n) for n in range(12)]
    values = compute(tape(closes), "sma(2)@4h")
    # Four-hour closes 3, 7, 11: two of them are known from the close of the eighth bar on.
    assert np.isnan(values[:7]).all()
    assert values[7:].tolist() == [5, 5, 5, 5, 9]


# --- the engine ---


def test_the_engine_answers_under_the_names_it_was_asked_for(tmp_path: Path) -> None:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=60)
    feed = ReplayFeed(tmp_path, [BTC], Timeframe.H1, start=date(2021, 1, 2))
    engine = FeatureEngine(feed, ["rsi", "rsi(14)", "rsi(14)@1h", "ema(50)"])
    assert engine.values(BTC) == {}
    feed.advance()
    engine.update()
    values = engine.values(BTC)
    assert list(values) == ["rsi", "rsi(14)", "rsi(14)@1h"], "ema(50) is still warming up"
    assert len(set(values.values())) == 1


def test_the_engine_refuses_unknown_names(tmp_path: Path) -> None:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=5)
    feed = ReplayFeed(tmp_path, [BTC], Timeframe.H1)
    with pytest.raises(ConfigError, match="there is no feature 'nonsense'"):
        FeatureEngine(feed, ["ema(12)", "nonsense"])


def test_values_do_not_depend_on_where_the_run_starts(tmp_path: Path) -> None:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=24 * 6)
    names = ["ema(12)", "rsi(14)", "atr(14)", "obv", "macd_hist(3,6,4)"]
    seen = []
    for start in (date(2021, 1, 1), date(2021, 1, 4)):
        feed = ReplayFeed(tmp_path, [BTC], Timeframe.H1, start=start)
        engine = FeatureEngine(feed, names)
        feed.seek(datetime(2021, 1, 5, tzinfo=UTC))
        engine.update()
        seen.append(engine.values(BTC))
    assert seen[0] == seen[1]
    assert len(seen[0]) == len(names)
