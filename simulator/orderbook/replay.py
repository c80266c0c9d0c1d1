"""Own orders against a recorded order book, in plain Python: the reference the compiled replay equals.

What was recorded happens as recorded; own orders only take from what was shown. An order that comes to the
other side walks the book exactly, and what it took stays taken until the level shows less. An order that
rests queues behind what its level shows, and a trade reaches it only when that is gone.

Cancellations ahead are not recorded, so they are estimated: of a fall in a level that trades do not explain,
the part ahead^n / (ahead^n + behind^n) left from in front of the order. This is the probability queue model
with a power function: Rigtorp's estimator, as described at quant.stackexchange.com/questions/3782 and in
hftbacktest's documentation of PowerProbQueueModel. With n = 1 each lot is as likely to leave as any other; a
larger n takes more from the longer part of the queue.

The book as recorded is seen without delay; `latency_ns` lies between sending an order or a cancel and its
arrival, so it stands for both ways. Own orders do not meet each other.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from math import floor
from typing import NamedTuple

from market.depth_files import Recording
from simulator.orderbook.messages import Tif


class State(IntEnum):
    """Where an own order stands."""

    SENT = 1
    OPEN = 2
    FILLED = 3
    CANCELLED = 4
    EXPIRED = 5  # IOC, FOK or market: the rest of it found nobody
    REFUSED = 6  # post-only, and it would have traded at once


class Kind(IntEnum):
    """What is sent."""

    LIMIT = 0
    MARKET = 1
    CANCEL = 2


class OwnFill(NamedTuple):
    """One execution of an own order; `maker` when it rested."""

    time_ns: int
    order_id: int
    price: int
    quantity: int
    maker: bool


class Request(NamedTuple):
    """An order or a cancel. Prices in ticks, quantities in lots."""

    kind: Kind
    order_id: int
    buy: bool = False
    price: int = 0
    quantity: int = 0
    tif: Tif = Tif.GTC
    post_only: bool = False


@dataclass(slots=True)
class OwnOrder:
    """An own order as the replay knows it; `ahead` is the queue in front of it, in lots."""

    order_id: int
    buy: bool
    price: int
    left: int
    state: State
    ahead: float = 0.0
    traded: int = 0  # at its price since its level last changed


class _Levels:
    """One side of the recorded book: what each level shows, and how much of that own orders took."""

    def __init__(self) -> None:
        self.shown: dict[int, int] = {}
        self.taken: dict[int, int] = {}

    def free(self, price: int) -> int:
        return self.shown.get(price, 0) - self.taken.get(price, 0)

    def set(self, price: int, quantity: int) -> int:
        """What the level showed before. When it falls, what own orders took is the first to go."""
        before = self.shown.get(price, 0)
        self.taken[price] = min(
            self.taken.get(price, 0), max(0, self.taken.get(price, 0) - before + quantity)
        )
        self.shown[price] = quantity
        if not quantity:
            del self.shown[price], self.taken[price]
        return before


class BookReplay:
    """Plays a recording, and own orders against it. Order ids are the caller's, each used once."""

    def __init__(self, recording: Recording, *, latency_ns: int = 0, power: int = 2) -> None:
        if latency_ns < 0 or power < 1:
            raise ValueError(
                f"latency {latency_ns} ns must not be negative, power {power} must be at least 1"
            )
        self._events = list(
            zip(
                recording.time_ns.tolist(),
                recording.trade.tolist(),
                recording.buy.tolist(),
                recording.price.tolist(),
                recording.quantity.tolist(),
                strict=True,
            )
        )
        self._next = 0
        self._latency, self._power = latency_ns, power
        self._bids, self._asks = _Levels(), _Levels()
        self._resting: list[OwnOrder] = []
        self._sent: deque[tuple[int, Request]] = deque()
        self.now = self._events[0][0] if self._events else 0
        self.orders: dict[int, OwnOrder] = {}
        self.fills: list[OwnFill] = []

    @property
    def best_bid(self) -> int | None:
        """The highest recorded bid in ticks."""
        return max(self._bids.shown, default=None)

    @property
    def best_ask(self) -> int | None:
        """The lowest recorded ask in ticks."""
        return min(self._asks.shown, default=None)

    def depth(self, buy: bool) -> list[tuple[int, int]]:
        """The recorded levels of a side that own orders have not taken, as (price, quantity), best first."""
        side = self._bids if buy else self._asks
        return [(price, side.free(price)) for price in sorted(side.shown, reverse=buy) if side.free(price)]

    def send(self, request: Request) -> None:
        """Send an order or a cancel now; it arrives after the latency.

        ValueError for a used or unknown id, and for a price or quantity below one.
        """
        if request.kind == Kind.CANCEL:
            if request.order_id not in self.orders:
                raise ValueError(f"there is no order {request.order_id} to cancel")
        elif request.order_id in self.orders:
            raise ValueError(f"the order id {request.order_id} is used already")
        elif request.quantity < 1 or (request.kind == Kind.LIMIT and request.price < 1):
            raise ValueError(f"order {request.order_id}: price and quantity must be at least 1")
        else:
            self.orders[request.order_id] = OwnOrder(
                request.order_id, request.buy, request.price, request.quantity, State.SENT
            )
        self._sent.append((self.now + self._latency, request))

    def advance(self, until_ns: int) -> bool:
        """Let everything up to a time happen; False when nothing is left to happen after it.

        Of what happens at one time, the recorded comes first, so an order sees all its arrival time shows.
        """
        while True:
            event = self._events[self._next][0] if self._next < len(self._events) else None
            arrival = self._sent[0][0] if self._sent else None
            if event is not None and event <= until_ns and (arrival is None or event <= arrival):
                self.now = event
                self._happen(*self._events[self._next][1:])
                self._next += 1
            elif arrival is not None and arrival <= until_ns:
                self.now = arrival
                self._arrive(self._sent.popleft()[1])
            else:
                self.now = max(self.now, until_ns)
                return event is not None or arrival is not None

    def _happen(self, trade: bool, buy: bool, price: int, quantity: int) -> None:
        if trade:
            self._traded(buy, price, quantity)
            return
        before = (self._bids if buy else self._asks).set(price, quantity)
        for order in self._resting:
            if order.buy == buy and order.price == price:
                self._requeue(order, before, quantity)
        self._cross()

    def _requeue(self, order: OwnOrder, before: int, now: int) -> None:
        """Move an order up by the estimated cancellations ahead of it."""
        gone = before - now - order.traded
        behind = max(0.0, float(before - order.traded) - order.ahead)
        order.traded = 0
        if gone > 0 and order.ahead > 0:
            front, back = 1.0, 1.0
            for _ in range(self._power):
                front, back = front * order.ahead, back * behind
            order.ahead -= front / (front + back) * gone
        # No more can stand ahead than is there: what was not behind the order left from ahead of it as well.
        order.ahead = min(max(0.0, order.ahead), float(now))

    def _traded(self, buy: bool, price: int, quantity: int) -> None:
        """A recorded trade: the one who came, a buyer when `buy`, would have met better own orders first."""
        left = quantity
        for order in self._queue(not buy):
            if (order.price < price) if buy else (order.price > price):
                left -= self._fill(order, order.price, left, maker=True)
        reaching = left
        for order in self._queue(not buy):
            if order.price == price:
                through = floor(reaching - order.ahead)
                order.traded += quantity
                order.ahead = max(0.0, order.ahead - reaching)
                if through > 0:
                    left -= self._fill(order, price, min(left, through - (reaching - left)), maker=True)

    def _cross(self) -> None:
        """Whoever offers at an own order's price or better would have met it, once nobody is ahead."""
        for buy in (True, False):
            other = self._asks if buy else self._bids
            for order in self._queue(buy):
                for price in sorted(other.shown, reverse=not buy):
                    beyond = price < order.price if buy else price > order.price
                    if not beyond and (price != order.price or order.ahead > 0):
                        break
                    taken = self._fill(order, order.price, other.free(price), maker=True)
                    other.taken[price] = other.taken.get(price, 0) + taken

    def _queue(self, buy: bool) -> list[OwnOrder]:
        """Own resting orders of a side, best price first, then the oldest."""
        orders = [order for order in self._resting if order.buy == buy]
        return sorted(orders, key=lambda order: -order.price if buy else order.price)

    def _fill(self, order: OwnOrder, price: int, most: int, *, maker: bool) -> int:
        """Fill an order with at most so much; how much it was."""
        quantity = min(order.left, most)
        if quantity <= 0:
            return 0
        order.left -= quantity
        self.fills.append(OwnFill(self.now, order.order_id, price, quantity, maker))
        if not order.left:
            order.state = State.FILLED
            if maker:
                self._resting.remove(order)
        return quantity

    def _arrive(self, request: Request) -> None:
        order = self.orders[request.order_id]
        if request.kind == Kind.CANCEL:
            if order.state is State.OPEN:
                order.state = State.CANCELLED
                self._resting.remove(order)
            return
        other = self._asks if order.buy else self._bids
        limit = request.price if request.kind == Kind.LIMIT else None
        within = [
            price
            for price in sorted(other.shown, reverse=not order.buy)
            if limit is None or (price <= limit if order.buy else price >= limit)
        ]
        if limit is not None and request.post_only and within:
            order.state = State.REFUSED
            return
        there = sum(other.free(price) for price in within)
        if limit is not None and request.tif == Tif.FOK and there < order.left:
            order.state = State.EXPIRED
            return
        for price in within:
            taken = self._fill(order, price, other.free(price), maker=False)
            other.taken[price] = other.taken.get(price, 0) + taken
        if not order.left:
            return
        if limit is None or request.tif != Tif.GTC:
            order.state = State.EXPIRED
            return
        order.state = State.OPEN
        order.ahead = float((self._bids if order.buy else self._asks).shown.get(order.price, 0))
        self._resting.append(order)
