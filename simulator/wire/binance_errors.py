"""How Binance says no: codes and messages of its spot API, and what planned trouble looks like there.

Source: the error codes page and the filters page of Binance's public spot documentation.
"""

from __future__ import annotations

from typing import Any, Final

import orjson
from aiohttp import web

from simulator.exchange.rejection import Reason, Rejection
from simulator.wire.faults import Fault, FaultKind

_FILTER: Final = "Filter failure: "
WORDS: Final[dict[Reason, tuple[int, str]]] = {
    Reason.UNKNOWN_ACCOUNT: (-2015, "Invalid API-key, IP, or permissions for action."),
    Reason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Reason.MARKET_CLOSED: (-1013, "Market is closed."),
    Reason.BAD_PARAMETER: (-1128, "Combination of optional parameters invalid."),
    Reason.BAD_CLIENT_ID: (
        -1100,
        "Illegal characters found in parameter 'newClientOrderId'; legal range is "
        r"'^[a-zA-Z0-9-_]{1,36}$'.",
    ),
    Reason.DUPLICATE_CLIENT_ID: (-2010, "Duplicate order sent."),
    Reason.INSUFFICIENT_BALANCE: (-2010, "Account has insufficient balance for requested action."),
    Reason.PERMISSION: (-2015, "Invalid API-key, IP, or permissions for action."),
    Reason.PRICE_TICK: (-1013, _FILTER + "PRICE_FILTER"),
    Reason.PRICE_RANGE: (-1013, _FILTER + "PRICE_FILTER"),
    Reason.PRICE_BAND: (-1013, _FILTER + "PERCENT_PRICE_BY_SIDE"),
    Reason.QUANTITY_STEP: (-1013, _FILTER + "LOT_SIZE"),
    Reason.QUANTITY_TOO_SMALL: (-1013, _FILTER + "LOT_SIZE"),
    Reason.QUANTITY_TOO_LARGE: (-1013, _FILTER + "LOT_SIZE"),
    Reason.MARKET_QUANTITY_TOO_LARGE: (-1013, _FILTER + "MARKET_LOT_SIZE"),
    Reason.NOTIONAL_TOO_SMALL: (-1013, _FILTER + "NOTIONAL"),
    Reason.NOTIONAL_TOO_LARGE: (-1013, _FILTER + "NOTIONAL"),
    Reason.TOO_MANY_ORDERS: (-1013, _FILTER + "MAX_NUM_ORDERS"),
    Reason.TOO_MANY_TRIGGERS: (-1013, _FILTER + "MAX_NUM_ALGO_ORDERS"),
    Reason.TRAILING_RANGE: (-1013, _FILTER + "TRAILING_DELTA"),
    Reason.ICEBERG: (-1013, _FILTER + "ICEBERG_PARTS"),
    Reason.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Reason.WOULD_TRIGGER: (-2010, "Stop price would trigger immediately."),
    Reason.LIST_PRICES: (-2010, "The relationship of the prices for the orders is not correct."),
    Reason.EXPIRED: (-1128, "Combination of optional parameters invalid."),
    Reason.UNKNOWN_ORDER: (-2013, "Order does not exist."),
    Reason.ORDER_CLOSED: (-2011, "Unknown order sent."),
    Reason.NOT_AMENDABLE: (-2038, "Order amend (quantity increase) is not supported."),
}
_TROUBLE: Final = {
    500: (-1000, "An unknown error occurred while processing the request."),
    503: (-1008, "Server is currently overloaded with other requests. Please try again in a few minutes."),
    504: (
        -1007,
        "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    ),
}
_ANY_TROUBLE: Final = (-1001, "Internal error; unable to process your request. Please try again.")


class BinanceError(Exception):
    """An error answer: code and message, HTTP status, how long to stay away, and what else to tell."""

    def __init__(
        self,
        code: int,
        message: str,
        status: int = 400,
        retry_after: int | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.data = data
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after


def missing(name: str) -> BinanceError:
    """A parameter that must be there is not, or cannot be read."""
    return BinanceError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def as_error(rejection: Rejection) -> BinanceError:
    """A refusal of the exchange in Binance's words."""
    return BinanceError(*WORDS[rejection.reason])


def answer(error: BinanceError, headers: dict[str, str] | None = None) -> web.Response:
    """The HTTP response that carries an error."""
    told = dict(headers or {})
    if error.retry_after is not None:
        told["Retry-After"] = str(error.retry_after)
    said: dict[str, Any] = {"code": error.code, "msg": error.message}
    if error.data is not None:
        said["data"] = error.data
    return web.Response(
        body=orjson.dumps(said),
        status=error.status,
        content_type="application/json",
        headers=told,
    )


class BinanceWording:
    """Binance's way to refuse and to be in trouble."""

    def rejection(self, error: Rejection) -> web.Response:
        return answer(as_error(error))

    def fault(self, fault: Fault) -> web.Response:
        return answer(trouble(fault))


def trouble(fault: Fault) -> BinanceError:
    """Planned trouble as the answer Binance would give."""
    if fault.kind is FaultKind.RATE_LIMIT:
        return BinanceError(
            -1003,
            "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please use "
            "WebSocket Streams for live updates to avoid polling the API.",
            429,
            fault.retry_after,
        )
    if fault.kind is FaultKind.BAN:
        return BinanceError(
            -1003, "Way too much request weight used; IP banned until later.", 418, fault.retry_after
        )
    if fault.kind is FaultKind.MAINTENANCE:
        return BinanceError(1, "System is under maintenance.", 503)
    return BinanceError(*_TROUBLE.get(fault.status, _ANY_TROUBLE), fault.status)
