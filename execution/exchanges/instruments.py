"""An Instrument from what a venue lists: its grid and minimums, exact, and no guess for what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from domain.errors import DataError, MoneyError, UnknownSymbol
from domain.instrument import Instrument
from domain.money import ONE, ZERO, Currency, Symbol, decimal_from

_UNBOUNDED: Final = Decimal(10) ** 12
"""Stands for a maximum that the venue does not name."""


def instrument_from(market: Mapping[str, Any]) -> Instrument:
    """The instrument of a ccxt market whose numbers are text; raises DataError when the grid is not told."""
    symbol = Symbol(str(market.get("symbol")))
    precision, limits = _part(market, "precision"), _part(market, "limits")
    amount, cost = _part(limits, "amount"), _part(limits, "cost")
    step = _number(symbol, "step size", precision.get("amount"))
    tick = _number(symbol, "tick size", precision.get("price"))
    if step is None or tick is None or step <= ZERO or tick <= ZERO:
        raise DataError(f"{symbol}: the venue names no price and quantity grid")
    least = _number(symbol, "minimum quantity", amount.get("min"))
    try:
        return Instrument(
            symbol=symbol,
            base=Currency(str(market["base"])),
            quote=Currency(str(market["quote"])),
            tick_size=tick,
            step_size=step,
            min_quantity=step if least is None or least <= ZERO else least,
            max_quantity=_number(symbol, "maximum quantity", amount.get("max")) or _UNBOUNDED,
            min_notional=_number(symbol, "minimum value", cost.get("min")) or ZERO,
        )
    except (KeyError, MoneyError) as error:
        raise DataError(f"{symbol}: the venue's listing makes no sense: {error}") from error


def instruments_from(
    markets: Mapping[str, Mapping[str, Any]], symbols: tuple[Symbol, ...]
) -> dict[Symbol, Instrument]:
    """The instruments of the symbols a desk trades; raises UnknownSymbol for one that is not listed."""
    found: dict[Symbol, Instrument] = {}
    for symbol in symbols:
        market = markets.get(symbol)
        if market is None or not market.get("spot"):
            raise UnknownSymbol(
                f"{symbol} is not a spot market here",
                fix="Correct [session] symbols; desk doctor asks the venue again",
            )
        if market.get("active") is False:
            raise UnknownSymbol(
                f"{symbol} is listed but does not trade now", fix="Take it out of [session] symbols"
            )
        found[symbol] = instrument_from(market)
    return found


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}


def _number(symbol: Symbol, what: str, value: object) -> Decimal | None:
    if value is None:
        return None
    try:
        number = decimal_from(value).normalize()
    except MoneyError as error:
        raise DataError(f"{symbol}: its {what} is {value!r}") from error
    return number.quantize(ONE) if number == number.to_integral_value() else number
