"""What MEXC's public streams push: each feed watches one market for one connection.

A feed collects trades, and at every pulse answers with the bodies to send: their kind and their fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

from domain.clock import Clock
from domain.market import Timeframe
from domain.money import Symbol
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.model import Kline, MarketTrade
from simulator.wire.figures import millis, number, seconds
from simulator.wire.levels import Levels, changes

Body = tuple[str, dict[str, Any]]
INTERVALS: Final = {
    "Min1": Timeframe.M1,
    "Min5": Timeframe.M5,
    "Min15": Timeframe.M15,
    "Min60": Timeframe.H1,
    "Hour4": Timeframe.H4,
    "Day1": Timeframe.D1,
}
"""A stream's name of a bar length, and ours."""
_LEVELS: Final = 5000


class Feed(Protocol):
    """One market on one stream."""

    @property
    def symbol(self) -> Symbol: ...

    def trade(self, trade: MarketTrade) -> None:
        """A trade happened in this market."""
        ...

    def pulse(self) -> Iterator[Body]:
        """What there is to say since the last pulse."""
        ...


class _Feed:
    def __init__(self, exchange: SimulatedExchange, clock: Clock, symbol: Symbol, event: str) -> None:
        self.symbol = symbol
        self._exchange = exchange
        self._clock = clock
        self._event = event

    def trade(self, trade: MarketTrade) -> None:
        """Only the trade stream looks at single trades."""


class DealsFeed(_Feed):
    """The trades since the last pulse, in one message."""

    def __init__(self, exchange: SimulatedExchange, clock: Clock, symbol: Symbol, event: str) -> None:
        super().__init__(exchange, clock, symbol, event)
        self._deals: list[dict[str, Any]] = []

    def trade(self, trade: MarketTrade) -> None:
        self._deals.append(
            {
                "price": number(trade.price),
                "quantity": number(trade.quantity),
                "tradeType": 2 if trade.buyer_maker else 1,
                "time": millis(trade.at),
            }
        )

    def pulse(self) -> Iterator[Body]:
        if self._deals:
            deals, self._deals = self._deals, []
            yield "publicAggreDeals", {"deals": deals, "eventType": self._event}


class TouchFeed(_Feed):
    """The best bid and ask whenever they change."""

    _sent: Any = None

    def pulse(self) -> Iterator[Body]:
        depth = self._exchange.depth(self.symbol, 1)
        if (depth.bids, depth.asks) == self._sent:
            return
        self._sent = (depth.bids, depth.asks)
        body: dict[str, Any] = {}
        for side, levels in (("bid", depth.bids), ("ask", depth.asks)):
            for price, quantity in levels:
                body |= {f"{side}Price": number(price), f"{side}Quantity": number(quantity)}
        yield "publicAggreBookTicker", body


class DepthFeed(_Feed):
    """The changes of the book since the last push; a subscriber takes the whole book by REST."""

    def __init__(self, exchange: SimulatedExchange, clock: Clock, symbol: Symbol, event: str) -> None:
        super().__init__(exchange, clock, symbol, event)
        self._seen, self._bids, self._asks = self._book()

    def _book(self) -> tuple[int, Levels, Levels]:
        depth = self._exchange.depth(self.symbol, _LEVELS)
        return depth.update_id, dict(depth.bids), dict(depth.asks)

    def pulse(self) -> Iterator[Body]:
        if self._exchange.market_of(self.symbol).changes == self._seen:
            return
        seen, bids, asks = self._book()
        sides = {
            name: [{"price": price, "quantity": size} for price, size in changes(old, new)]
            for name, old, new in (("bids", self._bids, bids), ("asks", self._asks, asks))
        }
        versions = {"fromVersion": str(self._seen + 1), "toVersion": str(seen)}
        self._seen, self._bids, self._asks = seen, bids, asks
        yield "publicAggreDepths", {**sides, "eventType": self._event, **versions}


class KlineFeed(_Feed):
    """The forming bar whenever it changes; a bar that closed is pushed with its last values."""

    def __init__(
        self, exchange: SimulatedExchange, clock: Clock, symbol: Symbol, event: str, interval: str
    ) -> None:
        super().__init__(exchange, clock, symbol, event)
        self._interval = interval
        self._sent: Kline | None = None

    def pulse(self) -> Iterator[Body]:
        timeframe = INTERVALS[self._interval]
        bars = (
            self._exchange.klines(self.symbol, timeframe, limit=1)
            if self._sent is None
            else self._exchange.klines(self.symbol, timeframe, start=self._sent.open_time, limit=1000)
        )
        for bar in bars:
            if bar == self._sent:
                continue
            self._sent = bar
            yield (
                "publicSpotKline",
                {
                    "interval": self._interval,
                    "windowStart": seconds(bar.open_time),
                    "openingPrice": number(bar.open),
                    "closingPrice": number(bar.close),
                    "highestPrice": number(bar.high),
                    "lowestPrice": number(bar.low),
                    "volume": number(bar.volume),
                    "amount": number(bar.quote_volume),
                    "windowEnd": seconds(bar.close_time),
                },
            )
