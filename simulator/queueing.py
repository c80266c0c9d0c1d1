"""A resting limit order's place in the queue at its price, as far as a candle and a book tell.

What rests ahead is read from the book known when the order first meets a bar: the quantity at its very
price; nothing inside the spread; and beyond the levels that are seen, as much as the last of them holds.
The fill model says by how much that is multiplied. Without a book nobody knows the queue, and a touch is
not a fill.

A candle does not tell how much traded at its low. The volume is taken as spread evenly over the ticks from
low to high, so a bar whose extreme is the order's price moves the queue by one tick's part. What goes beyond
the queue reaches the order. A bar that trades through the price takes the queue with it.
"""

from __future__ import annotations

from decimal import Decimal

from domain.market import BookLevel, Candle, OrderBook
from domain.money import ONE, ZERO
from simulator.resting import Resting, Terms
from simulator.triggers import FALL, PROFIT, Hit


def stand_in_line(
    order: Resting, candle: Candle, book: OrderBook | None, multiple: Decimal, through: bool
) -> Hit | None:
    """Move a resting limit in its queue; the hit when a touched price serves it.

    `through` says that the bar trades through its price anyway. Afterwards `order.terms.served` is what
    reached it at a touch, None when it is not limited so.
    """
    terms = order.terms = order.terms or Terms()
    terms.served = None
    if through:
        terms.queue = ZERO
        return None
    limit = order.intent.limit_price
    if limit is None:
        return None
    if terms.queue is None:
        ahead = _ahead(limit, order.buy, book)
        if ahead is None:
            return None
        terms.queue = ahead * multiple
    if limit != (candle.low if order.buy else candle.high):
        return None
    ticks = (candle.high - candle.low) / order.instrument.tick_size + ONE
    traded = candle.volume / ticks
    served = traded - terms.queue
    terms.queue = max(-served, ZERO)
    if served <= ZERO:
        return None
    terms.served = served
    return (FALL if order.buy else PROFIT, limit, True)


def _ahead(limit: Decimal, buy: bool, book: OrderBook | None) -> Decimal | None:
    if book is None:
        return None
    levels: tuple[BookLevel, ...] = book.bids if buy else book.asks
    if not levels:
        return None
    for level in levels:
        if level.price == limit:
            return level.quantity
        if level.price < limit if buy else level.price > limit:
            return ZERO
    return levels[-1].quantity
