"""What the account holds against what the books say: which differences are old news, which are not."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from domain.money import ZERO, Currency, Symbol
from domain.reconciliation import Difference
from execution.venue import Balance
from risk.breaches import plain

TOLERANCE: Final = Decimal("1e-8")
"""A difference of balance up to this much, in the currency's own unit, is nothing."""

NOTHING: Final = Balance(ZERO, ZERO)


def weigh(
    owned: Mapping[Currency, Decimal],
    theirs: Mapping[Currency, Balance],
    before: Mapping[Currency, Decimal] | None,
    traded: Mapping[Currency, Symbol],
) -> tuple[list[Difference], dict[Currency, Decimal]]:
    """The differences, and what lies outside the books in every currency of `owned`.

    `owned` is what the books say, `before` what lay outside them so far (None: this is the first look). What
    is there beyond the books at the first look of a currency is not the desk's and stays outside. Later
    changes freeze: the symbol of a coin in `traded`, the whole account for the money it trades in (with an
    empty symbol there). Changes in a currency that is not in `traded` at all are taken as they are.
    """
    outside: dict[Currency, Decimal] = {}
    found: list[Difference] = []
    for currency, ours in owned.items():
        there = theirs.get(currency, NOTHING).total
        beyond = there - ours
        known = before is not None and currency in before
        assumed = before[currency] if before is not None and known else beyond
        if currency not in traded:
            outside[currency] = beyond
            if abs(beyond - assumed) > TOLERANCE:
                told = (
                    f"{currency}: {plain(there)} instead of {plain(ours + assumed)}; nothing is traded in it"
                )
                found.append(
                    Difference("adopted", "balance", currency, Symbol(""), ours + assumed, there, told)
                )
            continue
        outside[currency] = assumed if known else max(beyond, ZERO)
        expected = ours + outside[currency]
        if abs(there - expected) > TOLERANCE:
            told = (
                f"{currency}: {plain(there)} instead of {plain(expected)}, which nothing explains: no entries"
            )
            found.append(Difference("frozen", "balance", currency, traded[currency], expected, there, told))
    return found, outside
