"""The world outside the process, as stories and checks need it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Protocol

from domain.clock import SimulatedClock
from domain.instrument import Instrument
from domain.money import Currency, Money, Symbol
from execution.order_desk import OrderDesk
from execution.venue import Venue
from market.feed import Feed
from portfolio.portfolio import Portfolio
from risk.limits import RiskLimits


@dataclass(frozen=True, slots=True, order=True)
class Seen:
    """An order as the venue itself has it. One that keeps no client ids of its own has an empty one."""

    client_id: str
    order_type: str
    side: str
    price: Decimal | None
    left: Decimal
    filled: Decimal
    open: bool


class Ground(Protocol):
    """The world outside the process. Times and prices are its own; nothing of it is lost with a process."""

    clock: SimulatedClock
    symbol: Symbol
    instruments: Mapping[Symbol, Instrument]
    capital: Money
    limits: RiskLimits
    price: Decimal
    quantity: Decimal
    moment: timedelta
    """How long `pass_time` takes."""
    forgets: bool
    """Whether the venue's memory of what is over ends with the process."""

    @property
    def feed(self) -> Feed: ...

    def connect(self) -> Venue:
        """A new process's line to the venue."""
        ...

    def put_back(self, venue: Venue, desk: OrderDesk, portfolio: Portfolio) -> None:
        """Tell the line what the desk's restored journal knows, as the desk does at its start."""
        ...

    def pass_time(self) -> None:
        """A moment goes by for everybody; orders at market are executed."""
        ...

    def fill_bids(self, quantity: Decimal) -> None:
        """The market sells up to so much to the resting buy orders."""
        ...

    def rise(self) -> None:
        """The price goes up, to where a profit is taken."""
        ...

    def fall(self) -> None:
        """The price goes down, through the stop."""
        ...

    def orders(self) -> list[Seen]:
        """Every order the venue ever took in."""
        ...

    def held(self) -> Mapping[Currency, Decimal]:
        """What the account holds at the venue."""
        ...
