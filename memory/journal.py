"""The event journal: what happened, in order, in a form that shows when it was changed.

`append` fills a batch, `commit` makes it durable in one transaction with one fsync. An event's hash
covers the hash before it, and the head (last number and hash) is kept in a row of its own that moves in
the same transaction: a changed, deleted, reordered or cut-off event is found by `verify`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from domain.errors import JournalCorrupt, StorageError
from domain.events import DeskEvent
from memory import aside, audit
from memory.chain import GENESIS, Verified, link
from memory.codec import decode, encode, is_plain, utc_text
from memory.database import BUSY_SECONDS, connect, migrate, storage_error
from memory.seal import break_seal, set_seal

_PAGE: Final = 1000
_LOG_BYTES: Final = 4_300_000
"""A little more than the write-ahead log holds between two checkpoints (SQLite: 1000 pages of 4096 bytes)."""


class SqliteJournal:
    """The journal in a file. One process writes; others may read at the same time.

    A failed commit loses nothing: the batch stays, and the next commit writes it. Raises StorageError
    when the file cannot be opened or written, JournalCorrupt when its end does not match its head.
    """

    def __init__(self, path: Path, *, read_only: bool = False, busy_seconds: float = BUSY_SECONDS) -> None:
        self.path = path
        if not read_only:
            migrate(path)
        self._connection = connect(path, read_only=read_only, busy_seconds=busy_seconds)
        self._heard: list[DeskEvent] = []  # appended, and not a row of the batch yet
        self._batch: list[aside.Row] = []
        self._records: list[aside.Record] = []
        self._in_doubt = False
        self._sealed = True
        self._closed = False
        self._seq, self._hash = 0, GENESIS
        if not read_only:  # a reader beside a writing desk could catch head and end between two commits
            try:
                self._take_over()
                self._seq, self._hash = self._read_head()
            except BaseException:
                self._connection.close()
                raise

    @property
    def pending(self) -> int:
        """How many appended events are not durable yet."""
        return len(self._batch) + len(self._heard)

    def prepare(self) -> None:
        """Grow the write-ahead log to its working size, so that commits overwrite it from the first one on.

        An fsync of a file that grows also writes the file system's own records: about twice the time. What is
        written here is rolled back; only the room stays. It takes some milliseconds. Raises StorageError.
        """
        self._break_seal()
        execute = self._connection.execute
        try:
            (cached,) = execute("PRAGMA cache_size").fetchone()
            execute("PRAGMA cache_size = 10")  # so that the pages go to the log before the transaction ends
            try:
                execute("BEGIN IMMEDIATE")
                try:
                    execute("CREATE TABLE room_for_the_log (room BLOB)")
                    execute("INSERT INTO room_for_the_log VALUES (zeroblob(?))", (_LOG_BYTES,))
                finally:
                    execute("ROLLBACK")
            finally:
                execute(f"PRAGMA cache_size = {int(cached)}")
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def append(self, event: DeskEvent) -> None:
        """Add an event to the open batch; raises StorageError when it cannot be written as JSON.

        An event that holds nothing which could change meanwhile is made a row by the next commit: until then
        somebody waits for a venue.
        """
        if not event.durable:
            raise StorageError(f"a {event.kind} event is streamed, not journaled", fix="Do not append it")
        if is_plain(event):
            self._heard.append(event)
            return
        payload = encode(event)
        self._write_up()
        self._add(event, payload)

    def _add(self, event: DeskEvent, payload: bytes) -> None:
        at = utc_text(event.at)
        seq = self._seq + 1
        self._hash = link(self._hash, seq, event.kind, at, payload)
        self._seq = seq
        self._batch.append((seq, event.kind, at, payload, self._hash))

    def _write_up(self) -> None:
        """Make rows of the events that have none yet."""
        for event in self._heard:
            self._add(event, encode(event))
        self._heard.clear()

    def keep_record(self, cycle_id: str, record_hash: str, body: bytes) -> None:
        """Write a cycle record in the transaction of the next commit, next to the event that names it."""
        self._records.append((cycle_id, record_hash, body))

    def waiting_record(self, cycle_id: str) -> bytes | None:
        """The body of a record that waits for the next commit."""
        return next((body for known, _, body in reversed(self._records) if known == cycle_id), None)

    def commit(self) -> None:
        """Return when the batch would survive a power cut. Raises StorageError and keeps the batch."""
        self._write_up()
        if not self._batch and not self._records:
            return
        self._break_seal()
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            if self._in_doubt:
                self._drop_what_was_written()
            if self._records:
                self._connection.executemany(aside.PUT_RECORD, self._records)
            if self._batch:
                self._connection.executemany(aside.INSERT_EVENT, self._batch)
                execute(aside.SET_HEAD, (self._seq, self._hash))
            execute("COMMIT")
        except sqlite3.Error as error:
            self._in_doubt = True
            with contextlib.suppress(sqlite3.Error):  # the transaction may be gone already
                execute("ROLLBACK")
            raise self._explained(error) from error
        self._in_doubt = False
        self._batch.clear()
        self._records.clear()

    def _break_seal(self) -> None:
        """Once in a life: from now on the file changes."""
        if self._sealed:
            break_seal(self.path)
            self._sealed = False

    def close(self) -> None:
        """Commit what is open, let go of the file, and seal it. Closing again is nothing."""
        if self._closed:
            return
        try:
            self.commit()
            if not self._sealed:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise storage_error(self.path, error) from error
        finally:
            self._closed = True
            self._connection.close()
        if not self._sealed:
            set_seal(self.path)

    def events(self, after: int = 0) -> Iterator[tuple[int, DeskEvent]]:
        """The durable events with a number above `after`, oldest first, those beside the database too.

        Raises JournalCorrupt.
        """
        with contextlib.closing(connect(self.path, read_only=True)) as reader:
            while True:
                try:
                    rows = reader.execute(
                        "SELECT seq, kind, payload FROM journal WHERE seq > ? ORDER BY seq LIMIT ?",
                        (after, _PAGE),
                    ).fetchall()
                except sqlite3.Error as error:
                    raise storage_error(self.path, error) from error
                for seq, kind, payload in rows:
                    after = seq
                    yield seq, decode(kind, payload)
                if len(rows) < _PAGE:
                    break
        for seq, kind, _, payload, _ in aside.read(self.path).rows:
            if seq == after + 1:
                after = seq
                yield seq, decode(kind, payload)

    def verify(self) -> Verified:
        """Read everything that is durable; raises JournalCorrupt naming the first event that is wrong."""
        return audit.verify(self.path)

    def _take_over(self) -> None:
        """What an earlier desk had to keep beside the database belongs in it, before anything is added."""
        try:
            self._sealed = not aside.take_over(self._connection, self.path)
        except sqlite3.Error as error:
            raise storage_error(self.path, error) from error

    def _read_head(self) -> tuple[int, bytes]:
        try:
            head = self._connection.execute("SELECT seq, hash FROM journal_head").fetchone()
            last = self._connection.execute(
                "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1"
            ).fetchone()
        except sqlite3.Error as error:
            raise storage_error(self.path, error) from error
        if head is None or tuple(head) != tuple(last or (0, GENESIS)):
            raise JournalCorrupt(
                f"the end of the journal {self.path} does not match its head", fix="Run desk journal verify"
            )
        return int(head[0]), bytes(head[1])

    def _drop_what_was_written(self) -> None:
        """After a failed commit: SQLite may have written the batch and failed to say so.

        Raises sqlite3.IntegrityError when the events that stand there are not those of the batch.
        """
        durable, head = self._connection.execute("SELECT seq, hash FROM journal_head").fetchone()
        if any(row[0] == durable and row[4] != head for row in self._batch) or durable > self._seq:
            raise sqlite3.IntegrityError("the head is that of other events")
        self._batch = [row for row in self._batch if row[0] > durable]

    def _explained(self, error: sqlite3.Error) -> StorageError:
        if isinstance(error, sqlite3.IntegrityError):
            return StorageError(
                f"another desk writes to {self.path}: {error}", fix="Stop it, then start this one again"
            )
        return storage_error(self.path, error)


class MemoryJournal:
    """The journal without a disk, for backtests and tests. The chain is computed when it is asked for."""

    def __init__(self) -> None:
        self._events: list[DeskEvent] = []
        self._durable = 0

    @property
    def pending(self) -> int:
        return len(self._events) - self._durable

    def append(self, event: DeskEvent) -> None:
        """Add an event to the open batch."""
        if not event.durable:
            raise StorageError(f"a {event.kind} event is streamed, not journaled", fix="Do not append it")
        self._events.append(event)

    def commit(self) -> None:
        """Count what was appended as kept."""
        self._durable = len(self._events)

    def close(self) -> None:
        self.commit()

    def events(self, after: int = 0) -> Iterator[tuple[int, DeskEvent]]:
        """The committed events with a number above `after`, oldest first."""
        for index in range(after, self._durable):
            yield index + 1, self._events[index]

    def verify(self) -> Verified:
        """The same chain and head that a file with these events would have."""
        head = GENESIS
        for seq, event in self.events():
            head = link(head, seq, event.kind, utc_text(event.at), encode(event))
        return Verified(events=self._durable, head=head.hex())
