"""When entries are allowed: weekly trading hours and blackout windows, both in UTC.

Written as a person would: "mon-fri 08:00-20:00" (24:00 is midnight at the end) and
"2026-03-18T18:00Z/2026-03-18T20:00Z". A window starts with its first minute and ends before its last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES: Final = 1440
_HOURS: Final = re.compile(r"(?:([a-z]{3})(?:-([a-z]{3}))? )?(\d\d):(\d\d)-(\d\d):(\d\d)")


@dataclass(frozen=True, slots=True, order=True)
class TradingHours:
    """The days from `first` to `last`, from minute `opens` of each day up to but without minute `closes`.

    0 is Monday; `first` may be above `last`: from Friday to Monday is 4 to 0.

    Raises ValueError for a day that is none, or a window that is empty or leaves its day.
    """

    first: int
    last: int
    opens: int
    closes: int

    def __post_init__(self) -> None:
        if not (0 <= self.first < len(_DAYS) and 0 <= self.last < len(_DAYS)):
            raise ValueError("a week has seven days, 0 to 6")
        if not 0 <= self.opens < self.closes <= _DAY_MINUTES:
            raise ValueError(
                "trading hours must open before they close on the same day; "
                'write two windows over midnight, "mon 22:00-24:00" and "tue 00:00-02:00"'
            )

    @classmethod
    def read(cls, text: str) -> Self:
        """From "mon-fri 08:00-20:00", "sat 10:00-12:00", "08:00-20:00" (daily), "always"; else ValueError."""
        told = text.strip().lower()
        if told == "always":
            return cls(0, len(_DAYS) - 1, 0, _DAY_MINUTES)
        match = _HOURS.fullmatch(told)
        if match is None:
            raise ValueError(f'{text!r} is not like "mon-fri 08:00-20:00"')
        start, end, *clock = match.groups()
        for day in (start, end):
            if day is not None and day not in _DAYS:
                raise ValueError(f"{day!r} is not one of {', '.join(_DAYS)}")
        first = _DAYS.index(start) if start else 0
        last = _DAYS.index(end) if end else (first if start else len(_DAYS) - 1)
        if (last + 1) % len(_DAYS) == first:
            first, last = 0, len(_DAYS) - 1  # the whole week, wherever it was begun
        return cls(first, last, _minute(*clock[:2]), _minute(*clock[2:]))

    def on(self, day: int) -> bool:
        """Whether the day of the week (0 is Monday) is one of these."""
        if self.first <= self.last:
            return self.first <= day <= self.last
        return day >= self.first or day <= self.last

    def allows(self, at: datetime) -> bool:
        """Whether `at` (aware UTC) lies inside."""
        return self.opens <= at.hour * 60 + at.minute < self.closes and self.on(at.weekday())

    def minutes(self) -> frozenset[int]:
        """The minutes of the week that lie inside, Monday's first being 0."""
        return frozenset(
            day * _DAY_MINUTES + minute
            for day in range(len(_DAYS))
            if self.on(day)
            for minute in range(self.opens, self.closes)
        )

    def __str__(self) -> str:
        if self == ALWAYS:
            return "always"
        first, last = _DAYS[self.first], _DAYS[self.last]
        days = first if first == last else f"{first}-{last}"
        return f"{days} {_clock(self.opens)}-{_clock(self.closes)}"


@dataclass(frozen=True, slots=True, order=True)
class Blackout:
    """No entries from `start` up to but without `end`, both aware UTC. ValueError when nothing is between."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for moment in (self.start, self.end):
            if moment.utcoffset() is None:
                raise ValueError("a blackout window needs times in UTC, such as 2026-03-18T18:00Z")
        if not self.start < self.end:
            raise ValueError("a blackout window must end after it starts")

    @classmethod
    def read(cls, text: str) -> Self:
        """From "2026-03-18T18:00Z/2026-03-18T20:00Z"; else ValueError."""
        first, slash, second = text.strip().partition("/")
        if not slash or not first or not second:
            raise ValueError(
                f'{text!r} is half empty; write a start and an end, "2026-03-18T18:00Z/2026-03-18T20:00Z"'
            )
        return cls(_moment(first), _moment(second))

    def forbids(self, at: datetime) -> bool:
        """Whether `at` (aware UTC) lies inside."""
        return self.start <= at < self.end

    def __str__(self) -> str:
        return "/".join(moment.isoformat().replace("+00:00", "Z") for moment in (self.start, self.end))


ALWAYS: Final = TradingHours(0, len(_DAYS) - 1, 0, _DAY_MINUTES)


def hours_within(inner: tuple[TradingHours, ...], outer: tuple[TradingHours, ...]) -> bool:
    """Whether every minute that `inner` allows is allowed by `outer`."""
    if outer == (ALWAYS,):
        return True
    allowed = frozenset[int]().union(*(each.minutes() for each in outer))
    return all(each.minutes() <= allowed for each in inner)


def blackouts_cover(more: tuple[Blackout, ...], less: tuple[Blackout, ...]) -> bool:
    """Whether every moment that `less` forbids is forbidden by `more`."""
    for window in less:
        reached = window.start
        for each in sorted(more):
            if each.start <= reached < each.end:
                reached = each.end
        if reached < window.end:
            return False
    return True


def _minute(hour: str, minute: str) -> int:
    if int(minute) >= 60:
        raise ValueError(f"{hour}:{minute} is not a time of day")
    return int(hour) * 60 + int(minute)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _moment(text: str) -> datetime:
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time such as 2026-03-18T18:00Z") from None
    if told.utcoffset() is None:
        raise ValueError(f"{text!r} does not say UTC; write {text}Z")
    return told.astimezone(UTC)
