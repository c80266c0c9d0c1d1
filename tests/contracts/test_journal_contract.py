"""What every journal promises, held against each implementation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from domain.errors import StorageError
from domain.events import DeskEvent, NodeStarted, Notice, SessionStopped
from memory.journal import MemoryJournal, SqliteJournal

AnyJournal = SqliteJournal | MemoryJournal
AT = datetime(2024, 1, 1, tzinfo=UTC)


def events(count: int, start: int = 0) -> list[DeskEvent]:
    return [
        Notice("info", "test", f"event {index}", AT + timedelta(minutes=index))
        if index % 2
        else SessionStopped("s", "", Decimal(index) / 8, AT + timedelta(minutes=index))
        for index in range(start, start + count)
    ]


@pytest.fixture(params=["sqlite", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], AnyJournal]:
    if request.param == "memory":
        return MemoryJournal
    return lambda: SqliteJournal(tmp_path / "desk.db")


def test_events_come_back_in_order_with_their_numbers(make: Callable[[], AnyJournal]) -> None:
    journal = make()
    written = events(5)
    for event in written:
        journal.append(event)
    journal.commit()
    assert list(journal.events()) == list(enumerate(written, start=1))
    assert list(journal.events(after=3)) == list(enumerate(written, start=1))[3:]
    assert list(journal.events(after=5)) == []
    journal.close()


def test_what_is_not_committed_is_not_shown(make: Callable[[], AnyJournal]) -> None:
    journal = make()
    first, second = events(2)
    journal.append(first)
    assert list(journal.events()) == []
    assert journal.pending == 1
    journal.commit()
    journal.append(second)
    assert [event for _, event in journal.events()] == [first]
    journal.close()


def test_close_commits(make: Callable[[], AnyJournal]) -> None:
    journal = make()
    journal.append(events(1)[0])
    journal.close()
    assert [event for _, event in journal.events()] == events(1)


def test_an_event_that_is_only_streamed_is_refused(make: Callable[[], AnyJournal]) -> None:
    journal = make()
    with pytest.raises(StorageError, match="node_started"):
        journal.append(NodeStarted("c", "observe", AT))
    journal.commit()
    assert list(journal.events()) == []
    journal.close()


def test_a_commit_of_nothing_is_nothing(make: Callable[[], AnyJournal]) -> None:
    journal = make()
    journal.commit()
    journal.commit()
    assert journal.verify().events == 0
    journal.close()


def test_a_sound_journal_verifies(make: Callable[[], AnyJournal]) -> None:
    journal = make()
    for event in events(30):
        journal.append(event)
        journal.commit()
    verified = journal.verify()
    assert verified.events == 30
    assert len(verified.head) == 64
    journal.close()


def test_both_journals_have_the_same_head_for_the_same_events(tmp_path: Path) -> None:
    file, memory = SqliteJournal(tmp_path / "desk.db"), MemoryJournal()
    for event in events(12):
        file.append(event)
        memory.append(event)
    file.commit()
    memory.commit()
    assert file.verify() == memory.verify()
    file.close()
