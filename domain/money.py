"""Money, prices and quantities: Decimal, never float.

Price and Quantity are distinct to the type checker and plain Decimals at run time; an
`Instrument` makes them, because only it knows the rounding. `Money` carries its currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NewType

from domain.errors import MoneyError
from domain.frozen import quick

Symbol = NewType("Symbol", str)
Currency = NewType("Currency", str)
Price = NewType("Price", Decimal)
Quantity = NewType("Quantity", Decimal)

ZERO = Decimal(0)
ONE = Decimal(1)


def decimal_from(value: object) -> Decimal:
    """A finite Decimal from text, an int, a Decimal, or the shortest text of a float.

    Raises MoneyError for anything that is not a finite number.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise MoneyError(f"{value!r} is not a number")
    try:
        result = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except InvalidOperation as error:
        raise MoneyError(f"{value!r} is not a number") from error
    if not result.is_finite():
        raise MoneyError(f"{value!r} is not a finite number")
    return result


@quick
@dataclass(frozen=True, slots=True)
class Money:
    """An amount in one currency. Mixing currencies raises MoneyError."""

    amount: Decimal
    currency: Currency

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise MoneyError(f"cannot combine {self.currency} with {other.currency}")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount - other.amount, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __mul__(self, factor: Decimal | int) -> Money:
        return Money(self.amount * factor, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.amount < other.amount

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.amount <= other.amount

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"
