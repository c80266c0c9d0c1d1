"""What a venue answered, looked at hard before anyone uses it: nonsense is refused, never repaired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import isfinite
from typing import Any, Final

import numpy as np

from domain.clock import EPOCH, to_ns
from domain.errors import DataError, MoneyError
from domain.instrument import Instrument
from domain.market import BookLevel, OrderBook, Timeframe
from domain.money import ZERO, Price, Symbol
from market.bars import Bars

LEVELS: Final = 20
_NS_PER_MS: Final = 1_000_000
_COLUMNS: Final = 6
_AHEAD: Final = timedelta(seconds=5)
"""How far a venue's stamp may lie ahead of our reckoning of its clock before it is nonsense."""


@dataclass(frozen=True, slots=True)
class CheckedBook:
    """A book that holds together; `nonce` is the venue's number for this state of it, when it gives one."""

    book: OrderBook
    nonce: int | None


def closed_bars(rows: Any, symbol: Symbol, timeframe: Timeframe, now: datetime) -> Bars:
    """The bars among `rows` that had closed at `now`, as ccxt words them: [ms, o, h, l, c, volume].

    Bars still running are left out. Raises DataError, naming the bar, for anything that cannot be: a row of
    another shape, a number that is none, a price at or under zero, a high that is not the highest, times
    that are off the grid, out of order, twice, or ahead of the venue's own clock.
    """
    if not isinstance(rows, Sequence) or isinstance(rows, str | bytes):
        raise DataError(f"the venue answered {type(rows).__name__} where candles belong")
    length, limit_ns = timeframe.seconds * 1000, to_ns(now)
    table = np.empty((len(rows), _COLUMNS))
    previous = -1
    for index, row in enumerate(rows):
        values = _row(row, symbol)
        opened = int(values[0])
        if opened % length or opened <= previous:
            raise DataError(f"a candle opens at {opened} ms, off the {timeframe} grid or not in order")
        if opened * _NS_PER_MS > limit_ns + to_ns(EPOCH + _AHEAD):
            raise DataError(f"a candle opens at {opened} ms, which has not come yet")
        previous = opened
        _check_prices(values, symbol, opened)
        table[index] = values
    open_ns = table[:, 0].astype(np.int64) * _NS_PER_MS
    close_ns = open_ns + timeframe.seconds * 1_000_000_000
    closed = int(np.searchsorted(close_ns, limit_ns, side="right"))
    columns = (np.ascontiguousarray(table[:closed, column]) for column in range(1, _COLUMNS))
    return Bars(symbol, timeframe, open_ns[:closed], close_ns[:closed], *columns)


def _row(row: Any, symbol: Symbol) -> tuple[float, ...]:
    try:
        values = tuple(float(value) for value in row[:_COLUMNS])
    except (TypeError, ValueError, KeyError):
        values = ()
    if len(values) != _COLUMNS or not all(map(isfinite, values)):
        raise DataError(f"{_short(row)} is not a candle")
    return values


def _check_prices(values: tuple[float, ...], symbol: Symbol, opened: int) -> None:
    _, first, high, low, last, volume = values
    if not (0 < low <= min(first, last) and max(first, last) <= high and volume >= 0):
        raise DataError(f"the candle that opens at {opened} ms contradicts itself: {values[1:]}")


def checked_book(answer: Any, instrument: Instrument, asked_at: datetime, now: datetime) -> CheckedBook:
    """An order book as ccxt words it, on the instrument's grids, with at most LEVELS levels a side.

    Its `as_of` is the venue's stamp, or the moment of asking when it gives none. Raises DataError for a
    book that is empty on a side, crossed, out of order, not made of numbers above zero, or from the future.
    """
    symbol = instrument.symbol
    try:
        bids = _side(answer["bids"], instrument)
        asks = _side(answer["asks"], instrument)
        stamp, nonce = answer.get("timestamp"), answer.get("nonce")
        as_of = asked_at if stamp is None else EPOCH + timedelta(milliseconds=float(stamp))
    except (
        TypeError,
        ValueError,
        KeyError,
        AttributeError,
        IndexError,
        ArithmeticError,
        MoneyError,
    ) as error:
        raise DataError(f"the venue's order book cannot be read: {_short(error)}") from None
    if not bids or not asks:
        raise DataError(f"the order book is empty on {'both sides' if bids == asks else 'one side'}")
    for side, falls in ((bids, True), (asks, False)):
        if any(
            (near.price > far.price) is not falls or near.price == far.price for near, far in pairwise(side)
        ):
            raise DataError("the order book is out of order")
    if bids[0].price >= asks[0].price:
        raise DataError(f"the order book is crossed: {bids[0].price:f} bid, {asks[0].price:f} asked")
    if as_of > now + _AHEAD:
        raise DataError(f"the order book is stamped {as_of.isoformat()}, which has not come yet")
    return CheckedBook(
        OrderBook(symbol, min(as_of, now), bids, asks), nonce if isinstance(nonce, int) else None
    )


def _side(levels: Any, instrument: Instrument) -> tuple[BookLevel, ...]:
    made: list[BookLevel] = []
    for level in levels[:LEVELS]:
        price, amount = float(level[0]), float(level[1])
        if not (isfinite(price) and isfinite(amount) and price > 0 and amount >= 0):
            raise ValueError(f"{level} is not a level")
        quantity = instrument.quantity(amount)
        if quantity > ZERO:  # less than a step cannot be traded
            made.append(BookLevel(Price(instrument.price(price)), quantity))
    return tuple(made)


def _short(thing: object) -> str:
    text = " ".join(str(thing).split())
    return text if len(text) <= 80 else text[:77] + "..."
