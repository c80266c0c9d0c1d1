"""The event that base weights were found: durable, so that a restarted desk goes on from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Literal

from domain.money import Symbol


@dataclass(frozen=True, slots=True)
class AllocationMade:
    """An allocation found base weights, fractions of equity, in the cycle of this number.

    `because` tells why it was due, `fallback` why equal weights stand in for the method; empty when they do
    not. `turnover` adds up the changes from the weights held, `bars` is how many returns were looked at.
    """

    kind: ClassVar[Literal["allocation_made"]] = "allocation_made"
    durable: ClassVar[bool] = True
    cycle: int
    method: str
    weights: Mapping[Symbol, Decimal]
    turnover: Decimal
    bars: int
    because: str
    fallback: str
    at: datetime
