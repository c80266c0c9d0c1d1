"""The book that is measured: what a home's newest session holds, with everything needed to measure it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from app.commands.reading import Reading, open_journal, read
from app.limits_section import document_of
from app.risk_prices import Prices, from_files, from_session
from app.risk_views import BreakerView
from app.settings import Settings, load
from domain.breakers import BreakerChanged, BreakerState
from domain.events import EquityMarked, SessionStarted
from domain.instrument import split_symbol
from domain.money import ZERO
from risk.limits import RiskLimits
from risk.record import restored


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """Holdings by asset in the account's currency, the prices they are measured on, limits and breakers.

    `prices` end where the session stands; `history` is what past events are replayed from: the same, or all
    that the user's own files hold.
    """

    seen: Reading
    settings: Settings
    values: dict[str, Decimal]
    limits: RiskLimits
    prices: Prices
    history: Prices
    breakers: tuple[BreakerView, ...]

    @property
    def equity(self) -> Decimal:
        return self.seen.session.portfolio.equity

    @property
    def invested(self) -> Decimal:
        return sum(self.values.values(), ZERO)


def read_book(home: Path | None, config: Path | None, candles: Path | None) -> Book:
    """The book of a home, running or not. Raises NotFound without a session, ConfigError, DataError."""
    seen, settings = read(home), load(config)
    session = seen.session
    values: dict[str, Decimal] = {}
    for symbol, position in sorted(session.portfolio.positions.items()):
        asset = split_symbol(symbol)[0]
        values[asset] = values.get(asset, ZERO) + position.value
    marks, breakers = _events(seen)
    seconds = _spacing(marks) or settings.session.timeframe.seconds
    prices = from_session(settings, marks, seconds, session.portfolio.positions)
    history = prices
    if candles is not None:
        history = from_files(candles, values, session.started.currency, settings.market.stamps)
    document = document_of(settings)
    return Book(
        seen, settings, values, restored(document, seen.history.limits).limits, prices, history, breakers
    )


def _events(seen: Reading) -> tuple[list[EquityMarked], tuple[BreakerView, ...]]:
    """The marks of the newest session, and the breakers that its record leaves open or on probation."""
    marks: list[EquityMarked] = []
    newest: dict[str, BreakerChanged] = {}
    session = ""
    journal = open_journal(seen.home)
    try:
        for _, event in journal.events():
            match event:
                case SessionStarted() if event.session != session:
                    session = event.session
                    marks.clear()
                    newest.clear()
                case EquityMarked():
                    marks.append(event)
                case BreakerChanged():
                    newest[event.name] = event
                case _:
                    continue
    finally:
        journal.close()
    troubled = [event for event in newest.values() if event.state is not BreakerState.CLOSED]
    views = (
        BreakerView(
            name=event.name,
            state=event.state.value,
            size_fraction=event.size_fraction,
            cause=event.cause,
            at=event.at,
        )
        for event in troubled
    )
    return marks, tuple(views)


def _spacing(marks: list[EquityMarked]) -> int:
    """The usual distance between two marks in seconds; zero when there are fewer than two."""
    steps = sorted(
        int((after.at - before.at).total_seconds())
        for before, after in pairwise(marks)
        if after.at > before.at
    )
    return steps[len(steps) // 2] if steps else 0
