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
from typing import Final

from domain.errors import LedgerError
from domain.money import ZERO, Currency

ASSETS: Final = "assets"
CAPITAL: Final = "capital"
TRADING: Final = "trading"
FEES: Final = "fees"

EXACT: Final = Context(
    prec=96, rounding=ROUND_HALF_EVEN, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow]
)
"""Decimal arithmetic that must not lose a digit: rounding raises `decimal.Inexact` instead."""


class Account:
    """One account in one currency. Made and changed by its ledger only."""

    __slots__ = ("balance", "currency", "name")

    def __init__(self, name: str, currency: Currency) -> None:
        self.name = name
        self.currency = currency
        self.balance = ZERO


Lines = tuple[tuple[Account, Decimal], ...]


class Ledger:
    """The balances of all accounts."""

    __slots__ = ("_accounts", "_transactions")

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, Currency], Account] = {}
        self._transactions = 0

    @property
    def transactions(self) -> int:
        """How many transactions were posted."""
        return self._transactions

    @property
    def balances(self) -> Mapping[tuple[str, Currency], Decimal]:
        """The balance of every account that is not empty, by name and currency."""
        return {key: account.balance for key, account in self._accounts.items() if account.balance}

    def account(self, name: str, currency: Currency) -> Account:
        """The one account of that name and currency; opened when it is first asked for."""
        key = (name, currency)
        known = self._accounts.get(key)
        if known is None:
            known = self._accounts[key] = Account(name, currency)
        return known

    def post(self, transaction: str, lines: Lines) -> None:
        """Book a transaction, all of it or nothing. Raises LedgerError unless it adds up to zero.

        `transaction` names it in errors; amounts are Decimals with a sign.
        """
        if len({account for account, _ in lines}) != len(lines):
            raise LedgerError(f"{transaction} names an account twice", fix="Add its lines up first")
        ambient = getcontext()
        setcontext(EXACT)
        try:
            self.post_exact(transaction, lines)
        except ArithmeticError as error:
            raise LedgerError(f"{transaction}: an amount cannot be booked exactly ({error!r})") from error
        finally:
            setcontext(ambient)

    def post_exact(self, transaction: str, lines: Lines) -> None:
        """`post` for a caller that stands in the `EXACT` context already and names each account once.

        May raise ArithmeticError, then nothing was booked.
        """
        sums: list[Decimal] = []
        currency, total, even = None, ZERO, True
        for account, amount in lines:  # lines of one currency stand together as a rule: each run is zero
            sums.append(account.balance + amount)
            if account.currency == currency:
                total += amount
            else:
                if total:
                    even = False
                currency, total = account.currency, amount
        if total or not even:
            _demand_balance(transaction, lines)
        for (account, _), balance in zip(lines, sums, strict=True):
            account.balance = balance
        self._transactions += 1

    def check(self) -> None:
        """The trial balance: raises LedgerError naming every currency that does not add up to zero."""
        ambient = getcontext()
        setcontext(EXACT)
        try:
            totals: dict[Currency, Decimal] = {}
            for account in self._accounts.values():
                totals[account.currency] = totals.get(account.currency, ZERO) + account.balance
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
    for account, amount in lines:
        totals[account.currency] = totals.get(account.currency, ZERO) + amount
    for currency, total in totals.items():
        if total:
            raise LedgerError(f"{transaction} is out of balance by {total} {currency}")
