"""What a session lost, when, and how much of it one bar can explain: the evidence behind docs/crashes.md."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from app.bootstrap import Desk
from domain.breakers import BreakerChanged
from domain.events import DeskEvent, EquityMarked, HaltChanged, IntentRefused, Notice, OrderFilled
from domain.money import ZERO, Symbol
from domain.orders import Fill, Side


@dataclass(slots=True)
class Loss:
    """The largest loss of one kind, a fraction, and what allowed it: its limit and the gap bound.

    `gap` is what the bar on which the limit was reached can explain (the book as held before it, down to the
    bar's low, with its fees) and `selling` what getting out on the next bar cost. Both are zero where the
    limit was not reached. `passed` says whether every loss of this kind kept to limit, gap and selling.
    """

    limit: float
    worst: float = 0.0
    at: str = ""
    gap: float = 0.0
    selling: float = 0.0
    passed: bool = True


@dataclass(slots=True)
class Run:
    """One policy through one crash. Fractions are of 1; losses are positive."""

    crash: str
    policy: str
    first: str
    last: str
    day: Loss
    drawdown: Loss
    bars: int = 0
    fills: int = 0
    fees: Decimal = ZERO
    total_return: float = 0.0
    buy_and_hold: float | None = None
    most_invested: float = 0.0
    largest_gap: float = 0.0
    asked: int = 0
    bought: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    breakers: list[str] = field(default_factory=list)
    openings: dict[str, int] = field(default_factory=dict)
    limits_reached: list[str] = field(default_factory=list)
    halts: list[str] = field(default_factory=list)
    costs: dict[str, str] = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        """Whether every loss stayed within its limit and gap bound."""
        return self.day.passed and self.drawdown.passed


class Crossing:
    """Follows one loss against one limit, from one reset of its base (a new day, a new peak) to the next."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self._start: object = None
        self._gap: Decimal | None = None
        self._selling = ZERO
        self._bars_since = 0

    def mark(
        self, start: object, base: Decimal, equity: Decimal, gap: Decimal, selling: Decimal, at: datetime
    ) -> None:
        """One bar: `start` names the stretch; `gap` and `selling` are sums of money."""
        if start != self._start:
            self._start, self._gap, self._selling = start, None, ZERO
        lost, limit = 1 - equity / base, Decimal(repr(self.loss.limit))
        if self._gap is not None:
            self._bars_since += 1
            if self._bars_since == 1:
                self._selling = selling / base
        elif lost >= limit:
            self._gap, self._bars_since = gap / base, 0
        allowed = limit + (self._gap or ZERO) + self._selling
        if lost > allowed:
            self.loss.passed = False
        if lost > Decimal(repr(self.loss.worst)):
            self.loss.worst, self.loss.at = float(lost), when(at)
            self.loss.gap, self.loss.selling = float(self._gap or ZERO), float(self._selling)


class Witness:
    """Listens to a session and works out what the report needs."""

    def __init__(self, desk: Desk, run: Run) -> None:
        self._desk = desk
        self._run = run
        self._held: dict[Symbol, tuple[Decimal, Decimal]] = {}
        self._fills: list[Fill] = []
        self._day, self._drawdown = Crossing(run.day), Crossing(run.drawdown)
        self._refusals: Counter[str] = Counter()
        self._openings: Counter[str] = Counter()
        self._told: set[tuple[date, str]] = set()

    def see(self, event: DeskEvent) -> None:
        """Called with everything that happens, in order."""
        run = self._run
        match event:
            case EquityMarked():
                self._mark(event)
            case OrderFilled():
                self._fills.append(event.fill)
            case IntentRefused():
                self._refusals.update(breach.rule for breach in event.breaches)
            case BreakerChanged():
                run.breakers.append(f"{when(event.at)} {event.name} {event.state}: {event.cause}")
                self._openings[f"{event.breaker} {event.state}"] += 1
            case HaltChanged():
                run.halts.append(
                    f"{when(event.at)} {event.halt.state} by {event.halt.by}: {event.halt.reason}"
                )
            case Notice(source="guardian") if "the limit is" in event.message:
                kind = event.message.rsplit("%", 2)[-2]
                if (event.at.date(), kind) not in self._told:
                    self._told.add((event.at.date(), kind))
                    run.limits_reached.append(f"{when(event.at)} {event.message.split(': ', 1)[-1]}")
            case _:
                return

    def _mark(self, event: EquityMarked) -> None:
        run, feed = self._run, self._desk.feed
        gap = selling = ZERO
        lows = {}
        for symbol in feed.symbols:
            candle = feed.candle(symbol)
            lows[symbol] = None if candle is None else candle.low
        for symbol, (quantity, mark) in self._held.items():
            low = lows[symbol]
            gap += ZERO if low is None else quantity * max(ZERO, mark - low)
        run.largest_gap = max(run.largest_gap, float(gap / event.day_start))
        for fill in self._fills:
            low, fee = lows[fill.symbol], fill.fee.amount
            if fill.side is Side.BUY:  # bought on this bar: it may have fallen since
                gap += fee + (ZERO if low is None else fill.quantity * max(ZERO, fill.price - low))
                continue
            before = self._held.get(fill.symbol)
            gap += fee + (ZERO if low is None else fill.quantity * max(ZERO, low - fill.price))
            selling += fee + (ZERO if before is None else fill.quantity * max(ZERO, before[1] - fill.price))
        self._fills.clear()
        self._day.mark(event.day_start, event.day_start, event.equity, gap, selling, event.at)
        self._drawdown.mark(event.peak, event.peak, event.equity, gap, selling, event.at)
        self._held = {
            symbol: (position.quantity, position.mark)
            for symbol, position in self._desk.portfolio.positions.items()
        }
        invested = sum((quantity * mark for quantity, mark in self._held.values()), ZERO)
        run.most_invested = max(run.most_invested, float(invested / event.equity))

    def finish(self) -> None:
        """Put down everything that only the end tells."""
        run, desk = self._run, self._desk
        run.bars, run.fills, run.fees = desk.tally.bars, len(desk.tally.fills), desk.tally.fees
        run.total_return = float(desk.portfolio.equity / desk.portfolio.capital.amount) - 1
        run.buy_and_hold = desk.tally.buy_and_hold()
        run.refusals = dict(self._refusals.most_common())
        run.openings = dict(self._openings.most_common())


def when(at: datetime) -> str:
    """A moment as the report writes it, UTC."""
    return f"{at:%Y-%m-%d %H:%M}"
