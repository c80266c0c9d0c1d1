"""A venue that is down is left alone for a while: entries pause, longer each time, until it takes one in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

FIRST: Final = timedelta(seconds=5)
LONGEST: Final = timedelta(minutes=5)


class BackOff:
    """Pauses of 5, 10, 20 ... seconds, at most 5 minutes. `until` is None while the venue answers."""

    __slots__ = ("_pause", "until")

    def __init__(self) -> None:
        self.until: datetime | None = None
        self._pause = FIRST

    def failed(self, now: datetime) -> datetime:
        """The venue took nothing in at `now`; when it may be asked again."""
        self.until = now + self._pause
        self._pause = min(self._pause * 2, LONGEST)
        return self.until

    def worked(self) -> None:
        """The venue answered: the next pause is a short one again."""
        self.until = None
        self._pause = FIRST
