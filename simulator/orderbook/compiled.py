"""The compiled lane: a tape played on arrays, trade for trade and refusal for refusal like the plain one."""

from __future__ import annotations

from typing import Final

import numpy as np

from simulator.orderbook.tape import Action, Outcome, Tape

WIDEST: Final = (
    1 << 24
)  # ticks between the lowest and the highest limit price of a tape; a level takes 16 bytes


def run_tape(tape: Tape) -> Outcome:
    """Play a tape; the outcome equals that of `simulator.orderbook.tape.run_tape`.

    The first call in a process compiles for some seconds. ValueError when the limit prices of the tape lie
    further apart than WIDEST ticks, as a level is found by its price.
    """
    from simulator.orderbook import kernel

    count = len(tape)
    limits = tape.price[(tape.action == Action.LIMIT) & (tape.price > 0)]
    lowest, highest = (int(limits.min()), int(limits.max())) if len(limits) else (1, 1)
    if highest - lowest >= WIDEST:
        raise ValueError(
            f"the limit prices lie {highest - lowest} ticks apart, more than {WIDEST}; use a coarser tick, "
            "or the plain lane"
        )
    levels = np.empty(highest - lowest + 3, kernel.LEVEL)
    levels["head"] = levels["tail"] = kernel.NONE
    levels["total"] = 0
    levels["total"][[0, -1]] = 1
    orders = np.zeros(count, kernel.ORDER)
    status, amount = np.empty(count, np.uint8), np.empty(count, np.int64)
    # A trade ends its maker or its taker, and so does a prevented one, and an order ends once.
    trades, prevented = np.empty((2 * count, 4), np.int64), np.empty((2 * count, 3), np.int64)
    columns = (
        tape.action,
        tape.order_id,
        tape.owner,
        tape.buy,
        tape.price,
        tape.quantity,
        tape.tif,
        tape.post_only,
        tape.prevention,
    )
    traded, kept = kernel.play(*columns, lowest, levels, orders, status, amount, trades, prevented)
    resting = kernel.resting(levels, orders, lowest)
    return Outcome(status, amount, trades[:traded], prevented[:kept], resting)
