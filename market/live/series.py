"""The bars of one symbol as a running venue gave them: appended, filled in late, trimmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from market.bars import Bars

COLUMNS: Final = ("open_ns", "close_ns", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Merged:
    """The series afterwards, and what moved in it.

    `earliest` is the close (ns) of the oldest bar that is new or says something else than before, None when
    nothing moved; `restated` is how many say something else.
    """

    bars: Bars
    earliest: int | None
    restated: int


def merge(known: Bars, seen: Bars, keep: int) -> Merged:
    """`known` with `seen` in it, each bar once, the venue's newest word on it, the last `keep` bars."""
    if not len(seen):
        return Merged(known, None, 0)
    at = np.searchsorted(known.open_ns, seen.open_ns)
    inside = at < len(known)
    old = np.zeros(len(seen), bool)
    old[inside] = known.open_ns[at[inside]] == seen.open_ns[inside]
    changed = np.zeros(len(seen), bool)
    for name in COLUMNS[2:]:
        changed[old] |= getattr(known, name)[at[old]] != getattr(seen, name)[old]
    moved = np.flatnonzero(~old | changed)
    if not len(moved):
        return Merged(known, None, 0)
    stays = np.ones(len(known), bool)
    stays[at[old]] = False
    order = np.argsort(np.concatenate((known.open_ns[stays], seen.open_ns)), kind="stable")[-keep:]
    columns = (np.concatenate((getattr(known, name)[stays], getattr(seen, name)))[order] for name in COLUMNS)
    bars = Bars(known.symbol, known.timeframe, *columns)
    return Merged(bars, int(seen.close_ns[moved[0]]), int(np.count_nonzero(changed)))
