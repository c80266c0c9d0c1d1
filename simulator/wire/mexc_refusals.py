"""The exchange's reasons in MEXC's codes."""

from __future__ import annotations

from typing import Final

from domain.orders import Side
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.model import NewOrder
from simulator.exchange.rejection import Reason, Rejection
from simulator.wire.figures import number
from simulator.wire.mexc_errors import Code, MexcRefusal

_CODES: Final[dict[Reason, Code]] = {
    Reason.UNKNOWN_ACCOUNT: Code.UNKNOWN_KEY,
    Reason.UNKNOWN_SYMBOL: Code.INVALID_SYMBOL,
    Reason.MARKET_CLOSED: Code.SUSPENDED,
    Reason.BAD_CLIENT_ID: Code.ILLEGAL_CHARACTERS,
    Reason.PERMISSION: Code.NO_PERMISSION,
    Reason.PRICE_TICK: Code.PRICE_SCALE,
    Reason.PRICE_RANGE: Code.PRICE_RANGE,
    Reason.PRICE_BAND: Code.PRICE_RANGE,
    Reason.QUANTITY_STEP: Code.QUANTITY_SCALE,
    Reason.QUANTITY_TOO_LARGE: Code.TOO_LARGE,
    Reason.MARKET_QUANTITY_TOO_LARGE: Code.TOO_LARGE,
    Reason.NOTIONAL_TOO_LARGE: Code.TOO_LARGE,
    Reason.TOO_MANY_ORDERS: Code.TOO_MANY_ORDERS,
    Reason.WOULD_TAKE: Code.NO_PRICE,
    Reason.UNKNOWN_ORDER: Code.UNKNOWN_ORDER,
    Reason.ORDER_CLOSED: Code.UNKNOWN_ORDER,
}


def worded(refused: Rejection, order: NewOrder | None, exchange: SimulatedExchange) -> MexcRefusal:
    """What MEXC would say; `order` is what was asked for, when an order was."""
    reason = refused.reason
    if reason in _CODES:
        return MexcRefusal(_CODES[reason])
    if order is None:
        return MexcRefusal(Code.BAD_PARAMETER, refused.detail)
    if reason is Reason.INSUFFICIENT_BALANCE:
        return MexcRefusal(Code.OVERSOLD if order.side is Side.SELL else Code.INSUFFICIENT)
    instrument = exchange.markets[order.symbol].instrument
    least = {
        Reason.QUANTITY_TOO_SMALL: f"{number(instrument.min_quantity)}{instrument.base}",
        Reason.NOTIONAL_TOO_SMALL: f"{number(instrument.min_notional)}{instrument.quote}",
    }.get(reason)
    if least is not None:
        return MexcRefusal(Code.TOO_SMALL, f"The minimum transaction volume cannot be less than:{least}")
    return MexcRefusal(Code.BAD_PARAMETER, refused.detail)
