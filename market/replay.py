"""Recorded candles as a feed: files in, one bar close at a time out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

from domain.clock import from_ns, to_ns
from domain.errors import DataError, UnknownSymbol
from domain.instrument import Instrument
from domain.market import Candle, Headline, OrderBook, Quote, Timeframe
from domain.money import Symbol
from market.bars import Bars, Times
from market.candle_file import CandleFile, Stamps, find_file, read_candles
from market.data_report import DataReport, SymbolReport, find_gaps
from market.instruments import spot_instrument
from market.liquidity import Liquidity, book_at, depth_at, liquidity, quote_at
from market.resample import resample


class _Track:
    """One symbol's tape, and what has been built for the row the feed stands on."""

    __slots__ = (
        "bars",
        "book",
        "candle",
        "exact",
        "file",
        "instrument",
        "model",
        "offset",
        "quote",
        "row",
        "rows",
    )

    def __init__(self, bars: Bars, offset: int, file: CandleFile, instrument: Instrument) -> None:
        self.bars = bars
        self.offset = offset
        self.file = file
        self.instrument = instrument
        self.model: Liquidity | None = None
        self.rows: Times = np.empty(0, np.int64)
        self.row = offset - 1
        self.exact = False
        self.candle: Candle | None = None
        self.quote: Quote | None = None
        self.book: OrderBook | None = None

    def stand(self, row: int, exact: bool) -> None:
        self.exact = exact
        if row != self.row:
            self.row = row
            self.candle = self.quote = self.book = None

    def liquidity(self) -> Liquidity:
        if self.model is None:
            self.model = liquidity(self.bars)
        return self.model


class ReplayFeed:
    """Candles from a file, or from a folder of BASE-QUOTE.parquet or .csv, replayed bar by bar.

    `stamps` says whether the files' timestamps are the bars' opening or closing times. Shorter bars are
    resampled up to `timeframe`. The run holds the bars that open from `start` up to and including `end`;
    a plain date means the whole day. Earlier bars are warm-up, later ones are dropped. The grid is the
    union of all symbols' bars: a missing bar stays missing, and `report` lists every gap.

    Quotes and books are modelled from the candles (market/liquidity.py). Instruments are derived from the
    last close before the run, or the first open, unless `instruments` brings them.

    Raises DataError for anything that cannot be trusted, UnknownSymbol for a symbol that is not there.
    """

    name = "replay"

    def __init__(
        self,
        path: str | Path,
        symbols: Iterable[Symbol],
        timeframe: Timeframe,
        start: date | datetime | None = None,
        end: date | datetime | None = None,
        stamps: Stamps = "open",
        instruments: Mapping[Symbol, Instrument] | None = None,
    ) -> None:
        self.symbols = tuple(symbols)
        self.timeframe = timeframe
        path = Path(path)
        _check_request(path, self.symbols, stamps)
        first = -(2**62) if start is None else to_ns(_start_of(start))
        last = 2**62 if end is None else to_ns(_end_of(end))
        if last < first:
            raise DataError(f"the replay would end ({end}) before it starts ({start})", fix="Swap the two")
        self._tracks = {
            symbol: _load(path, symbol, timeframe, first, last, stamps, (instruments or {}).get(symbol))
            for symbol in self.symbols
        }
        self.instruments = {symbol: track.instrument for symbol, track in self._tracks.items()}
        self._grid = np.unique(
            np.concatenate([track.bars.close_ns[track.offset :] for track in self._tracks.values()])
        )
        self._grid.flags.writeable = False
        # Plain lists: reading one element of an array costs more than a step of this feed should.
        self._moments: list[int] = self._grid.tolist()
        self._steps: list[tuple[_Track, list[int], list[bool]]] = []
        for track in self._tracks.values():
            track.rows = np.searchsorted(track.bars.close_ns, self._grid, side="right") - 1
            track.rows.flags.writeable = False
            exact = track.bars.close_ns[track.rows] == self._grid
            exact &= track.rows >= 0
            self._steps.append((track, track.rows.tolist(), exact.tolist()))
        self._index = -1
        self._now: datetime | None = None
        self.report = DataReport(timeframe, {s: _describe(s, track) for s, track in self._tracks.items()})

    # --- the clockwork ---

    @property
    def now(self) -> datetime | None:
        return self._now

    def advance(self) -> datetime | None:
        if self._index + 1 >= len(self._moments):
            return None
        self._stand(self._index + 1)
        return self._now

    def seek(self, as_of: datetime) -> None:
        self._stand(int(np.searchsorted(self._grid, to_ns(as_of), side="right")) - 1)

    def bar_index(self) -> int:
        return self._index

    def __len__(self) -> int:
        """How many bar closes the run has."""
        return len(self._moments)

    def _stand(self, index: int) -> None:
        self._index = index
        if index < 0:
            self._now = None
            for track, _, _ in self._steps:
                track.stand(track.offset - 1, exact=False)
            return
        self._now = from_ns(self._moments[index])
        for track, rows, exact in self._steps:
            track.stand(rows[index], exact[index])

    # --- what can be seen from here ---

    def _track(self, symbol: Symbol) -> _Track:
        track = self._tracks.get(symbol)
        if track is None:
            raise UnknownSymbol(
                f"this replay does not carry {symbol}", fix=f"It carries {', '.join(self.symbols)}"
            )
        return track

    def candle(self, symbol: Symbol) -> Candle | None:
        track = self._track(symbol)
        if not track.exact:
            return None
        if track.candle is None:
            track.candle = track.bars.candle(track.row, track.instrument)
        return track.candle

    def quote(self, symbol: Symbol) -> Quote | None:
        track = self._track(symbol)
        if self._now is None or track.row < 0:
            return None
        if track.quote is None:
            track.quote = quote_at(track.bars, track.row, track.liquidity(), track.instrument)
        return track.quote

    def book(self, symbol: Symbol) -> OrderBook | None:
        track = self._track(symbol)
        quote = self.quote(symbol)
        if quote is None:
            return None
        if track.book is None:
            track.book = book_at(track.bars, track.row, track.liquidity(), track.instrument, quote)
        return track.book

    def depth(self, symbol: Symbol) -> tuple[Decimal, Decimal] | None:
        """About what `book` holds on each side, in quote currency, without building its levels."""
        track, quote = self._track(symbol), self.quote(symbol)
        return None if quote is None else depth_at(track.bars, track.row, track.liquidity(), quote)

    def headlines(self, since: datetime) -> tuple[Headline, ...]:
        """None: candle files carry no news."""
        return ()

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        track = self._track(symbol)
        stop = track.row + 1
        if self._now is None or as_of < self._now:
            stop = min(stop, track.bars.count_upto(as_of))
        return track.bars.slice(max(0, stop - limit), stop)

    # --- the whole tape (market.feed.Tape): feature engine and backtest runner only ---

    def columns(self, symbol: Symbol) -> Bars:
        return self._track(symbol).bars

    def offset(self, symbol: Symbol) -> int:
        return self._track(symbol).offset

    def row(self, symbol: Symbol) -> int:
        return self._track(symbol).row

    def rows(self, symbol: Symbol) -> Times:
        return self._track(symbol).rows


def _check_request(path: Path, symbols: tuple[Symbol, ...], stamps: str) -> None:
    if not symbols:
        raise DataError("a replay needs at least one symbol", fix="Name one, for example BTC/USDT")
    twice = next((symbol for symbol in symbols if symbols.count(symbol) > 1), None)
    if twice is not None:
        raise DataError(f"{twice} is named twice", fix="Name each symbol once")
    if stamps not in ("open", "close"):
        raise DataError(f"stamps is {stamps!r}", fix="Say whether timestamps are bar open or close times")
    if path.is_file() and len(symbols) > 1:
        raise DataError(
            f"{path} is one file, but {len(symbols)} symbols were named",
            fix="Name the folder, or one symbol",
        )


def _start_of(start: date | datetime) -> datetime:
    return start if isinstance(start, datetime) else datetime.combine(start, time.min, UTC)


def _end_of(end: date | datetime) -> datetime:
    """The last moment at which a bar of the run may open."""
    if isinstance(end, datetime):
        return end
    return datetime.combine(end, time.min, UTC) + timedelta(days=1, microseconds=-1)


def _load(
    path: Path,
    symbol: Symbol,
    timeframe: Timeframe,
    first_open: int,
    last_open: int,
    stamps: Stamps,
    instrument: Instrument | None,
) -> _Track:
    file = read_candles(find_file(path, symbol), stamps, timeframe.seconds)
    bars = _as_bars(file, symbol, timeframe)
    if not len(bars):
        raise DataError(f"{file.path} holds no complete {timeframe} bar", fix="Use a shorter timeframe")
    stop = int(np.searchsorted(bars.open_ns, last_open, side="right"))
    offset = int(np.searchsorted(bars.open_ns, first_open, side="left"))
    if offset >= stop:
        begins, ends = from_ns(int(bars.open_ns[0])), from_ns(int(bars.close_ns[-1]))
        raise DataError(
            f"{file.path} has no bar of {symbol} in the time asked for; it runs from "
            f"{begins:%Y-%m-%dT%H:%MZ} to {ends:%Y-%m-%dT%H:%MZ}",
            fix="Move start and end into that range",
        )
    bars = bars.slice(0, stop)
    if instrument is None:
        known = bars.close[offset - 1] if offset else bars.open[0]
        instrument = spot_instrument(symbol, float(known))
    too_small = np.flatnonzero(bars.low < float(instrument.tick_size))
    if len(too_small):
        row = int(too_small[0])
        raise DataError(
            f"{file.path}: {symbol} trades at {bars.low[row]:g} in the bar of "
            f"{from_ns(int(bars.open_ns[row])):%Y-%m-%dT%H:%MZ}, below the tick of {instrument.tick_size:f}",
            fix="Start the replay later, end it earlier, or bring an instrument with a finer tick",
        )
    return _Track(bars, offset, file, instrument)


def _as_bars(file: CandleFile, symbol: Symbol, timeframe: Timeframe) -> Bars:
    values = file.values
    raw = Bars(
        symbol,
        timeframe,
        file.open_ns,
        file.open_ns + file.spacing * 1_000_000_000,
        values["open"],
        values["high"],
        values["low"],
        values["close"],
        values["volume"],
    )
    if file.spacing == timeframe.seconds:
        return raw
    if timeframe.seconds % file.spacing:
        raise DataError(
            f"{file.path} holds bars of {file.spacing} s, which cannot be made into {timeframe}",
            fix="Ask for a timeframe that is a whole multiple of the data's",
        )
    return resample(raw, timeframe, file.spacing)


def _describe(symbol: Symbol, track: _Track) -> SymbolReport:
    bars = track.bars
    return SymbolReport(
        symbol=symbol,
        source=str(track.file.path),
        spacing_seconds=track.file.spacing,
        first_open=from_ns(int(bars.open_ns[0])),
        last_close=from_ns(int(bars.close_ns[-1])),
        warmup=track.offset,
        bars=len(bars) - track.offset,
        gaps=find_gaps(bars),
    )
