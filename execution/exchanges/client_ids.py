"""The desk's order ids as a venue takes them, the same after any restart.

An id that fits the venue's alphabet and length goes out as it is, behind the venue's prefix. Any other goes
out as a digest of itself, which cannot be turned back: whoever sent it remembers what it stood for.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from typing import Final

from execution.exchanges.profiles import ClientIdRule

_DIGEST_MARK: Final = "h-"
_DIGEST_LENGTH: Final = 24
"""Base-32 characters: 120 bits, so that two ids of one account never meet."""


def to_venue(client_id: str, rule: ClientIdRule) -> str:
    """The id the venue is told. Two different ids never become the same one."""
    fits = 0 < len(client_id) <= rule.longest - len(rule.prefix) and _alphabet(rule.alphabet) >= set(
        client_id
    )
    if fits and not client_id.startswith(_DIGEST_MARK):
        return rule.prefix + client_id
    digest = base64.b32encode(hashlib.sha256(client_id.encode()).digest()).decode("ascii").lower()
    return rule.prefix + _DIGEST_MARK + digest[:_DIGEST_LENGTH]


@cache
def _alphabet(pattern: str) -> frozenset[str]:
    """The ASCII characters that a pattern for one of them matches."""
    return frozenset(character for character in map(chr, range(128)) if re.fullmatch(pattern, character))


def from_venue(venue_client_id: str, rule: ClientIdRule) -> str | None:
    """The desk's id behind what a venue says; None for a digest, and for what no desk sends."""
    if not venue_client_id.startswith(rule.prefix):
        return None
    client_id = venue_client_id[len(rule.prefix) :]
    if not client_id or client_id.startswith(_DIGEST_MARK):
        return None
    return client_id if to_venue(client_id, rule) == venue_client_id else None
