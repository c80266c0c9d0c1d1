"""Reading what a client asks of Gate: parameters, order bodies, price-triggered orders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from domain.money import ZERO
from domain.orders import OrderType, Side, TimeInForce
from simulator.exchange.model import NewOrder
from simulator.orderbook.messages import SelfTrade
from simulator.wire.gate_errors import GateRefusal, refuse
from simulator.wire.gate_words import symbol_of

Fields = Mapping[str, Any]

_TIMES: Final = {
    "gtc": TimeInForce.GTC,
    "ioc": TimeInForce.IOC,
    "fok": TimeInForce.FOK,
    "poc": TimeInForce.GTC,
}
_SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}
_TEXT: Final = re.compile(r"t-[0-9A-Za-z_.-]{1,28}", re.ASCII)
LONGEST_TRIGGER: Final = 30 * 86_400
"""Seconds a price-triggered order may wait."""


def bad(name: str, value: object) -> GateRefusal:
    return refuse("INVALID_PARAM_VALUE", f"Invalid request parameter `{name}` value: {value}")


def required(fields: Fields, name: str) -> str:
    """A field as text; MISSING_REQUIRED_PARAM when it is absent or empty."""
    value = fields.get(name)
    if value is None or value == "":
        raise refuse("MISSING_REQUIRED_PARAM", f"Missing required parameter: {name}")
    return str(value)


def amount(fields: Fields, name: str) -> Decimal:
    """A number above zero; INVALID_PARAM_VALUE for anything else."""
    text = required(fields, name)
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise bad(name, text) from None
    if not value.is_finite() or value <= ZERO:
        raise bad(name, text)
    return value


def optional_amount(fields: Fields, name: str) -> Decimal | None:
    return amount(fields, name) if fields.get(name) not in (None, "") else None


def whole(fields: Fields, name: str, default: int, low: int, high: int) -> int:
    """A whole number within bounds; INVALID_PARAM_VALUE outside them."""
    text = fields.get(name)
    if text is None or text == "":
        return default
    try:
        value = int(str(text))
    except ValueError:
        raise bad(name, text) from None
    if not low <= value <= high:
        raise bad(name, text)
    return value


def flag(fields: Fields, name: str) -> bool:
    return str(fields.get(name, "")).lower() == "true"


def choice(fields: Fields, name: str, allowed: tuple[str, ...], default: str = "") -> str:
    value = str(fields.get(name) or default) or required(fields, name)
    if value not in allowed:
        raise bad(name, value)
    return value


def spot_only(fields: Fields, allowed: tuple[str, ...] = ("spot",)) -> None:
    """Refuse what would need a margin or unified account."""
    account = fields.get("account")
    if account in (None, "") or account in allowed:
        return
    if account in ("margin", "cross_margin"):
        raise refuse("MARGIN_NOT_SUPPORTED")
    raise bad("account", account)


def client_id(fields: Fields) -> str:
    """The client's own id in `text`; "" when it gave none. INVALID_PARAM_VALUE when it breaks the rules."""
    text = fields.get("text")
    if text is None or text == "":
        return ""
    if _TEXT.fullmatch(str(text)) is None:
        raise bad("text", text)
    return str(text)


def new_order(fields: Fields) -> NewOrder:
    """An order of `/spot/orders`. Its market is not looked up here."""
    symbol = symbol_of(required(fields, "currency_pair"))
    spot_only(fields)
    kind = choice(fields, "type", ("limit", "market"), "limit")
    side = _SIDES[choice(fields, "side", ("buy", "sell"))]
    times = ("gtc", "ioc", "fok", "poc") if kind == "limit" else ("ioc", "fok")
    time_in_force = choice(fields, "time_in_force", times, times[0])
    if fields.get("stp_act") not in (None, "", "-"):
        raise refuse("INVALID_PARAM_VALUE", "stp_act needs a self-trade prevention group")
    size = amount(fields, "amount")
    by_cost = kind == "market" and side is Side.BUY
    iceberg = fields.get("iceberg")
    return NewOrder(
        symbol=symbol,
        side=side,
        order_type=OrderType.LIMIT if kind == "limit" else OrderType.MARKET,
        quantity=None if by_cost else size,
        quote_amount=size if by_cost else None,
        limit_price=amount(fields, "price") if kind == "limit" else None,
        time_in_force=_TIMES[time_in_force],
        post_only=time_in_force == "poc",
        display=None if iceberg in (None, "", "0", 0) else amount(fields, "iceberg"),
        client_id=client_id(fields),
        self_trade=SelfTrade.NONE,
    )


def price_order(body: Fields) -> tuple[NewOrder, int]:
    """An order of `/spot/price_orders`, and for how many seconds it waits.

    The trigger decides the type: a rule against the order's side (sell at `<=`, buy at `>=`) is a stop, the
    other way round it takes profit. No client id is kept.
    """
    put, trigger = _part(body, "put"), _part(body, "trigger")
    symbol = symbol_of(required(body, "market"))
    spot_only(put, ("normal", "spot"))
    kind = choice(put, "type", ("limit", "market"), "limit")
    side = _SIDES[choice(put, "side", ("buy", "sell"))]
    rule = choice(trigger, "rule", (">=", "<="))
    wait = whole(trigger, "expiration", LONGEST_TRIGGER, 1, LONGEST_TRIGGER)
    times = ("gtc", "ioc") if kind == "limit" else ("ioc", "fok", "gtc")
    time_in_force = choice(put, "time_in_force", times, times[0])
    stops = (side is Side.SELL) == (rule == "<=")
    size = amount(put, "amount")
    by_cost = kind == "market" and side is Side.BUY
    if kind == "limit":
        order_type = OrderType.STOP_LIMIT if stops else OrderType.TAKE_PROFIT_LIMIT
    else:
        order_type = OrderType.STOP if stops else OrderType.TAKE_PROFIT
    order = NewOrder(
        symbol=symbol,
        side=side,
        order_type=order_type,
        quantity=None if by_cost else size,
        quote_amount=size if by_cost else None,
        limit_price=amount(put, "price") if kind == "limit" else None,
        trigger_price=amount(trigger, "price"),
        time_in_force=_TIMES[time_in_force] if kind == "limit" else TimeInForce.GTC,
        self_trade=SelfTrade.NONE,
    )
    return order, wait


def _part(body: Fields, name: str) -> Fields:
    part = body.get(name)
    if not isinstance(part, Mapping):
        raise refuse("MISSING_REQUIRED_PARAM", f"Missing required parameter: {name}")
    return part
