"""The changes of one side of a book, as streams tell them."""

from __future__ import annotations

from decimal import Decimal

from simulator.wire.figures import number

Levels = dict[Decimal, Decimal]


def changes(old: Levels, new: Levels) -> list[list[str]]:
    """The levels that turn one side of a book into another; a size of 0 takes a level away."""
    gone = [[number(price), "0"] for price in old if price not in new]
    return gone + [[number(price), number(size)] for price, size in new.items() if old.get(price) != size]
