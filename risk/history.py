"""What was lost before: losing round trips in a row, and when a symbol was last sold at a loss.

A pure fold over executions, in the order they were booked: the same executions give the same answer, in one
life of the desk or in several. Starts of day and week and the peak are the portfolio's, which marks equity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal, getcontext, setcontext
from types import MappingProxyType
from typing import Final

from domain.instrument import Instrument
from domain.money import ZERO, Symbol
from domain.orders import Fill, Side

_ARITHMETIC: Final = Context(prec=60)
_BUY: Final = Side.BUY


@dataclass(slots=True)
class _Trip:
    """A holding since it was last empty: its cost with fees, and what its sales have brought beyond that."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    profit: Decimal = ZERO


class LossBook:
    """Losses of closed trades, after fees.

    A round trip begins with a buy of something not held and ends when the holding is empty, or too small for
    any order at the venue: what is left then counts at the last price. Its result is what its sales brought,
    less what was paid, fees in money and in the traded coin included; fees in a third currency have no price
    here and are left out. A result below zero makes the streak longer, any other ends it. A losing exit is
    any sale for less than its share of the cost.
    """

    def __init__(self, instruments: Mapping[Symbol, Instrument]) -> None:
        self._instruments = instruments
        self._trips: dict[Symbol, _Trip] = {}
        self._last_loss_at: dict[Symbol, datetime] = {}
        self._told: Mapping[Symbol, datetime] | None = None
        self.streak = 0
        self.streak_at: datetime | None = None

    @property
    def last_loss_at(self) -> Mapping[Symbol, datetime]:
        """When each symbol was last sold at a loss; those that never were are absent. A snapshot."""
        told = self._told
        if told is None:
            told = self._told = MappingProxyType(dict(self._last_loss_at))
        return told

    def see(self, fills: Iterable[Fill]) -> None:
        """Take in executions that were booked, oldest first, each once. KeyError for an unknown symbol."""
        ambient = getcontext()
        setcontext(_ARITHMETIC)
        try:
            for fill in fills:
                self._see(fill)
        finally:
            setcontext(ambient)

    def _see(self, fill: Fill) -> None:
        symbol, price, fee = fill.symbol, fill.price, fill.fee
        instrument = self._instruments[symbol]
        trip = self._trips.get(symbol)
        if trip is None:
            trip = self._trips[symbol] = _Trip()
        moved: Decimal = fill.quantity
        value = moved * price
        buys = fill.side is _BUY
        if fee.currency == instrument.quote:
            value = value + fee.amount if buys else value - fee.amount
        elif fee.currency == instrument.base:
            moved = moved - fee.amount if buys else moved + fee.amount
        if buys:
            trip.quantity += moved
            trip.cost += value
            return
        if moved >= trip.quantity:
            share, left, trip.cost = trip.cost, ZERO, ZERO
        else:
            share, left = trip.cost * moved / trip.quantity, trip.quantity - moved
            trip.cost -= share
        gain = value - share
        trip.quantity = left
        trip.profit += gain
        if gain < ZERO:
            self._told = None
            self._last_loss_at[symbol] = _later(self._last_loss_at.get(symbol), fill.filled_at)
        if not left:
            self._end(symbol, trip.profit, fill.filled_at)
        elif left < instrument.min_quantity or left * price < instrument.min_notional:
            self._end(symbol, trip.profit + left * price - trip.cost, fill.filled_at)

    def _end(self, symbol: Symbol, result: Decimal, at: datetime) -> None:
        del self._trips[symbol]
        if result < ZERO:
            self.streak += 1
            self.streak_at = _later(self.streak_at, at)
        else:
            self.streak = 0


def _later(known: datetime | None, at: datetime) -> datetime:
    """A venue may tell executions out of order: no loss makes an earlier one older than it was."""
    return at if known is None else max(known, at)
