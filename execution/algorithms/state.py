"""Where an algorithm stands: its plan and what the order desk knows of its children, nothing else.

There is no second truth. After a crash the journal gives the plan and the orders back, and so the state.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from domain.algorithms import AlgorithmPlan, Method
from domain.money import ZERO, Price
from domain.orders import TERMINAL, Order, OrderStatus

ATTEMPTS: Final = 3
"""How often a part is sent that never arrived, or was withdrawn; after so many failures an iceberg ends.

By the clock and on a ladder, the second try of a part has the number of the part plus that of all parts.
"""

_OPEN: Final = frozenset({OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED})


@dataclass(frozen=True, slots=True)
class Child:
    """One child order. Quantities are in base currency, `notional` is what its fills were worth in quote."""

    part: int
    client_id: str
    status: OrderStatus
    quantity: Decimal
    filled: Decimal
    notional: Decimal
    limit_price: Price | None
    sent_at: datetime
    venue_id: str = ""

    @property
    def over(self) -> bool:
        return self.status in TERMINAL

    @property
    def rests(self) -> bool:
        """Whether it is open at the venue and can be withdrawn."""
        return self.status in _OPEN

    @property
    def lost(self) -> bool:
        """Whether it never reached the venue: the process died first, or nobody was there."""
        return self.status is OrderStatus.EXPIRED and not self.filled and not self.venue_id

    @property
    def failed(self) -> bool:
        """Whether it ended without any fill."""
        return self.over and not self.filled


@dataclass(frozen=True, slots=True)
class AlgorithmState:
    """`stopping` says why it was told to stop; empty while it goes on. Children are in order of part."""

    plan: AlgorithmPlan
    children: tuple[Child, ...] = ()
    stopping: str = ""

    @property
    def live(self) -> tuple[Child, ...]:
        """Children that may still fill, those of unknown fate included."""
        return tuple(child for child in self.children if not child.over)

    @property
    def blocked(self) -> bool:
        """Whether the fate of a child is open: it is being sent or withdrawn, or is unknown."""
        return any(not child.over and not child.rests for child in self.children)

    @property
    def done(self) -> Decimal:
        """What was executed, in the plan's unit."""
        in_quote = self.plan.in_quote
        return sum((child.notional if in_quote else child.filled for child in self.children), ZERO)

    @property
    def claimed(self) -> Decimal:
        """The most that live children can still execute, in the plan's unit."""
        return sum((self._left(child) for child in self.live), ZERO)

    @property
    def free(self) -> Decimal:
        """What is neither executed nor claimed, in the plan's unit; never below zero."""
        return max(self.plan.amount - self.done - self.claimed, ZERO)

    def _left(self, child: Child) -> Decimal:
        left = child.quantity - child.filled
        if not self.plan.in_quote:
            return left
        if child.limit_price is None:  # what it may still cost is not known: all of it
            return self.plan.amount
        return left * child.limit_price


def state_of(plan: AlgorithmPlan, orders: Mapping[str, Order], stopping: str = "") -> AlgorithmState:
    """The state that the desk's orders amount to; `orders` maps client ids to orders of any kind."""
    children = tuple(_child(part, orders[name]) for part, name in _names(plan, orders))
    return AlgorithmState(plan, children, stopping)


def _names(plan: AlgorithmPlan, orders: Mapping[str, Order]) -> Iterator[tuple[int, str]]:
    """The parts that have an order. By the clock they may be skipped; one after the other they may not."""
    match plan.method:
        case Method.ROUTE:  # a part that never got anywhere leaves a gap
            mark = f"{plan.algorithm_id}-"
            yield from sorted(
                (int(name.removeprefix(mark)), name) for name in orders if name.startswith(mark)
            )
        case Method.ICEBERG:
            numbered = ((part, plan.child_id(part)) for part in itertools.count())
            yield from itertools.takewhile(lambda each: each[1] in orders, numbered)
        case _:
            for part in range(len(plan.slices) * ATTEMPTS):
                if (name := plan.child_id(part)) in orders:
                    yield part, name


def _child(part: int, order: Order) -> Child:
    intent = order.intent
    return Child(
        part,
        intent.client_id,
        order.status,
        intent.quantity,
        order.filled,
        order.notional,
        intent.limit_price,
        intent.created_at,
        order.venue_id,
    )
