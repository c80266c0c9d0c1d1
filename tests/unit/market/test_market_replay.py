"""Candle files as a feed: what is read, what is refused, and where a run begins and ends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from domain.clock import from_ns
from domain.errors import DataError, UnknownSymbol
from domain.instrument import Instrument
from domain.market import Timeframe
from domain.money import Symbol
from market.instruments import spot_instrument
from market.replay import ReplayFeed
from tests.contracts.candle_files import FIRST, walk, write, write_walk

BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
H1 = Timeframe.H1


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def opens(feed: ReplayFeed, symbol: Symbol = BTC) -> list[datetime]:
    """The opening times of the bars of the run, as they come."""
    found = []
    while feed.advance():
        candle = feed.candle(symbol)
        if candle is not None:
            found.append(candle.open_time)
    return found


# --- start and end ---


def test_a_day_as_end_is_meant_whole(tmp_path: Path) -> None:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=24 * 5)
    run = opens(ReplayFeed(tmp_path, [BTC], H1, start=date(2021, 1, 2), end=date(2021, 1, 3)))
    assert run[0] == at("2021-01-02T00:00")
    assert run[-1] == at("2021-01-03T23:00")
    assert len(run) == 48


def test_a_moment_as_end_includes_the_bar_that_opens_then(tmp_path: Path) -> None:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=24 * 5)
    until_noon = opens(ReplayFeed(tmp_path, [BTC], H1, end=at("2021-01-03T12:00")))
    assert until_noon[-1] == at("2021-01-03T12:00")
    whole_day = datetime.combine(date(2021, 1, 3), time.max, UTC)
    assert opens(ReplayFeed(tmp_path, [BTC], H1, end=whole_day))[-1] == at("2021-01-03T23:00")


def test_bars_before_start_are_history_and_not_part_of_the_run(tmp_path: Path) -> None:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=100)
    feed = ReplayFeed(tmp_path, [BTC], H1, start=at("2021-01-02T00:00"))
    assert len(feed.history(BTC, at("2030-01-01"), 1_000)) == 24
    assert feed.offset(BTC) == 24
    assert feed.advance() == at("2021-01-02T01:00")
    assert feed.bar_index() == 0
    assert len(feed.history(BTC, at("2030-01-01"), 1_000)) == 25


def test_bars_after_end_do_not_exist(tmp_path: Path) -> None:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=100)
    feed = ReplayFeed(tmp_path, [BTC], H1, end=date(2021, 1, 2))
    assert len(feed.columns(BTC)) == 48
    while feed.advance():
        pass
    assert feed.now == at("2021-01-03T00:00")
    assert feed.advance() is None
    assert feed.now == at("2021-01-03T00:00")


def test_a_range_without_bars_is_refused_with_the_range_there_is(tmp_path: Path) -> None:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=24)
    with pytest.raises(DataError, match=r"runs from 2021-01-01T00:00Z to 2021-01-02T00:00Z"):
        ReplayFeed(tmp_path, [BTC], H1, start=date(2022, 1, 1))
    with pytest.raises(DataError, match=r"before it starts"):
        ReplayFeed(tmp_path, [BTC], H1, start=date(2021, 2, 1), end=date(2021, 1, 1))


# --- stamps, timeframes and forms of timestamps ---


def test_closing_stamps_mean_the_bar_opened_one_length_earlier(tmp_path: Path) -> None:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=10)
    feed = ReplayFeed(tmp_path, [BTC], H1, stamps="close")
    assert feed.advance() == FIRST
    candle = feed.candle(BTC)
    assert candle is not None
    assert candle.open_time == FIRST - timedelta(hours=1)


def test_shorter_bars_are_made_into_longer_ones(tmp_path: Path) -> None:
    frame = walk(seed=4, rows=12, minutes=15)
    write(tmp_path / "BTC-USDT.parquet", frame)
    feed = ReplayFeed(tmp_path, [BTC], H1)
    feed.advance()
    bars = feed.history(BTC, at("2030-01-01"), 10)
    assert feed.now == at("2021-01-01T01:00")
    assert bars.open.tolist() == [frame.open[0]]
    assert bars.high.tolist() == [frame.high[:4].max()]
    assert bars.low.tolist() == [frame.low[:4].min()]
    assert bars.close.tolist() == [frame.close[3]]
    assert bars.volume.tolist() == pytest.approx([frame.volume[:4].sum()])


def test_longer_bars_cannot_be_made_into_shorter_ones(tmp_path: Path) -> None:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=10)
    with pytest.raises(DataError, match=r"bars of 3600 s, which cannot be made into 15m"):
        ReplayFeed(tmp_path, [BTC], Timeframe.M15)


def _zoned(moment: datetime) -> str:
    return moment.astimezone(datetime.fromisoformat("2021-01-01T00:00+05:30").tzinfo).isoformat()


FORMS: dict[str, Callable[[datetime], str | int]] = {
    "iso with Z": lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "iso without zone": lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S"),
    "iso with another zone": _zoned,
    "seconds": lambda moment: int(moment.timestamp()),
    "milliseconds": lambda moment: int(moment.timestamp() * 1_000),
    "microseconds": lambda moment: int(moment.timestamp() * 1_000_000),
}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_timestamps_are_read_in_every_usual_form(
    tmp_path: Path, form: Callable[[datetime], str | int], suffix: str
) -> None:
    frame = walk(seed=1, rows=5)
    stamps = pd.Series([form(moment) for moment in frame["timestamp"]])
    write(tmp_path / f"BTC-USDT.{suffix}", frame.assign(timestamp=stamps))
    assert opens(ReplayFeed(tmp_path, [BTC], H1)) == [FIRST + timedelta(hours=n) for n in range(5)]


def test_csv_and_parquet_of_the_same_candles_replay_the_same(tmp_path: Path) -> None:
    frame = walk(seed=9, rows=50)
    feeds = []
    for suffix in ("csv", "parquet"):
        (tmp_path / suffix).mkdir()
        write(tmp_path / suffix / f"BTC-USDT.{suffix}", frame)
        feeds.append(ReplayFeed(tmp_path / suffix, [BTC], H1))
    one, other = feeds
    while one.advance():
        other.advance()
        assert one.candle(BTC) == other.candle(BTC)
        assert one.quote(BTC) == other.quote(BTC)


# --- gaps ---


def test_a_gap_stays_visible_and_the_quote_ages(tmp_path: Path) -> None:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=10)
    write_walk(tmp_path / "ETH-USDT.parquet", seed=2, rows=10, leave_out=(5, 6))
    feed = ReplayFeed(tmp_path, [BTC, ETH], H1)
    ages = []
    while now := feed.advance():
        quote = feed.quote(ETH)
        assert quote is not None
        assert (feed.candle(ETH) is None) == (quote.as_of < now)
        ages.append((now - quote.as_of) // timedelta(hours=1))
    assert ages == [0, 0, 0, 0, 0, 1, 2, 0, 0, 0]


def test_the_report_names_every_gap(tmp_path: Path) -> None:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=48, leave_out=(5, 20, 21, 22))
    write_walk(tmp_path / "ETH-USDT.parquet", seed=2, rows=48)
    report = ReplayFeed(tmp_path, [BTC, ETH], H1, start=date(2021, 1, 2)).report
    btc = report.symbols[BTC]
    assert [(gap.start, gap.missing) for gap in btc.gaps] == [
        (at("2021-01-01T05:00"), 1),
        (at("2021-01-01T20:00"), 3),
    ]
    assert (btc.warmup, btc.bars, btc.missing) == (20, 24, 4)
    assert report.symbols[ETH].gaps == ()
    assert not report.clean
    (sentence,) = report.sentences()
    assert "BTC/USDT misses 4 1h bars in 2 gaps; the longest has 3 from 2021-01-01T20:00Z" in sentence


def test_a_symbol_that_begins_later_is_absent_until_then(tmp_path: Path) -> None:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=10)
    write_walk(tmp_path / "ETH-USDT.parquet", seed=2, rows=10, leave_out=range(4))
    feed = ReplayFeed(tmp_path, [BTC, ETH], H1)
    seen = []
    while feed.advance():
        seen.append(feed.quote(ETH) is not None)
        assert (feed.book(ETH) is None) == (feed.quote(ETH) is None)
    assert seen == [False] * 4 + [True] * 6


# --- what cannot be trusted is refused, with the place and the way out ---


def _set(row: int, **values: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        for name, value in values.items():
            frame.loc[row, name] = value
        return frame

    return change


def _repeat(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[[0, 1, 2, 2, 3]]


def _swap(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[[0, 2, 1, 3]]


def _half_hour(frame: pd.DataFrame) -> pd.DataFrame:
    early = [pd.Timedelta(minutes=30 if row == 3 else 0) for row in range(len(frame))]
    return frame.assign(timestamp=frame["timestamp"] - pd.Series(early))


def _off_grid(frame: pd.DataFrame) -> pd.DataFrame:
    frame["timestamp"] = frame["timestamp"] + pd.Timedelta(minutes=7)
    return frame


BROKEN: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "nan close": (
        _set(2, close=np.nan),
        r"row 3 \(2021-01-01T02:00:00Z\) has a close that is missing or not",
    ),
    "infinite high": (_set(4, high=np.inf), r"row 5 .* has a high that is missing or not finite"),
    "zero price": (_set(1, low=0.0), r"row 2 .* has a low price that is not above zero"),
    "negative price": (_set(0, open=-1.0), r"row 1 .* has a open price that is not above zero"),
    "high below low": (_set(2, high=1.0, low=2.0, open=1.5, close=1.5), r"row 3 .* has a high below its low"),
    "close above high": (_set(2, close=1e6), r"row 3 .* has a close outside its low and high"),
    "open below low": (_set(2, open=1e-3), r"row 3 .* has an open outside its low and high"),
    "negative volume": (_set(6, volume=-1.0), r"row 7 .* has a negative volume"),
    "nan volume": (_set(6, volume=np.nan), r"row 7 .* has a volume that is missing"),
    "repeated time": (_repeat, r"row 4 \(2021-01-01T02:00:00Z\) repeats the time of the row before"),
    "times out of order": (_swap, r"row 3 \(2021-01-01T01:00:00Z\) is older than the row before"),
    "wrong spacing": (_half_hour, r"row 4 .* lies 1800 s after the row before it, in a file of 3600 s"),
    "off the grid": (_off_grid, r"not on the UTC grid of 3600 s bars"),
    "no rows": (lambda frame: frame.iloc[:0], r"has no rows"),
    "no volume column": (lambda frame: frame.drop(columns="volume"), r"has no column volume; it has"),
    "no time column": (lambda frame: frame.rename(columns={"timestamp": "date"}), r"has no column timestamp"),
}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(("change", "says"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_candles_are_refused_in_one_line_naming_the_place(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], says: str, suffix: str
) -> None:
    file = write(tmp_path / f"BTC-USDT.{suffix}", change(walk(seed=1, rows=10)))
    with pytest.raises(DataError, match=says) as refused:
        ReplayFeed(tmp_path, [BTC], H1)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.fix


HEAD = "timestamp,open,high,low,close,volume\n"
GARBLED: dict[str, tuple[str, bytes, str]] = {
    "parquet that is text": ("BTC-USDT.parquet", b"hello", "cannot be read as Parquet"),
    "parquet cut short": ("BTC-USDT.parquet", b"PAR1" + b"\0" * 40, "cannot be read as Parquet"),
    "empty parquet": ("BTC-USDT.parquet", b"", "cannot be read as Parquet"),
    "empty csv": ("BTC-USDT.csv", b"", "cannot be read as CSV"),
    "csv of bytes": ("BTC-USDT.csv", HEAD.encode() + b"\xff\xfe,1,1,1,1,1\n", "BTC-USDT.csv"),
    "csv with ragged rows": ("BTC-USDT.csv", HEAD.encode() + b"2021-01-01,1,1\n", "cannot be read as CSV"),
    "csv with words for numbers": (
        "BTC-USDT.csv",
        (HEAD + "2021-01-01,1,1,1,1,1\n2021-01-02,1,1,1,n/a,1\n").encode(),
        r"row 2 \(2021-01-02T00:00:00Z\) has close 'n/a', which is not a number",
    ),
    "csv with words for times": (
        "BTC-USDT.csv",
        (HEAD + "2021-01-01,1,1,1,1,1\nyesterday,1,1,1,1,1\n").encode(),
        "row 2 has the timestamp 'yesterday'",
    ),
    "csv with an empty cell": (
        "BTC-USDT.csv",
        (HEAD + "2021-01-01,1,1,1,1,1\n2021-01-02,1,1,1,,1\n").encode(),
        "row 2 .* has a close that is missing",
    ),
    "counters for times": ("BTC-USDT.csv", (HEAD + "1,1,1,1,1,1\n2,1,1,1,1,1\n").encode(), "2 is not a time"),
}


@pytest.mark.parametrize(("name", "content", "says"), GARBLED.values(), ids=GARBLED.keys())
def test_garbled_files_are_refused_in_one_line(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says) as refused:
        ReplayFeed(tmp_path, [BTC], Timeframe.D1)
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_symbol_that_is_not_there_is_refused_with_what_is(tmp_path: Path) -> None:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=5)
    write_walk(tmp_path / "ETH-USDT.csv", seed=1, rows=5)
    with pytest.raises(UnknownSymbol, match=r"no candles of SOL/USDT; it has BTC/USDT, ETH/USDT"):
        ReplayFeed(tmp_path, [BTC, Symbol("SOL/USDT")], H1)


def test_requests_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    file = write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=5)
    with pytest.raises(DataError, match="does not exist"):
        ReplayFeed(tmp_path / "nowhere", [BTC], H1)
    with pytest.raises(DataError, match="needs at least one symbol"):
        ReplayFeed(tmp_path, [], H1)
    with pytest.raises(DataError, match="named twice"):
        ReplayFeed(tmp_path, [BTC, BTC], H1)
    with pytest.raises(DataError, match="is one file, but 2 symbols"):
        ReplayFeed(file, [BTC, ETH], H1)
    with pytest.raises(UnknownSymbol, match="holds BTC/USDT, not ETH/USDT"):
        ReplayFeed(file, [ETH], H1)
    with pytest.raises(DataError, match="stamps is 'middle'"):
        ReplayFeed(file, [BTC], H1, stamps="middle")  # type: ignore[arg-type]  # what a caller may pass by mistake
    write_walk(tmp_path / "BTC-USDT.csv", seed=1, rows=5)
    with pytest.raises(DataError, match="has both"):
        ReplayFeed(tmp_path, [BTC], H1)


def test_a_single_file_of_the_symbol_will_do(tmp_path: Path) -> None:
    named = write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=5)
    unnamed = write_walk(tmp_path / "candles.csv", seed=1, rows=5)
    assert len(ReplayFeed(named, [BTC], H1)) == len(ReplayFeed(unnamed, [BTC], H1)) == 5


# --- instruments ---


def test_the_instrument_comes_from_the_last_close_before_the_run(tmp_path: Path) -> None:
    frame = walk(seed=1, rows=48)
    frame[["open", "high", "low", "close"]] *= np.where(np.arange(48) < 24, 1.0, 1_000.0)[:, None]
    write(tmp_path / "BTC-USDT.parquet", frame)
    early = ReplayFeed(tmp_path, [BTC], H1).instruments[BTC]
    late = ReplayFeed(tmp_path, [BTC], H1, start=at("2021-01-02T01:00")).instruments[BTC]
    assert early == spot_instrument(BTC, float(frame.open[0]))
    assert late == spot_instrument(BTC, float(frame.close[24]))
    assert late.tick_size == early.tick_size * 1_000


def test_given_instruments_are_used(tmp_path: Path) -> None:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=5)
    mine: Instrument = spot_instrument(BTC, 7)
    assert ReplayFeed(tmp_path, [BTC], H1, instruments={BTC: mine}).instruments[BTC] is mine


def test_a_price_below_the_tick_is_refused_before_the_run(tmp_path: Path) -> None:
    frame = walk(seed=1, rows=10)
    frame.loc[7, ["open", "high", "low", "close"]] = 1e-6
    write(tmp_path / "BTC-USDT.parquet", frame)
    with pytest.raises(DataError, match=r"trades at 1e-06 in the bar of 2021-01-01T07:00Z, below the tick"):
        ReplayFeed(tmp_path, [BTC], H1)


def test_the_columns_of_the_tape_agree_with_the_candles(tmp_path: Path) -> None:
    write_walk(tmp_path / "BTC-USDT.parquet", seed=1, rows=60, leave_out=(30, 31))
    feed = ReplayFeed(tmp_path, [BTC], H1, start=date(2021, 1, 2))
    bars, rows = feed.columns(BTC), feed.rows(BTC)
    while now := feed.advance():
        row = int(rows[feed.bar_index()])
        assert row == feed.row(BTC)
        assert from_ns(int(bars.close_ns[row])) == now
        assert bars.candle(row, feed.instruments[BTC]) == feed.candle(BTC)
