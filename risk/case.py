"""One intent before the gate: what the rules share, worked out once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from domain.errors import GateError
from domain.market import Quote
from domain.money import ZERO, Symbol
from domain.orders import TRIGGERED, WITH_LIMIT, OrderIntent, OrderType, Side
from risk.facts import BookFacts, OpenOrderFacts, RiskFacts
from risk.limits import RiskLimits

# Looking up a member on its enum costs about 100 ns in Python 3.11, a name in the module almost nothing.
_BUY: Final = Side.BUY
_LIMIT: Final = OrderType.LIMIT
_MARKET: Final = OrderType.MARKET
_HALF: Final = Decimal("0.5")
_NOTHING: Final[Mapping[Symbol, Decimal]] = MappingProxyType({})


class Case:
    """The intent, the facts, the limits and the time, and what follows from them.

    buys            whether the order can add to a holding (spot, long only: every buy does)
    price           the worst price the order may get, in quote currency; None when unknown
    notional        quantity at that price; None when unknown
    held            the holding of the symbol in base currency; None when the account is unknown
    reduces         whether this is a reduce-only order that makes the holding smaller, whatever fills
    pending_buys    the value of all other buys that may still fill; None when open orders are unknown
    pending_here    the part of `pending_buys` in the intent's symbol
    pending_sells   what other sells of the symbol may still take from the holding, in base currency
    pending         the value of pending buys by symbol; empty when there are none or they are unknown
    """

    __slots__ = (
        "_exposure",
        "_held_value",
        "_middle",
        "_variance",
        "buys",
        "facts",
        "held",
        "intent",
        "limits",
        "notional",
        "now",
        "pending",
        "pending_buys",
        "pending_here",
        "pending_sells",
        "price",
        "reduces",
    )

    def __init__(self, intent: OrderIntent, facts: RiskFacts, limits: RiskLimits, now: datetime) -> None:
        """Raises GateError or ArithmeticError for facts that make no sense; the gate refuses on either."""
        self.intent = intent
        self.facts = facts
        self.limits = limits
        self.now = now
        self.buys = buys = intent.side is _BUY
        self.price = price = _worst_price(intent, facts.quote, buys)
        self.notional = None if price is None else intent.quantity * price
        orders = facts.open_orders
        self.pending_buys: Decimal | None
        self.pending_here: Decimal | None
        self.pending_sells: Decimal | None
        self.pending: Mapping[Symbol, Decimal] = _NOTHING
        self._held_value: Decimal | None = None
        self._exposure: Decimal | None = None
        self._variance: Decimal | None = None
        self._middle: Decimal | None = None
        if orders:
            self._add_up_pending(orders)
        else:
            self.pending_buys = self.pending_here = self.pending_sells = None if orders is None else ZERO
        self.held: Decimal | None = None
        account = facts.account
        if account is not None:
            position = account.positions.get(intent.symbol)
            self.held = ZERO if position is None else position.quantity
        self.reduces = False
        if intent.reduce_only and not buys and self.held is not None:
            claimed = self.claimed()
            self.reduces = claimed is not None and ZERO < intent.quantity <= self.held - claimed

    def claimed(self) -> Decimal | None:
        """What other sells have a claim on, of the holding this order sells; None when unknown.

        An order that guards a holding and those that get out of it sooner share it: the first to fill leaves
        nothing for the others. So a resting guard claims nothing, and neither does anything from a new one.
        """
        intent = self.intent
        if intent.order_type is _MARKET or not intent.guards:
            return self.pending_sells
        return ZERO

    def held_value(self) -> Decimal:
        """What all holdings are worth, in the account's currency; added up once, by the first that asks.

        Raises GateError when the account is unknown or a holding is worth less than nothing.
        """
        total = self._held_value
        if total is None:
            account = self.facts.account
            if account is None:
                raise GateError("the account is unknown")
            total = ZERO
            for symbol, position in account.positions.items():
                value = position.quantity * position.price
                if value < ZERO:
                    raise GateError(f"{symbol} worth {value} makes no sense: the desk holds, it does not owe")
                total += value
            self._held_value = total
        return total

    def middle(self, quote: Quote) -> Decimal:
        """The middle of the quote; worked out once."""
        middle = self._middle
        if middle is None:
            middle = self._middle = (quote.bid + quote.ask) * _HALF
        return middle

    def exposure(self) -> Decimal:
        """The value of all holdings with everything pending and this order; added up once.

        Raises GateError when a part of it is unknown or a holding is worth less than nothing.
        """
        total = self._exposure
        if total is None:
            if self.notional is None or self.pending_buys is None:
                raise GateError("the value of this and all open orders is unknown")
            total = self._exposure = self.notional + self.pending_buys + self.held_value()
        return total

    def variance(self, book: BookFacts, value: Decimal) -> Decimal:
        """The variance of a day of what is held with `value` more in the intent's asset; worked out once.

        v + 2 x c + x^2 a, in squared account currency. Raises GateError for a variance below zero.
        """
        variance = self._variance
        if variance is None:
            if book.variance < ZERO or book.asset_variance < ZERO:
                raise GateError(f"variances of {book.variance} and {book.asset_variance} make no sense")
            variance = book.variance + value * (
                book.covariance + book.covariance + value * book.asset_variance
            )
            self._variance = variance
        return variance

    def _add_up_pending(self, orders: Iterable[OpenOrderFacts]) -> None:
        symbol = self.intent.symbol
        buys = sells = ZERO
        by_symbol: dict[Symbol, Decimal] = {}
        for order in orders:
            if order.remaining < ZERO:
                raise GateError(f"open order {order.client_id} has {order.remaining} remaining")
            if order.side is _BUY:
                if order.price <= ZERO:
                    raise GateError(f"open order {order.client_id} has a price of {order.price}")
                value = order.remaining * order.price
                buys += value
                by_symbol[order.symbol] = by_symbol.get(order.symbol, ZERO) + value
            elif order.symbol == symbol and not order.is_stop:
                sells += order.remaining
        self.pending = by_symbol
        self.pending_buys, self.pending_here, self.pending_sells = buys, by_symbol.get(symbol, ZERO), sells


def _worst_price(intent: OrderIntent, quote: Quote | None, buys: bool) -> Decimal | None:
    """A limit names it. A trigger is where a sale begins; a buy may also pay what is asked now."""
    kind = intent.order_type
    if kind is _MARKET:
        if quote is None:
            return None
        return quote.ask if buys else quote.bid
    if kind is _LIMIT or kind in WITH_LIMIT:
        return intent.limit_price
    trigger = intent.trigger_price
    if trigger is None or kind not in TRIGGERED:
        return None
    if not buys:
        return trigger
    return None if quote is None else max(quote.ask, trigger)
