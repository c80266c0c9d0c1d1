"""What the disk asks for one durable commit: the peer of everything that writes before it acts."""

from __future__ import annotations

import sqlite3
import statistics
import time
from pathlib import Path

from bench.result import Context, Result, alone

COMMITS = 2_000
WARM_UP = 200
ROW_BYTES = 300  # about one order event


def commit_p50_us(folder: Path, commits: int = COMMITS, row_bytes: int = ROW_BYTES) -> float:
    """Median microseconds of one INSERT and COMMIT with bare sqlite3, WAL, synchronous=FULL, in `folder`.

    The database is made for the measurement and removed. Measure the rival in the same folder and run.
    """
    path = folder / "floor.db"
    _remove(path)
    row = bytes(range(256)) * (row_bytes // 256 + 1)
    took = []
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, payload BLOB NOT NULL)")
        for number in range(WARM_UP + commits):
            began = time.perf_counter_ns()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO event (payload) VALUES (?)", (row[:row_bytes],))
            connection.execute("COMMIT")
            if number >= WARM_UP:
                took.append(time.perf_counter_ns() - began)
    finally:
        connection.close()
        _remove(path)
    return statistics.median(took) / 1000


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def run(context: Context) -> list[Result]:
    return [alone("sqlite_floor", commit_p50_us(context.folder), "us/commit p50")]
