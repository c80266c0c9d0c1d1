"""A locked database or a full disk: the journal goes on beside it, in the same chain."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.errors import JournalCorrupt, StorageError
from domain.events import CycleRecorded, DeskEvent, Notice
from memory import aside
from memory.aside import ROOM, Aside, aside_of
from memory.chain import link
from memory.journal import SqliteJournal
from memory.records import body_hash
from memory.seal import seal_of
from memory.steadfast import SteadfastJournal

AT = datetime(2026, 1, 1, tzinfo=UTC)


def notice(text: str) -> DeskEvent:
    return Notice("info", "test", text, AT)


def messages(path: Path) -> list[str]:
    journal = SqliteJournal(path, read_only=True)
    try:
        return [event.message for _, event in journal.events() if isinstance(event, Notice)]
    finally:
        journal.close()


@contextmanager
def locked(path: Path, how: str = "IMMEDIATE") -> Iterator[None]:
    """Another connection holds the database, as a backup tool or a forgotten shell does."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(f"BEGIN {how}")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def write(journal: SqliteJournal, *texts: str) -> None:
    for text in texts:
        journal.append(notice(text))
    journal.commit()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desk.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SteadfastJournal]:
    made = SteadfastJournal(path, busy_seconds=0.01)
    yield made
    made._connection.close()


def dead(journal: SteadfastJournal) -> None:
    """The process is gone: nothing is committed, nothing is tidied up."""
    journal._connection.close()


@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_commit_that_the_database_refuses_is_durable_beside_it(
    journal: SteadfastJournal, path: Path, how: str
) -> None:
    write(journal, "before")
    told: list[StorageError | None] = []
    journal.listener = told.append
    with locked(path, how):
        write(journal, "one", "two")
        write(journal, "three")
        assert messages(path) == ["before", "one", "two", "three"]
        assert journal.trouble is not None
        assert "locked" in journal.trouble.message
    assert [error is None for error in told] == [False]
    dead(journal)
    again = SteadfastJournal(path)
    assert not aside.read(path).rows
    write(again, "four")
    assert again.verify().events == 5
    again.close()
    assert messages(path) == ["before", "one", "two", "three", "four"]
    assert not aside_of(path).exists()


def test_the_live_journal_comes_back_by_itself_and_says_so(journal: SteadfastJournal, path: Path) -> None:
    told: list[StorageError | None] = []
    journal.listener = told.append
    with locked(path):
        write(journal, "one")
    assert journal.trouble is not None
    journal.commit()
    assert journal.trouble is None
    assert [error is None for error in told] == [False, True]
    assert aside.read(path) == aside.Kept(), "it is empty again"
    write(journal, "two")
    with locked(path):
        write(journal, "three")
    dead(journal)
    plain = SqliteJournal(path)
    assert plain.verify().events == 3
    plain.close()
    assert messages(path) == ["one", "two", "three"]


def test_it_only_waits_for_the_lock_once(journal: SteadfastJournal, path: Path) -> None:
    timeouts: list[int] = []
    with locked(path):
        for text in "abc":
            (now,) = journal._connection.execute("PRAGMA busy_timeout").fetchone()
            timeouts.append(now)
            write(journal, text)
    journal.commit()
    (after,) = journal._connection.execute("PRAGMA busy_timeout").fetchone()
    assert [*timeouts, after] == [10, 0, 0, 10]
    journal.hurry()
    (hurried,) = journal._connection.execute("PRAGMA busy_timeout").fetchone()
    assert hurried == 50


def test_a_full_disk_leaves_the_room_that_was_set_aside(journal: SteadfastJournal, path: Path) -> None:
    write(journal, "before")
    size = aside_of(path).stat()
    assert size.st_size == ROOM
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")
    write(journal, *(f"{index} " + "x" * 5_000 for index in range(20)))
    assert journal.trouble is not None
    assert "full" in journal.trouble.message
    after = aside_of(path).stat()
    assert (after.st_size, after.st_blocks) == (size.st_size, size.st_blocks), "it needed no new block"
    journal._connection.execute("PRAGMA max_page_count = 1000000")
    journal.commit()
    assert len(messages(path)) == 21


def test_when_neither_takes_it_the_commit_fails_and_nothing_is_lost(
    journal: SteadfastJournal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with locked(path):
        with monkeypatch.context() as broken:
            broken.setattr("memory.aside.os.pwrite", no_room)
            with pytest.raises(StorageError, match=r"locked.*No space left"):
                write(journal, "one")
            assert journal.trouble is None
        assert journal.pending == 1
        journal.commit()
        assert messages(path) == ["one"]


def test_another_desk_in_the_same_database_is_not_written_around(
    journal: SteadfastJournal, path: Path
) -> None:
    other = SqliteJournal(path)
    write(other, "theirs")
    with pytest.raises(StorageError, match="another desk"):
        write(journal, "ours")
    assert not aside.read(path).rows


def test_a_cycle_record_goes_with_the_event_that_names_it(journal: SteadfastJournal, path: Path) -> None:
    body = b'{"cycle_id":"s-000001"}'
    with locked(path):
        journal.keep_record("s-000001", body_hash(body), body)
        journal.append(CycleRecorded("s-000001", 1, body_hash(body), "nothing", AT))
        journal.commit()
        journal.commit()
        assert len(aside.read(path).records) == 1
    dead(journal)
    again = SqliteJournal(path)
    assert again.verify().records == 1
    again.close()


def test_a_closed_desk_leaves_it_beside_and_a_calm_one_leaves_nothing(
    journal: SteadfastJournal, path: Path
) -> None:
    write(journal, "calm")
    with locked(path):
        write(journal, "one")
        journal.close()
        assert aside_of(path).exists()
    assert messages(path) == ["calm", "one"]
    calm = SteadfastJournal(path)
    calm.close()
    assert not aside_of(path).exists()
    assert seal_of(path).exists()
    assert messages(path) == ["calm", "one"]


def beside(path: Path) -> bytes:
    return aside_of(path).read_bytes().partition(b"\0")[0]


@pytest.fixture
def left(journal: SteadfastJournal, path: Path) -> Path:
    """A database with one event, and two commits beside it, the second with two events."""
    write(journal, "before")
    with locked(path):
        write(journal, "one")
        write(journal, "two", "three")
    dead(journal)
    return path


def test_a_write_cut_short_anywhere_leaves_the_commits_that_were_whole(left: Path, tmp_path: Path) -> None:
    whole = beside(left)
    first = whole.index(b"kept")
    first = whole.index(b"\n", first) + 1
    for cut in range(0, len(whole) + 1, 7):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        for each in left.parent.glob("desk.db*"):
            shutil.copy(each, folder)
        path = folder / "desk.db"
        aside_of(path).write_bytes(whole[:cut] + bytes(100))
        again = SqliteJournal(path)
        again.verify()
        again.close()
        wanted = (
            ["before"] + (["one"] if cut >= first else []) + (["two", "three"] if cut >= len(whole) else [])
        )
        assert messages(path) == wanted, cut


def test_every_changed_byte_is_found(left: Path) -> None:
    whole = beside(left)
    for place in range(0, len(whole) - 20, 3):
        changed = bytearray(whole)
        changed[place] = ord("7") if changed[place] != ord("7") else ord("8")
        aside_of(left).write_bytes(bytes(changed) + bytes(100))
        with pytest.raises((JournalCorrupt, StorageError)):
            _raise_unless_same(left, whole)


def _raise_unless_same(path: Path, whole: bytes) -> None:
    """Reading must refuse; a byte whose change means the same (as in a `kept` count) may pass."""
    kept = aside.read(path)
    aside.follow(path, kept, 1, _head(path))
    aside_of(path).write_bytes(whole + bytes(100))
    if aside.read(path) == kept:
        raise StorageError("the same events")


def _head(path: Path) -> bytes:
    with sqlite3.connect(path) as reader:
        return bytes(reader.execute("SELECT hash FROM journal_head").fetchone()[0])


def test_what_does_not_continue_the_journal_is_refused_and_nothing_changes(left: Path) -> None:
    lines = beside(left).split(b"\n")
    aside_of(left).write_bytes(b"\n".join(lines[2:]) + bytes(100))  # the first commit is missing
    before = aside_of(left).read_bytes()
    for _ in range(2):
        with pytest.raises(JournalCorrupt, match="does not follow event 1"):
            SqliteJournal(left)
    assert aside_of(left).read_bytes() == before
    with pytest.raises(JournalCorrupt, match="does not follow"):
        SqliteJournal(left, read_only=True).verify()


def test_another_history_of_the_same_events_is_refused(left: Path, tmp_path: Path) -> None:
    fork = SqliteJournal(tmp_path / "fork.db")
    write(fork, "before", "other")
    fork.close()
    shutil.copy(aside_of(left), aside_of(tmp_path / "fork.db"))
    with pytest.raises(JournalCorrupt, match="is not that of"):
        SqliteJournal(tmp_path / "fork.db")


def test_taking_over_may_be_done_twice(left: Path) -> None:
    copy = aside_of(left).read_bytes()
    first = SqliteJournal(left)
    first.close()
    aside_of(left).write_bytes(copy)  # as if the process died between the commit and the removal
    second = SqliteJournal(left)
    assert second.verify().events == 4
    second.close()
    assert messages(left) == ["before", "one", "two", "three"]


def test_a_commit_that_worked_but_said_it_failed_is_not_there_twice(
    journal: SteadfastJournal, path: Path
) -> None:
    inner = journal._connection

    class Stutter:
        executemany = inner.executemany
        close = inner.close
        armed = True

        def execute(self, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
            done = inner.execute(sql, values)
            if sql == "COMMIT" and self.armed:
                Stutter.armed = False
                raise sqlite3.OperationalError("disk I/O error")
            return done

    journal._connection = Stutter()  # type: ignore[assignment]  # a stand-in
    write(journal, "one")
    assert messages(path) == ["one"]
    write(journal, "two")
    assert journal.trouble is None
    dead(journal)
    again = SqliteJournal(path)
    assert again.verify().events == 2
    again.close()


def test_a_second_desk_starts_on_a_clean_file(path: Path) -> None:
    first = Aside(path)
    first.put([(1, "notice", "t", b"{}", bytes(32))])
    first.clear()
    first.put([(1, "n", "t", b"{}", bytes(32))])
    assert len(aside.read(path).rows) == 1
    first.clear()
    assert aside.read(path) == aside.Kept()
    first.close()
    assert not aside_of(path).exists()


def test_nothing_counts_before_it_is_synced_and_what_failed_leaves_no_trace(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Aside(path)
    synced: list[int] = []

    def fails(handle: int) -> None:
        synced.append(handle)
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr("memory.aside.os.fsync", fails)
        with pytest.raises(StorageError, match="Input/output error"):
            file.put([(1, "notice", "t", b"x" * 500, bytes(32))] * 3)
    assert synced == [file._file]
    file.put([(1, "notice", "t", b"{}", bytes(32))])  # shorter than what lies there
    assert [row[3] for row in aside.read(path).rows] == [b"{}"]
    file.close()


def test_a_forged_chain_with_a_hole_is_refused(path: Path) -> None:
    head = bytes(32)
    row = (3, "notice", "t", b"{}", link(head, 3, "notice", "t", b"{}"))
    with pytest.raises(JournalCorrupt, match="does not follow event 1"):
        aside.follow(path, aside.Kept((row,)), 1, head)


def test_a_second_writer_that_is_far_ahead_is_refused_as_well(path: Path) -> None:
    first, second = SqliteJournal(path), SqliteJournal(path)
    second.append(notice("second"))
    write(first, "one", "two", "three")
    for _ in range(2):
        with pytest.raises(StorageError, match="another desk"):
            second.commit()
    assert messages(path) == ["one", "two", "three"]
