"""Why the simulated exchange refuses a request; each wire words these as its venue does."""

from __future__ import annotations

from enum import StrEnum

from domain.errors import DeskError


class Reason(StrEnum):
    """What was wrong with the request. Nothing was changed by it."""

    UNKNOWN_ACCOUNT = "unknown account"
    UNKNOWN_SYMBOL = "unknown symbol"
    MARKET_CLOSED = "market closed"
    BAD_PARAMETER = "bad parameter"
    BAD_CLIENT_ID = "bad client id"
    DUPLICATE_CLIENT_ID = "duplicate client id"
    INSUFFICIENT_BALANCE = "insufficient balance"
    PERMISSION = "permission"
    PRICE_TICK = "price off the tick"
    PRICE_RANGE = "price out of range"
    PRICE_BAND = "price too far from the market"
    QUANTITY_STEP = "quantity off the step"
    QUANTITY_TOO_SMALL = "quantity too small"
    QUANTITY_TOO_LARGE = "quantity too large"
    MARKET_QUANTITY_TOO_LARGE = "market quantity too large"
    NOTIONAL_TOO_SMALL = "notional too small"
    NOTIONAL_TOO_LARGE = "notional too large"
    TOO_MANY_ORDERS = "too many open orders"
    TOO_MANY_TRIGGERS = "too many sleeping orders"
    TRAILING_RANGE = "trailing distance out of range"
    ICEBERG = "iceberg not allowed"
    WOULD_TAKE = "would take liquidity"
    WOULD_TRIGGER = "would trigger at once"
    LIST_PRICES = "prices of the list are on the wrong sides"
    EXPIRED = "expires in the past"
    UNKNOWN_ORDER = "unknown order"
    ORDER_CLOSED = "order is not open"
    NOT_AMENDABLE = "this change is not possible"


class Rejection(DeskError):
    """A request the exchange refused: `reason` for programs, `detail` for people."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail
