"""What an exchange knows: who is who, orders and trades, market data. Nothing here changes any of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from domain.clock import Clock
from domain.market import Timeframe
from domain.money import Currency, Symbol
from simulator.costs import FeeSchedule
from simulator.exchange.accounts import ApiKey
from simulator.exchange.customer import Customer
from simulator.exchange.floor import Floor
from simulator.exchange.live import LinkedOrders, LiveOrder
from simulator.exchange.market import Market
from simulator.exchange.model import (
    Depth,
    Holding,
    Kline,
    MarketTrade,
    OrderList,
    OrderView,
    Ticker,
    TradeView,
)
from simulator.exchange.policy import Policy
from simulator.exchange.rejection import Reason, Rejection
from simulator.exchange.rules import MarketRules


class ExchangeBooks:
    """The reading side of an exchange: what is asked for and is not there raises Rejection."""

    def __init__(self, clock: Clock, policy: Policy) -> None:
        self.clock = clock
        self.policy = policy
        self._floor = Floor(policy, clock.now())
        self._markets: dict[Symbol, Market] = {}
        self._keys: dict[str, tuple[str, ApiKey]] = {}

    @property
    def markets(self) -> Mapping[Symbol, MarketRules]:
        """Every market's rules, by symbol."""
        return MappingProxyType({symbol: market.rules for symbol, market in self._markets.items()})

    # accounts -------------------------------------------------------------------------------------------

    def key(self, key: str) -> tuple[str, ApiKey] | None:
        """The account a key belongs to, and the key; None when nobody has it."""
        return self._keys.get(key)

    def keys(self, account: str) -> tuple[ApiKey, ...]:
        """Every key of an account."""
        self.customer_of(account)
        return tuple(key for owner, key in self._keys.values() if owner == account)

    def balances(self, account: str) -> dict[Currency, Holding]:
        """Every currency the account ever had."""
        return self.customer_of(account).account.holdings()

    def fees(self, account: str) -> FeeSchedule:
        """The account's maker and taker rates today."""
        return self.customer_of(account).fees(self.clock.now())

    # queries --------------------------------------------------------------------------------------------

    def order(
        self, account: str, symbol: Symbol, *, order_id: int | None = None, client_id: str | None = None
    ) -> OrderView:
        """One order, open or ended; of several with the same client id the newest."""
        return self.find(account, symbol, order_id, client_id).view()

    def open_orders(self, account: str, symbol: Symbol | None = None) -> tuple[OrderView, ...]:
        """Every order that can still be filled, oldest first."""
        found = [
            live
            for named, open_orders in self.customer_of(account).open.items()
            if symbol in (None, named)
            for live in open_orders.values()
        ]
        return tuple(live.view() for live in sorted(found, key=lambda live: live.order_id))

    def orders(self, account: str, symbol: Symbol) -> tuple[OrderView, ...]:
        """Every order of a market, oldest first."""
        self.market_of(symbol)
        return tuple(live.view() for live in self.customer_of(account).orders.get(symbol, ()))

    def trades(
        self, account: str, symbol: Symbol | None = None, *, order_id: int | None = None
    ) -> tuple[TradeView, ...]:
        """The account's executions, oldest first: in one market or all, of one order or all."""
        found = [
            trade
            for named, trades in self.customer_of(account).trades.items()
            if symbol in (None, named)
            for trade in trades
            if order_id in (None, trade.order_id)
        ]
        return tuple(found if symbol is not None else sorted(found, key=lambda trade: trade.at))

    def order_list(
        self, account: str, *, list_id: int | None = None, client_id: str | None = None
    ) -> OrderList:
        """One list of orders, by its number or its own client id (of several the newest)."""
        return self.find_list(account, list_id, client_id).view()

    def order_lists(self, account: str) -> tuple[OrderList, ...]:
        """Every list of the account, oldest first."""
        return tuple(linked.view() for linked in self._floor.lists.values() if linked.account == account)

    # market data ----------------------------------------------------------------------------------------

    def depth(self, symbol: Symbol, levels: int = 100) -> Depth:
        """The visible book, at most so many levels a side."""
        return self.market_of(symbol).depth(levels, self.clock.now())

    def trades_now(self, symbol: Symbol) -> bool:
        """Whether a market takes orders; one that is suspended does not."""
        return self.market_of(symbol).open

    def last_price(self, symbol: Symbol) -> Decimal:
        return self.market_of(symbol).last_price

    def recent_trades(self, symbol: Symbol, limit: int = 500) -> tuple[MarketTrade, ...]:
        """The newest public trades, oldest first; 2000 are kept."""
        trades = self.market_of(symbol).trades
        return tuple(trades)[-limit:]

    def klines(
        self,
        symbol: Symbol,
        timeframe: Timeframe,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 500,
    ) -> tuple[Kline, ...]:
        """Bars oldest first, the forming one last: the first `limit` from `start` on, else the newest."""
        market = self.market_of(symbol)
        return market.candles.klines(timeframe, start, end, limit)

    def ticker(self, symbol: Symbol) -> Ticker:
        """The last 24 hours and the touch."""
        return self.market_of(symbol).ticker(self.clock.now())

    # inside -------------------------------------------------------------------------------------------

    def customer_of(self, account: str) -> Customer:
        customer = self._floor.customers.get(account)
        if customer is None:
            raise Rejection(Reason.UNKNOWN_ACCOUNT, f"there is no account {account!r}")
        return customer

    def market_of(self, symbol: Symbol) -> Market:
        market = self._markets.get(symbol)
        if market is None:
            raise Rejection(Reason.UNKNOWN_SYMBOL, f"{symbol} is not listed here")
        return market

    def find(self, account: str, symbol: Symbol, order_id: int | None, client_id: str | None) -> LiveOrder:
        """The order with this number or, without a number, the newest with this client id."""
        customer = self.customer_of(account)
        self.market_of(symbol)
        live = (
            self._floor.orders.get(order_id)
            if order_id is not None
            else customer.by_client.get((symbol, client_id or ""))
        )
        if live is None or live.account != account or live.ask.symbol != symbol:
            raise Rejection(
                Reason.UNKNOWN_ORDER,
                f"no order {order_id if order_id is not None else client_id!r} in {symbol}",
            )
        return live

    def find_list(self, account: str, list_id: int | None, client_id: str | None) -> LinkedOrders:
        """The list with this number or, without a number, the newest with this client id."""
        self.customer_of(account)
        for linked in reversed(self._floor.lists.values()):
            named = linked.list_id == list_id if list_id is not None else linked.client_id == client_id
            if named and linked.account == account:
                return linked
        raise Rejection(Reason.UNKNOWN_ORDER, f"no list {list_id if list_id is not None else client_id!r}")
