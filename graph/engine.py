"""The six steps of a bar, the same in every world: see docs/architecture.md.

Backtest, paper, replay and venues run this engine; only the clock, the feed, the venue and the models differ.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from domain.errors import ConfigError
from domain.events import CycleStarted, DeskEvent, EquityMarked
from domain.halt import HaltState
from domain.money import Symbol
from graph.context import CycleContext
from graph.state import CycleState, opening
from graph.tally import Tally

if TYPE_CHECKING:
    from domain.orders import Fill
    from execution.guardian import StopGuardian
    from market.features import FeatureEngine

CycleRunner = Callable[[CycleState], Awaitable[CycleState]]
"""Runs one cycle to its end: `inline.run_inline` over a context, or `checkpoints.CheckpointedRunner`."""


class BarClock(Protocol):
    """The desk's clock. A simulated one stands where the tape put it, a venue's runs by itself."""

    def now(self) -> datetime: ...

    def set(self, moment: datetime) -> None:
        """A bar closed at `moment`. Raises ValueError when that cannot be."""
        ...


class Watcher(Protocol):
    """Who shows the circuit breakers what happens. Raises StorageError when a transition cannot be kept."""

    def bar(self, at: datetime, prices: Mapping[Symbol, Decimal], equity: Decimal) -> None:
        """A bar closed and the account is marked; nothing is decided yet."""
        ...

    def look(self, at: datetime) -> None:
        """Between two bars, where time runs by itself."""
        ...


@dataclass(frozen=True, slots=True)
class StepReport:
    """One bar that was worked through. `cycle_id` is empty when no cycle was due or allowed."""

    bar: int
    at: datetime
    equity: Decimal
    fills: int
    cycle_id: str
    summary: str


class Engine:
    """One session on one feed. `step` works through one bar; where time runs by itself, `tend` looks after
    orders and stops in between, also while a cycle is thinking. On a tape nothing runs between two steps.

    A cycle is due on every `decide_every`-th bar of the tape, counted from its first. Its number is the
    number of its bar (from 1), so that a bar which is run again after a crash gives the same client ids.
    `tally` must also be among the listeners behind `context.publish`.
    """

    def __init__(
        self,
        *,
        context: CycleContext,
        clock: BarClock,
        features: FeatureEngine,
        guardian: StopGuardian,
        cycle_runner: CycleRunner,
        tally: Tally,
        decide_every: int = 1,
        watch: Watcher | None = None,
    ) -> None:
        if decide_every < 1:
            raise ConfigError(f"decide_every {decide_every} is below 1", fix="Write a number of bars")
        self.context = context
        self.tally = tally
        self._clock = clock
        self._features = features
        self._guardian = guardian
        self._run_cycle = cycle_runner
        self._decide_every = decide_every
        self._prices: dict[Symbol, Decimal] = {}
        self._restarted = False
        self._watch = watch

    @property
    def settled(self) -> bool:
        """Whether the stops were looked after since the desk was restarted. Before that, nothing is sent."""
        return not self._restarted

    def resume(self, events: Iterable[DeskEvent]) -> None:
        """Stand where the journal ends: on the last bar that an EquityMarked closed.

        Counts what happened and moves feed, clock and features. Orders and portfolio are the desk's own to
        restore; do that first. The guardian resumes inside the next step or tend, before any decision: on a
        tape only there does the desk stand at the time of a bar that a crash cut short.
        """
        self._restarted = True
        events = tuple(events)
        for event in events:
            self.tally.see(event)
        self.context.algorithms.restore(events)
        if self.context.allocator is not None:
            self.context.allocator.restore(events)
        last = self.tally.last
        if last is None:
            return
        self._prices.update(last.prices)
        self.context.feed.seek(last.at)
        self._clock.set(last.at)
        self._features.update()

    async def step(self) -> StepReport | None:
        """Work through the next bar; None when the tape has ended.

        Raises StorageError when the journal cannot keep what happened: the bar is then not closed, and is
        run again after a restart.
        """
        context = self.context
        feed = context.feed
        at = feed.advance()
        if at is None:
            return None
        self._clock.set(at)
        self._features.update()
        async with context.hands:
            fills = await context.desk.sync()
            for symbol in feed.symbols:
                candle = feed.candle(symbol)
                if candle is not None:
                    self._prices[symbol] = candle.close
            context.portfolio.mark(self._prices, at)
            if self._watch is not None:
                self._watch.bar(at, self._prices, context.portfolio.equity)
            await self._protect()
        bar = feed.bar_index()
        cycle_id, summary = await self._decide(bar, self._clock.now())
        self._close_bar(bar, at)
        return StepReport(bar, at, context.portfolio.equity, len(fills), cycle_id, summary)

    async def tend(self) -> tuple[Fill, ...]:
        """Take in what the venue did since the last look, and see that every position has its stop.

        Returns the fills that were booked. Raises StorageError as `step` does.
        """
        context = self.context
        async with context.hands:
            fills = await context.desk.sync()
            if self._watch is not None:
                self._watch.look(self._clock.now())
            await self._protect()
        context.journal.commit()
        context.facts.keep_up()
        return fills

    def reread(self) -> None:
        """Bars behind the feed came late or changed: build the features again, from the next bar on."""
        self._features.reread()

    async def _protect(self) -> None:
        """Stops first: after a restart every position gets its own back before anything else is sent.

        Then what was decided before and is still being worked: it, too, comes before a new decision.
        """
        if self._restarted:
            await self._guardian.resume()
            self._restarted = False
        else:
            await self._guardian.check()
        await self.context.desk.tick()
        await self.context.algorithms.tick()

    async def _decide(self, bar: int, at: datetime) -> tuple[str, str]:
        """A decision cycle when one is due; REDUCING lets it only get smaller, HALTED forbids it."""
        if bar % self._decide_every:
            return "", ""
        halt = self.context.halt()
        if halt is HaltState.HALTED:
            return "", "halted"
        cycle = bar + 1
        cycle_id = f"{self.context.session}-{cycle:06d}"
        self.context.emit(CycleStarted(cycle_id, cycle, at))
        final = await self._run_cycle(
            opening(
                cycle=cycle,
                cycle_id=cycle_id,
                at=at,
                headlines_since=at - self._since(),
                reduce_only=halt is HaltState.REDUCING,
            )
        )
        return cycle_id, final["summary"]

    def _since(self) -> timedelta:
        return self.context.feed.timeframe.delta * self._decide_every * HEADLINE_CYCLES

    def _close_bar(self, bar: int, at: datetime) -> None:
        portfolio = self.context.portfolio
        self.context.emit(
            EquityMarked(
                bar=bar,
                equity=portfolio.equity,
                cash=portfolio.cash,
                peak=portfolio.peak_equity,
                day_start=portfolio.day_start_equity,
                week_start=portfolio.week_start_equity,
                prices=dict(self._prices),
                at=at,
            )
        )
        self.context.journal.commit()


HEADLINE_CYCLES = 24
"""A cycle reads the headlines of so many decision intervals: news outlives the bar it came in."""
