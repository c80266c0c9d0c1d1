"""The bars of one symbol as a running venue gave them: appended, filled in late, trimmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from market.bars import Bars

COLUMNS: Final = ("open_ns", "close_ns", "open", "high", "low", "close", "volume")

VOLUME: Final = 0.01
"""A volume that is told anew with less of a difference than this part of it is no news."""

_ONE_AND_A_BIT: Final = 1.000001
"""One tick is one tick, however the floats on both sides were rounded."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The series afterwards, and what moved in it.

    `earliest` is the close (ns) of the oldest bar that is new or says something else than before, None when
    nothing moved; `restated` is how many say something else, `far` how many of them by more than one tick
    or by more than a hundredth of the volume.
    """

    bars: Bars
    earliest: int | None
    restated: int
    far: int


def merge(known: Bars, seen: Bars, keep: int, tick: float = 0.0) -> Merged:
    """`known` with `seen` in it, each bar once, the venue's newest word on it, the last `keep` bars."""
    if not len(seen):
        return Merged(known, None, 0, 0)
    at = np.searchsorted(known.open_ns, seen.open_ns)
    inside = at < len(known)
    old = np.zeros(len(seen), bool)
    old[inside] = known.open_ns[at[inside]] == seen.open_ns[inside]
    changed, far = np.zeros(len(seen), bool), np.zeros(len(seen), bool)
    for name in COLUMNS[2:]:
        before, after = getattr(known, name)[at[old]], getattr(seen, name)[old]
        changed[old] |= before != after
        bound = before * VOLUME if name == "volume" else tick * _ONE_AND_A_BIT
        far[old] |= np.abs(after - before) > bound
    moved = np.flatnonzero(~old | changed)
    if not len(moved):
        return Merged(known, None, 0, 0)
    stays = np.ones(len(known), bool)
    stays[at[old]] = False
    order = np.argsort(np.concatenate((known.open_ns[stays], seen.open_ns)), kind="stable")[-keep:]
    columns = (np.concatenate((getattr(known, name)[stays], getattr(seen, name)))[order] for name in COLUMNS)
    bars = Bars(known.symbol, known.timeframe, *columns)
    return Merged(
        bars, int(seen.close_ns[moved[0]]), int(np.count_nonzero(changed)), int(np.count_nonzero(far))
    )
