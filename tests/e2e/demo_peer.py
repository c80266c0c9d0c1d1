"""What a demo desk does for other desks: it has nothing to offer."""

from __future__ import annotations

from app.peer_views import ChildRequest, ChildView, HoldingsView, OfferView
from domain.errors import DataError, NotFound
from domain.orders import Side


class DemoPeer:
    """Implements the API's `PeerService`."""

    async def offer(self, symbol: str, side: Side) -> OfferView:
        raise DataError(f"there is no book of {symbol} yet", fix="Ask again after the next bar")

    async def children(self, parent: str) -> tuple[ChildView, ...]:
        return ()

    async def place(self, asked: ChildRequest) -> ChildView:
        raise DataError(f"there is no book of {asked.symbol} yet", fix="Ask again after the next bar")

    async def withdraw(self, client_id: str, reason: str) -> ChildView:
        raise NotFound(f"no order {client_id!r} of another desk is here")

    async def holdings(self) -> HoldingsView:
        return HoldingsView(venue="demo", holdings=())
