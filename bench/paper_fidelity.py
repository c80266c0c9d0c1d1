"""Replays recorded books and trades against the desk's own matching: `python -m bench.paper_fidelity FOLDER`.

Every recording in the folder is read alone, snapshots are joined with the updates beside them, and books with
the trades of the same time. Market orders of several sizes are sent at moments spread over each, and every
fill must equal a walk of the recorded book, done here in a few lines of its own. Limit orders rest at and
behind the touch, and none may fill more, or earlier, than the tape allows to one whose every doubt is decided
in its favour. Prints JSON; exit code 1 when a single order breaks the rule.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np

from domain.errors import DataError
from market.depth_files import Recording, kind_of, read_recording
from simulator.orderbook.replay import BookReplay, Kind, OwnFill, Request

MOMENTS: Final = 25
Walk = list[tuple[int, int]]
Book = tuple[dict[int, int], dict[int, int]]  # quantity by price: asks, bids


@dataclass(slots=True)
class Findings:
    """What was tried on one recording. `skipped` says why nothing was."""

    files: list[str]
    events: int = 0
    market_orders: int = 0
    market_exact: int = 0
    limit_orders: int = 0
    limit_fills: int = 0
    limit_better_than_tape: int = 0
    skipped: str = ""


def book_at(recording: Recording, at: int) -> Book:
    """What the recording shows at a time, in rows of its own last words."""
    book: Book = ({}, {})
    rows = np.flatnonzero(~recording.trade & (recording.time_ns <= at))
    for row in rows.tolist():
        book[int(recording.buy[row])][int(recording.price[row])] = int(recording.quantity[row])
    asks, bids = ({price: left for price, left in side.items() if left} for side in book)
    return asks, bids


def walk(book: Book, buy: bool, quantity: int) -> Walk:
    """How a market order of that size must fill: price and quantity, level by level."""
    side, made = book[int(not buy)], []
    for price in sorted(side, reverse=not buy):
        taken = min(quantity, side[price])
        quantity -= taken
        if taken:
            made.append((price, taken))
    return made


def allowed(recording: Recording, buy: bool, price: int, since: int) -> Iterator[tuple[int, int]]:
    """For an order resting since a time, what can have been filled by the end of each later time, at most.

    It gains from trades through its price, from trades at its price beyond the queue, and from whatever the
    other side came to offer at its price or better. Cancellations always come from ahead of it.
    """
    asks, bids = book_at(recording, since)
    own, other = (bids, asks) if buy else (asks, bids)
    queue, explained, most = own.get(price, 0), 0, 0
    rows = np.flatnonzero(recording.time_ns > since).tolist()
    for place, row in enumerate(rows):
        at, quantity = int(recording.price[row]), int(recording.quantity[row])
        through = at < price if buy else at > price
        against = bool(recording.buy[row]) != buy
        if recording.trade[row]:
            if against and through:
                most, queue = most + quantity, 0
            elif against and at == price:
                most += max(0, quantity - queue)
                queue, explained = max(0, queue - quantity), explained + quantity
        elif against:
            if through or at == price:
                most += max(0, quantity - other.get(at, 0))
            other[at] = quantity
        elif at == price:
            fall = max(0, own.get(at, 0) - quantity - explained)
            queue, explained = min(max(0, queue - fall), quantity), 0
            own[at] = quantity
        time = int(recording.time_ns[row])
        if place + 1 == len(rows) or recording.time_ns[rows[place + 1]] != time:
            yield time, most


def moments(recording: Recording) -> list[int]:
    """Times spread evenly over the recording."""
    times = np.unique(recording.time_ns)
    return [int(time) for time in times[np.unique(np.linspace(0, len(times) - 1, MOMENTS).astype(int))]]


def send(recording: Recording, at: int, request: Request, *, to_the_end: bool) -> list[OwnFill]:
    """Fills of one order sent at a time, alone in its own replay."""
    replay = BookReplay(recording)
    replay.advance(at)
    replay.send(request)
    replay.advance(int(recording.time_ns[-1]) if to_the_end else at)
    return replay.fills


def try_market_orders(recording: Recording, found: Findings) -> None:
    for at in moments(recording):
        book = book_at(recording, at)
        for buy in (True, False):
            side = book[int(not buy)]
            there = sum(side.values())
            best = side[min(side) if buy else max(side)] if side else 0
            for size in sorted({1, best, best + 1, there // 2, there, there + 1} - {0}):
                request = Request(Kind.MARKET, 1, buy, quantity=size)
                fills = send(recording, at, request, to_the_end=False)
                found.market_orders += 1
                found.market_exact += [(fill.price, fill.quantity) for fill in fills] == walk(book, buy, size)


def try_limit_orders(recording: Recording, found: Findings) -> None:
    for at in moments(recording)[:-1]:
        asks, bids = book_at(recording, at)
        if not asks or not bids or max(bids) >= min(asks):
            continue
        for buy, touch, step in ((True, max(bids), 1), (False, min(asks), -1)):
            size = max(1, (bids if buy else asks)[touch] // 2)
            inside = {touch + step} if min(asks) - max(bids) > 1 else set()
            for price in sorted({touch, touch - step, touch - 5 * step} | inside):
                request = Request(Kind.LIMIT, 1, buy, price, size, post_only=True)
                found.limit_orders += 1
                judge(recording, at, request, found)


def judge(recording: Recording, at: int, request: Request, found: Findings) -> None:
    """Count the fills of a resting order, and those that the tape did not allow."""
    fills = send(recording, at, request, to_the_end=True)
    found.limit_fills += len(fills)
    if not fills:
        return
    most = dict(allowed(recording, request.buy, request.price, at))
    filled = 0
    for fill in fills:
        filled += fill.quantity
        if fill.price != request.price or not fill.maker or filled > most.get(fill.time_ns, 0):
            found.limit_better_than_tape += 1


def groups(folder: Path) -> list[list[Path]]:
    """Files to replay together: each book alone, updates after snapshots, and books with trades."""
    kinds: dict[Path, str] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in (".csv", ".parquet", ".gz"):
            kinds[path] = kind_of(path)
    books = [path for path, kind in kinds.items() if kind != "trades"]
    trades = [path for path, kind in kinds.items() if kind == "trades"]
    depth = [path for path in books if kinds[path] == "Binance depth"]
    pairs = [list(pair) for pair in combinations(depth, 2)]
    return [[path] for path in books] + pairs + [[book, trade] for book in books for trade in trades]


def examine(paths: Sequence[Path]) -> Findings:
    """Everything tried on one group of files."""
    found = Findings([path.name for path in paths])
    try:
        recording = read_recording(paths)
    except DataError as error:
        found.skipped = str(error)
        return found
    found.events = len(recording)
    if recording.trade.any():
        times = recording.time_ns
        book, trade = times[~recording.trade], times[recording.trade]
        if book[-1] < trade[0] or trade[-1] < book[0]:
            found.skipped = "the book and the trades are of different times"
            return found
    try_market_orders(recording, found)
    try_limit_orders(recording, found)
    return found


def main() -> int:
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("usage: python -m bench.paper_fidelity FOLDER", file=sys.stderr)
        return 2
    try:
        findings = [examine(paths) for paths in groups(Path(sys.argv[1]))]
    except DataError as error:
        print(f"paper_fidelity: {error}", file=sys.stderr)
        return 1
    told: dict[str, object] = {
        name: sum(getattr(each, name) for each in findings)
        for name in ("market_orders", "market_exact", "limit_orders", "limit_fills", "limit_better_than_tape")
    }
    told["recordings"] = [asdict(each) for each in findings]
    print(json.dumps(told, indent=2))
    tried = told["market_orders"]
    return 0 if tried and tried == told["market_exact"] and not told["limit_better_than_tape"] else 1


if __name__ == "__main__":
    sys.exit(main())
