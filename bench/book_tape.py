"""A recorded book of a million events, seeded: levels that change and trades around a wandering middle.

`python -m bench.book_tape FILE` writes it; a peer's script reads the file with numpy alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

EVENTS: Final = 1_000_000
SEED: Final = 12
MIDDLE: Final = 100_000  # ticks
START_NS: Final = 1_577_836_800_000_000_000  # 2020-01-01T00:00:00Z
SPACING_NS: Final = 1_000_000  # between events, on average
TRADES, MOVES, EMPTIED = 0.1, 0.02, 0.2  # shares of the events, and of the levels that go


def book_tape(events: int = EVENTS, seed: int = SEED) -> dict[str, npt.NDArray[Any]]:
    """Columns time_ns, trade, buy, price (ticks) and quantity (lots), as in `Recording`. Never crossed.

    A level changes a few ticks from the middle; a trade takes from the touch. When the middle moves a tick,
    the level it moves onto goes.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    what = random.random(events)
    trade, moved = what < TRADES, what >= 1 - MOVES
    buy = random.random(events) < 0.5
    # On a move `buy` says that the bids go at the new middle: it moves down.
    middle = MIDDLE + np.cumsum(np.where(moved, np.where(buy, -1, 1), 0))
    away = np.where(trade, 1, random.geometric(0.2, events))
    price = middle + np.where(trade == buy, away, -away)
    price[moved] = middle[moved]
    quantity = 1 + random.lognormal(3.0, 1.0, events).astype(np.int64)
    quantity[~trade & (random.random(events) < EMPTIED)] = 0
    quantity[moved] = 0
    return {
        "time_ns": START_NS + np.cumsum(random.exponential(SPACING_NS, events).astype(np.int64)),
        "trade": trade,
        "buy": buy,
        "price": price,
        "quantity": quantity,
    }


def book_file(folder: Path, events: int = EVENTS) -> Path:
    """The tape as an .npz file in `folder`, made when it is not there."""
    path = folder / f"book-{SEED}-{events}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft.npz")
        np.savez(draft, **book_tape(events))  # type: ignore[arg-type]  # numpy's stub also knows allow_pickle=
        draft.replace(path)
    return path


if __name__ == "__main__":
    print(book_file(Path(sys.argv[1])))
