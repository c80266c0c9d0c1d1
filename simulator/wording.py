"""How a venue words its refusals, so that what a rehearsal says is what the venue will say.

The sentences are those of the venues' own error lists: Binance "Error codes for Binance" (-1013, -1121,
-2010 and its messages), Gate "Error Handling" of API v4 (labels), MEXC "Error Code" of spot v3, Coinbase
Advanced Trade's `NewOrderFailureReason` and `PreviewFailureReason`.
"""

from __future__ import annotations

from typing import Final

from simulator.exchange.rejection import Reason, Rejection

_BINANCE: Final = {
    Reason.UNKNOWN_SYMBOL: "-1121 Invalid symbol.",
    Reason.BAD_PARAMETER: "-1102 Mandatory parameter was not sent, was empty/null, or malformed.",
    Reason.INSUFFICIENT_BALANCE: "-2010 Account has insufficient balance for requested action.",
    Reason.PRICE_TICK: "-1013 Filter failure: PRICE_FILTER",
    Reason.QUANTITY_STEP: "-1013 Filter failure: LOT_SIZE",
    Reason.QUANTITY_TOO_SMALL: "-1013 Filter failure: LOT_SIZE",
    Reason.QUANTITY_TOO_LARGE: "-1013 Filter failure: LOT_SIZE",
    Reason.NOTIONAL_TOO_SMALL: "-1013 Filter failure: NOTIONAL",
    Reason.TRAILING_RANGE: "-1013 Filter failure: TRAILING_DELTA",
    Reason.WOULD_TAKE: "-2010 Order would immediately match and take.",
    Reason.WOULD_TRIGGER: "-2010 Stop price would trigger immediately.",
}
_GATE: Final = {
    Reason.UNKNOWN_SYMBOL: "INVALID_CURRENCY_PAIR Invalid currency pair",
    Reason.BAD_PARAMETER: "INVALID_PARAM_VALUE Invalid parameter value",
    Reason.INSUFFICIENT_BALANCE: "BALANCE_NOT_ENOUGH Not enough balance",
    Reason.PRICE_TICK: "INVALID_PRECISION Invalid precision",
    Reason.QUANTITY_STEP: "INVALID_PRECISION Invalid precision",
    Reason.QUANTITY_TOO_SMALL: "INVALID_PARAM_VALUE Your order size is too small",
    Reason.QUANTITY_TOO_LARGE: "AMOUNT_TOO_MUCH Amount exceeds maximum allowed",
    Reason.NOTIONAL_TOO_SMALL: "INVALID_PARAM_VALUE Your order size is too small",
    Reason.TRAILING_RANGE: "INVALID_PARAM_VALUE Invalid parameter value",
    Reason.WOULD_TAKE: "POC_FILL_IMMEDIATELY Order would match and take immediately so its cancelled",
    Reason.WOULD_TRIGGER: "INVALID_PARAM_VALUE The trigger price is on the wrong side of the last price",
}
_MEXC: Final = {
    Reason.UNKNOWN_SYMBOL: "-1121 Invalid symbol.",
    Reason.BAD_PARAMETER: "33333 param error",
    Reason.INSUFFICIENT_BALANCE: "30004 Insufficient position",
    Reason.PRICE_TICK: "30010 no valid trade price",
    Reason.QUANTITY_STEP: "33333 param error",
    Reason.QUANTITY_TOO_SMALL: "30002 The minimum transaction volume cannot be less than the limit",
    Reason.QUANTITY_TOO_LARGE: "30003 The maximum transaction volume cannot be greater than the limit",
    Reason.NOTIONAL_TOO_SMALL: "30002 The minimum transaction volume cannot be less than the limit",
    Reason.TRAILING_RANGE: "30041 current order type can not place order",
    Reason.WOULD_TAKE: "30041 current order type can not place order",
    Reason.WOULD_TRIGGER: "30041 current order type can not place order",
}
_COINBASE: Final = {
    Reason.UNKNOWN_SYMBOL: "INVALID_PRODUCT_ID",
    Reason.BAD_PARAMETER: "INVALID_REQUEST",
    Reason.INSUFFICIENT_BALANCE: "INSUFFICIENT_FUND",
    Reason.PRICE_TICK: "INVALID_PRICE_PRECISION",
    Reason.QUANTITY_STEP: "INVALID_SIZE_PRECISION",
    Reason.QUANTITY_TOO_SMALL: "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL",
    Reason.QUANTITY_TOO_LARGE: "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE",
    Reason.NOTIONAL_TOO_SMALL: "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL",
    Reason.TRAILING_RANGE: "UNSUPPORTED_ORDER_CONFIGURATION",
    Reason.WOULD_TAKE: "INVALID_LIMIT_PRICE_POST_ONLY",
    Reason.WOULD_TRIGGER: "PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE",
}
_WORDS: Final = {"binance": _BINANCE, "gate": _GATE, "mexc": _MEXC, "coinbase": _COINBASE}


def code_of(reason: Reason, venue: str) -> str | None:
    """What that venue calls a reason to refuse; None where nobody knows."""
    return _WORDS[venue].get(reason)


def worded(refused: Rejection, venue: str | None) -> str:
    """A refusal in the words of that venue, then what was wrong in ours; without a venue, only the latter."""
    said = _WORDS.get(venue, {}).get(refused.reason) if venue is not None else None
    detail = refused.detail or refused.reason.value
    return detail if said is None else f"{venue} says {said} ({detail})"
