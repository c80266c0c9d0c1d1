"""Recorded order books and trades, CSV or Parquet, as one tape of events on whole ticks and lots.

Four kinds of file, told apart by their columns: Binance depth (snapshots and updates), book snapshots of
many levels as Tardis writes them, trades, and best quotes. Whatever cannot be trusted is refused with file
and line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import DataError
from market.depth_tables import Table, read_table

Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]
Real = NDArray[np.float64]

MOST_DECIMALS: Final = 12
_NOISE: Final = 1e-14  # sums of floats were recorded too: 0.0028420000000000003 is 0.002842
_LARGEST: Final = 2.0**53  # beyond it a float no longer holds every whole number
_DEPTH: Final = ("timestamp", "first_update_id", "last_update_id", "side", "update_type", "price", "qty")
_TRADES: Final = ("timestamp", "price", "quantity", "buyer_maker")
_QUOTES: Final = ("timestamp", "ask", "ask_size", "bid", "bid_size")
_SNAPSHOTS: Final = ("timestamp", "asks[0].price", "asks[0].amount", "bids[0].price", "bids[0].amount")
_KINDS: Final = {"Binance depth": _DEPTH, "book snapshots": _SNAPSHOTS, "trades": _TRADES, "quotes": _QUOTES}
_CHUNK: Final = 8192


@dataclass(frozen=True, slots=True)
class Recording:
    """What a venue showed, oldest first: one row per changed price level or per trade.

    `trade` tells the two apart. A level's row says that `quantity` lots now stand at `price` ticks, in the
    bids when `buy`; a trade's says that so many changed hands, and that the buyer came to the seller when
    `buy`. A price is `price * tick`, a quantity `quantity * lot`. Levels that leave the recorded part of a
    book count as gone. At equal times trades come first, as the levels after them already show them.
    """

    symbol: str
    tick: Decimal
    lot: Decimal
    time_ns: Whole
    trade: Flags
    buy: Flags
    price: Whole
    quantity: Whole

    def __len__(self) -> int:
        return len(self.time_ns)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The events of one file in its own numbers, and the row of the file each came from."""

    table: Table
    time_ns: Whole
    trade: bool
    buy: Flags
    price: Real
    quantity: Real
    row: Whole


def kind_of(path: Path) -> str:
    """ "Binance depth", "book snapshots", "trades" or "quotes". DataError when the columns are of none."""
    return _kind(read_table(path))


def read_recording(
    paths: Sequence[Path],
    *,
    symbol: str | None = None,
    tick: Decimal | None = None,
    lot: Decimal | None = None,
) -> Recording:
    """Read files of one symbol and put their events in order of time.

    `tick` and `lot` are the smallest steps of price and quantity; without them they follow from the decimals
    found. DataError, naming file, line and fix, for a file that is unreadable, garbled, out of order, has a
    gap in its update ids, shows a crossed book, or has prices off the tick.
    """
    if not paths:
        raise DataError("no file to read", fix="Name at least one depth, snapshot, trades or quotes file")
    parts = [_read(read_table(path)) for path in paths]
    name = _symbol([part.table for part in parts], symbol)
    tick, prices = _grid(parts, "price", tick)
    lot, quantities = _grid(parts, "quantity", lot)
    time_ns = np.concatenate([part.time_ns for part in parts])
    trade = np.concatenate([np.full(len(part.row), part.trade) for part in parts])
    rank = np.lexsort((~trade, time_ns))
    return Recording(
        name,
        tick,
        lot,
        time_ns[rank],
        trade[rank],
        np.concatenate([part.buy for part in parts])[rank],
        np.concatenate(prices)[rank],
        np.concatenate(quantities)[rank],
    )


def _kind(table: Table) -> str:
    for kind, columns in _KINDS.items():
        if all(name in table.names for name in columns):
            return kind
    wanted = "; ".join(f"{kind}: {', '.join(columns)}" for kind, columns in _KINDS.items())
    raise DataError(
        f"{table.path} has the columns {', '.join(table.names) or 'none'}, which is no recording known here",
        fix=f"Name the columns of one of these. {wanted}",
    )


def _read(table: Table) -> _Rows:
    kind = _kind(table)
    if not len(table):
        raise DataError(f"{table.path} has no rows", fix="Record or download it again")
    time_ns = table.times("timestamp")
    if kind == "Binance depth":
        return _depth(table, time_ns)
    if kind == "trades":
        price, quantity = table.positive("price"), table.positive("quantity")
        return _Rows(
            table, time_ns, True, ~table.flags("buyer_maker"), price, quantity, np.arange(len(table))
        )
    if kind == "quotes":
        asks = (table.positive("ask")[:, None], table.positive("ask_size")[:, None])
        bids = (table.positive("bid")[:, None], table.positive("bid_size")[:, None])
    else:
        asks, bids = _levels(table, "asks"), _levels(table, "bids")
    return _changes(table, time_ns, bids, asks)


def _depth(table: Table, time_ns: Whole) -> _Rows:
    """Levels as they are written; a snapshot also empties every level it does not name."""
    buy = table.one_of("side", {"b": 1, "a": 0, "bid": 1, "ask": 0, "buy": 1, "sell": 0}).astype(bool)
    snap = table.one_of("update_type", {"snap": 1, "set": 0}).astype(bool)
    price, quantity = table.positive("price"), table.positive("qty", zero=True)
    first, last = table.whole("first_update_id"), table.whole("last_update_id")
    starts = np.flatnonzero(np.concatenate(([True], np.diff(last) != 0)))
    before = table.whole("pu") if "pu" in table.names else None
    for previous, at in pairwise(starts):
        if snap[at]:
            continue
        follows = first[at] <= last[previous] + 1
        if before is not None and not snap[previous]:
            follows = before[at] == last[previous]
        if not follows or last[at] < last[previous]:
            raise DataError(
                f"{table.where(int(at))}: update {first[at]} to {last[at]} does not follow {last[previous]}",
                fix="Updates are missing here: cut the file, and start again from a snapshot",
            )
    rows = np.arange(len(table))
    part = _Rows(table, time_ns, False, buy, price, quantity, rows)
    resets = [int(at) for at in starts[1:] if snap[at]]
    return _emptied(part, last, resets) if resets else part


def _emptied(part: _Rows, last: Whole, resets: Sequence[int]) -> _Rows:
    """The rows with a zero for each level that stood before a later snapshot and is not in it."""
    shown: dict[tuple[bool, float], float] = {}
    extra: list[tuple[int, bool, float]] = []
    keys = list(zip(part.buy.tolist(), part.price.tolist(), part.quantity.tolist(), strict=True))
    begin = 0
    for at in resets:
        shown.update({(buy, price): quantity for buy, price, quantity in keys[begin:at]})
        end = at + int(np.argmax(np.append(last[at:] != last[at], True)))
        named = {(buy, price) for buy, price, _ in keys[at:end]}
        gone = [key for key, quantity in shown.items() if quantity and key not in named]
        extra += [(at, buy, price) for buy, price in gone]
        shown = {}
        begin = at
    where = np.array([at for at, _, _ in extra], np.int64)
    return _Rows(
        part.table,
        np.insert(part.time_ns, where, part.time_ns[where]),
        False,
        np.insert(part.buy, where, [buy for _, buy, _ in extra]),
        np.insert(part.price, where, [price for _, _, price in extra]),
        np.insert(part.quantity, where, 0.0),
        np.insert(part.row, where, where),
    )


def _levels(table: Table, side: str) -> tuple[Real, Real]:
    """Prices and quantities, one row per snapshot; NaN and 0 where the side has no more levels."""
    count = 0
    while f"{side}[{count}].price" in table.names and f"{side}[{count}].amount" in table.names:
        count += 1
    prices = np.stack([table.optional(f"{side}[{level}].price") for level in range(count)], axis=1)
    amounts = np.stack([table.optional(f"{side}[{level}].amount") for level in range(count)], axis=1)
    half = np.isnan(prices) != np.isnan(amounts)
    bad = half | (prices <= 0) | (amounts < 0)
    order = np.diff(prices, axis=1)
    bad[:, 1:] |= (order >= 0) if side == "bids" else (order <= 0)
    if bad.any():
        row, level = (int(index) for index in np.argwhere(bad)[0])
        raise DataError(
            f"{table.where(row)}: {side}[{level}] has the price {prices[row, level]:g} and the amount "
            f"{amounts[row, level]:g}",
            fix="Prices are above zero and go away from the middle, each with its amount; repair the line",
        )
    return prices, np.nan_to_num(amounts)


def _changes(table: Table, time_ns: Whole, bids: tuple[Real, Real], asks: tuple[Real, Real]) -> _Rows:
    """What each row of whole books changed against the row before it: first what went, then what is there."""
    crossed = bids[0][:, 0] >= asks[0][:, 0]
    if crossed.any():
        row = int(np.argmax(crossed))
        raise DataError(
            f"{table.where(row)}: the best bid {bids[0][row, 0]:g} is not below the ask {asks[0][row, 0]:g}",
            fix="Remove or repair the line",
        )
    found: list[tuple[Any, ...]] = []
    for buy, (prices, amounts) in ((True, bids), (False, asks)):
        for begin in range(0, len(prices), _CHUNK):
            now, held = prices[begin : begin + _CHUNK], amounts[begin : begin + _CHUNK]
            past = np.vstack((prices[begin - 1 : begin] if begin else now[:1] * np.nan, now[:-1]))
            kept = np.vstack((amounts[begin - 1 : begin] if begin else held[:1] * 0, held[:-1]))
            same = now[:, :, None] == past[:, None, :]
            was = (same * kept[:, None, :]).sum(axis=2)
            for mask, price, quantity, late in (
                ((kept > 0) & ~same.any(axis=1), past, kept * 0, 0),
                ((held != was) & ~np.isnan(now), now, held, 1),
            ):
                at = np.nonzero(mask)[0]
                size = len(at)
                found.append(
                    (at + begin, np.full(size, late), np.full(size, buy), price[mask], quantity[mask])
                )
    rows, lates, buys, priced, held = (np.concatenate(column) for column in zip(*found, strict=True))
    rank = np.lexsort((lates, rows))
    rows = rows[rank]
    return _Rows(table, time_ns[rows], False, buys[rank], priced[rank], held[rank], rows)


def _symbol(tables: Sequence[Table], wanted: str | None) -> str:
    found: dict[str, str] = {}
    for table in tables:
        for name in table.symbols():
            found.setdefault(_plain(name), f"{name} in {table.path}")
    if len(found) > 1:
        raise DataError(
            f"the files are of several symbols: {', '.join(found.values())}", fix="Read one symbol at a time"
        )
    if wanted is not None and found and _plain(wanted) not in found:
        raise DataError(f"the recording is of {next(iter(found.values()))}, not of {wanted}")
    return wanted or next(iter(found), "")


def _plain(symbol: str) -> str:
    return "".join(letter for letter in symbol.upper() if letter.isalnum())


def _grid(parts: Sequence[_Rows], name: str, step: Decimal | None) -> tuple[Decimal, list[Whole]]:
    """Whole steps of one column of all parts, and the step: as given, or by the decimals that are used."""
    columns: list[Real] = [getattr(part, name) for part in parts]
    digits = 0
    for part, column in zip(parts, columns, strict=True):
        while (longer := np.abs(np.round(column, digits) - column) > _NOISE * np.maximum(1, column)).any():
            if digits == MOST_DECIMALS:
                row = int(part.row[int(np.argmax(longer))])
                raise DataError(
                    f"{part.table.where(row)}: a {name} has more than {MOST_DECIMALS} decimals",
                    fix="Round it to what the venue trades",
                )
            digits += 1
    if step is not None:
        digits = max(digits, -int(step.as_tuple().exponent))
    step = Decimal(1).scaleb(-digits) if step is None else step
    size = int(step.scaleb(digits))
    made: list[Whole] = []
    for part, column in zip(parts, columns, strict=True):
        scaled = np.rint(column * 10.0**digits)
        off = (scaled >= _LARGEST) | (scaled % size != 0)
        if off.any():
            at = int(np.argmax(off))
            raise DataError(
                f"{part.table.where(int(part.row[at]))}: the {name} {column[at]} is no multiple of {step}",
                fix="Repair the line, or give the venue's own step",
            )
        made.append(scaled.astype(np.int64) // size)
    return step, made
