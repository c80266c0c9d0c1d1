"""One market of the exchange: its book, its tape of trades, its bars, and who waits for a trigger."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from domain.clock import EPOCH
from simulator.exchange.candles import Candles
from simulator.exchange.live import LiveOrder
from simulator.exchange.model import Depth, MarketTrade, Ticker
from simulator.exchange.rules import MarketRules
from simulator.exchange.sleepers import Sleepers
from simulator.orderbook.reference import PriceTimeBook

_TRADES_KEPT: Final = 2_000
_ALL: Final = 1_000_000
_DAY: Final = timedelta(days=1)


class Market:
    """The state of one market. `last` is the last price in ticks; `changes` counts changes of the book."""

    def __init__(self, rules: MarketRules, last: int) -> None:
        self.rules = rules
        self.instrument = rules.instrument
        self.symbol = rules.instrument.symbol
        self.tick: Decimal = rules.instrument.tick_size
        self.step: Decimal = rules.instrument.step_size
        self.last = last
        self.open = True
        self.book = PriceTimeBook()
        self.sleepers = Sleepers()
        self.candles = Candles(rules.instrument, last)
        self.trades: deque[MarketTrade] = deque(maxlen=_TRADES_KEPT)
        self.next_trade = 1
        self.changes = 1
        self.icebergs: dict[int, LiveOrder] = {}
        self.expiring: dict[int, LiveOrder] = {}

    @property
    def last_price(self) -> Decimal:
        return self.last * self.tick

    def lots(self, quantity: Decimal) -> int:
        return int(quantity / self.step)

    def record(self, ticks: int, lots: int, buyer_maker: bool, buyer: int, seller: int, at: datetime) -> int:
        """Put a trade on the tape and return its number."""
        number = self.next_trade
        self.next_trade = number + 1
        self.last = ticks
        self.trades.append(
            MarketTrade(
                number, self.symbol, ticks * self.tick, lots * self.step, buyer_maker, at, buyer, seller
            )
        )
        self.candles.trade(int((at - EPOCH).total_seconds()), ticks, lots, not buyer_maker)
        self.sleepers.observe(ticks)
        return number

    def levels(self, buy: bool, apart: dict[int, int]) -> list[tuple[int, int]]:
        """What an order of this direction meets, best first, without the lots in `apart` (by price)."""
        bids, asks = self.book.depth(_ALL)
        met = asks if buy else bids
        return [(price, lots - apart.get(price, 0)) for price, lots in met] if apart else met

    def depth(self, levels: int, at: datetime) -> Depth:
        """The visible book: of an iceberg only the part it shows."""
        bids, asks = self.book.depth(levels if not self.icebergs else _ALL)
        if self.icebergs:
            hidden: dict[int, int] = {}
            for order in self.icebergs.values():
                shown = self.lots(order.ask.display or order.ask.quantity or Decimal(0))
                hidden[order.ticks] = hidden.get(order.ticks, 0) + max(order.left - shown, 0)
            bids, asks = (
                [(price, lots - hidden.get(price, 0)) for price, lots in side[:levels]]
                for side in (bids, asks)
            )
        tick, step = self.tick, self.step
        return Depth(
            self.symbol,
            self.changes,
            at,
            tuple((price * tick, lots * step) for price, lots in bids),
            tuple((price * tick, lots * step) for price, lots in asks),
        )

    def ticker(self, at: datetime) -> Ticker:
        day = self.candles.day()
        touch = self.depth(1, at)
        newest = self.trades[-1] if self.trades else None
        (bid, bid_quantity), (ask, ask_quantity) = (
            side[0] if side else (None, Decimal(0)) for side in (touch.bids, touch.asks)
        )
        return Ticker(
            self.symbol,
            at,
            at - _DAY,
            day.open * self.tick,
            day.high * self.tick,
            day.low * self.tick,
            self.last_price,
            newest.quantity if newest is not None else Decimal(0),
            day.volume * self.step,
            day.turnover * self.tick * self.step,
            bid,
            bid_quantity,
            ask,
            ask_quantity,
            self.trades[0].trade_id if self.trades else 0,
            self.next_trade - 1,
            day.count,
        )
