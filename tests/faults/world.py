"""A small desk with a scripted venue: one account, two symbols, prices that stand where they are put."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from domain.clock import SimulatedClock
from domain.events import DeskEvent
from domain.halt import HaltState
from domain.instrument import Instrument
from domain.market import Candle, Headline, OrderBook, Quote, Timeframe
from domain.money import Currency, Money, Price, Quantity, Symbol
from domain.orders import Order, OrderIntent, OrderType, Side, client_order_id
from domain.ports import Journal
from execution.facts import FactsSource, no_breakers
from execution.guardian import StopGuardian
from execution.order_desk import OrderDesk
from execution.patience import Patience
from execution.scripted import ScriptedVenue
from execution.venue import Venue
from market.bars import Bars
from memory.journal import MemoryJournal
from portfolio.portfolio import Portfolio
from risk.limits import DEFAULTS, RiskLimits
from tests.roomy import ROOM, deep_book, still_bars

START = datetime(2024, 1, 1, tzinfo=UTC)
BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")
USDT = Currency("USDT")
CAPITAL = Money(Decimal("100000"), USDT)
Event = TypeVar("Event")


def instrument(symbol: Symbol) -> Instrument:
    return Instrument(
        symbol=symbol,
        base=Currency(symbol.split("/")[0]),
        quote=USDT,
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.001"),
        min_quantity=Decimal("0.001"),
        max_quantity=Decimal("1000"),
        min_notional=Decimal("10"),
    )


INSTRUMENTS: Mapping[Symbol, Instrument] = {symbol: instrument(symbol) for symbol in (BTC, ETH)}
LIMITS = RiskLimits.from_mapping(
    {**DEFAULTS, **ROOM, "allowed_symbols": [BTC, ETH], "max_orders_per_window_count": 1000}
)


class StillFeed:
    """A feed whose prices the test sets: bid and ask one tick around the last price."""

    name = "still"
    symbols = (BTC, ETH)
    timeframe = Timeframe.H1
    instruments = INSTRUMENTS

    def __init__(self) -> None:
        self.now: datetime | None = START
        self.last = {BTC: Decimal("40000"), ETH: Decimal("2000")}

    def advance(self) -> datetime | None:
        self.now = (self.now or START) + timedelta(hours=1)
        return self.now

    def seek(self, as_of: datetime) -> None:
        self.now = as_of

    def candle(self, symbol: Symbol) -> Candle | None:
        price, now = Price(self.last[symbol]), self.now or START
        start = now - timedelta(hours=1)
        return Candle(symbol, self.timeframe, start, now, price, price, price, price, Quantity(Decimal(100)))

    def quote(self, symbol: Symbol) -> Quote | None:
        last, tick = self.last[symbol], Decimal("0.01")
        return Quote(symbol, Price(last - tick), Price(last + tick), Price(last), self.now or START)

    def book(self, symbol: Symbol) -> OrderBook | None:
        return deep_book(symbol, self.last[symbol], self.now or START)

    def headlines(self, since: datetime) -> tuple[Headline, ...]:
        return ()

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        return still_bars(symbol, self.timeframe, self.last[symbol], as_of, min(limit, 48))

    def bar_index(self) -> int:
        return 0


@dataclass
class World:
    """Everything of one process's life. `after_crash` is the next process on the same journal and venue."""

    journal: Journal
    venue: Venue
    feed: StillFeed
    clock: SimulatedClock
    portfolio: Portfolio
    desk: OrderDesk
    guardian: StopGuardian
    seen: list[DeskEvent]
    halt: list[HaltState]

    def events(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.seen if isinstance(event, kind)]

    async def tick(self, hours: int = 1) -> None:
        """The next bar: time moves, the venue reports, the account is marked, stops are checked."""
        for _ in range(hours):
            at = self.feed.advance()
            if at is not None:
                self.clock.set(at)
        await self.desk.sync()
        self.portfolio.mark(self.feed.last, self.clock.now())
        await self.guardian.check()
        self.journal.commit()

    async def buy(self, leg: int = 0, quantity: str = "0.5", stop: str | None = "38000") -> Order:
        return await self.desk.submit(intent(leg, quantity=quantity, stop=stop, at=self.clock.now()))


def world(
    journal: Journal | None = None,
    venue: Venue | None = None,
    *,
    feed: StillFeed | None = None,
    limits: RiskLimits = LIMITS,
    place_seconds: float | None = None,
    patience: Patience | None = None,
    reconcile_every: timedelta | None = None,
) -> World:
    seen: list[DeskEvent] = []
    halt = [HaltState.ACTIVE]
    feed = feed or StillFeed()
    clock = SimulatedClock(feed.now or START)
    journal = journal if journal is not None else MemoryJournal()
    venue = venue if venue is not None else ScriptedVenue()
    portfolio = Portfolio(CAPITAL, INSTRUMENTS)
    desk = OrderDesk(
        venue=venue,
        portfolio=portfolio,
        facts=FactsSource(portfolio, feed, lambda: halt[0], limits, breakers=no_breakers),
        limits=limits,
        journal=journal,
        clock=clock,
        publish=seen.append,
        place_seconds=place_seconds,
        patience=patience,
        reconcile_every=reconcile_every,
    )
    guardian = StopGuardian(desk, portfolio, feed, clock, session="s")
    return World(journal, venue, feed, clock, portfolio, desk, guardian, seen, halt)


def intent(
    leg: int = 0,
    *,
    symbol: Symbol = BTC,
    side: Side = Side.BUY,
    quantity: str = "0.5",
    stop: str | None = "38000",
    at: datetime = START,
    cycle: int = 1,
    limit: str | None = None,
    reduce_only: bool = False,
) -> OrderIntent:
    """An order of cycle 1: half a bitcoin at market with its stop, unless told otherwise."""
    return OrderIntent(
        client_id=client_order_id("s", cycle, leg),
        session="s",
        cycle=cycle,
        leg=leg,
        symbol=symbol,
        side=side,
        quantity=Quantity(Decimal(quantity)),
        order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        created_at=at,
        reduce_only=reduce_only,
        limit_price=None if limit is None else Price(Decimal(limit)),
        protective_stop=None if stop is None or side is Side.SELL else Price(Decimal(stop)),
    )


def sell(leg: int, quantity: str = "0.5", symbol: Symbol = BTC, at: datetime = START) -> OrderIntent:
    made = intent(leg, symbol=symbol, side=Side.SELL, quantity=quantity, at=at)
    return replace(made, reduce_only=True)
