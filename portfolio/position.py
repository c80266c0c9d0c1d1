"""One holding at average cost: quantity, cost, realised and unrealised profit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from domain.frozen import quick
from domain.instrument import Instrument
from domain.money import ZERO, Symbol
from portfolio.ledger import ASSETS, FEES, TRADING, Ledger

_QUANTUM: Final = Decimal("1e-18")
_ROUNDING: Final = Context(prec=96, rounding=ROUND_HALF_EVEN)
_AVERAGE: Final = Context(prec=28, rounding=ROUND_HALF_EVEN)


@quick
@dataclass(frozen=True, slots=True)
class Position:
    """A holding as it stands. Quantity in base currency, prices and profit in quote currency.

    `average_price` is the cost of what is left per unit, to 28 digits and before fees; `realized` is the
    profit of what was sold, before fees; `mark` is the newest price it was valued at.
    """

    symbol: Symbol
    quantity: Decimal
    average_price: Decimal
    realized: Decimal
    mark: Decimal

    @property
    def value(self) -> Decimal:
        return self.quantity * self.mark

    @property
    def unrealized(self) -> Decimal:
        return self.quantity * (self.mark - self.average_price)


class Holding:
    """The books of one symbol inside the portfolio; changed by the portfolio only.

    It keeps total cost rather than an average price, so that adding up loses nothing.
    """

    __slots__ = (
        "base_assets",
        "base_fees",
        "base_trading",
        "cost",
        "instrument",
        "mark",
        "quantity",
        "realized",
        "value",
    )

    def __init__(self, instrument: Instrument, ledger: Ledger) -> None:
        self.instrument = instrument
        self.quantity = ZERO
        self.cost = ZERO
        self.realized = ZERO
        self.mark = ZERO
        self.value = ZERO
        self.base_assets = ledger.account(ASSETS, instrument.base)
        self.base_trading = ledger.account(TRADING, instrument.base)
        self.base_fees = ledger.account(FEES, instrument.base)

    def position(self) -> Position:
        average = _AVERAGE.divide(self.cost, self.quantity)
        return Position(self.instrument.symbol, self.quantity, average, self.realized, self.mark)


def cost_of(part: Decimal, quantity: Decimal, cost: Decimal) -> Decimal:
    """What `part` of a holding cost, at average cost: cost * part / quantity, to 18 decimals.

    The whole holding costs exactly `cost`, so nothing is left behind when it is sold.
    """
    if part == quantity:
        return cost
    return _ROUNDING.quantize(_ROUNDING.divide(_ROUNDING.multiply(cost, part), quantity), _QUANTUM)
