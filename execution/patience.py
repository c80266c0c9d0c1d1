"""How long an order may rest, and what becomes of it then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.errors import ConfigError
from domain.money import Quantity
from domain.orders import WITH_LIMIT, Order, OrderIntent, OrderType, TimeInForce

GRACE: Final = timedelta(seconds=5)
"""What a venue gets, beyond an order's date, to end it by itself before the desk withdraws it."""

AGAIN: Final = timedelta(seconds=5)
"""The pause between two attempts to withdraw the same order."""


class Then(StrEnum):
    """What follows when nobody took a limit order in time: nothing, or the rest at market."""

    CANCEL = "cancel"
    MARKET = "market"


@dataclass(frozen=True, slots=True)
class Patience:
    """Entries with a limit price and no date of their own rest for `after`. ConfigError unless above zero."""

    after: timedelta
    then: Then = Then.CANCEL

    def __post_init__(self) -> None:
        if self.after <= timedelta(0):
            raise ConfigError(f"a patience of {self.after} is not above zero", fix="Write a duration")


def due(intent: OrderIntent, patience: Patience | None) -> datetime | None:
    """When the desk withdraws what is left of this order; None: it may rest for ever."""
    if intent.expires_at is not None:
        return intent.expires_at + GRACE if intent.time_in_force is TimeInForce.GTD else intent.expires_at
    if patience is None or intent.reduce_only or intent.order_type not in WITH_LIMIT or intent.parent:
        return None  # a part of an algorithm rests as long as that wants: it alone counts what is left
    return intent.created_at + patience.after


def at_market(order: Order, now: datetime) -> OrderIntent:
    """The order that takes the rest at market; its client id follows from the old one's."""
    return replace(
        order.intent,
        client_id=f"{order.client_id}r",
        quantity=Quantity(order.remaining),
        order_type=OrderType.MARKET,
        created_at=now,
        limit_price=None,
        trigger_price=None,
        time_in_force=TimeInForce.GTC,
        post_only=False,
        expires_at=None,
        replaces=order.client_id,
        reason=f"not filled in time: {order.intent.reason}".rstrip(": "),
    )
