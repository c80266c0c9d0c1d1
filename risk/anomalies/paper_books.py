"""What each source of views would have made on its own: the simplest honest measure of it.

A source's paper account begins at 1. At every bar close it earns, for each symbol of the session in equal
parts, the stance it held over the bar times the bar's return, and pays `cost_fraction` of every change of
stance. A stance in [-1, 1] is held from the close it was given at. As on the desk, a source without a view
keeps what it holds, and a change smaller than `band` is not worth trading. Short stances count, although a
spot desk cannot take them: what is measured is whether the source was right. It is not what the desk made of
it: sizing, stops and the other sources come on top.

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
    held: dict[Symbol, float] = field(default_factory=dict)
    wanted: dict[Symbol, float] = field(default_factory=dict)
    switching: bool = False
    earned: dict[Symbol, float] = field(default_factory=dict)


class PaperBooks:
    """The paper accounts of every source, and `level`: that of all of them in equal parts."""

    def __init__(self, symbols: Iterable[Symbol], *, cost_fraction: float, band: float = 0.0) -> None:
        self._symbols = tuple(symbols)
        self._band = band
        self._cost = cost_fraction
        self._prices: dict[Symbol, float] = {}
        self.books: dict[str, PaperBook] = {}
        self.level = 1.0

    def take(self, stances: Mapping[str, Mapping[Symbol, float]]) -> None:
        """What sources want to hold from the last close on; who is not named keeps what it holds."""
        for source, said in stances.items():
            book = self.books.get(source)
            if book is None:
                book = self.books[source] = PaperBook()
            book.wanted.update(said)
            book.switching = True

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
            if book.switching:
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
            turned = old * new <= 0.0
            if old == new or not (turned or abs(new - old) >= self._band):
                continue
            paid = abs(new - old) * self._cost
            cost += paid
            earned = book.earned.get(symbol, 0.0) - paid
            if turned and old != 0.0:
                book.trades += 1
                book.streak = book.streak + 1 if earned < 0.0 else 0
                earned = 0.0
            book.earned[symbol] = earned
            book.held[symbol] = new
        book.switching = False
        return cost
