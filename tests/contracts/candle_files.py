"""Small candle files for tests: seeded random walks written as Parquet or CSV."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

FIRST = datetime(2021, 1, 1, tzinfo=UTC)


def walk(*, seed: int, rows: int, minutes: int = 60, first: datetime = FIRST) -> pd.DataFrame:
    """A random walk around 100 with opening stamps, as a candle file holds it."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, rows)))
    open_ = np.concatenate(([100.0], close[:-1]))
    return pd.DataFrame(
        {
            "timestamp": [first + timedelta(minutes=minutes) * index for index in range(rows)],
            "open": open_,
            "high": np.maximum(open_, close) * (1 + rng.uniform(0, 0.005, rows)),
            "low": np.minimum(open_, close) * (1 - rng.uniform(0, 0.005, rows)),
            "close": close,
            "volume": rng.uniform(1, 1_000, rows),
        }
    )


def write(path: Path, frame: pd.DataFrame) -> Path:
    """Write a frame as what the suffix of `path` says."""
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    return path


def write_walk(
    path: Path, *, seed: int, rows: int, minutes: int = 60, leave_out: Collection[int] = ()
) -> Path:
    """Write a walk with the rows `leave_out` missing."""
    frame = walk(seed=seed, rows=rows, minutes=minutes)
    return write(path, frame.drop(index=list(leave_out)))
