"""Any orders on any bars under any fill model: what the laws of the matching core are tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import strategies as st

from domain.errors import VenueRejected
from domain.market import Candle, OrderBook
from domain.money import Price
from domain.orders import TRIGGERED, WITH_LIMIT, Fill, OrderIntent, OrderType, Side, TimeInForce
from simulator.costs import BookWalk, FeeSchedule, FillModel, NextOpen
from simulator.impact import Impact
from simulator.latency import Latency
from simulator.matching import MatchingCore, MatchReport
from tests.scenarios.stage import BTC, COIN, HOUR, INSTRUMENT, START, USDT, bar, book, order

BARS = 6
FEES = FeeSchedule(maker=Decimal("0.0007"), taker=Decimal("0.0013"))
CASH, COINS = Decimal(3000), Decimal(20)
cents = st.integers(8_000, 12_000).map(lambda value: f"{value / 100:.2f}")


@st.composite
def candles(draw: st.DrawFn) -> list[Candle]:
    made = []
    for index in range(BARS):
        prices = sorted(draw(st.tuples(cents, cents, cents, cents)), key=Decimal)
        first, last = draw(st.sampled_from(((1, 2), (2, 1), (0, 3), (3, 0))))
        volume = draw(st.sampled_from(("0", "7.5", "40", "1000")))
        made.append(bar(index, prices[first], prices[3], prices[0], prices[last], volume))
    return made


@st.composite
def intents(draw: st.DrawFn) -> list[tuple[int, OrderIntent]]:
    """Orders of every type, each with the bar at whose open it can fill first."""
    made = []
    for number in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(OrderType))
        side = draw(st.sampled_from(Side))
        when = draw(st.integers(0, BARS - 1))
        tif = draw(st.sampled_from(TimeInForce))
        hours = draw(st.sampled_from((0.5, 1, 1.5, 2, 3, 9)))
        intent = replace(
            order(
                f"o{number}",
                side,
                f"{draw(st.integers(100, 15_000)) / 1000:.3f}",
                at=START + when * HOUR,
                tif=tif,
                reduce_only=side is Side.SELL and draw(st.booleans()),
            ),
            order_type=kind,
            limit_price=Price(Decimal(draw(cents))) if kind in WITH_LIMIT else None,
            trigger_price=Price(Decimal(draw(cents))) if kind in TRIGGERED else None,
            trailing=Decimal(draw(st.integers(1, 9))) / 100 if kind is OrderType.TRAILING_STOP else None,
            post_only=kind is OrderType.LIMIT and draw(st.booleans()),
            expires_at=START + when * HOUR + hours * HOUR if tif is TimeInForce.GTD else None,
            group=draw(st.sampled_from(("", "", "g", "h"))),
        )
        made.append((when, intent))
    return made


BOOK = book(
    [("99.97", "0.5"), ("99.90", "1"), ("99.50", "3"), ("99", "2")],
    [("100.03", "0.5"), ("100.10", "1"), ("100.50", "3"), ("101", "2")],
)
Model = tuple[FillModel, OrderBook | None]
ALL_TERMS = BookWalk(
    Decimal("0.5"),
    impact=Impact(Decimal(1)),
    latency=Latency(timedelta(seconds=1)),
    queue=Decimal("0.001"),
)
MODELS: tuple[Model, ...] = (
    (NextOpen(), None),
    (BookWalk(Decimal("0.3")), BOOK),
    (BookWalk(Decimal(1)), None),
    (ALL_TERMS, BOOK),
)
models = st.sampled_from(MODELS)
Seen = list[tuple[Candle, MatchReport]]


def run(
    tape: Sequence[Candle], orders: Sequence[tuple[int, OrderIntent]], model: Model, *, twice: bool = False
) -> tuple[Seen, MatchingCore, dict[str, OrderIntent]]:
    """Every order submitted when the bar before it has closed; what was taken in, and what came of it."""
    core = MatchingCore({BTC: INSTRUMENT}, FEES, model[0], {USDT: CASH, COIN: COINS})
    taken: dict[str, OrderIntent] = {}
    seen: Seen = []
    last = Decimal(100)
    for index, candle in enumerate(tape):
        for when, intent in orders:
            if when == index:
                try:
                    core.submit(intent, candle.open_time, last)
                except VenueRejected:
                    continue
                taken[intent.client_id] = intent
        last = candle.close
        for _ in range(2 if twice else 1):
            seen += [(candle, report) for report in core.on_bar(candle, model[1])]
    return seen, core, taken


def fills(seen: Seen) -> list[tuple[Candle, Fill]]:
    return [(candle, report) for candle, report in seen if isinstance(report, Fill)]
