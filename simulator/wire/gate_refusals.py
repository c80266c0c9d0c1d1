"""The exchange's reasons in Gate's words."""

from __future__ import annotations

from typing import Final

from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.model import NewOrder
from simulator.exchange.rejection import Reason, Rejection
from simulator.exchange.rules import fires_upwards
from simulator.wire.figures import number
from simulator.wire.gate_errors import GateRefusal, refuse

_LABELS: Final[dict[Reason, tuple[str, str]]] = {
    Reason.UNKNOWN_ACCOUNT: ("INVALID_KEY", ""),
    Reason.UNKNOWN_SYMBOL: ("INVALID_CURRENCY_PAIR", ""),
    Reason.MARKET_CLOSED: ("TRADE_RESTRICTED", "Trading is not open for this currency pair"),
    Reason.BAD_CLIENT_ID: ("INVALID_PARAM_VALUE", "Invalid request parameter `text`"),
    Reason.DUPLICATE_CLIENT_ID: ("INVALID_PARAM_VALUE", "Invalid request parameter `text`: used already"),
    Reason.INSUFFICIENT_BALANCE: ("BALANCE_NOT_ENOUGH", ""),
    Reason.PERMISSION: ("FORBIDDEN", ""),
    Reason.PRICE_BAND: ("PRICE_THRESHOLD_EXCEEDED", ""),
    Reason.PRICE_RANGE: ("INVALID_PARAM_VALUE", "Invalid request parameter `price`"),
    Reason.QUANTITY_TOO_LARGE: ("AMOUNT_TOO_MUCH", ""),
    Reason.MARKET_QUANTITY_TOO_LARGE: ("AMOUNT_TOO_MUCH", ""),
    Reason.NOTIONAL_TOO_LARGE: ("AMOUNT_TOO_MUCH", ""),
    Reason.TOO_MANY_ORDERS: ("TOO_MANY_ORDERS", ""),
    Reason.TOO_MANY_TRIGGERS: ("TOO_MANY_ORDERS", "Too many price-triggered orders"),
    Reason.TRAILING_RANGE: ("INVALID_PARAM_VALUE", ""),
    Reason.ICEBERG: ("INVALID_PARAM_VALUE", "Invalid request parameter `iceberg`"),
    Reason.WOULD_TAKE: ("POC_FILL_IMMEDIATELY", ""),
    Reason.LIST_PRICES: ("INVALID_PARAM_VALUE", ""),
    Reason.EXPIRED: ("INVALID_PARAM_VALUE", "invalid argument: trigger.expiration invalid range"),
    Reason.UNKNOWN_ORDER: ("ORDER_NOT_FOUND", ""),
    Reason.ORDER_CLOSED: ("ORDER_CLOSED", ""),
    Reason.NOT_AMENDABLE: ("INVALID_PARAM_VALUE", ""),
}


def worded(refused: Rejection, order: NewOrder | None, exchange: SimulatedExchange) -> GateRefusal:
    """What Gate would say; `order` is what was asked for, when an order was."""
    reason = refused.reason
    if reason in _LABELS:
        label, message = _LABELS[reason]
        return refuse(label, message)
    if reason is Reason.BAD_PARAMETER or order is None:
        return refuse("INVALID_PARAM_VALUE", refused.detail)
    instrument = exchange.markets[order.symbol].instrument
    match reason:
        case Reason.PRICE_TICK:
            return refuse("INVALID_PRECISION", f"Invalid price precision, tick is {instrument.tick_size:f}")
        case Reason.QUANTITY_STEP:
            return refuse("INVALID_PRECISION", f"Invalid amount precision, step is {instrument.step_size:f}")
        case Reason.QUANTITY_TOO_SMALL | Reason.NOTIONAL_TOO_SMALL:
            return _too_small(order, exchange, reason)
        case Reason.WOULD_TRIGGER:
            upwards = fires_upwards(order.order_type, order.side)
            return refuse("AUTO_TRIGGER_PRICE_GREATE_LAST" if upwards else "AUTO_TRIGGER_PRICE_LESS_LAST")
        case _:
            raise refused


def _too_small(order: NewOrder, exchange: SimulatedExchange, reason: Reason) -> GateRefusal:
    """Gate says both minimums in the same words, each in its own currency."""
    instrument = exchange.markets[order.symbol].instrument
    if reason is Reason.QUANTITY_TOO_SMALL:
        size, least, code = order.quantity, instrument.min_quantity, instrument.base
    else:
        price = order.limit_price or order.trigger_price or exchange.last_price(order.symbol)
        size = order.quote_amount or (order.quantity or 0) * price
        least, code = instrument.min_notional, instrument.quote
    return refuse(
        "INVALID_PARAM_VALUE",
        f"Your order size {number(size) if size is not None else 0} {code} is too small. "
        f"The minimum is {number(least)} {code}",
    )
