"""The journal in a file: reopened, read by others, and found out when someone touched it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.errors import JournalCorrupt, StorageError
from domain.events import CycleStarted, DeskEvent, Notice, OrderAccepted, OrderSubmitted
from domain.money import Symbol
from memory.journal import MemoryJournal, SqliteJournal

AT = datetime(2024, 1, 1, tzinfo=UTC)


def notice(index: int) -> DeskEvent:
    return Notice("info", "test", f"this is event number {index}", AT + timedelta(minutes=index))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed journal of ten events."""
    path = tmp_path / "desk.db"
    journal = SqliteJournal(path)
    for index in range(1, 11):
        journal.append(notice(index))
    journal.close()
    return path


@pytest.fixture
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    yield connection
    connection.close()


def test_a_journal_goes_on_where_it_stopped(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.append(notice(11))
    journal.commit()
    assert [seq for seq, _ in journal.events()] == list(range(1, 12))
    assert journal.verify().events == 11
    journal.close()


def test_a_prepared_journal_overwrites_its_log_and_holds_nothing_more(path: Path) -> None:
    before = SqliteJournal(path, read_only=True)
    held = list(before.events())
    before.close()
    size = path.stat().st_size
    log = path.with_name(path.name + "-wal")
    journal = SqliteJournal(path)
    journal.prepare()
    room = log.stat().st_size
    assert room > 4096 * 1000
    assert (list(journal.events()), journal.verify().events, path.stat().st_size) == (held, 10, size)
    for index in range(11, 200):
        journal.append(notice(index))
        journal.commit()
    assert log.stat().st_size == room  # it did not grow
    journal.close()
    assert not log.exists()
    assert SqliteJournal(path, read_only=True).verify().events == 199
    tables = (
        sqlite3.connect(path).execute("SELECT name FROM sqlite_master WHERE name LIKE 'room%'").fetchall()
    )
    assert tables == []


def test_a_journal_that_is_prepared_and_killed_is_whole(path: Path) -> None:
    dies = (
        "import os, sys; from pathlib import Path; from memory.journal import SqliteJournal;"
        "SqliteJournal(Path(sys.argv[1])).prepare(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", dies, str(path)], check=False)
    journal = SqliteJournal(path)
    assert (len(list(journal.events())), journal.verify().events) == (10, 10)
    journal.append(notice(11))
    journal.close()


def test_a_journal_that_another_holds_cannot_be_prepared(path: Path, raw: sqlite3.Connection) -> None:
    journal = SqliteJournal(path, busy_seconds=0.01)
    raw.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="is locked"):
        journal.prepare()
    raw.execute("ROLLBACK")
    journal.prepare()
    journal.append(notice(11))
    journal.close()


def test_another_process_reads_while_the_desk_writes(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.append(notice(11))
    journal.commit()
    reader = (
        "import sys; from pathlib import Path; from memory.journal import SqliteJournal;"
        "j = SqliteJournal(Path(sys.argv[1]), read_only=True);"
        "print(len(list(j.events())), j.verify().events)"
    )
    said = subprocess.run(  # the reader is our own code
        [sys.executable, "-c", reader, str(path)], capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["11", "11"]
    journal.append(notice(12))
    journal.commit()
    journal.close()


@pytest.mark.parametrize("seq", [1, 5, 10])
@pytest.mark.parametrize("column", ["kind", "at", "payload", "hash"])
def test_one_flipped_byte_in_a_row_is_found_and_the_row_named(
    path: Path, raw: sqlite3.Connection, seq: int, column: str
) -> None:
    (value,) = raw.execute(f"SELECT {column} FROM journal WHERE seq = ?", (seq,)).fetchone()  # noqa: S608
    flipped = bytearray(value.encode() if isinstance(value, str) else value)
    flipped[len(flipped) // 2] ^= 0x01
    new = flipped.decode() if isinstance(value, str) else bytes(flipped)
    raw.execute(f"UPDATE journal SET {column} = ? WHERE seq = ?", (new, seq))  # noqa: S608
    with pytest.raises(JournalCorrupt, match=rf"event {seq} "):
        SqliteJournal.verify(_reader(path))


def test_one_flipped_byte_in_the_file_is_found(path: Path) -> None:
    content = bytearray(path.read_bytes())
    at = content.index(b"event number 7")
    content[at] ^= 0x80  # no longer UTF-8 either
    path.write_bytes(content)
    with pytest.raises(JournalCorrupt, match="event 7 "):
        _reader(path).verify()


def test_a_file_that_was_closed_in_good_order_is_sealed(path: Path) -> None:
    assert _reader(path).verify().sealed


def test_any_byte_flipped_in_a_sealed_file_is_found(path: Path) -> None:
    """Also in the corners of the file that no row uses."""
    content = path.read_bytes()
    for at in range(0, len(content), max(1, len(content) // 97)):
        flipped = bytearray(content)
        flipped[at] ^= 0x10
        path.write_bytes(flipped)
        with pytest.raises(StorageError):
            _reader(path).verify()
    path.write_bytes(content)
    assert _reader(path).verify().sealed


def test_a_write_breaks_the_seal_and_an_orderly_close_sets_it_again(path: Path) -> None:
    journal = SqliteJournal(path)
    assert journal.verify().sealed, "opening alone changes nothing"
    journal.append(notice(11))
    journal.commit()
    assert not journal.verify().sealed
    journal.close()
    journal.close()
    assert _reader(path).verify().sealed


def test_after_a_crash_there_is_no_seal_and_the_chain_stands_alone(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.append(notice(11))
    journal.commit()
    journal._connection.close()
    verified = _reader(path).verify()
    assert (verified.events, verified.sealed) == (11, False)


def test_writing_through_sqlalchemy_breaks_the_seal_too(path: Path) -> None:
    from memory.database import open_database
    from memory.records import RecordStore
    from tests.unit.memory.test_memory_records import record

    engine = open_database(path)
    store = RecordStore(engine)
    assert store.recent(1) == ()
    assert _reader(path).verify().sealed
    store.save(record(1))
    engine.dispose()
    assert not _reader(path).verify().sealed


def test_a_deleted_event_is_found(path: Path, raw: sqlite3.Connection) -> None:
    raw.execute("DELETE FROM journal WHERE seq = 4")
    with pytest.raises(JournalCorrupt, match="event 4 is missing"):
        _reader(path).verify()


def test_two_swapped_events_are_found(path: Path, raw: sqlite3.Connection) -> None:
    raw.execute("UPDATE journal SET seq = -3 WHERE seq = 3")
    raw.execute("UPDATE journal SET seq = 3 WHERE seq = 6")
    raw.execute("UPDATE journal SET seq = 6 WHERE seq = -3")
    with pytest.raises(JournalCorrupt, match="event 3 "):
        _reader(path).verify()


def test_a_cut_off_end_is_found_by_the_head_and_at_start(path: Path, raw: sqlite3.Connection) -> None:
    reader = _reader(path)
    raw.execute("DELETE FROM journal WHERE seq > 8")
    with pytest.raises(JournalCorrupt, match="event 9 is missing"):
        reader.verify()
    with pytest.raises(JournalCorrupt, match="does not match its head"):
        SqliteJournal(path)


def test_an_event_added_by_hand_is_found(path: Path, raw: sqlite3.Connection) -> None:
    reader = _reader(path)
    raw.execute("INSERT INTO journal VALUES (11, 'notice', '', x'7b7d', zeroblob(32))")
    with pytest.raises(JournalCorrupt, match="event 11 "):
        reader.verify()


def test_a_head_that_was_set_back_is_found(path: Path, raw: sqlite3.Connection) -> None:
    reader = _reader(path)
    raw.execute("DELETE FROM journal WHERE seq > 8")
    raw.execute("UPDATE journal_head SET seq = 8")
    with pytest.raises(JournalCorrupt, match="head"):
        reader.verify()


def test_a_damaged_file_is_said(path: Path) -> None:
    content = bytearray(path.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    content[size : size + 64] = os.urandom(64)
    path.write_bytes(content)
    with pytest.raises(StorageError):
        SqliteJournal(path, read_only=True).verify()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    path.write_bytes(b"these are not the bytes you are looking for" * 100)
    with pytest.raises(StorageError, match=r"desk\.db is not a database"):
        SqliteJournal(path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="does not exist"):
        SqliteJournal(tmp_path / "nowhere" / "desk.db")


def test_reading_a_journal_that_is_not_there_makes_none(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="does not exist"):
        SqliteJournal(tmp_path / "desk.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "desk.db").mkdir()
    with pytest.raises(StorageError, match="cannot be opened"):
        SqliteJournal(tmp_path / "desk.db")


def _reader(path: Path) -> SqliteJournal:
    return SqliteJournal(path, read_only=True)


def test_what_is_written_up_late_stands_where_it_was_appended(tmp_path: Path) -> None:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    sent = OrderSubmitted("s-000001-00", Symbol("BTC/USDT"), at, "paper")
    taken = OrderAccepted("s-000001-00", Symbol("BTC/USDT"), "v-1", at)
    notice = CycleStarted("s-000001", 1, at)
    file, memory = SqliteJournal(tmp_path / "desk.db"), MemoryJournal()
    for event in (sent, notice, taken, sent):
        file.append(event)
        memory.append(event)
    assert file.pending == 4
    file.commit()
    memory.commit()
    assert file.pending == 0
    assert [event for _, event in file.events()] == [sent, notice, taken, sent]
    assert file.verify() == memory.verify()
    file.append(taken)
    file.close()
    with contextlib.closing(SqliteJournal(tmp_path / "desk.db")) as again:
        assert [event for _, event in again.events()][-1] == taken


def test_a_time_that_can_never_be_written_is_refused_at_once(tmp_path: Path) -> None:
    naive = datetime(2026, 1, 5)  # noqa: DTZ001  what is tested
    with contextlib.closing(SqliteJournal(tmp_path / "desk.db")) as journal:
        with pytest.raises(StorageError, match="order_accepted event cannot be written"):
            journal.append(OrderAccepted("s-000001-00", Symbol("BTC/USDT"), "v-1", naive))
        assert journal.pending == 0
