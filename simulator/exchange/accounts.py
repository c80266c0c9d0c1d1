"""Accounts: API keys, and balances of which open orders lock a part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from domain.errors import ConfigError
from domain.money import ZERO, Currency
from simulator.exchange.model import Holding
from simulator.exchange.rejection import Reason, Rejection


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key and its secret, and what it may do. `passphrase` is for venues that have one."""

    key: str
    secret: str
    trade: bool = True
    withdraw: bool = False
    passphrase: str = ""

    def __repr__(self) -> str:
        return f"ApiKey({self.key!r}, trade={self.trade}, withdraw={self.withdraw})"


class _Purse:
    """The balance of one currency."""

    __slots__ = ("free", "locked")

    def __init__(self, free: Decimal) -> None:
        self.free = free
        self.locked = ZERO


class Account:
    """One customer: balances per currency, a fee turnover, and a number that the order book knows it by.

    Every change goes through the methods; none lets a balance fall below zero. `touched` collects the
    currencies that changed since it was last taken.
    """

    def __init__(self, name: str, number: int, balances: Mapping[Currency, Decimal]) -> None:
        if any(amount < ZERO for amount in balances.values()):
            raise ConfigError(f"account {name}: a balance is below zero", fix="Start it with zero or more")
        self.name = name
        self.number = number
        self.turnover = ZERO
        self.touched: set[Currency] = set()
        self._purses = {currency: _Purse(amount) for currency, amount in balances.items()}

    def free(self, currency: Currency) -> Decimal:
        purse = self._purses.get(currency)
        return purse.free if purse is not None else ZERO

    def locked(self, currency: Currency) -> Decimal:
        purse = self._purses.get(currency)
        return purse.locked if purse is not None else ZERO

    def holding(self, currency: Currency) -> Holding:
        purse = self._purses.get(currency)
        return Holding(purse.free, purse.locked) if purse is not None else Holding()

    def holdings(self) -> dict[Currency, Holding]:
        """Every currency the account ever had."""
        return {currency: Holding(purse.free, purse.locked) for currency, purse in self._purses.items()}

    def need(self, currency: Currency, amount: Decimal) -> None:
        """Raise Rejection (INSUFFICIENT_BALANCE) unless this much is free."""
        free = self.free(currency)
        if amount > free:
            raise Rejection(
                Reason.INSUFFICIENT_BALANCE, f"{amount:f} {currency} needed, {free:f} {currency} free"
            )

    def lock(self, currency: Currency, amount: Decimal) -> None:
        """Move from free to locked. Rejection (INSUFFICIENT_BALANCE) when there is not enough."""
        if not amount:
            return
        self.need(currency, amount)
        purse = self._purses[currency]
        purse.free -= amount
        purse.locked += amount
        self.touched.add(currency)

    def unlock(self, currency: Currency, amount: Decimal) -> None:
        """Move from locked back to free. ValueError when less is locked: the caller's books are wrong."""
        if not amount:
            return
        purse = self._purses[currency]
        if amount > purse.locked:
            raise ValueError(f"{self.name}: {amount:f} {currency} to unlock, {purse.locked:f} locked")
        purse.locked -= amount
        purse.free += amount
        self.touched.add(currency)

    def spend(self, currency: Currency, amount: Decimal) -> None:
        """Take from free. Rejection (INSUFFICIENT_BALANCE) when there is not enough."""
        if not amount:
            return
        self.need(currency, amount)
        self._purses[currency].free -= amount
        self.touched.add(currency)

    def receive(self, currency: Currency, amount: Decimal) -> None:
        """Add to free."""
        purse = self._purses.get(currency)
        if purse is None:
            purse = self._purses[currency] = _Purse(ZERO)
        purse.free += amount
        self.touched.add(currency)

    def take_touched(self) -> dict[Currency, Holding]:
        """The holdings that changed since the last call."""
        changed = {currency: self.holding(currency) for currency in sorted(self.touched)}
        self.touched.clear()
        return changed


def keys_by_name(keys: Iterable[ApiKey]) -> dict[str, ApiKey]:
    """Keys by their public part. ConfigError when one comes twice or is empty."""
    found: dict[str, ApiKey] = {}
    for key in keys:
        if not key.key or not key.secret or key.key in found:
            raise ConfigError(f"API key {key.key!r} is empty or comes twice", fix="Give each account its own")
        found[key.key] = key
    return found
