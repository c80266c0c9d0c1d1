"""Instruments as a venue lists them, from ccxt's description of its markets."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from domain.errors import DataError, UnknownSymbol
from domain.instrument import Instrument, split_symbol
from domain.money import ZERO, Symbol

_LARGEST: Final = Decimal(10**15)
"""Stands for "no maximum" where a venue names none."""


def listed_instrument(markets: Mapping[str, Any], symbol: Symbol, venue: str) -> Instrument:
    """The spot instrument of `symbol`; `precision` must be tick sizes, as every venue used here words it.

    A minimum the venue does not name is one step, respectively no minimum value. Raises UnknownSymbol for a
    symbol that is not listed, not spot or not trading, DataError when its rules cannot be read.
    """
    market = markets.get(symbol)
    if not isinstance(market, Mapping) or market.get("spot") is False:
        known = sorted(
            name for name, found in markets.items() if isinstance(found, Mapping) and found.get("spot")
        )
        near = [name for name in known if name.partition("/")[0] == symbol.partition("/")[0]] or known
        raise UnknownSymbol(
            f"{venue} does not list {symbol}",
            fix=f"It lists {', '.join(near[:5])}" + (" ..." if len(near) > 5 else ""),
        )
    if market.get("active") is False:
        raise UnknownSymbol(f"{venue} does not trade {symbol} now", fix="Name another symbol")
    precision, limits = _table(market, "precision"), _table(market, "limits")
    base, quote = split_symbol(symbol)
    tick, step = (_number(precision.get(name), symbol, f"precision.{name}") for name in ("price", "amount"))
    if tick is None or step is None or tick <= ZERO or step <= ZERO:
        raise DataError(f"{venue} names no price or quantity grid for {symbol}")
    amounts, costs = _table(limits, "amount"), _table(limits, "cost")
    smallest = _number(amounts.get("min"), symbol, "limits.amount.min")
    largest = _number(amounts.get("max"), symbol, "limits.amount.max")
    least = _number(costs.get("min"), symbol, "limits.cost.min")
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        tick_size=tick,
        step_size=step,
        min_quantity=max(smallest or ZERO, step),
        max_quantity=largest if largest else _LARGEST,
        min_notional=least or ZERO,
    )


def _table(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = told.get(name)
    return found if isinstance(found, Mapping) else {}


def _number(value: Any, symbol: Symbol, name: str) -> Decimal | None:
    """A number the way a person would write it, without a float's exponent noise; None when absent."""
    if value is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise DataError(f"{symbol}: {name} is {value!r}, not a number") from None
    if not number.is_finite() or number < ZERO:
        raise DataError(f"{symbol}: {name} is {value!r}, not a size")
    return number
