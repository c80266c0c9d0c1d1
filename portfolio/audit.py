"""The ledger audit: fills become postings a second time, by plainer code, and the books must agree.

`portfolio/portfolio.py` keeps running sums so that an order is cheap. The audit takes only the capital and
the fills, writes each fill down in double entry and adds everything up from nothing. Every transaction sums
to zero, and at every moment at which the books said something, cash and equity are what they said, to the
last digit. It reports the first difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import assert_never

from domain.errors import LedgerError
from domain.instrument import split_symbol
from domain.money import ZERO, Currency, Money, Symbol
from domain.orders import Fill, Posting, Side
from portfolio.ledger import ASSETS, CAPITAL, EXACT, FEES, TRADING
from portfolio.portfolio import Portfolio


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the books said at one moment: cash, and equity with every holding at these prices."""

    at: datetime
    cash: Decimal
    equity: Decimal
    prices: Mapping[Symbol, Decimal]


@dataclass(frozen=True, slots=True)
class Audited:
    """An audit that found no difference: how much it looked at, and what is owned in the end."""

    transactions: int
    postings: int
    claims: int
    balances: Mapping[Currency, Decimal]


class Audit:
    """Adds up one session: `take` every fill and `claim` every mark in the order in which they happened."""

    def __init__(self, capital: Money) -> None:
        self._currency = capital.currency
        self._balances: dict[tuple[str, Currency], Decimal] = {}
        self._held: dict[Symbol, Decimal] = {}
        self._marks: dict[Symbol, Decimal] = {}
        self._transactions = self._postings = self._claims = 0
        amount = capital.amount
        self._book("the capital", ((ASSETS, capital.currency, amount), (CAPITAL, capital.currency, -amount)))

    def take(self, fill: Fill) -> None:
        """Write a fill down.

        Raises LedgerError when its lines do not sum to zero in every currency, when it leaves less than
        nothing of a holding, and for numbers that cannot be added up exactly.
        """
        try:
            with localcontext(EXACT):
                self._take(fill)
        except ArithmeticError as error:
            raise LedgerError(f"fill {fill.fill_id} cannot be booked exactly ({error!r})") from error

    def _take(self, fill: Fill) -> None:
        base, quote = split_symbol(fill.symbol)
        if quote != self._currency:
            raise LedgerError(f"fill {fill.fill_id}: {fill.symbol} is not quoted in {self._currency}")
        paid = fill.quantity * fill.price
        got, given = Decimal(fill.quantity), -paid
        match fill.side:
            case Side.BUY:
                pass
            case Side.SELL:
                got, given = -got, paid
            case _:
                assert_never(fill.side)
        lines = [(ASSETS, base, got), (TRADING, base, -got), (ASSETS, quote, given), (TRADING, quote, -given)]
        fee = fill.fee
        if fee.amount:
            payer = ASSETS if fee.currency in (base, quote) else CAPITAL
            lines += [(payer, fee.currency, -fee.amount), (FEES, fee.currency, fee.amount)]
        held = self._held.get(fill.symbol, ZERO) + got - (fee.amount if fee.currency == base else ZERO)
        if held < ZERO:
            raise LedgerError(f"fill {fill.fill_id} leaves {held} {fill.symbol}")
        self._book(f"fill {fill.fill_id}", lines)
        self._held[fill.symbol] = held
        self._marks.setdefault(fill.symbol, fill.price)

    def claim(self, claimed: Claimed) -> None:
        """Compare what the books said at a moment with what was added up so far.

        A holding without a price there keeps its newest one, at first that of its first fill. Raises
        LedgerError with both numbers for the first that differs: cash, then equity.
        """
        self._claims += 1
        when = claimed.at.isoformat()
        cash = self._balances[(ASSETS, self._currency)]
        if claimed.cash != cash:
            raise LedgerError(
                f"at {when} the books say {claimed.cash} {self._currency} cash, the fills add up to {cash}"
            )
        self._marks.update(claimed.prices)
        with localcontext(EXACT):
            equity = cash
            for symbol, quantity in self._held.items():
                equity += quantity * self._marks[symbol]
        if claimed.equity != equity:
            raise LedgerError(
                f"at {when} the books say an equity of {claimed.equity}, cash and holdings add up to {equity}"
            )

    def compare(self, portfolio: Portfolio) -> None:
        """Compare with a portfolio that booked the same fills. LedgerError names the first difference."""
        if portfolio.cash != self._balances[(ASSETS, self._currency)]:
            mine = self._balances[(ASSETS, self._currency)]
            raise LedgerError(
                f"the portfolio has {portfolio.cash} {self._currency} cash, the fills give {mine}"
            )
        held = {symbol: quantity for symbol, quantity, _ in portfolio.held()}
        for symbol in sorted({*held, *self._held}):
            ours, theirs = self._held.get(symbol, ZERO), held.get(symbol, ZERO)
            if ours != theirs:
                raise LedgerError(f"the portfolio holds {theirs} {symbol}, the fills leave {ours}")
        books = portfolio.ledger.balances
        for key in sorted({*books, *self._balances}):
            ours, theirs = self._balances.get(key, ZERO), books.get(key, ZERO)
            if ours != theirs:
                name, currency = key
                raise LedgerError(f"the ledger has {theirs} {currency} in {name}, the fills give {ours}")

    def result(self) -> Audited:
        """What was looked at so far."""
        owned = {currency: amount for (name, currency), amount in self._balances.items() if name == ASSETS}
        return Audited(self._transactions, self._postings, self._claims, owned)

    def _book(self, name: str, lines: Iterable[tuple[str, Currency, Decimal]]) -> None:
        lines = tuple(lines)
        with localcontext(EXACT):
            demand_zero(name, lines)
            for account, currency, amount in lines:
                key = (account, currency)
                self._balances[key] = self._balances.get(key, ZERO) + amount
        self._transactions += 1
        self._postings += len(lines)


def demand_zero(name: str, lines: Iterable[tuple[str, Currency, Decimal]]) -> None:
    """Raises LedgerError naming the first currency in which a transaction's lines do not add up to zero."""
    sums: dict[Currency, Decimal] = {}
    for _, currency, amount in lines:
        sums[currency] = sums.get(currency, ZERO) + amount
    for currency, total in sums.items():
        if total:
            raise LedgerError(f"{name} is out of balance by {total} {currency}")


def audit_postings(postings: Iterable[Posting]) -> int:
    """How many transactions there are; their postings stand together. LedgerError unless each is zero."""
    count, name = 0, None
    lines: list[tuple[str, Currency, Decimal]] = []
    with localcontext(EXACT):
        for posting in postings:
            if posting.transaction != name and lines:
                demand_zero(str(name), lines)
                lines = []
            if posting.transaction != name:
                count, name = count + 1, posting.transaction
            lines.append((posting.account, posting.currency, posting.amount))
        demand_zero(str(name), lines)
    return count
