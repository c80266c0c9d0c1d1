"""The venue's time: what it last told, carried on by a counter of this machine that never jumps."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from domain.clock import Clock, LiveClock
from domain.errors import DataError

FARTHEST_JUMP = timedelta(minutes=1)
"""A later correction beyond this (times `speed`) is not believed: clocks drift, they do not jump."""


class VenueClock:
    """A clock that follows a venue's. Until the venue has told its time it is this machine's own.

    `speed` is how many of the venue's seconds pass in one of ours: 1 for every real venue, more for a
    rehearsal exchange that runs faster. `counter` counts seconds of this machine, for durations only.
    """

    def __init__(
        self, *, speed: float = 1.0, base: Clock | None = None, counter: Callable[[], float] = time.monotonic
    ) -> None:
        self.speed = speed
        self._base = base or LiveClock()
        self._counter = counter
        self._told: datetime | None = None
        self._told_at = 0.0
        self._latest: datetime | None = None

    def now(self) -> datetime:
        """The venue's time, never earlier than it was said before."""
        moment = self._base.now() if self._told is None else self._reckon(self._counter())
        if self._told is not None:
            if self._latest is not None and moment < self._latest:
                return self._latest
            self._latest = moment
        return moment

    def set(self, moment: datetime) -> None:
        """A bar closed at `moment`: nothing to do. Raises ValueError when that lies ahead."""
        if moment > self.now():
            raise ValueError(f"a bar that closes at {moment} lies ahead of the venue's {self.now()}")

    def correct(self, told: datetime, asked: float, answered: float) -> timedelta:
        """Take over what the venue told; how far this clock was behind it (negative: ahead).

        `asked` and `answered` are counter readings around the request: the venue read its clock about
        halfway between them. The first time, the difference is that to this machine's own clock. Raises
        DataError for a later correction of more than FARTHEST_JUMP, which changes nothing.
        """
        venue_now = told + timedelta(seconds=(answered - asked) / 2 * self.speed)
        if self._told is None:
            drift = venue_now - self._base.now()
        else:
            drift = venue_now - self._reckon(answered)
            if abs(drift) > FARTHEST_JUMP * max(1.0, self.speed):
                raise DataError(
                    f"the venue's clock jumped {drift.total_seconds():+.1f} s, to {told:%Y-%m-%dT%H:%M:%SZ}",
                    fix="Nothing is done with it; restart the desk when the venue is right",
                )
        self._told, self._told_at = venue_now, answered
        return drift

    def reading(self) -> float:
        """The counter now, for `correct`."""
        return self._counter()

    def _reckon(self, counted: float) -> datetime:
        if self._told is None:
            return self._base.now()
        return self._told + timedelta(seconds=(counted - self._told_at) * self.speed)
