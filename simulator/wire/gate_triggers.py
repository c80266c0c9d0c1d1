"""Gate's price-triggered orders: a list of their own, with ids of their own.

The exchange keeps one order that sleeps and then works. Gate shows two: the armed one, and the one it fires.
So the armed one has another number here, and only `fired_order_id` leads from it to the order in the book.
"""

from __future__ import annotations

import heapq
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from domain.money import Symbol
from domain.orders import Side
from simulator.exchange.events import MarketEvent, Pulse
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.model import Ending, OrderView
from simulator.exchange.rejection import Reason, Rejection
from simulator.exchange.rules import fires_upwards
from simulator.wire import gate_words as words
from simulator.wire.figures import number, seconds
from simulator.wire.gate_asks import Fields, bad, choice, price_order, required, spot_only, whole
from simulator.wire.gate_errors import refuse
from simulator.wire.gate_market import GateMarket
from simulator.wire.gate_orders import user_number
from simulator.wire.gate_refusals import worded

FIRST_ID: Final = 700_000_000
"""Armed orders are numbered from here: the exchange's number of the order on top of it."""
_TAG: Final = "gate-trigger:"
_ACCOUNTS: Final = ("normal", "spot")


def armed_id(view: OrderView) -> int:
    return FIRST_ID + view.order_id


def is_trigger(view: OrderView) -> bool:
    """Whether it was placed with a trigger."""
    return view.tag.startswith(_TAG)


def status_of(view: OrderView) -> str:
    """How an armed order stands, in Gate's words."""
    if view.asleep and view.is_open:
        return "open"
    if view.ending is Ending.NO_FUNDS:
        return "failed"
    if view.working_at is not None:
        return "finish"
    return "expired" if view.updated_at >= _ends(view) else "cancelled"


def _wait(view: OrderView) -> int:
    return int(view.tag.removeprefix(_TAG))


def _ends(view: OrderView) -> datetime:
    return view.created_at + timedelta(seconds=_wait(view))


def armed(view: OrderView, user: int) -> Any:
    """An armed order as `/spot/price_orders` shows it."""
    market = view.limit_price is None
    status = status_of(view)
    amount = view.quote_amount if view.quote_amount is not None else view.quantity
    fired = status == "finish"
    return {
        "trigger": {
            "price": number(view.trigger_price) if view.trigger_price is not None else "0",
            "rule": ">=" if fires_upwards(view.order_type, view.side) else "<=",
            "expiration": _wait(view),
        },
        "put": {
            "type": "market" if market else "limit",
            "side": view.side.value,
            "price": number(view.limit_price) if view.limit_price is not None else "0",
            "amount": number(amount),
            "account": "normal",
            "time_in_force": "ioc" if market else view.time_in_force.value,
            "text": "api",
            "auto_borrow": False,
            "auto_repay": False,
        },
        "id": armed_id(view),
        "user": user,
        "market": words.pair(view.symbol),
        "ctime": seconds(view.created_at),
        "ftime": 0 if status == "open" else seconds(view.working_at or view.updated_at),
        "fired_order_id": view.order_id if fired else 0,
        "status": status,
        "reason": "not enough balance" if status == "failed" else "",
    }


def armed_push(view: OrderView, user: int) -> Any:
    """An armed order as the `spot.priceorders` channel tells it.

    The channel has flat fields of its own; the nested ones of REST come with them, since clients read those.
    """
    row = armed(view, user)
    return {
        **row,
        "uid": str(user),
        "trigger_price": row["trigger"]["price"],
        "trigger_rule": row["trigger"]["rule"],
        "trigger_expiration": row["trigger"]["expiration"],
        "price": row["put"]["price"],
        "amount": row["put"]["amount"],
        "side": 1 if view.side is Side.SELL else 2,
        "event": "put" if row["status"] == "open" else "finish",
    }


class GateTriggers:
    """What an account may ask of its price-triggered orders. It ends those whose time is up by itself."""

    def __init__(self, exchange: SimulatedExchange, market: GateMarket) -> None:
        self._exchange = exchange
        self._market = market
        self._ending: list[tuple[datetime, int, str, Symbol]] = []
        exchange.listen_market(self._on_market)

    def place(self, account: str, body: Fields) -> Any:
        order, wait = price_order(body)
        self._market.symbol(str(body["market"]))
        if order.quote_amount is not None:
            raise bad("put.type", "market")  # the exchange sizes no sleeping order by its cost
        try:
            view = self._exchange.place(account, replace(order, tag=f"{_TAG}{wait}")).order
        except Rejection as refused:
            raise worded(refused, order, self._exchange) from refused
        heapq.heappush(self._ending, (_ends(view), view.order_id, account, view.symbol))
        return {"id": armed_id(view)}

    def find(self, account: str, fields: Fields) -> Any:
        return armed(self._order(account, fields), user_number(account))

    def cancel(self, account: str, fields: Fields) -> Any:
        view = self._order(account, fields)
        if status_of(view) != "open":
            raise refuse("ORDER_CLOSED" if status_of(view) == "finish" else "ORDER_CANCELLED")
        ended = self._exchange.cancel(account, view.symbol, order_id=view.order_id)
        return armed(ended, user_number(account))

    def listed(self, account: str, fields: Fields) -> Any:
        """Newest first."""
        spot_only(fields, _ACCOUNTS)
        status = choice(fields, "status", ("open", "finished"))
        limit, offset = whole(fields, "limit", 100, 1, 1000), whole(fields, "offset", 0, 0, 1 << 31)
        found = [
            view for view in self._all(account, fields) if (status_of(view) == "open") == (status == "open")
        ]
        found.sort(key=lambda view: view.order_id, reverse=True)
        return [armed(view, user_number(account)) for view in found[offset : offset + limit]]

    def cancel_all(self, account: str, fields: Fields) -> Any:
        spot_only(fields, _ACCOUNTS)
        return [
            armed(
                self._exchange.cancel(account, view.symbol, order_id=view.order_id),
                user_number(account),
            )
            for view in self._all(account, fields)
            if status_of(view) == "open"
        ]

    def _all(self, account: str, fields: Fields) -> list[OrderView]:
        wanted = fields.get("market")
        symbols = [self._market.symbol(str(wanted))] if wanted else list(self._exchange.markets)
        return [view for each in symbols for view in self._exchange.orders(account, each) if is_trigger(view)]

    def _order(self, account: str, fields: Fields) -> OrderView:
        name = required(fields, "order_id")
        if not name.isdecimal():
            raise bad("order_id", name)
        for symbol in self._exchange.markets:
            try:
                view = self._exchange.order(account, symbol, order_id=int(name) - FIRST_ID)
            except Rejection as refused:
                if refused.reason is not Reason.UNKNOWN_ORDER:
                    raise
                continue
            if is_trigger(view):
                return view
        raise refuse("ORDER_NOT_FOUND", f"Order with ID {name} not found")

    def _on_market(self, event: MarketEvent) -> None:
        if not isinstance(event, Pulse):
            return
        while self._ending and self._ending[0][0] <= event.at:
            _, number_, account, symbol = heapq.heappop(self._ending)
            try:
                view = self._exchange.order(account, symbol, order_id=number_)
            except Rejection:
                continue  # ended so long ago that the exchange has forgotten it
            if status_of(view) == "open":
                self._exchange.cancel(account, symbol, order_id=number_)
