"""A watch on a market that shows what it is told, an hour a bar."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.breakers_section import BreakersSection
from app.watching import Watch
from app.watching_machine import Machine
from domain.clock import SimulatedClock
from domain.events import DeskEvent, OrderUnknown
from domain.instrument import Instrument
from domain.market import Candle, Quote, Timeframe
from domain.money import Currency, Price, Quantity, Symbol
from market.bars import Bars, empty_bars
from memory.journal import MemoryJournal
from risk.breakers.board import BreakerBoard

BTC, USDC = Symbol("BTC/USDT"), Symbol("USDC/USDT")
START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
EQUITY = Decimal(10_000)
TINY, HUGE = Decimal("0.0001"), Decimal(10**9)


def instrument(symbol: Symbol) -> Instrument:
    base, quote = symbol.split("/")
    return Instrument(symbol, Currency(base), Currency(quote), TINY, TINY, TINY, HUGE, TINY)


class Market:
    """A feed of two symbols that shows what it was told."""

    name = "told"
    symbols = (BTC, USDC)
    timeframe = Timeframe.H1
    instruments: Mapping[Symbol, Instrument] = {symbol: instrument(symbol) for symbol in symbols}
    now: datetime | None = None

    def __init__(self) -> None:
        self.closes: dict[Symbol, str | None] = {BTC: "100", USDC: "1"}
        self.opens: dict[Symbol, str] = {}
        self.half_spread = Decimal("0.0001")
        self.quoted = START
        self.sought: list[datetime] = []

    def candle(self, symbol: Symbol) -> Candle | None:
        close = self.closes[symbol]
        if close is None or self.now is None:
            return None
        opened = Decimal(self.opens.get(symbol, close))
        last = Decimal(close)
        prices = (Price(opened), Price(max(opened, last)), Price(min(opened, last)), Price(last))
        return Candle(symbol, self.timeframe, self.now - HOUR, self.now, *prices, Quantity(Decimal(1)))

    def quote(self, symbol: Symbol) -> Quote | None:
        middle = Decimal(self.closes[symbol] or "1")
        bid, ask = middle * (1 - self.half_spread), middle * (1 + self.half_spread)
        return Quote(symbol, Price(bid), Price(ask), Price(middle), self.quoted)

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        return empty_bars(symbol, self.timeframe)

    def seek(self, as_of: datetime) -> None:
        self.sought.append(as_of)

    def advance(self) -> datetime | None:
        raise NotImplementedError

    def book(self, symbol: Symbol) -> Any:
        raise NotImplementedError

    def headlines(self, since: datetime) -> Any:
        raise NotImplementedError

    def bar_index(self) -> int:
        raise NotImplementedError


class Stage:
    """A watch on that market, an hour a bar."""

    def __init__(self, machine: Machine | None = None, market: Market | None = None, **told: Any) -> None:
        self.market = market or Market()
        self.journal = MemoryJournal()
        self.clock = SimulatedClock(START)
        self.published: list[DeskEvent] = []
        section = BreakersSection(**told)
        self.watch = Watch(
            section,
            board=BreakerBoard(section.rules(), relapse=section.relapses()),
            feed=self.market,
            journal=self.journal,
            clock=self.clock,
            publish=self.published.append,
            machine=machine,
        )

    @property
    def at(self) -> datetime:
        return self.clock.now()

    def bar(self, equity: Decimal = EQUITY) -> list[str]:
        """The next bar; the names of what is not closed then."""
        self.clock.set(self.at + HOUR)
        self.market.now = self.at
        prices = {symbol: Decimal(close) for symbol, close in self.market.closes.items() if close is not None}
        self.watch.bar(self.at, prices, equity)
        return self.troubled()

    def look(self, after: timedelta = SECOND) -> list[str]:
        self.clock.set(self.at + after)
        self.watch.look(self.at)
        return self.troubled()

    def troubled(self) -> list[str]:
        return [one.name for one in self.watch.board.troubled()]

    def kept(self) -> list[DeskEvent]:
        self.journal.commit()
        return [event for _, event in self.journal.events()]

    def see(self, *events: DeskEvent) -> None:
        for event in events:
            self.watch.see(event)

    def unknown(self, count: int) -> None:
        self.see(*[OrderUnknown(f"o{index}", BTC, "", self.at) for index in range(count)])
