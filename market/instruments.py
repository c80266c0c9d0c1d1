"""A spot market made up from one price, for tapes that carry no venue rules."""

from __future__ import annotations

from decimal import Decimal

from domain.errors import DataError
from domain.instrument import Instrument, split_symbol
from domain.money import ZERO, Symbol, decimal_from

MIN_NOTIONAL = Decimal(5)
_TICK_DIGITS = 5
_LARGEST_IN_STEPS = 10**9


def _power_of_ten(exponent: int) -> Decimal:
    # Written out for positive exponents, so that multiples never print as 4E+2.
    return Decimal(10**exponent) if exponent >= 0 else Decimal(1).scaleb(exponent)


def spot_instrument(symbol: Symbol, reference_price: Decimal | float) -> Instrument:
    """The spot instrument of `symbol` that fits a price of about `reference_price` (quote currency).

    The tick is the power of ten between 1e-6 and 1e-5 of that price, the step the power of ten that is
    worth between 0.1 and 1 quote unit. Orders go from 5 quote units to a thousand million steps. The same
    arguments give the same instrument. DataError when the price is not above zero.
    """
    price = decimal_from(reference_price)
    if price <= ZERO:
        raise DataError(f"{symbol}: {reference_price!r} is not a reference price above zero")
    base, quote = split_symbol(symbol)
    step = _power_of_ten((1 / price).adjusted())
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        tick_size=_power_of_ten(price.adjusted() - _TICK_DIGITS),
        step_size=step,
        min_quantity=step,
        max_quantity=step * _LARGEST_IN_STEPS,
        min_notional=MIN_NOTIONAL,
    )
