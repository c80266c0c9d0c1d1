"""What other desks of the same owner ask: an offer, an order of theirs, its withdrawal, what is held."""

from __future__ import annotations

from typing import Annotated, Protocol

from fastapi import APIRouter, Path, Query

from api.models import Problem
from app.peer_views import ChildRequest, ChildView, HoldingsView, OfferView
from domain.orders import Side

Name = Annotated[str, Query(min_length=1, max_length=100)]
ClientId = Annotated[str, Path(min_length=1, max_length=100)]
_ERRORS: dict[int | str, dict[str, object]] = {
    status: {"model": Problem} for status in (401, 403, 404, 409, 413, 422, 500, 503, 504)
}


class PeerService(Protocol):
    """The running desk, as other desks see it. Errors are those of the rest of the API."""

    async def offer(self, symbol: str, side: Side) -> OfferView: ...

    async def children(self, parent: str) -> tuple[ChildView, ...]: ...

    async def place(self, asked: ChildRequest) -> ChildView: ...

    async def withdraw(self, client_id: str, reason: str) -> ChildView: ...

    async def holdings(self) -> HoldingsView: ...


def router(peer: PeerService) -> APIRouter:
    """Every route below /api/v1/peer."""
    routes = APIRouter(prefix="/api/v1/peer", responses=_ERRORS)

    @routes.get("/offer", summary="What a taker finds at this desk's venue, and what may be used there")
    async def offer(symbol: Name, side: Side) -> OfferView:
        return await peer.offer(symbol, side)

    @routes.get("/children", summary="Orders here that are parts of another desk's order")
    async def children(parent: Name) -> tuple[ChildView, ...]:
        return await peer.children(parent)

    @routes.post("/children", summary="Take in a part; the same id again is the same order")
    async def place(asked: ChildRequest) -> ChildView:
        return await peer.place(asked)

    @routes.delete("/children/{client_id}", summary="Withdraw what is left of a part")
    async def withdraw(client_id: ClientId) -> ChildView:
        return await peer.withdraw(client_id, "withdrawn by the desk that sent it")

    @routes.get("/holdings", summary="What the account at the venue holds")
    async def holdings() -> HoldingsView:
        return await peer.holdings()

    return routes
