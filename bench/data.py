"""The tape every engine of the EMA benchmark runs on: a seeded random walk, the same on every machine.

`python -m bench.data FILE` writes it; the peers' scripts read the file with numpy alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

BARS = 500_000
SEED = 8  # of 1 to 8, the one whose 17,801 orders come nearest to the 17,700 the goals were set with
MINUTE_NS = 60_000_000_000
START_NS = 1_577_836_800_000_000_000  # 2020-01-01T00:00:00Z, the open of the first bar
DECIMALS = 2  # prices are multiples of 0.01, so no engine rounds what another does not


def tape(bars: int = BARS, seed: int = SEED) -> dict[str, npt.NDArray[np.float64 | np.int64]]:
    """Columns of 1m candles: open_ns, open, high, low, close, volume. A bar opens where the last closed.

    A geometric walk of 0.05 % a minute around 20,000: an EMA 12/26 crossover turns about every 28 bars.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    steps = random.standard_normal(bars) * 0.0005
    # A slow pull to the middle keeps half a million minutes within an order of magnitude.
    level = np.empty(bars)
    held = 0.0
    for index, step in enumerate(steps):
        held = held * 0.99999 + step
        level[index] = held
    close = np.round(20_000.0 * np.exp(level), DECIMALS)
    open_ = np.concatenate(([20_000.0], close[:-1]))
    reach = np.abs(random.standard_normal((2, bars))) * 0.0002
    high = np.round(np.maximum(open_, close) * (1 + reach[0]), DECIMALS)
    low = np.round(np.minimum(open_, close) * (1 - reach[1]), DECIMALS)
    # Deep enough that one unit always fills whole, so no engine models a partial fill.
    volume = np.round(random.lognormal(5.0, 0.5, bars), 4)
    open_ns = START_NS + np.arange(bars, dtype=np.int64) * MINUTE_NS
    return {"open_ns": open_ns, "open": open_, "high": high, "low": low, "close": close, "volume": volume}


def tape_file(folder: Path, bars: int = BARS) -> Path:
    """The tape as an .npz file in `folder`, made when it is not there."""
    path = folder / f"tape-{SEED}-{bars}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft.npz")
        np.savez(draft, **tape(bars))  # type: ignore[arg-type]  # numpy's stub also knows allow_pickle=
        draft.replace(path)
    return path


if __name__ == "__main__":
    print(tape_file(Path(sys.argv[1])))
