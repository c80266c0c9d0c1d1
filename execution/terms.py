"""Whether an order at the venue is the one that was meant: read back, compared, said in words."""

from __future__ import annotations

from decimal import Decimal

from domain.orders import TERMINAL, OrderIntent
from execution.venue import VenueOrder
from risk.breaches import plain


def deviations(intent: OrderIntent, seen: VenueOrder) -> tuple[str, ...]:
    """Everything in which the venue's order differs from the intent; empty when it is the same.

    Side, type, quantity and prices are compared. A venue that does not tell them says nothing wrong here:
    whoever relies on the order must look at `seen.terms` too.
    """
    terms = seen.terms
    said = [] if seen.symbol == intent.symbol else [f"it is in {seen.symbol}"]
    if seen.status in TERMINAL:
        said.append(f"it is {seen.status.value}")
    if terms is None:
        return tuple(said)
    for name, theirs, ours in (
        ("side", terms.side.value, intent.side.value),
        ("type", terms.order_type.value, intent.order_type.value),
        ("quantity", terms.quantity, intent.quantity),
        ("limit price", terms.limit_price, intent.limit_price),
        ("trigger price", terms.trigger_price, intent.trigger_price),
    ):
        if theirs != ours:
            said.append(f"its {name} is {_word(theirs)}, not {_word(ours)}")
    return tuple(said)


def _word(value: Decimal | str | None) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)
