"""The watch: shows the breakers what happens, and puts on record what they do.

At every bar, before anything is decided, the market, the account and the desk's own doings are measured and
shown to the board; what changes is journaled like a halt. On a tape all of it is a function of the tape and
the journal, so the same tape gives the same transitions in a run, in a backtest and after a kill.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.breakers_section import BreakersSection
from app.settings import Settings
from app.watching_machine import Machine, TimedJournal
from domain.breakers import BreakerChanged, BreakerState, ViewsTaken
from domain.clock import Clock
from domain.errors import MoneyError
from domain.events import (
    DeskEvent,
    EquityMarked,
    EventSink,
    IntentRecorded,
    IntentRefused,
    Notice,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderSubmitted,
    OrderUnknown,
)
from domain.money import Symbol
from domain.ports import Journal
from domain.reconciliation import IntentReduced, Reconciled
from risk.anomalies.account import EquitySensor
from risk.anomalies.doings import Alert, Doings, DoingsPolicy, Seen
from risk.anomalies.market import MarketSensor
from risk.anomalies.paper_books import PaperBooks
from risk.breakers.board import BreakerBoard
from risk.breakers.kinds import KINDS
from risk.breakers.observation import Observation

if TYPE_CHECKING:
    from market.feed import Feed

_HEARD: Final = frozenset(
    (
        IntentRecorded,
        IntentReduced,
        IntentRefused,
        OrderSubmitted,
        OrderAccepted,
        OrderUnknown,
        OrderClosed,
        OrderFilled,
        Reconciled,
        ViewsTaken,
    )
)
_NEEDS_AN_ANSWER: Final = frozenset({"venue_errors", "latency"})
"""On probation these are shown good news only when an order was answered: silence proves nothing."""


def watch_over(
    settings: Settings, *, feed: Feed, journal: Journal, clock: Clock, publish: EventSink, folder: Path | None
) -> tuple[Watch, Journal]:
    """The watch of a session, and the journal to use: at a venue one whose pace is measured.

    `folder` is the one whose disk has to have room.
    """
    told = settings.breakers
    machine, speed = None, 1.0
    if settings.mode != "paper":
        journal = timed = TimedJournal(journal)
        speed = max(settings.speed, 1.0)
        machine = Machine(
            feed=feed, folder=folder, needed_bytes=told.free_disk_bytes, journal=timed, speed=speed
        )
    board = BreakerBoard(told.rules(), relapse=told.relapses())
    decision = settings.decision
    watch = Watch(
        told,
        board=board,
        feed=feed,
        journal=journal,
        clock=clock,
        publish=publish,
        machine=machine,
        paper_band=float(decision.rebalance_band / decision.max_weight),
        speed=speed,
    )
    return watch, journal


class Watch:
    """Listens to the desk and to its bars. `board` is what the gate and the decision cycle ask."""

    def __init__(
        self,
        told: BreakersSection,
        *,
        board: BreakerBoard,
        feed: Feed,
        journal: Journal,
        clock: Clock,
        publish: EventSink,
        machine: Machine | None = None,
        paper_band: float = 0.0,
        speed: float = 1.0,
    ) -> None:
        """`machine` measures what only exists where time is real; None on a tape.

        `paper_band` is the smallest change of stance that is worth trading, `speed` how many of the venue's
        seconds pass in one of this machine.
        """
        self.board = board
        self._told = told
        self._feed = feed
        self._journal = journal
        self._clock = clock
        self._publish = publish
        self.machine = machine
        self._heard: deque[DeskEvent] = deque()
        self._alerts: set[str] = set()
        self._equity = EquitySensor(feed.timeframe, usual_fraction=_USUAL_STEP)
        self._doings = Doings(
            DoingsPolicy(
                errors_window=max(
                    timedelta(seconds=told.venue_errors_window_seconds), 2 * feed.timeframe.delta
                ),
                slippage_allowance=told.slippage_allowance_fraction,
                error_window=told.strategy_error_window_count,
                same_answers=told.same_answers_fraction,
                same_answers_window=told.same_answers_window_count,
                speed=speed,
            ),
            PaperBooks(feed.symbols, cost_fraction=told.strategy_cost_fraction, band=paper_band),
        )
        self._markets = {
            symbol: MarketSensor(
                symbol,
                feed.timeframe,
                calm_daily_fraction=told.calm_volatility_daily_fraction,
                spread_fraction=told.spread_fraction,
                spread_ratio=told.spread_ratio,
            )
            for symbol in feed.symbols
        }
        self._primed = False
        self._opened: list[str] = []

    @property
    def paper(self) -> PaperBooks:
        """What each source of views would have made on its own."""
        return self._doings.paper

    def see(self, event: DeskEvent) -> None:
        """Listen. What was heard is taken in at the next bar or look."""
        if event.__class__ in _HEARD:
            self._heard.append(event)

    def bar(self, at: datetime, prices: Mapping[Symbol, Decimal], equity: Decimal) -> None:
        """A bar closed and the account is marked at its prices; nothing is decided yet.

        Raises StorageError when a transition cannot be kept.
        """
        self._take_in(at)
        self._read_markets(at)
        self._read_account(at, prices, float(equity))
        if self.machine is not None:
            for kind, scope, value in self.machine.measures(at):
                self._show(kind, scope, value, at)

    def look(self, at: datetime) -> None:
        """Between two bars, where time runs by itself: bad news at once, good news at the next bar."""
        self._take_in(at)
        measures = list(self._doings.errors(at))
        if self.machine is not None:
            measures += [(kind, scope, value, "") for kind, scope, value in self.machine.measures(at)]
        for kind, scope, value, note in measures:
            if self.board.trips(kind, value):
                self._show(kind, scope, value, at, note=note)

    def restore(self, events: Iterable[DeskEvent]) -> None:
        """Stand where a session's journal ends, evidence included. Moves the feed: seek afterwards."""
        past = list(events)
        since = self._markets_matter_since(past)
        self.board.replaying = True
        machine, self.machine = self.machine, None
        try:
            for event in past:
                if isinstance(event, BreakerChanged):
                    self.board.apply(event)
                    self._note_opened(event)
                elif isinstance(event, EquityMarked):
                    self._take_in(event.at)
                    if since is not None and event.at >= since:
                        self._feed.seek(event.at)
                        self._read_markets(event.at)
                    self._read_account(event.at, event.prices, float(event.equity))
                else:
                    self.see(event)
        finally:
            self.board.replaying = False
            self.machine = machine

    def reset(self, name: str, *, reason: str, by: str) -> BreakerChanged:
        """Close a breaker on a person's word; durable when it returns. NotFound for one that is closed."""
        event = self.board.reset(name, reason=reason, by=by, at=self._clock.now())
        self._tell(event)
        self._journal.commit()
        return event

    def _take_in(self, now: datetime) -> None:
        heard = self._heard
        while heard and heard[0].at < now:
            for seen in self._doings.take(heard.popleft()):
                if isinstance(seen, Alert):
                    self._alert(seen, now)
                else:
                    self._show_seen(seen, now)

    def _read_markets(self, at: datetime) -> None:
        if not self._primed:
            self._prime(at)
        feed, above = self._feed, 0.0
        pegged = False
        for symbol, sensor in self._markets.items():
            candle = feed.candle(symbol)
            for kind, value in sensor.bar(candle):
                self._show(kind, symbol, value, at)
            if candle is None:
                continue
            quote = feed.quote(symbol)
            if quote is not None:
                kind, value = sensor.spread(quote)
                self._show(kind, symbol, value, at)
            off = sensor.off_peg()
            if off is not None:
                pegged = True
                self._show("depeg", symbol, off[0], at)
                above = max(above, off[1])
        if pegged:
            self._show("depeg", "*", above, at, note="the currency that everything is quoted in")

    def _read_account(self, at: datetime, prices: Mapping[Symbol, Decimal], equity: float) -> None:
        paper = self.paper
        closed = paper.bar({symbol: float(price) for symbol, price in prices.items()})
        self._show("equity_volatility", "", self._equity.mark(equity), at)
        jump = self._equity.jump
        large = abs(jump) >= self._told.equity_jump_deviations_ratio
        self._alert(Alert("equity_jump", large, f"equity moved by {jump:+.1f} usual steps in one bar"), at)
        self._show("drawdown", "", equity, at, trial=paper.level)
        for source, book in paper.books.items():
            self._show("strategy_loss", source, book.level, at)
            if source in closed:
                self._show("strategy_streak", source, float(book.streak), at)
        for seen in self._doings.bar(at):
            self._show_seen(seen, at)
        self._doings.end_bar(self._opened)
        self._opened.clear()

    def _prime(self, at: datetime) -> None:
        """Read the bars from before the first one that is watched."""
        self._primed = True
        for symbol, sensor in self._markets.items():
            bars = self._feed.history(symbol, at, sensor.windows.memory + 1)
            instrument = self._feed.instruments[symbol]
            for index in range(len(bars)):
                try:
                    candle = bars.candle(index, instrument)
                except MoneyError:  # a price below the grid: the bar says nothing
                    continue
                if candle.close_time < at:
                    sensor.prime(candle)
            sensor.missing = 0

    def _markets_matter_since(self, past: list[DeskEvent]) -> datetime | None:
        """From when on bars have to be read again: what markets remember, and all evidence since a change."""
        marks = [event.at for event in past if isinstance(event, EquityMarked)]
        if not marks:
            return None
        newest = {
            event.name: event
            for event in past
            if isinstance(event, BreakerChanged) and KINDS[event.breaker].scope.startswith("symbol")
        }
        begun = min(
            (event.at for event in newest.values() if event.state is not BreakerState.CLOSED),
            default=marks[-1],
        )
        memory = max(sensor.windows.memory for sensor in self._markets.values())
        earlier = [at for at in marks if at <= begun]
        return earlier[-memory] if len(earlier) > memory else marks[0]

    def _show_seen(self, seen: Seen, at: datetime) -> None:
        kind, scope, value, note = seen
        if kind in _NEEDS_AN_ANSWER and not self._doings.answered and self._on_probation(kind, value):
            return
        if kind == "slippage" and not self._doings.filled and self._on_probation(kind, value):
            return
        self._show(kind, scope, value, at, note=note)

    def _on_probation(self, kind: str, value: float) -> bool:
        return not self.board.trips(kind, value) and self.board.state(kind, "") is BreakerState.HALF_OPEN

    def _show(
        self, kind: str, scope: str, value: float, at: datetime, *, trial: float | None = None, note: str = ""
    ) -> None:
        board = self.board
        if board.idle(kind, scope, value):
            return
        for event in board.observe(Observation(kind, scope, value, at, trial, note), at):
            self._note_opened(event)
            self._tell(event)

    def _note_opened(self, event: BreakerChanged) -> None:
        if event.state is BreakerState.OPEN:
            self._opened.append(event.breaker)

    def _alert(self, alert: Alert, at: datetime) -> None:
        """Say it once, when it begins."""
        if not alert.on:
            self._alerts.discard(alert.name)
        elif alert.name not in self._alerts:
            self._alerts.add(alert.name)
            if not self.board.replaying:
                self._tell(Notice("warning", "anomaly", alert.message, at))

    def _tell(self, event: DeskEvent) -> None:
        self._journal.append(event)
        self._publish(event)


_USUAL_STEP: Final = 0.002
"""No step of equity within a bar counts as usual that is smaller than this, a fraction."""
