"""A seeded plan of what goes wrong at a venue in a day: outages, lost orders, broken streams, wrong clocks.

Outages meet every request and last; a snare waits for one order, one withdrawal or one question and meets
only that. Snares are laid one at a time and not right after each other: the desk's bound on how long a
position may be without its stop is for one lost request, as is everybody's.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.wire.faults import Fault, FaultKind, FaultPlan, Operation, When

_OUTAGES = (
    FaultKind.ERROR,
    FaultKind.RESET,
    FaultKind.DROP,
    FaultKind.RATE_LIMIT,
    FaultKind.MAINTENANCE,
)
_REFUSALS = frozenset({FaultKind.RATE_LIMIT, FaultKind.BAN, FaultKind.MAINTENANCE})
"""What a venue says instead of acting, never after it."""
_STREAMS = (
    FaultKind.DISCONNECT,
    FaultKind.MISSING_EVENT,
    FaultKind.DUPLICATE_EVENT,
    FaultKind.REORDER_EVENT,
    FaultKind.COALESCE_EVENT,
)
_SNARED = (Operation.PLACE, Operation.PLACE, Operation.PLACE, Operation.CANCEL, Operation.QUERY)
_DELAYS = (3.0, 7.0, 15.0, 40.0)
_STATUS = (500, 502, 503, 504, 520)
_REST = timedelta(seconds=90)
"""After a snare has struck, or an outage is over, no snare for so long."""


@dataclass(frozen=True, slots=True)
class Often:
    """How often each kind of trouble comes a day; the chance of a snare at a look where one may be laid."""

    outages: float = 24.0
    streams: float = 60.0
    stale_books: float = 8.0
    skews: float = 6.0
    snare_chance: float = 0.005


class Trouble:
    """Draws what goes wrong from its seed. `closed` are the times when the venue took no requests in."""

    def __init__(self, seed: int, plan: FaultPlan, often: Often, look: timedelta) -> None:
        self._draws = random.Random(seed)  # noqa: S311 - a drill
        self._plan = plan
        self._often = often
        self._looks = timedelta(days=1) / look
        self._until: dict[int, datetime] = {}
        self._snare: int | None = None
        self._quiet_until: datetime | None = None
        self.closed: list[tuple[datetime, datetime]] = []
        self.laid: Counter[str] = Counter()
        self.struck: Counter[str] = Counter()

    def look(self, now: datetime) -> None:
        """One look of the desk goes by: trouble ends, trouble begins."""
        self._take_out(now)
        often = self._often
        for name, a_day in (
            ("outage", often.outages),
            ("stream", often.streams),
            ("stale book", often.stale_books),
            ("skew", often.skews),
        ):
            if self._draws.random() < a_day / self._looks:
                self._lay(name, now)
        may = self._snare is None and (self._quiet_until is None or now >= self._quiet_until)
        if may and not self.is_closed(now) and self._draws.random() < often.snare_chance:
            self._lay("snare", now)

    def is_closed(self, now: datetime) -> bool:
        """Whether an outage keeps the venue from taking requests in."""
        return bool(self.closed) and self.closed[-1][0] <= now <= self.closed[-1][1]

    def end(self) -> None:
        """Peace."""
        self._plan.clear()
        self._until.clear()
        self._snare = None

    def _take_out(self, now: datetime) -> None:
        happened = {number: times for number, _, times in self._plan.planned()}
        if self._snare is not None and (happened.get(self._snare) or now >= self._until[self._snare]):
            if happened.get(self._snare):
                self._quiet_until = now + _REST
            self._until[self._snare] = now
            self._snare = None
        for number in [number for number, until in self._until.items() if now >= until]:
            kind = next(str(fault.kind) for other, fault, _ in self._plan.planned() if other == number)
            self.struck[kind] += happened[number]
            self._plan.clear(number)
            del self._until[number]

    def _lay(self, name: str, now: datetime) -> None:
        fault = self._fault(name)
        number = self._plan.add(fault)
        until = now + timedelta(seconds=fault.lasts or 0)
        self._until[number] = until
        self.laid[name] += 1
        if name == "snare":
            self._snare = number
        elif name == "outage":
            self.closed.append((now, until + timedelta(seconds=fault.retry_after)))
            self._quiet_until = until + _REST

    def _fault(self, name: str) -> Fault:
        draw = self._draws
        seed, when = draw.randrange(2**32), draw.choice(tuple(When))
        match name:
            case "outage":
                kind = draw.choice(_OUTAGES)
                return Fault(
                    kind,
                    When.BEFORE if kind in _REFUSALS else when,
                    lasts=draw.choice((20, 120, 400)),
                    probability=draw.choice((1.0, 0.4)),
                    retry_after=draw.choice((1, 10, 30)),
                    seed=seed,
                )
            case "stream":
                return Fault(draw.choice(_STREAMS), lasts=300, probability=0.3, seed=seed)
            case "stale book":
                return Fault(FaultKind.STALE_BOOK, lasts=draw.choice((30, 120)))
            case "skew":
                wrong, drift = draw.choice((-8.0, -2.0, 2.0, 8.0)), draw.choice((0.0, 0.005))
                return Fault(FaultKind.SKEW, lasts=300, seconds=wrong, drift=drift)
        return self._one_request(when)

    def _one_request(self, when: When) -> Fault:
        draw = self._draws
        kind = draw.choice(
            (FaultKind.DROP, FaultKind.RESET, FaultKind.ERROR, FaultKind.DELAY, FaultKind.DELAY)
            if draw.random() < 0.85
            else (FaultKind.RATE_LIMIT, FaultKind.BAN)
        )
        return Fault(
            kind,
            When.BEFORE if kind in _REFUSALS else when,
            operations=frozenset({draw.choice(_SNARED)}),
            count=1,
            lasts=300,
            seconds=draw.choice(_DELAYS),
            status=draw.choice(_STATUS),
            retry_after=draw.choice((1, 5)),
        )
