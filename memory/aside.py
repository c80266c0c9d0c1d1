"""What the journal could not put into its database, kept beside it: a file of lines that needs no SQLite.

Each line is an event with its place and hash in the journal's own chain, or a cycle record; a line that
says `kept` ends what one commit wrote, and what comes after the last such line never became durable. The
room for it is set aside while the disk still has some. The next writer of the database takes it over. See
docs/decisions/0050-a-panic-needs-no-database.md.
"""

from __future__ import annotations

import base64
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from domain.errors import JournalCorrupt, StorageError
from memory.chain import link
from memory.seal import break_seal

Row = tuple[int, str, str, bytes, bytes]
"""seq, kind, at, payload, hash: as in the journal's table."""
Record = tuple[str, str, bytes]
"""cycle id, hash, body."""

ROOM: Final = 1 << 20
"""Bytes kept free for it: thousands of events, and getting flat takes dozens."""

_END: Final = b"\0"
INSERT_EVENT: Final = "INSERT INTO journal (seq, kind, at, payload, hash) VALUES (?, ?, ?, ?, ?)"
SET_HEAD: Final = "UPDATE journal_head SET seq = ?, hash = ? WHERE one = 1"
PUT_RECORD: Final = (
    "INSERT INTO cycle_records (cycle_id, hash, body) VALUES (?, ?, ?) "
    "ON CONFLICT (cycle_id) DO UPDATE SET hash = excluded.hash, body = excluded.body"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the file holds, oldest first."""

    rows: tuple[Row, ...] = ()
    records: tuple[Record, ...] = ()


def aside_of(database: Path) -> Path:
    """Where the file of a database lies."""
    return database.with_name(database.name + ".aside")


class Aside:
    """The open file of one writing journal. Raises StorageError when it cannot be made or written."""

    def __init__(self, database: Path) -> None:
        self.path = aside_of(database)
        self._length = 0
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            os.posix_fallocate(self._file, 0, ROOM)
        except OSError as error:
            raise _failed(self.path, error) from error

    def put(self, rows: Sequence[Row], records: Sequence[Record] = ()) -> None:
        """Return when all of it would survive a power cut; on StorageError none of it counts."""
        lines = [_record_line(each) for each in records] + [_row_line(each) for each in rows]
        lines.append(orjson.dumps({"kept": len(lines)}))
        data = b"\n".join(lines) + b"\n"
        try:
            self._write(data + _END, self._length)
            os.fsync(self._file)
        except OSError as error:
            raise _failed(self.path, error) from error
        self._length += len(data)

    def clear(self) -> None:
        """The database has it all: nothing in here counts any more."""
        try:
            self._write(bytes(self._length + 1), 0)
            os.fsync(self._file)
        except OSError as error:
            raise _failed(self.path, error) from error
        self._length = 0

    def close(self) -> None:
        """Let go of the file; it stays only when there is something in it."""
        os.close(self._file)
        if not self._length:
            self.path.unlink(missing_ok=True)

    def _write(self, data: bytes, at: int) -> None:
        while data:
            written = os.pwrite(self._file, data, at)
            data, at = data[written:], at + written


def read(database: Path) -> Kept:
    """What lies beside a database; nothing when there is no file.

    Raises JournalCorrupt for a line that was kept and cannot be read, StorageError when the file cannot.
    """
    path = aside_of(database)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Kept()
    except OSError as error:
        raise _failed(path, error) from error
    rows: list[Row] = []
    records: list[Record] = []
    kept = Kept()
    lines = content.partition(_END)[0].split(b"\n")[:-1]  # a line without its end was cut short by a crash
    for number, line in enumerate(lines, start=1):
        try:
            told = orjson.loads(line)
            if "kept" in told:
                kept = Kept(tuple(rows), tuple(records))
            elif "seq" in told:
                rows.append(_row(told))
            else:
                records.append((told["cycle"], told["hash"], base64.b64decode(told["body"], validate=True)))
        except (ValueError, TypeError, KeyError) as error:
            raise JournalCorrupt(f"line {number} of {path} cannot be read", fix=_FIX) from error
    return kept


def follow(database: Path, kept: Kept, seq: int, head: bytes) -> tuple[Row, ...]:
    """The rows that come after event `seq`, whose hash is `head`. Raises JournalCorrupt when they do not."""
    newer = tuple(row for row in kept.rows if row[0] > seq)
    for row in newer:
        if row[0] != seq + 1 or link(head, *row[:4]) != row[4]:
            raise JournalCorrupt(f"{aside_of(database)} does not follow event {seq} of {database}", fix=_FIX)
        seq, head = row[0], row[4]
    return newer


def take_over(connection: sqlite3.Connection, database: Path) -> bool:
    """Bring what lies beside the database into it, in one transaction, and remove the file.

    Returns whether there was anything. May be cut short anywhere and done again. JournalCorrupt when it
    does not continue the journal, sqlite3.Error when the database cannot be written: the file then stays.
    """
    path = aside_of(database)
    if not path.exists():
        return False
    kept = read(database)
    found = bool(kept.rows or kept.records)
    if found:
        break_seal(database)
        connection.execute("BEGIN IMMEDIATE")
        try:
            seq, head = connection.execute("SELECT seq, hash FROM journal_head").fetchone()
            for row in kept.rows:
                known = connection.execute("SELECT hash FROM journal WHERE seq = ?", (row[0],)).fetchone()
                if known is not None and known[0] != row[4]:
                    raise JournalCorrupt(f"event {row[0]} of {path} is not that of {database}", fix=_FIX)
            newer = follow(database, kept, seq, head)
            connection.executemany(PUT_RECORD, kept.records)
            if newer:
                connection.executemany(INSERT_EVENT, newer)
                connection.execute(SET_HEAD, (newer[-1][0], newer[-1][4]))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    path.unlink(missing_ok=True)
    return found


_FIX: Final = "Keep both files, and restore the database that belongs to it; nothing was changed"


def _row_line(row: Row) -> bytes:
    seq, kind, at, payload, digest = row
    return orjson.dumps(
        {"seq": seq, "kind": kind, "at": at, "payload": payload.decode(), "hash": digest.hex()}
    )


def _record_line(record: Record) -> bytes:
    cycle, digest, body = record
    return orjson.dumps({"cycle": cycle, "hash": digest, "body": base64.b64encode(body).decode()})


def _row(told: dict[str, Any]) -> Row:
    seq, kind, at = told["seq"], told["kind"], told["at"]
    if not (isinstance(seq, int) and isinstance(kind, str) and isinstance(at, str)):
        raise TypeError("not an event")
    return seq, kind, at, told["payload"].encode(), bytes.fromhex(told["hash"])


def _failed(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{path} cannot be used: {error.strerror or error}", fix="Check the disk and the folder"
    )
