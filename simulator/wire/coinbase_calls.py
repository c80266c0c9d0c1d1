"""What Coinbase answers: its public market data and what an account may ask. Refusals are CoinbaseRefusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from domain.clock import EPOCH, Clock
from domain.market import Timeframe
from domain.money import ZERO, Symbol
from domain.orders import OrderType, Side, TimeInForce
from simulator.exchange.exchange import SimulatedExchange
from simulator.exchange.model import NewOrder, OrderView
from simulator.exchange.rejection import Reason, Rejection
from simulator.wire import coinbase_words as words
from simulator.wire.figures import millis, number, seconds
from simulator.wording import code_of

Fields = Mapping[str, Any]

_KINDS: Final = {
    "market_market_ioc": (OrderType.MARKET, TimeInForce.IOC),
    "sor_limit_ioc": (OrderType.LIMIT, TimeInForce.IOC),
    "limit_limit_gtc": (OrderType.LIMIT, TimeInForce.GTC),
    "limit_limit_gtd": (OrderType.LIMIT, TimeInForce.GTD),
    "limit_limit_fok": (OrderType.LIMIT, TimeInForce.FOK),
}
_MOST_BARS: Final = 350
_LAST: Final = datetime(2100, 1, 1, tzinfo=EPOCH.tzinfo)


class CoinbaseRefusal(Exception):
    """A request that is refused before it means anything: HTTP status, code, message."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error, self.message = status, error, message

    def body(self) -> dict[str, str]:
        return {"error": self.error, "error_details": self.message, "message": self.message}


class CoinbaseCalls:
    """One instance serves every account. Every answer is JSON-ready."""

    def __init__(self, exchange: SimulatedExchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock
        self._symbols = {words.product_id(symbol): symbol for symbol in exchange.markets}

    # what anybody may ask -------------------------------------------------------------------------------

    def time(self, _: Fields) -> Any:
        now = self._clock.now()
        return {"iso": words.moment(now), "epochSeconds": str(seconds(now)), "epochMillis": str(millis(now))}

    def products(self, fields: Fields) -> Any:
        if fields.get("product_type", "SPOT") != "SPOT":
            return {"products": [], "num_products": 0}
        exchange = self._exchange
        listed = [
            words.product(rules, exchange.ticker(symbol), exchange.trades_now(symbol))
            for symbol, rules in exchange.markets.items()
        ]
        return {"products": listed, "num_products": len(listed)}

    def book(self, fields: Fields) -> Any:
        return words.book(self._exchange.depth(self._symbol(fields), _count(fields, 100, 1000)))

    def ticker(self, fields: Fields) -> Any:
        symbol = self._symbol(fields)
        view = self._exchange.ticker(symbol)
        trades = self._exchange.recent_trades(symbol, _count(fields, 1, 1000))
        return {
            "trades": [words.market_trade(each) for each in reversed(trades)],
            "best_bid": "" if view.bid is None else number(view.bid),
            "best_ask": "" if view.ask is None else number(view.ask),
        }

    def candles(self, fields: Fields) -> Any:
        """Newest first, at most 350 between `start` and `end` (seconds)."""
        symbol, name = self._symbol(fields), str(fields.get("granularity"))
        if name not in words.GRANULARITIES:
            raise CoinbaseRefusal(400, "INVALID_ARGUMENT", f"granularity {name} is not known")
        start, end = _moment(fields, "start", EPOCH), _moment(fields, "end", _LAST)
        bars = self._exchange.klines(
            symbol, Timeframe(words.GRANULARITIES[name]), start=start, end=end, limit=_MOST_BARS
        )
        return {"candles": [words.candle(bar) for bar in reversed(bars)]}

    # what an account may ask ----------------------------------------------------------------------------

    def accounts(self, account: str, _: Fields) -> Any:
        held = sorted(self._exchange.balances(account).items())
        rows = [words.account(code, each) for code, each in held]
        return {"accounts": rows, "has_next": False, "cursor": "", "size": len(rows)}

    def summary(self, account: str, _: Fields) -> Any:
        return words.summary(self._exchange.fees(account))

    def place(self, account: str, fields: Fields) -> Any:
        """A client order id that was used before brings back the order it was used for, and no second one."""
        configuration = fields.get("order_configuration")
        product = {"product_id": fields.get("product_id"), "side": fields.get("side")}
        try:
            order = self._new_order(fields)
            view = self._used(account, order) or self._exchange.place(account, order).order
        except Rejection as refused:
            code = code_of(refused.reason, "coinbase") or "UNKNOWN_FAILURE_REASON"
            error = {"error": code, "message": refused.detail, "error_details": ""}
            answer = {**error, "preview_failure_reason": code, "new_order_failure_reason": code}
            return {
                "success": False,
                "failure_reason": code,
                "order_id": "",
                "error_response": answer,
                "order_configuration": configuration,
            }
        named = {**product, "order_id": words.order_id(view.order_id), "client_order_id": view.client_id}
        return {"success": True, "success_response": named, "order_configuration": configuration}

    def cancel(self, account: str, fields: Fields) -> Any:
        names = fields.get("order_ids")
        if not isinstance(names, list) or not names:
            raise CoinbaseRefusal(400, "INVALID_ARGUMENT", "order_ids is empty")
        return {"results": [self._cancelled(account, str(name)) for name in names]}

    def find(self, account: str, fields: Fields) -> Any:
        view = self._order(account, str(fields.get("order_id")))
        if view is None:
            raise CoinbaseRefusal(404, "NOT_FOUND", "order with this orderID was not found")
        return {"order": self._row(account, view)}

    def orders(self, account: str, fields: Fields) -> Any:
        """Newest first; OPEN, or everything since `start_date`."""
        wanted = [self._symbol(fields)] if fields.get("product_id") else list(self._exchange.markets)
        status, since = fields.get("order_status"), _date(fields, "start_date", EPOCH)
        until = _date(fields, "end_date", _LAST)
        found = [view for symbol in wanted for view in self._exchange.orders(account, symbol)]
        rows = [
            self._row(account, view)
            for view in sorted(found, key=lambda each: -each.order_id)
            if since <= view.created_at < until
        ]
        rows = [row for row in rows if status in (None, row["status"])][: _count(fields, 100, 1000)]
        return {"orders": rows, "sequence": "0", "has_next": False, "cursor": ""}

    def fills(self, account: str, fields: Fields) -> Any:
        """Newest first, of one product, one order, or all, between two moments."""
        symbol = self._symbol(fields) if fields.get("product_id") else None
        of = fields.get("order_id") or fields.get("order_ids")
        since = _date(fields, "start_sequence_timestamp", EPOCH)
        until = _date(fields, "end_sequence_timestamp", _LAST)
        found = [
            trade
            for trade in self._exchange.trades(account, symbol)
            if since <= trade.at < until and of in (None, words.order_id(trade.order_id))
        ]
        return {"fills": [words.fill(each) for each in found[::-1][: _count(fields, 100, 250)]], "cursor": ""}

    # inside ---------------------------------------------------------------------------------------------

    def _symbol(self, fields: Fields) -> Symbol:
        found = self._symbols.get(str(fields.get("product_id")))
        if found is None:
            raise CoinbaseRefusal(404, "NOT_FOUND", "product not found")
        return found

    def _new_order(self, fields: Fields) -> NewOrder:
        asked = fields.get("order_configuration")
        if not isinstance(asked, dict) or len(asked) != 1:
            raise CoinbaseRefusal(400, "INVALID_ARGUMENT", "order_configuration is not one configuration")
        ((name, terms),) = asked.items()
        side, own = fields.get("side"), fields.get("client_order_id")
        if name not in _KINDS or not isinstance(terms, dict):
            raise CoinbaseRefusal(400, "UNSUPPORTED_ORDER_CONFIGURATION", f"{name} is not supported")
        if side not in ("BUY", "SELL") or not own:
            raise CoinbaseRefusal(400, "INVALID_ARGUMENT", "side and client_order_id are needed")
        kind, in_force = _KINDS[name]
        by_cost = bool(terms.get("quote_size"))
        return NewOrder(
            symbol=self._symbol(fields),
            side=Side(side.lower()),
            order_type=kind,
            quantity=None if by_cost else _decimal(terms, "base_size"),
            quote_amount=_decimal(terms, "quote_size") if by_cost else None,
            limit_price=_decimal(terms, "limit_price") if kind is OrderType.LIMIT else None,
            time_in_force=in_force,
            post_only=bool(terms.get("post_only")),
            expires_at=_date(terms, "end_time", _LAST) if in_force is TimeInForce.GTD else None,
            client_id=str(own),
        )

    def _used(self, account: str, order: NewOrder) -> OrderView | None:
        try:
            return self._exchange.order(account, order.symbol, client_id=order.client_id)
        except Rejection as refused:
            if refused.reason is Reason.UNKNOWN_ORDER:
                return None
            raise

    def _order(self, account: str, name: str) -> OrderView | None:
        number_ = words.order_number(name)
        for symbol in self._exchange.markets if number_ is not None else ():
            try:
                return self._exchange.order(account, symbol, order_id=number_)
            except Rejection as refused:
                if refused.reason is not Reason.UNKNOWN_ORDER:
                    raise
        return None

    def _cancelled(self, account: str, name: str) -> Any:
        view, failure = self._order(account, name), "UNKNOWN_CANCEL_FAILURE_REASON"
        if view is None:
            failure = "UNKNOWN_CANCEL_ORDER"
        elif not view.is_open:
            failure = "COMMANDER_REJECTED_CANCEL_ORDER"
        else:
            self._exchange.cancel(account, view.symbol, order_id=view.order_id)
            return {"success": True, "failure_reason": failure, "order_id": name}
        return {"success": False, "failure_reason": failure, "order_id": name}

    def _row(self, account: str, view: OrderView) -> Any:
        trades = self._exchange.trades(account, view.symbol, order_id=view.order_id)
        return words.order(view, sum((each.fee for each in trades), ZERO))


def _decimal(terms: Fields, name: str) -> Decimal:
    try:
        value = Decimal(str(terms.get(name)))
    except InvalidOperation:
        value = ZERO
    if not value.is_finite() or value <= ZERO:
        raise CoinbaseRefusal(400, "INVALID_ARGUMENT", f"{name} is not a number above zero")
    return value


def _count(fields: Fields, default: int, most: int) -> int:
    said = str(fields.get("limit") or default)
    if not (said.isascii() and said.isdigit()):
        raise CoinbaseRefusal(400, "INVALID_ARGUMENT", "limit is not a number")
    return max(1, min(int(said), most))


def _read(fields: Fields, name: str, default: datetime, made: Callable[[str], datetime]) -> datetime:
    said = fields.get(name)
    if not said:
        return default
    try:
        found = made(str(said))
    except (ValueError, OverflowError):
        raise CoinbaseRefusal(400, "INVALID_ARGUMENT", f"{name} is not a moment") from None
    if found.tzinfo is None:
        raise CoinbaseRefusal(400, "INVALID_ARGUMENT", f"{name} names no time zone")
    return found


def _moment(fields: Fields, name: str, default: datetime) -> datetime:
    return _read(fields, name, default, lambda said: datetime.fromtimestamp(int(said), EPOCH.tzinfo))


def _date(fields: Fields, name: str, default: datetime) -> datetime:
    return _read(fields, name, default, datetime.fromisoformat)
