"""Only a resume makes the desk freer: confirmed, and with the reason of whoever answers for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import ConfigError, InvalidTransition
from domain.halt import Halt, HaltState
from risk.halt import HaltSwitch

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)
STATES: dict[str, Halt] = {
    "active": Halt(HaltState.ACTIVE, "started", "system", AT),
    "reducing": Halt(HaltState.REDUCING, "lunch", "anna", AT, latched=True),
    "halted": Halt(HaltState.HALTED, "done", "anna", AT, latched=True),
    "panicking": Halt(HaltState.HALTED, "fire", "anna", AT, latched=True, flatten=True),
}
ASK: dict[str, Callable[[HaltSwitch], Halt]] = {
    "pause": lambda switch: switch.pause(reason="why", by="ben", at=LATER),
    "stop": lambda switch: switch.stop(reason="why", by="ben", at=LATER),
    "panic": lambda switch: switch.panic(reason="why", by="ben", at=LATER),
    "resume": lambda switch: switch.resume(reason="why", by="ben", at=LATER),
    "resume, confirmed": lambda switch: switch.resume(reason="why", by="ben", at=LATER, confirm=True),
}

# From, asked, then: the state afterwards as in STATES, or None when it is refused.
TABLE = [
    ("active", "pause", "reducing"),
    ("active", "stop", "halted"),
    ("active", "panic", "panicking"),
    ("active", "resume", "active"),
    ("active", "resume, confirmed", "active"),
    ("reducing", "pause", "reducing"),
    ("reducing", "stop", "halted"),
    ("reducing", "panic", "panicking"),
    ("reducing", "resume", None),
    ("reducing", "resume, confirmed", "active"),
    ("halted", "pause", "halted"),
    ("halted", "stop", "halted"),
    ("halted", "panic", "panicking"),
    ("halted", "resume", None),
    ("halted", "resume, confirmed", "active"),
    ("panicking", "pause", "panicking"),
    ("panicking", "stop", "panicking"),
    ("panicking", "panic", "panicking"),
    ("panicking", "resume", None),
    ("panicking", "resume, confirmed", "active"),
]


@pytest.mark.parametrize(("start", "asked", "then"), TABLE)
def test_what_follows(start: str, asked: str, then: str | None) -> None:
    switch = HaltSwitch(STATES[start])
    if then is None:
        with pytest.raises(InvalidTransition, match=r"by anna \(\w+\).*Confirm"):
            ASK[asked](switch)
        assert switch.current is STATES[start]
        return
    halt = ASK[asked](switch)
    wanted = STATES[then]
    assert halt is switch.current
    assert (halt.state, halt.latched, halt.flatten) == (wanted.state, wanted.latched, wanted.flatten)
    if then == start:
        assert halt is STATES[start]
    else:
        assert (halt.by, halt.reason, halt.at) == ("ben", "why", LATER)


def test_the_table_is_whole() -> None:
    assert {(start, asked) for start, asked, _ in TABLE} == {
        (start, asked) for start in STATES for asked in ASK
    }


@pytest.mark.parametrize("start", ["reducing", "halted", "panicking"])
@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_no_reason_lifts_nothing(start: str, reason: str) -> None:
    switch = HaltSwitch(STATES[start])
    with pytest.raises(ConfigError, match="reason"):
        switch.resume(reason=reason, by="ben", at=LATER, confirm=True)
    assert switch.current is STATES[start]


def test_a_halt_that_was_not_latched_is_as_soon_as_it_is_asked_for_again() -> None:
    switch = HaltSwitch(Halt(HaltState.REDUCING, "odd", "anna", AT))
    assert ASK["pause"](switch) == Halt(HaltState.REDUCING, "odd", "anna", AT, latched=True)


@pytest.mark.parametrize("confirm", [1, "yes", "false", None])
def test_only_true_confirms(confirm: object) -> None:
    switch = HaltSwitch(STATES["halted"])
    with pytest.raises(InvalidTransition):
        switch.resume(reason="why", by="ben", at=LATER, confirm=confirm)  # type: ignore[arg-type]  # the point


@pytest.mark.parametrize("asked", ["pause", "stop", "panic"])
def test_a_time_without_a_zone_is_refused(asked: str) -> None:
    switch = HaltSwitch(STATES["active"])
    with pytest.raises(ValueError, match="UTC"):
        getattr(switch, asked)(reason="why", by="ben", at=LATER.replace(tzinfo=None))
    assert switch.state is HaltState.ACTIVE
