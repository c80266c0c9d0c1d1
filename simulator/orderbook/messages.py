"""The words of the order book: how an order may act, and what it did. Prices in ticks, quantities in lots."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple


class Tif(IntEnum):
    """How long a limit order lives: until cancelled, for what it meets at once, or whole at once or never."""

    GTC = 0
    IOC = 1
    FOK = 2


class SelfTrade(IntEnum):
    """What happens when an order meets a resting order of its own owner.

    NONE lets them trade. EXPIRE_TAKER ends what is left of the incoming order, EXPIRE_MAKER removes the
    resting one and goes on, EXPIRE_BOTH does both. DECREMENT takes the smaller quantity off both, without a
    trade: the one that comes to nothing ends.
    """

    NONE = 0
    EXPIRE_TAKER = 1
    EXPIRE_MAKER = 2
    EXPIRE_BOTH = 3
    DECREMENT = 4


class End(StrEnum):
    """Why an incoming order ended with something left of it."""

    UNFILLED = "unfilled"  # IOC or market: nothing more to meet at its price
    FILL_OR_KILL = "fill_or_kill"  # FOK: it could not be filled whole, so nothing was touched
    POST_ONLY = "post_only"  # it would have traded at once, so nothing was touched
    SELF_TRADE = "self_trade"  # self-trade prevention ended it


class Trade(NamedTuple):
    """One execution, at the resting order's price in ticks, for a quantity in lots."""

    maker_id: int
    taker_id: int
    price: int
    quantity: int


class Result(NamedTuple):
    """What an incoming order did.

    Its quantity is the sum of its trades, `rested` (now in the book), `prevented` (taken off by DECREMENT)
    and whatever ended with it; `ended` says why it ended, and is None when it was filled or rests. `removed`
    are resting orders that self-trade prevention ended, `cut` those it made smaller, with the quantity it
    took off.
    """

    trades: tuple[Trade, ...]
    rested: int
    ended: str | None
    removed: tuple[int, ...] = ()
    cut: tuple[tuple[int, int], ...] = ()
    prevented: int = 0
