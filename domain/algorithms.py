"""Plans of execution algorithms: what is to be worked, in which parts, until when.

A plan never changes. What became of it is told by its child orders alone: an algorithm has no other state.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Literal

from domain.money import ZERO, Price, Symbol
from domain.orders import OrderIntent, Origin, Side


class Method(StrEnum):
    """How the parts follow each other.

    TWAP, VWAP and DCA send them by the clock, ICEBERG one after the other, SCALE rests all of them at once,
    ROUTE sends them to several venues.
    """

    TWAP = "twap"
    VWAP = "vwap"
    ICEBERG = "iceberg"
    SCALE = "scale"
    DCA = "dca"
    ROUTE = "route"


@dataclass(frozen=True, slots=True)
class Slice:
    """One part: `amount` in the plan's unit, due `after` the plan's start, at worst at `limit_price`.

    `venue` names where it goes; empty leaves that to whoever sends it.
    """

    after: timedelta
    amount: Decimal
    limit_price: Price | None = None
    venue: str = ""


@dataclass(frozen=True, slots=True)
class AlgorithmPlan:
    """A parent order and its parts, `algorithm_id` being the client id that the parent would have had.

    `amount` is in base currency, or in quote currency when `in_quote`; the slices add up to it. `arrival` is
    the middle of bid and ask when it was decided. `protective_stop` and `take_profit` go with every child.
    `interval` is how long a round of the router, or a child without news, may take. `origin` is who asked for
    it: what an operator wants worked is not a newer cycle's to stop. Raises ValueError when the parts do not
    fit together.
    """

    algorithm_id: str
    session: str
    cycle: int
    leg: int
    method: Method
    symbol: Symbol
    side: Side
    amount: Decimal
    start: datetime
    end: datetime
    slices: tuple[Slice, ...]
    in_quote: bool = False
    reduce_only: bool = False
    post_only: bool = False
    arrival: Price | None = None
    protective_stop: Price | None = None
    take_profit: Price | None = None
    interval: timedelta = timedelta(0)
    reason: str = ""
    origin: Origin = Origin.CYCLE

    def __post_init__(self) -> None:
        waits = [part.after for part in self.slices]
        problem = (
            f"an amount of {self.amount}"
            if not (self.amount.is_finite() and self.amount > ZERO)
            else "an end before its start"
            if self.end < self.start
            else "no parts"
            if not self.slices
            else "a part without an amount"
            if any(part.amount <= ZERO for part in self.slices)
            else f"parts that do not add up to {self.amount}"
            if sum(part.amount for part in self.slices) != self.amount
            else "parts out of order"
            if waits != sorted(waits) or waits[0] < timedelta(0)
            else "a sale in quote currency"
            if self.in_quote and self.side is not Side.BUY
            else ""
        )
        if problem:
            raise ValueError(f"algorithm {self.algorithm_id} has {problem}")

    def child_id(self, part: int) -> str:
        """The client id of the order for a part, the same after any restart."""
        return f"{self.algorithm_id}-{part:02d}"


@dataclass(frozen=True, slots=True)
class PartRouted:
    """A part of a routed order is about to be sent to another desk: it goes there, or nowhere."""

    kind: ClassVar[Literal["part_routed"]] = "part_routed"
    durable: ClassVar[bool] = True
    desk: str
    intent: OrderIntent
    at: datetime
