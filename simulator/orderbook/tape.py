"""A tape of commands to one order book, in columns, and what playing it did: the form both lanes share.

The plain lane plays it on `PriceTimeBook`, the compiled lane (compiled.py) on arrays; a property test holds
their outcomes equal.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.orderbook.messages import End, SelfTrade, Tif
from simulator.orderbook.reference import PriceTimeBook


class Action(IntEnum):
    """What a command asks: an order that may rest, one that may not, or a change to a resting one."""

    LIMIT = 0
    MARKET = 1  # its price is the worst it takes; 0: any
    CANCEL = 2
    REDUCE = 3  # by its quantity


class Status(IntEnum):
    """How a command ended. DONE with an amount left over means that it rests."""

    DONE = 0
    UNFILLED = 1
    FILL_OR_KILL = 2
    POST_ONLY = 3
    SELF_TRADE = 4
    INVALID = 5  # what PriceTimeBook answers with ValueError
    ABSENT = 6  # cancel or reduce of an order that is not in the book


# As plain numbers: a member of an enumeration takes longer to find than a command takes to play.
_LIMIT, _MARKET, _CANCEL = int(Action.LIMIT), int(Action.MARKET), int(Action.CANCEL)
_INVALID, _ABSENT = int(Status.INVALID), int(Status.ABSENT)
_ENDED: dict[str, int] = {
    End.UNFILLED: int(Status.UNFILLED),
    End.FILL_OR_KILL: int(Status.FILL_OR_KILL),
    End.POST_ONLY: int(Status.POST_ONLY),
    End.SELF_TRADE: int(Status.SELF_TRADE),
}


class Command(NamedTuple):
    """One row of a tape. Prices in ticks, quantities in lots."""

    action: Action
    order_id: int
    owner: int = 0
    buy: bool = False
    price: int = 0
    quantity: int = 0
    tif: Tif = Tif.GTC
    post_only: bool = False
    prevention: SelfTrade = SelfTrade.NONE


_TYPES: dict[str, type[np.generic]] = {
    "action": np.uint8,
    "order_id": np.int32,
    "owner": np.int32,
    "buy": np.bool_,
    "price": np.int64,
    "quantity": np.int64,
    "tif": np.uint8,
    "post_only": np.bool_,
    "prevention": np.uint8,
}


@dataclass(frozen=True, slots=True)
class Tape:
    """Commands in columns, one row each, in the order they arrive.

    An order id names one order and is below the number of rows, so that the lanes can index by it. Built by
    `of` or `from_columns`, which check that.
    """

    action: NDArray[np.uint8]
    order_id: NDArray[np.int32]
    owner: NDArray[np.int32]
    buy: NDArray[np.bool_]
    price: NDArray[np.int64]
    quantity: NDArray[np.int64]
    tif: NDArray[np.uint8]
    post_only: NDArray[np.bool_]
    prevention: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.action)

    @staticmethod
    def of(commands: Iterable[Command]) -> Tape:
        """The columns of some rows. ValueError as in `from_columns`."""
        rows = list(commands)
        return Tape.from_columns(
            **{name: np.array([getattr(row, name) for row in rows], np.int64) for name in _TYPES}
        )

    @staticmethod
    def from_columns(**columns: NDArray[Any]) -> Tape:
        """A tape of whole columns.

        ValueError when one is missing or of another length, or an id, a flag or an action is out of range.
        """
        if set(columns) != set(_TYPES):
            raise ValueError(f"a tape has the columns {', '.join(_TYPES)}; not {', '.join(sorted(columns))}")
        count = len(columns["action"])
        highest = {
            "action": max(Action),
            "tif": max(Tif),
            "prevention": max(SelfTrade),
            "order_id": count - 1,
        }
        made: dict[str, Any] = {}
        for name, column in columns.items():
            if len(column) != count:
                raise ValueError(f"column {name} has {len(column)} rows; action has {count}")
            if name in highest and count and not 0 <= column.min() <= column.max() <= highest[name]:
                raise ValueError(f"column {name} must lie in 0 to {highest[name]}")
            made[name] = np.ascontiguousarray(column, dtype=_TYPES[name])
        return Tape(**made)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tape did. Per command: `status` and `amount`; per trade and per prevented trade: one row.

    `amount` is what rests of an order, what a cancelled one had left, or what a reduced one has left. Rows of
    `trades` are maker, taker, price, quantity. Rows of `prevented` are maker, taker and the quantity that
    self-trade prevention took off the maker, 0 when it removed it. Rows of `resting` are the final book: id,
    price, quantity, best bid first, then best ask first, each price in order of arrival.
    """

    status: NDArray[np.uint8]
    amount: NDArray[np.int64]
    trades: NDArray[np.int64]
    prevented: NDArray[np.int64]
    resting: NDArray[np.int64]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Outcome):
            return NotImplemented
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in _PARTS)

    __hash__ = None  # type: ignore[assignment]  # arrays can change


_PARTS = tuple(field.name for field in fields(Outcome))


def run_tape(tape: Tape) -> Outcome:
    """Play a tape on the plain book."""
    book = PriceTimeBook()
    limit, market, cancel = book.limit, book.market, book.cancel
    tifs, preventions = tuple(Tif), tuple(SelfTrade)
    # Flat columns of integers: a million small tuples would keep the garbage collector busy.
    status, amount, trades, prevented = bytearray(), array("q"), array("q"), array("q")
    columns = (getattr(tape, name).tolist() for name in _TYPES)
    for action, order_id, owner, buy, price, quantity, tif, post_only, prevention in zip(
        *columns, strict=True
    ):
        try:
            if action == _CANCEL:
                left = cancel(order_id)
                status.append(0 if left else _ABSENT)
                amount.append(left)
                continue
            if action == _LIMIT:
                done = limit(
                    order_id,
                    owner,
                    buy,
                    price,
                    quantity,
                    tif=tifs[tif],
                    post_only=post_only,
                    prevention=preventions[prevention],
                )
            elif action == _MARKET:
                done = market(
                    order_id, owner, buy, quantity, worst=price or None, prevention=preventions[prevention]
                )
            else:
                status.append(0 if book.reduce(order_id, quantity) else _ABSENT)
                amount.append(book.left(order_id))
                continue
        except ValueError:
            status.append(_INVALID)
            amount.append(0)
            continue
        made, rested, ended, removed, cut, _ = done
        for trade in made:
            trades.extend(trade)
        for maker in removed:
            prevented.extend((maker, order_id, 0))
        for maker, taken in cut:
            prevented.extend((maker, order_id, taken))
        status.append(_ENDED[ended] if ended else 0)
        amount.append(rested)
    return Outcome(
        np.frombuffer(status, np.uint8),
        np.array(amount, np.int64),
        np.array(trades, np.int64).reshape(-1, 4),
        np.array(prevented, np.int64).reshape(-1, 3),
        np.array(book.resting(), np.int64).reshape(-1, 3),
    )
