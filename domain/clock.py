"""Time as a port: aware UTC, read from a clock that is handed in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        ...


class LiveClock:
    """The machine's own clock: the only place that reads it for decisions."""

    __slots__ = ()

    def now(self) -> datetime:
        return datetime.now(UTC)


class SimulatedClock:
    """A clock that stands where the tape put it and never runs backwards."""

    __slots__ = ("_now",)

    def __init__(self, start: datetime = EPOCH) -> None:
        self._now = require_utc(start)

    def now(self) -> datetime:
        return self._now

    def set(self, moment: datetime) -> None:
        """Move to `moment`; raises ValueError when that would be a step back."""
        if moment < self._now:
            raise ValueError(f"the clock cannot go back from {self._now} to {moment}")
        self._now = moment


def require_utc(moment: datetime) -> datetime:
    """Return `moment` unchanged, or raise ValueError when it is naive or not UTC."""
    if moment.utcoffset() != timedelta(0):
        raise ValueError(f"{moment!r} is not an aware UTC time")
    return moment


def from_ns(ns: int) -> datetime:
    """An aware UTC time from nanoseconds since 1970 (microseconds are kept)."""
    return EPOCH + timedelta(microseconds=ns // 1000)


def to_ns(moment: datetime) -> int:
    """Nanoseconds since 1970 of an aware time."""
    delta = moment - EPOCH
    return ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1000
