"""Client ids for orders that no cycle asked for: the guardian's and the operator's."""

from __future__ import annotations

from typing import Final

from domain.orders import Origin, client_order_id
from execution.order_desk import OrderDesk

_LETTER: Final = {Origin.GUARDIAN: "g", Origin.OPERATOR: "o", Origin.PANIC: "p"}


class OwnIds:
    """Numbers the orders of one origin, going on after a restart where the journal stopped.

    Ids look like `session-g-000001-00`: the letter keeps them apart from those of cycles. Raises KeyError
    for `Origin.CYCLE`, whose ids are session, cycle and leg.
    """

    def __init__(self, desk: OrderDesk, session: str, origin: Origin) -> None:
        self._desk = desk
        self._prefix = f"{session}-{_LETTER[origin]}"
        self._origin = origin
        self._last: int | None = None

    def take(self) -> tuple[int, str]:
        """The next number and the client id made of it."""
        if self._last is None:  # counted on first use, after the desk was restored
            known = [order.intent.origin for order in self._desk.orders.values()]
            self._last = known.count(self._origin) + [*self._desk.forgotten.values()].count(self._origin)
        self._last += 1
        return self._last, client_order_id(self._prefix, self._last, 0)
