"""What balances in several currencies are worth in one: along the shortest path of markets with fresh quotes.

BTC -> USDT -> EUR takes two markets. Between paths of one length the one whose thinnest market trades most
wins, then the first by name. What is held is valued at the bid: that is what it would bring. A currency
without a path is refused by name, never counted as nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal
from typing import Final

from domain.errors import DataError, MoneyError
from domain.instrument import split_symbol
from domain.market import Quote
from domain.money import ONE, ZERO, Currency, Symbol

LONGEST_PATH: Final = 4
"""More markets than that in a row are no price."""

_EXACT: Final = Context(prec=50)
_NOW: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class Market:
    """A market that may be a step of a path: its quote, and what trades there a day, in one common unit."""

    quote: Quote
    liquidity: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Step:
    """One conversion: a unit of `source` brings `rate` of `target`, which is the bid, or 1 / ask."""

    symbol: Symbol
    source: Currency
    target: Currency
    rate: Decimal
    as_of: datetime
    liquidity: Decimal


@dataclass(frozen=True, slots=True)
class Valued:
    """One balance and its worth in the valuation's currency; an empty path means that it is that currency."""

    currency: Currency
    amount: Decimal
    value: Decimal
    path: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Valuation:
    """All balances in one currency. `as_of` is that of the oldest quote used; None when none was needed."""

    currency: Currency
    total: Decimal
    lines: tuple[Valued, ...]
    as_of: datetime | None


class Converter:
    """The conversions that a set of markets allows at one moment.

    Quotes that are older than `max_age`, from the future, crossed or empty are not used; they are remembered,
    so that a refusal can say which quote would have led there.
    """

    def __init__(self, markets: Iterable[Market], *, now: datetime, max_age: timedelta) -> None:
        self._steps: dict[Currency, list[Step]] = {}
        self._unusable: dict[Symbol, str] = {}
        for market in markets:
            self._add(market, now, max_age)

    def _add(self, market: Market, now: datetime, max_age: timedelta) -> None:
        quote = market.quote
        age = now - quote.as_of
        if age > max_age:
            self._unusable[quote.symbol] = f"{age} old"
        elif age < _NOW:
            self._unusable[quote.symbol] = "from the future"
        elif not (quote.bid.is_finite() and quote.ask.is_finite() and ZERO < quote.bid <= quote.ask):
            self._unusable[quote.symbol] = f"{quote.bid} / {quote.ask}"
        else:
            base, other = split_symbol(quote.symbol)
            sells = (base, other, Decimal(quote.bid))
            buys = (other, base, _EXACT.divide(ONE, quote.ask))
            for source, target, rate in (sells, buys):
                step = Step(quote.symbol, source, target, rate, quote.as_of, market.liquidity)
                self._steps.setdefault(source, []).append(step)

    def path(self, source: Currency, target: Currency) -> tuple[Step, ...]:
        """The shortest path, of those the most liquid, of those the first by the names of its markets.

        Raises MoneyError naming both currencies when there is none of at most LONGEST_PATH markets.
        """
        if source == target:
            return ()
        reached: dict[Currency, tuple[Step, ...]] = {source: ()}
        for _ in range(LONGEST_PATH):
            found: dict[Currency, tuple[Step, ...]] = {}
            for currency, path in reached.items():
                for step in self._steps.get(currency, ()):
                    longer = (*path, step)
                    if step.target in reached:
                        continue
                    if step.target not in found or _rank(longer) < _rank(found[step.target]):
                        found[step.target] = longer
            if target in found:
                return found[target]
            if not found:
                break
            reached.update(found)
        raise MoneyError(f"nothing converts {source} into {target}", fix=self._hint(source))

    def _hint(self, source: Currency) -> str:
        near = [
            f"{symbol} is {why}"
            for symbol, why in sorted(self._unusable.items())
            if source in split_symbol(symbol)
        ]
        return f"Its quotes cannot be used: {'; '.join(near)}" if near else "Add a market that leads there"

    def convert(self, amount: Decimal, source: Currency, target: Currency) -> Decimal:
        """What `amount` of `source` would bring in `target`. Raises MoneyError without a path."""
        return _along(amount, self.path(source, target))

    def value(self, balances: Mapping[Currency, Decimal], currency: Currency) -> Valuation:
        """What balances are worth in `currency`, in the order given; those of zero are left out.

        Raises MoneyError for a currency without a path, DataError for a balance that is not finite or below
        zero (nothing here says what a debt costs).
        """
        lines = []
        for held, amount in balances.items():
            if not amount.is_finite() or amount < ZERO:
                raise DataError(f"a balance of {amount} {held} cannot be valued")
            if amount:
                path = self.path(held, currency)
                lines.append(Valued(held, amount, _along(amount, path), path))
        moments = [step.as_of for line in lines for step in line.path]
        total = ZERO
        for line in lines:
            total = _EXACT.add(total, line.value)
        return Valuation(currency, total, tuple(lines), min(moments, default=None))


def _along(amount: Decimal, path: Iterable[Step]) -> Decimal:
    for step in path:
        amount = _EXACT.multiply(amount, step.rate)
    return amount


def _rank(path: tuple[Step, ...]) -> tuple[Decimal, tuple[Symbol, ...]]:
    """Sorts better paths of one length first."""
    return -min(step.liquidity for step in path), tuple(step.symbol for step in path)
