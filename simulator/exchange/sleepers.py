"""Orders that wait for their trigger, and which of them a price wakes."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR
from heapq import heappop, heappush

from domain.money import ONE
from simulator.exchange.live import LiveOrder
from simulator.exchange.rules import fires_upwards


class Sleepers:
    """The waiting orders of one market, in ticks of the last traded price.

    `observe` is told of every trade; `fired` gives, and forgets, the orders that a price since then woke:
    the ones nearest to the market first, among equals the older.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, LiveOrder] = {}
        self._up: list[tuple[int, int]] = []
        self._down: list[tuple[int, int]] = []
        self._trailing: dict[int, LiveOrder] = {}
        self._hit: list[LiveOrder] = []
        self._high = self._low = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._trailing)

    def add(self, order: LiveOrder, last: int) -> None:
        """Let an order wait; `last` is where the market stands."""
        if order.trails:
            self._trailing[order.order_id] = order
            if order.active:
                self._follow(order, last)
            else:
                order.peak = last  # from which side its start price will be reached
            return
        self._waiting[order.order_id] = order
        if fires_upwards(order.ask.order_type, order.ask.side):
            heappush(self._up, (order.stop, order.order_id))
        else:
            heappush(self._down, (-order.stop, order.order_id))

    def remove(self, order_id: int) -> None:
        """Forget an order that was cancelled."""
        self._waiting.pop(order_id, None)
        self._trailing.pop(order_id, None)

    def observe(self, ticks: int) -> None:
        """A trade happened at this price."""
        if not self._low or ticks < self._low:
            self._low = ticks
        self._high = max(self._high, ticks)
        for order in list(self._trailing.values()):
            if not order.active:
                reached = ticks >= order.stop if order.stop >= order.peak else ticks <= order.stop
                if not reached:
                    continue
                order.active = True
                order.peak = 0
            elif ticks >= order.stop if order.buy else ticks <= order.stop:
                del self._trailing[order.order_id]
                self._hit.append(order)
                continue
            self._follow(order, ticks)

    def fired(self) -> list[LiveOrder]:
        """The orders that the prices since the last call woke."""
        found, self._hit = self._hit, []
        while self._up and self._up[0][0] <= self._high:
            self._take(self._up, found)
        while self._low and self._down and -self._down[0][0] >= self._low:
            self._take(self._down, found)
        self._high = self._low = 0
        return found

    def _take(self, heap: list[tuple[int, int]], found: list[LiveOrder]) -> None:
        order = self._waiting.pop(heappop(heap)[1], None)
        if order is not None:
            found.append(order)

    def _follow(self, order: LiveOrder, ticks: int) -> None:
        """Move the trigger of a trailing stop after a new best price; it never moves away from the market."""
        distance = order.ask.trailing
        if distance is None or (order.peak and (ticks >= order.peak if order.buy else ticks <= order.peak)):
            return
        order.peak = ticks
        exact = ticks * (ONE + distance if order.buy else ONE - distance)
        order.stop = int(exact.to_integral_value(ROUND_CEILING if order.buy else ROUND_FLOOR))
