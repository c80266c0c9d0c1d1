"""A venue that is down is left alone for a while: entries pause, longer each time, until it takes one in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

FIRST: Final = timedelta(seconds=5)
LONGEST: Final = timedelta(minutes=5)


class BackOff:
    """Pauses that double from `first` up to `longest`. `until` is None while the venue answers."""

    __slots__ = ("_first", "_longest", "_pause", "until")

    def __init__(self, first: timedelta = FIRST, longest: timedelta = LONGEST) -> None:
        self.until: datetime | None = None
        self._first = self._pause = first
        self._longest = longest

    def failed(self, now: datetime) -> datetime:
        """The venue took nothing in at `now`; when it may be asked again."""
        self.until = now + self._pause
        self._pause = min(self._pause * 2, self._longest)
        return self.until

    def worked(self) -> None:
        """The venue answered: the next pause is a short one again."""
        self.until = None
        self._pause = self._first
