"""What can be traded, and how its numbers are rounded."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from domain.errors import MoneyError
from domain.money import ONE, ZERO, Currency, Price, Quantity, Symbol, decimal_from


def split_symbol(symbol: str) -> tuple[Currency, Currency]:
    """Base and quote of a symbol written BASE/QUOTE; raises MoneyError otherwise."""
    base, slash, quote = symbol.partition("/")
    if not (slash and base and quote) or "/" in quote:
        raise MoneyError(f"{symbol!r} is not a symbol", fix="Write BASE/QUOTE, for example BTC/USDT")
    return Currency(base), Currency(quote)


@dataclass(frozen=True, slots=True)
class Instrument:
    """A spot market: its currencies, its grid of prices and quantities, its minimums.

    `tick_size` is the price grid in quote currency, `step_size` the quantity grid in base currency,
    `min_notional` the smallest order value in quote currency.
    """

    symbol: Symbol
    base: Currency
    quote: Currency
    tick_size: Decimal
    step_size: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    min_notional: Decimal

    def __post_init__(self) -> None:
        for name in ("tick_size", "step_size", "max_quantity"):
            if getattr(self, name) <= ZERO:
                raise MoneyError(f"{self.symbol}: {name} must be above zero")

    def _snap(self, value: Decimal, grid: Decimal, rounding: str) -> Decimal:
        return (value / grid).quantize(ONE, rounding=rounding) * grid

    def price(self, value: Decimal | float | int | str, rounding: str = ROUND_HALF_EVEN) -> Price:
        """A price on the tick grid. Raises MoneyError unless it is finite and above zero."""
        price = self._snap(decimal_from(value), self.tick_size, rounding)
        if price <= ZERO:
            raise MoneyError(f"{self.symbol}: {value!r} is not a price above zero")
        return Price(price)

    def price_down(self, value: Decimal | float) -> Price:
        return self.price(value, ROUND_FLOOR)

    def price_up(self, value: Decimal | float) -> Price:
        return self.price(value, ROUND_CEILING)

    def quantity(self, value: Decimal | float | int | str) -> Quantity:
        """A quantity on the step grid, rounded towards zero. Raises MoneyError below zero."""
        exact = decimal_from(value)
        if exact < ZERO:
            raise MoneyError(f"{self.symbol}: {value!r} is a negative quantity")
        return Quantity(self._snap(exact, self.step_size, ROUND_FLOOR))

    def on_price_grid(self, price: Decimal) -> bool:
        return price % self.tick_size == ZERO

    def on_quantity_grid(self, quantity: Decimal) -> bool:
        return quantity % self.step_size == ZERO

    def filter_problems(self, quantity: Decimal, price: Decimal) -> tuple[str, ...]:
        """Every venue filter this order would break, in words; empty when it passes all."""
        if (
            self.min_quantity <= quantity <= self.max_quantity
            and not quantity % self.step_size
            and not price % self.tick_size
            and quantity * price >= self.min_notional
        ):
            return ()
        problems: list[str] = []
        if quantity < self.min_quantity:
            problems.append(f"quantity {quantity:f} is below the minimum {self.min_quantity:f}")
        if quantity > self.max_quantity:
            problems.append(f"quantity {quantity:f} is above the maximum {self.max_quantity:f}")
        if quantity % self.step_size != ZERO:
            problems.append(f"quantity {quantity:f} is off the step {self.step_size:f}")
        if price % self.tick_size != ZERO:
            problems.append(f"price {price:f} is off the tick {self.tick_size:f}")
        if quantity * price < self.min_notional:
            problems.append(f"value {quantity * price:f} is below the minimum {self.min_notional:f}")
        return tuple(problems)
