"""The journal of a running desk: when its database cannot be written, it goes on beside it.

The desk has to stop and get flat with the database locked or its disk full, and an order may only be sent
once its intent is durable. So a commit that the database refuses is written to a file of its own and counts;
whoever listens is told, and sees to it that nothing but getting smaller rests on that.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from domain.errors import JournalCorrupt, StorageError
from memory.aside import Aside
from memory.database import BUSY_SECONDS
from memory.journal import SqliteJournal

HURRY_SECONDS: Final = 0.05
"""How long a commit waits for a locked database when there is no time."""

Listener = Callable[[StorageError | None], None]
"""Told once why the database cannot be written, and None once it is written again."""


class SteadfastJournal(SqliteJournal):
    """Implements `Journal`. `trouble` is why the newest events are not in the database; None when they are.

    Another writer in the same database (StorageError) and a broken chain (JournalCorrupt) are never written
    around: they are raised as the plain journal raises them.
    """

    def __init__(self, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
        super().__init__(path, busy_seconds=busy_seconds)
        self._busy_seconds = busy_seconds
        self._aside = Aside(path)
        self._kept_to = 0
        self._kept_records = 0
        self.trouble: StorageError | None = None
        self.listener: Listener | None = None

    def hurry(self) -> None:
        """From now on a commit waits for a locked database hardly at all."""
        self._busy_seconds = HURRY_SECONDS
        self._wait(HURRY_SECONDS)

    def prepare(self) -> None:
        """As for the plain journal, where the database allows it: it only makes commits faster."""
        with contextlib.suppress(StorageError):
            super().prepare()

    def commit(self) -> None:
        """Return when the batch would survive a power cut, in the database or beside it.

        Raises StorageError when neither takes it, and keeps the batch.
        """
        try:
            super().commit()
        except JournalCorrupt:
            raise
        except StorageError as error:
            if isinstance(error.__cause__, sqlite3.IntegrityError):
                raise
            self._go_beside(error)
        else:
            if self.trouble is not None:
                self._come_back()

    def close(self) -> None:
        """As for the plain journal; what is beside the database stays there for the next one."""
        if self._closed:
            return
        try:
            super().close()
        except StorageError:
            if self.trouble is None:
                raise
        finally:
            self._aside.close()

    def _go_beside(self, error: StorageError) -> None:
        rows = [row for row in self._batch if row[0] > self._kept_to]
        records = self._records[self._kept_records :]
        if rows or records:
            try:
                self._aside.put(rows, records)
            except StorageError as second:
                raise StorageError(f"{error.message}, and {second.message}", fix=error.fix) from error
            self._kept_to = rows[-1][0] if rows else self._kept_to
            self._kept_records = len(self._records)
        if self.trouble is None:
            self.trouble = error
            self._wait(0.0)  # it was waited for once; each later commit only tries
            if self.listener is not None:
                self.listener(error)

    def _come_back(self) -> None:
        self._aside.clear()
        self._kept_to = self._kept_records = 0
        self.trouble = None
        self._wait(self._busy_seconds)
        if self.listener is not None:
            self.listener(None)

    def _wait(self, seconds: float) -> None:
        with contextlib.suppress(sqlite3.Error):  # then it waits as long as before
            self._connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
