"""A seal on a database file that was closed in good order: its size and the SHA-256 of all its bytes.

The hash chain covers every event, but not the unused corners of the file; the seal covers every byte. It is
a small file beside the database, broken by the first write after an opening and set again by an orderly
close. After a crash there is none, and the chain stands alone.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from domain.errors import JournalCorrupt, StorageError


def seal_of(database: Path) -> Path:
    """Where the seal of a database lies."""
    return database.with_name(database.name + ".seal")


def break_seal(database: Path) -> None:
    """The file is about to change. Raises StorageError when the seal cannot be removed."""
    try:
        seal_of(database).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"{seal_of(database)} cannot be removed: {error.strerror}", fix="Check its permissions"
        ) from error


def set_seal(database: Path) -> None:
    """Seal a database that nobody writes to, unless part of it is still in its write-ahead log.

    Raises StorageError when the seal cannot be written: the database itself is whole.
    """
    if _has_log(database):
        return
    try:
        draft = seal_of(database).with_suffix(".draft")
        draft.write_text(json.dumps(_measure(database)) + "\n", encoding="utf-8")
        draft.replace(seal_of(database))
    except OSError as error:
        raise StorageError(
            f"{database} could not be sealed: {error.strerror}", fix="Free some space; nothing was lost"
        ) from error


def check_seal(database: Path) -> bool:
    """Whether there is a seal and it holds; False when there is none.

    Raises JournalCorrupt when the file is not, byte for byte, the one that was sealed.
    """
    seal = seal_of(database)
    if not seal.exists() or _has_log(database):
        return False
    try:
        holds = json.loads(seal.read_bytes()) == _measure(database)
    except ValueError:
        holds = False
    if not holds:
        raise JournalCorrupt(
            f"{database} is not the file that was closed: its bytes differ from its seal",
            fix=f"Restore it from a backup; if you replaced it yourself, delete {seal.name}",
        )
    return True


def _has_log(database: Path) -> bool:
    log = database.with_name(database.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def _measure(database: Path) -> dict[str, object]:
    with database.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {"bytes": database.stat().st_size, "sha256": digest}
