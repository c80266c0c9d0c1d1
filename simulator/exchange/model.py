"""What is asked of the simulated exchange and what it answers. Money is Decimal, times aware UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.frozen import quick
from domain.market import Timeframe
from domain.money import ZERO, Currency, Symbol
from domain.orders import OrderStatus, OrderType, Side, TimeInForce
from simulator.orderbook.messages import SelfTrade


class Ending(StrEnum):
    """Why an order ended before it was filled."""

    NONE = ""
    CANCELLED = "cancelled by its owner"
    UNFILLED = "nothing more to meet at its price"
    FILL_OR_KILL = "it could not be filled whole"
    SELF_TRADE = "self-trade prevention"
    EXPIRED = "its time ran out"
    NO_FUNDS = "the balance did not cover it when it was triggered"
    POST_ONLY = "it would have taken liquidity when it was triggered"
    LIST = "another order of its list was executed"
    LIST_CANCELLED = "its list was cancelled"


@quick
@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order somebody wants to place.

    `quantity` is in base currency. A market order may name `quote_amount` instead: what to spend (buy) or to
    receive (sell) in quote currency. `limit_price` is for limit, stop-limit and take-profit-limit orders;
    `trigger_price` for every triggered type: a STOP buys when the last price rises to it and sells when it
    falls to it, a TAKE_PROFIT the other way round. A TRAILING_STOP has `trailing`, a fraction of the best
    price since it began; with a `trigger_price` it begins when the last price reaches that, with a
    `limit_price` it becomes a limit order. `display` is the visible part of an iceberg. `expires_at` goes
    with GTD. An empty `client_id` lets the exchange make one; `self_trade` None means the venue's default.
    """

    symbol: Symbol
    side: Side
    order_type: OrderType
    quantity: Decimal | None = None
    quote_amount: Decimal | None = None
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    trailing: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    display: Decimal | None = None
    expires_at: datetime | None = None
    client_id: str = ""
    self_trade: SelfTrade | None = None
    tag: str = ""


@quick
@dataclass(frozen=True, slots=True)
class OrderView:
    """An order as it stood when it was looked at.

    `status` is ACCEPTED (asleep until its trigger, or in the book), PARTIALLY_FILLED, FILLED, CANCELLED or
    EXPIRED; an order the exchange refuses never exists. `asleep` is true until the trigger is reached.
    `filled` is in base, `notional` (what was paid or received) in quote currency. `prevented` is what
    self-trade prevention took off. `list_id` is 0 for an order that stands alone. `trigger_price` is what
    the order was placed with; `stop_price` where the trigger stands now (a trailing stop moves it).
    """

    order_id: int
    client_id: str
    account: str
    symbol: Symbol
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    quantity: Decimal
    quote_amount: Decimal | None
    limit_price: Decimal | None
    trigger_price: Decimal | None
    stop_price: Decimal | None
    trailing: Decimal | None
    display: Decimal | None
    expires_at: datetime | None
    self_trade: SelfTrade
    list_id: int
    status: OrderStatus
    asleep: bool
    filled: Decimal
    notional: Decimal
    prevented: Decimal
    ending: Ending
    created_at: datetime
    updated_at: datetime
    working_at: datetime | None
    tag: str = ""

    @property
    def remaining(self) -> Decimal:
        """What could still be filled if the order is open, in base currency."""
        return self.quantity - self.filled - self.prevented

    @property
    def is_open(self) -> bool:
        return self.status in (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)

    @property
    def average_price(self) -> Decimal | None:
        """The volume-weighted price of its trades; None when it has none."""
        return self.notional / self.filled if self.filled else None


@quick
@dataclass(frozen=True, slots=True)
class TradeView:
    """One side of an execution, as its owner sees it. `trade_id` is the market's number for the trade."""

    trade_id: int
    symbol: Symbol
    order_id: int
    client_id: str
    list_id: int
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: Currency
    maker: bool
    at: datetime

    @property
    def notional(self) -> Decimal:
        return self.price * self.quantity


@dataclass(frozen=True, slots=True)
class Placed:
    """The answer to an order that was taken in: how it stands, and what it traded at once."""

    order: OrderView
    trades: tuple[TradeView, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderList:
    """One-cancels-other orders that were placed together. `open` while one of them is."""

    list_id: int
    client_id: str
    symbol: Symbol
    account: str
    orders: tuple[OrderView, ...]
    created_at: datetime
    updated_at: datetime

    @property
    def open(self) -> bool:
        return any(order.is_open for order in self.orders)


@dataclass(frozen=True, slots=True)
class Holding:
    """What an account has of one currency: `free` to use, `locked` in open orders."""

    free: Decimal = ZERO
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.free + self.locked


@quick
@dataclass(frozen=True, slots=True)
class MarketTrade:
    """A public trade. `buyer_maker` is true when the seller took liquidity."""

    trade_id: int
    symbol: Symbol
    price: Decimal
    quantity: Decimal
    buyer_maker: bool
    at: datetime
    buyer_order: int
    seller_order: int


@dataclass(frozen=True, slots=True)
class Depth:
    """The visible book: (price, quantity), best first. `update_id` counts the changes of this book."""

    symbol: Symbol
    update_id: int
    at: datetime
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]


@quick
@dataclass(frozen=True, slots=True)
class Kline:
    """A bar made of the exchange's own trades; the newest one is still forming.

    `volume` and `taker_buy_volume` are in base, the `quote_` ones in quote currency.
    """

    symbol: Symbol
    timeframe: Timeframe
    open_time: datetime
    close_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int
    taker_buy_volume: Decimal
    taker_buy_quote_volume: Decimal


@dataclass(frozen=True, slots=True)
class Ticker:
    """The last 24 hours, and the touch with its sizes (None where that side of the book is empty)."""

    symbol: Symbol
    at: datetime
    opened_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    last_quantity: Decimal
    volume: Decimal
    quote_volume: Decimal
    bid: Decimal | None
    bid_quantity: Decimal
    ask: Decimal | None
    ask_quantity: Decimal
    first_trade: int
    last_trade: int
    trades: int
