"""A desk that works an algorithm at a venue on the wire: killed, born again from its journal, and watched.

The market moves a minute at a time: strangers offer a little, take a little, and later on much. What the
desk's account does is watched at the venue itself, event by event, so that no moment between two looks is
missed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeVar

from domain.algorithms import AlgorithmPlan
from domain.events import DeskEvent
from domain.halt import HaltState
from domain.instrument import Instrument
from domain.market import OrderBook, Quote
from domain.money import ZERO, Currency, Money, Price, Symbol
from domain.orders import Order, Side
from execution.algorithms.worker import AlgorithmWorker
from execution.exchanges.venue import CcxtVenue, open_venue
from execution.facts import FactsSource, no_breakers
from execution.order_desk import OrderDesk
from market.bars import Bars
from memory.journal import SqliteJournal
from portfolio.portfolio import Portfolio
from risk.limits import DEFAULTS, RiskLimits
from simulator.exchange.events import AccountEvent, OrderChanged
from simulator.exchange.model import OrderView
from simulator.wire.faults import Fault, FaultKind, Operation, When
from tests.contracts.wire_world import DESK, MAKER, WireMarket, connection_to
from tests.roomy import ROOM, deep_book, still_bars
from tests.scenarios.stage import BTC, INSTRUMENT, USDT, StageFeed

CAPITAL: Final = Money(Decimal(10_000), USDT)
MOST_AT_ONCE: Final = 5
LARGEST: Final = Decimal(34)
LIMITS: Final = RiskLimits.from_mapping(
    {
        **DEFAULTS,
        **ROOM,
        "allowed_symbols": [BTC],
        "max_order_notional_quote": f"{LARGEST}",
        "max_position_notional_quote": "102",
        "max_open_orders_count": MOST_AT_ONCE,
        "price_collar_fraction": "0.05",
        "require_stop": False,
    }
)
"""Hardly wider than what the plans need."""

_PLACE: Final = frozenset({Operation.PLACE})
LOST_REQUEST: Final = Fault(FaultKind.DROP, When.BEFORE, operations=_PLACE, count=1)
LOST_ANSWER: Final = Fault(FaultKind.DROP, When.AFTER, operations=_PLACE, count=1)
CANCEL_REQUEST: Final = replace(LOST_REQUEST, operations=frozenset({Operation.CANCEL}))
CANCEL_ANSWER: Final = replace(LOST_ANSWER, operations=frozenset({Operation.CANCEL}))

_ZIGZAG: Final = tuple(Decimal(each) for each in ("0", "0.12", "-0.08", "0.05", "-0.03"))
_A_LITTLE: Final = tuple(Decimal(each) for each in ("0.061", "0.053", "0.067"))
_SPREAD: Final = Decimal("0.05")
_DEEP_FROM: Final = 20
"""How far above the last price strangers sell, and the minute from which there is enough for everybody."""

Event = TypeVar("Event")


class _Feed(StageFeed):
    """What the desk sees of the market: its last price, always fresh."""

    def __init__(self, market: Market) -> None:
        super().__init__({}, {})
        self.market = market

    @property
    def instruments(self) -> dict[Symbol, Instrument]:
        return {BTC: INSTRUMENT}

    @property
    def now(self) -> datetime | None:
        return self.market.wire.clock.now()

    def book(self, symbol: Symbol) -> OrderBook | None:
        return deep_book(symbol, self.market.price, self.market.wire.clock.now())

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        return still_bars(symbol, self.timeframe, self.market.price, as_of, min(limit, 48))

    def quote(self, symbol: Symbol) -> Quote | None:
        price = Price(self.market.price)
        return Quote(symbol, price, price, price, self.market.wire.clock.now())


class Market:
    """The world outside: a venue whose price moves by `drift` a minute, in a zigzag, and the desk's account.

    `watch` is called with every order of the desk at each of its changes.
    """

    def __init__(self, wire: WireMarket) -> None:
        self.wire = wire
        self.minute = 0
        self.price = Decimal(100)
        self.drift = Decimal("-0.02")
        self.seen: dict[int, OrderView] = {}
        self.watch: list[Callable[[Mapping[int, OrderView]], None]] = []
        self._planned: dict[int, Fault] = {}
        wire.exchange.listen(DESK, self._changed)

    def plan(self, after: int, fault: Fault) -> None:
        """The request that follows the desk's `after`-th order at the venue meets this."""
        self._planned[after] = fault

    def happened(self, fault: Fault) -> bool:
        return any(each == fault and times for _, each, times in self.wire.server.faults.planned())

    def _changed(self, event: AccountEvent) -> None:
        if not isinstance(event, OrderChanged):
            return
        self.seen[event.order.order_id] = event.order
        fault = self._planned.pop(len(self.seen), None)
        if fault is not None:
            self.wire.server.faults.add(fault)
        for each in self.watch:
            each(self.seen)

    def move(self) -> None:
        """A minute goes by, and strangers trade."""
        self.minute += 1
        self.wire.wait(60)
        at = self.minute
        self.price = Decimal(100) + at * self.drift + _ZIGZAG[at % len(_ZIGZAG)]
        self.wire.exchange.cancel_all(MAKER)
        more = 20 if at >= _DEEP_FROM else 1
        for level in range(2):
            amount = _A_LITTLE[(at + level) % len(_A_LITTLE)] * more
            self.wire.quote(Side.SELL, f"{amount}", f"{self.price + _SPREAD + level * _SPREAD}")
        for side in Side:
            self.wire.hit(side, f"{_A_LITTLE[at % len(_A_LITTLE)]}", f"{self.price}")

    def held(self) -> dict[Currency, Decimal]:
        return {name: amount for name, amount in self.wire.held().items() if amount}


@dataclass(slots=True)
class Life:
    """One process: its own connection, books and worker. Only the journal's file outlives it."""

    market: Market
    venue: CcxtVenue
    journal: SqliteJournal
    portfolio: Portfolio
    desk: OrderDesk
    worker: AlgorithmWorker

    async def tick(self) -> None:
        """What every moment does, in the order of the engine. Nothing is committed but by the desk itself."""
        await self.desk.sync()
        self.mark()
        await self.desk.tick()
        await self.worker.tick()

    def mark(self) -> None:
        self.portfolio.mark({BTC: self.market.price}, self.market.wire.clock.now())

    def events(self, kind: type[Event]) -> list[Event]:
        return [event for _, event in self.journal.events() if isinstance(event, kind)]

    def children(self, plan: AlgorithmPlan) -> list[Order]:
        return [each for each in self.desk.orders.values() if each.intent.parent == plan.algorithm_id]

    def check_books(self) -> None:
        """Orders, executions and balances are the venue's, to the last digit."""
        wire = self.market.wire
        views = {_ours(view.client_id): view for view in wire.orders()}
        assert len(views) == len(wire.orders()), "an order was sent twice"
        for name, order in self.desk.orders.items():
            view = views.pop(name, None)
            if view is None:
                assert order.is_terminal, f"{name} is {order.status} and not at the venue"
                assert not order.filled, f"{name} was filled, but not at the venue"
                continue
            assert (order.filled, order.notional) == (view.filled, view.notional), name
            assert order.is_terminal is not view.is_open, f"{name}: {order.status}, {view.status}"
        assert not views, f"the desk does not know {list(views)}"
        ours = {name: amount for name, amount in self.portfolio.balances().items() if amount}
        assert ours == self.market.held()
        trades = wire.exchange.trades(DESK, BTC)
        bought = sum((each.quantity * (1 if each.side is Side.BUY else -1) for each in trades), ZERO)
        fees = sum((each.fee for each in trades if each.fee_currency == INSTRUMENT.base), ZERO)
        assert ours.get(INSTRUMENT.base, ZERO) == bought - fees
        self.portfolio.check()


@dataclass(slots=True)
class Lives:
    """The processes that work on one journal, one after the other."""

    market: Market
    path: Path
    deaths: int = -1
    life: Life | None = None

    async def born(self) -> Life:
        """The next process; the one before it is dead: what it had not committed never happened."""
        await self.bury()
        self.deaths += 1
        self.life = await _born(self.market, self.path)
        return self.life

    async def bury(self) -> None:
        life, self.life = self.life, None
        if life is not None:
            life.journal._connection.close()
            await life.venue.close()


@asynccontextmanager
async def lives_on(wire: WireMarket, path: Path) -> AsyncIterator[Lives]:
    """Nobody lives yet; nobody does in the end."""
    lives = Lives(Market(wire), path)
    try:
        yield lives
    finally:
        await lives.bury()


async def _born(market: Market, path: Path) -> Life:
    """A process begins: restore, reconcile, time, algorithms, in the order of every start."""
    wire = market.wire
    venue = await open_venue(connection_to(wire.wire, wire.server.url), (BTC,), wire.clock, stream=False)
    journal = SqliteJournal(path)
    past = [event for _, event in journal.events()]
    portfolio, feed, seen = Portfolio(CAPITAL, {BTC: INSTRUMENT}), _Feed(market), list[DeskEvent]()
    desk = OrderDesk(
        venue=venue,
        portfolio=portfolio,
        facts=FactsSource(portfolio, feed, lambda: HaltState.ACTIVE, LIMITS, breakers=no_breakers),
        limits=LIMITS,
        journal=journal,
        clock=wire.clock,
        publish=seen.append,
    )
    worker = AlgorithmWorker(
        desk, wire.clock, quote=feed.quote, instruments={BTC: INSTRUMENT}, halt=lambda: HaltState.ACTIVE
    )
    life = Life(market, venue, journal, portfolio, desk, worker)
    desk.restore(past)
    worker.restore(past)
    venue.restore(desk.orders.values())
    await desk.reconcile()
    life.mark()
    await desk.tick()
    await worker.tick()
    journal.commit()
    return life


def _ours(client_id: str) -> str:
    """The desk's id without what a venue insists on before it."""
    return client_id.removeprefix("t-")
