"""An order inside the exchange: the only mutable form; everybody outside gets an OrderView."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.money import ZERO, Currency, Symbol
from domain.orders import TRIGGERED, OrderStatus, OrderType, Side
from simulator.costs import FeeSchedule
from simulator.exchange.model import Ending, NewOrder, OrderList, OrderView
from simulator.exchange.rules import MarketRules
from simulator.orderbook.messages import SelfTrade

_ACCEPTED = OrderStatus.ACCEPTED
_OPEN = (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)


class LiveOrder:
    """One order's state. Lots and ticks are on the market's grid; `locked` is in `lock_currency`."""

    __slots__ = (
        "account",
        "active",
        "ask",
        "asleep",
        "base",
        "buy",
        "client_id",
        "created_at",
        "ending",
        "fees",
        "filled",
        "list_id",
        "lock_currency",
        "locked",
        "lots",
        "notional",
        "order_id",
        "owner",
        "peak",
        "prevented",
        "price",
        "quote",
        "rules",
        "self_trade",
        "status",
        "stop",
        "ticks",
        "updated_at",
        "working_at",
    )

    def __init__(
        self,
        ask: NewOrder,
        rules: MarketRules,
        account: str,
        owner: int,
        order_id: int,
        client_id: str,
        lots: int,
        self_trade: SelfTrade,
        fees: FeeSchedule,
        at: datetime,
    ) -> None:
        instrument = rules.instrument
        self.ask = ask
        self.rules = rules
        self.account = account
        self.owner = owner
        self.order_id = order_id
        self.client_id = client_id
        self.buy = ask.side is Side.BUY
        self.base: Currency = instrument.base
        self.quote: Currency = instrument.quote
        self.lots = lots
        self.price = ask.limit_price
        self.ticks = int(ask.limit_price / instrument.tick_size) if ask.limit_price is not None else 0
        self.stop = int(ask.trigger_price / instrument.tick_size) if ask.trigger_price is not None else 0
        self.active = ask.trailing is None or not self.stop  # a trailing stop may wait for its start price
        self.peak = 0
        self.self_trade = self_trade
        self.fees = fees  # those of its day: what was locked covers them however long it rests
        self.list_id = 0
        self.asleep = False
        self.status = _ACCEPTED
        self.ending = Ending.NONE
        self.filled = 0
        self.prevented = 0
        self.notional = ZERO
        self.locked = ZERO
        self.lock_currency: Currency = self.quote if self.buy else self.base
        self.created_at = at
        self.updated_at = at
        self.working_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.status in _OPEN

    @property
    def left(self) -> int:
        """Lots that could still be filled if it is open."""
        return self.lots - self.filled - self.prevented

    @property
    def is_market(self) -> bool:
        """Whether it trades at any price once it works."""
        return self.price is None

    @property
    def sleeps(self) -> bool:
        """Whether it waits for a trigger before it works."""
        return self.ask.order_type in TRIGGERED

    @property
    def trails(self) -> bool:
        return self.ask.order_type is OrderType.TRAILING_STOP

    def view(self) -> OrderView:
        """The order as it stands now."""
        ask, instrument = self.ask, self.rules.instrument
        step = instrument.step_size
        return OrderView(
            self.order_id,
            self.client_id,
            self.account,
            ask.symbol,
            ask.side,
            ask.order_type,
            ask.time_in_force,
            ask.post_only,
            self.lots * step,
            ask.quote_amount,
            self.price,
            ask.trigger_price,
            self._stop_price(instrument.tick_size),
            ask.trailing,
            ask.display,
            ask.expires_at,
            self.self_trade,
            self.list_id,
            self.status,
            self.asleep,
            self.filled * step,
            self.notional,
            self.prevented * step,
            self.ending,
            self.created_at,
            self.updated_at,
            self.working_at,
            ask.tag,
        )

    def _stop_price(self, tick: Decimal) -> Decimal | None:
        return self.stop * tick if self.stop else None


@dataclass(slots=True)
class LinkedOrders:
    """One-cancels-other orders inside the exchange."""

    list_id: int
    client_id: str
    account: str
    symbol: Symbol
    orders: tuple[LiveOrder, ...]
    created_at: datetime
    updated_at: datetime

    def view(self) -> OrderList:
        """The list as it stands now."""
        return OrderList(
            self.list_id,
            self.client_id,
            self.symbol,
            self.account,
            tuple(order.view() for order in self.orders),
            self.created_at,
            self.updated_at,
        )
