"""What Gate's public channels push: each feed watches one market for one connection.

A feed is told of trades and pulses and answers with the messages to send. Nothing is pushed twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from domain.clock import EPOCH, Clock
from domain.market import Timeframe
from domain.money import Symbol
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.model import Kline, MarketTrade
from simulator.wire import gate_words as words
from simulator.wire.figures import millis
from simulator.wire.levels import Levels, changes

_TICKER_EVERY: Final = timedelta(seconds=1)


class Feed(Protocol):
    """One market on one channel."""

    @property
    def symbol(self) -> Symbol: ...

    def first(self) -> Iterator[Any]:
        """What a new subscriber gets at once."""
        ...

    def trade(self, trade: MarketTrade) -> Iterator[Any]:
        """What a trade in this market gives."""
        ...

    def pulse(self) -> Iterator[Any]:
        """What the market's present state gives."""
        ...


class _Feed:
    """A feed that says nothing; the others say something now and then."""

    def __init__(self, exchange: SimulatedExchange, clock: Clock, symbol: Symbol) -> None:
        self.symbol = symbol
        self._exchange = exchange
        self._clock = clock

    def first(self) -> Iterator[Any]:
        yield from ()

    def trade(self, trade: MarketTrade) -> Iterator[Any]:
        yield from ()

    def pulse(self) -> Iterator[Any]:
        yield from ()

    def _changes(self) -> int:
        """How often the book has changed."""
        return self._exchange.market_of(self.symbol).changes


class TradesFeed(_Feed):
    def trade(self, trade: MarketTrade) -> Iterator[Any]:
        row = words.public_trade(trade)
        yield {
            **row,
            "id": trade.trade_id,
            "create_time": int(row["create_time"]),
            "id_market": trade.trade_id,
        }


class TickerFeed(_Feed):
    """At most once a second of the venue's time, and only when something changed."""

    _sent: Any = None
    _at: datetime = EPOCH

    def first(self) -> Iterator[Any]:
        yield from self.pulse()

    def pulse(self) -> Iterator[Any]:
        now = self._clock.now()
        if timedelta(0) <= now - self._at < _TICKER_EVERY:
            return
        row = words.ticker(self._exchange.ticker(self.symbol))
        if row != self._sent:
            self._sent, self._at = row, now
            yield row


class TouchFeed(_Feed):
    """`spot.book_ticker`: the best bid and ask whenever they change."""

    _sent: Any = None

    def first(self) -> Iterator[Any]:
        yield from self.pulse()

    def pulse(self) -> Iterator[Any]:
        depth = self._exchange.depth(self.symbol, 1)
        touch = (depth.bids, depth.asks)
        if touch == self._sent:
            return
        self._sent = touch
        (bid, bid_size), (ask, ask_size) = (words.levels(side)[0] if side else ("", "0") for side in touch)
        yield {
            "t": millis(self._clock.now()),
            "u": depth.update_id,
            "s": words.pair(self.symbol),
            "b": bid,
            "B": bid_size,
            "a": ask,
            "A": ask_size,
        }


class BookFeed(_Feed):
    """The changes of the top of a book: what is new or different, and what is gone (size 0).

    With `full` (`spot.obu`) the first push is the whole of it; without (`spot.order_book_update`) the
    subscriber takes the whole by REST and applies what follows its id.
    """

    def __init__(
        self, exchange: SimulatedExchange, clock: Clock, symbol: Symbol, levels: int, name: str, *, full: bool
    ) -> None:
        super().__init__(exchange, clock, symbol)
        self._levels = levels
        self._name = name
        self._full = full
        self._seen = 0
        self._bids: Levels = {}
        self._asks: Levels = {}

    def first(self) -> Iterator[Any]:
        depth = self._exchange.depth(self.symbol, self._levels)
        self._seen, self._bids, self._asks = depth.update_id, dict(depth.bids), dict(depth.asks)
        if self._full:
            yield {
                "t": millis(self._clock.now()),
                "full": True,
                "s": self._name,
                "u": depth.update_id,
                "b": words.levels(depth.bids),
                "a": words.levels(depth.asks),
            }

    def pulse(self) -> Iterator[Any]:
        if self._changes() == self._seen:
            return
        depth = self._exchange.depth(self.symbol, self._levels)
        bids, asks = dict(depth.bids), dict(depth.asks)
        changed = {"b": changes(self._bids, bids), "a": changes(self._asks, asks)}
        if not changed["b"] and not changed["a"]:
            return
        row: dict[str, Any] = {"t": millis(self._clock.now()), "s": self._name}
        if not self._full:
            row |= {"e": "depthUpdate", "E": millis(self._clock.now()) // 1000}
        yield {**row, "U": self._seen + 1, "u": depth.update_id, **changed}
        self._seen, self._bids, self._asks = depth.update_id, bids, asks


class TopFeed(_Feed):
    """`spot.order_book`: the top levels, whole, whenever they change."""

    def __init__(self, exchange: SimulatedExchange, clock: Clock, symbol: Symbol, levels: int) -> None:
        super().__init__(exchange, clock, symbol)
        self._levels = levels
        self._sent: Any = None

    def first(self) -> Iterator[Any]:
        yield from self.pulse()

    def pulse(self) -> Iterator[Any]:
        depth = self._exchange.depth(self.symbol, self._levels)
        if (depth.bids, depth.asks) == self._sent:
            return
        self._sent = (depth.bids, depth.asks)
        yield {
            "t": millis(self._clock.now()),
            "lastUpdateId": depth.update_id,
            "s": words.pair(self.symbol),
            "bids": words.levels(depth.bids),
            "asks": words.levels(depth.asks),
        }


class CandleFeed(_Feed):
    """The forming bar whenever it changes, and each bar once more when it has closed."""

    def __init__(
        self, exchange: SimulatedExchange, clock: Clock, symbol: Symbol, timeframe: Timeframe, interval: str
    ) -> None:
        super().__init__(exchange, clock, symbol)
        self._timeframe = timeframe
        self._interval = interval
        self._sent: Kline | None = None
        self._told_closed = False

    def first(self) -> Iterator[Any]:
        yield from self.pulse()

    def pulse(self) -> Iterator[Any]:
        now, sent = self._clock.now(), self._sent
        bars = (
            self._exchange.klines(self.symbol, self._timeframe, limit=1)
            if sent is None
            else self._exchange.klines(self.symbol, self._timeframe, start=sent.open_time, limit=1000)
        )
        for bar in bars:
            closed = bar.close_time <= now
            if bar == self._sent and (self._told_closed or not closed):
                continue
            self._sent, self._told_closed = bar, closed
            yield words.candle_push(bar, self._interval, now)
