"""A policy nobody should run: always long with all it has, no stop, more of what falls.

It tries by both ways into the desk: as a strategy that is always certain, and with orders of its own, like a
person who has lost his head. Whatever it wants passes the same gate as everything else. First it asks for
everything at once and without a stop; when that is refused, it takes the widest stop and the largest size
that the gate lets through, and again whenever the price is below what it paid.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Final

from app.bootstrap import Desk
from domain.market import Quote, SymbolView
from domain.money import ONE, ZERO, Price, Quantity, Symbol
from domain.opinions import View
from domain.orders import OrderIntent, OrderStatus, OrderType, Origin, Side, client_order_id
from strategies.base import opinion

SIZES: Final = tuple(Decimal(text) for text in ("1", "0.3", "0.2", "0.13", "0.08", "0.04", "0.02"))
"""What it asks for, as fractions of equity, until it gets one."""
_FIRST_LEG: Final = 40
_NEARLY: Final = Decimal("0.999")


class AlwaysLong:
    """Everything is bought, always, with full confidence."""

    name = "always_long"
    features: tuple[str, ...] = ()

    def opine(self, view: SymbolView) -> View:
        """Long, certain, and nothing could prove it wrong."""
        return opinion(
            self, view, stance=1.0, confidence=1.0, horizon=timedelta(days=365), rationale="it only goes up"
        )


@dataclass(slots=True)
class Reckless:
    """What it asked for by itself, bar after bar, and what it got."""

    asked: int = 0
    refused: int = 0
    bought: int = 0
    _legs: int = field(default=0)

    async def act(self, desk: Desk) -> None:
        """After a bar: everything without a stop, then as much as the gate lets through."""
        self._legs = 0
        for symbol in desk.feed.symbols:
            quote, position = desk.feed.quote(symbol), desk.portfolio.position(symbol)
            if quote is None:
                continue
            await self._buy(desk, symbol, quote, ONE, stop=None)
            if position is not None and quote.mid >= position.average_price:
                continue
            distance = desk.limits.max_stop_distance_fraction or ZERO
            instrument = desk.feed.instruments[symbol]
            stop = instrument.price_up(quote.ask * (ONE - distance * _NEARLY))
            for size in SIZES:
                if await self._buy(desk, symbol, quote, size, stop=stop):
                    break

    async def _buy(
        self, desk: Desk, symbol: Symbol, quote: Quote, size: Decimal, *, stop: Price | None
    ) -> bool:
        instrument = desk.feed.instruments[symbol]
        quantity = instrument.quantity(desk.portfolio.equity * size / quote.ask)
        if instrument.filter_problems(quantity, quote.ask):
            return False
        cycle = desk.feed.bar_index() + 1
        intent = OrderIntent(
            client_id=client_order_id(desk.session, cycle, _FIRST_LEG + self._legs),
            session=desk.session,
            cycle=cycle,
            leg=_FIRST_LEG + self._legs,
            symbol=symbol,
            side=Side.BUY,
            quantity=Quantity(quantity),
            order_type=OrderType.MARKET,
            created_at=desk.clock.now(),
            origin=Origin.OPERATOR,
            protective_stop=stop,
            reason="it will come back",
            arrival=Price(quote.mid),
        )
        self._legs += 1
        self.asked += 1
        order = await desk.orders.submit(intent)
        if order.status is OrderStatus.REFUSED:
            self.refused += 1
            return False
        self.bought += 1
        return True
