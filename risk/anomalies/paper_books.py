"""What each source of views would have made on its own: the simplest honest measure of it.

A source's paper account begins at 1. At every bar close it earns, for each symbol of the session in equal
parts, the stance it held over the bar times the bar's return, and pays `cost_fraction` of every change of
stance. A stance in [-1, 1] is held from the close it was given at until the next cycle; a source without a
view holds nothing. Short stances count, although a spot desk cannot take them: what is measured is whether
the source was right. It is not what the desk made of it: sizing, stops and the other sources come on top.

A paper trade runs from one change of direction of a stance to the next; its profit is what that earned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from domain.money import Symbol


@dataclass(slots=True)
class PaperBook:
    """One source: its account (`level`), losing trades in a row (`streak`), and trades closed in all."""

    level: float = 1.0
    streak: int = 0
    trades: int = 0
    held: Mapping[Symbol, float] = field(default_factory=dict)
    wanted: Mapping[Symbol, float] = field(default_factory=dict)
    earned: dict[Symbol, float] = field(default_factory=dict)


class PaperBooks:
    """The paper accounts of every source, and `level`: that of all of them in equal parts."""

    def __init__(self, symbols: Iterable[Symbol], *, cost_fraction: float) -> None:
        self._symbols = tuple(symbols)
        self._cost = cost_fraction
        self._prices: dict[Symbol, float] = {}
        self.books: dict[str, PaperBook] = {}
        self.level = 1.0

    def take(self, stances: Mapping[str, Mapping[Symbol, float]]) -> None:
        """What every source wants to hold from the last close on. One that is not named holds nothing."""
        for source in stances:
            if source not in self.books:
                self.books[source] = PaperBook()
        for source, book in self.books.items():
            book.wanted = stances.get(source, {})

    def bar(self, prices: Mapping[Symbol, float]) -> list[str]:
        """Earn what the bar brought; the sources of which a paper trade closed."""
        last, self._prices = self._prices, {**self._prices, **prices}
        returns = {
            symbol: prices[symbol] / last[symbol] - 1.0
            for symbol in self._symbols
            if symbol in prices and last.get(symbol, 0.0) > 0.0
        }
        closed: list[str] = []
        if not self.books:
            return closed
        whole = len(self._symbols)
        total = 0.0
        for source, book in self.books.items():
            change = 0.0
            trades = book.trades
            if book.wanted is not book.held:
                change -= self._switch(book)
            held = book.held
            for symbol, step in returns.items():
                stance = held.get(symbol)
                if stance:
                    made = stance * step
                    change += made
                    book.earned[symbol] = book.earned.get(symbol, 0.0) + made
            change /= whole
            book.level *= 1.0 + max(change, -0.99)
            total += change
            if book.trades != trades:
                closed.append(source)
        self.level *= 1.0 + max(total / len(self.books), -0.99)
        return closed

    def _switch(self, book: PaperBook) -> float:
        """Go from the stances held to those wanted; what that costs."""
        cost = 0.0
        for symbol in self._symbols:
            old, new = book.held.get(symbol, 0.0), book.wanted.get(symbol, 0.0)
            if old == new:
                continue
            paid = abs(new - old) * self._cost
            cost += paid
            earned = book.earned.get(symbol, 0.0) - paid
            if old * new <= 0.0 and old != 0.0:
                book.trades += 1
                book.streak = book.streak + 1 if earned < 0.0 else 0
                earned = 0.0
            book.earned[symbol] = earned
        book.held = book.wanted
        return cost
