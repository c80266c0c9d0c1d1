"""Where a process may die: right before and right after each commit and each call to the venue."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from domain.events import DeskEvent
from domain.money import Currency, Symbol
from domain.orders import Fill
from domain.ports import Journal
from execution.venue import Balance, Capabilities, Venue, VenueOrder, VenueReport
from risk.approval import ApprovedOrder


class Died(BaseException):
    """The process is gone: nothing in the desk may catch this."""


@dataclass
class Fate:
    """Counts the moments of a life and ends it at one of them. A moment is e.g. "before place".

    `deadly` is its number from 0, `deadly_name` a name and which of that name, from 1. `by_signal` ends the
    real process, with SIGKILL; otherwise Died unwinds to whoever plays the next one.
    """

    deadly: int | None = None
    deadly_name: tuple[str, int] | None = None
    by_signal: bool = False
    names: list[str] = field(default_factory=list)

    def moment(self, name: str) -> None:
        self.names.append(name)
        by_name = self.deadly_name is not None and (
            name == self.deadly_name[0] and self.names.count(name) == self.deadly_name[1]
        )
        if by_name or len(self.names) - 1 == self.deadly:
            self.deadly = self.deadly_name = None
            if self.by_signal:
                os.kill(os.getpid(), signal.SIGKILL)
            raise Died(name)


class MortalJournal:
    """A journal at whose every boundary the process may die."""

    def __init__(self, inner: Journal, fate: Fate) -> None:
        self.inner = inner
        self.fate = fate

    def append(self, event: DeskEvent) -> None:
        self.fate.moment(f"before {event.kind}")
        self.inner.append(event)
        self.fate.moment(f"after {event.kind}")

    def commit(self) -> None:
        self.fate.moment("before commit")
        self.inner.commit()
        self.fate.moment("after commit")


class MortalVenue:
    """A process's line to a venue that outlives it; at every call the process may die."""

    def __init__(self, inner: Venue, fate: Fate) -> None:
        self.inner = inner
        self.fate = fate
        self.name = inner.name

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    async def place(self, order: ApprovedOrder) -> str:
        self.fate.moment("before place")
        told = await self.inner.place(order)
        self.fate.moment("after place")
        return told

    async def cancel(self, client_id: str) -> None:
        self.fate.moment("before cancel")
        await self.inner.cancel(client_id)
        self.fate.moment("after cancel")

    async def lookup(self, client_id: str) -> VenueOrder | None:
        self.fate.moment("before lookup")
        found = await self.inner.lookup(client_id)
        self.fate.moment("after lookup")
        return found

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        self.fate.moment("before open_orders")
        found = await self.inner.open_orders()
        self.fate.moment("after open_orders")
        return found

    async def poll(self) -> tuple[VenueReport, ...]:
        self.fate.moment("before poll")
        reports = await self.inner.poll()
        self.fate.moment("after poll")  # the venue may not say these again: only a look-up will
        return reports

    def taker(self, symbol: Symbol) -> Decimal:
        return self.inner.taker(symbol)

    async def balances(self) -> Mapping[Currency, Balance]:
        self.fate.moment("before balances")
        found = await self.inner.balances()
        self.fate.moment("after balances")
        return found

    async def fills(self, since: datetime) -> tuple[Fill, ...]:
        self.fate.moment("before fills")
        found = await self.inner.fills(since)
        self.fate.moment("after fills")
        return found
