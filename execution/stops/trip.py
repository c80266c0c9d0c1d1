"""One round trip of a position, from flat to flat: what its stop rules need to know, from the fills alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.frozen import quick
from domain.instrument import Instrument
from domain.money import ZERO
from domain.orders import Fill, Side

_BUY = Side.BUY


@quick
@dataclass(frozen=True, slots=True)
class Trip:
    """What was bought and is left. Quantities in base, money in quote currency.

    `cost` and `fees` belong to what is `held`: a sale takes its share of both. `bought` is everything that
    came in since `opened_at`, the time of the first fill; `top` the highest price paid.
    """

    opened_at: datetime
    held: Decimal
    cost: Decimal
    fees: Decimal
    bought: Decimal
    top: Decimal

    @property
    def entry(self) -> Decimal:
        """The average price of what is held, before fees."""
        return self.cost / self.held

    @property
    def sold(self) -> Decimal:
        """What left since the beginning, for whatever reason."""
        return self.bought - self.held


def after(trip: Trip | None, fill: Fill, instrument: Instrument, unknown_fee: Decimal) -> Trip | None:
    """The trip with one more fill; None when it is over: nothing is left, or less than can be sold.

    A fee in a currency that is neither base nor quote counts as the fraction `unknown_fee` of the value.
    """
    charged = fill.fee
    if fill.side is not _BUY:
        if trip is None:
            return None
        held = trip.held - fill.quantity
        if charged.currency == instrument.base:
            held -= charged.amount
        grid = instrument.quantity(max(held, ZERO))
        if not grid or grid < instrument.min_quantity or grid * fill.price < instrument.min_notional:
            return None
        share = held / trip.held
        return Trip(trip.opened_at, held, trip.cost * share, trip.fees * share, trip.bought, trip.top)
    came: Decimal = fill.quantity
    fee = charged.amount
    if charged.currency == instrument.base:
        came, fee = came - fee, fee * fill.price
    elif fee and charged.currency != instrument.quote:
        fee = came * fill.price * unknown_fee
    if came <= ZERO:
        return trip
    value = came * fill.price
    if trip is None:
        return Trip(fill.filled_at, came, value, fee, came, fill.price)
    return Trip(
        trip.opened_at,
        trip.held + came,
        trip.cost + value,
        trip.fees + fee,
        trip.bought + came,
        max(trip.top, fill.price),
    )
