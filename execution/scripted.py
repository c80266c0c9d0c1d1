"""A venue for tests and drills that answers as it is told: yes, no, too late, or not at all."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from typing import assert_never

from domain.errors import NotFound, VenueRejected, VenueUnknown
from domain.money import ZERO, Currency, Money, Price, Quantity
from domain.orders import TERMINAL, Fill, OrderIntent, OrderStatus, OrderType, TimeInForce
from execution.venue import Balance, Capabilities, Closed, Executed, VenueOrder, VenueReport
from risk.approval import ApprovedOrder, redeem


class Answer(Enum):
    """What happens to the next order, or to the next cancellation.

    LOSE_REQUEST: it never arrives, and nobody says so. LOSE_ANSWER: it arrives, the answer does not.
    TIME_OUT and BREAK arrive too, and end in TimeoutError and in a RuntimeError.
    """

    ACCEPT = auto()
    REJECT = auto()
    LOSE_REQUEST = auto()
    LOSE_ANSWER = auto()
    TIME_OUT = auto()
    BREAK = auto()


@dataclass(slots=True)
class _Kept:
    intent: OrderIntent
    status: OrderStatus = OrderStatus.ACCEPTED
    fills: list[Fill] = field(default_factory=list)

    @property
    def filled(self) -> Decimal:
        return sum((fill.quantity for fill in self.fills), ZERO)


class ScriptedVenue:
    """Orders fill when the test says so. `placed` lists every client id that arrived, in order.

    `answers` and `cancel_answers` are used up one by one; then everything is accepted. `silent` makes
    look-ups and listings fail as if the line were down. `held` is what it says the account holds.
    """

    def __init__(self, fee_currency: str = "USDT") -> None:
        self.name = "scripted"
        self.capabilities = Capabilities(
            frozenset(OrderType), frozenset(TimeInForce), post_only=True, groups=True
        )
        self.held: dict[Currency, Balance] = {}
        self.answers: deque[Answer] = deque()
        self.cancel_answers: deque[Answer] = deque()
        self.silent = False
        self.placed: list[str] = []
        self._fee_currency = Currency(fee_currency)
        self._orders: dict[str, _Kept] = {}
        self._reports: list[VenueReport] = []

    async def place(self, order: ApprovedOrder) -> str:
        intent = redeem(order)
        answer = self.answers.popleft() if self.answers else Answer.ACCEPT
        if answer not in (Answer.LOSE_REQUEST, Answer.REJECT):
            self.placed.append(intent.client_id)
            self._orders.setdefault(intent.client_id, _Kept(intent))
        _give(answer, intent.client_id)
        return f"venue-{intent.client_id}"

    async def cancel(self, client_id: str) -> None:
        answer = self.cancel_answers.popleft() if self.cancel_answers else Answer.ACCEPT
        if answer not in (Answer.LOSE_REQUEST, Answer.REJECT):
            kept = self._orders.get(client_id)
            if kept is None or kept.status in TERMINAL:
                raise NotFound(f"no open order {client_id}")
            kept.status = OrderStatus.CANCELLED
        _give(answer, client_id)

    async def lookup(self, client_id: str) -> VenueOrder | None:
        self._speak()
        kept = self._orders.get(client_id)
        return None if kept is None else _view(client_id, kept)

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        self._speak()
        return tuple(_view(name, kept) for name, kept in self._orders.items() if kept.status not in TERMINAL)

    async def poll(self) -> tuple[VenueReport, ...]:
        self._speak()
        reports = tuple(self._reports)
        self._reports.clear()
        return reports

    async def balances(self) -> Mapping[Currency, Balance]:
        self._speak()
        return dict(self.held)

    async def fills(self, since: datetime) -> tuple[Fill, ...]:
        self._speak()
        every = (fill for kept in self._orders.values() for fill in kept.fills if fill.filled_at >= since)
        return tuple(sorted(every, key=lambda fill: fill.filled_at))

    def fill(
        self,
        client_id: str,
        quantity: str | Decimal,
        price: str | Decimal,
        at: datetime,
        *,
        report: bool = True,
    ) -> Fill:
        """Execute (a part of) an order at `price` with a fee of 0.1 %; reported at the next poll."""
        kept = self._orders[client_id]
        amount, paid = Decimal(quantity), Decimal(price)
        fill = Fill(
            fill_id=f"{client_id}-f{len(kept.fills) + 1}",
            client_id=client_id,
            symbol=kept.intent.symbol,
            side=kept.intent.side,
            quantity=Quantity(amount),
            price=Price(paid),
            fee=Money(amount * paid / 1000, self._fee_currency),
            filled_at=at,
        )
        kept.fills.append(fill)
        if kept.status not in TERMINAL:
            whole = kept.filled >= kept.intent.quantity
            kept.status = OrderStatus.FILLED if whole else OrderStatus.PARTIALLY_FILLED
        if report:
            self._reports.append(Executed(fill))
        return fill

    def repeat(self, fill: Fill) -> None:
        """Report an execution once more, as venues do after a reconnect."""
        self._reports.append(Executed(fill))

    def end(self, client_id: str, status: OrderStatus, at: datetime, reason: str = "the venue's own") -> None:
        """End an order from the venue's side; reported at the next poll."""
        kept = self._orders[client_id]
        kept.status = status
        self._reports.append(Closed(client_id, kept.intent.symbol, status, reason, at))

    def forget(self, client_id: str) -> None:
        """Lose an order that was accepted, as no venue should."""
        del self._orders[client_id]

    def _speak(self) -> None:
        if self.silent:
            raise VenueUnknown("the line is down")


def _give(answer: Answer, client_id: str) -> None:
    match answer:
        case Answer.ACCEPT:
            return
        case Answer.REJECT:
            raise VenueRejected(f"the venue refuses {client_id}")
        case Answer.LOSE_REQUEST | Answer.LOSE_ANSWER:
            raise VenueUnknown(f"no answer about {client_id}")
        case Answer.TIME_OUT:
            raise TimeoutError
        case Answer.BREAK:
            raise RuntimeError("the connector broke")
        case _:
            assert_never(answer)


def _view(client_id: str, kept: _Kept) -> VenueOrder:
    return VenueOrder(
        client_id, f"venue-{client_id}", kept.intent.symbol, kept.status, kept.filled, tuple(kept.fills)
    )
