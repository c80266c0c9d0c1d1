"""The connector's orders and executions as the desk's own, exact and complete, or a DataError.

Numbers arrive as text (see `connect.rest_client`), so a Decimal here is what the venue wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from domain.clock import EPOCH
from domain.errors import DataError, MoneyError
from domain.money import ZERO, Currency, Money, Price, Quantity, Symbol, decimal_from
from domain.orders import WITH_LIMIT, Fill, OrderStatus, OrderType, Side
from execution.venue import Terms

_TYPES: Final[Mapping[str, OrderType]] = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "limit_maker": OrderType.LIMIT,
    "stop_loss": OrderType.STOP,
    "stop_loss_limit": OrderType.STOP_LIMIT,
    "take_profit": OrderType.TAKE_PROFIT,
    "take_profit_limit": OrderType.TAKE_PROFIT_LIMIT,
    "immediate_or_cancel": OrderType.LIMIT,
    "fill_or_kill": OrderType.LIMIT,
}
_OVER: Final[Mapping[str, OrderStatus]] = {
    "canceled": OrderStatus.CANCELLED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
}

_LAST_MS: Final = 4_102_444_800_000  # the year 2100


@dataclass(frozen=True, slots=True)
class Seen:
    """An order as one answer of the venue shows it. `became` is the order a trigger turned into."""

    venue_id: str
    venue_client_id: str
    symbol: Symbol
    status: OrderStatus
    filled: Decimal
    quantity: Decimal | None
    created_at: datetime | None
    terms: Terms | None = None
    trailing: Decimal | None = None
    became: str = ""
    reason: str = ""


def seen_from(order: Mapping[str, Any]) -> Seen:
    """An order as ccxt tells it; raises DataError when id, symbol, status or quantities make no sense."""
    venue_id, symbol = order.get("id"), order.get("symbol")
    if not venue_id or not symbol:
        raise DataError(f"the venue named an order without an id or a symbol: {_brief(order)}")
    filled, quantity = _amount(order, "filled") or ZERO, _amount(order, "amount")
    if filled < ZERO or (quantity is not None and filled > quantity):
        raise DataError(f"order {venue_id}: {filled:f} of {quantity} filled makes no sense")
    return Seen(
        venue_id=str(venue_id),
        venue_client_id=str(order.get("clientOrderId") or ""),
        symbol=Symbol(str(symbol)),
        status=_status(order, filled, quantity),
        filled=filled,
        quantity=quantity,
        created_at=_time(order.get("timestamp"), f"order {venue_id}"),
        terms=_terms(order, quantity),
        trailing=_trailing(order),
    )


def trigger_from(order: Mapping[str, Any]) -> Seen:
    """An order in a list of triggers of its own (Gate): it fills nothing itself, it becomes another order.

    Raises DataError when it makes no sense.
    """
    info, venue_id, symbol = order.get("info"), order.get("id"), order.get("symbol")
    if not isinstance(info, Mapping) or not venue_id or not symbol:
        raise DataError(f"the venue named a trigger without an id or a symbol: {_brief(order)}")
    put, trigger = info.get("put"), info.get("trigger")
    if not isinstance(put, Mapping) or not isinstance(trigger, Mapping):
        raise DataError(f"trigger {venue_id} says neither when it fires nor what it becomes")
    side, limit = _side(put.get("side"), venue_id), _exact(put.get("price"), "price", venue_id)
    above = str(trigger.get("rule")) == ">="
    takes_profit = above == (side is Side.SELL)
    with_limit = str(put.get("type") or "limit") == "limit"
    kind = {
        (True, True): OrderType.TAKE_PROFIT_LIMIT,
        (True, False): OrderType.TAKE_PROFIT,
        (False, True): OrderType.STOP_LIMIT,
        (False, False): OrderType.STOP,
    }[takes_profit, with_limit]
    quantity = _exact(put.get("amount"), "amount", venue_id)
    statuses = {
        "open": OrderStatus.ACCEPTED,
        "cancelled": OrderStatus.CANCELLED,
        "canceled": OrderStatus.CANCELLED,
        "expired": OrderStatus.EXPIRED,
        "failed": OrderStatus.REJECTED,
        "finish": OrderStatus.ACCEPTED,
    }
    status = statuses.get(str(info.get("status")))
    if status is None or quantity is None:
        raise DataError(f"trigger {venue_id} is {info.get('status')!r} for {quantity!r}")
    became = str(info.get("fired_order_id") or "")
    return Seen(
        venue_id=str(venue_id),
        venue_client_id="",
        symbol=Symbol(str(symbol)),
        status=status,
        filled=ZERO,
        quantity=quantity,
        created_at=_seconds(info.get("ctime"), f"trigger {venue_id}"),
        terms=Terms(
            side,
            kind,
            quantity,
            limit if with_limit else None,
            _exact(trigger.get("price"), "trigger price", venue_id),
        ),
        became="" if became == "0" else became,
        reason=str(info.get("reason") or ""),
    )


def fill_from(trade: Mapping[str, Any], client_id: str, venue: str) -> Fill:
    """An execution as ccxt tells it, with its fee in the currency it was paid in.

    Its id names venue, symbol, trade and order: trade ids repeat between symbols, and both sides of a trade
    with oneself share one. Raises DataError when something is missing or makes no sense.
    """
    trade_id, order_id, symbol = trade.get("id"), trade.get("order"), trade.get("symbol")
    at = _time(trade.get("timestamp"), f"execution {trade_id}")
    if not trade_id or not order_id or not symbol or at is None:
        raise DataError(f"the venue named an execution without id, order, symbol or time: {_brief(trade)}")
    what = f"execution {trade_id}"
    quantity, price = _exact(trade.get("amount"), "amount", what), _exact(trade.get("price"), "price", what)
    if quantity is None or price is None or quantity <= ZERO or price <= ZERO:
        raise DataError(f"{what}: {quantity} at {price} makes no sense")
    return Fill(
        fill_id=f"{venue}:{symbol}:{trade_id}:{order_id}",
        client_id=client_id,
        symbol=Symbol(str(symbol)),
        side=_side(trade.get("side"), trade_id),
        quantity=Quantity(quantity),
        price=Price(price),
        fee=_fee(trade, str(symbol), what),
        filled_at=at,
        maker=trade.get("takerOrMaker") == "maker",
    )


def trade_order(trade: Mapping[str, Any]) -> str:
    """Which of the venue's orders an execution belongs to."""
    return str(trade.get("order") or "")


def trade_number(trade: Mapping[str, Any]) -> tuple[int, str]:
    """Something to sort executions of the same moment by: their ids, as numbers where they are numbers."""
    text = str(trade.get("id") or "")
    return (int(text), "") if text.isdecimal() else (0, text)


def fill_number(fill: Fill) -> int:
    """The venue's number of an execution, 0 where it has letters: what sorts those of one moment."""
    trade_id = fill.fill_id.split(":")[2]
    return int(trade_id) if trade_id.isdecimal() else 0


def _fee(trade: Mapping[str, Any], symbol: str, what: str) -> Money:
    fees = trade.get("fees")
    charged = fees if isinstance(fees, Sequence) and fees else [trade.get("fee")]
    sums: dict[str, Decimal] = {}
    for fee in charged:
        if not isinstance(fee, Mapping) or fee.get("cost") is None:
            continue
        cost = _exact(fee.get("cost"), "fee", what)
        if cost:
            currency = fee.get("currency")
            if not currency:
                raise DataError(f"{what}: a fee of {cost:f} without a currency")
            sums[str(currency)] = sums.get(str(currency), ZERO) + cost
    if not sums:
        return Money(ZERO, Currency(symbol.partition("/")[2]))
    if len(sums) > 1:
        raise DataError(
            f"{what} was charged in {' and '.join(sums)}", fix="Let the venue charge fees in one currency"
        )
    ((name, amount),) = sums.items()
    if amount < ZERO:
        raise DataError(f"{what}: a rebate of {-amount:f} {name} cannot be booked as a fee")
    return Money(amount, Currency(name))


def _status(order: Mapping[str, Any], filled: Decimal, quantity: Decimal | None) -> OrderStatus:
    said = order.get("status")
    if quantity is not None and quantity > ZERO and filled == quantity:
        return OrderStatus.FILLED
    if said in ("open", "canceling"):
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.ACCEPTED
    if said == "closed":  # over with something left: an immediate order that found no more
        return OrderStatus.CANCELLED
    over = _OVER.get(str(said))
    if over is None:
        raise DataError(f"order {order.get('id')} has the status {said!r}, which nobody knows")
    return over


def _terms(order: Mapping[str, Any], quantity: Decimal | None) -> Terms | None:
    info = order.get("info")
    said = info.get("type") if isinstance(info, Mapping) else None
    kind = _TYPES.get(str(said or order.get("type") or "").lower())
    side = order.get("side")
    if kind is None or quantity is None or side not in ("buy", "sell"):
        return None
    trigger = _amount(order, "triggerPrice") if kind not in (OrderType.MARKET, OrderType.LIMIT) else None
    if kind is OrderType.STOP and _trailing(order) is not None:
        kind = OrderType.TRAILING_STOP
    limit = _amount(order, "price") if kind in WITH_LIMIT else None
    return Terms(Side(side), kind, quantity, limit, trigger or None)


def _trailing(order: Mapping[str, Any]) -> Decimal | None:
    """The distance of a trailing stop as a fraction: Binance tells it in hundredths of a percent."""
    info = order.get("info")
    said = info.get("trailingDelta") if isinstance(info, Mapping) else None
    delta = None if said in (None, "") else _exact(said, "trailing distance", order.get("id"))
    return delta / 10_000 if delta else None


def _side(said: object, of: object) -> Side:
    if said not in ("buy", "sell"):
        raise DataError(f"{of} is neither bought nor sold: {said!r}")
    return Side(said)


def _amount(order: Mapping[str, Any], name: str) -> Decimal | None:
    return _exact(order.get(name), name, order.get("id"))


def _exact(value: object, what: str, of: object) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        return decimal_from(value)
    except MoneyError as error:
        raise DataError(f"{of}: its {what} is {value!r}") from error


def _time(milliseconds: object, of: str) -> datetime | None:
    """The moment a venue named, None when it named none. Raises DataError for one outside 1970 to 2100."""
    if not isinstance(milliseconds, int) or isinstance(milliseconds, bool):
        return None
    if not 0 <= milliseconds < _LAST_MS:
        raise DataError(f"{of}: its time is {str(milliseconds)[:40]} ms since 1970")
    return EPOCH + timedelta(milliseconds=milliseconds)


def _seconds(said: object, of: str) -> datetime | None:
    try:
        return _time(int(str(said)) * 1000, of)
    except ValueError:
        return None


def _brief(said: Mapping[str, Any]) -> str:
    text = str({key: said.get(key) for key in ("id", "symbol", "status", "timestamp")})
    return text if len(text) < 160 else text[:160]
