"""What Gate says when it says no: an HTTP status, a label programs read, a message people read.

Labels and messages are those of Gate's API v4 ("Error Handling"). The statuses of the authentication errors
were seen on the live venue; every refusal of the trading rules is 400, of an unknown order 404.
"""

from __future__ import annotations

from typing import Final

LABELS: Final[dict[str, tuple[int, str]]] = {
    "INVALID_PARAM_VALUE": (400, "Invalid parameter value"),
    "INVALID_PROTOCOL": (400, "Invalid parameter value"),
    "INVALID_REQUEST_BODY": (400, "Invalid request body"),
    "MISSING_REQUIRED_PARAM": (400, "Missing required parameter"),
    "METHOD_NOT_ALLOWED": (405, "Request method is not allowed"),
    "NOT_FOUND": (404, "Request URL not exists"),
    "AUTHENTICATION_FAILED": (401, "Authentication failed"),
    "INVALID_KEY": (401, "Invalid key provided"),
    "READ_ONLY": (403, "API key is read-only"),
    "INVALID_SIGNATURE": (401, "Signature mismatch"),
    "MISSING_REQUIRED_HEADER": (400, "Missing required header"),
    "REQUEST_EXPIRED": (403, "gap between request Timestamp and server time exceeds 60"),
    "FORBIDDEN": (403, "Account has no permission to request operation"),
    "TOO_MANY_REQUESTS": (429, "Request Rate limit Exceeded"),
    "INVALID_PRECISION": (400, "Invalid precision"),
    "INVALID_CURRENCY": (400, "Invalid currency"),
    "INVALID_CURRENCY_PAIR": (400, "Invalid currency pair"),
    "POC_FILL_IMMEDIATELY": (400, "Order would match and take immediately so its cancelled"),
    "FOK_NOT_FILL": (400, "Order cannot be filled completely"),
    "ORDER_BOOK_NOT_FOUND": (400, "Insufficient market depth"),
    "ORDER_NOT_FOUND": (404, "Order not found"),
    "CLIENT_ID_NOT_FOUND": (404, "Order not found"),
    "ORDER_CLOSED": (400, "Order already closed"),
    "ORDER_CANCELLED": (400, "Order already cancelled"),
    "BALANCE_NOT_ENOUGH": (400, "Not enough balance"),
    "AMOUNT_TOO_LITTLE": (400, "Amount does not reach minimum required"),
    "AMOUNT_TOO_MUCH": (400, "Amount exceeds maximum allowed"),
    "MARGIN_NOT_SUPPORTED": (400, "Request currency pair doesn't provide margin trading"),
    "TOO_MANY_ORDERS": (400, "Too many orders"),
    "TOO_MANY_CURRENCY_PAIRS": (400, "Too many currency pairs"),
    "NO_CHANGE": (400, "No change is made"),
    "PRICE_THRESHOLD_EXCEEDED": (400, "Price protection was triggered"),
    "AUTO_TRIGGER_PRICE_LESS_LAST": (400, "invalid argument: Trigger.Price must < last_price"),
    "AUTO_TRIGGER_PRICE_GREATE_LAST": (400, "invalid argument: Trigger.Price must > last_price"),
    "TRADE_RESTRICTED": (400, "Trading is restricted"),
    "SERVER_ERROR": (500, "Server error"),
    "TOO_BUSY": (503, "Server is too busy at the moment"),
}
"""Every label this server answers with: its HTTP status, and the message said when none fits better."""


class GateRefusal(Exception):
    """An answer that refuses: raised by a handler, worded by the server; `headers` go out with it."""

    def __init__(self, label: str, message: str) -> None:
        super().__init__(f"{label}: {message}")
        self.label = label
        self.message = message
        self.headers: dict[str, str] = {}

    @property
    def status(self) -> int:
        return LABELS[self.label][0]

    def body(self) -> dict[str, str]:
        return {"label": self.label, "message": self.message}


def refuse(label: str, message: str = "") -> GateRefusal:
    """A refusal with this label; without a message of its own it says what the label usually says."""
    return GateRefusal(label, message or LABELS[label][1])
