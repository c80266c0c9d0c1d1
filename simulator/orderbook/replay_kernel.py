"""The compiled replay: recorded events and own requests over the arrays of a `Session`, as replay.py does it.

Imported where it is needed, as Numba takes a while to load.
"""

from __future__ import annotations

from typing import Any

from simulator.orderbook.jit import compiled
from simulator.orderbook.messages import Tif
from simulator.orderbook.replay import Kind, State
from simulator.orderbook.session import (
    ASK,
    ASKS,
    BID,
    BIDS,
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
def _fill(session: Session, order_id: int, price: int, most: int, maker: bool) -> int:
    """Fill an order with at most so much; how much it was."""
    order, numbers = session.orders[order_id], session.numbers
    quantity: int = min(order.left, most)
    if quantity <= 0:
        return 0
    row = numbers[FILLS]
    if row == len(session.fills):
        raise ValueError("more fills than the session has room for")
    fill = session.fills[row]
    fill[0], fill[1], fill[2], fill[3], fill[4] = numbers[NOW], order_id, price, quantity, maker
    numbers[FILLS] = row + 1
    numbers[POSITION] += quantity if order.buy else -quantity
    order.left -= quantity
    if order.left == 0:
        order.state = _FILLED
    return quantity


@compiled
def _sweep(session: Session, buy: bool) -> None:
    """Take orders that no longer rest out of the queue of a side."""
    queue, count = (session.own_bids, BIDS) if buy else (session.own_asks, ASKS)
    kept = 0
    for place in range(session.numbers[count]):
        if session.orders[queue[place]].state == _OPEN:
            queue[kept] = queue[place]
            kept += 1
    session.numbers[count] = kept


@compiled
def _rest(session: Session, order_id: int) -> None:
    """Put an order into its side's queue: before worse prices, behind equal ones."""
    order = session.orders[order_id]
    queue, count = (session.own_bids, BIDS) if order.buy else (session.own_asks, ASKS)
    place = session.numbers[count]
    session.numbers[count] = place + 1
    while place > 0:
        other = session.orders[queue[place - 1]].price
        if (other >= order.price) if order.buy else (other <= order.price):
            break
        queue[place] = queue[place - 1]
        place -= 1
    queue[place] = order_id
    order.state = _OPEN
    levels = session.bids if order.buy else session.asks
    at = order.price - session.numbers[LOWEST] + 1
    order.ahead = float(levels[at].shown) if 0 < at < len(levels) - 1 else 0.0


@compiled
def _requeue(session: Session, order_id: int, before: int, now: int) -> None:
    """Move an order up by the estimated cancellations ahead of it."""
    order = session.orders[order_id]
    gone = before - now - order.traded
    behind = max(0.0, float(before - order.traded) - order.ahead)
    order.traded = 0
    ahead = order.ahead
    if gone > 0 and ahead > 0:
        front, back = 1.0, 1.0
        for _ in range(session.numbers[POWER]):
            front, back = front * ahead, back * behind
        share = front / (front + back)
        from_behind = (1.0 - share) * gone
        ahead = ahead - share * gone + min(0.0, behind - from_behind)
    order.ahead = min(max(0.0, ahead), float(now))


@compiled
def _level(session: Session, buy: bool, price: int, quantity: int) -> None:
    """A recorded level, and what it means for own orders at its price."""
    numbers = session.numbers
    levels = session.bids if buy else session.asks
    at = price - numbers[LOWEST] + 1
    level = levels[at]
    before = level.shown
    level.taken = min(level.taken, max(0, level.taken - before + quantity))
    level.shown = quantity
    best, step = (BID, -1) if buy else (ASK, 1)
    if quantity:
        if (at - numbers[best]) * step < 0:
            numbers[best] = at
    elif at == numbers[best]:
        while levels[at].shown == 0:
            at += step
        numbers[best] = at
    queue, count = (session.own_bids, numbers[BIDS]) if buy else (session.own_asks, numbers[ASKS])
    for place in range(count):
        if session.orders[queue[place]].price == price:
            _requeue(session, queue[place], before, quantity)


@compiled
def _cross(session: Session, buy: bool) -> None:
    """Whoever offers at an own order's price or better would have met it, once nobody is ahead."""
    numbers = session.numbers
    queue, count = (session.own_bids, numbers[BIDS]) if buy else (session.own_asks, numbers[ASKS])
    levels, best, step = (session.asks, numbers[ASK], 1) if buy else (session.bids, numbers[BID], -1)
    if count == 0:
        return
    lowest, top = numbers[LOWEST], len(levels) - 1
    filled = 0
    for place in range(count):
        order_id = queue[place]
        order = session.orders[order_id]
        at = best
        if (order.price - (at + lowest - 1)) * step < 0:
            break
        while 0 < at < top and order.left > 0:
            reach = (order.price - (at + lowest - 1)) * step
            if reach < 0 or (reach == 0 and order.ahead > 0):
                break
            level = levels[at]
            taken = _fill(session, order_id, order.price, level.shown - level.taken, True)
            level.taken += taken
            filled += taken
            at += step
    if filled:
        _sweep(session, buy)


@compiled
def _traded(session: Session, buy: bool, price: int, quantity: int) -> None:
    """A recorded trade: the one who came, a buyer when `buy`, would have met better own orders first."""
    numbers = session.numbers
    queue, count = (session.own_asks, numbers[ASKS]) if buy else (session.own_bids, numbers[BIDS])
    left = reaching = quantity
    for place in range(count):
        order_id = queue[place]
        order = session.orders[order_id]
        if order.price == price:
            through = int(reaching - order.ahead)
            order.traded += quantity
            order.ahead = max(0.0, order.ahead - reaching)
            if through > 0:
                left -= _fill(session, order_id, price, min(left, through - (reaching - left)), True)
        elif (order.price < price) == buy:
            left -= _fill(session, order_id, order.price, left, True)
            reaching = left
        else:
            break
    if left < quantity:
        _sweep(session, not buy)


@compiled
def _walk(session: Session, order_id: int, bound: int, fill: bool) -> int:
    """Meet the other side up to the price `bound`: what was there for the order, or was filled."""
    numbers, order = session.numbers, session.orders[order_id]
    levels, at, step = (session.asks, numbers[ASK], 1) if order.buy else (session.bids, numbers[BID], -1)
    lowest, top = numbers[LOWEST], len(levels) - 1
    found = 0
    wanted = order.left
    while 0 < at < top and found < wanted and (bound - (at + lowest - 1)) * step >= 0:
        level = levels[at]
        free = level.shown - level.taken
        if fill:
            free = _fill(session, order_id, at + lowest - 1, free, False)
            level.taken += free
        found += free
        at += step
    return found


@compiled
def _arrive(session: Session, request: Any) -> None:
    """What an order or a cancel does at the venue."""
    numbers, order_id = session.numbers, request.order_id
    order = session.orders[order_id]
    if request.kind == _CANCEL:
        if order.state == _OPEN:
            order.state = _CANCELLED
            _sweep(session, order.buy)
        return
    limit = request.kind == _LIMIT
    top = len(session.asks) - 1
    if limit:
        bound = order.price
        best = numbers[ASK] if order.buy else numbers[BID]
        reach = bound - (best + numbers[LOWEST] - 1)
        meets = 0 < best < top and (reach >= 0 if order.buy else reach <= 0)
        if request.post_only and meets:
            order.state = _REFUSED
            return
        if request.tif == _FOK and _walk(session, order_id, bound, False) < order.left:
            order.state = _EXPIRED
            return
    else:
        bound = numbers[LOWEST] + top if order.buy else numbers[LOWEST] - 1
    _walk(session, order_id, bound, True)
    if order.left:
        if limit and request.tif == _GTC:
            _rest(session, order_id)
        else:
            order.state = _EXPIRED


@compiled
def advance(session: Session, until_ns: int) -> bool:
    """Let everything up to a time happen; False when nothing is left to happen after it."""
    numbers, lowest = session.numbers, session.numbers[LOWEST]
    count, ring = len(session.time_ns), len(session.requests)
    while True:
        first = numbers[FIRST]
        arrival = session.requests[first % ring].arrival if first < numbers[SENT] else _NEVER
        bound = min(until_ns, arrival)
        row = numbers[NEXT]
        while row < count and session.time_ns[row] <= bound:
            numbers[NOW] = session.time_ns[row]
            buy, price = session.buy[row], session.price[row]
            if session.trade[row]:
                if numbers[ASKS] if buy else numbers[BIDS]:
                    _traded(session, buy, price, session.quantity[row])
            else:
                _level(session, buy, price, session.quantity[row])
                if numbers[BIDS] and session.orders[session.own_bids[0]].price >= numbers[ASK] + lowest - 1:
                    _cross(session, True)
                if numbers[ASKS] and session.orders[session.own_asks[0]].price <= numbers[BID] + lowest - 1:
                    _cross(session, False)
            row += 1
        numbers[NEXT] = row
        if arrival > until_ns:
            numbers[NOW] = max(numbers[NOW], until_ns)
            return row < count or arrival < _NEVER
        numbers[NOW] = arrival
        numbers[FIRST] = first + 1
        _arrive(session, session.requests[first % ring])


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
    at: int = session.numbers[BID]
    return at + session.numbers[LOWEST] - 1 if at > 0 else 0


@compiled
def best_ask(session: Session) -> int:
    """The lowest recorded ask in ticks; 0 when there is none."""
    at: int = session.numbers[ASK]
    return at + session.numbers[LOWEST] - 1 if at < len(session.asks) - 1 else 0


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
