"""A tape of a million commands to one order book: seeded, and shaped like a busy venue's.

Limit orders rest near a wandering middle price, nine in ten are cancelled a little later, a few cross, and
market orders take from the touch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from simulator.orderbook.tape import Tape

COMMANDS: Final = 1_000_000
SEED: Final = 11
MIDDLE: Final = 100_000  # ticks
ADDED, TAKEN, REDUCED = 0.48, 0.06, 0.02  # shares of the commands; the rest cancels
CANCELLED = 0.95  # of the limit orders, sooner or later
LIFE: Final = 600  # commands from arrival to cancel, on average
DISTANCE: Final = 0.25  # chance that a limit order stops at the next tick from the touch outwards
CROSSING: Final = 0.03  # share of the limit orders priced through the touch


def order_tape(commands: int = COMMANDS, seed: int = SEED) -> Tape:
    """The same tape on every machine. Cancels may come too late, as they do."""
    from simulator.orderbook.tape import Action, Tape

    random = np.random.Generator(np.random.PCG64(seed))
    adds, takes, cuts = (int(commands * share) for share in (ADDED, TAKEN, REDUCED))
    added_at = np.sort(random.uniform(0, commands, adds))
    chosen = random.permutation(adds)
    gone = np.sort(chosen[: int(adds * CANCELLED)])[: commands - adds - takes - cuts]
    left_at = added_at[gone] + random.exponential(LIFE, len(gone))
    cut = np.sort(chosen[-cuts:])
    cut_at = added_at[cut] + random.exponential(LIFE / 4, cuts)
    taken_at = random.uniform(0, commands, takes)
    middle = MIDDLE + np.cumsum(random.choice((-1, 0, 1), commands + 1, p=(0.003, 0.994, 0.003)))

    when = np.concatenate((added_at, left_at, cut_at, taken_at))
    kind = np.repeat(
        (Action.LIMIT, Action.CANCEL, Action.REDUCE, Action.MARKET), (adds, len(gone), cuts, takes)
    )
    order = np.concatenate((np.arange(adds), gone, cut, adds + np.arange(takes)))
    buy = random.random(adds) < 0.5
    away = random.geometric(DISTANCE, adds)
    away = np.where(random.random(adds) < CROSSING, -2, away)
    price = middle[added_at.astype(np.int64)] + np.where(buy, -away, away)
    size = np.maximum(1, random.lognormal(2.5, 1.0, adds).astype(np.int64))
    nothing = np.zeros(len(gone) + cuts, np.int64)
    columns = {
        "action": kind,
        "order_id": order,
        "owner": order % 64,
        "buy": np.concatenate((buy, nothing, random.random(takes) < 0.5)),
        "price": np.concatenate((price, nothing, np.zeros(takes, np.int64))),
        "quantity": np.concatenate(
            (size, nothing[: len(gone)], np.ones(cuts, np.int64), random.geometric(0.05, takes))
        ),
        "tif": np.concatenate((np.where(away < 0, random.integers(0, 2, adds), 0), nothing, np.zeros(takes))),
        "post_only": np.zeros(len(when)),
        "prevention": np.zeros(len(when)),
    }
    rank = np.argsort(when, kind="stable")
    return Tape.from_columns(**{name: column[rank] for name, column in columns.items()})
