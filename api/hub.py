"""One place that hears every event and lets any number of pages follow, each at its own pace.

The hub keeps the newest events in a ring. A follower holds nothing but its place in that ring, so a slow
one costs no memory and nobody waits for it: when the ring has moved past its place it is told of the gap
and goes on with the newest.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from domain.errors import StorageError
from domain.events import DeskEvent
from memory.codec import encode

_log = logging.getLogger("desk.api")

RING = 2_000
BATCH = 200


@dataclass(slots=True)
class Entry:
    """An event with its place in the stream; its JSON is made once, when somebody first reads it."""

    seq: int
    event: DeskEvent
    _json: bytes | None = None

    def json(self) -> bytes:
        """`{"seq":..,"kind":..,"data":{..}}`; a malformed event becomes kind `unreadable`."""
        if self._json is None:
            kind: str = self.event.kind
            try:
                data = encode(self.event)
            except StorageError as error:
                _log.error("event %d cannot be sent: %s", self.seq, error)
                kind, data = "unreadable", b"{}"
            self._json = b'{"seq":%d,"kind":"%s","data":%s}' % (self.seq, kind.encode(), data)
        return self._json


@dataclass(slots=True, eq=False)
class Follower:
    """A reader's place in the stream: it has seen everything up to `seen`."""

    seen: int
    wake: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Batch:
    """The next events for a follower, oldest first; `missed` counts those that had left the ring."""

    entries: tuple[Entry, ...]
    missed: int


class EventHub:
    """Hears events and serves followers. Everything happens in the thread of the event loop.

    `stream` names this run of the desk: sequence numbers of another stream mean nothing here.
    `monotonic` measures the silence that `quiet_seconds` reports.
    """

    def __init__(self, *, ring: int = RING, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.stream = secrets.token_hex(8)
        self.closing = asyncio.Event()
        self._ring: deque[Entry] = deque(maxlen=ring)
        self._seq = 0
        self._followers: set[Follower] = set()
        self._monotonic = monotonic
        self._last = monotonic()

    @property
    def seq(self) -> int:
        """The number of the newest event; 0 before the first."""
        return self._seq

    @property
    def oldest(self) -> int:
        """The number of the oldest event still held; `seq + 1` when none is."""
        return self._ring[0].seq if self._ring else self._seq + 1

    @property
    def followers(self) -> int:
        return len(self._followers)

    def quiet_seconds(self) -> float:
        return max(0.0, self._monotonic() - self._last)

    def publish(self, event: DeskEvent) -> None:
        """An EventSink: never raises, never waits."""
        self._seq += 1
        self._last = self._monotonic()
        self._ring.append(Entry(self._seq, event))
        for follower in self._followers:
            follower.wake.set()

    def follow(self, *, stream: str | None = None, after: int | None = None) -> Follower:
        """A place in the stream: behind `after` when it belongs to this stream, else at the oldest held."""
        known = stream == self.stream and after is not None and 0 <= after <= self._seq
        follower = Follower(after if known and after is not None else self.oldest - 1)
        if self._seq > follower.seen:
            follower.wake.set()
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        self._followers.discard(follower)

    def take(self, follower: Follower, limit: int = BATCH) -> Batch:
        """The next events of a follower, at most `limit`; moves its place."""
        missed = max(0, self.oldest - 1 - follower.seen)
        start = follower.seen + missed - (self.oldest - 1)
        stop = min(len(self._ring), start + limit)
        entries = tuple(self._ring[index] for index in range(start, stop))
        follower.seen = entries[-1].seq if entries else follower.seen + missed
        if follower.seen >= self._seq:
            follower.wake.clear()
        return Batch(entries, missed)

    def close(self) -> None:
        """Tell every open stream to end."""
        self.closing.set()
