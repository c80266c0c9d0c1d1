"""Declared features: a consumer names what it needs, and only that is computed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

import numpy as np

from domain.clock import to_ns
from domain.errors import ConfigError
from domain.market import Timeframe
from domain.money import Symbol
from market.bars import Bars, Column
from market.feature_spec import KINDS, FeatureSpec
from market.feed import Feed, Tape
from market.incremental import MACHINES, Machine, Row
from market.indicators import BATCH
from market.resample import NS, resample

__all__ = ["KINDS", "FeatureEngine", "FeatureSpec", "compute"]

_EVERYTHING: Final = 2**62
_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)

# What is computed together: a family, its arguments, its timeframe.
_Group = tuple[str, tuple[float, ...], Timeframe]


def compute(bars: Bars, name: str) -> Column:
    """The feature at every row of `bars`; NaN while it is warming up or undefined.

    A feature of a longer timeframe shows at each row the value of the newest longer bar that had closed by
    then. ConfigError for an unknown name, or a timeframe that is no multiple of the bars'.
    """
    spec = FeatureSpec.parse(name)
    return _outputs(bars, _group(spec, bars.timeframe))[spec.kind.output]


def _group(spec: FeatureSpec, own: Timeframe) -> _Group:
    timeframe = spec.timeframe or own
    if timeframe.seconds % own.seconds:
        raise ConfigError(
            f"{spec} cannot be made from {own} bars", fix=f"Name a whole multiple of {own}, or a shorter desk"
        )
    return spec.kind.family, spec.arguments, timeframe


def _outputs(bars: Bars, group: _Group) -> tuple[Column, ...]:
    family, arguments, timeframe = group
    wanted = bars if timeframe == bars.timeframe else resample(bars, timeframe)
    if not len(wanted):
        return (np.full(len(bars), np.nan),) * max(1 + k.output for k in KINDS.values() if k.family == family)
    columns = BATCH[family](wanted, arguments)
    if wanted is bars:
        return columns
    newest = np.searchsorted(wanted.close_ns, bars.close_ns, side="right") - 1
    return tuple(np.where(newest >= 0, column[newest], np.nan) for column in columns)


class FeatureEngine:
    """The named features of every symbol of a feed, at the bar the feed stands on.

    Values are computed from the very start of the tape, warm-up included, so they depend neither on where
    the run starts nor on how the feed came to stand where it does. Each value is found under the name it
    was asked for. When the whole tape is known it is computed in one go and read row by row; otherwise the
    values move bar by bar, and are rebuilt from the history after a `seek`. Both give the same numbers.

    ConfigError for names that do not exist.
    """

    def __init__(self, feed: Feed, names: Iterable[str]) -> None:
        specs = {name: FeatureSpec.parse(name) for name in names}
        self.names: tuple[str, ...] = tuple(specs)
        wanted = {name: (_group(spec, feed.timeframe), spec.kind.output) for name, spec in specs.items()}
        self._lane: _TapeLane | _BarLane = (
            _TapeLane(feed, feed.symbols, wanted) if isinstance(feed, Tape) else _BarLane(feed, wanted)
        )

    def update(self) -> None:
        """Take in the bar the feed stands on. Call it after every `advance` and `seek`; twice is harmless."""
        self._lane.update()

    def reread(self) -> None:
        """Bars behind came late or changed: the next update reads the whole history again."""
        self._lane.reread()

    def values(self, symbol: Symbol) -> Mapping[str, float]:
        """The features that are warm and defined, by name, in the order they were asked for."""
        return self._lane.values(symbol)

    def pick(self, symbol: Symbol, names: Iterable[str]) -> tuple[float | None, ...]:
        """Some of them, in the order they are named here; None while warming up, or undefined.

        For who needs a few of many on every bar. KeyError for a name that was not asked for at the beginning.
        """
        return self._lane.pick(symbol, names)


class _TapeLane:
    """All rows at once, for a tape that is known; only the rows up to the feed's own are ever read."""

    def __init__(
        self, tape: Tape, symbols: Iterable[Symbol], wanted: Mapping[str, tuple[_Group, int]]
    ) -> None:
        self._tape = tape
        self._names = tuple(wanted)
        self._places = {name: place for place, name in enumerate(wanted)}
        self._matrices: dict[Symbol, Column] = {}
        self._whole: dict[Symbol, list[bool]] = {}
        self._rows: dict[Symbol, int] = {}
        for symbol in symbols:
            bars = tape.columns(symbol)
            groups = {group: _outputs(bars, group) for group in {group for group, _ in wanted.values()}}
            matrix = np.empty((len(bars), len(wanted)))
            for index, (group, output) in enumerate(wanted.values()):
                matrix[:, index] = groups[group][output]
            self._matrices[symbol] = matrix
            self._whole[symbol] = np.logical_and.reduce(np.isfinite(matrix), axis=1).tolist()

    def update(self) -> None:
        for symbol in self._matrices:
            self._rows[symbol] = self._tape.row(symbol)

    def reread(self) -> None:
        """A tape that is known does not change."""

    def values(self, symbol: Symbol) -> Mapping[str, float]:
        row = self._rows.get(symbol, -1)
        if row < 0:
            return {}
        numbers = self._matrices[symbol][row].tolist()
        if self._whole[symbol][row]:
            return dict(zip(self._names, numbers, strict=True))
        return _finite(self._names, numbers)

    def pick(self, symbol: Symbol, names: Iterable[str]) -> tuple[float | None, ...]:
        places, row = self._places, self._rows.get(symbol, -1)
        if row < 0:
            return tuple(None for name in names if places[name] >= 0)
        numbers = self._matrices[symbol][row]
        return tuple(_known(numbers.item(places[name])) for name in names)


def _known(number: float) -> float | None:
    return number if number - number == 0 else None


def _finite(names: Iterable[str], numbers: Iterable[float]) -> dict[str, float]:
    # x - x is 0 for every finite number and NaN for NaN and the infinities.
    return {name: number for name, number in zip(names, numbers, strict=True) if number - number == 0}


class _BarLane:
    """One bar at a time, for a feed without end."""

    def __init__(self, feed: Feed, wanted: Mapping[str, tuple[_Group, int]]) -> None:
        self._feed = feed
        self._wanted = wanted
        self._index: int | None = None
        self._symbols: dict[Symbol, _SymbolState] = {}

    def update(self) -> None:
        index = self._feed.bar_index()
        if index == self._index:
            return
        follows = self._index is not None and index == self._index + 1
        self._index = index
        now = self._feed.now
        if now is None or not follows:
            # The first bar, or a seek: whatever came before is read again from the start of the tape.
            for symbol in self._feed.symbols:
                state = self._symbols[symbol] = _SymbolState(self._feed.timeframe, self._wanted)
                state.take(self._feed.history(symbol, now or _END_OF_TIME, _EVERYTHING))
            return
        for symbol in self._feed.symbols:
            newest = self._feed.history(symbol, now, 1)
            if len(newest) and int(newest.close_ns[-1]) == to_ns(now):  # else: a gap
                self._symbols[symbol].take(newest)

    def reread(self) -> None:
        self._index = None

    def values(self, symbol: Symbol) -> Mapping[str, float]:
        state = self._symbols.get(symbol)
        return {} if state is None else _finite(self._wanted, state.numbers())

    def pick(self, symbol: Symbol, names: Iterable[str]) -> tuple[float | None, ...]:
        state = self._symbols.get(symbol)
        places = [self._wanted[name] for name in names]
        return tuple(None if state is None else _known(state.number(*place)) for place in places)


class _SymbolState:
    """One symbol's machines, and the longer bars being gathered for them."""

    def __init__(self, own: Timeframe, wanted: Mapping[str, tuple[_Group, int]]) -> None:
        self._wanted = tuple(wanted.values())
        self._machines: dict[_Group, Machine] = {}
        self._latest: dict[_Group, tuple[float, ...]] = {}
        self._longer: dict[Timeframe, _Gathering] = {}
        for group, _ in self._wanted:
            family, arguments, timeframe = group
            self._machines[group] = MACHINES[family](arguments, timeframe.seconds)
            if timeframe != own:
                self._longer[timeframe] = _Gathering(own, timeframe)
        self._own = own

    def take(self, bars: Bars) -> None:
        columns = (bars.open_ns, bars.high, bars.low, bars.close, bars.volume)
        for values in zip(*(column.tolist() for column in columns), strict=True):
            self._push(Row(*values))

    def _push(self, bar: Row) -> None:
        closed: dict[Timeframe, Row | None] = {self._own: bar}
        for timeframe, gathering in self._longer.items():
            closed[timeframe] = gathering.push(bar)
        for group, machine in self._machines.items():
            row = closed[group[2]]
            if row is not None:
                self._latest[group] = machine.push(row)

    def number(self, group: _Group, output: int) -> float:
        latest = self._latest.get(group)
        return math.nan if latest is None else latest[output]

    def numbers(self) -> list[float]:
        return [self.number(group, output) for group, output in self._wanted]


class _Gathering:
    """Shorter bars on their way to a longer one; it is given out only when none is missing."""

    __slots__ = ("_count", "_each", "_length", "_open_ns", "_row")

    def __init__(self, shorter: Timeframe, longer: Timeframe) -> None:
        self._length = longer.seconds * NS
        self._each = longer.seconds // shorter.seconds
        self._open_ns = -1
        self._count = 0
        self._row: Row | None = None

    def push(self, bar: Row) -> Row | None:
        opened = bar.open_ns - bar.open_ns % self._length
        row = self._row
        if opened != self._open_ns or row is None:
            self._open_ns, self._count = opened, 1
            row = bar._replace(open_ns=opened)
        else:
            self._count += 1
            row = Row(
                opened,
                max(row.high, bar.high),
                min(row.low, bar.low),
                bar.close,
                row.volume + bar.volume,
            )
        self._row = row
        return row if self._count == self._each else None
