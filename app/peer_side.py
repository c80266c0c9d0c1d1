"""What a desk does for another: it says what its venue offers, and takes orders, through its own gate.

The other desk gets no approval and no line to the venue: an order that it sends is an intent like any
other here, written down, reviewed and watched by this desk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.peer_views import ChildRequest, ChildView, GridView, HoldingsView, HoldingView, LevelView, OfferView
from domain.errors import DataError, NotFound, UnknownSymbol
from domain.money import ZERO, Price, Quantity, Symbol
from domain.orders import Order, OrderIntent, OrderType, Origin, Side
from tools.account import room_for

if TYPE_CHECKING:
    from execution.venue import Venue
    from graph.context import CycleContext


class PeerSide:
    """One running desk, as other desks see it."""

    def __init__(self, context: CycleContext, venue: Venue) -> None:
        self._context = context
        self._venue = venue

    async def offer(self, symbol: str, side: Side) -> OfferView:
        """Raises UnknownSymbol, or DataError while nobody knows the book."""
        context, name = self._context, Symbol(symbol)
        instrument = context.feed.instruments.get(name)
        if instrument is None:
            raise UnknownSymbol(f"{symbol!r} is not traded by this desk")
        book = context.feed.book(name)
        if book is None:
            raise DataError(f"there is no book of {symbol} yet", fix="Ask again after the next bar")
        levels = book.asks if side is Side.BUY else book.bids
        return OfferView(
            venue=self._venue.name,
            symbol=name,
            side=side,
            levels=tuple(LevelView(price=level.price, quantity=level.quantity) for level in levels),
            taker=self._venue.taker(name),
            free=self._free(name, side),
            grid=GridView(
                base=instrument.base,
                quote=instrument.quote,
                tick_size=instrument.tick_size,
                step_size=instrument.step_size,
                min_quantity=instrument.min_quantity,
                max_quantity=instrument.max_quantity,
                min_notional=instrument.min_notional,
            ),
        )

    def _free(self, symbol: Symbol, side: Side) -> Price | Quantity:
        """What may be used: never more than the gate would let through; nothing where a limit is unknown."""
        context = self._context
        if side is Side.SELL:
            position = context.portfolio.position(symbol)
            return Quantity(ZERO if position is None else position.quantity)
        facts = context.gather(symbol, 0, context.clock.now())
        room = room_for(symbol, facts, context.limits)
        told = (context.portfolio.cash, room.order, room.position, room.exposure)
        return Price(max(min((ZERO if each is None else each for each in told), default=ZERO), ZERO))

    async def children(self, parent: str) -> tuple[ChildView, ...]:
        """Every order here that is a part of `parent`."""
        return tuple(_view(order) for order in self._context.desk.orders.values() if _of(order, parent))

    async def place(self, asked: ChildRequest) -> ChildView:
        """Take an order in as an intent of this desk. The same id again is the same order."""
        context = self._context
        symbol = Symbol(asked.symbol)
        if symbol not in context.feed.instruments:
            raise UnknownSymbol(f"{asked.symbol!r} is not traded by this desk")
        intent = OrderIntent(
            client_id=asked.client_id,
            session=context.session,
            cycle=0,
            leg=asked.part,
            symbol=symbol,
            side=asked.side,
            quantity=Quantity(asked.quantity),
            order_type=OrderType.LIMIT,
            created_at=context.clock.now(),
            origin=Origin.OPERATOR,
            reduce_only=asked.reduce_only,
            limit_price=Price(asked.limit_price),
            protective_stop=None if asked.protective_stop is None else Price(asked.protective_stop),
            take_profit=None if asked.take_profit is None else Price(asked.take_profit),
            reason=asked.reason,
            parent=asked.parent,
        )
        async with context.hands:
            order = await context.desk.submit(intent)
        context.journal.commit()
        return _view(order)

    async def withdraw(self, client_id: str, reason: str) -> ChildView:
        """Withdraw what is left of such an order. Raises NotFound for one that is not another desk's."""
        context = self._context
        order = context.desk.orders.get(client_id)
        if order is None or not order.intent.parent or order.intent.origin is not Origin.OPERATOR:
            raise NotFound(f"no order {client_id!r} of another desk is here")
        async with context.hands:
            order = await context.desk.cancel(client_id, reason)
        context.journal.commit()
        return _view(order)

    async def holdings(self) -> HoldingsView:
        """What the account holds, as the venue says. Raises VenueError when it does not."""
        venue = self._venue
        told = sorted((await venue.balances()).items())
        return HoldingsView(
            venue=venue.name,
            holdings=tuple(
                HoldingView(currency=name, free=each.free, locked=each.locked) for name, each in told
            ),
        )


def _of(order: Order, parent: str) -> bool:
    return order.intent.parent == parent


def _view(order: Order) -> ChildView:
    return ChildView(
        client_id=order.client_id,
        venue_id=order.venue_id,
        status=order.status,
        note=order.note,
        filled=order.filled,
        notional=order.notional,
        updated_at=order.updated_at,
    )
