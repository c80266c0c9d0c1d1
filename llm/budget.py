"""How many tokens and dollars models may use in a day. Over budget, the desk goes on with its baselines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from domain.clock import Clock
from domain.money import ZERO


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a call may use at most, held until it is settled."""

    day: date
    tokens: int
    cost: Decimal


class Budget:
    """Tokens and US dollars per UTC day. A limit of zero allows nothing.

    A call reserves its worst case before it is sent and settles what it truly used, so calls in parallel
    cannot overspend together. Spending is money of the real world: hand in the live clock.
    """

    def __init__(self, *, daily_tokens: int, daily_cost: Decimal, clock: Clock) -> None:
        if daily_tokens < 0 or daily_cost < ZERO:
            raise ValueError("a budget cannot be below zero")
        self.daily_tokens = daily_tokens
        self.daily_cost = daily_cost
        self._clock = clock
        self._day = clock.now().date()
        self._tokens = 0
        self._cost = ZERO

    @property
    def used_tokens(self) -> int:
        """Tokens used or reserved today."""
        self._turn_day()
        return self._tokens

    @property
    def used_cost(self) -> Decimal:
        """Dollars used or reserved today."""
        self._turn_day()
        return self._cost

    def reserve(self, tokens: int, cost: Decimal) -> Reservation | str:
        """Hold the worst case of a call, or the reason why today's budget does not allow it."""
        self._turn_day()
        if self._tokens + tokens > self.daily_tokens:
            return f"over budget: {self._tokens} of {self.daily_tokens} tokens of the day are used"
        if self._cost + cost > self.daily_cost:
            return f"over budget: {self._cost:.4f} of {self.daily_cost} dollars of the day are used"
        self._tokens += tokens
        self._cost += cost
        return Reservation(self._day, tokens, cost)

    def settle(self, held: Reservation, tokens: int, cost: Decimal) -> None:
        """Replace a reservation by what the call truly used. A reservation of yesterday is gone."""
        self._turn_day()
        if held.day != self._day:
            return
        self._tokens += tokens - held.tokens
        self._cost += cost - held.cost

    def _turn_day(self) -> None:
        today = self._clock.now().date()
        if today > self._day:
            self._day, self._tokens, self._cost = today, 0, ZERO
