"""A customer of the exchange: the account, its orders and trades, its fee tier."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from domain.clock import EPOCH
from domain.money import ZERO, Symbol
from simulator.costs import FeeSchedule
from simulator.exchange.accounts import Account
from simulator.exchange.events import AccountListener
from simulator.exchange.live import LiveOrder
from simulator.exchange.model import TradeView
from simulator.exchange.policy import Policy

_TURNOVER_DAYS: Final = 30


class Customer:
    """Everything the exchange keeps for one account.

    Ended orders and trades are kept in order, the newest `keep` of each market (and a quarter more).
    """

    def __init__(self, account: Account, policy: Policy, keep: int) -> None:
        self.account = account
        self.listeners: list[AccountListener] = []
        self.open: dict[Symbol, dict[int, LiveOrder]] = {}
        self.orders: dict[Symbol, list[LiveOrder]] = {}
        self.trades: dict[Symbol, list[TradeView]] = {}
        self.by_client: dict[tuple[Symbol, str], LiveOrder] = {}
        self._policy = policy
        self._keep = keep
        self._days: dict[int, Decimal] = {}
        self._fees: tuple[int, FeeSchedule] | None = None

    def add(self, order: LiveOrder) -> list[LiveOrder]:
        """Take an order into the books; the answer is what was forgotten for it."""
        symbol = order.ask.symbol
        self.open.setdefault(symbol, {})[order.order_id] = order
        self.by_client[symbol, order.client_id] = order
        kept = self.orders.setdefault(symbol, [])
        kept.append(order)
        if len(kept) <= self._keep + self._keep // 4:
            return []
        old = [each for each in kept[: -self._keep] if not each.is_open]
        gone = {each.order_id for each in old}
        kept[:] = [each for each in kept if each.order_id not in gone]
        for each in old:
            if self.by_client.get((symbol, each.client_id)) is each:
                del self.by_client[symbol, each.client_id]
        return old

    def rename(self, order: LiveOrder, client_id: str) -> None:
        """Know an order by another client id from now on."""
        symbol = order.ask.symbol
        if self.by_client.get((symbol, order.client_id)) is order:
            del self.by_client[symbol, order.client_id]
        order.client_id = client_id
        self.by_client[symbol, client_id] = order

    def add_trade(self, trade: TradeView) -> None:
        kept = self.trades.setdefault(trade.symbol, [])
        kept.append(trade)
        if len(kept) > self._keep + self._keep // 4:
            del kept[: -self._keep]
        day = (trade.at - EPOCH).days
        self._days[day] = self._days.get(day, ZERO) + trade.notional

    def fees(self, at: datetime) -> FeeSchedule:
        """The rates of the day: the tier is that of the turnover of the 30 days before it."""
        day = (at - EPOCH) // timedelta(days=1)
        if self._fees is None or self._fees[0] != day:
            self._days = {each: sum_ for each, sum_ in self._days.items() if each >= day - _TURNOVER_DAYS}
            traded = sum((amount for each, amount in self._days.items() if each < day), self.account.turnover)
            self._fees = (day, self._policy.fees.at(traded))
        return self._fees[1]
