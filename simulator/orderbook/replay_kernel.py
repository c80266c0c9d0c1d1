"""The compiled replay: recorded events and own requests over the arrays of a `Session`, as replay.py does it.

Imported where it is needed, as Numba takes a while to load.
"""

from __future__ import annotations

from typing import Any

from simulator.orderbook.jit import compiled
from simulator.orderbook.messages import Tif
from simulator.orderbook.replay import Kind, State
from simulator.orderbook.session import (
    BEST,
    COUNT,
    FILLS,
    FIRST,
    LATENCY,
    LOWEST,
    NEXT,
    NOW,
    POSITION,
    POWER,
    SENT,
    Session,
)

_LIMIT, _MARKET, _CANCEL = int(Kind.LIMIT), int(Kind.MARKET), int(Kind.CANCEL)
_GTC, _FOK = int(Tif.GTC), int(Tif.FOK)
_UNSENT, _SENT, _OPEN, _FILLED = 0, int(State.SENT), int(State.OPEN), int(State.FILLED)
_CANCELLED, _EXPIRED, _REFUSED = int(State.CANCELLED), int(State.EXPIRED), int(State.REFUSED)
_NEVER = 2**63 - 1


@compiled
def _fill(orders: Any, fills: Any, numbers: Any, order_id: int, price: int, most: int, maker: bool) -> int:
    """Fill an order with at most so much; how much it was."""
    order = orders[order_id]
    quantity: int = min(order.left, most)
    if quantity <= 0:
        return 0
    row = numbers[FILLS]
    if row == len(fills):
        raise ValueError("more fills than the session has room for")
    fill = fills[row]
    fill[0], fill[1], fill[2], fill[3], fill[4] = numbers[NOW], order_id, price, quantity, maker
    numbers[FILLS] = row + 1
    numbers[POSITION] += quantity if order.buy else -quantity
    order.left -= quantity
    if order.left == 0:
        order.state = _FILLED
    return quantity


@compiled
def _sweep(orders: Any, own: Any, numbers: Any, buy: bool) -> None:
    """Take orders that no longer rest out of the queue of a side."""
    side = int(buy)
    kept = 0
    for place in range(numbers[COUNT + side]):
        if orders[own[side, place]].state == _OPEN:
            own[side, kept] = own[side, place]
            kept += 1
    numbers[COUNT + side] = kept


@compiled
def _rest(levels: Any, orders: Any, own: Any, numbers: Any, order_id: int) -> None:
    """Put an order into its side's queue: before worse prices, behind equal ones."""
    order = orders[order_id]
    side = int(order.buy)
    place = numbers[COUNT + side]
    numbers[COUNT + side] = place + 1
    while place > 0:
        other = orders[own[side, place - 1]].price
        if (other >= order.price) if order.buy else (other <= order.price):
            break
        own[side, place] = own[side, place - 1]
        place -= 1
    own[side, place] = order_id
    order.state = _OPEN
    at = order.price - numbers[LOWEST] + 1
    inside = 0 < at < levels.shape[1] - 1
    order.ahead = float(levels[side, at].shown) if inside else 0.0


@compiled
def _requeue(orders: Any, numbers: Any, order_id: int, before: int, now: int) -> None:
    """Move an order up by the estimated cancellations ahead of it."""
    order = orders[order_id]
    gone = before - now - order.traded
    behind = max(0.0, float(before - order.traded) - order.ahead)
    order.traded = 0
    ahead = order.ahead
    if gone > 0 and ahead > 0:
        front, back = 1.0, 1.0
        for _ in range(numbers[POWER]):
            front, back = front * ahead, back * behind
        ahead -= front / (front + back) * gone
    order.ahead = min(max(0.0, ahead), float(now))


@compiled
def _level(levels: Any, orders: Any, own: Any, numbers: Any, buy: bool, price: int, quantity: int) -> None:
    """A recorded level, and what it means for own orders at its price."""
    side = int(buy)
    at = price - numbers[LOWEST] + 1
    level = levels[side, at]
    before = level.shown
    level.taken = min(level.taken, max(0, level.taken - before + quantity))
    level.shown = quantity
    step = -1 if buy else 1
    if quantity:
        if (at - numbers[BEST + side]) * step < 0:
            numbers[BEST + side] = at
    elif at == numbers[BEST + side]:
        while levels[side, at].shown == 0:
            at += step
        numbers[BEST + side] = at
    for place in range(numbers[COUNT + side]):
        order_id = own[side, place]
        if orders[order_id].price == price:
            _requeue(orders, numbers, order_id, before, quantity)


@compiled
def _cross(levels: Any, orders: Any, own: Any, fills: Any, numbers: Any, buy: bool) -> None:
    """Whoever offers at an own order's price or better would have met it, once nobody is ahead."""
    side, other, step = int(buy), int(not buy), 1 if buy else -1
    lowest, top = numbers[LOWEST], levels.shape[1] - 1
    filled = 0
    for place in range(numbers[COUNT + side]):
        order_id = own[side, place]
        order = orders[order_id]
        at = numbers[BEST + other]
        if (order.price - (at + lowest - 1)) * step < 0:
            break
        while 0 < at < top and order.left > 0:
            reach = (order.price - (at + lowest - 1)) * step
            if reach < 0 or (reach == 0 and order.ahead > 0):
                break
            level = levels[other, at]
            taken = _fill(orders, fills, numbers, order_id, order.price, level.shown - level.taken, True)
            level.taken += taken
            filled += taken
            at += step
    if filled:
        _sweep(orders, own, numbers, buy)


@compiled
def _traded(orders: Any, own: Any, fills: Any, numbers: Any, buy: bool, price: int, quantity: int) -> None:
    """A recorded trade: the one who came, a buyer when `buy`, would have met better own orders first."""
    side = int(not buy)
    left = reaching = quantity
    for place in range(numbers[COUNT + side]):
        order_id = own[side, place]
        order = orders[order_id]
        if order.price == price:
            through = int(reaching - order.ahead)
            order.traded += quantity
            order.ahead = max(0.0, order.ahead - reaching)
            if through > 0:
                left -= _fill(
                    orders, fills, numbers, order_id, price, min(left, through - (reaching - left)), True
                )
        elif (order.price < price) == buy:
            left -= _fill(orders, fills, numbers, order_id, order.price, left, True)
            reaching = left
        else:
            break
    if left < quantity:
        _sweep(orders, own, numbers, not buy)


@compiled
def _walk(levels: Any, orders: Any, fills: Any, numbers: Any, order_id: int, bound: int, fill: bool) -> int:
    """Meet the other side up to the price `bound`: what was there for the order, or was filled."""
    order = orders[order_id]
    other, step = int(not order.buy), 1 if order.buy else -1
    at, lowest, top = numbers[BEST + other], numbers[LOWEST], levels.shape[1] - 1
    found = 0
    wanted = order.left
    while 0 < at < top and found < wanted and (bound - (at + lowest - 1)) * step >= 0:
        level = levels[other, at]
        free = level.shown - level.taken
        if fill:
            free = _fill(orders, fills, numbers, order_id, at + lowest - 1, free, False)
            level.taken += free
        found += free
        at += step
    return found


@compiled
def _arrive(levels: Any, orders: Any, own: Any, fills: Any, numbers: Any, request: Any) -> None:
    """What an order or a cancel does at the venue."""
    order_id = request.order_id
    order = orders[order_id]
    if request.kind == _CANCEL:
        if order.state == _OPEN:
            order.state = _CANCELLED
            _sweep(orders, own, numbers, order.buy)
        return
    limit = request.kind == _LIMIT
    top = levels.shape[1] - 1
    if limit:
        bound = order.price
        best = numbers[BEST + int(not order.buy)]
        reach = bound - (best + numbers[LOWEST] - 1)
        meets = 0 < best < top and (reach >= 0 if order.buy else reach <= 0)
        if request.post_only and meets:
            order.state = _REFUSED
            return
        if request.tif == _FOK and _walk(levels, orders, fills, numbers, order_id, bound, False) < order.left:
            order.state = _EXPIRED
            return
    else:
        bound = numbers[LOWEST] + top if order.buy else numbers[LOWEST] - 1
    _walk(levels, orders, fills, numbers, order_id, bound, True)
    if order.left:
        if limit and request.tif == _GTC:
            _rest(levels, orders, own, numbers, order_id)
        else:
            order.state = _EXPIRED


@compiled
def advance(session: Session, until_ns: int) -> bool:
    """Let everything up to a time happen; False when nothing is left to happen after it."""
    # Reading an array out of the session counts its references, so it is done once.
    levels, orders, own, fills = session.levels, session.orders, session.own, session.fills
    numbers, requests = session.numbers, session.requests
    times, trades, buys = session.time_ns, session.trade, session.buy
    prices, quantities = session.price, session.quantity
    count, ring, lowest = len(times), len(requests), numbers[LOWEST]
    while True:
        first = numbers[FIRST]
        arrival = requests[first % ring].arrival if first < numbers[SENT] else _NEVER
        bound = min(until_ns, arrival)
        row = numbers[NEXT]
        while row < count and times[row] <= bound:
            numbers[NOW] = times[row]
            buy, price = buys[row], prices[row]
            if trades[row]:
                if numbers[COUNT + int(not buy)]:
                    _traded(orders, own, fills, numbers, buy, price, quantities[row])
            else:
                _level(levels, orders, own, numbers, buy, price, quantities[row])
                if numbers[COUNT + 1] and orders[own[1, 0]].price >= numbers[BEST] + lowest - 1:
                    _cross(levels, orders, own, fills, numbers, True)
                if numbers[COUNT] and orders[own[0, 0]].price <= numbers[BEST + 1] + lowest - 1:
                    _cross(levels, orders, own, fills, numbers, False)
            row += 1
        numbers[NEXT] = row
        if arrival > until_ns:
            numbers[NOW] = max(numbers[NOW], until_ns)
            return row < count or arrival < _NEVER
        numbers[NOW] = arrival
        numbers[FIRST] = first + 1
        _arrive(levels, orders, own, fills, numbers, requests[first % ring])


@compiled
def _send(session: Session, kind: int, order_id: int, tif: int, post_only: bool) -> None:
    numbers = session.numbers
    if numbers[SENT] - numbers[FIRST] == len(session.requests):
        raise ValueError("more requests on their way than the session has room for")
    request = session.requests[numbers[SENT] % len(session.requests)]
    request.arrival, request.order_id = numbers[NOW] + numbers[LATENCY], order_id
    request.kind, request.tif, request.post_only = kind, tif, post_only
    numbers[SENT] += 1


@compiled
def _order(session: Session, order_id: int, buy: bool, price: int, quantity: int) -> None:
    if not 0 <= order_id < len(session.orders):
        raise ValueError("the order id is outside the room of the session")
    order = session.orders[order_id]
    if order.state != _UNSENT:
        raise ValueError("the order id is used already")
    if quantity < 1 or price < 1:
        raise ValueError("price and quantity must be at least 1")
    order.price, order.left, order.buy, order.state = price, quantity, buy, _SENT


@compiled
def send_limit(
    session: Session, order_id: int, buy: bool, price: int, quantity: int, tif: int, post_only: bool
) -> None:
    """Send a limit order now. ValueError for a used id, a price or quantity below one, or no room."""
    _order(session, order_id, buy, price, quantity)
    _send(session, _LIMIT, order_id, tif, post_only)


@compiled
def send_market(session: Session, order_id: int, buy: bool, quantity: int) -> None:
    """Send a market order now. ValueError as for a limit order."""
    _order(session, order_id, buy, 1, quantity)
    _send(session, _MARKET, order_id, _GTC, False)


@compiled
def send_cancel(session: Session, order_id: int) -> None:
    """Send a cancel now. ValueError for an order that was never sent, or no room."""
    if not 0 <= order_id < len(session.orders) or session.orders[order_id].state == _UNSENT:
        raise ValueError("there is no such order to cancel")
    _send(session, _CANCEL, order_id, _GTC, False)


@compiled
def best_bid(session: Session) -> int:
    """The highest recorded bid in ticks; 0 when there is none."""
    at: int = session.numbers[BEST + 1]
    return at + session.numbers[LOWEST] - 1 if at > 0 else 0


@compiled
def best_ask(session: Session) -> int:
    """The lowest recorded ask in ticks; 0 when there is none."""
    at: int = session.numbers[BEST]
    return at + session.numbers[LOWEST] - 1 if at < session.levels.shape[1] - 1 else 0


@compiled
def is_working(session: Session, order_id: int) -> bool:
    """Whether an order is on its way or rests."""
    state = session.orders[order_id].state
    return state in (_SENT, _OPEN)


@compiled
def position(session: Session) -> int:
    """Lots bought less lots sold."""
    lots: int = session.numbers[POSITION]
    return lots


@compiled
def now(session: Session) -> int:
    """The time the replay stands at, in nanoseconds since 1970."""
    at: int = session.numbers[NOW]
    return at
