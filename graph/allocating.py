"""Base weights in the loop: found on schedule, journaled, and what a cycle's proposal starts from.

Two modes. `tilt`: opinions tilt the base weights, sizing goes on as ever. `rebalance`: opinions are heard and
do not count; holdings go back to the base weights on schedule, or when one has drifted too far.

The weights come from the tape up to the cycle and from what is held then, so a run and a backtest of it find
the same; after a crash the newest `AllocationMade` in the journal stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING, Final, Literal

from domain.allocation import AllocationMade
from domain.errors import DataError
from domain.events import DeskEvent, Notice
from domain.money import ONE, ZERO, Symbol
from graph.proposal import Base, BlendPolicy, Sizer
from portfolio.allocation import Allocation, AllocationPolicy, Returns, allocate
from portfolio.rebalancing import RebalancePolicy, drifted, scheduled

if TYPE_CHECKING:
    from market.feed import Feed

Mode = Literal["tilt", "rebalance"]
Emit = Callable[[DeskEvent], None]

_SOURCE: Final = "allocation"


@dataclass(frozen=True, slots=True)
class Footing:
    """What a cycle's blend stands on: its policy, base weights, and who sizes."""

    policy: BlendPolicy
    base: Base | None
    sizer: Sizer | None


@dataclass(frozen=True, slots=True)
class AllocatingPolicy:
    """How a loop allocates. `lookback_bars` returns are looked at, `tilt_ratio` is how far opinions tilt."""

    mode: Mode
    allocation: AllocationPolicy
    rebalance: RebalancePolicy
    lookback_bars: int
    tilt_ratio: Decimal = ONE


def past_returns(feed: Feed, symbols: Iterable[Symbol], as_of: datetime, lookback: int) -> Returns:
    """The returns of the newest bars that all symbols share, at most `lookback` of them.

    Bars after `as_of` are not looked at. Raises DataError without a symbol.
    """
    import numpy as np

    names = tuple(symbols)
    history = [feed.history(symbol, as_of, lookback + 1) for symbol in names]
    shared = reduce(np.intersect1d, (bars.close_ns for bars in history)) if history else np.empty(0)
    closes = [bars.close[np.isin(bars.close_ns, shared)] for bars in history]
    columns = [np.diff(close) / close[:-1] for close in closes]
    return Returns(names, np.column_stack(columns) if columns else np.empty((0, 0)))


class Allocator:
    """Keeps the base weights of one session."""

    def __init__(self, policy: AllocatingPolicy, feed: Feed) -> None:
        self.policy = policy
        self._feed = feed
        self._newest: AllocationMade | None = None

    @property
    def newest(self) -> AllocationMade | None:
        """The base weights in force and how they came about; None before the first."""
        return self._newest

    def restore(self, events: Iterable[DeskEvent]) -> None:
        """Stand where the journal ends."""
        for event in events:
            if isinstance(event, AllocationMade):
                self._newest = event

    async def footing(
        self,
        *,
        cycle: int,
        as_of: datetime,
        held: Mapping[Symbol, Decimal],
        policy: BlendPolicy,
        sizer: Sizer | None,
        emit: Emit,
    ) -> Footing:
        """What this cycle's proposal starts from; finds new base weights when they are due.

        `held` are the present weights of every symbol with a fresh price. Raises DataError when there are no
        weights yet and none can be found; later, the old ones go on and a notice says so.
        """
        made = await self._made(cycle, as_of, held, emit)
        if self.policy.mode == "tilt":
            return Footing(policy, Base(made.weights, self.policy.tilt_ratio), sizer)
        told = self.policy.rebalance
        trades = made.cycle == cycle or drifted(told, held, made.weights)
        # Without a reason to trade every symbol's aim is what is held: nothing is then proposed.
        weights = made.weights if trades else {symbol: held.get(symbol, ZERO) for symbol in made.weights}
        exact = replace(
            policy,
            max_weight=self.policy.allocation.max_weight_fraction,
            rebalance_band=told.min_trade_fraction,
        )
        return Footing(exact, Base(weights, ZERO), None)

    async def _made(
        self, cycle: int, as_of: datetime, held: Mapping[Symbol, Decimal], emit: Emit
    ) -> AllocationMade:
        newest = self._newest
        because = scheduled(self.policy.rebalance, None if newest is None else cycle - newest.cycle)
        if newest is not None and not because:
            return newest
        try:
            found = await self._find(as_of, held)
        except DataError as error:
            if newest is None:
                raise
            emit(Notice("warning", _SOURCE, f"the old base weights go on: {error}", as_of))
            return newest
        made = AllocationMade(
            cycle, found.method, found.weights, found.turnover, found.bars, because, found.fallback, as_of
        )
        self._newest = made
        emit(made)
        if found.fallback:
            emit(Notice("warning", _SOURCE, found.fallback, as_of))
        return made

    async def _find(self, as_of: datetime, held: Mapping[Symbol, Decimal]) -> Allocation:
        returns = past_returns(self._feed, self._feed.symbols, as_of, self.policy.lookback_bars)
        # Beside the loop: a solver takes tens of milliseconds, and stops are looked after meanwhile.
        return await asyncio.to_thread(allocate, returns, self.policy.allocation, held)
