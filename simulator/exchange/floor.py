"""The trading floor: what happens to orders and balances when an order works, trades, wakes or ends."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Final

from domain.money import ONE, ZERO, Currency
from domain.orders import OrderStatus, TimeInForce
from simulator.costs import FeeSchedule
from simulator.exchange.customer import Customer
from simulator.exchange.events import (
    BalancesChanged,
    Change,
    ListChanged,
    MarketListener,
    OrderChanged,
    Traded,
)
from simulator.exchange.live import LinkedOrders, LiveOrder
from simulator.exchange.market import Market
from simulator.exchange.model import Ending, TradeView
from simulator.exchange.policy import FeeIn, Policy
from simulator.exchange.rules import MarketRules
from simulator.orderbook.messages import End, Result, SelfTrade, Tif

_TIF: Final = {
    TimeInForce.GTC: Tif.GTC,
    TimeInForce.GTD: Tif.GTC,
    TimeInForce.IOC: Tif.IOC,
    TimeInForce.FOK: Tif.FOK,
}
_ENDINGS: Final = {
    End.UNFILLED: Ending.UNFILLED,
    End.FILL_OR_KILL: Ending.FILL_OR_KILL,
    End.POST_ONLY: Ending.POST_ONLY,
    End.SELF_TRADE: Ending.SELF_TRADE,
}
_BY_OWNER: Final = frozenset({Ending.CANCELLED, Ending.LIST_CANCELLED})
MAKERS, TAKERS = -1, -2
"""Who the background orders belong to; customers are numbered from 1."""


class Floor:
    """Moves orders through the books. Callers have checked the order; here nothing is refused any more."""

    def __init__(self, policy: Policy, now: datetime) -> None:
        self.now = now
        self.policy = policy
        self.customers: dict[str, Customer] = {}
        self.orders: dict[int, LiveOrder] = {}
        self.lists: dict[int, LinkedOrders] = {}
        self.listeners: list[MarketListener] = []
        self._fee_grid = ONE.scaleb(-policy.fee_digits)
        self._pays_on_top = policy.fee_in is FeeIn.QUOTE

    # what an order needs ------------------------------------------------------------------------------

    def rates(self, customer: Customer, rules: MarketRules, at: datetime) -> FeeSchedule:
        """What a customer pays in a market: the market's own rates, or else those of the customer's tier."""
        return rules.fees if rules.fees is not None else customer.fees(at)

    def margin(self, order: LiveOrder) -> Decimal:
        """One, plus the order's fee rate where a buyer pays the fee on top."""
        return ONE + max(order.fees.maker, order.fees.taker) if self._pays_on_top else ONE

    def needs(self, order: LiveOrder, lots: int) -> Decimal:
        """What so many lots of it lock: base to sell, quote at the worst price known to buy."""
        step = order.rules.instrument.step_size
        if not order.buy:
            return lots * step
        price = order.price if order.price is not None else order.stop * order.rules.instrument.tick_size
        return lots * step * price * self.margin(order)

    def lock_for(self, market: Market, order: LiveOrder) -> Decimal:
        """What an order locks when it comes in. A market buy locks nothing: it pays at once."""
        if order.sleeps and not self.policy.locks_sleeping:
            return ZERO
        if order.buy and order.is_market:
            if not order.sleeps:
                return ZERO
            if not order.stop:  # a trailing buy: as far above the market as it trails
                trailing = order.ask.trailing or ZERO
                price = market.last_price * (ONE + trailing)
                return order.lots * market.step * price * self.margin(order)
        return self.needs(order, order.lots)

    def cost(self, market: Market, order: LiveOrder, customer: Customer) -> Decimal:
        """What a market buy would pay if it went through the book now."""
        left, cost = order.left, 0
        for price, lots in market.levels(True, self.apart(order, customer)):
            eaten = min(left, lots)
            cost += eaten * price
            left -= eaten
            if not left:
                break
        return cost * market.tick * market.step * self.margin(order)

    def apart(self, order: LiveOrder, customer: Customer) -> dict[int, int]:
        """Its owner's own lots on the other side, by price: prevention will not let it trade with them."""
        found: dict[int, int] = {}
        if order.self_trade is not SelfTrade.NONE:
            for other in customer.open.get(order.ask.symbol, {}).values():
                if other.buy != order.buy and not other.asleep:
                    found[other.ticks] = found.get(other.ticks, 0) + other.left
        return found

    # an order's life ----------------------------------------------------------------------------------

    def enter(self, market: Market, customer: Customer, order: LiveOrder, lock: Decimal) -> None:
        """Take an order in and lock that much for it: it sleeps until its trigger, or works at once."""
        self.orders[order.order_id] = order
        for old in customer.add(order):
            self.orders.pop(old.order_id, None)
        self._lock(customer, order, lock)
        if order.ask.expires_at is not None:
            market.expiring[order.order_id] = order
        order.asleep = order.sleeps
        if order.asleep:
            market.sleepers.add(order, market.last)
        else:
            order.working_at = self.now
        self.tell(customer, Change.NEW, order)
        if not order.asleep:
            self.work(market, customer, order)

    def work(self, market: Market, customer: Customer, order: LiveOrder) -> None:
        """Send an order that is awake to the book, for what is left of it."""
        market.changes += 1
        if order.price is None:
            result = market.book.market(
                order.order_id, order.owner, order.buy, order.left, prevention=order.self_trade
            )
        else:
            result = market.book.limit(
                order.order_id,
                order.owner,
                order.buy,
                order.ticks,
                order.left,
                tif=_TIF[order.ask.time_in_force],
                post_only=order.ask.post_only,
                prevention=order.self_trade,
            )
        if order.ask.display is not None and result.rested:
            market.icebergs[order.order_id] = order
        self.clear(market, result, order, order.buy)
        if result.ended is not None:
            self.finish(market, order, _ENDINGS[End(result.ended)])
        elif order.is_open and not order.left:
            self.finish(market, order, Ending.SELF_TRADE)  # the rest of it was taken off by prevention

    def clear(self, market: Market, result: Result, taker: LiveOrder | None, buy: bool) -> None:
        """Book what a command did to the book: its trades, and the orders that prevention ended."""
        for maker_id, taker_id, ticks, lots in result.trades:
            number = market.record(
                ticks,
                lots,
                not buy,
                taker_id if buy else maker_id,
                maker_id if buy else taker_id,
                self.now,
            )
            maker = self.orders.get(maker_id)
            if taker is not None:
                self._settle(market, taker, number, ticks, lots, maker=False)
            if maker is not None:
                self._settle(market, maker, number, ticks, lots, maker=True)
            for listener in self.listeners:
                listener(Traded(market.trades[-1]))
        if taker is not None and result.prevented:
            taker.prevented += result.prevented
        for order_id, lots in result.cut:
            resting = self.orders[order_id]
            customer = self.customers[resting.account]
            self._unlock(customer, resting, self.needs(resting, lots))
            resting.prevented += lots
        for order_id in result.removed:
            self.finish(market, self.orders[order_id], Ending.SELF_TRADE)

    def finish(self, market: Market, order: LiveOrder, ending: Ending, request_id: str = "") -> None:
        """End an open order: out of the book, what it locked set free, its list ended with it."""
        if not order.is_open:
            return
        customer = self.customers[order.account]
        self._leave(market, customer, order)
        by_owner = ending in _BY_OWNER
        order.status = OrderStatus.CANCELLED if by_owner else OrderStatus.EXPIRED
        order.ending = ending
        order.updated_at = self.now
        self.tell(customer, Change.CANCELLED if by_owner else Change.EXPIRED, order, request_id=request_id)
        if order.list_id and ending not in (Ending.LIST, Ending.LIST_CANCELLED):
            cancelled = ending is Ending.CANCELLED
            self._end_partners(market, order, Ending.LIST_CANCELLED if cancelled else Ending.LIST)

    def wake(self, market: Market) -> None:
        """Wake every order whose trigger was reached, and those that these reach by trading."""
        while fired := market.sleepers.fired():
            for order in fired:
                if order.is_open:
                    self._awake(market, order)

    def _awake(self, market: Market, order: LiveOrder) -> None:
        customer = self.customers[order.account]
        if order.list_id:
            self._end_partners(market, order, Ending.LIST)
        order.asleep = False
        order.working_at = order.updated_at = self.now
        self.tell(customer, Change.TRIGGERED, order)
        self._unlock(customer, order, order.locked)
        need = (
            self.cost(market, order, customer)
            if order.buy and order.is_market
            else self.needs(order, order.left)
        )
        if need > customer.account.free(order.lock_currency):
            self.finish(market, order, Ending.NO_FUNDS)
            return
        if not (order.buy and order.is_market):
            self._lock(customer, order, need)
        self.work(market, customer, order)

    def _end_partners(self, market: Market, order: LiveOrder, ending: Ending) -> None:
        linked = self.lists[order.list_id]
        for other in linked.orders:
            if other is not order:
                self.finish(market, other, ending)
        self.tell_list(linked)

    def _leave(self, market: Market, customer: Customer, order: LiveOrder) -> None:
        if order.asleep:
            market.sleepers.remove(order.order_id)
        elif market.book.cancel(order.order_id):
            market.changes += 1
        market.icebergs.pop(order.order_id, None)
        market.expiring.pop(order.order_id, None)
        customer.open[order.ask.symbol].pop(order.order_id, None)
        self._unlock(customer, order, order.locked)

    # money ----------------------------------------------------------------------------------------------

    def _settle(
        self, market: Market, order: LiveOrder, number: int, ticks: int, lots: int, *, maker: bool
    ) -> None:
        """Exchange the money of one side of a trade."""
        customer = self.customers[order.account]
        account = customer.account
        price, quantity = ticks * market.tick, lots * market.step
        notional = price * quantity
        rate = order.fees.maker if maker else order.fees.taker
        order.filled += lots
        left = order.left
        if order.locked:
            share = self.needs(order, lots) if left else order.locked
            self._unlock(customer, order, share)
        fee_currency: Currency
        if order.buy and not self._pays_on_top:
            fee, fee_currency = (quantity * rate).quantize(self._fee_grid, ROUND_DOWN), order.base
            account.spend(order.quote, notional)
            account.receive(order.base, quantity - fee)
        else:
            fee, fee_currency = (notional * rate).quantize(self._fee_grid, ROUND_DOWN), order.quote
            if order.buy:
                account.spend(order.quote, notional + fee)
                account.receive(order.base, quantity)
            else:
                account.spend(order.base, quantity)
                account.receive(order.quote, notional - fee)
        order.notional += notional
        order.updated_at = self.now
        trade = TradeView(
            number,
            market.symbol,
            order.order_id,
            order.client_id,
            order.list_id,
            order.ask.side,
            price,
            quantity,
            fee,
            fee_currency,
            maker,
            self.now,
        )
        customer.add_trade(trade)
        if left:
            order.status = OrderStatus.PARTIALLY_FILLED
        else:
            self._leave(market, customer, order)
            order.status = OrderStatus.FILLED
        self.tell(customer, Change.TRADE, order, trade)
        if order.list_id and order.filled == lots:
            self._end_partners(market, order, Ending.LIST)

    def _lock(self, customer: Customer, order: LiveOrder, amount: Decimal) -> None:
        customer.account.lock(order.lock_currency, amount)
        order.locked += amount

    def _unlock(self, customer: Customer, order: LiveOrder, amount: Decimal) -> None:
        customer.account.unlock(order.lock_currency, amount)
        order.locked -= amount

    def relock(self, customer: Customer, order: LiveOrder, amount: Decimal) -> None:
        """Lock this much for an order instead of what it locks now."""
        self._unlock(customer, order, order.locked)
        self._lock(customer, order, amount)

    def tell(
        self,
        customer: Customer,
        change: Change,
        order: LiveOrder,
        trade: TradeView | None = None,
        request_id: str = "",
    ) -> None:
        """Tell the account's listeners about an order, and about the balances that changed with it."""
        if not customer.listeners:
            return
        event = OrderChanged(change, order.view(), self.now, trade, request_id)
        for listener in customer.listeners:
            listener(event)
        self.tell_balances(customer)

    def tell_list(self, linked: LinkedOrders) -> None:
        """Tell the account's listeners how a list of orders stands."""
        linked.updated_at = self.now
        for listener in self.customers[linked.account].listeners:
            listener(ListChanged(linked.view(), self.now))

    def tell_balances(self, customer: Customer) -> None:
        changed = customer.account.take_touched()
        if changed:
            for listener in customer.listeners:
                listener(BalancesChanged(customer.account.name, changed, self.now))
