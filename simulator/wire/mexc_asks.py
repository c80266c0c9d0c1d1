"""Reading what a client asks of MEXC: parameters, order requests."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from domain.money import ZERO, Symbol
from domain.orders import OrderType, Side, TimeInForce
from simulator.exchange.model import NewOrder
from simulator.orderbook.messages import SelfTrade
from simulator.wire.mexc_errors import Code, MexcRefusal

Fields = Mapping[str, str]

_SIDES: Final = {"BUY": Side.BUY, "SELL": Side.SELL}
_KINDS: Final = {
    "LIMIT": TimeInForce.GTC,
    "LIMIT_MAKER": TimeInForce.GTC,
    "IMMEDIATE_OR_CANCEL": TimeInForce.IOC,
    "FILL_OR_KILL": TimeInForce.FOK,
    "MARKET": TimeInForce.IOC,
}
_LONGEST_ID: Final = 32


def required(fields: Fields, name: str) -> str:
    """A parameter that must be there and not empty."""
    value = fields.get(name)
    if not value:
        raise MexcRefusal(
            Code.NO_ORDER_ID, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
        )
    return value


def decimal(fields: Fields, name: str) -> Decimal:
    """A number above zero."""
    text = required(fields, name)
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise MexcRefusal(
            Code.ILLEGAL_CHARACTERS, f"Illegal characters found in parameter '{name}'."
        ) from None
    if not value.is_finite() or value <= ZERO:
        raise MexcRefusal(Code.BAD_PARAMETER, f"{name} must be above zero")
    return value


def whole(fields: Fields, name: str) -> int | None:
    """A whole number of zero or more; None when it is absent."""
    text = fields.get(name)
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdigit()):
        raise MexcRefusal(Code.ILLEGAL_CHARACTERS, f"Illegal characters found in parameter '{name}'.")
    return int(text)


def limit(fields: Fields, default: int, most: int) -> int:
    """How many rows are asked for, at least one and at most `most`."""
    found = whole(fields, "limit")
    return default if found is None else max(1, min(found, most))


def client_id(fields: Fields, name: str = "newClientOrderId") -> str:
    """The client's own id; "" when it gave none. Refused when it breaks the rules."""
    value = fields.get(name) or ""
    plain = value.replace("_", "").replace("-", "")
    if value and not (len(value) <= _LONGEST_ID and (not plain or (plain.isascii() and plain.isalnum()))):
        raise MexcRefusal(Code.ILLEGAL_CHARACTERS, f"Illegal characters found in parameter '{name}'.")
    return value


def new_order(fields: Fields, symbol: Symbol) -> NewOrder:
    """An order of `/order`. What MEXC does not know, such as a stop price, it drops without a word."""
    side = _SIDES.get(required(fields, "side"))
    if side is None:
        raise MexcRefusal(Code.BAD_PARAMETER, "invalid side")
    kind = required(fields, "type")
    if kind not in _KINDS:
        raise MexcRefusal(Code.ORDER_TYPE)
    market = kind == "MARKET"
    by_cost = market and bool(fields.get("quoteOrderQty"))
    if market and not by_cost and not fields.get("quantity"):
        raise MexcRefusal(Code.OPTIONAL_PARAMETERS)
    return NewOrder(
        symbol=symbol,
        side=side,
        order_type=OrderType.MARKET if market else OrderType.LIMIT,
        quantity=None if by_cost else decimal(fields, "quantity"),
        quote_amount=decimal(fields, "quoteOrderQty") if by_cost else None,
        limit_price=None if market else decimal(fields, "price"),
        time_in_force=_KINDS[kind],
        post_only=kind == "LIMIT_MAKER",
        client_id=client_id(fields),
        self_trade=SelfTrade.NONE,
    )
