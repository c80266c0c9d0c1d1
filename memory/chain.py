"""The hash chain: each event's hash covers its own text and the hash before it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

GENESIS: Final = bytes(32)
"""What the first event's hash follows."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The chain holds: how many events, the hash of the last one, and how many cycle records agree.

    `sealed`: the file is also, byte for byte, the one that was last closed in good order.
    """

    events: int
    head: str
    records: int = 0
    sealed: bool = False


def link(previous: bytes, seq: int, kind: str, at: str, payload: bytes) -> bytes:
    """SHA-256 over the previous hash, then `seq`, `kind` and `at` on a line each, then the payload."""
    return hashlib.sha256(previous + f"{seq}\n{kind}\n{at}\n".encode() + payload).digest()
