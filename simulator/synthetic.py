"""The embedded market: an endless, seeded tape of several coins with books and headlines.

The tape is a pure function of (seed, symbols, timeframe, start, warmup_bars) and is made in blocks of 1024
bars, each from the seed, its number and the small state before it. Only the states are kept for good, so
an endless run has a bounded memory, and `seek` costs one pass over the blocks it has not seen yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import numpy as np

from domain.clock import EPOCH, from_ns, require_utc, to_ns
from domain.errors import ConfigError, UnknownSymbol
from domain.instrument import Instrument
from domain.market import Candle, Headline, OrderBook, Quote, Timeframe
from domain.money import Price, Quantity, Symbol
from market.bars import Bars, empty_bars
from simulator import depth
from simulator.assets import asset_of
from simulator.block_shelf import BlockShelf
from simulator.blocks import BLOCK_BARS, Block, CoinBlock, Recipe, Told

_KEPT_BLOCKS: Final = 64
_NS: Final = 1_000_000_000


class SyntheticFeed:
    """A market nobody has to connect to. Implements the Feed port; it never ends.

    `start` is the open of the first bar that `advance` returns, moved down to the grid of the timeframe;
    `warmup_bars` bars of history lie before it. Raises UnknownSymbol for a coin it does not trade,
    ConfigError for a negative seed, no symbols, or a symbol named twice.
    """

    def __init__(
        self,
        seed: int,
        symbols: Iterable[Symbol],
        timeframe: Timeframe,
        start: datetime,
        warmup_bars: int = 500,
    ) -> None:
        self.name = "synthetic"
        self.symbols = tuple(symbols)
        self.timeframe = timeframe
        if not self.symbols or len(set(self.symbols)) != len(self.symbols):
            raise ConfigError(
                "the synthetic market needs symbols, each once", fix="For example BTC/USDT,ETH/USDT"
            )
        if seed < 0 or warmup_bars < 0:
            raise ConfigError(f"seed {seed} and warmup_bars {warmup_bars} must not be negative")
        assets = tuple(asset_of(symbol) for symbol in self.symbols)
        self.instruments: Mapping[Symbol, Instrument] = {
            symbol: asset.instrument(symbol) for symbol, asset in zip(self.symbols, assets, strict=True)
        }
        self._column = {symbol: at for at, symbol in enumerate(self.symbols)}
        self._warmup = warmup_bars
        seconds = timeframe.seconds
        origin = to_ns(require_utc(start)) // _NS // seconds * seconds - warmup_bars * seconds
        self._recipe = Recipe(seed, assets, seconds, origin)
        self._bar = timeframe.delta
        self._origin = EPOCH + timedelta(seconds=origin)
        self._blocks = BlockShelf(self._recipe, _KEPT_BLOCKS)
        self._at = warmup_bars - 1
        """The bar it stands on, counted from the first bar of the warm-up."""
        self._now: datetime | None = None
        self._block: Block | None = None
        self._row = 0
        self._candles: dict[Symbol, Candle] = {}
        self._books: dict[Symbol, OrderBook] = {}
        self._quotes: dict[Symbol, Quote] = {}

    @property
    def now(self) -> datetime | None:
        return self._now

    def advance(self) -> datetime | None:
        """Move to the next bar close. There always is one."""
        return self._stand(self._at + 1)

    def seek(self, as_of: datetime) -> None:
        closed = (require_utc(as_of) - self._origin) // self._bar
        self._stand(max(closed, self._warmup) - 1)

    def bar_index(self) -> int:
        return self._at - self._warmup

    def candle(self, symbol: Symbol) -> Candle | None:
        column = self._known(symbol)
        if self._block is None or self._now is None:
            return None
        candle = self._candles.get(symbol)
        if candle is None:
            coin, row, instrument = self._block.coins[column], self._row, self.instruments[symbol]
            tick = instrument.tick_size
            candle = Candle(
                symbol,
                self.timeframe,
                self._now - self._bar,
                self._now,
                Price(Decimal(int(coin.open[row])) * tick),
                Price(Decimal(int(coin.high[row])) * tick),
                Price(Decimal(int(coin.low[row])) * tick),
                Price(Decimal(int(coin.close[row])) * tick),
                Quantity(Decimal(int(coin.volume[row])) * instrument.step_size),
            )
            self._candles[symbol] = candle
        return candle

    def quote(self, symbol: Symbol) -> Quote | None:
        column = self._known(symbol)
        if self._block is None or self._now is None:
            return None
        quote = self._quotes.get(symbol)
        if quote is None:
            coin, tick = self._block.coins[column], self.instruments[symbol].tick_size
            close = int(coin.close[self._row])
            bid, ask = depth.best(close, int(coin.spread[self._row]))
            quote = Quote(
                symbol,
                Price(Decimal(bid) * tick),
                Price(Decimal(ask) * tick),
                Price(Decimal(close) * tick),
                self._now,
            )
            self._quotes[symbol] = quote
        return quote

    def book(self, symbol: Symbol) -> OrderBook | None:
        column = self._known(symbol)
        if self._block is None or self._now is None:
            return None
        book = self._books.get(symbol)
        if book is None:
            coin, asset = self._block.coins[column], self._recipe.assets[column]
            book = depth.ladder(
                seed=(self._recipe.seed, asset.stream, self._at),
                asset=asset,
                instrument=self.instruments[symbol],
                close=int(coin.close[self._row]),
                spread=int(coin.spread[self._row]),
                stress=float(coin.stress[self._row]),
                as_of=self._now,
            )
            self._books[symbol] = book
        return book

    def headlines(self, since: datetime) -> tuple[Headline, ...]:
        now = self._now
        if now is None or since >= now:
            return ()
        first = max((since - self._origin) // self._bar, 0)
        found = []
        for number in range(first // BLOCK_BARS, self._at // BLOCK_BARS + 1):
            for at, told in enumerate(self._blocks[number].stories):
                row = number * BLOCK_BARS + told.draft.bar
                if row < first:
                    continue
                if row > self._at:
                    break
                headline = self._headline(told, number, at)
                if headline.available_at > since:
                    found.append(headline)
        return tuple(found)

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        column = self._known(symbol)
        closed = (require_utc(as_of) - self._origin) // self._bar
        stop = max(min(closed, self._at + 1), 0)
        start = max(stop - max(limit, 0), 0)
        if start == stop:
            return empty_bars(symbol, self.timeframe)
        pieces = []
        for number in range(start // BLOCK_BARS, (stop - 1) // BLOCK_BARS + 1):
            first = number * BLOCK_BARS
            rows = slice(max(start - first, 0), min(stop - first, BLOCK_BARS))
            pieces.append((self._blocks[number].coins[column], rows))
        return self._columns(symbol, column, start, stop, pieces)

    def _columns(
        self, symbol: Symbol, column: int, start: int, stop: int, pieces: list[tuple[CoinBlock, slice]]
    ) -> Bars:
        asset, bar_ns = self._recipe.assets[column], self._recipe.bar_seconds * _NS
        opens = self._recipe.origin * _NS + bar_ns * np.arange(start, stop, dtype=np.int64)
        # Dividing whole ticks by a power of ten gives the float nearest to the decimal price.
        price, volume = 10.0**asset.price_digits, 10.0**asset.quantity_digits
        return Bars(
            symbol,
            self.timeframe,
            opens,
            opens + bar_ns,
            np.concatenate([coin.open[rows] for coin, rows in pieces]) / price,
            np.concatenate([coin.high[rows] for coin, rows in pieces]) / price,
            np.concatenate([coin.low[rows] for coin, rows in pieces]) / price,
            np.concatenate([coin.close[rows] for coin, rows in pieces]) / price,
            np.concatenate([coin.volume[rows] for coin, rows in pieces]) / volume,
        )

    def _headline(self, told: Told, number: int, at: int) -> Headline:
        story = told.draft
        bar_ns = self._recipe.bar_seconds * _NS
        row = number * BLOCK_BARS + story.bar
        # Inside the bar, and never at its very open: it belongs to the bar that closes after it.
        into = max(int(bar_ns * story.moment) // _NS, 1) * _NS
        available = from_ns(self._recipe.origin * _NS + row * bar_ns + into)
        return Headline(
            headline_id=f"syn-{self._recipe.seed}-{number}-{at}",
            title=told.title,
            source=story.source,
            published_at=available - timedelta(seconds=int(story.latency)),
            available_at=available,
            symbols=self.symbols if told.coin is None else (self.symbols[told.coin],),
        )

    def _known(self, symbol: Symbol) -> int:
        column = self._column.get(symbol)
        if column is None:
            raise UnknownSymbol(f"{symbol} is not on this tape", fix=f"It carries {', '.join(self.symbols)}")
        return column

    def _stand(self, at: int) -> datetime | None:
        """Stand on bar `at`; before the first bar of the run there is no now."""
        self._at = at
        self._candles.clear()
        self._quotes.clear()
        self._books.clear()
        if at < self._warmup:
            self._now, self._block = None, None
            return None
        number, self._row = divmod(at, BLOCK_BARS)
        self._block = self._blocks[number]
        self._now = self._origin + (at + 1) * self._bar
        return self._now
