"""What a market takes: its instrument, the venue's further filters, and whether it is open."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from domain.instrument import Instrument
from domain.money import ZERO
from domain.orders import WITH_LIMIT, OrderType, Side
from simulator.costs import FeeSchedule
from simulator.exchange.model import NewOrder
from simulator.exchange.rejection import Reason, Rejection


@dataclass(frozen=True, slots=True)
class MarketRules:
    """The filters of one market; None switches a bound off.

    `min_price` to `max_price` and `max_notional` are absolute; `band_down` and `band_up` bound a limit or
    trigger price as multiples of the last price. `max_market_quantity` is for market orders, in base.
    `max_orders` and `max_sleeping` count an account's open orders, and those that wait for a trigger.
    `min_trailing` and `max_trailing` are fractions of the price. `max_icebergs` is into how many visible
    parts an order may be cut (0: no icebergs). `fees` are the market's own rates, whatever tier a customer
    is in (zero-fee markets); None leaves it to the tier.
    """

    instrument: Instrument
    min_price: Decimal | None = None
    max_price: Decimal | None = Decimal(1_000_000)
    max_notional: Decimal | None = Decimal(9_000_000)
    band_down: Decimal | None = Decimal("0.2")
    band_up: Decimal | None = Decimal(5)
    max_market_quantity: Decimal | None = None
    max_orders: int = 200
    max_sleeping: int = 5
    min_trailing: Decimal = Decimal("0.001")
    max_trailing: Decimal = Decimal("0.2")
    max_icebergs: int = 10
    fees: FeeSchedule | None = None

    def check_quantity(self, quantity: Decimal, market: bool) -> None:
        """Raise Rejection for a quantity this market does not take."""
        instrument = self.instrument
        if quantity < instrument.min_quantity or quantity <= ZERO:
            raise Rejection(
                Reason.QUANTITY_TOO_SMALL, f"{quantity:f} is below the minimum {instrument.min_quantity:f}"
            )
        if quantity > instrument.max_quantity:
            raise Rejection(
                Reason.QUANTITY_TOO_LARGE, f"{quantity:f} is above the maximum {instrument.max_quantity:f}"
            )
        if market and self.max_market_quantity is not None and quantity > self.max_market_quantity:
            raise Rejection(
                Reason.MARKET_QUANTITY_TOO_LARGE,
                f"{quantity:f} is above the maximum {self.max_market_quantity:f} of a market order",
            )
        if quantity % instrument.step_size:
            raise Rejection(
                Reason.QUANTITY_STEP, f"{quantity:f} is not a multiple of {instrument.step_size:f}"
            )

    def check_price(self, price: Decimal, last: Decimal) -> None:
        """Raise Rejection for a limit or trigger price this market does not take."""
        tick = self.instrument.tick_size
        low = self.min_price if self.min_price is not None else tick
        if price < low or (self.max_price is not None and price > self.max_price):
            top = f"{self.max_price:f}" if self.max_price is not None else "any"
            raise Rejection(Reason.PRICE_RANGE, f"{price:f} is outside {low:f} to {top}")
        if price % tick:
            raise Rejection(Reason.PRICE_TICK, f"{price:f} is not a multiple of {tick:f}")
        if (self.band_up is not None and price > last * self.band_up) or (
            self.band_down is not None and price < last * self.band_down
        ):
            raise Rejection(Reason.PRICE_BAND, f"{price:f} is too far from the last price {last:f}")

    def check_notional(self, notional: Decimal, market: bool) -> None:
        """Raise Rejection for an order worth too little or (not a market order) too much quote currency."""
        if notional < self.instrument.min_notional:
            raise Rejection(
                Reason.NOTIONAL_TOO_SMALL,
                f"{notional:f} is below the minimum value {self.instrument.min_notional:f}",
            )
        if not market and self.max_notional is not None and notional > self.max_notional:
            raise Rejection(
                Reason.NOTIONAL_TOO_LARGE, f"{notional:f} is above the maximum value {self.max_notional:f}"
            )

    def check_order(self, order: NewOrder, last: Decimal) -> None:
        """Raise Rejection for the first filter that a coherent order breaks. `last` is the last price."""
        market = order.order_type not in WITH_LIMIT and order.limit_price is None
        for price in (order.limit_price, order.trigger_price):
            if price is not None:
                self.check_price(price, last)
        if order.quantity is not None:
            self.check_quantity(order.quantity, market)
            worth = order.limit_price or order.trigger_price or last
            self.check_notional(order.quantity * worth, market)
        elif order.quote_amount is not None:
            self.check_notional(order.quote_amount, market=True)
        if order.trailing is not None and not self.min_trailing <= order.trailing <= self.max_trailing:
            raise Rejection(
                Reason.TRAILING_RANGE,
                f"{order.trailing:f} is outside {self.min_trailing:f} to {self.max_trailing:f}",
            )
        if order.display is not None and order.quantity is not None:
            self._check_display(order.display, order.quantity)

    def _check_display(self, display: Decimal, quantity: Decimal) -> None:
        if not self.max_icebergs:
            raise Rejection(Reason.ICEBERG, "this market has no icebergs")
        if display <= ZERO or display > quantity or display % self.instrument.step_size:
            raise Rejection(Reason.ICEBERG, f"{display:f} cannot be the visible part of {quantity:f}")
        if quantity > display * self.max_icebergs:
            raise Rejection(Reason.ICEBERG, f"more than {self.max_icebergs} parts of {display:f}")


def fires_upwards(order_type: OrderType, side: Side) -> bool:
    """Whether a trigger is reached by a rising price: a buy stop, or a sell that takes profit."""
    takes_profit = order_type in (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
    return (side is Side.BUY) != takes_profit
