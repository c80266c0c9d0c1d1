"""The guardian's hands: its own orders, the way out, patience between attempts, gaps that are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

from domain.clock import Clock
from domain.events import Notice, StopArmed
from domain.money import ZERO, Price, Quantity, Symbol
from domain.orders import Order, OrderIntent, OrderStatus, OrderType, Origin, Side
from domain.reconciliation import Unprotected
from execution.backoff import BackOff
from execution.gaps import Gaps
from execution.ids import OwnIds
from execution.order_desk import OrderDesk
from execution.protection import Plan, guards, sales
from execution.sending import RESTING
from execution.stops.keeper import StopKeeper
from market.feed import Feed
from portfolio.portfolio import Portfolio

FIRST_WAIT: Final = timedelta(seconds=2)
LONGEST_WAIT: Final = timedelta(seconds=30)
"""An attempt to protect or to sell that came to nothing is repeated after so long, at most."""


class Guarding:
    """Everything a guardian does at the desk, without deciding when."""

    def __init__(
        self,
        desk: OrderDesk,
        portfolio: Portfolio,
        feed: Feed,
        clock: Clock,
        *,
        session: str,
        keeper: StopKeeper | None,
        bound: timedelta | None,
    ) -> None:
        self._desk = desk
        self._portfolio = portfolio
        self._feed = feed
        self._clock = clock
        self._session = session
        self._keeper = keeper
        self.bound = bound
        self.gaps = Gaps()
        self._told_gaps: set[Symbol] = set()
        self._ids = OwnIds(desk, session, Origin.GUARDIAN)
        self._waits: dict[Symbol, BackOff] = {}
        self._sale_waits: dict[Symbol, BackOff] = {}
        self._dust: dict[Symbol, Decimal] = {}

    def _stirred(self) -> list[Symbol]:
        """The held symbols for which the stop plan may ask for something other than what stands."""
        keeper = self._keeper
        if keeper is None:
            return []
        return [symbol for symbol in keeper.trips() if keeper.stirs(symbol, self._desk.armed_stop(symbol))]

    async def _sell_part(self, wanted: Plan) -> None:
        """Sell at market the part that the ladder of targets wants sold."""
        if _waits_still(self._sale_waits, wanted.symbol, self._clock):
            return
        reason = f"ladder: {wanted.part:f} of {wanted.held:f} at a target"
        self._say("info", f"{wanted.symbol}: {reason}")
        await self._sell(wanted.symbol, wanted.part, reason)

    async def _get_out(
        self, wanted: Plan, reason: str, level: Literal["info", "warning", "error"] = "error"
    ) -> None:
        """Sell at market all that is not being sold at market already; what waits for a better price goes."""
        symbol = wanted.symbol
        if _waits_still(self._sale_waits, symbol, self._clock):
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
        self._say(level, f"{symbol} is sold at market: {reason}")
        await self._sell(symbol, quantity, reason)

    async def _close_all(self, plans: Sequence[Plan], reason: str) -> None:
        """Withdraw what may still buy, sell what is held; asked again every time until both is done."""
        entries = [order for order in self._desk.open_orders() if order.intent.side is Side.BUY]
        await self._withdraw([order for order in entries if order.status in RESTING], reason)
        for wanted in plans:
            if not self._is_sold(wanted) and not self._too_small(wanted):
                await self._get_out(wanted, reason)

    async def _sell(self, symbol: Symbol, quantity: Quantity, reason: str) -> None:
        order = await self._desk.submit(self._intent(symbol, quantity, OrderType.MARKET, reason))
        if order.is_terminal and order.status is not OrderStatus.FILLED:
            _failed(self._sale_waits, symbol, self._clock)
            self._say("error", f"the sale of {symbol} is {order.status}: {order.note}")
        else:
            self._sale_waits.pop(symbol, None)

    def _is_sold(self, wanted: Plan) -> bool:
        """Whether orders under way sell all of it already."""
        under_way = [order for order in self._selling(wanted.symbol) if not order.intent.guards]
        return sum((order.remaining for order in under_way), ZERO) >= wanted.held

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
            if wanted.held:
                self._say("warning", f"{symbol} cannot have a stop: {'; '.join(problems)}")
            elif (left := self._portfolio.position(symbol)) is not None:
                self._say("info", f"{left.quantity:f} of {symbol} is left: the venue takes no order so small")
        return True

    def _must_wait(self, symbol: Symbol) -> bool:
        return _waits_still(self._waits, symbol, self._clock)

    def _wait(self, symbol: Symbol) -> None:
        _failed(self._waits, symbol, self._clock)

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

    async def _close_late(self, wanted: Plan) -> bool:
        """Sell what has been without a stop for too long; True while that is under way, or waits its turn."""
        if _waits_still(self._sale_waits, wanted.symbol, self._clock):
            return True
        await self._get_out(wanted, "it has been without a stop for longer than the bound")
        return self._is_sold(wanted)

    def _is_overdue(self, wanted: Plan) -> bool:
        """Whether the open gap has become longer than the bound; told at once: nobody waits for its end."""
        since = self.gaps.since(wanted.symbol)
        if since is not None:
            self._too_long(wanted, since, self._clock.now() - since, "it has none yet and is sold")
        return wanted.symbol in self._told_gaps

    def _end_gap(self, wanted: Plan) -> None:
        symbol = wanted.symbol
        since, length = self.gaps.since(symbol), self.gaps.end(symbol, self._clock.now())
        if since is not None:
            self._too_long(wanted, since, length, "it took until now to have its stop")
        self._told_gaps.discard(symbol)

    def _too_long(self, wanted: Plan, since: datetime, length: timedelta, reason: str) -> None:
        if self.bound is None or length <= self.bound:
            return
        symbol = wanted.symbol
        self._told_gaps.add(symbol)
        self._say("error", f"{symbol} was without its stop for {length.total_seconds():.0f} s: {reason}")
        self._desk.record(Unprotected(symbol, wanted.held, since, reason, self._clock.now()))

    def _record_armed(self, wanted: Plan, quantity: Quantity, client_id: str) -> None:
        now = self._clock.now()
        self._desk.record(
            StopArmed(wanted.symbol, quantity, wanted.level, client_id, now, wanted.rule, wanted.why)
        )

    def _stop(self, wanted: Plan, quantity: Quantity) -> OrderIntent:
        grouped = wanted.profit is not None and self._desk.capabilities.groups
        return self._intent(
            wanted.symbol,
            quantity,
            OrderType.STOP,
            f"protect: {wanted.rule}, {wanted.why}" if wanted.rule else "protect",
            trigger=wanted.level,
            group="own" if grouped else "",
        )

    def _say(self, level: Literal["info", "warning", "error"], message: str) -> None:
        self._desk.record(Notice(level, "guardian", message, self._clock.now()))


def _waits_still(waits: Mapping[Symbol, BackOff], symbol: Symbol, clock: Clock) -> bool:
    wait = waits.get(symbol)
    return wait is not None and wait.until is not None and clock.now() < wait.until


def _failed(waits: dict[Symbol, BackOff], symbol: Symbol, clock: Clock) -> None:
    waits.setdefault(symbol, BackOff(FIRST_WAIT, LONGEST_WAIT)).failed(clock.now())
