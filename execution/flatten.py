"""Getting flat: withdraw every entry, sell every position through the desk, and ask the venue about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from decimal import Decimal

from domain.clock import Clock
from domain.errors import DeskError
from domain.instrument import Instrument
from domain.money import ZERO, Quantity, Symbol
from domain.orders import Order, OrderIntent, OrderType, Origin, Side
from execution.ids import OwnIds
from execution.order_desk import OrderDesk
from portfolio.portfolio import Portfolio


@dataclass(frozen=True, slots=True)
class Flattened:
    """What flattening did and what it left.

    `flat` is True only when the account holds nothing that can be sold, no order is open, none is unknown,
    and the venue, asked for its orders, executions and balances, agrees. `remaining` is in base currency,
    `dust` the part of it below the venue's minimums. `problems` says in words why something is left.
    """

    flat: bool
    cancelled: tuple[str, ...]
    orders: tuple[str, ...]
    remaining: Mapping[Symbol, Decimal]
    dust: Mapping[Symbol, Decimal]
    problems: tuple[str, ...]


async def flatten(
    desk: OrderDesk,
    portfolio: Portfolio,
    instruments: Mapping[Symbol, Instrument],
    clock: Clock,
    *,
    session: str,
    step: Callable[[], Awaitable[bool]],
    hands: AbstractAsyncContextManager[object],
    origin: Origin = Origin.PANIC,
    reason: str = "flatten",
    attempts: int = 5,
) -> Flattened:
    """Cancel everything that is open but the stops, sell everything, verify flat over up to `attempts` steps.

    `step` lets the venue work: a bar of the tape, or a moment's wait; it returns False when there will be no
    further one. `hands` is held while orders are worked on, not during `step`. Stops stay until their
    position is gone. Sales are reduce-only market orders through the desk, so a halted desk can send them;
    what a venue or the gate refuses is tried again each step. Raises StorageError when the journal cannot be
    written.
    """
    work = _Flattening(desk, portfolio, instruments, clock, session, origin, reason)
    for _ in range(attempts):
        async with hands:
            await work.push()
            if await work.is_done():
                return work.result()
        more = await step()
        async with hands:
            await desk.sync()
        if not more:
            break
    async with hands:
        await work.is_done()
    return work.result()


class _Flattening:
    def __init__(
        self,
        desk: OrderDesk,
        portfolio: Portfolio,
        instruments: Mapping[Symbol, Instrument],
        clock: Clock,
        session: str,
        origin: Origin,
        reason: str,
    ) -> None:
        self._desk = desk
        self._portfolio = portfolio
        self._instruments = instruments
        self._clock = clock
        self._session = session
        self._origin = origin
        self._reason = reason
        self._ids = OwnIds(desk, session, origin)
        self._cancelled: list[str] = []
        self._sent: list[Order] = []
        self._errors: dict[str, str] = {}
        self._differs: list[str] = []
        self._agreed = False

    async def push(self) -> None:
        """One round: withdraw what is in the way, sell what nothing else is selling."""
        positions = self._portfolio.positions
        for order in self._desk.open_orders():
            guards = order.intent.guards
            if order in self._sent or (guards and order.intent.symbol in positions):
                continue
            await self._cancel(order)
        for symbol, position in positions.items():
            await self._sell(symbol, position.quantity, position.mark)

    async def is_done(self) -> bool:
        """Whether nothing is left, in the books and at the venue. The stops go with what they protected."""
        if self._is_flat():
            await self._cancel_all()
            found = await self._desk.reconcile()
            told = self._desk.differences
            money = [each.message for each in told if each.subject == "balance" and not each.symbol]
            self._differs = [each for each in found if each not in money]
        self._agreed = self._is_flat() and not self._desk.open_orders() and not self._differs
        return self._agreed

    async def _cancel_all(self) -> None:
        held = self._sellable()
        for order in self._desk.open_orders():
            if order.intent.symbol not in held:
                await self._cancel(order)

    def _is_flat(self) -> bool:
        return not self._sellable() and all(order.intent.guards for order in self._desk.open_orders())

    def result(self) -> Flattened:
        remaining = {symbol: position.quantity for symbol, position in self._portfolio.positions.items()}
        sellable = self._sellable()
        open_orders = self._desk.open_orders()
        problems = [f"{order.client_id} is {order.status}: {order.note}" for order in open_orders]
        problems += [
            f"{order.client_id} was {order.status}: {order.note}"
            for order in self._sent
            if order.intent.symbol in sellable and order.is_terminal and order.note
        ]
        problems += [*self._errors.values(), *self._differs]
        return Flattened(
            flat=self._agreed,
            cancelled=tuple(self._cancelled),
            orders=tuple(order.client_id for order in self._sent),
            remaining=remaining,
            dust={symbol: held for symbol, held in remaining.items() if symbol not in sellable},
            problems=tuple(problems),
        )

    def _sellable(self) -> dict[Symbol, Quantity]:
        """What is held in amounts the venue would take, by symbol."""
        sellable = {}
        for symbol, position in self._portfolio.positions.items():
            instrument = self._instruments[symbol]
            quantity = instrument.quantity(position.quantity)
            if quantity >= instrument.min_quantity and quantity * position.mark >= instrument.min_notional:
                sellable[symbol] = quantity
        return sellable

    async def _cancel(self, order: Order) -> None:
        try:
            after = await self._desk.cancel(order.client_id, self._reason)
        except DeskError as error:
            self._errors[order.client_id] = f"{order.client_id} could not be withdrawn: {error.message}"
            return
        if after.is_terminal:
            self._errors.pop(order.client_id, None)
            self._cancelled.append(order.client_id)

    async def _sell(self, symbol: Symbol, held: Decimal, mark: Decimal) -> None:
        instrument = self._instruments[symbol]
        claimed = sum(
            (
                order.remaining
                for order in self._desk.open_orders()
                if order.intent.symbol == symbol
                and order.intent.side is Side.SELL
                and not order.intent.guards
            ),
            ZERO,
        )
        quantity = min(instrument.quantity(max(held - claimed, ZERO)), Quantity(instrument.max_quantity))
        if quantity < instrument.min_quantity or quantity * mark < instrument.min_notional:
            return
        serial, client_id = self._ids.take()
        intent = OrderIntent(
            client_id=client_id,
            session=self._session,
            cycle=serial,
            leg=0,
            symbol=symbol,
            side=Side.SELL,
            quantity=quantity,
            order_type=OrderType.MARKET,
            created_at=self._clock.now(),
            origin=self._origin,
            reduce_only=True,
            reason=self._reason,
        )
        self._sent.append(await self._desk.submit(intent))
