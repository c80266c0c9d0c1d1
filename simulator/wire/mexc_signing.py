"""How MEXC's spot API v3 proves who asks: HMAC-SHA256 of everything in the query before `&signature=`."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

MAX_WINDOW: Final = 60_000
DEFAULT_WINDOW: Final = 5_000
AHEAD: Final = 1_000
"""How far (milliseconds) a client's clock may be ahead of the venue's."""


def signature(secret: str, total: str) -> str:
    """Sign the query string followed by the body, in lower-case hex."""
    return hmac.new(secret.encode(), total.encode(), hashlib.sha256).hexdigest()


def split_signature(query: str) -> tuple[str, str]:
    """The signed part of a raw query string, and the signature at its end ("" when there is none)."""
    signed, mark, claimed = query.rpartition("signature=")
    return (signed.removesuffix("&"), claimed) if mark else (query, "")


def same(claimed: str, expected: str) -> bool:
    """Compare two signatures in a time that tells nothing. Upper-case hex is not accepted."""
    return hmac.compare_digest(claimed.encode(), expected.encode())


def in_window(timestamp: int, window: int, now: int) -> bool:
    """Whether a request is neither too old nor from the future; all in milliseconds."""
    return timestamp < now + AHEAD and now - timestamp <= window
