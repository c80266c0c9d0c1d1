"""The price-time order book in plain Python, on whole ticks and lots: the reference every other lane equals.

Prices are ticks, quantities are lots, ids and owners are integers the caller chooses. Nothing is rounded and
nothing is random: the same commands give the same trades. A price level is a linked list in order of arrival;
the prices of a side are kept sorted, the best one last.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import NoReturn

from simulator.orderbook.messages import End, Result, SelfTrade, Tif, Trade

# An enumeration is slow to ask for its members, and this is asked for every order.
_GTC, _FOK = Tif.GTC, Tif.FOK


class _Level:
    """The orders at one price, oldest first."""

    __slots__ = ("head", "tail", "total")

    def __init__(self) -> None:
        self.head: _Resting | None = None
        self.tail: _Resting | None = None
        self.total = 0


class _Resting:
    """An order in the book: a link in its level's list."""

    __slots__ = ("after", "before", "buy", "key", "left", "level", "order_id", "owner")

    def __init__(self, order_id: int, owner: int, buy: bool, key: int, left: int, level: _Level) -> None:
        self.order_id = order_id
        self.owner = owner
        self.buy = buy
        self.key = key
        self.left = left
        self.level = level
        self.before: _Resting | None = level.tail
        self.after: _Resting | None = None


class _Side:
    """The levels of one side. A key is a bid's price, or minus an ask's: the best is the largest."""

    __slots__ = ("keys", "levels")

    def __init__(self) -> None:
        self.keys: list[int] = []
        self.levels: dict[int, _Level] = {}


class _Incoming:
    """An order on its way through the book, and what it has done so far."""

    __slots__ = (
        "cut",
        "left",
        "order_id",
        "owner",
        "prevented",
        "prevention",
        "removed",
        "stopped",
        "trades",
    )

    def __init__(self, order_id: int, owner: int, quantity: int, prevention: SelfTrade) -> None:
        self.order_id = order_id
        self.owner = owner
        self.left = quantity
        self.prevention = prevention
        self.stopped = False
        self.trades: list[Trade] = []
        self.removed: list[int] = []
        self.cut: list[tuple[int, int]] = []
        self.prevented = 0

    def result(self, rested: int, ended: End | None) -> Result:
        return Result(tuple(self.trades), rested, ended, tuple(self.removed), tuple(self.cut), self.prevented)


class PriceTimeBook:
    """A central limit order book: best price first, and at one price the oldest order first."""

    def __init__(self) -> None:
        self._bids, self._asks = _Side(), _Side()
        self._orders: dict[int, _Resting] = {}

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._orders

    def __len__(self) -> int:
        return len(self._orders)

    @property
    def best_bid(self) -> int | None:
        """The highest price somebody would buy at, in ticks; None when nobody would."""
        keys = self._bids.keys
        return keys[-1] if keys else None

    @property
    def best_ask(self) -> int | None:
        """The lowest price somebody would sell at, in ticks; None when nobody would."""
        keys = self._asks.keys
        return -keys[-1] if keys else None

    def limit(
        self,
        order_id: int,
        owner: int,
        buy: bool,
        price: int,
        quantity: int,
        *,
        tif: Tif = Tif.GTC,
        post_only: bool = False,
        prevention: SelfTrade = SelfTrade.NONE,
    ) -> Result:
        """Trade what the price allows at once; a GTC order rests with what is left.

        ValueError for a price or quantity below one, an id that is in the book, and post-only without GTC.
        """
        if price < 1:
            raise ValueError(f"order {order_id}: the price {price} must be at least one tick")
        if post_only and tif != _GTC:
            raise ValueError(f"order {order_id}: a post-only order rests, so it must be GTC")
        if quantity < 1 or order_id in self._orders:
            self._refuse(order_id, quantity)
        other = self._asks if buy else self._bids
        worst = -price if buy else price
        keys = other.keys
        if not keys or keys[-1] < worst:  # it meets nobody
            if tif != _GTC:
                return Result((), 0, End.UNFILLED if tif == Tif.IOC else End.FILL_OR_KILL)
            self._rest(order_id, owner, buy, price, quantity)
            return Result((), quantity, None)
        if post_only:
            return Result((), 0, End.POST_ONLY)
        if tif == _FOK and not self._fills_whole(other, worst, owner, quantity, prevention):
            return Result((), 0, End.FILL_OR_KILL)
        incoming = _Incoming(order_id, owner, quantity, prevention)
        self._take(incoming, other, worst)
        if incoming.stopped:
            return incoming.result(0, End.SELF_TRADE)
        if not incoming.left:
            return incoming.result(0, None)
        if tif != _GTC:
            return incoming.result(0, End.UNFILLED)
        self._rest(order_id, owner, buy, price, incoming.left)
        return incoming.result(incoming.left, None)

    def market(
        self,
        order_id: int,
        owner: int,
        buy: bool,
        quantity: int,
        *,
        worst: int | None = None,
        prevention: SelfTrade = SelfTrade.NONE,
    ) -> Result:
        """Trade against the other side from its best price on, no further than the price `worst`.

        It never rests. ValueError for a quantity below one or an id that is in the book.
        """
        if quantity < 1 or order_id in self._orders:
            self._refuse(order_id, quantity)
        other = self._asks if buy else self._bids
        bound = (-worst if buy else worst) if worst is not None else other.keys[0] if other.keys else 0
        incoming = _Incoming(order_id, owner, quantity, prevention)
        self._take(incoming, other, bound)
        if incoming.stopped:
            return incoming.result(0, End.SELF_TRADE)
        return incoming.result(0, End.UNFILLED if incoming.left else None)

    def cancel(self, order_id: int) -> int:
        """Take an order out of the book: the quantity that was left of it, 0 when it is not there."""
        order = self._orders.pop(order_id, None)
        if order is None:
            return 0
        order.level.total -= order.left
        self._unlink(order)
        return order.left

    def reduce(self, order_id: int, quantity: int) -> bool:
        """Make a resting order smaller by `quantity`; it keeps its place. False when it is not in the book.

        ValueError unless something is taken off and something is left: the rest is for `cancel`.
        """
        order = self._orders.get(order_id)
        if order is None:
            return False
        if not 0 < quantity < order.left:
            raise ValueError(
                f"order {order_id} has {order.left} left and cannot be reduced by {quantity}; cancel it"
            )
        order.left -= quantity
        order.level.total -= quantity
        return True

    def left(self, order_id: int) -> int:
        """The quantity of a resting order that is still open; 0 when it is not in the book."""
        order = self._orders.get(order_id)
        return order.left if order is not None else 0

    def ahead(self, order_id: int) -> int:
        """The quantity that trades before a resting order at its own price. KeyError when it is not there."""
        order = self._orders[order_id].before
        found = 0
        while order is not None:
            found += order.left
            order = order.before
        return found

    def depth(self, levels: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Bids and asks as (price, quantity), best first, at most `levels` a side."""
        bids, asks = (
            [(key, side.levels[key].total) for key in side.keys[: -levels - 1 : -1]]
            for side in (self._bids, self._asks)
        )
        return bids, [(-key, total) for key, total in asks]

    def available(self, buy: bool, worst: int) -> int:
        """The quantity an order of this direction could meet at prices no worse than `worst`, all owners'."""
        other = self._asks if buy else self._bids
        bound = -worst if buy else worst
        return sum(other.levels[key].total for key in other.keys[bisect_left(other.keys, bound) :])

    def resting(self) -> list[tuple[int, int, int]]:
        """Every order as (id, price, quantity left): best bid first, then best ask first, oldest first."""
        found = []
        for side in (self._bids, self._asks):
            for key in reversed(side.keys):
                order = side.levels[key].head
                while order is not None:
                    found.append((order.order_id, abs(key), order.left))
                    order = order.after
        return found

    def _refuse(self, order_id: int, quantity: int) -> NoReturn:
        if quantity < 1:
            raise ValueError(f"order {order_id}: the quantity {quantity} must be at least one lot")
        raise ValueError(f"order {order_id} is in the book already")

    def _rest(self, order_id: int, owner: int, buy: bool, price: int, quantity: int) -> None:
        side, key = (self._bids, price) if buy else (self._asks, -price)
        level = side.levels.get(key)
        if level is None:
            level = side.levels[key] = _Level()
            insort(side.keys, key)
        order = _Resting(order_id, owner, buy, key, quantity, level)
        if level.tail is None:
            level.head = order
        else:
            level.tail.after = order
        level.tail = order
        level.total += quantity
        self._orders[order_id] = order

    def _unlink(self, order: _Resting) -> None:
        """Take a link out of its level, and the level out of its side when it was the last one."""
        level, before, after = order.level, order.before, order.after
        if before is None:
            level.head = after
        else:
            before.after = after
        if after is None:
            level.tail = before
        else:
            after.before = before
        if level.head is None:
            side = self._bids if order.buy else self._asks
            del side.levels[order.key]
            del side.keys[bisect_left(side.keys, order.key)]

    def _take(self, incoming: _Incoming, other: _Side, worst: int) -> None:
        """Trade against `other` while something is left and the best key is no worse than `worst`."""
        keys, prevention = other.keys, incoming.prevention
        while keys and keys[-1] >= worst and incoming.left and not incoming.stopped:
            key = keys[-1]
            level = other.levels[key]
            price = abs(key)
            order = level.head
            while order is not None and incoming.left:
                after = order.after
                if prevention and order.owner == incoming.owner:
                    self._prevent(incoming, order)
                    if incoming.stopped:
                        break
                else:
                    quantity = min(incoming.left, order.left)
                    incoming.left -= quantity
                    incoming.trades.append(Trade(order.order_id, incoming.order_id, price, quantity))
                    self._lessen(order, quantity)
                order = after

    def _prevent(self, incoming: _Incoming, order: _Resting) -> None:
        """Keep an incoming order from trading with its owner's resting one."""
        prevention = incoming.prevention
        if prevention in (SelfTrade.EXPIRE_TAKER, SelfTrade.EXPIRE_BOTH):
            incoming.stopped = True
        if prevention in (SelfTrade.EXPIRE_MAKER, SelfTrade.EXPIRE_BOTH):
            incoming.removed.append(order.order_id)
            self._lessen(order, order.left)
        if prevention == SelfTrade.DECREMENT:
            quantity = min(incoming.left, order.left)
            incoming.left -= quantity
            incoming.prevented += quantity
            incoming.stopped = not incoming.left
            if quantity == order.left:
                incoming.removed.append(order.order_id)
            else:
                incoming.cut.append((order.order_id, quantity))
            self._lessen(order, quantity)

    def _lessen(self, order: _Resting, quantity: int) -> None:
        order.left -= quantity
        order.level.total -= quantity
        if not order.left:
            del self._orders[order.order_id]
            self._unlink(order)

    def _fills_whole(
        self, other: _Side, worst: int, owner: int, quantity: int, prevention: SelfTrade
    ) -> bool:
        """Whether an order could trade all of its quantity at once, with prevention as it would act."""
        for key in reversed(other.keys):
            if key < worst:
                return False
            order = other.levels[key].head
            while order is not None:
                if not prevention or order.owner != owner:
                    quantity -= order.left
                    if quantity <= 0:
                        return True
                elif prevention != SelfTrade.EXPIRE_MAKER:
                    return False
                order = order.after
        return False
