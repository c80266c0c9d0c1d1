"""The stop guardian: every position has one resting stop at the venue, whatever any model says or does.

It runs after fills and before decisions, knows no model, and never loosens a stop. A stop that cannot be
placed means the position is sold at once.
"""

from __future__ import annotations

from collections.abc import Set
from decimal import Decimal
from typing import Final, Literal

from domain.clock import Clock
from domain.events import Notice, StopArmed, StopsResumed
from domain.money import ONE, Price, Quantity, Symbol
from domain.orders import Order, OrderIntent, OrderStatus, OrderType, Origin, Side
from execution.ids import OwnIds
from execution.order_desk import OrderDesk
from market.feed import Feed
from portfolio.portfolio import Portfolio
from portfolio.position import Position

_RESTING: Final = frozenset({OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED})
_GUARDIAN: Final = Origin.GUARDIAN
_STOP: Final = OrderType.STOP
_FULL_ROUND: Final = 64
"""Every so many checks look at every position, touched or not: nothing rests on a mark that was forgotten."""


class StopGuardian:
    """Keeps one reduce-only stop per position, for all of it, at the price that proves its entry wrong.

    `default_distance` is how far under the average price the stop lies, as a fraction, when no entry named
    one. Orders go through the desk, so the gate sees them too.
    """

    def __init__(
        self,
        desk: OrderDesk,
        portfolio: Portfolio,
        feed: Feed,
        clock: Clock,
        *,
        session: str,
        default_distance: Decimal = Decimal("0.05"),
    ) -> None:
        self._desk = desk
        self._portfolio = portfolio
        self._feed = feed
        self._clock = clock
        self._session = session
        self._distance = default_distance
        self._ids = OwnIds(desk, session, Origin.GUARDIAN)
        self._rounds = 0
        self._restless: set[Symbol] = set()
        self._waiting: set[str] = set()
        self._dust: dict[Symbol, Decimal] = {}

    async def resume(self) -> StopsResumed:
        """After a start and a reconcile, before the first cycle: every position has its stop again."""
        await self._look_at_all()
        positions = self._portfolio.positions
        armed = sum(1 for symbol in positions if self._standing(symbol))
        event = StopsResumed(len(positions), armed, self._clock.now())
        self._desk.record(event)
        return event

    async def check(self) -> None:
        """Place, move or withdraw stops until every position has its own; sell what cannot have one.

        Looks at the symbols whose orders or position changed since the last check, at those that had no
        standing stop then, and every now and then at all.
        """
        touched = self._desk.take_touched()
        self._rounds += 1
        if self._rounds % _FULL_ROUND == 0:
            await self._look_at_all()
        elif touched or self._restless:
            await self._look_at(touched | self._restless)

    async def _look_at_all(self) -> None:
        self._desk.take_touched()
        await self._look_at(self._portfolio.positions.keys() | {o.intent.symbol for o in self._stops()})

    async def _look_at(self, symbols: Set[Symbol]) -> None:
        positions = self._portfolio.positions
        self._restless.clear()
        for symbol in sorted(symbols):
            position = positions.get(symbol)
            if position is None:
                await self._withdraw(
                    [order for order in self._stops(symbol) if order.status in _RESTING],
                    "its position is gone",
                )
            elif not await self._protect(symbol, position):
                self._restless.add(symbol)

    async def _protect(self, symbol: Symbol, position: Position) -> bool:
        """See to one position; False when it must be looked at again even if nothing happens to it."""
        quantity, level = self._wanted(position)
        resting = [order for order in self._stops(symbol) if order.status in _RESTING]
        for order in resting:
            if order.remaining == quantity and order.intent.trigger_price == level:
                await self._withdraw([each for each in resting if each is not order], "one stop is enough")
                return True
        if self._too_small(symbol, quantity, level):
            return True
        if await self._answer_awaited(symbol):
            return False
        if not resting and self._is_breached(symbol, level):
            await self._sell(symbol, quantity, f"the price is at or under the stop at {level:f}")
            return False
        stop = await self._desk.submit(self._intent(symbol, quantity, _STOP, level, "protect"))
        if stop.status in _RESTING:
            self._desk.record(StopArmed(symbol, quantity, level, stop.client_id, self._clock.now()))
            await self._withdraw(resting, "replaced by a newer stop")
            return True
        if stop.status is OrderStatus.UNKNOWN:
            self._waiting.add(stop.client_id)
        elif stop.status is not OrderStatus.FILLED:
            await self._without_stop(symbol, quantity, level, stop, resting)
        return False

    def _wanted(self, position: Position) -> tuple[Quantity, Price]:
        """How much the stop must cover, and its price: the newest entry's, never below one armed before."""
        symbol = position.symbol
        instrument = self._feed.instruments[symbol]
        quantity = min(instrument.quantity(position.quantity), Quantity(instrument.max_quantity))
        entry = self._desk.entry(symbol)
        named = entry.protective_stop if entry is not None else None
        known = [price for price in (named, self._desk.armed_stop(symbol)) if price is not None]
        level = max(known) if known else position.average_price * (ONE - self._distance)
        return quantity, instrument.price_up(level)

    def _stops(self, symbol: Symbol | None = None) -> list[Order]:
        return [
            order
            for order in self._desk.open_orders()
            if order.intent.origin is _GUARDIAN
            and order.intent.order_type is _STOP
            and (symbol is None or order.intent.symbol == symbol)
        ]

    def _standing(self, symbol: Symbol) -> bool:
        return any(order.status in _RESTING for order in self._stops(symbol))

    async def _answer_awaited(self, symbol: Symbol) -> bool:
        """Whether a stop of unknown fate may still turn up; it gets one sync, then the position is sold."""
        unknown = [order for order in self._stops(symbol) if order.status is OrderStatus.UNKNOWN]
        fresh = [order for order in unknown if order.client_id not in self._waiting]
        self._waiting.update(order.client_id for order in fresh)
        if unknown and not fresh:
            position = self._portfolio.position(symbol)
            if position is not None and not self._standing(symbol):
                quantity, _ = self._wanted(position)
                await self._sell(symbol, quantity, f"the stop {unknown[0].client_id} is still unknown")
        return bool(unknown)

    def _is_breached(self, symbol: Symbol, level: Price) -> bool:
        quote = self._feed.quote(symbol)
        return quote is not None and quote.bid <= level

    def _too_small(self, symbol: Symbol, quantity: Quantity, level: Price) -> bool:
        """Whether the venue takes no order this small: said once per size, and left alone."""
        problems = self._feed.instruments[symbol].filter_problems(quantity, level)
        if not problems:
            self._dust.pop(symbol, None)
            return False
        if self._dust.get(symbol) != quantity:
            self._dust[symbol] = quantity
            self._say("warning", f"{symbol} cannot have a stop: {'; '.join(problems)}")
        return True

    async def _without_stop(
        self, symbol: Symbol, quantity: Quantity, level: Price, stop: Order, resting: list[Order]
    ) -> None:
        """The stop was refused or rejected: an older one must cover everything, or the position is sold."""
        self._say("error", f"the stop for {symbol} at {level:f} is {stop.status}: {stop.note}")
        if sum(order.remaining for order in resting) < quantity:
            await self._sell(symbol, quantity, f"its stop is {stop.status}")

    async def _sell(self, symbol: Symbol, quantity: Quantity, reason: str) -> None:
        """Sell at market what no other order is selling already."""
        claimed = sum(
            order.remaining
            for order in self._desk.open_orders()
            if order.intent.symbol == symbol
            and order.intent.side is Side.SELL
            and order.intent.order_type is not _STOP
        )
        if claimed >= quantity:
            return
        quantity = Quantity(quantity - claimed)
        self._say("error", f"{symbol} is sold at market: {reason}")
        order = await self._desk.submit(self._intent(symbol, quantity, OrderType.MARKET, None, reason))
        if order.status in (OrderStatus.REFUSED, OrderStatus.REJECTED):
            self._say("error", f"{symbol} has no stop and its sale is {order.status}: {order.note}")

    async def _withdraw(self, orders: list[Order], reason: str) -> None:
        for order in orders:
            await self._desk.cancel(order.client_id, reason)

    def _intent(
        self, symbol: Symbol, quantity: Quantity, order_type: OrderType, trigger: Price | None, reason: str
    ) -> OrderIntent:
        serial, client_id = self._ids.take()
        return OrderIntent(
            client_id=client_id,
            session=self._session,
            cycle=serial,
            leg=0,
            symbol=symbol,
            side=Side.SELL,
            quantity=quantity,
            order_type=order_type,
            created_at=self._clock.now(),
            origin=Origin.GUARDIAN,
            reduce_only=True,
            trigger_price=trigger,
            reason=reason,
        )

    def _say(self, level: Literal["warning", "error"], message: str) -> None:
        self._desk.record(Notice(level, "guardian", message, self._clock.now()))
