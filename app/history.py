"""The read model: what the journal's events add up to, for whoever asks from outside the running desk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from app.breaker_views import BreakerLog
from domain.breakers import BreakerChanged
from domain.events import (
    CycleRecorded,
    DeskEvent,
    EquityMarked,
    HaltChanged,
    IntentRecorded,
    IntentRefused,
    Notice,
    SessionStarted,
    SessionStopped,
)
from domain.halt import Halt
from domain.instrument import Instrument, split_symbol
from domain.limits import LimitsChanged, LimitsDeclared
from domain.money import Currency, Money, Symbol
from domain.orders import Order, OrderStatus
from domain.reconciliation import FillAdopted
from domain.verdicts import Breach
from execution.book import OrderBook
from portfolio.portfolio import Portfolio
from risk.record import LimitsRecord, after

COMPLETED = "completed"
"""Why a session stopped when its tape ended: it will not be resumed."""

_LOOSE = Decimal("1e-18")
_ANY = Decimal("1e18")


@dataclass(slots=True)
class SessionHistory:
    """One session, folded from its events: account, orders, curve, decisions.

    `vetoed` holds what the gate refused in the graph, so that it never came to the order desk; `refused`
    tells for every refused intent at which stage, why, and by which limits (their hash).
    """

    started: SessionStarted
    portfolio: Portfolio
    book: OrderBook
    vetoed: dict[str, Order] = field(default_factory=dict)
    refused: dict[str, tuple[int, tuple[Breach, ...], str]] = field(default_factory=dict)
    decisions: list[CycleRecorded] = field(default_factory=list)
    curve: list[tuple[datetime, Decimal, Decimal]] = field(default_factory=list)
    mark: EquityMarked | None = None
    notices: list[Notice] = field(default_factory=list)
    breakers: BreakerLog = field(default_factory=BreakerLog)
    stopped: SessionStopped | None = None
    refusals: int = 0

    @property
    def as_of(self) -> datetime:
        """The desk's own time of the newest event that moved the account."""
        return self.mark.at if self.mark is not None else self.started.at

    @property
    def ended(self) -> bool:
        """Whether the session is over for good, so that the next run starts a new one."""
        return self.stopped is not None and self.stopped.reason == COMPLETED

    def find(self, client_id: str) -> Order | None:
        """An order by its client id, those refused in the graph included."""
        return self.book.orders.get(client_id) or self.vetoed.get(client_id)


@dataclass(slots=True)
class History:
    """All sessions of a home, oldest first, and what outlives them: the halt and the limits."""

    sessions: list[SessionHistory] = field(default_factory=list)
    halt: Halt | None = None
    limits: LimitsRecord | None = None

    @property
    def latest(self) -> SessionHistory | None:
        return self.sessions[-1] if self.sessions else None

    def order(self, client_id: str) -> tuple[SessionHistory, Order] | None:
        """An order of any session."""
        for session in reversed(self.sessions):
            if (order := session.find(client_id)) is not None:
                return session, order
        return None


def fold(events: Iterable[DeskEvent]) -> History:
    """The history that events add up to. Raises JournalCorrupt when they contradict each other."""
    history = History()
    told = list(events)
    symbols = {event.intent.symbol for event in told if isinstance(event, IntentRecorded)}
    symbols.update(name for event in told if isinstance(event, EquityMarked) for name in event.prices)
    symbols.update(event.fill.symbol for event in told if isinstance(event, FillAdopted))
    instruments = {symbol: _bookkeeping(symbol) for symbol in sorted(symbols)}
    for event in told:
        match event:
            case SessionStarted():
                _start(history, event, instruments)
            case HaltChanged():
                history.halt = event.halt
            case LimitsDeclared() | LimitsChanged():
                history.limits = after(history.limits, event)
            case _:
                if history.latest is not None:
                    _apply(history.latest, event)
    for session in history.sessions:
        _settle(session)
    return history


def _start(history: History, event: SessionStarted, instruments: dict[Symbol, Instrument]) -> None:
    latest = history.latest
    if latest is not None and latest.started.session == event.session:
        latest.stopped = None
        return
    currency = Currency(event.currency)
    traded = {name: item for name, item in instruments.items() if item.quote == currency}
    portfolio = Portfolio(Money(event.capital, currency), traded)
    history.sessions.append(SessionHistory(event, portfolio, OrderBook(portfolio)))


def _apply(session: SessionHistory, event: DeskEvent) -> None:
    session.book.apply(event)
    match event:
        case CycleRecorded():
            session.decisions.append(event)
        case EquityMarked():
            session.mark = event
            session.curve.append((event.at, event.equity, event.cash))
        case SessionStopped():
            session.stopped = event
        case Notice():
            session.notices.append(event)
        case BreakerChanged():
            session.breakers.see(event)
        case IntentRefused():
            _refuse(session, event)
        case _:  # the others concern orders, which the book has moved, or tell who works on what
            return


def _refuse(session: SessionHistory, event: IntentRefused) -> None:
    client_id = event.intent.client_id
    session.refusals += 1
    session.refused[client_id] = (event.stage, event.breaches, event.limits_hash)
    if client_id not in session.book.orders:
        order = Order(event.intent)
        order.move(OrderStatus.REFUSED, event.at, "; ".join(breach.message for breach in event.breaches))
        session.vetoed[client_id] = order


def _settle(session: SessionHistory) -> None:
    """Value the account at the newest marks, once all events are in."""
    mark = session.mark
    if mark is not None:
        session.portfolio.restore_marks(
            peak=mark.peak,
            day_start=mark.day_start,
            week_start=mark.week_start,
            at=mark.at,
            prices=mark.prices,
        )


def _bookkeeping(symbol: Symbol) -> Instrument:
    """An instrument for adding up what was already traded: no grid, no minimum."""
    base, quote = split_symbol(symbol)
    return Instrument(symbol, base, quote, _LOOSE, _LOOSE, _LOOSE, _ANY, _LOOSE)
