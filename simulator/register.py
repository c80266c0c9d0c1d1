"""Every order of a simulated account, open or over; how one comes in and how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.money import ZERO, Symbol
from domain.orders import OrderStatus
from simulator.purse import Purse
from simulator.resting import Resting


@dataclass(frozen=True, slots=True)
class Ended:
    """An order that is over without (further) fills: CANCELLED or EXPIRED, and why."""

    client_id: str
    symbol: Symbol
    status: OrderStatus
    reason: str
    at: datetime


class Register:
    """Orders by client id and, while they are open, by symbol; what they reserve is held in the purse."""

    def __init__(self, purse: Purse) -> None:
        self.orders: dict[str, Resting] = {}
        self.open: dict[Symbol, dict[str, Resting]] = {}
        self._purse = purse
        self._reserved = purse.reserved

    def admit(self, order: Resting, need: Decimal) -> None:
        """Take an order in, reserving `need` of the currency it spends."""
        intent = order.intent
        client_id, symbol = intent.client_id, intent.symbol
        self.orders[client_id] = order
        queue = self.open.get(symbol)
        if queue is None:
            self.open[symbol] = {client_id: order}
        else:
            queue[client_id] = order
        if order.terms is not None:
            self._purse.join(order)
            self._purse.hold(order, need)
        elif need:
            totals, currency = self._reserved, order.spends
            totals[currency] = totals.get(currency, ZERO) + need
            order.reserved = need

    def end(self, order: Resting, status: OrderStatus, reason: str, at: datetime) -> Ended:
        """Take an open order out of the market and give back what it reserves."""
        intent = order.intent
        order.status = status
        self._purse.leave(order)
        order.unit = ZERO
        queue = self.open[intent.symbol]
        if len(queue) == 1:
            del self.open[intent.symbol]
        else:
            del queue[intent.client_id]
        return Ended(intent.client_id, intent.symbol, status, reason, at)

    def expire(self, order: Resting, reason: str, at: datetime) -> Ended:
        return self.end(order, OrderStatus.EXPIRED, reason, at)

    def expire_due(self, symbol: Symbol, now: datetime) -> list[Ended]:
        """End the open orders of a symbol whose date has come."""
        over: list[Ended] = []
        for order in tuple(self.open.get(symbol, {}).values()):
            ends = order.terms.expires_at if order.terms is not None else None
            if ends is not None and ends <= now:
                over.append(self.expire(order, f"its date {ends:%Y-%m-%d %H:%M:%S} has come", now))
        return over

    def close_group(self, group: str, filled: str, at: datetime) -> tuple[Ended, ...]:
        """Cancel the orders of a group that were open when `filled` filled, at `at`; itself excepted."""
        reason = f"{filled} of its group filled first"
        return tuple(
            self.end(order, OrderStatus.CANCELLED, reason, at)
            for order in tuple(self._purse.groups.get(group, {}).values())
            if order.intent.client_id != filled and order.submitted_at <= at
        )
