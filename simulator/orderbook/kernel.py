"""The matching loop on arrays, compiled by Numba: the same rules as `PriceTimeBook`, command after command.

Imported by compiled.py when it is first needed, as Numba takes a while to load. A level is found by its
price, so all prices of a tape must lie in a band; orders are found by id and linked inside their level.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from simulator.orderbook.jit import compiled
from simulator.orderbook.messages import SelfTrade, Tif
from simulator.orderbook.tape import Action, Status

NONE: Final = -1
LEVEL: Final = np.dtype([("head", "i4"), ("tail", "i4"), ("total", "i8")], align=True)
ORDER: Final = np.dtype(
    [("left", "i8"), ("after", "i4"), ("before", "i4"), ("level", "i4"), ("owner", "i4"), ("buy", "?")],
    align=True,
)
# Plain numbers, which Numba freezes into the machine code; it does not know these enumerations.
LIMIT, MARKET, CANCEL = int(Action.LIMIT), int(Action.MARKET), int(Action.CANCEL)
DONE, UNFILLED, KILLED = int(Status.DONE), int(Status.UNFILLED), int(Status.FILL_OR_KILL)
POST_ONLY, SELF_TRADE = int(Status.POST_ONLY), int(Status.SELF_TRADE)
INVALID, ABSENT = int(Status.INVALID), int(Status.ABSENT)
GTC, FOK = int(Tif.GTC), int(Tif.FOK)
EXPIRE_TAKER, EXPIRE_MAKER = int(SelfTrade.EXPIRE_TAKER), int(SelfTrade.EXPIRE_MAKER)
EXPIRE_BOTH, DECREMENT = int(SelfTrade.EXPIRE_BOTH), int(SelfTrade.DECREMENT)


@compiled
def _unlink(levels: Any, orders: Any, order_id: int) -> bool:
    """Take an order out of its level's list; whether the level is empty now. Its total is the caller's."""
    order = orders[order_id]
    level = levels[order.level]
    before, after = order.before, order.after
    if before == NONE:
        level.head = after
    else:
        orders[before].after = after
    if after == NONE:
        level.tail = before
    else:
        orders[after].before = before
    return level.head == NONE  # type: ignore[no-any-return]  # a Numba record


@compiled
def _next_level(levels: Any, at: int, step: int) -> int:
    """The first level from `at` on in a direction that holds orders; the sentinels at both ends do."""
    while levels[at].total == 0:
        at += step
    return at


@compiled
def _fills_whole(
    levels: Any, orders: Any, at: int, bound: int, step: int, owner: int, quantity: int, prevention: int
) -> bool:
    """Whether an order could trade all of its quantity at once, with prevention as it would act."""
    while (bound - at) * step >= 0:
        each = levels[at].head
        while each != NONE:
            if prevention == 0 or orders[each].owner != owner:
                quantity -= orders[each].left
                if quantity <= 0:
                    return True
            elif prevention != EXPIRE_MAKER:
                return False
            each = orders[each].after
        at = _next_level(levels, at + step, step)
    return False


@compiled
def _change(levels: Any, orders: Any, cancel: bool, order_id: int, quantity: int) -> tuple[int, int, int]:
    """Cancel or reduce a resting order: status, amount, and the level it left empty, or NONE."""
    order = orders[order_id]
    left = order.left
    if left == 0:
        return ABSENT, 0, NONE
    if not cancel:
        if not 0 < quantity < left:
            return INVALID, 0, NONE
        order.left = left - quantity
        levels[order.level].total -= quantity
        return DONE, left - quantity, NONE
    levels[order.level].total -= left
    order.left = 0
    if _unlink(levels, orders, order_id):
        return DONE, left, order.level
    return DONE, left, NONE


@compiled
def _rest(levels: Any, orders: Any, order_id: int, owner: int, buy: bool, at: int, left: int) -> None:
    """Put an order at the end of its level."""
    order, level = orders[order_id], levels[at]
    order.left, order.owner, order.level, order.buy = left, owner, at, buy
    order.before, order.after = level.tail, NONE
    if level.tail == NONE:
        level.head = order_id
    else:
        orders[level.tail].after = order_id
    level.tail = order_id
    level.total += left


@compiled
def _prevent(row: Any, maker: Any, quantity: int, prevention: int) -> tuple[int, int, bool]:
    """Keep an order from trading with its owner's: what comes off maker and taker, and whether it ended."""
    if prevention == EXPIRE_TAKER:
        return 0, 0, True
    taken = min(quantity, maker.left) if prevention == DECREMENT else maker.left
    row[2] = taken if taken < maker.left else 0
    if prevention == DECREMENT:
        return taken, taken, taken == quantity
    return taken, 0, prevention == EXPIRE_BOTH


@compiled
def _take(
    levels: Any,
    orders: Any,
    best: int,
    order_id: int,
    owner: int,
    bound: int,
    step: int,
    quantity: int,
    prevention: int,
    lowest: int,
    trades: Any,
    traded: int,
    prevented: Any,
    kept: int,
) -> tuple[int, bool, int, int, int]:
    """Trade from the level `best` to the level `bound`.

    What is left of the order, whether prevention ended it, the best level then, and the rows written.
    """
    stopped = False
    while True:
        level = levels[best]
        each = level.head
        while each != NONE and quantity > 0:
            maker = orders[each]
            after = maker.after
            if prevention != 0 and maker.owner == owner:
                prevented[kept, 0] = each
                prevented[kept, 1] = order_id
                taken, off, stopped = _prevent(prevented[kept], maker, quantity, prevention)
                kept += taken > 0
                quantity -= off
            else:
                taken = min(quantity, maker.left)
                trades[traded, 0] = each
                trades[traded, 1] = order_id
                trades[traded, 2] = best + lowest - 1
                trades[traded, 3] = taken
                traded += 1
                quantity -= taken
            maker.left -= taken
            level.total -= taken
            if maker.left == 0:
                level.head = after
                if after == NONE:
                    level.tail = NONE
                else:
                    orders[after].before = NONE
            if stopped:
                break
            each = after
        if level.total == 0:
            best = _next_level(levels, best, step)
        if quantity == 0 or stopped or (bound - best) * step < 0:
            return quantity, stopped, best, traded, kept


@compiled
def play(  # noqa: PLR0912, PLR0915 - in one loop the best prices stay in registers
    action: Any,
    ids: Any,
    owners: Any,
    buys: Any,
    prices: Any,
    quantities: Any,
    tifs: Any,
    post_only: Any,
    preventions: Any,
    lowest: int,
    levels: Any,
    orders: Any,
    status: Any,
    amount: Any,
    trades: Any,
    prevented: Any,
) -> tuple[int, int]:
    """Play a tape; how many rows of `trades` and `prevented` were written.

    `levels` has a sentinel with a total at both ends, so level 1 is the price `lowest`; `orders` is all zero.
    """
    top = len(levels) - 1
    best_bid, best_ask = 0, top
    traded, kept = 0, 0
    for row in range(len(action)):
        order_id, quantity = ids[row], quantities[row]
        if action[row] > MARKET:
            status[row], amount[row], emptied = _change(
                levels, orders, action[row] == CANCEL, order_id, quantity
            )
            if emptied == best_bid:
                best_bid = _next_level(levels, emptied, -1)
            elif emptied == best_ask:
                best_ask = _next_level(levels, emptied, 1)
            continue
        limit, buy, price, tif = action[row] == LIMIT, buys[row], prices[row], tifs[row]
        owner, prevention = owners[row], preventions[row]
        amount[row] = 0
        wrong = limit and (price < 1 or (post_only[row] and tif != GTC))
        if wrong or quantity < 1 or orders[order_id].left:
            status[row] = INVALID
            continue
        best = best_ask if buy else best_bid
        step = 1 if buy else -1
        at = price - lowest + 1
        # The sentinels are not prices: nobody trades at them.
        bound = min(at, top - 1) if buy else max(at, 1)
        if buy and price == 0:
            bound = top - 1
        if (bound - best) * step >= 0:
            if limit and post_only[row]:
                status[row] = POST_ONLY
                continue
            if (
                limit
                and tif == FOK
                and not _fills_whole(levels, orders, best, bound, step, owner, quantity, prevention)
            ):
                status[row] = KILLED
                continue
            quantity, stopped, best, traded, kept = _take(
                levels, orders, best, order_id, owner, bound, step, quantity, prevention, lowest,
                trades, traded, prevented, kept,
            )  # fmt: skip
            if buy:
                best_ask = best
            else:
                best_bid = best
            if stopped:
                status[row] = SELF_TRADE
                continue
        if quantity == 0:
            status[row] = DONE
        elif limit and tif == GTC:
            status[row] = DONE
            amount[row] = quantity
            _rest(levels, orders, order_id, owner, buy, at, quantity)
            if buy:
                best_bid = max(best_bid, at)
            else:
                best_ask = min(best_ask, at)
        else:
            status[row] = KILLED if limit and tif == FOK else UNFILLED
    return traded, kept


@compiled
def resting(levels: Any, orders: Any, lowest: int) -> Any:
    """The final book as rows of id, price and quantity: best bid first, then best ask first, oldest first."""
    live = 0
    for order in orders:
        live += order.left > 0
    found = np.empty((live, 3), np.int64)
    top = len(levels) - 1
    written = 0
    for buy in (True, False):
        for step in range(1, top):
            each = levels[top - step if buy else step].head
            while each != NONE and orders[each].buy == buy:
                found[written, 0] = each
                found[written, 1] = (top - step if buy else step) + lowest - 1
                found[written, 2] = orders[each].left
                written += 1
                each = orders[each].after
    return found
