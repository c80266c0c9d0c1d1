"""What MEXC says when it says no: an HTTP status, a code programs read, a message people read.

Codes are those of MEXC's spot API v3 ("Error Code"); most refusals come with status 400.
"""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    """A refusal: its code, its HTTP status, and the message said unless another fits better."""

    UNKNOWN_ORDER = (-2011, 400, "Unknown order sent.")
    NO_SUCH_ORDER = (-2013, 400, "Order does not exist.")
    OPTIONAL_PARAMETERS = (-1128, 400, "Combination of optional parameters invalid.")
    INVALID_SYMBOL = (-1121, 400, "Invalid symbol.")
    NOT_ALLOWED = (26, 400, "operation not allowed")
    KEY_REQUIRED = (400, 400, "api key required")
    QUANTITY_SCALE = (400, 400, "quantity scale is invalid")
    PRICE_SCALE = (400, 400, "price scale is invalid")
    NOT_FOUND = (404, 404, "no such path")
    TOO_MANY_REQUESTS = (429, 429, "Too Many Requests")
    INTERNAL = (500, 500, "Internal error")
    UNAVAILABLE = (503, 503, "service not available, please try again")
    UNKNOWN_KEY = (10072, 400, "Api key info invalid")
    INSUFFICIENT_FUNDS = (10101, 400, "Insufficient balance")
    SUSPENDED = (30000, 400, "suspended transaction for the symbol")
    TOO_SMALL = (30002, 400, "The minimum transaction volume cannot be less than the limit")
    TOO_LARGE = (30003, 400, "The maximum transaction volume cannot be greater than the limit")
    INSUFFICIENT = (30004, 400, "Insufficient position")
    OVERSOLD = (30005, 400, "Oversold")
    NO_PRICE = (30010, 400, "no valid trade price")
    INVALID_PAIR = (30014, 400, "invalid symbol")
    TOO_MANY_ORDERS = (30029, 400, "Cannot exceed the maximum order limit")
    ORDER_TYPE = (30041, 400, "current order type can not place order")
    PRICE_RANGE = (30087, 400, "Order price exceeds allowed range")
    BAD_PARAMETER = (33333, 400, "param error")
    MALFORMED_KEY = (700001, 400, "API-key format invalid.")
    BAD_SIGNATURE = (700002, 400, "Signature for this request is not valid.")
    OUTSIDE_WINDOW = (700003, 400, "Timestamp for this request is outside of the recvWindow.")
    NO_ORDER_ID = (
        700004,
        400,
        "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty",
    )
    WINDOW_TOO_LONG = (700005, 400, "recvWindow must less than 60000")
    NO_PERMISSION = (700007, 403, "No permission to access the endpoint.")
    ILLEGAL_CHARACTERS = (700008, 400, "Illegal characters found in parameter.")

    def __init__(self, number: int, status: int, message: str) -> None:
        self.number = number
        self.status = status
        self.message = message


class MexcRefusal(Exception):
    """An answer that refuses: raised by a handler, worded by the server; `headers` go out with it."""

    def __init__(self, code: Code, message: str = "") -> None:
        self.code = code
        self.message = message or code.message
        self.headers: dict[str, str] = {}
        super().__init__(f"{code.number}: {self.message}")

    @property
    def status(self) -> int:
        return self.code.status

    def body(self) -> dict[str, int | str]:
        return {"code": self.code.number, "msg": self.message}
