"""Cross-venue inventory: what the desk owns in all, and where it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from domain.errors import VenueError
from domain.money import ZERO, Currency
from execution.venue import Balance


@dataclass(frozen=True, slots=True)
class Place:
    """What lies at one venue, and which share of the total that is (0 to 1)."""

    venue: str
    balance: Balance
    share: Decimal


@dataclass(frozen=True, slots=True)
class Inventory:
    """Balances by venue. `unknown` are venues that did not answer: with any, every total is a lower bound."""

    balances: Mapping[str, Mapping[Currency, Balance]]
    unknown: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        return not self.unknown

    @property
    def currencies(self) -> tuple[Currency, ...]:
        """Every currency of which anything is held anywhere, in alphabetical order."""
        held = {name for each in self.balances.values() for name, balance in each.items() if balance.total}
        return tuple(sorted(held))

    def total(self, currency: Currency) -> Balance:
        """The sum over all venues that answered."""
        found = [each[currency] for each in self.balances.values() if currency in each]
        return Balance(
            sum((balance.free for balance in found), ZERO), sum((balance.locked for balance in found), ZERO)
        )

    def where(self, currency: Currency) -> tuple[Place, ...]:
        """Where a currency lies, the largest holding first."""
        whole = self.total(currency).total
        places = [
            Place(venue, each[currency], each[currency].total / whole if whole else ZERO)
            for venue, each in self.balances.items()
            if currency in each and each[currency].total
        ]
        return tuple(sorted(places, key=lambda place: (-place.balance.total, place.venue)))

    def free(self, venue: str, currency: Currency) -> Decimal:
        """What may be used at one venue; zero of what it does not hold or did not tell."""
        balance = self.balances.get(venue, {}).get(currency)
        return ZERO if balance is None else balance.free


class Holder(Protocol):
    """Somewhere money lies: a venue, or the desk of one."""

    @property
    def name(self) -> str: ...

    async def balances(self) -> Mapping[Currency, Balance]: ...


async def take_inventory(venues: Sequence[Holder]) -> Inventory:
    """Ask every venue for its balances. One that does not answer is unknown, never empty."""
    told: dict[str, Mapping[Currency, Balance]] = {}
    unknown: list[str] = []
    for venue in venues:
        try:
            told[venue.name] = dict(await venue.balances())
        except (VenueError, TimeoutError, OSError):
            unknown.append(venue.name)
    return Inventory(told, tuple(unknown))
