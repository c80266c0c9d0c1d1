"""Reading a journal file with distrust."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from pathlib import Path

from domain.errors import JournalCorrupt
from domain.events import CycleRecorded
from memory import aside
from memory.chain import GENESIS, Verified, link
from memory.database import connect, storage_error
from memory.seal import check_seal

_FIX = "Restore the file from a backup; what comes after this point cannot be trusted"


def verify(path: Path) -> Verified:
    """Check the chain, its head, the cycle records that the events name, the file and its seal.

    Raises JournalCorrupt with the first thing found wrong, StorageError when the file cannot be read.
    """
    with contextlib.closing(connect(path, read_only=True)) as reader:
        reader.text_factory = _forgiving
        try:
            reader.execute("BEGIN")  # one moment for all reads, while the desk goes on writing
            events, head, recorded = _chain(path, reader)
            records = _records(path, reader, recorded)
            _file(path, reader)
            beside = aside.follow(path, aside.read(path), events, head)
        except sqlite3.DatabaseError as error:
            explained = storage_error(path, error)
            if "locked" in explained.message:
                raise explained from error
            raise JournalCorrupt(explained.message, fix=explained.fix) from error
    if beside:
        events, head = beside[-1][0], beside[-1][4]
    return Verified(events=events, head=head.hex(), records=records, sealed=check_seal(path))


def _chain(path: Path, reader: sqlite3.Connection) -> tuple[int, bytes, dict[str, str]]:
    previous, expected = GENESIS, 1
    recorded: dict[str, str] = {}
    rows = reader.execute("SELECT seq, kind, at, payload, hash FROM journal ORDER BY seq")
    for seq, kind, at, payload, stored in rows:
        if seq != expected:
            raise JournalCorrupt(f"event {expected} is missing from {path}", fix=_FIX)
        if not _whole(kind, at, payload) or link(previous, seq, kind, at, payload) != stored:
            raise JournalCorrupt(f"event {seq} in {path} does not match its hash", fix=_FIX)
        if kind == CycleRecorded.kind:
            event = json.loads(payload)
            recorded[event["cycle_id"]] = event["record_hash"]
        previous, expected = stored, seq + 1
    head = reader.execute("SELECT seq, hash FROM journal_head").fetchone()
    if head is None or head[0] != expected - 1:
        last = "nothing" if head is None else f"event {head[0]}"
        raise JournalCorrupt(
            f"event {expected} is missing from {path}: its head names {last} as the last", fix=_FIX
        )
    if head[1] != previous:
        raise JournalCorrupt(f"the head of {path} does not match event {expected - 1}", fix=_FIX)
    return expected - 1, previous, recorded


def _forgiving(raw: bytes) -> str:
    """Text that is no longer UTF-8 must reach the hash, not end the reading."""
    return raw.decode("utf-8", "replace")


def _whole(kind: object, at: object, payload: object) -> bool:
    return isinstance(kind, str) and isinstance(at, str) and isinstance(payload, bytes)


def _records(path: Path, reader: sqlite3.Connection, recorded: dict[str, str]) -> int:
    named = dict(recorded)
    for cycle_id, stored, body in reader.execute("SELECT cycle_id, hash, body FROM cycle_records"):
        expected = named.pop(cycle_id, stored)
        whole = isinstance(body, bytes) and hashlib.sha256(body).hexdigest() == expected
        if stored != expected or not whole:
            raise JournalCorrupt(
                f"the record of cycle {cycle_id} in {path} does not match its hash", fix=_FIX
            )
    if named:
        raise JournalCorrupt(f"the record of cycle {next(iter(named))} is missing from {path}", fix=_FIX)
    return len(recorded)


def _file(path: Path, reader: sqlite3.Connection) -> None:
    said = reader.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if said != "ok":
        raise JournalCorrupt(f"{path} is damaged: {said}", fix=_FIX)
