"""How long the gate takes for one intent with every rule, and what booking and marking cost."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from decimal import Context as DecimalContext
from decimal import Decimal

from bench.result import Context, Result, alone
from domain.halt import HaltState
from domain.instrument import Instrument
from domain.market import Quote
from domain.money import ONE, Currency, Money, Price, Quantity, Symbol
from domain.orders import Fill, OrderIntent, OrderType, Side
from execution.book_facts import telling
from portfolio.portfolio import Portfolio
from risk.approval import ApprovedOrder
from risk.facts import (
    AccountFacts,
    BookFacts,
    BreakerFacts,
    HealthFacts,
    LossFacts,
    MarketFacts,
    OpenOrderFacts,
    PositionFacts,
    RiskFacts,
    ScenarioFacts,
)
from risk.gate import review
from risk.limits import DEFAULTS, RiskLimits
from risk.stress.scenarios import SCENARIOS

BATCH = 200
BATCHES = 200
GOAL_REVIEW_US = 15.0
GOAL_BOOK_US = 5.0
GOAL_MARK_US = 3.0
GOAL_FLAT = 1.2
FILLS, CHUNK = 100_000, 1_000

NOW = datetime(2026, 1, 1, tzinfo=UTC)
USDT = Currency("USDT")
SYMBOLS = (Symbol("BTC/USDT"), Symbol("ETH/USDT"), Symbol("SOL/USDT"))
INSTRUMENTS = {
    symbol: Instrument(
        symbol=symbol,
        base=Currency(symbol.partition("/")[0]),
        quote=USDT,
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.00001"),
        min_quantity=Decimal("0.00001"),
        max_quantity=Decimal(9_000),
        min_notional=Decimal(5),
    )
    for symbol in SYMBOLS
}
PRICE = Decimal("43210.98")
LIMITS = RiskLimits.from_mapping(
    {**DEFAULTS, "allowed_symbols": list(SYMBOLS), "max_trade_loss_equity_fraction": "0.1"}
)
MUCH = Decimal(1_000_000_000)
WORST = telling(SCENARIOS, ["BTC", "ETH", "SOL"])
rounded = DecimalContext(prec=15).create_decimal_from_float


def facts() -> RiskFacts:
    """Everything known of a desk with three positions, each with its stop, and one entry pending."""
    stops = tuple(
        OpenOrderFacts(f"stop-{symbol}", symbol, Side.SELL, Decimal("0.1"), Decimal(40_000), True, True)
        for symbol in SYMBOLS
    )
    entry = OpenOrderFacts(
        "entry", SYMBOLS[1], Side.BUY, Decimal("0.05"), Decimal("43000.01"), reduce_only=False, is_stop=False
    )
    return RiskFacts(
        halt=HaltState.ACTIVE,
        account=AccountFacts(
            currency=USDT,
            equity=Decimal("100432.12345678"),
            day_start_equity=Decimal("100100.5"),
            peak_equity=Decimal("101000.25"),
            free={USDT: Decimal("87468.82945678"), **{INSTRUMENTS[s].base: Decimal("0.1") for s in SYMBOLS}},
            positions={symbol: PositionFacts(Decimal("0.1"), PRICE) for symbol in SYMBOLS},
        ),
        instrument=INSTRUMENTS[SYMBOLS[0]],
        quote=Quote(SYMBOLS[0], Price(PRICE - 1), Price(PRICE), Price(PRICE), NOW),
        open_orders=(*stops, entry),
        recent_orders=3,
        market=MarketFacts(PRICE, MUCH, MUCH, MUCH, None),
        losses=LossFacts(Decimal("100900.75"), 2, NOW - timedelta(hours=3), {SYMBOLS[1]: NOW}),
        book=BookFacts(
            correlations={SYMBOLS[1]: rounded(0.83), SYMBOLS[2]: rounded(0.71)},  # as an estimate leaves them
            scenarios=tuple(
                ScenarioFacts(each.name, -each.shock("BTC"), -each.shock("SOL")) for each in WORST
            ),
            scenario_losses=tuple(rounded(float(each.shock("BTC")) * -12963.29) for each in WORST),
            variance=rounded(12963.29 * 12963.29 * 0.0016),
            covariance=rounded(12963.29 * 0.0013),
            asset_variance=rounded(0.0012345),
            worst_deviation=rounded(0.0612345),
        ),
        recent_intents=(),
        health=HealthFacts(20, 1),
        breakers=BreakerFacts(ONE, ()),
    )


def alone_facts() -> RiskFacts:
    """The same desk without any open order."""
    return replace(facts(), open_orders=())


def intent() -> OrderIntent:
    return OrderIntent(
        client_id="bench-000001-00",
        session="bench",
        cycle=1,
        leg=0,
        symbol=SYMBOLS[0],
        side=Side.BUY,
        quantity=Quantity(Decimal("0.12345")),
        order_type=OrderType.LIMIT,
        created_at=NOW,
        limit_price=Price(PRICE),
        protective_stop=Price(Decimal("41000.00")),
    )


def median_us(work: Callable[[], object]) -> float:
    """The median over batches of the mean time of one call, in microseconds."""
    times = []
    for _ in range(BATCHES):
        began = time.perf_counter()
        for _ in range(BATCH):
            work()
        times.append((time.perf_counter() - began) / BATCH * 1e6)
    return statistics.median(times)


def review_us(known: RiskFacts) -> float:
    order = intent()
    if not isinstance(review(order, known, LIMITS, NOW), ApprovedOrder):
        raise ValueError("the benchmark's order must be approved: a refusal takes another path")
    return median_us(lambda: review(order, known, LIMITS, NOW))


def refuse_us() -> float:
    order, known = intent(), facts()
    unset = RiskLimits()
    if isinstance(review(order, known, unset, NOW), ApprovedOrder):
        raise ValueError("limits that are unset must refuse")
    return median_us(lambda: review(order, known, unset, NOW))


def book_us() -> tuple[float, float]:
    """Booking so many fills: the median time of one, in microseconds, and how it grew from first to last.

    The growth is the median of the last quarter of the chunks over that of the first. The books are checked.
    """
    account = Portfolio(Money(Decimal(1_000_000), USDT), INSTRUMENTS)
    made = [fill(number) for number in range(FILLS)]
    times = []
    for start in range(0, FILLS, CHUNK):
        chunk = made[start : start + CHUNK]
        began = time.perf_counter()
        for each in chunk:
            account.book(each)
        times.append((time.perf_counter() - began) / CHUNK * 1e6)
    account.check()
    quarter = len(times) // 4
    growth = statistics.median(times[-quarter:]) / statistics.median(times[:quarter])
    return statistics.median(times), growth


def fill(number: int) -> Fill:
    price = PRICE + number % 1_000
    quantity = Decimal("0.12345")
    return Fill(
        fill_id=f"bench-{number:06d}",
        client_id=f"bench-{number:06d}-00",
        symbol=SYMBOLS[0],
        side=Side.BUY if number % 2 == 0 else Side.SELL,
        quantity=Quantity(quantity),
        price=Price(price),
        fee=Money(quantity * price / 1_000, USDT),
        filled_at=NOW,
    )


def mark_us() -> float:
    account = Portfolio(Money(Decimal(1_000_000), USDT), INSTRUMENTS)
    for number, symbol in enumerate(SYMBOLS):
        bought = fill(2 * number)
        account.book(
            Fill(f"m{number}", "m", symbol, Side.BUY, bought.quantity, bought.price, bought.fee, NOW)
        )
    prices = dict.fromkeys(SYMBOLS, PRICE)
    later = NOW + timedelta(hours=1)
    return median_us(lambda: account.mark(prices, later))


def run(context: Context | None = None) -> list[Result]:
    """The gate with all rules, approving and refusing; booking 100,000 fills; marking three symbols."""
    book, growth = book_us()
    return [
        alone("gate", review_us(facts()), "us", at_most=GOAL_REVIEW_US),
        alone("gate_alone", review_us(alone_facts()), "us", at_most=GOAL_REVIEW_US),
        alone("gate_refusal", refuse_us(), "us"),
        alone("gate_book", book, "us", at_most=GOAL_BOOK_US),
        alone("gate_book_growth", growth, "x", at_most=GOAL_FLAT),
        alone("gate_mark_three", mark_us(), "us", at_most=GOAL_MARK_US),
    ]


if __name__ == "__main__":
    json.dump([asdict(result) for result in run()], sys.stdout, indent=2)
    print()
