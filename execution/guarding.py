"""The guardian's hands: its own orders, the way out at market, and the patience between two attempts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final, Literal

from domain.clock import Clock
from domain.events import Notice
from domain.money import ZERO, Price, Quantity, Symbol
from domain.orders import Order, OrderIntent, OrderStatus, OrderType, Origin, Side
from execution.backoff import BackOff
from execution.ids import OwnIds
from execution.order_desk import OrderDesk
from execution.protection import Plan, guards, sales
from execution.sending import RESTING
from market.feed import Feed
from portfolio.portfolio import Portfolio

FIRST_WAIT: Final = timedelta(seconds=2)
LONGEST_WAIT: Final = timedelta(seconds=30)
"""An attempt to protect or to sell that came to nothing is repeated after so long, at most."""


class Guarding:
    """Everything a guardian does at the desk, without deciding when."""

    def __init__(
        self, desk: OrderDesk, portfolio: Portfolio, feed: Feed, clock: Clock, *, session: str
    ) -> None:
        self._desk = desk
        self._portfolio = portfolio
        self._feed = feed
        self._clock = clock
        self._session = session
        self._ids = OwnIds(desk, session, Origin.GUARDIAN)
        self._waits: dict[Symbol, BackOff] = {}
        self._dust: dict[Symbol, Decimal] = {}

    async def _get_out(self, wanted: Plan, reason: str) -> None:
        """Sell at market all that is not being sold at market already; what waits for a better price goes."""
        symbol = wanted.symbol
        if self._must_wait(symbol):
            return
        selling = [order for order in self._selling(symbol) if not order.intent.guards]
        patient = [order for order in selling if order.intent.limit_price is not None]
        await self._withdraw([order for order in patient if order.status in RESTING], reason)
        claimed = sum((order.remaining for order in selling if not order.is_terminal), ZERO)
        position = self._portfolio.position(symbol)
        instrument = self._feed.instruments[symbol]
        held = ZERO if position is None else position.quantity
        quantity = min(instrument.quantity(max(held - claimed, ZERO)), Quantity(instrument.max_quantity))
        if not quantity:
            return
        self._say("error", f"{symbol} is sold at market: {reason}")
        order = await self._desk.submit(self._intent(symbol, quantity, OrderType.MARKET, reason))
        if order.is_terminal and order.status is not OrderStatus.FILLED:
            self._wait(symbol)
            self._say("error", f"{symbol} has no stop and its sale is {order.status}: {order.note}")

    def _selling(self, symbol: Symbol) -> list[Order]:
        return sales(self._desk.open_orders(), symbol)

    def _stops(self, symbol: Symbol) -> list[Order]:
        own = [order for order in self._selling(symbol) if order.intent.origin is Origin.GUARDIAN]
        return guards(own, stops=True)

    def _too_small(self, wanted: Plan) -> bool:
        """Whether the venue takes no order this small: said once per size, and left alone."""
        symbol = wanted.symbol
        problems = self._feed.instruments[symbol].filter_problems(wanted.held, wanted.level)
        if not problems:
            self._dust.pop(symbol, None)
            return False
        if self._dust.get(symbol) != wanted.held:
            self._dust[symbol] = wanted.held
            self._say("warning", f"{symbol} cannot have a stop: {'; '.join(problems)}")
        return True

    def _must_wait(self, symbol: Symbol) -> bool:
        wait = self._waits.get(symbol)
        return wait is not None and wait.until is not None and self._clock.now() < wait.until

    def _wait(self, symbol: Symbol) -> None:
        self._waits.setdefault(symbol, BackOff(FIRST_WAIT, LONGEST_WAIT)).failed(self._clock.now())

    async def _withdraw(self, orders: Sequence[Order], reason: str) -> None:
        for order in orders:
            await self._desk.cancel(order.client_id, reason)

    def _intent(
        self,
        symbol: Symbol,
        quantity: Quantity,
        order_type: OrderType,
        reason: str,
        *,
        trigger: Price | None = None,
        limit: Price | None = None,
        group: str = "",
    ) -> OrderIntent:
        serial, client_id = self._ids.take()
        entry = self._desk.entry(symbol)
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
            limit_price=limit,
            trigger_price=trigger,
            reason=reason,
            group=client_id if group == "own" else group,
            parent="" if entry is None else entry.client_id,
        )

    def _say(self, level: Literal["warning", "error"], message: str) -> None:
        self._desk.record(Notice(level, "guardian", message, self._clock.now()))
