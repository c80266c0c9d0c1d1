"""What a replay found in its files: where each symbol begins and ends, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from domain.clock import from_ns
from domain.market import Timeframe
from domain.money import Symbol
from market.bars import Bars


@dataclass(frozen=True, slots=True)
class Gap:
    """`missing` bars in a row; the first of them would have opened at `start`."""

    start: datetime
    missing: int


@dataclass(frozen=True, slots=True)
class SymbolReport:
    """One symbol's tape: `warmup` bars before the run, `bars` in it, and the gaps in both."""

    symbol: Symbol
    source: str
    spacing_seconds: int
    first_open: datetime
    last_close: datetime
    warmup: int
    bars: int
    gaps: tuple[Gap, ...]

    @property
    def missing(self) -> int:
        return sum(gap.missing for gap in self.gaps)


@dataclass(frozen=True, slots=True)
class DataReport:
    """All symbols' tapes."""

    timeframe: Timeframe
    symbols: Mapping[Symbol, SymbolReport]

    @property
    def clean(self) -> bool:
        """Whether no bar is missing anywhere."""
        return not any(report.gaps for report in self.symbols.values())

    def sentences(self) -> tuple[str, ...]:
        """One sentence per symbol with gaps, naming their number and the longest one."""
        said: list[str] = []
        for report in self.symbols.values():
            if report.gaps:
                longest = max(report.gaps, key=lambda gap: gap.missing)
                gaps = "1 gap" if len(report.gaps) == 1 else f"{len(report.gaps)} gaps"
                said.append(
                    f"{report.symbol} misses {report.missing} {self.timeframe} bars in {gaps}; the longest "
                    f"has {longest.missing} from {longest.start:%Y-%m-%dT%H:%MZ} ({report.source})"
                )
        return tuple(said)


def find_gaps(bars: Bars) -> tuple[Gap, ...]:
    """Every run of missing bars between the first and the last."""
    length = bars.timeframe.seconds * 1_000_000_000
    steps = np.diff(bars.open_ns) // length
    return tuple(
        Gap(from_ns(int(bars.close_ns[index])), int(steps[index]) - 1) for index in np.flatnonzero(steps > 1)
    )
