"""Planned trouble: what shall go wrong with requests, streams, the book and the clock, when and how often.

Every wire asks the plan at the same places, so a fault means the same thing on each venue. A fault that is
not certain draws from a stream of its own, seeded by the plan: the same requests meet the same trouble.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.clock import Clock
from domain.errors import ConfigError


class Operation(StrEnum):
    """What a request wants; every route of a wire has one."""

    PLACE = "place"
    CANCEL = "cancel"
    AMEND = "amend"
    QUERY = "query"
    MARKET = "market"
    TIME = "time"
    STREAM = "stream"


class FaultKind(StrEnum):
    """What goes wrong. The first group is about requests, the second about user-stream events."""

    DELAY = "delay"  # the answer, or the work before it, comes `seconds` late
    DROP = "drop"  # the connection is closed without an answer
    RESET = "reset"  # the connection is reset
    ERROR = "error"  # an answer of `status`, 503 unless said otherwise
    RATE_LIMIT = "rate_limit"  # 429 with Retry-After
    BAN = "ban"  # 418 with Retry-After
    MAINTENANCE = "maintenance"  # the venue says that it is closed
    STALE_BOOK = "stale_book"  # market data stands still
    SKEW = "skew"  # the venue's clock is off by `seconds`, and drifts by `drift` seconds a second
    DUPLICATE_EVENT = "duplicate_event"  # an event comes twice
    MISSING_EVENT = "missing_event"  # an event never comes
    REORDER_EVENT = "reorder_event"  # an event comes after the next one
    COALESCE_EVENT = "coalesce_event"  # an event waits until the next one comes
    DISCONNECT = "disconnect"  # a stream is closed at its next event


class When(StrEnum):
    """On which side of the exchange a request meets its fault: before it is acted on, or after."""

    BEFORE = "before"
    AFTER = "after"


Rest = Callable[[float], Awaitable[object]]

EVENT_FAULTS = frozenset(
    {
        FaultKind.DUPLICATE_EVENT,
        FaultKind.MISSING_EVENT,
        FaultKind.REORDER_EVENT,
        FaultKind.COALESCE_EVENT,
        FaultKind.DISCONNECT,
    }
)
_STANDING = frozenset({FaultKind.SKEW, FaultKind.STALE_BOOK})


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble, and whom it meets.

    A request is met when its operation is among `operations` (empty: any but streams), its method is
    `method` (empty: any) and `path` is found in its path (a regular expression; empty: any). It happens at
    most `count` times (None: no limit) and, from when it was added, for `lasts` seconds of the exchange's
    clock (None: until it is taken out), each time with this `probability`. `match` does for events what
    `path` does for requests: it is searched in the text of the event. `retry_after` is in seconds.
    """

    kind: FaultKind
    when: When = When.BEFORE
    operations: frozenset[Operation] = frozenset()
    method: str = ""
    path: str = ""
    match: str = ""
    count: int | None = None
    lasts: float | None = None
    probability: float = 1.0
    seed: int = 0
    seconds: float = 0.0
    drift: float = 0.0
    status: int = 503
    retry_after: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.probability <= 1:
            raise ConfigError(f"a fault's probability {self.probability} is outside (0, 1]")
        if self.count is not None and self.count < 1:
            raise ConfigError(f"a fault's count {self.count} is below one", fix="Leave it out for no limit")
        if not 500 <= self.status <= 599:
            raise ConfigError(f"a fault's status {self.status} is not a server error", fix="Take 500 to 599")
        if self.kind is FaultKind.DELAY and self.seconds <= 0:
            raise ConfigError("a delay needs seconds above zero")
        for name in ("path", "match"):
            try:
                re.compile(getattr(self, name))
            except re.error as error:
                raise ConfigError(f"a fault's {name} is not a regular expression: {error}") from error


_FIELDS = {field.name for field in fields(Fault)}


def fault_from(mapping: Mapping[str, Any]) -> Fault:
    """A fault from a configuration or a request. ConfigError names what is wrong."""
    unknown = sorted(set(mapping) - _FIELDS)
    if unknown or "kind" not in mapping:
        raise ConfigError(
            f"a fault has no {', '.join(unknown)}" if unknown else "a fault needs a kind",
            fix=f"It takes {', '.join(sorted(_FIELDS))}",
        )
    values = dict(mapping)
    try:
        values["kind"] = FaultKind(values["kind"])
        values["when"] = When(values.get("when", When.BEFORE))
        values["operations"] = frozenset(Operation(each) for each in values.get("operations", ()))
        for name, kind in (("probability", float), ("seconds", float), ("drift", float), ("seed", int)):
            if name in values:
                values[name] = kind(values[name])
        for name in ("status", "retry_after"):
            if name in values:
                values[name] = int(values[name])
        if values.get("count") is not None:
            values["count"] = int(values["count"])
        if values.get("lasts") is not None:
            values["lasts"] = float(values["lasts"])
        for name in ("method", "path", "match"):
            values[name] = str(values.get(name, ""))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"a fault cannot be read: {error}") from error
    return Fault(**values)


class _Active:
    """A fault that was added: how often it happened, and until when it may."""

    __slots__ = ("draws", "fault", "happened", "number", "path", "search", "since", "until")

    def __init__(self, number: int, fault: Fault, at: datetime) -> None:
        self.number = number
        self.fault = fault
        self.since = at
        self.until = at + timedelta(seconds=fault.lasts) if fault.lasts is not None else None
        self.happened = 0
        self.draws = random.Random(fault.seed)  # noqa: S311  it must be repeatable, not secret
        self.path = re.compile(fault.path)
        self.search = re.compile(fault.match)

    def stands(self, at: datetime) -> bool:
        over = self.until is not None and at >= self.until
        spent = self.fault.count is not None and self.happened >= self.fault.count
        return not over and not spent

    def strikes(self) -> bool:
        """Whether it happens this time; if so it is counted."""
        if self.fault.probability < 1 and self.draws.random() >= self.fault.probability:
            return False
        self.happened += 1
        return True


class FaultPlan:
    """The faults of one server. Reading it costs next to nothing while it is empty.

    `rest` waits out the seconds of a delay: of this machine, unless somebody says otherwise.
    """

    def __init__(self, clock: Clock, faults: Iterable[Fault] = (), rest: Rest = asyncio.sleep) -> None:
        self._clock = clock
        self.rest = rest
        self._active: list[_Active] = []
        self._next = 1
        for fault in faults:
            self.add(fault)

    @property
    def idle(self) -> bool:
        """Whether nothing at all is planned."""
        return not self._active

    def add(self, fault: Fault) -> int:
        """Plan a fault from now on; the answer is its number."""
        number = self._next
        self._next += 1
        self._active.append(_Active(number, fault, self._clock.now()))
        return number

    def clear(self, number: int | None = None) -> None:
        """Take out one fault, or all."""
        self._active = [] if number is None else [each for each in self._active if each.number != number]

    def planned(self) -> tuple[tuple[int, Fault, int], ...]:
        """Number, fault and how often it happened, of everything that was added and not taken out."""
        return tuple((each.number, each.fault, each.happened) for each in self._active)

    def request(self, operation: Operation, method: str, path: str) -> tuple[Fault, ...]:
        """The faults that this request meets; each is counted. At most one of a kind and side."""
        if not self._active:
            return ()
        now = self._clock.now()
        met: dict[tuple[FaultKind, When], Fault] = {}
        for each in self._active:
            fault = each.fault
            if (
                fault.kind not in EVENT_FAULTS
                and fault.kind not in _STANDING
                and (fault.kind, fault.when) not in met
                and self._meets(each, operation, method, path, now)
                and each.strikes()
            ):
                met[fault.kind, fault.when] = fault
        return tuple(met.values())

    def stale(self, operation: Operation, method: str, path: str) -> bool:
        """Whether market data stands still for this request (or, with a stream's name as path, stream)."""
        if not self._active or operation not in (Operation.MARKET, Operation.STREAM):
            return False
        now = self._clock.now()
        return any(
            each.fault.kind is FaultKind.STALE_BOOK and self._meets(each, Operation.MARKET, method, path, now)
            for each in self._active
        )

    def event(self, text: str) -> Fault | None:
        """The fault that an event of a user stream meets; it is counted."""
        if not self._active:
            return None
        now = self._clock.now()
        for each in self._active:
            if (
                each.fault.kind in EVENT_FAULTS
                and each.stands(now)
                and each.search.search(text)
                and each.strikes()
            ):
                return each.fault
        return None

    def now(self) -> datetime:
        """The venue's clock: the exchange's, off by every skew and drift that is planned."""
        now = self._clock.now()
        off = 0.0
        for each in self._active:
            if each.fault.kind is FaultKind.SKEW and each.stands(now):
                off += each.fault.seconds + each.fault.drift * (now - each.since).total_seconds()
        return now + timedelta(seconds=off) if off else now

    def _meets(self, each: _Active, operation: Operation, method: str, path: str, now: datetime) -> bool:
        fault = each.fault
        return (
            each.stands(now)
            and (
                operation in fault.operations or (not fault.operations and operation is not Operation.STREAM)
            )
            and fault.method in ("", method)
            and each.path.search(path) is not None
        )
