"""What a simulated account holds, and what its open orders have reserved of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from domain.money import ZERO, Currency
from simulator.resting import Resting


class Purse:
    """Balances and reservations per currency. The orders of a group share one reservation: the largest.

    Only one of them can fill, so a stop and a profit target for the same coins need those coins once.
    """

    def __init__(self, balances: Mapping[Currency, Decimal]) -> None:
        self.balances: dict[Currency, Decimal] = dict(balances)
        self.reserved: dict[Currency, Decimal] = {}
        self.groups: dict[str, dict[str, Resting]] = {}

    def set_balances(self, balances: Mapping[Currency, Decimal]) -> None:
        """Replace what is held; reservations stay."""
        self.balances.clear()
        self.balances.update(balances)

    def free(self, currency: Currency) -> Decimal:
        """What is held and not reserved."""
        return self.balances.get(currency, ZERO) - self.reserved.get(currency, ZERO)

    def within_reach(self, order: Resting) -> Decimal:
        """What an order may spend: what is free, and what it or its group has reserved."""
        return self.free(order.spends) + self._claim(order)

    def reach_of_group(self, group: str, currency: Currency) -> Decimal:
        """What one more order of a group may spend: what is free, and what the group has reserved."""
        members = self.groups.get(group, {}).values()
        shared = max((each.reserved for each in members if each.spends == currency), default=ZERO)
        return self.free(currency) + shared

    def hold(self, order: Resting, amount: Decimal) -> None:
        """Set what an order reserves of the currency it spends."""
        before = self._claim(order)
        order.reserved = amount
        change = self._claim(order) - before
        if change:
            currency = order.spends
            self.reserved[currency] = self.reserved.get(currency, ZERO) + change

    def join(self, order: Resting) -> None:
        """Let an order share with the others of its group, if it has one."""
        if order.terms is not None and order.terms.group:
            self.groups.setdefault(order.terms.group, {})[order.intent.client_id] = order

    def leave(self, order: Resting) -> None:
        """Give back what an order reserves; it is no longer of its group."""
        self.hold(order, ZERO)
        if order.terms is None or not order.terms.group:
            return
        members = self.groups.get(order.terms.group, {})
        members.pop(order.intent.client_id, None)
        if not members:
            self.groups.pop(order.terms.group, None)

    def _claim(self, order: Resting) -> Decimal:
        most = order.reserved
        if order.terms is not None and order.terms.group:
            spends = order.spends
            for each in self.groups.get(order.terms.group, {}).values():
                if each.reserved > most and each.spends == spends:
                    most = each.reserved
        return most
