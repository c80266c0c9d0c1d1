"""What is swapped between paper and a venue: clock, feed and venue. All else is the same desk."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from domain.orders import Order

if TYPE_CHECKING:
    from execution.venue import Venue
    from graph.engine import BarClock
    from market.feed import Feed
    from portfolio.portfolio import Portfolio


class World(Protocol):
    """One market and one venue. The desk is wired on `feed` and `clock`, then asks for its venue, once."""

    @property
    def feed(self) -> Feed: ...

    @property
    def clock(self) -> BarClock: ...

    @property
    def reconcile_every(self) -> timedelta | None:
        """How often the books are compared with the venue; None where the venue keeps no books of its own."""
        ...

    @property
    def bound(self) -> timedelta | None:
        """How long a position may be without its stop before that is said; None where bars decide."""
        ...

    def venue(self, portfolio: Portfolio) -> Venue:
        """The venue for an account that begins as `portfolio` stands."""
        ...

    def put_back(self, orders: Iterable[Order], last: datetime | None, portfolio: Portfolio) -> None:
        """After a restart: every order of the session, as they stood at `last`, a bar close.

        What is still open goes on; what is over says what was traded, and which groups have ended.
        """
        ...
