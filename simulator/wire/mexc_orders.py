"""MEXC's private answers: orders, trades, balances, fees. One instance serves every account."""

from __future__ import annotations

from typing import Any, Final

import orjson

from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.model import OrderView
from simulator.exchange.rejection import Reason, Rejection
from simulator.wire import mexc_words as words
from simulator.wire.mexc_asks import Fields, client_id, limit, new_order, required
from simulator.wire.mexc_errors import Code, MexcRefusal
from simulator.wire.mexc_market import MexcMarket, span
from simulator.wire.mexc_refusals import worded

KEY: Final = "X-MEXC-APIKEY"
"""The header with the key; a request that was checked carries it among its fields."""
_MOST_PLACED: Final = 20
_MOST_SYMBOLS: Final = 5


class MexcOrders:
    """What an account may ask. Every answer is JSON-ready; refusals are MexcRefusal."""

    def __init__(self, exchange: SimulatedExchange, market: MexcMarket) -> None:
        self._exchange = exchange
        self._market = market

    # one order ------------------------------------------------------------------------------------------

    def place(self, account: str, fields: Fields) -> Any:
        """The answer tells neither status nor client id."""
        order = new_order(fields, self._market.symbol(required(fields, "symbol")))
        try:
            return words.placed(self._exchange.place(account, order).order)
        except Rejection as refused:
            raise worded(refused, order, self._exchange) from refused

    def check(self, account: str, fields: Fields) -> Any:
        """`/order/test`: everything is checked, nothing is placed."""
        order = new_order(fields, self._market.symbol(required(fields, "symbol")))
        try:
            self._exchange.check(account, order)
        except Rejection as refused:
            raise worded(refused, order, self._exchange) from refused
        return {}

    def find(self, account: str, fields: Fields) -> Any:
        return words.order(self._order(account, fields, Code.NO_SUCH_ORDER))

    def cancel(self, account: str, fields: Fields) -> Any:
        view = self._order(account, fields, Code.UNKNOWN_ORDER)
        if not view.is_open:
            raise MexcRefusal(Code.UNKNOWN_ORDER)
        ended = self._exchange.cancel(account, view.symbol, order_id=view.order_id)
        row = words.order(ended)
        return {**row, "origClientOrderId": row["clientOrderId"]}

    # many orders ----------------------------------------------------------------------------------------

    def place_many(self, account: str, fields: Fields) -> Any:
        """At most twenty orders of one symbol; a refused one is told in its own line."""
        try:
            asks = orjson.loads(required(fields, "batchOrders"))
        except orjson.JSONDecodeError:
            raise MexcRefusal(Code.BAD_PARAMETER, "batchOrders is not JSON") from None
        good = isinstance(asks, list) and all(isinstance(each, dict) for each in asks)
        if not good or not 0 < len(asks) <= _MOST_PLACED:
            raise MexcRefusal(Code.BAD_PARAMETER, f"batchOrders takes 1 to {_MOST_PLACED} orders")
        if len({each.get("symbol") for each in asks}) > 1:
            raise MexcRefusal(Code.BAD_PARAMETER, "all orders must have the same symbol")
        return [self._one_of_many(account, each) for each in asks]

    def _one_of_many(self, account: str, ask: dict[str, Any]) -> Any:
        fields = {name: str(value) for name, value in ask.items()}
        own = {"newClientOrderId": fields["newClientOrderId"]} if fields.get("newClientOrderId") else {}
        try:
            return {**self.place(account, fields), **own}
        except MexcRefusal as error:
            return {**own, **error.body()}

    def cancel_all(self, account: str, fields: Fields) -> Any:
        symbols = [self._market.symbol(each) for each in required(fields, "symbol").split(",")]
        if len(symbols) > _MOST_SYMBOLS:
            raise MexcRefusal(Code.BAD_PARAMETER, f"at most {_MOST_SYMBOLS} symbols")
        return [
            words.order(view) for symbol in symbols for view in self._exchange.cancel_all(account, symbol)
        ]

    def open_orders(self, account: str, fields: Fields) -> Any:
        symbols = [self._market.symbol(each) for each in required(fields, "symbol").split(",")]
        return [
            words.order(view)
            for symbol in symbols
            for view in reversed(self._exchange.open_orders(account, symbol))
        ]

    def all_orders(self, account: str, fields: Fields) -> Any:
        """Newest first."""
        symbol = self._market.symbol(required(fields, "symbol"))
        start, end = span(fields)
        found = [view for view in self._exchange.orders(account, symbol) if start <= view.created_at <= end]
        return [words.order(view) for view in found[::-1][: limit(fields, 500, 1000)]]

    # trades and money -----------------------------------------------------------------------------------

    def my_trades(self, account: str, fields: Fields) -> Any:
        """Newest first, at most a hundred."""
        symbol = self._market.symbol(required(fields, "symbol"))
        start, end = span(fields)
        named = fields.get("orderId")
        number = words.order_number(named) if named else None
        found = [
            trade
            for trade in self._exchange.trades(account, symbol, order_id=number)
            if start <= trade.at <= end and (not named or number is not None)
        ]
        return [words.own_trade(trade) for trade in found[::-1][: limit(fields, 100, 100)]]

    def account(self, account: str, fields: Fields) -> Any:
        """Balances, and what the key that asks may do."""
        known = self._exchange.key(fields[KEY])
        return {
            "canTrade": known is not None and known[1].trade,
            "canWithdraw": known is not None and known[1].withdraw,
            "canDeposit": True,
            "updateTime": None,
            "accountType": "SPOT",
            "balances": [
                words.balance(code, held)
                for code, held in sorted(self._exchange.balances(account).items())
                if held.total
            ],
            "permissions": ["SPOT"],
        }

    def currencies(self, _account: str, _: Fields) -> Any:
        listed = {
            code
            for rules in self._exchange.markets.values()
            for code in (rules.instrument.base, rules.instrument.quote)
        }
        return [words.currency(code) for code in sorted(listed)]

    def fee(self, account: str, fields: Fields) -> Any:
        symbol = self._market.symbol(required(fields, "symbol"))
        own = self._exchange.markets[symbol].fees
        rates = own if own is not None else self._exchange.fees(account)
        return {
            "data": {"makerCommission": float(rates.maker), "takerCommission": float(rates.taker)},
            "code": 0,
            "msg": "success",
            "timestamp": None,
        }

    # inside ---------------------------------------------------------------------------------------------

    def _order(self, account: str, fields: Fields, unknown: Code) -> OrderView:
        """The order a request names, by client id or by number."""
        symbol = self._market.symbol(required(fields, "symbol"))
        own = client_id(fields, "origClientOrderId")
        named = fields.get("orderId")
        if not own and not named:
            raise MexcRefusal(Code.NO_ORDER_ID)
        number = words.order_number(named) if named else None
        try:
            if named:
                return self._exchange.order(account, symbol, order_id=number if number is not None else -1)
            return self._exchange.order(account, symbol, client_id=own)
        except Rejection as refused:
            if refused.reason is not Reason.UNKNOWN_ORDER:
                raise
            raise MexcRefusal(unknown) from refused
