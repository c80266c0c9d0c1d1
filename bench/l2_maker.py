"""The same simple market maker as bench/peers/hftbacktest_maker.py, on the desk's own compiled replay."""

from __future__ import annotations

from typing import Final

from simulator.orderbook.jit import compiled
from simulator.orderbook.messages import Tif
from simulator.orderbook.replay_kernel import (
    advance,
    best_ask,
    best_bid,
    is_working,
    now,
    position,
    send_cancel,
    send_limit,
)
from simulator.orderbook.session import Session

STEP_NS: Final = 100_000_000
LATENCY_NS: Final = 15_000_000  # the peer's feed, order and answer together
LOTS: Final = 5
MOST: Final = 500
_GTC: Final = int(Tif.GTC)


@compiled
def make(session: Session) -> int:
    """Every step: one order at the touch on each side, moved when the touch has moved. Orders sent."""
    order_id = 0
    bid, ask = -1, -1
    bid_price, ask_price = 0, 0
    while advance(session, now(session) + STEP_NS):
        touch_bid, touch_ask = best_bid(session), best_ask(session)
        if touch_bid <= 0 or touch_ask <= touch_bid:
            continue
        held = position(session)
        if bid >= 0 and is_working(session, bid):
            if bid_price != touch_bid:
                send_cancel(session, bid)
                bid = -1
        else:
            bid = -1
        if ask >= 0 and is_working(session, ask):
            if ask_price != touch_ask:
                send_cancel(session, ask)
                ask = -1
        else:
            ask = -1
        if bid < 0 and held < MOST:
            bid, bid_price = order_id, touch_bid
            order_id += 1
            send_limit(session, bid, True, bid_price, LOTS, _GTC, True)
        if ask < 0 and held > -MOST:
            ask, ask_price = order_id, touch_ask
            order_id += 1
            send_limit(session, ask, False, ask_price, LOTS, _GTC, True)
    return order_id
