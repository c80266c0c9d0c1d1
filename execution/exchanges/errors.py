"""What an error of the connector means for the order that was on its way: refused, unknown, or not taken in.

    GONE      the venue knows no such open order
    REFUSED   the venue read the request and said no: final
    DUPLICATE the venue has an order of this id already: look it up
    CLOCK     refused because of its time stamp: nothing was taken in
    BUSY      refused because of a rate limit: nothing was taken in, wait before the next request
    DOWN      nobody was reached: nothing was sent
    UNKNOWN   anything else. The order may exist, so it is looked up and never sent again

The rule behind the table: only a sentence of the venue itself is a refusal. A status code of some gateway, a
broken connection, an answer that makes no sense leave the order unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from domain.errors import ConfigError


class Outcome(Enum):
    """See the module's docstring."""

    GONE = "gone"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    CLOCK = "clock"
    BUSY = "busy"
    DOWN = "down"
    UNKNOWN = "unknown"


_REFUSED, _UNKNOWN, _BUSY = Outcome.REFUSED, Outcome.UNKNOWN, Outcome.BUSY

TAXONOMY: Final[Mapping[str, Outcome]] = MappingProxyType(
    {
        "BaseError": _UNKNOWN,
        "ExchangeError": _REFUSED,  # only with a sentence of the venue: see `classify`
        "AuthenticationError": _REFUSED,
        "PermissionDenied": _REFUSED,
        "AccountNotEnabled": _REFUSED,
        "AccountSuspended": _REFUSED,
        "ArgumentsRequired": _REFUSED,
        "BadRequest": _REFUSED,
        "BadSymbol": _REFUSED,
        "OperationRejected": _REFUSED,
        "NoChange": _REFUSED,
        "MarginModeAlreadySet": _REFUSED,
        "MarketClosed": _REFUSED,
        "ManualInteractionNeeded": _REFUSED,
        "RestrictedLocation": _REFUSED,
        "InsufficientFunds": _REFUSED,
        "InvalidAddress": _REFUSED,
        "AddressPending": _REFUSED,
        "InvalidOrder": _REFUSED,
        "OrderNotFound": Outcome.GONE,
        "OrderNotCached": Outcome.GONE,
        "OrderImmediatelyFillable": _REFUSED,
        "OrderNotFillable": _REFUSED,
        "DuplicateOrderId": Outcome.DUPLICATE,
        "ContractUnavailable": _REFUSED,
        "NotSupported": _REFUSED,
        "InvalidProxySettings": _REFUSED,
        "ExchangeClosedByUser": Outcome.DOWN,  # our own side closed before sending
        "OperationFailed": _UNKNOWN,
        "NetworkError": _UNKNOWN,
        "DDoSProtection": _BUSY,
        "RateLimitExceeded": _BUSY,
        "ExchangeNotAvailable": _UNKNOWN,
        "OnMaintenance": _UNKNOWN,
        "InvalidNonce": Outcome.CLOCK,
        "ChecksumError": _UNKNOWN,
        "RequestTimeout": _UNKNOWN,
        "BadResponse": _UNKNOWN,
        "NullResponse": _UNKNOWN,
        "CancelPending": _UNKNOWN,
        "UnsubscribeError": _UNKNOWN,
    }
)
"""Every error class of ccxt and what it means while nothing else is known."""

_NEVER_CONNECTED: Final = frozenset({"gaierror", "ClientConnectorError", "ConnectionRefusedError"})
_STALE: Final = ("REQUEST_EXPIRED",)
_WRONG_KEY: Final = "-2015"
_DUPLICATE: Final = re.compile(r"duplicate (order|client)", re.IGNORECASE)


def classify(
    error: BaseException,
    *,
    status: int | None = None,
    gone_words: Iterable[str] = (),
    clock_words: Iterable[str] = (),
) -> Outcome:
    """What an exception out of the connector means. Total: anything not known to be certain is UNKNOWN.

    `status` is the HTTP status of the answer, None when there was none. `gone_words` are the venue's words
    for an order that does not exist, where the connector has no error of its own for them, and `clock_words`
    those for a time stamp that is off.
    """
    names = [each.__name__ for each in type(error).__mro__]
    if isinstance(error, ConfigError):  # the URL guard: the request was stopped on this machine
        return Outcome.REFUSED
    if error.__cause__ is not None and _NEVER_CONNECTED & {c.__name__ for c in type(error.__cause__).__mro__}:
        return Outcome.DOWN
    found = next((TAXONOMY[name] for name in names if name in TAXONOMY), Outcome.UNKNOWN)
    text = str(error)
    if found is Outcome.UNKNOWN:
        return found
    if status is not None and status >= 500:
        return Outcome.UNKNOWN  # whatever the text: a server that broke down does not know what it did
    if found is Outcome.REFUSED:
        if any(word in text for word in clock_words):
            return Outcome.CLOCK
        return _refusal(error, names[0], text, status, gone_words)
    if found is Outcome.BUSY and _WRONG_KEY in text and status not in (418, 429):
        return Outcome.REFUSED  # ccxt's guess after a first success; the venue says the key is wrong
    return found


def _refusal(
    error: BaseException, name: str, text: str, status: int | None, gone_words: Iterable[str]
) -> Outcome:
    if any(word in text for word in _STALE):
        return Outcome.CLOCK
    if any(word in text for word in gone_words):
        return Outcome.GONE
    if _DUPLICATE.search(text):
        return Outcome.DUPLICATE
    if name == "ExchangeError" and (error.__cause__ is not None or status is None):
        return Outcome.UNKNOWN  # a connection that broke in the middle of the answer looks like this too
    return Outcome.REFUSED


def redact(text: str, secrets: Iterable[str]) -> str:
    """One line of text without keys, signatures or the query of a signed request, for messages and logs."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    text = re.sub(r"(https?://[^\s?]+)\?\S*", r"\1", text)
    text = re.sub(
        r"(?i)\b(signature|sign|apikey|api_key|secret|listenkey)(\"?\s*[=:]\s*\"?)[^\s\"&,}]+",
        r"\1\2***",
        text,
    )
    line = " ".join(text.split())
    return line if len(line) <= 300 else line[:297] + "..."
