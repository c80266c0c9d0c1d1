"""How Gate's API v4 proves who asks: three signed strings, one algorithm.

Every signature is the lower-case hex of HMAC-SHA512 with the key's secret (Gate API v4, "Authentication").
A request's `Timestamp` may be at most 60 seconds away from the venue's clock.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Final

WINDOW_SECONDS: Final = 60


def _hmac(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha512).hexdigest()


def rest_signature(secret: str, method: str, path: str, query: str, body: bytes, timestamp: str) -> str:
    """Sign a REST request.

    `path` is the whole path with its `/api/v4`, `query` the query string as sent but not URL-encoded,
    `timestamp` the header's own text (seconds).
    """
    hashed = hashlib.sha512(body).hexdigest()
    return _hmac(secret, f"{method.upper()}\n{path}\n{query}\n{hashed}\n{timestamp}")


def channel_signature(secret: str, channel: str, event: str, time: int | str) -> str:
    """Sign a subscription to a private WebSocket channel."""
    return _hmac(secret, f"channel={channel}&event={event}&time={time}")


def call_signature(secret: str, channel: str, parameters: str, time: str) -> str:
    """Sign a call made over the WebSocket (event `api`); `parameters` is the JSON text as it was sent."""
    return _hmac(secret, f"api\n{channel}\n{parameters}\n{time}")


def raw_parameters(message: str) -> str:
    """The text of `req_param` exactly as it stands in a WebSocket call, because that text was signed.

    Returns "" when there is none; raises ValueError when the message is not JSON from there on.
    """
    at = message.find('"req_param"')
    if at < 0:
        return ""
    start = message.index(":", at) + 1
    start += len(message[start:]) - len(message[start:].lstrip())
    _, end = json.JSONDecoder().raw_decode(message, start)
    return message[start:end]


def same(claimed: str, expected: str) -> bool:
    """Compare two signatures in a time that tells nothing."""
    return hmac.compare_digest(claimed.encode(), expected.encode())


def fresh(timestamp: str, now_seconds: float) -> bool:
    """Whether a `Timestamp` header (seconds) is within the window around the venue's clock."""
    try:
        stamp = float(timestamp)
    except ValueError:
        return False
    return abs(now_seconds - stamp) <= WINDOW_SECONDS
