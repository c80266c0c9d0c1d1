"""Binance's market streams: book changes, trades, bars, tickers; by name, over one connection or many."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import orjson

from domain.clock import EPOCH
from domain.market import Timeframe
from domain.money import Symbol
from simulator.exchange.events import MarketEvent, Traded
from simulator.exchange.model import Kline, MarketTrade, Ticker
from simulator.wire import binance_market as market
from simulator.wire.binance_errors import BinanceError
from simulator.wire.binance_request import BinanceVenue
from simulator.wire.binance_words import figure
from simulator.wire.faults import FaultPlan, Operation
from simulator.wire.figures import millis

Send = Callable[[str, dict[str, Any]], None]
"""Takes a stream's name and a message."""

_FAST: Final = timedelta(milliseconds=100)
_SLOW: Final = timedelta(seconds=1)
_LEVELS: Final = 5_000
_PARTIAL: Final = (5, 10, 20)


def trade_event(trade: MarketTrade, symbol: str, at: int) -> dict[str, Any]:
    return {
        "e": "trade",
        "E": at,
        "s": symbol,
        "t": trade.trade_id,
        "p": figure(trade.price),
        "q": figure(trade.quantity),
        "T": millis(trade.at),
        "m": trade.buyer_maker,
        "M": True,
    }


def kline_event(bar: Kline, symbol: str, at: int, closed: bool) -> dict[str, Any]:
    return {
        "e": "kline",
        "E": at,
        "s": symbol,
        "k": {
            "t": millis(bar.open_time),
            "T": millis(bar.close_time) - 1,
            "s": symbol,
            "i": bar.timeframe.value,
            "f": -1,
            "L": -1,
            "o": figure(bar.open),
            "c": figure(bar.close),
            "h": figure(bar.high),
            "l": figure(bar.low),
            "v": figure(bar.volume),
            "n": bar.trades,
            "x": closed,
            "q": figure(bar.quote_volume),
            "V": figure(bar.taker_buy_volume),
            "Q": figure(bar.taker_buy_quote_volume),
            "B": "0",
        },
    }


def ticker_event(found: Ticker, symbol: str, at: int) -> dict[str, Any]:
    told = market.day(found, symbol)
    return {
        "e": "24hrTicker",
        "E": at,
        "s": symbol,
        "p": told["priceChange"],
        "P": told["priceChangePercent"],
        "w": told["weightedAvgPrice"],
        "x": told["prevClosePrice"],
        "c": told["lastPrice"],
        "Q": told["lastQty"],
        "b": told["bidPrice"],
        "B": told["bidQty"],
        "a": told["askPrice"],
        "A": told["askQty"],
        "o": told["openPrice"],
        "h": told["highPrice"],
        "l": told["lowPrice"],
        "v": told["volume"],
        "q": told["quoteVolume"],
        "O": told["openTime"],
        "C": told["closeTime"],
        "F": told["firstId"],
        "L": told["lastId"],
        "n": told["count"],
    }


def mini_ticker_event(found: Ticker, symbol: str, at: int) -> dict[str, Any]:
    whole = ticker_event(found, symbol, at)
    return {"e": "24hrMiniTicker", **{name: whole[name] for name in ("E", "s", "c", "o", "h", "l", "v", "q")}}


class _Stream(ABC):
    """One stream that somebody listens to: makes its messages when the market has moved."""

    def __init__(self, venue: BinanceVenue, symbol: Symbol, every: timedelta) -> None:
        self.venue = venue
        self.symbol = symbol
        self.name = venue.ids[symbol]
        self._every = every
        self._spoke: datetime | None = None

    def due(self, at: datetime) -> bool:
        """Whether it is time to speak again; if so, that is remembered."""
        if self._spoke is not None and at - self._spoke < self._every:
            return False
        self._spoke = at
        return True

    @abstractmethod
    def moved(self, at: datetime) -> list[dict[str, Any]]:
        """What to say now that the market stands at this time."""


class _Changes(_Stream):
    """`@depth`: what changed in the book since the last message, with the numbers of the changes."""

    def __init__(self, venue: BinanceVenue, symbol: Symbol, every: timedelta) -> None:
        super().__init__(venue, symbol, every)
        self._known, self._upto = self._book()

    def _book(self) -> tuple[tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]], int]:
        found = self.venue.exchange.depth(self.symbol, _LEVELS)
        return (dict(found.bids), dict(found.asks)), found.update_id

    def moved(self, at: datetime) -> list[dict[str, Any]]:
        if self.venue.exchange.market_of(self.symbol).changes == self._upto or not self.due(at):
            return []
        before, first = self._known, self._upto + 1
        self._known, self._upto = self._book()
        bids, asks = (
            [
                [figure(price), figure(now.get(price))]
                for price in {**was, **now}
                if now.get(price) != was.get(price)
            ]
            for was, now in zip(before, self._known, strict=True)
        )
        return [
            {
                "e": "depthUpdate",
                "E": millis(at),
                "s": self.name,
                "U": first,
                "u": self._upto,
                "b": bids,
                "a": asks,
            }
        ]


class _Partial(_Stream):
    """`@depth5` and the like: the top of the book, whole."""

    def __init__(self, venue: BinanceVenue, symbol: Symbol, every: timedelta, levels: int) -> None:
        super().__init__(venue, symbol, every)
        self._levels = levels

    def moved(self, at: datetime) -> list[dict[str, Any]]:
        if not self.due(at):
            return []
        found = self.venue.exchange.depth(self.symbol, self._levels)
        return [
            {
                "lastUpdateId": found.update_id,
                "bids": [[figure(price), figure(quantity)] for price, quantity in found.bids],
                "asks": [[figure(price), figure(quantity)] for price, quantity in found.asks],
            }
        ]


class _Bars(_Stream):
    """`@kline_1m` and the like: every bar that closed, then the forming one."""

    def __init__(self, venue: BinanceVenue, symbol: Symbol, timeframe: Timeframe) -> None:
        super().__init__(venue, symbol, _FAST)
        self._timeframe = timeframe
        self._from = self._bars(None)[-1].open_time

    def _bars(self, start: datetime | None) -> tuple[Kline, ...]:
        return self.venue.exchange.klines(self.symbol, self._timeframe, start=start, limit=1000)

    def moved(self, at: datetime) -> list[dict[str, Any]]:
        if not self.due(at):
            return []
        bars = self._bars(self._from)
        self._from = bars[-1].open_time
        return [kline_event(bar, self.name, millis(at), bar is not bars[-1]) for bar in bars]


class _Tickers(_Stream):
    """`@ticker`, `@miniTicker` (each second) and `@bookTicker` (when the touch moved)."""

    def __init__(
        self,
        venue: BinanceVenue,
        symbol: Symbol,
        every: timedelta,
        word: Callable[[Ticker, str, int], dict[str, Any]],
    ) -> None:
        super().__init__(venue, symbol, every)
        self._word = word
        self._last: dict[str, Any] = {}

    def moved(self, at: datetime) -> list[dict[str, Any]]:
        if not self.due(at):
            return []
        said = self._word(self.venue.exchange.ticker(self.symbol), self.name, millis(at))
        if said == self._last:
            return []
        self._last = said
        return [said]


class MarketStreams:
    """Every stream somebody listens to. What the market does is told once, to all who listen."""

    def __init__(self, venue: BinanceVenue, faults: FaultPlan) -> None:
        self._venue = venue
        self._faults = faults
        self._names = {name.lower(): symbol for symbol, name in venue.ids.items()}
        self._listeners: dict[str, list[Send]] = {}
        self._streams: dict[str, _Stream | None] = {}
        self._stop: Callable[[], None] | None = None

    def subscribe(self, name: str, send: Send) -> None:
        """Listen to a stream; it speaks when the market moves next. BinanceError for a name there is not."""
        made = self._streams[name] if name in self._streams else self._made(name)
        self._streams[name] = made
        listeners = self._listeners.setdefault(name, [])
        if send not in listeners:
            listeners.append(send)
        if self._stop is None:
            self._stop = self._venue.exchange.listen_market(self._heard)

    def unsubscribe(self, name: str, send: Send) -> None:
        """Stop listening; a stream nobody listens to is forgotten."""
        listeners = self._listeners.get(name, [])
        if send in listeners:
            listeners.remove(send)
        if not listeners:
            self._listeners.pop(name, None)
            self._streams.pop(name, None)
        if not self._listeners and self._stop is not None:
            self._stop()
            self._stop = None

    def _made(self, name: str) -> _Stream | None:
        """The maker of a stream's messages; None for streams that tell trades as they happen."""
        market_name, _, kind = name.partition("@")
        symbol = self._names.get(market_name)
        if symbol is None:
            raise BinanceError(2, f"Invalid request: unknown stream {name}")
        kind, _, speed = kind.partition("@")
        if kind in ("trade", "aggTrade"):
            return None
        if kind == "depth":
            return _Changes(self._venue, symbol, _FAST if speed == "100ms" else _SLOW)
        if kind.startswith("depth") and kind[5:].isdecimal() and int(kind[5:]) in _PARTIAL:
            return _Partial(self._venue, symbol, _FAST if speed == "100ms" else _SLOW, int(kind[5:]))
        if kind.startswith("kline_"):
            return _Bars(self._venue, symbol, market.interval_of(kind[6:]))
        if kind == "ticker":
            return _Tickers(self._venue, symbol, _SLOW, ticker_event)
        if kind == "miniTicker":
            return _Tickers(self._venue, symbol, _SLOW, mini_ticker_event)
        if kind == "bookTicker":
            return _Tickers(self._venue, symbol, _FAST, self._touch)
        raise BinanceError(2, f"Invalid request: unknown stream {name}")

    def _touch(self, found: Ticker, symbol: str, _: int) -> dict[str, Any]:
        told = market.touch(found, symbol)
        return {
            "u": self._venue.exchange.market_of(found.symbol).changes,
            "s": symbol,
            "b": told["bidPrice"],
            "B": told["bidQty"],
            "a": told["askPrice"],
            "A": told["askQty"],
        }

    def _heard(self, event: MarketEvent) -> None:
        if isinstance(event, Traded):
            self._traded(event.trade)
            return
        for name, stream in list(self._streams.items()):
            if stream is not None and not self._faults.stale(Operation.STREAM, "", name):
                for message in stream.moved(event.at):
                    self._tell(name, message)

    def _traded(self, trade: MarketTrade) -> None:
        symbol = self._venue.ids[trade.symbol]
        at = millis(max(trade.at, EPOCH))
        for kind in ("trade", "aggTrade"):
            name = f"{symbol.lower()}@{kind}"
            if name in self._listeners and not self._faults.stale(Operation.STREAM, "", name):
                told = (
                    trade_event(trade, symbol, at)
                    if kind == "trade"
                    else {"e": "aggTrade", "E": at, "s": symbol, **market.aggregated(trade)}
                )
                self._tell(name, told)

    def _tell(self, name: str, message: dict[str, Any]) -> None:
        for send in list(self._listeners.get(name, ())):
            send(name, message)


def as_text(message: dict[str, Any]) -> str:
    return orjson.dumps(message).decode()
