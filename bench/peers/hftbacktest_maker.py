"""A market maker on hftbacktest, run by its own interpreter: `python hftbacktest_maker.py TAPE.npz`.

Prints {events, seconds, events_per_second, orders, trades, position}; `seconds` is the run alone, after one
on a short tape that compiled the strategy.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    GTX,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    TRADE_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
)
from hftbacktest.order import NEW
from hftbacktest.types import event_dtype
from numba import njit

STEP_NS = 100_000_000
DELAY_NS = 5_000_000  # of the feed, of an order on its way, and of the answer
LOTS = 5
MOST = 500


@njit
def make(hbt: Any) -> int:
    """Every step: one order at the touch on each side, moved when the touch has moved."""
    order_id = 0
    bid, ask = -1, -1
    while hbt.elapse(STEP_NS) == 0:
        hbt.clear_inactive_orders(0)
        depth = hbt.depth(0)
        best_bid, best_ask = depth.best_bid_tick, depth.best_ask_tick
        if best_bid <= 0 or best_ask <= best_bid or best_ask > 10_000_000:
            continue
        orders = hbt.orders(0)
        position = hbt.position(0)
        if bid >= 0 and bid in orders:
            order = orders.get(bid)
            if order.status == NEW and order.price_tick != best_bid and order.cancellable:
                hbt.cancel(0, bid, False)
                bid = -1
        else:
            bid = -1
        if ask >= 0 and ask in orders:
            order = orders.get(ask)
            if order.status == NEW and order.price_tick != best_ask and order.cancellable:
                hbt.cancel(0, ask, False)
                ask = -1
        else:
            ask = -1
        if bid < 0 and position < MOST:
            bid = order_id
            order_id += 1
            hbt.submit_buy_order(0, bid, best_bid * depth.tick_size, LOTS, GTX, LIMIT, False)
        if ask < 0 and position > -MOST:
            ask = order_id
            order_id += 1
            hbt.submit_sell_order(0, ask, best_ask * depth.tick_size, LOTS, GTX, LIMIT, False)
    return order_id


def events(tape: Any, count: int) -> Any:
    """The tape in the peer's own form, prices in units of one tick."""
    made = np.zeros(count, event_dtype)
    trade, buy = tape["trade"][:count], tape["buy"][:count]
    made["ev"] = (
        np.where(trade, TRADE_EVENT, DEPTH_EVENT)
        | np.where(buy, BUY_EVENT, SELL_EVENT)
        | EXCH_EVENT
        | LOCAL_EVENT
    )
    made["exch_ts"] = tape["time_ns"][:count]
    made["local_ts"] = made["exch_ts"] + DELAY_NS
    made["px"], made["qty"] = tape["price"][:count], tape["quantity"][:count]
    return made


def run(data: Any) -> tuple[float, int, Any]:
    asset = (
        BacktestAsset()
        .data([data])
        .linear_asset(1.0)
        .constant_order_latency(DELAY_NS, DELAY_NS)
        .power_prob_queue_model(2.0)
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(1.0)
        .lot_size(1.0)
    )
    hbt = HashMapMarketDepthBacktest([asset])
    began = time.perf_counter()
    orders = make(hbt)
    seconds = time.perf_counter() - began
    state = hbt.state_values(0)
    found = (int(state.num_trades), float(state.position))
    hbt.close()
    return seconds, orders, found


def main() -> None:
    with np.load(sys.argv[1]) as tape:
        short, whole = events(tape, 2_000), events(tape, len(tape["time_ns"]))
    run(short)
    seconds, orders, (trades, position) = run(whole)
    told = {
        "events": len(whole),
        "seconds": seconds,
        "events_per_second": len(whole) / seconds,
        "orders": orders,
        "trades": trades,
        "position": position,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
