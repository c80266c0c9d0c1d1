"""Whatever is asked through whatever door, in whatever order: the limits stay below their ceilings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from app.limiting import Limiting
from domain.clock import SimulatedClock
from domain.errors import DeskError, StorageError
from domain.events import DeskEvent
from memory.codec import decode, encode
from memory.journal import MemoryJournal
from risk.changing import is_tighter
from risk.limit_table import LIMITS
from risk.limits import RiskLimits
from risk.record import LimitsRecord, after, restored
from tests.unit.risk.limit_tables import EDGES, document

AT = datetime(2026, 3, 18, tzinfo=UTC)
Door = Literal["operator", "chat", "nobody says why"]
FILE = document()


def values(name: str) -> st.SearchStrategy[object]:
    """Values around what matters for a limit: its edges, its ceiling, the configured one, and any share."""
    edge = EDGES[name]
    known: list[object] = [*edge.may, *edge.may_not, edge.ceiling, edge.beyond, getattr(FILE.limits, name)]
    shares = st.decimals("0.0001", 1, places=4).map(str)
    return (
        st.sampled_from([each for each in known if not isinstance(each, tuple)])
        | shares
        | st.integers(0, 90_000)
    )


ASKED = st.sampled_from(sorted(LIMITS)).flatmap(lambda name: st.tuples(st.just(name), values(name)))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["operator", "chat", "nobody says why"]),
        st.lists(ASKED, max_size=2).map(dict),
        st.sampled_from(["set", "set", "set", "reset", "restart", "disk fails"]),
    ),
    max_size=12,
)  # fmt: skip


class Disk(MemoryJournal):
    """A journal whose disk may be full."""

    full = False

    def commit(self) -> None:
        if self.full:
            raise StorageError("the disk is full")
        super().commit()


def in_bounds(limits: RiskLimits) -> bool:
    return all(
        ceiling is None or LIMITS[name].kind.tighter(ceiling, getattr(limits, name))
        for name in LIMITS
        for ceiling in (getattr(FILE.ceilings, name),)
    )


def record_of(journal: MemoryJournal) -> LimitsRecord | None:
    """What the journal says, read back from its bytes."""
    record: LimitsRecord | None = None
    for _, event in journal.events():
        record = after(record, decode(event.kind, encode(event)))
    return record


def started(journal: MemoryJournal) -> Limiting:
    limiting = Limiting(FILE, record_of(journal), journal, SimulatedClock(AT), _ignore)
    limiting.declare()
    journal.commit()
    return limiting


def _ignore(event: DeskEvent) -> None:
    pass


def _ask(limiting: Limiting, door: str, told: dict[str, Any], deed: str) -> None:
    reason = "" if door == "nobody says why" else "a reason"
    if deed == "reset":
        limiting.reset(*told, by=door, reason=reason)
    else:
        limiting.set(told, by=door, reason=reason, may_loosen=door != "chat")


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_no_sequence_of_changes_ends_above_a_ceiling(steps: list[tuple[Door, dict[str, Any], str]]) -> None:
    journal = Disk()
    limiting = started(journal)
    for door, told, deed in steps:
        journal.full = deed == "disk fails"
        before = limiting.current
        try:
            _ask(limiting, door, told, deed)
        except DeskError:
            assert limiting.current is before
        looser = [name for name in LIMITS if not _tighter_or_same(before, limiting.current, name)]
        if looser:
            assert door == "operator" or (deed == "reset" and door == "chat")
            assert deed != "disk fails"
        assert in_bounds(limiting.current)
        journal.full = False
        journal.commit()  # whatever was kept in the batch is written in the end
        record = record_of(journal)
        assert record is not None
        assert (record.current, record.doubt) == (limiting.current, "")
        assert restored(FILE, record).limits == limiting.current
        if deed == "restart":
            limiting = started(journal)
            assert limiting.current == record.current
            assert limiting.doubt == ""


def _tighter_or_same(before: RiskLimits, now: RiskLimits, name: str) -> bool:
    old, new = getattr(before, name), getattr(now, name)
    return old == new or (new is not None and is_tighter(before, name, new))


@settings(max_examples=100, deadline=None)
@given(ASKED, st.sampled_from(["operator", "chat", "nobody says why"]), st.booleans())
def test_tightening_always_succeeds(asked: tuple[str, Any], door: str, full: bool) -> None:
    name, value = asked
    try:
        wanted = getattr(RiskLimits.from_mapping({name: value}), name)
    except DeskError:
        return  # no value of this limit
    if wanted is None or not is_tighter(FILE.limits, name, wanted):
        return
    journal = Disk()
    limiting = started(journal)
    journal.full = full
    limiting.set({name: value}, by=door, may_loosen=door == "operator")
    assert getattr(limiting.current, name) == wanted
    assert (limiting.unwritten is not None) is (full and wanted != getattr(FILE.limits, name))
