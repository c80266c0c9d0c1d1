"""Gate's public answers: markets, prices, books, bars, trades."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from domain.clock import EPOCH, Clock
from domain.market import Timeframe
from domain.money import ZERO, Symbol
from simulator.exchange.exchange import SimulatedExchange
from simulator.wire import gate_words as words
from simulator.wire.figures import millis
from simulator.wire.gate_asks import Fields, bad, choice, flag, required, whole
from simulator.wire.gate_errors import refuse

INTERVALS: Final = {each.value: each for each in Timeframe}
"""Gate's name of a bar length, and ours; what is missing here is refused."""

_MOST_BARS: Final = 1000
_BOOK_LEVELS: Final = 1000


class GateMarket:
    """Answers public requests. Every answer is JSON-ready; refusals are GateRefusal."""

    def __init__(self, exchange: SimulatedExchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock

    def symbol(self, currency_pair: str) -> Symbol:
        """The market behind a pair; INVALID_CURRENCY_PAIR when it is not listed."""
        symbol = words.symbol_of(currency_pair)
        if symbol not in self._exchange.markets or "/" in currency_pair:
            raise refuse("INVALID_CURRENCY_PAIR", f"Invalid currency pair {currency_pair}")
        return symbol

    def time(self, _: Fields) -> Any:
        return {"server_time": millis(self._clock.now())}

    def pairs(self, _: Fields) -> Any:
        return [self._pair(symbol) for symbol in self._exchange.markets]

    def pair(self, fields: Fields) -> Any:
        return self._pair(self.symbol(required(fields, "currency_pair")))

    def _pair(self, symbol: Symbol) -> Any:
        fees = self._exchange.policy.fees.at(ZERO)
        return words.market(self._exchange.markets[symbol], fees, self._exchange.market_of(symbol).open)

    def currencies(self, _: Fields) -> Any:
        listed = words.currencies(rules.instrument for rules in self._exchange.markets.values())
        return [words.currency(code) for code in listed]

    def currency(self, fields: Fields) -> Any:
        code = required(fields, "currency")
        for row in self.currencies(fields):
            if row["currency"] == code:
                return row
        raise refuse("INVALID_CURRENCY", f"Invalid currency {code}")

    def none(self, _: Fields) -> Any:
        """What a spot venue says of its margin markets."""
        return []

    def tickers(self, fields: Fields) -> Any:
        wanted = fields.get("currency_pair")
        symbols = [self.symbol(str(wanted))] if wanted else list(self._exchange.markets)
        return [words.ticker(self._exchange.ticker(symbol)) for symbol in symbols]

    def order_book(self, fields: Fields) -> Any:
        symbol = self.symbol(required(fields, "currency_pair"))
        choice(fields, "interval", ("0",), "0")
        limit = whole(fields, "limit", 10, 1, _BOOK_LEVELS)
        depth = self._exchange.depth(symbol, limit)
        return words.book(depth, self._clock.now(), limit, flag(fields, "with_id"))

    def trades(self, fields: Fields) -> Any:
        """Newest first. With `last_id` those after it, or before it when `reverse` is set."""
        symbol = self.symbol(required(fields, "currency_pair"))
        limit = whole(fields, "limit", 100, 1, 1000)
        page = whole(fields, "page", 1, 1, 1000)
        found = list(reversed(self._exchange.recent_trades(symbol, 2000)))
        last = fields.get("last_id")
        if last:
            pivot = whole(fields, "last_id", 0, 0, 1 << 62)
            older = flag(fields, "reverse")
            found = [
                trade for trade in found if (trade.trade_id < pivot if older else trade.trade_id > pivot)
            ]
        else:
            start, end = span(fields)
            found = [trade for trade in found if start <= trade.at < end]
        return [words.public_trade(trade) for trade in found[(page - 1) * limit : page * limit]]

    def candlesticks(self, fields: Fields) -> Any:
        """Oldest first; `from` and `to` (seconds) or `limit`, never both."""
        symbol = self.symbol(required(fields, "currency_pair"))
        name = choice(fields, "interval", tuple(INTERVALS), "1h")
        timeframe = INTERVALS[name]
        limit = whole(fields, "limit", 100, 1, _MOST_BARS)
        spanned = fields.get("from") not in (None, "")
        if spanned and fields.get("limit") not in (None, ""):
            raise bad("limit", fields["limit"])
        start, end = span(fields)
        last = end - timedelta(seconds=1)
        if spanned:
            reach = min(end, self._clock.now()) - start
            if reach > timeframe.delta * _MOST_BARS:
                raise refuse("INVALID_PARAM_VALUE", "Too many data points requested. Maximum 1000 points")
            bars = self._exchange.klines(symbol, timeframe, start=start, end=last, limit=_MOST_BARS)
        else:
            until = last if fields.get("to") not in (None, "") else None
            bars = self._exchange.klines(symbol, timeframe, end=until, limit=limit)
        now = self._clock.now()
        return [words.candle(bar, now) for bar in bars]


def span(fields: Fields) -> tuple[datetime, datetime]:
    """`from` and `to` (whole seconds, both included) as moments; open where they are missing."""
    limit = 4_102_444_800  # the year 2100
    start = whole(fields, "from", 0, 0, limit)
    end = whole(fields, "to", limit, 0, limit)
    return EPOCH + timedelta(seconds=start), EPOCH + timedelta(seconds=end + 1)
