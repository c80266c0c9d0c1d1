"""The order desk: an intent through both reviews, the paper venue and the books; and its durable journal.

`desk_hot_path` has no disk: reviewed as in the graph, submitted (second review), matched at the next bar's
open, filled and booked. `desk_hot_path_door` is the part of it behind the door: what a submitted intent
costs, without the graph's own review before it. The garbage collector runs, set as the product sets it
(`app.running`). `desk_flat` is the whole path at 100,000 orders against 5,000. The same three in the compiled
lane (`make native`) end in `_native`.

`desk_durable` is the whole path again with the journal on disk, one order at a time, against a bare sqlite3
commit of the same intent, turn by turn in the same run; `desk_durable_commit` is the journal's commit alone.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.running import spare_the_collector
from bench.lanes import compiled
from bench.result import Result, against, alone
from domain.clock import SimulatedClock
from domain.errors import GateError
from domain.events import DeskEvent, IntentRecorded
from domain.halt import HaltState
from domain.instrument import Instrument
from domain.market import Candle, Headline, OrderBook, Quote, Timeframe
from domain.money import Currency, Money, Price, Quantity, Symbol
from domain.orders import OrderIntent, OrderStatus, OrderType, Side, client_order_id
from domain.ports import Journal
from execution.facts import FactsSource, no_breakers
from execution.order_desk import OrderDesk
from execution.paper import PaperVenue
from market.bars import Bars
from memory.codec import encode
from memory.journal import MemoryJournal, SqliteJournal
from portfolio.portfolio import Portfolio
from risk.facts import RiskFacts
from risk.gate import Refused, review
from risk.limits import DEFAULTS, RiskLimits
from simulator.costs import FeeSchedule, NextOpen
from simulator.matching import MatchingCore

if TYPE_CHECKING:
    from bench.result import Context

BTC = Symbol("BTC/USDT")
USDT = Currency("USDT")
START = datetime(2024, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SMALL, LARGE = 5_000, 100_000
COMMITS = 1_500
GOAL_US = 30
INSTRUMENT = Instrument(
    BTC,
    Currency("BTC"),
    USDT,
    Decimal("0.01"),
    Decimal("0.001"),
    Decimal("0.001"),
    Decimal(1000),
    Decimal(10),
)
LIMITS = RiskLimits.from_mapping(
    {
        **DEFAULTS,
        "allowed_symbols": [BTC],
        "max_order_notional_quote": "1e9",
        "max_orders_per_window_count": 1000,
        "max_daily_loss_fraction": "0.99",
        "max_drawdown_fraction": "0.99",
        "max_weekly_loss_fraction": "0.99",
        "max_loss_streak_count": 1_000_000,
        "max_price_disagreement_fraction": 1,
    }
)


MUCH = Decimal(10) ** 12


class Tape:
    """A feed that costs next to nothing: the market itself is not what is measured."""

    name = "tape"
    symbols = (BTC,)
    timeframe = Timeframe.M1
    instruments: Mapping[Symbol, Instrument] = {BTC: INSTRUMENT}

    def __init__(self, bars: int) -> None:
        tick = Decimal("0.01")
        self._candles: list[Candle] = []
        self._quotes: list[Quote] = []
        for index in range(bars):
            price = Decimal(40_000) + (index * 7919 % 20_011) * tick
            at = START + (index + 1) * MINUTE
            last = Price(price)
            self._candles.append(
                Candle(BTC, Timeframe.M1, at - MINUTE, at, last, last, last, last, Quantity(Decimal(50)))
            )
            self._quotes.append(Quote(BTC, Price(price - tick), Price(price + tick), last, at))
        count = 1_440 + bars
        closes = (
            int(START.timestamp()) + 60 * np.arange(1 - 1_440, bars + 1, dtype=np.int64)
        ) * 1_000_000_000
        still, much = np.full(count, 40_000.0), np.full(count, 1e6)
        self._still = Bars(
            BTC, Timeframe.M1, closes - 60_000_000_000, closes, still, still, still, still, much
        )
        self._index = -1
        self.now: datetime | None = None

    def advance(self) -> datetime | None:
        self._index += 1
        self.now = self._candles[self._index].close_time
        return self.now

    def seek(self, as_of: datetime) -> None:
        raise NotImplementedError("this tape only runs forward")

    def candle(self, symbol: Symbol) -> Candle | None:
        return self._candles[self._index]

    def quote(self, symbol: Symbol) -> Quote | None:
        return self._quotes[self._index]

    def book(self, symbol: Symbol) -> OrderBook | None:
        return None

    def headlines(self, since: datetime) -> tuple[Headline, ...]:
        return ()

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        """What the gate's facts look back on, once an hour: minutes without movement."""
        stop = self._still.count_upto(as_of)
        return self._still.slice(max(0, stop - limit), stop)

    def depth(self, symbol: Symbol) -> tuple[Decimal, Decimal]:
        return MUCH, MUCH

    def bar_index(self) -> int:
        return self._index


def _intent(number: int) -> OrderIntent:
    """In and out of a hundredth of a bitcoin in turn, at market."""
    buys = number % 2 == 0
    return OrderIntent(
        client_id=client_order_id("bench", number, 0),
        session="bench",
        cycle=number,
        leg=0,
        symbol=BTC,
        side=Side.BUY if buys else Side.SELL,
        quantity=Quantity(Decimal("0.01")),
        order_type=OrderType.MARKET,
        created_at=START + (number + 1) * MINUTE,
        reduce_only=not buys,
        protective_stop=Price(Decimal("38000")) if buys else None,
        reason="in and out",
    )


def _nobody(event: DeskEvent) -> None:
    return None


class OrderPath:
    """One desk on one tape, and the way of an order through it."""

    def __init__(self, count: int, journal: Journal) -> None:
        self.feed = feed = Tape(count + 2)
        self.clock = SimulatedClock(START)
        self.portfolio = Portfolio(Money(Decimal(1_000_000), USDT), feed.instruments)
        self.facts = FactsSource(self.portfolio, feed, lambda: HaltState.ACTIVE, LIMITS, breakers=no_breakers)
        fees = FeeSchedule(Decimal("0.001"), Decimal("0.001"))
        matching = MatchingCore(feed.instruments, fees, NextOpen(), {USDT: Decimal(1_000_000)})
        self.desk = OrderDesk(
            venue=PaperVenue(feed, matching),
            portfolio=self.portfolio,
            facts=self.facts,
            limits=LIMITS,
            journal=journal,
            clock=self.clock,
            publish=_nobody,
        )
        self.clock.set(feed.advance() or START)

    def first_review(self, intent: OrderIntent) -> None:
        """What the graph does before it hands an intent to the desk."""
        now = self.clock.now()
        first = review(intent, self._known(intent, now), LIMITS, now)
        if isinstance(first, Refused):
            raise GateError(f"the benchmark's order was refused: {first.breaches}")

    def _known(self, intent: OrderIntent, now: datetime) -> RiskFacts:
        return self.facts.gather(BTC, now, self.desk.open_orders(), entry=not intent.reduce_only)

    async def trade(self, intent: OrderIntent) -> None:
        """Through the desk's door, filled at the next bar's open, booked."""
        await self.desk.submit(intent)
        self.clock.set(self.feed.advance() or START)
        await self.desk.sync()

    def check(self) -> None:
        self.portfolio.check()
        if any(order.status is not OrderStatus.FILLED for order in self.desk.orders.values()):
            raise GateError("an order of the benchmark did not fill")


async def _trade(count: int, *, reviewed: bool = True) -> float:
    """Seconds for `count` orders; `reviewed` includes the graph's review, else only the desk's own."""
    path = OrderPath(count, MemoryJournal())
    intents = [_intent(number) for number in range(count)]
    begin = time.perf_counter()
    if reviewed:
        for intent in intents:
            path.first_review(intent)
            await path.trade(intent)
    else:
        for intent in intents:
            await path.trade(intent)
    seconds = time.perf_counter() - begin
    path.check()
    return seconds


@contextmanager
def _collector_of_the_product() -> Iterator[None]:
    """Set the garbage collector as a running desk does; afterwards it is as it was."""
    before = gc.get_threshold()
    spare_the_collector()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def of_a_lane() -> list[Result]:
    """The hot path in the lane of this process, and its flatness."""
    with _collector_of_the_product():
        asyncio.run(_trade(1_000))  # warm up
        small = min(asyncio.run(_trade(SMALL)) for _ in range(3)) / SMALL * 1e6
        large = min(asyncio.run(_trade(LARGE)) for _ in range(2)) / LARGE * 1e6
        door = min(asyncio.run(_trade(LARGE, reviewed=False)) for _ in range(2)) / LARGE * 1e6
    return [
        alone("desk_hot_path", large, "us/order", at_most=GOAL_US),
        alone("desk_hot_path_door", door, "us/order", at_most=GOAL_US),
        against(
            "desk_flat",
            large,
            "us/order",
            peer=f"the first {SMALL} orders",
            peer_value=small,
            at_most=1.2,
        ),
    ]


class Bare:
    """The least a durable record can cost: one insert and one commit, nothing else."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=FULL")
        self.connection.execute("CREATE TABLE log (seq INTEGER PRIMARY KEY, payload BLOB)")

    def commit(self, payload: bytes) -> float:
        """Seconds for one commit."""
        begin = time.perf_counter()
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.execute("INSERT INTO log (payload) VALUES (?)", (payload,))
        self.connection.execute("COMMIT")
        return time.perf_counter() - begin


async def _durable(folder: Path) -> list[Result]:
    """The whole path with the journal on disk, and its commit alone, each against a bare commit in turn."""
    journal, own = SqliteJournal(folder / "path.db"), SqliteJournal(folder / "own.db")
    bare = Bare(folder / "bare.db")
    path = OrderPath(COMMITS, journal)
    whole: list[float] = []
    commits: list[float] = []
    floor: list[float] = []
    with _collector_of_the_product():
        for number in range(COMMITS):
            intent = _intent(number)
            begin = time.perf_counter()
            path.first_review(intent)
            await path.trade(intent)
            whole.append(time.perf_counter() - begin)
            event = IntentRecorded(intent, intent.created_at)
            floor.append(bare.commit(encode(event)))
            begin = time.perf_counter()
            own.append(event)
            own.commit()
            commits.append(time.perf_counter() - begin)
    path.check()
    journal.commit()
    for each in (journal, own):
        each.verify()
        each.close()
    bare.connection.close()
    peer = statistics.median(floor) * 1e6
    return [
        against(
            name,
            statistics.median(seconds) * 1e6,
            "us p50",
            peer="bare sqlite3 WAL synchronous=FULL",
            peer_value=peer,
            at_most=1.5,
        )
        for name, seconds in (("desk_durable", whole), ("desk_durable_commit", commits))
    ]


def _encoding() -> list[Result]:
    events = [IntentRecorded(intent, intent.created_at) for intent in map(_intent, range(2_000))]
    rounds = []
    for _ in range(5):
        begin = time.perf_counter()
        for event in events:
            encode(event)
        rounds.append((time.perf_counter() - begin) / len(events) * 1e6)
    value = min(rounds)
    return [alone("desk_encode_intent", value, "us", at_most=6)]


def run(context: Context) -> list[Result]:
    """Hot path, its flatness, the durable commit and the codec."""
    return measure(context.folder)


def measure(folder: Path) -> list[Result]:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        return [*_encoding(), *of_a_lane(), *compiled("bench_desk"), *asyncio.run(_durable(Path(scratch)))]


if __name__ == "__main__":
    json.dump(
        [asdict(result) for result in measure(Path(sys.argv[1] if len(sys.argv) > 1 else "."))], sys.stdout
    )
