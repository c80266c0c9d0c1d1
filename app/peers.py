"""Other desks of the same owner on this machine, each at its own venue: where a routed order may go.

Each is a running desk with its own gate, journal and stops. A part is asked for under an id that follows
from the plan, and the same id is one order there: an answer that is lost is asked for again, never twice
sent. Nothing new is routed before every desk has said which parts it has already.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.home import Home
from app.peer_side import PeerSide
from app.peer_views import ChildRequest, ChildView, HoldingsView, OfferView
from domain.algorithms import AlgorithmPlan
from domain.errors import VenueError, VenueRejected
from domain.instrument import Instrument
from domain.market import BookLevel
from domain.money import Currency, Price, Quantity
from domain.orders import Order, OrderIntent, OrderStatus
from execution.algorithms.router import VenueOffer
from execution.venue import Balance

if TYPE_CHECKING:
    import httpx

    from execution.venue import Venue
    from graph.context import CycleContext

PATIENCE: Final = 2.0
"""How long another desk may take to answer, in seconds of this machine."""
_REFUSED: Final = frozenset({400, 404, 409, 413, 422})


class PeerDown(VenueError):
    """Another desk did not answer, or answered nonsense."""


class RemoteDesk:
    """One other desk, with what it last said of the orders that came from here."""

    def __init__(self, name: str, home: Path, *, live: bool) -> None:
        """`live` says whether money is real here: then it has to be there, too, and the other way round."""
        self.name = name
        self.orders: dict[str, Order] = {}
        self._home = Home(home.expanduser())
        self._live = live

    async def submit(self, intent: OrderIntent) -> Order:
        """Have an order placed there. No answer leaves it unknown: `refresh` asks for it again."""
        order = self.orders.get(intent.client_id)
        if order is None:
            order = self.orders[intent.client_id] = Order(intent, OrderStatus.UNKNOWN)
            await self._ask_for(order)
        return order

    async def cancel(self, client_id: str, reason: str) -> Order:
        """Withdraw what is left of an order there; without an answer it stands as it did."""
        order = self.orders[client_id]
        with contextlib.suppress(VenueError):  # the next round asks again
            self._take(await self._call("DELETE", f"/children/{client_id}"))
        return order

    async def refresh(self, plan: AlgorithmPlan) -> None:
        """Learn what became of the parts of a plan there. Raises PeerDown when nobody says."""
        told = await self._call("GET", "/children", params={"parent": plan.algorithm_id})
        for each in told:
            self._take(each)
        known = {str(each.get("client_id")) for each in told}
        for client_id, order in list(self.orders.items()):
            if order.intent.parent == plan.algorithm_id and client_id not in known and not order.is_terminal:
                await self._ask_for(order)

    async def offer(self, plan: AlgorithmPlan) -> VenueOffer:
        """What its venue offers now. Raises PeerDown, or VenueRejected with its words."""
        began = time.monotonic()
        told = await self._call("GET", "/offer", params={"symbol": plan.symbol, "side": plan.side.value})
        away = timedelta(seconds=time.monotonic() - began)
        return offer_from(OfferView.model_validate(told), self.name, away)

    async def balances(self) -> Mapping[Currency, Balance]:
        """What its account holds. Raises PeerDown."""
        told = HoldingsView.model_validate(await self._call("GET", "/holdings"))
        return {each.currency: Balance(each.free, each.locked) for each in told.holdings}

    async def _ask_for(self, order: Order) -> None:
        intent = order.intent
        if intent.limit_price is None:
            raise ValueError(f"{intent.client_id} names no worst price, and another desk takes none without")
        asked = ChildRequest(
            client_id=intent.client_id,
            parent=intent.parent,
            symbol=intent.symbol,
            side=intent.side,
            quantity=intent.quantity,
            limit_price=intent.limit_price,
            protective_stop=intent.protective_stop,
            take_profit=intent.take_profit,
            reduce_only=intent.reduce_only,
            part=intent.leg,
            reason=intent.reason,
        )
        try:
            self._take(await self._call("POST", "/children", json=asked.model_dump(mode="json")))
        except VenueRejected as refused:
            order.status, order.note = OrderStatus.REJECTED, refused.message
        except VenueError as error:
            order.note = error.message

    def _take(self, told: Mapping[str, Any]) -> None:
        seen = ChildView.model_validate(told)
        order = self.orders.get(seen.client_id)
        if order is None:
            return
        order.status, order.venue_id, order.note = seen.status, seen.venue_id, seen.note
        order.filled, order.notional, order.updated_at = seen.filled, seen.notional, seen.updated_at

    def adopt(self, intent: OrderIntent) -> None:
        """After a restart: an order that may have been sent there."""
        self.orders.setdefault(intent.client_id, Order(intent, OrderStatus.UNKNOWN))

    async def _call(self, method: str, path: str, **more: Any) -> Any:
        import httpx

        running = self._home.running()
        if running is None or running.url is None:
            raise PeerDown(f"no desk with an API runs in {self._home.path}", fix="Start it with desk serve")
        kind = self._home.kind()
        if (kind or "").endswith("live") is not self._live:
            raise PeerDown(f"{self._home.path} belongs to {kind} trading; that is other money")
        headers = {"Authorization": f"Bearer {self._home.token()}"}
        try:
            async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client:
                answer = await client.request(
                    method, f"{running.url}/api/v1/peer{path}", headers=headers, **more
                )
        except httpx.HTTPError as error:
            raise PeerDown(f"the desk {self.name} does not answer: {type(error).__name__}") from error
        return _read(self.name, answer)


def _read(name: str, answer: httpx.Response) -> Any:
    try:
        told = answer.json()
    except ValueError as error:
        raise PeerDown(f"the desk {name} answered nonsense ({answer.status_code})") from error
    if answer.status_code in _REFUSED:
        raise VenueRejected(f"the desk {name}: {told.get('error', 'refused')}")
    if answer.status_code != 200:
        raise PeerDown(f"the desk {name} answered {answer.status_code}: {told.get('error', '')}")
    return told


def connect(context: CycleContext, venue: Venue, homes: Mapping[str, Path], *, live: bool) -> None:
    """Let the desk's routed orders go to the desks in these home folders, too."""
    own = PeerSide(context, venue)

    async def own_offer(plan: AlgorithmPlan) -> VenueOffer:
        return offer_from(await own.offer(plan.symbol, plan.side), venue.name, timedelta(0))

    others = {name: RemoteDesk(name, home, live=live) for name, home in homes.items()}
    context.algorithms.route_over(others, own_offer)


def offer_from(told: OfferView, name: str, latency: timedelta) -> VenueOffer:
    """An offer as the router takes it."""
    grid = told.grid
    instrument = Instrument(
        told.symbol,
        grid.base,
        grid.quote,
        grid.tick_size,
        grid.step_size,
        grid.min_quantity,
        grid.max_quantity,
        grid.min_notional,
    )
    levels = tuple(BookLevel(Price(each.price), Quantity(each.quantity)) for each in told.levels)
    return VenueOffer(name, levels, told.taker, told.free, instrument, latency)
