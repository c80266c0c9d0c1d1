"""The state of one compiled replay: arrays that the functions of replay_kernel.py read and change.

A strategy is a function compiled with `simulator.orderbook.jit.compiled` that takes a session and calls
`advance`, `send_limit`, `send_market`, `send_cancel` and the questions of replay_kernel.py. What happens is
what `BookReplay` (replay.py) does with the same requests.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from market.depth_files import Recording
from simulator.orderbook.compiled import WIDEST
from simulator.orderbook.replay import OwnFill, State

LEVEL: Final = np.dtype([("shown", "i8"), ("taken", "i8")])
ORDER: Final = np.dtype(
    [("price", "i8"), ("left", "i8"), ("ahead", "f8"), ("traded", "i8"), ("state", "u1"), ("buy", "?")],
    align=True,
)
REQUEST: Final = np.dtype(
    [("arrival", "i8"), ("order_id", "i8"), ("kind", "u1"), ("tif", "u1"), ("post_only", "?")], align=True
)
# Places in `numbers`; of BEST and COUNT there is one for each side, asks first: BEST + buy.
NEXT, NOW, BEST, COUNT, FIRST, SENT, FILLS, POSITION, LATENCY, POWER, LOWEST = (
    0,
    1,
    2,
    4,
    6,
    7,
    8,
    9,
    10,
    11,
    12,
)


class Session(NamedTuple):
    """A recording, the book it shows now, and own orders by id. Prices in ticks, quantities in lots."""

    time_ns: NDArray[np.int64]
    trade: NDArray[np.bool_]
    buy: NDArray[np.bool_]
    price: NDArray[np.int64]
    quantity: NDArray[np.int64]
    levels: NDArray[np.void]  # asks and bids by price: level 1 is the lowest one; both ends are sentinels
    orders: NDArray[np.void]  # by order id
    own: NDArray[np.int64]  # ids of own resting asks and bids, best price first, then oldest
    requests: NDArray[np.void]  # a ring of what is on its way
    fills: NDArray[np.int64]  # time, order id, price, quantity, maker
    numbers: NDArray[np.int64]


def open_session(
    recording: Recording,
    *,
    orders: int,
    fills: int | None = None,
    on_way: int = 1024,
    latency_ns: int = 0,
    power: int = 2,
) -> Session:
    """A replay at its start, with room for ids below `orders`, so many fills, and requests on their way.

    ValueError when the recorded prices lie further apart than WIDEST ticks, or a number is out of range. The
    compiled functions raise ValueError when the room is used up.
    """
    if orders < 1 or on_way < 1 or latency_ns < 0 or power < 1:
        raise ValueError("orders, on_way and power must be at least 1, and the latency not negative")
    levels = recording.price[~recording.trade]
    lowest, highest = (int(levels.min()), int(levels.max())) if len(levels) else (1, 1)
    if highest - lowest >= WIDEST:
        raise ValueError(f"the recorded prices lie {highest - lowest} ticks apart, more than {WIDEST}")
    size = highest - lowest + 3
    sides: Any = np.zeros((2, size), LEVEL)
    sides["shown"][:, [0, -1]] = 1
    numbers = np.zeros(13, np.int64)
    numbers[[NOW, BEST, LATENCY, POWER, LOWEST]] = (
        recording.time_ns[0] if len(recording) else 0,
        size - 1,
        latency_ns,
        power,
        lowest,
    )
    return Session(
        time_ns=np.ascontiguousarray(recording.time_ns),
        trade=np.ascontiguousarray(recording.trade),
        buy=np.ascontiguousarray(recording.buy),
        price=np.ascontiguousarray(recording.price),
        quantity=np.ascontiguousarray(recording.quantity),
        levels=sides,
        orders=np.zeros(orders, ORDER),
        own=np.zeros((2, orders), np.int64),
        requests=np.zeros(on_way, REQUEST),
        fills=np.zeros((4 * orders if fills is None else fills, 5), np.int64),
        numbers=numbers,
    )


def fills_of(session: Session) -> list[OwnFill]:
    """What own orders did so far, in order of time."""
    rows = session.fills[: session.numbers[FILLS]].tolist()
    return [OwnFill(at, order, price, quantity, bool(maker)) for at, order, price, quantity, maker in rows]


def state_of(session: Session, order_id: int) -> tuple[State | None, int]:
    """Where an order stands and what is left of it; None when it was never sent."""
    order = session.orders[order_id]
    return (State(order["state"]) if order["state"] else None), int(order["left"])
