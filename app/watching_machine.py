"""What only exists where time is real: the disk, the journal's pace, the age of prices, the venue's clock."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from domain.events import DeskEvent
from domain.ports import Journal

if TYPE_CHECKING:
    from market.feed import Feed

_DISK_EVERY: Final = timedelta(minutes=1)
_COMMITS: Final = 20

Measure = tuple[str, str, float]


class TimedJournal:
    """A journal that knows how long its last commits took, in seconds. Nothing else about it changes."""

    def __init__(self, journal: Journal, counter: Callable[[], float] = time.perf_counter) -> None:
        self._journal = journal
        self._counter = counter
        self._seconds: deque[float] = deque(maxlen=_COMMITS)

    def append(self, event: DeskEvent) -> None:
        self._journal.append(event)

    def commit(self) -> None:
        began = self._counter()
        self._journal.commit()
        self._seconds.append(self._counter() - began)

    def longest(self) -> float:
        """The longest of the last 20 commits; 0 before the first."""
        return max(self._seconds, default=0.0)


def free_bytes(folder: Path) -> int:
    """What an ordinary user may still write there. Raises OSError."""
    told = os.statvfs(folder)
    return told.f_bavail * told.f_frsize


class Machine:
    """Measures this machine and its line to the venue. A measure that cannot be taken is NaN: a bad one."""

    def __init__(
        self,
        *,
        feed: Feed,
        folder: Path | None,
        needed_bytes: int,
        journal: TimedJournal,
        speed: float = 1.0,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        """`speed` is how many of the venue's seconds pass in one of ours; ours are what is measured."""
        self._feed = feed
        self._speed = max(speed, 1.0)
        self._folder = folder
        self._needed = needed_bytes
        self._journal = journal
        self._free = free
        self._drift: float | None = None
        self._disk = 0.0
        self._disk_at: datetime | None = None

    def drifted(self, drift: timedelta | None) -> None:
        """The venue was asked for its time: how far ours was behind it; None when it did not answer."""
        if drift is not None:
            self._drift = abs(drift.total_seconds()) / self._speed

    def measures(self, now: datetime) -> Iterator[Measure]:
        for symbol in self._feed.symbols:
            quote = self._feed.quote(symbol)
            if quote is not None:
                yield "stale_feed", symbol, (now - quote.as_of).total_seconds() / self._speed
        yield "slow_journal", "", self._journal.longest()
        if self._drift is not None:
            yield "clock_skew", "", self._drift
        if self._folder is not None:
            yield "disk_full", "", self._disk_room(self._folder, now)

    def _disk_room(self, folder: Path, now: datetime) -> float:
        if self._disk_at is None or now - self._disk_at >= _DISK_EVERY:
            self._disk_at = now
            try:
                self._disk = self._needed / max(self._free(folder), 1)
            except OSError:
                self._disk = float("nan")
        return self._disk
