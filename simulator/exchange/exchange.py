"""A whole exchange in memory: accounts, orders of every type, matching, market data, events.

Venue-neutral: a wire words its requests and answers as one venue does. Everything is synchronous and
deterministic: the same clock readings, tape and commands give the same trades.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from domain.clock import Clock
from domain.errors import ConfigError
from domain.market import Timeframe
from domain.money import ZERO, Currency, Symbol
from domain.orders import TRIGGERED, OrderType
from simulator.exchange import entry
from simulator.exchange.accounts import Account, ApiKey, keys_by_name
from simulator.exchange.books import ExchangeBooks
from simulator.exchange.customer import Customer
from simulator.exchange.events import (
    AccountListener,
    Change,
    MarketListener,
    Pulse,
)
from simulator.exchange.live import LinkedOrders, LiveOrder
from simulator.exchange.makers import Background
from simulator.exchange.market import Market
from simulator.exchange.model import (
    Ending,
    NewOrder,
    OrderList,
    OrderView,
    Placed,
    TradeView,
)
from simulator.exchange.policy import Policy
from simulator.exchange.rejection import Reason, Rejection
from simulator.exchange.rules import MarketRules
from simulator.exchange.tape import Tape


class SimulatedExchange(ExchangeBooks):
    """One exchange. Every method that names an account, market or order raises Rejection for one it lacks.

    `prices` are the last prices that markets without a tape begin with. With a tape the market moves only
    by `advance`, which also expires orders; the first points are played when it is made. `keep` is how many
    ended orders and trades of an account and market are remembered.
    """

    def __init__(
        self,
        clock: Clock,
        markets: Iterable[MarketRules],
        *,
        policy: Policy | None = None,
        tape: Tape | None = None,
        prices: Mapping[Symbol, Decimal] | None = None,
        keep: int = 20_000,
    ) -> None:
        super().__init__(clock, policy or Policy())
        now = clock.now()
        self._keep = keep
        self._tape = tape
        self._background = Background(tape, self._floor) if tape is not None else None
        self._next_order = self._next_list = 1
        for rules in markets:
            self._markets[rules.instrument.symbol] = self._market(rules, prices or {}, now)
        self._stands = now
        if tape is not None:
            self._stands = now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % tape.step
            self._play(self._stands)

    # accounts -------------------------------------------------------------------------------------------

    def open_account(
        self, name: str, balances: Mapping[Currency, Decimal], keys: Iterable[ApiKey] = ()
    ) -> Account:
        """A new account. ConfigError when the name or a key is taken, or a balance is below zero."""
        made = keys_by_name(keys)
        if name in self._floor.customers or any(key in self._keys for key in made):
            raise ConfigError(f"account {name} or one of its keys exists already", fix="Take another name")
        account = Account(name, len(self._floor.customers) + 1, balances)
        self._floor.customers[name] = Customer(account, self.policy, self._keep)
        self._keys.update({key: (name, each) for key, each in made.items()})
        return account

    def deposit(self, account: str, currency: Currency, amount: Decimal) -> None:
        """Add to (or, below zero, take from) what is free. Rejection when there is not enough to take."""
        customer = self.customer_of(account)
        if amount < 0:
            customer.account.spend(currency, -amount)
        else:
            customer.account.receive(currency, amount)
        self._floor.now = self.clock.now()
        self._floor.tell_balances(customer)

    # orders ---------------------------------------------------------------------------------------------

    def check(self, account: str, order: NewOrder) -> None:
        """Raise the Rejection that `place` would raise now; change nothing."""
        self._prepare(account, order, self.clock.now())

    def place(self, account: str, order: NewOrder) -> Placed:
        """Take an order in: it trades at once, rests, sleeps until its trigger, or ends unfilled."""
        floor = self._floor
        floor.now = now = self.clock.now()
        customer, market, live, lock = self._prepare(account, order, now)
        self._next_order += 1
        trades = customer.trades.get(order.symbol, ())
        before = trades[-1].trade_id if trades else 0
        floor.enter(market, customer, live, lock)
        made = self._since(customer, live, before)
        floor.wake(market)
        return Placed(live.view(), made)

    def cancel(
        self,
        account: str,
        symbol: Symbol,
        *,
        order_id: int | None = None,
        client_id: str | None = None,
        request_id: str = "",
    ) -> OrderView:
        """End an open order. Rejection: UNKNOWN_ORDER, or ORDER_CLOSED when it is not open any more."""
        market = self.market_of(symbol)
        live = self.find(account, symbol, order_id, client_id)
        if not live.is_open:
            raise Rejection(Reason.ORDER_CLOSED, f"order {live.order_id} is {live.status.value}")
        self._floor.now = self.clock.now()
        self._floor.finish(market, live, Ending.CANCELLED, request_id)
        return live.view()

    def cancel_all(self, account: str, symbol: Symbol | None = None) -> tuple[OrderView, ...]:
        """End every open order of an account, in one market or in all."""
        customer = self.customer_of(account)
        self._floor.now = self.clock.now()
        ended = []
        for named, open_orders in customer.open.items():
            if symbol in (None, named):
                for live in list(open_orders.values()):
                    self._floor.finish(self.market_of(named), live, Ending.CANCELLED)
                    ended.append(live.view())
        return tuple(ended)

    def amend(
        self,
        account: str,
        symbol: Symbol,
        *,
        order_id: int | None = None,
        client_id: str | None = None,
        quantity: Decimal | None = None,
        price: Decimal | None = None,
        new_client_id: str = "",
    ) -> Placed:
        """Change the total quantity or the price of a limit order in the book; what is None stays.

        Made smaller at the same price it keeps its place in the queue; any other change loses it, and a new
        price may trade at once. Rejection: NOT_AMENDABLE for an order that sleeps or a quantity that is
        filled already, and whatever `place` would say to the new order. With `new_client_id` the order is
        known by that from then on.
        """
        market, customer = self.market_of(symbol), self.customer_of(account)
        live = self.find(account, symbol, order_id, client_id)
        if not live.is_open:
            raise Rejection(Reason.ORDER_CLOSED, f"order {live.order_id} is {live.status.value}")
        if live.asleep or live.price is None:
            raise Rejection(Reason.NOT_AMENDABLE, "only a limit order in the book can be changed")
        new_price = live.price if price is None else price
        new_quantity = live.lots * market.step if quantity is None else quantity
        market.rules.check_price(new_price, market.last_price)
        market.rules.check_quantity(new_quantity, market=False)
        market.rules.check_notional(new_quantity * new_price, market=False)
        lots = market.lots(new_quantity)
        if lots <= live.filled + live.prevented:
            raise Rejection(Reason.NOT_AMENDABLE, f"{live.filled * market.step:f} of it is filled")
        if new_price == live.price and lots == live.lots:
            raise Rejection(Reason.NOT_AMENDABLE, "nothing would change")
        if new_client_id and new_client_id != live.client_id:
            entry.check_client_id(replace(live.ask, client_id=new_client_id), customer, self.policy)
        floor = self._floor
        floor.now = now = self.clock.now()
        trades = customer.trades.get(symbol, ())
        before = trades[-1].trade_id if trades else 0
        market.changes += 1
        keeps = new_price == live.price and lots < live.lots
        if keeps:
            market.book.reduce(live.order_id, live.lots - lots)
            live.lots = lots
            floor.relock(customer, live, floor.needs(live, live.left))
        else:
            self._move(market, customer, live, new_price, lots)
        if new_client_id:
            customer.rename(live, new_client_id)
        live.updated_at = now
        floor.tell(customer, Change.AMENDED, live)
        if not keeps:
            floor.work(market, customer, live)
            floor.wake(market)
        return Placed(live.view(), self._since(customer, live, before))

    def _move(self, market: Market, customer: Customer, live: LiveOrder, price: Decimal, lots: int) -> None:
        """Take an order out of the book and give it a new price and size; nothing changes on a Rejection."""
        ticks = int(price / market.tick)
        if live.ask.post_only:
            entry.check_rests(live.buy, ticks, market)
        more = (lots - live.filled - live.prevented) * market.step
        need = more * price * self._floor.margin(live) if live.buy else more
        customer.account.need(live.lock_currency, need - live.locked)
        market.book.cancel(live.order_id)
        live.price, live.ticks, live.lots = price, ticks, lots
        self._floor.relock(customer, live, need)

    def place_list(self, account: str, orders: Sequence[NewOrder], client_id: str = "") -> OrderList:
        """Place two orders of which the first to trade or to be triggered ends the other.

        They lock what the dearer one needs, not the sum.
        """
        floor = self._floor
        floor.now = now = self.clock.now()
        symbol = orders[0].symbol if orders else Symbol("")
        customer, market = self.customer_of(account), self.market_of(symbol)
        for order in orders:
            entry.check_form(order)
        entry.check_list(orders, market)
        # The one that can trade first comes first: it locks all it needs.
        prepared = [
            self._prepare(account, order, now, self._next_order + at)
            for at, order in enumerate(sorted(orders, key=lambda order: order.order_type in TRIGGERED))
        ]
        lives = tuple(live for _, _, live, _ in prepared)
        first, second = (lock for _, _, _, lock in prepared)
        list_id = self._next_list
        self._next_list += 1
        self._next_order += len(prepared)
        linked = LinkedOrders(
            list_id,
            client_id or f"{self.policy.client_ids.made_prefix}list-{list_id}",
            account,
            symbol,
            lives,
            now,
            now,
        )
        floor.lists[list_id] = linked
        for old in list(floor.lists.values())[: -self._keep]:
            if not any(live.is_open for live in old.orders):
                del floor.lists[old.list_id]
        for live, lock in zip(lives, (first, max(second - first, ZERO)), strict=True):
            live.list_id = list_id
            floor.enter(market, customer, live, lock)
        floor.tell_list(linked)
        return linked.view()

    def cancel_list(
        self, account: str, *, list_id: int | None = None, client_id: str | None = None
    ) -> OrderList:
        """End both orders of a list. Rejection (ORDER_CLOSED) when neither is open."""
        linked = self.find_list(account, list_id, client_id)
        self._floor.now = self.clock.now()
        is_open = [live for live in linked.orders if live.is_open]
        if not is_open:
            raise Rejection(Reason.ORDER_CLOSED, f"list {linked.list_id} is done")
        self._floor.finish(self.market_of(linked.symbol), is_open[0], Ending.CANCELLED)
        return linked.view()

    # time and events ------------------------------------------------------------------------------------

    def advance(self, to: datetime) -> None:
        """Play the market up to this time, point by point; a time that is past does nothing new."""
        if self._tape is None:
            self._play(to)
        else:
            self.catch_up(to)
        for listener in self._floor.listeners:
            listener(Pulse(to))

    def catch_up(self, to: datetime) -> None:
        """Play the points of the tape that are due by this time; streams are fed by the next `advance`.

        Whoever asks or orders at a time must find the market of that time: a bar that has closed never
        changes, and no trade is older than one before it.
        """
        if self._tape is None:
            return
        following = self._stands + self._tape.step
        while following <= to:
            self._stands = following
            self._play(following)
            following += self._tape.step

    def suspend(self, symbol: Symbol) -> None:
        """Stop trading in a market: it takes no orders and does not move; open orders can be cancelled."""
        self.market_of(symbol).open = False

    def resume(self, symbol: Symbol) -> None:
        """Let a market trade again; it moves on from where the tape stands then."""
        self.market_of(symbol).open = True

    def listen(self, account: str, listener: AccountListener) -> Callable[[], None]:
        """Call `listener` for every event of an account, in order; the answer is what ends that."""
        listeners = self.customer_of(account).listeners
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    def listen_market(self, listener: MarketListener) -> Callable[[], None]:
        """Call `listener` for every trade and every pulse of the market; the answer is what ends that."""
        self._floor.listeners.append(listener)
        return lambda: self._floor.listeners.remove(listener)

    # inside ---------------------------------------------------------------------------------------------

    def _market(self, rules: MarketRules, prices: Mapping[Symbol, Decimal], now: datetime) -> Market:
        symbol = rules.instrument.symbol
        if self._tape is None:
            if symbol not in prices:
                raise ConfigError(f"{symbol} has neither a tape nor a price", fix="Name its last price")
            return Market(rules, int(prices[symbol] / rules.instrument.tick_size))
        history = self._tape.history(symbol, now)
        market = Market(rules, history[Timeframe.M1][-1].close)
        for timeframe, bars in history.items():
            market.candles.load(timeframe, bars)
        return market

    def _play(self, at: datetime) -> None:
        self._floor.now = at
        for market in self._markets.values():
            for live in list(market.expiring.values()):
                if live.ask.expires_at is not None and live.ask.expires_at <= at:
                    self._floor.finish(market, live, Ending.EXPIRED)
            market.candles.roll(int(at.timestamp()))
            if self._background is not None and market.open:
                self._background.step(market, at)
            self._floor.wake(market)

    def _prepare(
        self, account: str, order: NewOrder, now: datetime, number: int | None = None
    ) -> tuple[Customer, Market, LiveOrder, Decimal]:
        """Check an order from every side; the answer is all that is needed to take it in."""
        customer, market = self.customer_of(account), self.market_of(order.symbol)
        if not market.open:
            raise Rejection(Reason.MARKET_CLOSED, f"{order.symbol} is not trading")
        entry.check_form(order)
        entry.check_time(order, now)
        market.rules.check_order(order, market.last_price)
        entry.check_client_id(order, customer, self.policy)
        entry.check_room(order, market, customer)
        entry.check_side_of_market(order, market)
        number = self._next_order if number is None else number
        live = LiveOrder(
            order,
            market.rules,
            account,
            customer.account.number,
            number,
            order.client_id or f"{self.policy.client_ids.made_prefix}{number}",
            market.lots(order.quantity) if order.quantity is not None else 0,
            self.policy.self_trade if order.self_trade is None else order.self_trade,
            self._floor.rates(customer, market.rules, now),
            now,
        )
        if order.quantity is None:
            live.lots = entry.size_by_amount(order, market, live, self._floor.apart(live, customer))
            market.rules.check_quantity(live.lots * market.step, market=True)
        lock = self._floor.lock_for(market, live)
        buys_now = live.buy and order.order_type is OrderType.MARKET
        customer.account.need(
            live.lock_currency, self._floor.cost(market, live, customer) if buys_now else lock
        )
        return customer, market, live, lock

    def _since(self, customer: Customer, live: LiveOrder, trade_id: int) -> tuple[TradeView, ...]:
        """The order's trades after that one."""
        if not live.filled:
            return ()
        found: list[TradeView] = []
        for trade in reversed(customer.trades[live.ask.symbol]):
            if trade.trade_id <= trade_id:
                break
            if trade.order_id == live.order_id:
                found.append(trade)
        return tuple(reversed(found))
