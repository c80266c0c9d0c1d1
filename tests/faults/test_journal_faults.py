"""A full disk, a locked file, a second writer: an error that says so, and nothing lost."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.errors import StorageError
from domain.events import DeskEvent, Notice
from memory.journal import SqliteJournal

AT = datetime(2024, 1, 1, tzinfo=UTC)


def notice(text: str) -> DeskEvent:
    return Notice("info", "test", text, AT)


def messages(journal: SqliteJournal) -> list[str]:
    return [event.message for _, event in journal.events() if isinstance(event, Notice)]


def test_a_full_disk_is_said_and_the_batch_is_written_once_there_is_room(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "desk.db")
    journal.append(notice("before"))
    journal.commit()
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")
    big = [notice(f"{index} " + "x" * 20_000) for index in range(3)]
    for event in big:
        journal.append(event)
    for _ in range(2):
        with pytest.raises(StorageError, match="is full") as caught:
            journal.commit()
        assert caught.value.fix
        assert messages(journal) == ["before"]
    journal.append(notice("after"))
    journal._connection.execute("PRAGMA max_page_count = 1000000")
    journal.commit()
    assert [text[:6] for text in messages(journal)] == ["before", "0 xxxx", "1 xxxx", "2 xxxx", "after"]
    assert journal.verify().events == 5
    journal.close()


def test_a_locked_database_is_said_and_the_batch_is_written_when_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    journal = SqliteJournal(path, busy_seconds=0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal.append(notice("one"))
    with pytest.raises(StorageError, match="is locked"):
        journal.commit()
    assert journal.pending == 1
    other.execute("ROLLBACK")
    other.close()
    journal.commit()
    assert messages(journal) == ["one"]
    journal.close()


def test_a_second_writer_is_refused_and_spoils_nothing(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    first, second = SqliteJournal(path), SqliteJournal(path)
    first.append(notice("first"))
    second.append(notice("second"))
    first.commit()
    for _ in range(2):  # also when it is tried again: the events that stand there are not its own
        with pytest.raises(StorageError, match="another desk"):
            second.commit()
        second.append(notice("later"))
    assert messages(first) == ["first"]
    assert first.verify().events == 1


class _Stutter:
    """A connection whose COMMIT works and then reports a disk error, once."""

    def __init__(self, inner: sqlite3.Connection) -> None:
        self._inner = inner
        self._armed = True
        self.executemany = inner.executemany
        self.close = inner.close

    def execute(self, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        result = self._inner.execute(sql, values)
        if sql == "COMMIT" and self._armed:
            self._armed = False
            raise sqlite3.OperationalError("disk I/O error")
        return result


def test_a_commit_that_worked_but_said_it_failed_is_not_written_twice(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "desk.db")
    journal._connection = _Stutter(journal._connection)  # type: ignore[assignment]  # a stand-in
    journal.append(notice("one"))
    with pytest.raises(StorageError, match="disk I/O error"):
        journal.commit()
    journal.append(notice("two"))
    journal.commit()
    assert messages(journal) == ["one", "two"]
    assert journal.verify().events == 2
    journal.close()
