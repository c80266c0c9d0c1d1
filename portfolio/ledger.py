"""Double entry in Decimal: what is owned, what was paid in, and where it went.

Four accounts per currency: `assets` (owned), `capital` (paid in, negative), `trading` (what was given up
for what was received) and `fees` (paid away). In every transaction, and so at any time, the accounts of
each currency add up to zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    getcontext,
    setcontext,
)
from types import MappingProxyType
from typing import Final

from domain.errors import LedgerError
from domain.money import ZERO, Currency

ASSETS: Final = "assets"
CAPITAL: Final = "capital"
TRADING: Final = "trading"
FEES: Final = "fees"

AccountKey = tuple[str, Currency]
Lines = tuple[tuple[AccountKey, Decimal], ...]

EXACT: Final = Context(
    prec=96, rounding=ROUND_HALF_EVEN, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow]
)
"""Decimal arithmetic that must not lose a digit: rounding raises `decimal.Inexact` instead."""


class Ledger:
    """The balances of all accounts."""

    __slots__ = ("_balances", "_transactions", "balances")

    def __init__(self) -> None:
        self._balances: dict[AccountKey, Decimal] = {}
        self.balances: Final[Mapping[AccountKey, Decimal]] = MappingProxyType(self._balances)
        """The balance of every account, by (account, currency)."""
        self._transactions = 0

    @property
    def transactions(self) -> int:
        """How many transactions were posted."""
        return self._transactions

    def balance(self, account: str, currency: Currency) -> Decimal:
        return self._balances.get((account, currency), ZERO)

    def post(self, transaction: str, lines: Lines) -> None:
        """Book a transaction, all of it or nothing. Raises LedgerError unless it adds up to zero.

        `transaction` names it in errors; amounts are Decimals with a sign.
        """
        ambient = getcontext()
        setcontext(EXACT)
        try:
            self.post_exact(transaction, lines)
        except ArithmeticError as error:
            raise LedgerError(f"{transaction}: an amount cannot be booked exactly ({error!r})") from error
        finally:
            setcontext(ambient)

    def post_exact(self, transaction: str, lines: Lines) -> None:
        """`post` for a caller that already stands in the `EXACT` context: may raise ArithmeticError."""
        balance = self._balances.get
        updated: dict[AccountKey, Decimal] = {}
        currency, total, even = None, ZERO, True
        for key, amount in lines:  # lines of one currency stand together as a rule: then each run is zero
            updated[key] = balance(key, ZERO) + amount
            if key[1] == currency:
                total += amount
            else:
                even = even and not total
                currency, total = key[1], amount
        if total or not even:
            _demand_balance(transaction, lines)
        if len(updated) != len(lines):
            raise LedgerError(f"{transaction} names an account twice", fix="Add its lines up first")
        self._balances.update(updated)
        self._transactions += 1

    def check(self) -> None:
        """The trial balance: raises LedgerError naming every currency that does not add up to zero."""
        ambient = getcontext()
        setcontext(EXACT)
        try:
            totals: dict[Currency, Decimal] = {}
            for (_, currency), amount in self._balances.items():
                totals[currency] = totals.get(currency, ZERO) + amount
        except ArithmeticError as error:
            raise LedgerError(f"the ledger cannot be added up exactly ({error!r})") from error
        finally:
            setcontext(ambient)
        wrong = [f"{total} {currency}" for currency, total in totals.items() if total]
        if wrong:
            raise LedgerError(f"the ledger is out of balance by {', '.join(wrong)}")


def _demand_balance(transaction: str, lines: Lines) -> None:
    """Raise LedgerError unless the lines of each currency add up to zero, whatever order they are in."""
    totals: dict[Currency, Decimal] = {}
    for (_, currency), amount in lines:
        totals[currency] = totals.get(currency, ZERO) + amount
    for currency, total in totals.items():
        if total:
            raise LedgerError(f"{transaction} is out of balance by {total} {currency}")
