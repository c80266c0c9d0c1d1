"""Triggers of sleeping orders, and where a bar reaches them.

A stop wakes when the bar reaches its trigger in the direction of loss, a take-profit in the other; each at
its trigger, or at the open when the bar opened beyond it.

A trailing stop follows the best price since it rests: the highest high for a sale, the lowest low for a
buy. Its trigger lies the fraction `trailing` away from that price, on the tick further away, and it never
moves back. Inside one bar nobody knows whether the new extreme or the turn came first. Some path wakes a
sale as soon as the bar's low is at or under the trigger that follows from the bar's high; of all those
paths the worst wakes it at the bar's low, or at the trigger from before when that one is higher. A buy is
the mirror image.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from domain.errors import VenueRejected
from domain.instrument import Instrument
from domain.market import Candle
from domain.money import ONE
from domain.orders import OrderIntent, OrderType, Side

AT_OPEN: Final = 0
RISE: Final = 1
FALL: Final = 2
PROFIT: Final = 3

Hit = tuple[int, Decimal, bool]
"""Where a bar meets an order: the stage of the bar's path, the price there, and whether it was maker."""

_TAKES_PROFIT: Final = frozenset({OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT})


@dataclass(slots=True)
class Trigger:
    """The price that wakes an order.

    `above` says that it wakes on a rise; `stage` is where in a bar's path it is reached. `trailing` is the
    fraction it stays behind the best price, None for a trigger that stands still.
    """

    price: Decimal
    above: bool
    stage: int
    tick: Decimal
    trailing: Decimal | None = None

    def reached(self, price: Decimal) -> bool:
        return price >= self.price if self.above else price <= self.price

    def meet(self, candle: Candle) -> tuple[int, Decimal] | None:
        """Stage and price at which the bar wakes the order, worst case; a bar that does not moves a trail."""
        if self.trailing is not None:
            self._follow(candle.open)
        if self.reached(candle.open):
            return AT_OPEN, candle.open
        before, extreme = self.price, candle.high if self.above else candle.low
        if self.trailing is None:
            return (self.stage, before) if self.reached(extreme) else None
        self._follow(candle.low if self.above else candle.high)
        if not self.reached(extreme):
            return None
        return self.stage, min(before, extreme) if self.above else max(before, extreme)

    def _follow(self, best: Decimal) -> None:
        if self.trailing is None:
            return
        away = best * (ONE + self.trailing if self.above else ONE - self.trailing)
        rounding = ROUND_CEILING if self.above else ROUND_FLOOR
        level = (away / self.tick).quantize(ONE, rounding) * self.tick
        if level < self.price if self.above else level > self.price:
            self.price = level


def trigger_of(intent: OrderIntent, instrument: Instrument) -> Trigger:
    """The trigger that a sleeping order starts with. Raises VenueRejected when it names none."""
    price = intent.trigger_price
    if price is None:
        raise VenueRejected(f"order {intent.client_id}: a {intent.order_type.value} order without a trigger")
    buy, profits = intent.side is Side.BUY, intent.order_type in _TAKES_PROFIT
    above = buy is not profits
    stage = (FALL if buy else PROFIT) if profits else (RISE if buy else FALL)
    trailing = intent.trailing if intent.order_type is OrderType.TRAILING_STOP else None
    return Trigger(price, above, stage, instrument.tick_size, trailing)
