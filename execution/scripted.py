"""A venue for tests and drills that answers as it is told: yes, no, too late, or not at all."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Final, assert_never

from domain.errors import NotFound, VenueDown, VenueRejected, VenueUnknown
from domain.instrument import split_symbol
from domain.money import ZERO, Currency, Money, Price, Quantity, Symbol
from domain.orders import TERMINAL, Fill, OrderIntent, OrderStatus, OrderType, Side, TimeInForce
from execution.venue import Balance, Capabilities, Closed, Executed, Terms, VenueOrder, VenueReport
from risk.approval import ApprovedOrder, redeem


class Answer(Enum):
    """What happens to the next order, or to the next cancellation.

    LOSE_REQUEST: it never arrives, and nobody says so. LOSE_ANSWER: it arrives, the answer does not.
    TIME_OUT and BREAK arrive too, and end in TimeoutError and in a RuntimeError. DOWN: it certainly does not
    arrive, and the venue says so.
    """

    ACCEPT = auto()
    REJECT = auto()
    LOSE_REQUEST = auto()
    LOSE_ANSWER = auto()
    TIME_OUT = auto()
    BREAK = auto()
    DOWN = auto()


_NOT_TAKEN: Final = frozenset({Answer.LOSE_REQUEST, Answer.REJECT, Answer.DOWN})
ALL: Final = Capabilities(
    frozenset(OrderType), frozenset(TimeInForce), post_only=True, groups=True, shares_holdings=True
)
"""A venue that does everything, and lets several sells rest on one holding."""


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
    look-ups and listings fail as if the line were down. `held` is what the account held before any fill:
    change it, and money came or went that no order explains. Where holdings are not shared, a sell locks
    what it sells, and one for which too little is free is refused.
    """

    def __init__(self, fee_currency: str = "USDT", capabilities: Capabilities = ALL) -> None:
        self.name = "scripted"
        self.capabilities = capabilities
        self.held: dict[Currency, Decimal] = {Currency("USDT"): Decimal(100_000)}
        self.answers: deque[Answer] = deque()
        self.cancel_answers: deque[Answer] = deque()
        self.silent = False
        self.tells_terms = True
        self.placed: list[str] = []
        self._fee_currency = Currency(fee_currency)
        self._orders: dict[str, _Kept] = {}
        self._reports: list[VenueReport] = []
        self._foreign: list[Fill] = []

    async def place(self, order: ApprovedOrder) -> str:
        intent = redeem(order)
        answer = self.answers.popleft() if self.answers else Answer.ACCEPT
        if answer not in _NOT_TAKEN:
            if intent.client_id not in self._orders:
                self._check(intent)
                self._orders[intent.client_id] = _Kept(intent)
            self.placed.append(intent.client_id)
        _give(answer, intent.client_id)
        return f"venue-{intent.client_id}"

    def _check(self, intent: OrderIntent) -> None:
        """What a venue refuses by itself: what it does not do, and a sale of what is locked."""
        problems = self.capabilities.problems(intent)
        if problems:
            raise VenueRejected(f"{intent.client_id}: {'; '.join(problems)}")
        if intent.side is Side.SELL and not self.capabilities.shares_holdings:
            base, _ = split_symbol(intent.symbol)
            balance = self._balance(base, without=intent.group)
            if balance.free < intent.quantity:
                raise VenueRejected(
                    f"{intent.client_id}: {balance.free} {base} are free, not {intent.quantity}"
                )

    async def cancel(self, client_id: str) -> None:
        answer = self.cancel_answers.popleft() if self.cancel_answers else Answer.ACCEPT
        if answer not in _NOT_TAKEN:
            kept = self._orders.get(client_id)
            if kept is None or kept.status in TERMINAL:
                raise NotFound(f"no open order {client_id}")
            kept.status = OrderStatus.CANCELLED
        _give(answer, client_id)

    async def lookup(self, client_id: str) -> VenueOrder | None:
        self._speak()
        kept = self._orders.get(client_id)
        return None if kept is None else self._view(client_id, kept)

    async def open_orders(self) -> tuple[VenueOrder, ...]:
        self._speak()
        return tuple(
            self._view(name, kept) for name, kept in self._orders.items() if kept.status not in TERMINAL
        )

    async def poll(self) -> tuple[VenueReport, ...]:
        self._speak()
        reports = tuple(self._reports)
        self._reports.clear()
        return reports

    async def balances(self) -> Mapping[Currency, Balance]:
        self._speak()
        traded = {currency for kept in self._orders.values() for currency in split_symbol(kept.intent.symbol)}
        traded.update(currency for fill in self._fills() for currency in split_symbol(fill.symbol))
        return {name: self._balance(name) for name in {*self.held, *traded, self._fee_currency}}

    def taker(self, symbol: Symbol) -> Decimal:
        return Decimal("0.001")

    async def fills(self, since: datetime) -> tuple[Fill, ...]:
        self._speak()
        return tuple(
            sorted(
                (fill for fill in self._fills() if fill.filled_at >= since), key=lambda fill: fill.filled_at
            )
        )

    def _fills(self) -> list[Fill]:
        return [fill for kept in self._orders.values() for fill in kept.fills] + self._foreign

    def _balance(self, currency: Currency, without: str = "") -> Balance:
        """What is there of a currency; orders of the group `without` lock nothing."""
        total = self.held.get(currency, ZERO)
        for fill in self._fills():
            base, quote = split_symbol(fill.symbol)
            sign = 1 if fill.side is Side.BUY else -1
            if currency == base:
                total += sign * fill.quantity
            elif currency == quote:
                total -= sign * fill.quantity * fill.price
            if currency == fill.fee.currency:
                total -= fill.fee.amount
        locked = sum(
            (
                kept.intent.quantity - kept.filled
                for kept in self._orders.values()
                if kept.status not in TERMINAL
                and kept.intent.side is Side.SELL
                and split_symbol(kept.intent.symbol)[0] == currency
                and not (without and kept.intent.group == without)
            ),
            ZERO,
        )
        return Balance(total - locked, locked)

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
            self._end_group(client_id, kept.intent.group, at)
        if report:
            self._reports.append(Executed(fill))
        return fill

    def _end_group(self, client_id: str, group: str, at: datetime) -> None:
        """One cancels the other: the rest of a group is over with its first execution."""
        for name, kept in self._orders.items():
            if group and name != client_id and kept.intent.group == group and kept.status not in TERMINAL:
                self.end(name, OrderStatus.CANCELLED, at, f"{client_id} filled first")

    def trade(self, fill: Fill) -> None:
        """Somebody else trades on the account; nothing is reported."""
        self._foreign.append(fill)

    def rest(self, intent: OrderIntent) -> None:
        """Somebody else's order rests on the account."""
        self._orders[intent.client_id] = _Kept(intent)

    def alter(self, client_id: str, intent: OrderIntent) -> None:
        """The venue keeps another order than it was sent, as one does that drops what it does not know."""
        self._orders[client_id].intent = intent

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

    def _view(self, client_id: str, kept: _Kept) -> VenueOrder:
        intent = kept.intent
        terms = Terms(
            intent.side, intent.order_type, intent.quantity, intent.limit_price, intent.trigger_price
        )
        return VenueOrder(
            client_id,
            f"venue-{client_id}",
            intent.symbol,
            kept.status,
            kept.filled,
            tuple(kept.fills),
            terms if self.tells_terms else None,
        )

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
        case Answer.DOWN:
            raise VenueDown("closed for maintenance")
        case Answer.BREAK:
            raise RuntimeError("the connector broke")
        case _:
            assert_never(answer)
