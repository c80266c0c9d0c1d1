"""How long positions stood without a resting stop: measured, so that a bound on it can be held."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.money import Symbol

_NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Gap:
    """All gaps of one symbol: how many, the longest, and all of them together."""

    count: int = 0
    longest: timedelta = _NONE
    total: timedelta = _NONE

    def and_one_of(self, length: timedelta) -> Gap:
        return Gap(self.count + 1, max(self.longest, length), self.total + length)


class Gaps:
    """Open and closed gaps by symbol. A gap counts when it closes; one of no length does not."""

    def __init__(self) -> None:
        self.closed: dict[Symbol, Gap] = {}
        self._open: dict[Symbol, datetime] = {}

    def begin(self, symbol: Symbol, since: datetime) -> None:
        """The position is without its stop since then; a gap that is open already goes on."""
        self._open.setdefault(symbol, since)

    def since(self, symbol: Symbol) -> datetime | None:
        """When the open gap began; None when there is none."""
        return self._open.get(symbol)

    def end(self, symbol: Symbol, now: datetime) -> timedelta:
        """The position has its stop again, or is gone; how long it had none, zero when it never lacked it."""
        since = self._open.pop(symbol, None)
        if since is None or now <= since:
            return _NONE
        length = now - since
        self.closed[symbol] = self.closed.get(symbol, Gap()).and_one_of(length)
        return length

    def longest(self, now: datetime) -> timedelta:
        """The longest gap of any symbol, those still open included."""
        lengths = [gap.longest for gap in self.closed.values()]
        lengths += [now - since for since in self._open.values()]
        return max(lengths, default=_NONE)
