"""The gate of a large desk: every rule, 20 symbols held, 50 orders open, and the facts after a fill."""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from bench.result import Context, Result, alone
from domain.clock import from_ns, to_ns
from domain.halt import HaltState
from domain.instrument import Instrument
from domain.market import BookLevel, Candle, Headline, OrderBook, Quote, Timeframe
from domain.money import Currency, Money, Price, Quantity, Symbol
from domain.orders import Fill, Order, OrderIntent, OrderType, Side
from execution.facts import FactsSource, no_breakers
from market.bars import Bars
from portfolio.portfolio import Portfolio
from risk.approval import ApprovedOrder
from risk.gate import review
from risk.limits import DEFAULTS, RiskLimits

REVIEWS, FILLS = 20_000, 2_000
GOAL_MEDIAN_US, GOAL_P99_US, GOAL_FACTS_US = 40.0, 120.0, 20.0
BASES = (
    *("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "TRX", "XLM", "LTC", "LINK"),
    *("DOT", "UNI", "ATOM", "AVAX", "NEAR", "APT", "ARB", "OP", "FIL", "ETC"),
)
SYMBOLS = tuple(Symbol(f"{base}/USDT") for base in BASES)
BARS = 2_000
USDT = Currency("USDT")
PRICE = Price(Decimal(100))
HOUR_NS = 3_600_000_000_000
START_NS = to_ns(datetime(2026, 1, 5, tzinfo=UTC))
CAPITAL = Money(Decimal(1_000_000), USDT)
LIMITS = RiskLimits.from_mapping(
    {
        **DEFAULTS,
        "allowed_symbols": list(SYMBOLS),
        "max_open_orders_count": 60,
        "duplicate_window_seconds": 30,
    }
)


class Market:
    """A feed that stands still, with a past in which every coin went with the market and its own way."""

    name = "bench"
    symbols = SYMBOLS
    timeframe = Timeframe.H1

    def __init__(self) -> None:
        self.instruments = {
            symbol: Instrument(
                symbol=symbol,
                base=Currency(base),
                quote=USDT,
                tick_size=Decimal("0.01"),
                step_size=Decimal("0.00001"),
                min_quantity=Decimal("0.00001"),
                max_quantity=Decimal(1_000_000),
                min_notional=Decimal(5),
            )
            for base, symbol in zip(BASES, SYMBOLS, strict=True)
        }
        chance = np.random.default_rng(1)
        together = chance.normal(0, 0.005, BARS)
        closes = START_NS + np.arange(BARS, dtype=np.int64) * HOUR_NS
        self._bars: dict[Symbol, Bars] = {}
        for symbol in SYMBOLS:
            own = np.cumsum(together + chance.normal(0, 0.004, BARS))
            price = 100 * np.exp(own - own[-1])
            much = np.full(BARS, 1e6)
            self._bars[symbol] = Bars(
                symbol, Timeframe.H1, closes - HOUR_NS, closes, price, price, price, price, much
            )
        self.now = from_ns(int(closes[-1]))
        self._quote = Quote(SYMBOLS[0], Price(Decimal("99.99")), Price(Decimal("100.01")), PRICE, self.now)

    def advance(self) -> datetime | None:
        return None

    def seek(self, as_of: datetime) -> None:
        raise NotImplementedError("this market stands still")

    def candle(self, symbol: Symbol) -> Candle | None:
        return self._bars[symbol].candle(-1, self.instruments[symbol])

    def quote(self, symbol: Symbol) -> Quote | None:
        return replace(self._quote, symbol=symbol)

    def book(self, symbol: Symbol) -> OrderBook | None:
        level = BookLevel(PRICE, Quantity(Decimal(10_000)))
        return OrderBook(symbol, self._quote.as_of, (level,) * 20, (level,) * 20)

    def headlines(self, since: datetime) -> tuple[Headline, ...]:
        return ()

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        bars = self._bars[symbol].upto(as_of)
        return bars.slice(max(0, len(bars) - limit), len(bars))

    def bar_index(self) -> int:
        return 0


class Desk:
    """An account that holds a little of everything, with a stop for each holding and 30 entries waiting."""

    def __init__(self) -> None:
        self.feed = Market()
        self.now = self.feed.now
        self.portfolio = Portfolio(CAPITAL, self.feed.instruments)
        self.facts = FactsSource(
            self.portfolio, self.feed, lambda: HaltState.ACTIVE, LIMITS, breakers=no_breakers
        )
        self.prices = dict.fromkeys(SYMBOLS, PRICE)
        for number, symbol in enumerate(SYMBOLS):
            self.portfolio.book(self.fill(f"held-{number}", symbol, Side.BUY, 15_000))
        self.portfolio.mark(self.prices, self.now)
        stops = [self._order(number, symbol, "0.9") for number, symbol in enumerate(SYMBOLS)]
        entries = [self._order(20 + number, SYMBOLS[number % 20], "0.97", buys=True) for number in range(30)]
        self.orders = [*stops, *entries]

    def fill(self, name: str, symbol: Symbol, side: Side, worth: int) -> Fill:
        price = self.prices[symbol]
        quantity = self.feed.instruments[symbol].quantity(worth / price)
        return Fill(name, name, symbol, side, quantity, price, Money(Decimal(1), USDT), self.now)

    def intent(self, number: int, symbol: Symbol, part: str, *, buys: bool, worth: int) -> OrderIntent:
        instrument, price = self.feed.instruments[symbol], self.prices[symbol]
        at = instrument.price_down(price * Decimal(part))
        return OrderIntent(
            client_id=f"bench-{number:06d}-00",
            session="bench",
            cycle=number,
            leg=0,
            symbol=symbol,
            side=Side.BUY if buys else Side.SELL,
            quantity=Quantity(instrument.quantity(worth / at)),
            order_type=OrderType.LIMIT if buys else OrderType.STOP,
            created_at=self.now,
            reduce_only=not buys,
            limit_price=at if buys else None,
            trigger_price=None if buys else at,
            protective_stop=instrument.price_down(at * Decimal("0.95")) if buys else None,
        )

    def _order(self, number: int, symbol: Symbol, part: str, *, buys: bool = False) -> Order:
        return Order(self.intent(number, symbol, part, buys=buys, worth=1_000 if buys else 14_000))


def timed(work: Callable[[], object], count: int) -> list[float]:
    """How long each of so many calls took, in microseconds, shortest first."""
    took = []
    for _ in range(count):
        began = time.perf_counter_ns()
        work()
        took.append((time.perf_counter_ns() - began) / 1_000)
    return sorted(took)


def review_us(desk: Desk) -> tuple[float, float]:
    """Median and 99th percentile of a review with all facts known."""
    now = desk.now
    order = desk.intent(999, SYMBOLS[0], "1", buys=True, worth=2_000)
    known = desk.facts.gather(SYMBOLS[0], now, desk.orders)
    answer = review(order, known, LIMITS, now)
    if not isinstance(answer, ApprovedOrder) or answer.clips:
        raise ValueError(f"the benchmark's order must be approved as it is: {answer}")
    took = timed(lambda: review(order, known, LIMITS, now), REVIEWS)
    return statistics.median(took), took[len(took) * 99 // 100]


def facts_us(desk: Desk) -> tuple[float, float]:
    """Gathering everything anew after each fill, and again while nothing happened; medians."""
    now = desk.now
    changed: list[float] = []
    unchanged: list[float] = []
    for number in range(FILLS):
        symbol = SYMBOLS[number % 20]
        side = Side.BUY if number // 20 % 2 == 0 else Side.SELL
        desk.portfolio.book(desk.fill(f"f-{number}", symbol, side, 500))
        for times in (changed, unchanged):
            began = time.perf_counter_ns()
            desk.facts.gather(symbol, now, ())
            times.append((time.perf_counter_ns() - began) / 1_000)
    return statistics.median(changed), statistics.median(unchanged)


def orders_us(desk: Desk) -> float:
    """What 50 open orders add to gathering, when none of them changed; the median."""
    now = desk.now
    return statistics.median(timed(lambda: desk.facts.gather(SYMBOLS[0], now, desk.orders), 2_000))


def run(context: Context | None = None) -> list[Result]:
    """All rules, 20 symbols, 50 open orders, correlation and stress included."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        desk = Desk()
        median, worst = review_us(desk)
        with_orders = orders_us(desk)
        changed, unchanged = facts_us(desk)
    finally:
        if collecting:
            gc.enable()
    return [
        alone("gate_full", median, "us", at_most=GOAL_MEDIAN_US),
        alone("gate_full_p99", worst, "us", at_most=GOAL_P99_US),
        alone("gate_full_facts_after_fill", changed, "us", at_most=GOAL_FACTS_US),
        alone("gate_full_facts_unchanged", unchanged, "us"),
        alone("gate_full_facts_50_orders", with_orders, "us"),
    ]


if __name__ == "__main__":
    json.dump([asdict(result) for result in run()], sys.stdout, indent=2)
    print()
