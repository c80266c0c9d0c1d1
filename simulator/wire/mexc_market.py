"""MEXC's public answers: symbols, prices, books, bars, trades."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from domain.clock import EPOCH, Clock
from domain.market import Timeframe
from domain.money import ZERO, Symbol
from simulator.costs import FeeSchedule
from simulator.exchange.exchange import SimulatedExchange
from simulator.wire import mexc_words as words
from simulator.wire.figures import millis, number
from simulator.wire.mexc_asks import Fields, limit, required, whole
from simulator.wire.mexc_errors import Code, MexcRefusal


class MexcMarket:
    """Answers public requests. Every answer is JSON-ready; refusals are MexcRefusal."""

    def __init__(self, exchange: SimulatedExchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock
        self._symbols = {words.ticker_symbol(symbol): symbol for symbol in exchange.markets}

    def symbol(self, name: str) -> Symbol:
        """The market MEXC calls so."""
        found = self._symbols.get(name)
        if found is None:
            raise MexcRefusal(Code.INVALID_SYMBOL)
        return found

    def rates(self, symbol: Symbol) -> FeeSchedule:
        """What everybody pays in a market: its own rates, or else the first tier's."""
        own = self._exchange.markets[symbol].fees
        return own if own is not None else self._exchange.policy.fees.at(ZERO)

    def ping(self, _: Fields) -> Any:
        return {}

    def time(self, _: Fields) -> Any:
        return {"serverTime": millis(self._clock.now())}

    def info(self, fields: Fields) -> Any:
        names = fields.get("symbol") or fields.get("symbols") or ""
        wanted = [self.symbol(each) for each in names.split(",")] if names else list(self._exchange.markets)
        return {
            "timezone": "CST",
            "serverTime": millis(self._clock.now()),
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [
                words.market(
                    self._exchange.markets[symbol], self.rates(symbol), self._exchange.market_of(symbol).open
                )
                for symbol in wanted
            ],
        }

    def contracts(self, _: Fields) -> Any:
        """There are none: this is the spot venue."""
        return {"success": True, "code": 0, "data": []}

    def depth(self, fields: Fields) -> Any:
        rows = limit(fields, 100, 5000)
        return words.depth(self._exchange.depth(self.symbol(required(fields, "symbol")), rows), rows)

    def trades(self, fields: Fields) -> Any:
        """`/trades` and `/aggTrades`: newest first, without ids."""
        symbol = self.symbol(required(fields, "symbol"))
        start, end = span(fields)
        found = [trade for trade in self._exchange.recent_trades(symbol, 2000) if start <= trade.at <= end]
        return [words.aggregate_trade(each) for each in found[::-1][: limit(fields, 500, 1000)]]

    def recent(self, fields: Fields) -> Any:
        symbol = self.symbol(required(fields, "symbol"))
        found = self._exchange.recent_trades(symbol, limit(fields, 500, 1000))
        return [words.public_trade(each) for each in reversed(found)]

    def klines(self, fields: Fields) -> Any:
        symbol = self.symbol(required(fields, "symbol"))
        name = required(fields, "interval")
        if name not in words.INTERVALS:
            raise MexcRefusal(Code.INVALID_SYMBOL, "Invalid interval.")
        timeframe = Timeframe(words.INTERVALS[name])
        start, end = span(fields)
        bars = self._exchange.klines(
            symbol,
            timeframe,
            start=start if whole(fields, "startTime") is not None else None,
            end=end - timedelta(milliseconds=1) if whole(fields, "endTime") is not None else None,
            limit=limit(fields, 500, 1000),
        )
        return [words.candle(bar) for bar in bars]

    def day(self, fields: Fields) -> Any:
        """24 hours of one symbol, or a list of all."""
        return self._one_or_all(fields, lambda symbol: words.ticker(self._exchange.ticker(symbol)))

    def price(self, fields: Fields) -> Any:
        return self._one_or_all(
            fields,
            lambda symbol: {
                "symbol": words.ticker_symbol(symbol),
                "price": number(self._exchange.last_price(symbol)),
            },
        )

    def touch(self, fields: Fields) -> Any:
        return self._one_or_all(fields, lambda symbol: words.book_ticker(self._exchange.ticker(symbol)))

    def _one_or_all(self, fields: Fields, row: Any) -> Any:
        wanted = fields.get("symbol")
        return row(self.symbol(wanted)) if wanted else [row(each) for each in self._exchange.markets]


def span(fields: Fields) -> tuple[datetime, datetime]:
    """`startTime` and `endTime` (milliseconds) as moments; open where they are missing."""
    start, end = whole(fields, "startTime"), whole(fields, "endTime")
    millisecond = timedelta(milliseconds=1)
    return EPOCH + (start or 0) * millisecond, EPOCH + (
        4_102_444_800_000 if end is None else end
    ) * millisecond
