"""Gate's private answers: orders, trades, balances, fees. One instance serves every account."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from domain.clock import Clock
from domain.money import ZERO, Symbol
from domain.orders import Side, TimeInForce
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.model import Ending, NewOrder, OrderView, Placed
from simulator.exchange.rejection import Reason, Rejection
from simulator.wire import gate_words as words
from simulator.wire.gate_asks import (
    Fields,
    bad,
    choice,
    new_order,
    optional_amount,
    required,
    spot_only,
    whole,
)
from simulator.wire.gate_errors import GateRefusal, refuse
from simulator.wire.gate_market import GateMarket, span
from simulator.wire.gate_refusals import worded

TEXT_LASTS: Final = timedelta(hours=1)
"""How long an ended order is found by its client id."""
_MOST_PLACED: Final = 10
_MOST_CANCELLED: Final = 20


def user_number(account: str) -> int:
    """The number Gate calls a user by: the same for the same account name."""
    return zlib.crc32(account.encode())


class GateOrders:
    """What an account may ask of its orders. Every answer is JSON-ready; refusals are GateRefusal."""

    def __init__(self, exchange: SimulatedExchange, market: GateMarket, clock: Clock) -> None:
        self._exchange = exchange
        self._market = market
        self._clock = clock

    # one order ------------------------------------------------------------------------------------------

    def place(self, account: str, fields: Fields) -> Any:
        order = new_order(fields)
        self._market.symbol(str(fields["currency_pair"]))
        try:
            return self._placed(self._enter(account, order))
        except Rejection as refused:
            raise worded(refused, order, self._exchange) from refused

    def find(self, account: str, fields: Fields) -> Any:
        spot_only(fields)
        return self._row(self._order(account, fields))

    def cancel(self, account: str, fields: Fields) -> Any:
        spot_only(fields)
        view = self._order(account, fields)
        if not view.is_open:
            raise refuse("ORDER_CANCELLED" if words.finish_as(view) != "filled" else "ORDER_CLOSED")
        return self._row(self._exchange.cancel(account, view.symbol, order_id=view.order_id))

    def amend(self, account: str, fields: Fields) -> Any:
        """Change `price` or `amount` (the whole amount, what is filled included) of an open limit order."""
        spot_only(fields)
        view = self._order(account, fields)
        quantity, price = optional_amount(fields, "amount"), optional_amount(fields, "price")
        if quantity is None and price is None:
            raise refuse("MISSING_REQUIRED_PARAM", "Missing required parameter: amount or price")
        if not view.is_open:
            raise refuse("ORDER_CANCELLED" if words.finish_as(view) != "filled" else "ORDER_CLOSED")
        if quantity in (None, view.quantity) and price in (None, view.limit_price):
            raise refuse("NO_CHANGE")
        try:
            placed = self._exchange.amend(
                account, view.symbol, order_id=view.order_id, quantity=quantity, price=price
            )
        except Rejection as refused:
            ask = NewOrder(view.symbol, view.side, view.order_type, quantity, limit_price=price)
            raise worded(refused, ask, self._exchange) from refused
        row = self._row(placed.order)
        return {**row, "amend_text": str(fields.get("amend_text") or "-")}

    # many orders ----------------------------------------------------------------------------------------

    def place_many(self, account: str, rows: Any) -> Any:
        """At most ten orders; each line of the answer says whether it succeeded."""
        asks = _list(rows, _MOST_PLACED)
        answers = []
        for fields in asks:
            text = str(fields.get("text") or "")
            if not text:
                raise refuse("MISSING_REQUIRED_PARAM", "Missing required parameter: text")
        for fields in asks:
            try:
                answers.append({**self.place(account, fields), "succeeded": True, "label": "", "message": ""})
            except GateRefusal as error:
                answers.append({"text": str(fields["text"]), "succeeded": False, **error.body()})
        return answers

    def cancel_many(self, account: str, rows: Any) -> Any:
        answers = []
        for fields in _list(rows, _MOST_CANCELLED):
            answer = {
                "currency_pair": str(fields.get("currency_pair", "")),
                "id": str(fields.get("id", "")),
                "text": "",
                "succeeded": True,
                "label": "",
                "message": "",
                "account": "",
            }
            try:
                row = self.cancel(account, {**fields, "order_id": fields.get("id")})
                answer.update(id=row["id"], text=row["text"])
            except GateRefusal as error:
                answer.update(succeeded=False, **error.body())
            answers.append(answer)
        return answers

    def cancel_all(self, account: str, fields: Fields) -> Any:
        spot_only(fields)
        wanted = fields.get("currency_pair")
        symbol = self._market.symbol(str(wanted)) if wanted else None
        side = fields.get("side") and choice(fields, "side", ("buy", "sell"))
        ended = [
            self._exchange.cancel(account, view.symbol, order_id=view.order_id)
            for view in self._exchange.open_orders(account, symbol)
            if not view.asleep and side in (None, "", view.side.value)
        ]
        return self._rows(ended)

    def open_orders(self, account: str, fields: Fields) -> Any:
        """Open orders of every market, grouped by market."""
        spot_only(fields)
        wanted = fields.get("currency_pair")
        symbol = self._market.symbol(str(wanted)) if wanted else None
        groups: dict[Symbol, list[OrderView]] = {}
        for view in self._exchange.open_orders(account, symbol):
            if not view.asleep:
                groups.setdefault(view.symbol, []).append(view)
        limit, page = whole(fields, "limit", 100, 1, 100), whole(fields, "page", 1, 1, 10_000)
        return [
            {
                "currency_pair": words.pair(each),
                "total": len(views),
                "orders": self._rows(reversed(views[::-1][(page - 1) * limit : page * limit])),
            }
            for each, views in sorted(groups.items())
        ]

    def orders(self, account: str, fields: Fields) -> Any:
        """Orders by status, newest first; finished ones by the time they ended."""
        spot_only(fields)
        status = choice(fields, "status", ("open", "finished"))
        wanted = fields.get("currency_pair")
        if status == "open" and not wanted:
            required(fields, "currency_pair")
        symbols = [self._market.symbol(str(wanted))] if wanted else list(self._exchange.markets)
        limit = whole(fields, "limit", 100, 1, 100 if status == "open" else 1000)
        page = whole(fields, "page", 1, 1, 10_000)
        start, end = span(fields)
        side = fields.get("side") and choice(fields, "side", ("buy", "sell"))
        found = [
            view
            for symbol in symbols
            for view in self._exchange.orders(account, symbol)
            if view.is_open == (status == "open")
            and _working(view)
            and (status == "open" or start <= view.updated_at < end)
            and side in (None, "", view.side.value)
        ]
        found.sort(key=lambda view: (view.updated_at, view.order_id), reverse=True)
        return self._rows(found[(page - 1) * limit : page * limit])

    # trades and money -----------------------------------------------------------------------------------

    def my_trades(self, account: str, fields: Fields) -> Any:
        """Executions, newest first."""
        spot_only(fields)
        wanted = fields.get("currency_pair")
        symbol = self._market.symbol(str(wanted)) if wanted else None
        number = whole(fields, "order_id", 0, 1, 1 << 62) or None
        if number is not None and symbol is None:
            required(fields, "currency_pair")
        start, end = span(fields)
        limit, page = whole(fields, "limit", 100, 1, 1000), whole(fields, "page", 1, 1, 10_000)
        found = [
            trade
            for trade in self._exchange.trades(account, symbol, order_id=number)
            if start <= trade.at < end
        ]
        found.reverse()
        return [words.own_trade(trade) for trade in found[(page - 1) * limit : page * limit]]

    def accounts(self, account: str, fields: Fields) -> Any:
        wanted = fields.get("currency")
        now = self._clock.now()
        return [
            words.balance(code, holding, now)
            for code, holding in sorted(self._exchange.balances(account).items())
            if wanted in (None, "", code)
        ]

    def fee(self, account: str, fields: Fields) -> Any:
        if fields.get("currency_pair"):
            self._market.symbol(str(fields["currency_pair"]))
        return words.fees(self._exchange.fees(account), user_number(account))

    def fees(self, account: str, fields: Fields) -> Any:
        pairs = required(fields, "currency_pairs").split(",")
        for each in pairs:
            self._market.symbol(each)
        return {each: words.fees(self._exchange.fees(account), user_number(account)) for each in pairs}

    def detail(self, account: str, _: Fields) -> Any:
        return words.account(user_number(account))

    def main_keys(self, account: str, _: Fields) -> Any:
        """Every key of the account and what it may do; a key is told by its beginning only."""
        return [words.api_key(key, user_number(account)) for key in self._exchange.keys(account)]

    # inside ---------------------------------------------------------------------------------------------

    def fee_of(self, view: OrderView) -> Decimal:
        """What an order paid so far."""
        if not view.filled:
            return ZERO
        trades = self._exchange.trades(view.account, view.symbol, order_id=view.order_id)
        return sum((trade.fee for trade in trades), ZERO)

    def _row(self, view: OrderView) -> Any:
        return words.order(view, self.fee_of(view))

    def _rows(self, views: Iterable[OrderView]) -> list[Any]:
        return [self._row(view) for view in views]

    def _placed(self, placed: Placed) -> Any:
        return words.order(placed.order, sum((trade.fee for trade in placed.trades), ZERO))

    def _enter(self, account: str, order: NewOrder) -> Placed:
        """Fill-or-kill is decided before the order exists: one that cannot be filled was never there."""
        if order.time_in_force is not TimeInForce.FOK:
            return self._exchange.place(account, order)
        self._exchange.check(account, order)
        if not self._fills_whole(order):
            raise refuse("FOK_NOT_FILL")
        market = order.limit_price is None
        return self._exchange.place(
            account, replace(order, time_in_force=TimeInForce.IOC) if market else order
        )

    def _fills_whole(self, order: NewOrder) -> bool:
        depth = self._exchange.depth(order.symbol, 100_000)
        left = order.quantity if order.quantity is not None else order.quote_amount or ZERO
        for price, there in depth.asks if order.side is Side.BUY else depth.bids:
            beyond = order.limit_price is not None and (
                price > order.limit_price if order.side is Side.BUY else price < order.limit_price
            )
            if left <= ZERO or beyond:
                break
            left -= there if order.quantity is not None else there * price
        return left <= ZERO

    def _order(self, account: str, fields: Fields) -> OrderView:
        """The order a request names by number or by client id; not one that waits for its trigger."""
        name = required(fields, "order_id")
        symbol = self._market.symbol(required(fields, "currency_pair"))
        own = name.startswith(words.OWN_TEXT)
        if not own and not name.isdecimal():
            raise bad("order_id", name)
        try:
            view = (
                self._exchange.order(account, symbol, client_id=name)
                if own
                else self._exchange.order(account, symbol, order_id=int(name))
            )
        except Rejection as refused:
            if refused.reason is not Reason.UNKNOWN_ORDER:
                raise
            raise self._unknown(name, own) from refused
        forgotten = own and not view.is_open and self._clock.now() - view.updated_at > TEXT_LASTS
        if forgotten or not _working(view):
            raise self._unknown(name, own)
        return view

    @staticmethod
    def _unknown(name: str, own: bool) -> GateRefusal:
        if own:
            return refuse("CLIENT_ID_NOT_FOUND", f"Order with client ID {name} not found")
        return refuse("ORDER_NOT_FOUND", f"Order with ID {name} not found")


def _working(view: OrderView) -> bool:
    """Whether it is or was an order of the book: a triggered one only once it fired with funds."""
    return view.working_at is not None and view.ending is not Ending.NO_FUNDS


def _list(rows: Any, most: int) -> list[Fields]:
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise refuse("INVALID_REQUEST_BODY")
    if len(rows) > most:
        raise refuse("TOO_MANY_ORDERS", f"At most {most} orders in one request")
    return rows
