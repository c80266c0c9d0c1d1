"""What Gate's private channels push about an account: orders, triggers, trades, balances."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from simulator.exchange.events import AccountEvent, BalancesChanged, Change, OrderChanged
from simulator.exchange.model import Ending
from simulator.wire import gate_words as words
from simulator.wire.gate_orders import GateOrders, user_number
from simulator.wire.gate_triggers import armed_push, is_trigger

ORDERS: Final = "spot.orders"
TRADES: Final = "spot.usertrades"
BALANCES: Final = "spot.balances"
TRIGGERS: Final = "spot.priceorders"
CHANNELS: Final = frozenset({ORDERS, TRADES, BALANCES, TRIGGERS})
ALL: Final = "!all"
"""Every market of the account."""

Push = tuple[str, str, list[Any]]


def pushes(event: AccountEvent, orders: GateOrders, now: datetime) -> Iterator[Push]:
    """Channel, market (`ALL` for balances) and rows of everything an event has to tell."""
    if isinstance(event, BalancesChanged):
        user = user_number(event.account)
        rows = [words.balance_push(code, held, user, now) for code, held in event.holdings.items()]
        yield BALANCES, ALL, rows
    elif isinstance(event, OrderChanged):
        yield from _of_order(event, orders)


def _of_order(event: OrderChanged, orders: GateOrders) -> Iterator[Push]:
    view = event.order
    user = user_number(view.account)
    fired = event.change is Change.TRIGGERED or view.ending is Ending.NO_FUNDS
    if is_trigger(view) and (fired or view.working_at is None):
        yield TRIGGERS, view.symbol, [armed_push(view, user)]
    if view.working_at is None:
        return  # it waits, or ended waiting: the book never saw it
    fee = orders.fee_of(view)
    if event.trade is not None:
        yield TRADES, view.symbol, [words.own_trade(event.trade)]
    yield ORDERS, view.symbol, [words.order_push(view, fee, _event(event), user)]


def _event(event: OrderChanged) -> str:
    if event.change in (Change.NEW, Change.TRIGGERED):
        return "put"
    return "update" if event.order.is_open else "finish"
