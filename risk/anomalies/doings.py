"""The desk's own doings, told by its events: answers of the venue, fills against what was expected, views.

An event is taken in at the next bar after it happened, never at the bar of the same moment: then a session
that is rebuilt from its journal counts exactly as the one that was interrupted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from domain.breakers import ViewsTaken
from domain.events import (
    DeskEvent,
    IntentRecorded,
    IntentRefused,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderSubmitted,
    OrderUnknown,
)
from domain.money import ZERO
from domain.orders import Fill, OrderStatus, Side
from domain.reconciliation import IntentReduced, Reconciled
from risk.anomalies.account import AnswerTimes, RecentCount, Share
from risk.anomalies.detectors import LevelShift, Outlier, Sameness
from risk.anomalies.paper_books import PaperBooks

_MODEL: Final = ":model"
_CALLS_FEWEST, _CALLS_CYCLES = 4, 10
_RATE_WINDOW: Final = 96
_MOST_AT_ONCE: Final = 4.0
"""One fill counts in the slippage sum as so many allowances at most."""

Seen = tuple[str, str, float, str]
"""Breaker, scope, measure, and what there is to say about it."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something odd that opens no breaker: a person should look. `on` False: it is over."""

    name: str
    on: bool
    message: str = ""


@dataclass(slots=True)
class _Expected:
    """What an order on its way should cost: `price`, once it is known, and what is left to fill."""

    side: Side
    price: Decimal | None
    at_market: bool
    left: Decimal


@dataclass(frozen=True, slots=True)
class DoingsPolicy:
    """What counts as too much; the fields are those of the settings of the same name.

    `speed` is how many seconds of the events' clock pass in one of the machine's.
    """

    errors_window: timedelta
    slippage_allowance: float
    error_window: int
    same_answers: float
    same_answers_window: int
    speed: float = 1.0


class Doings:
    """Folds events into measures. `paper` has the paper account of every source of views."""

    def __init__(self, policy: DoingsPolicy, paper: PaperBooks) -> None:
        self.paper = paper
        self._policy = policy
        self._errors = RecentCount(policy.errors_window)
        self._answers = AnswerTimes()
        self._expected: dict[str, _Expected] = {}
        self._slippage = LevelShift(allowance=1.0, most=_MOST_AT_ONCE)
        self._rate = Outlier(window=_RATE_WINDOW, floor=1.0)
        self._failures: dict[str, Share] = {}
        self._calls = Share(window=_CALLS_CYCLES, fewest=_CALLS_FEWEST)
        self._sameness: dict[str, Sameness] = {}
        self._submitted = 0
        self._last_cycle = ""
        self.answered = False
        self.filled = False

    def take(self, event: DeskEvent) -> Iterator[Seen | Alert]:
        """Take in one event; what is measured with each occurrence rather than once a bar."""
        match event:
            case IntentRecorded() | IntentReduced() | IntentRefused():
                self._expect(event)
            case OrderSubmitted():
                self._submitted += 1
                self._answers.sent(event.client_id, event.at)
                expected = self._expected.get(event.client_id)
                if expected is not None and expected.price is None:
                    expected.price = event.ask if expected.side is Side.BUY else event.bid
            case OrderAccepted():
                self._answers.answered(event.client_id, event.at)
                self.answered = True
            case OrderUnknown():
                self._answers.answered(event.client_id, event.at)
                self._errors.happened(event.at)
            case OrderClosed():
                self._answers.answered(event.client_id, event.at)
                self._expected.pop(event.client_id, None)
                if event.status == OrderStatus.REJECTED:
                    self._errors.happened(event.at)
            case OrderFilled(fill=fill):
                self._fill(fill)
            case Reconciled():
                frozen = "; ".join(event.frozen.values())
                yield "reconcile_mismatch", "", float(len(event.frozen)), frozen
            case ViewsTaken():
                yield from self._views(event)
            case _:
                return

    def bar(self, now: datetime) -> Iterator[Seen]:
        """The measures of a bar, of everything that was taken in before it."""
        yield "order_rate", "", self._rate.score(float(self._submitted)), f"{self._submitted} orders"
        self._submitted = 0
        yield from self.errors(now)
        yield "slippage", "", self._slippage.total, ""

    def errors(self, now: datetime) -> Iterator[Seen]:
        """Trouble with the venue until now."""
        yield "venue_errors", "", float(self._errors.count(now)), ""
        if self._answers.fresh:
            usual = self._answers.usual()
            if usual is not None:
                yield "latency", "", usual / self._policy.speed, ""

    def end_bar(self, opened: Collection[str]) -> None:
        """What was answered and filled is no evidence twice; a sum begins anew when its breaker opened."""
        self.answered = self.filled = False
        if "slippage" in opened:
            self._slippage.restart()

    def _expect(self, event: IntentRecorded | IntentReduced | IntentRefused) -> None:
        """Fills of so much, until they are there; of what is refused none."""
        if isinstance(event, IntentReduced):
            if event.client_id in self._expected:
                self._expected[event.client_id].left = event.quantity
            return
        intent = event.intent
        if isinstance(event, IntentRefused):
            self._expected.pop(intent.client_id, None)
            return
        self._expected[intent.client_id] = _Expected(
            intent.side, intent.trigger_price, intent.limit_price is None, intent.quantity
        )

    def _fill(self, fill: Fill) -> None:
        expected = self._expected.get(fill.client_id)
        if expected is None:
            return
        expected.left -= fill.quantity
        if expected.left <= ZERO:
            del self._expected[fill.client_id]
        if expected.price is None or not expected.at_market or fill.maker:
            return
        worse = float((fill.price - expected.price) / expected.price)
        if expected.side is Side.SELL:
            worse = -worse
        self._slippage.add(worse / self._policy.slippage_allowance)
        self.filled = True

    def _views(self, event: ViewsTaken) -> Iterator[Seen | Alert]:
        if event.cycle_id == self._last_cycle:
            return  # a cycle that a crash cut short says it again
        self._last_cycle = event.cycle_id
        self.paper.take(event.stances)
        for source, stances in event.stances.items():
            share = self._failures.get(source)
            if share is None:
                share = self._failures[source] = Share(window=self._policy.error_window, fewest=5)
            failed = event.failed.get(source, 0)
            told = share.add(failed, max(failed + len(stances), 1))
            if told is not None:
                yield "strategy_errors", source, told, ""
            if source.endswith(_MODEL):
                yield from self._monotony(source, tuple(stances.values()))
        if event.model_calls:
            down = self._calls.add(event.model_failures, event.model_calls)
            if down is not None:
                yield "model_outage", "", down, ""

    def _monotony(self, source: str, stances: tuple[float, ...]) -> Iterator[Alert]:
        sameness = self._sameness.get(source)
        if sameness is None:
            sameness = self._sameness[source] = Sameness(window=self._policy.same_answers_window)
        share = 0.0
        for stance in stances:
            share = sameness.share(round(stance, 2))
        if stances:
            said = (
                f"{source} gave the same answer ({sameness.usual}) to {share:.0%} of the last "
                f"{self._policy.same_answers_window} questions"
            )
            yield Alert(f"same_answers:{source}", share >= self._policy.same_answers, said)
