"""A session told by its events, with figures that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from domain.algorithms import AlgorithmPlan, Method, Slice
from domain.events import (
    AlgorithmEnded,
    AlgorithmStarted,
    DeskEvent,
    EquityMarked,
    IntentRecorded,
    IntentRefused,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderSubmitted,
    SessionStarted,
)
from domain.money import Currency, Money, Price, Quantity, Symbol
from domain.orders import Fill, OrderIntent, OrderType, Origin, Side
from domain.verdicts import Breach
from tests.faults.world import BTC, ETH, START, intent

SECOND = timedelta(seconds=1)
NO = (Breach("order_rate", "1", "2", "too many"),)


def price(text: str) -> Price:
    return Price(Decimal(text))


def order(
    leg: int, *, arrival: str | None = "40000", limit: str | None = None, **more: object
) -> OrderIntent:
    """Half a bitcoin, decided at START when the middle was at 40000."""
    made = intent(leg, limit=limit)
    told = None if arrival is None else price(arrival)
    return replace(made, arrival=told, **more)  # type: ignore[arg-type]  # a test's shorthand


def sent(made: OrderIntent, after: float = 1, bid: str = "39990", ask: str = "40010") -> Iterator[DeskEvent]:
    """Written down, sent `after` seconds, acknowledged a quarter of a second later."""
    at = START + SECOND * after
    yield IntentRecorded(made, START)
    yield OrderSubmitted(made.client_id, made.symbol, at, "alpha", price(bid), price(ask))
    yield OrderAccepted(made.client_id, made.symbol, "v", at + SECOND / 4)


def fill(
    made: OrderIntent,
    quantity: str,
    at: str,
    fee: tuple[str, str],
    *,
    after: float = 2,
    maker: bool = False,
) -> OrderFilled:
    moment = START + SECOND * after
    amount, currency = fee
    number = f"{made.client_id}-{quantity}-{after}"
    paid = Money(Decimal(amount), Currency(currency))
    done = Quantity(Decimal(quantity))
    return OrderFilled(
        Fill(number, made.client_id, made.symbol, made.side, done, price(at), paid, moment, maker), moment
    )


def mark(after: float, **prices: str) -> EquityMarked:
    worth = Decimal(100_000)
    told = {Symbol(f"{name}/USDT"): Decimal(value) for name, value in prices.items()}
    return EquityMarked(0, worth, worth, worth, worth, worth, told, START + SECOND * after)


BOUGHT = order(0)
"""Bought whole at 40020, 20 above arrival and 10 above the ask, for 20.01 in fees."""
PASSIVE = order(1, limit="39900")
"""Two fifths bought as maker at 39900 with the fee in bitcoin; the rest lapsed, and 40300 came."""
SOLD = order(2, side=Side.SELL, protective_stop=None, reduce_only=True)
REJECTED = order(3)
REFUSED = order(4)
STOP = order(
    5,
    side=Side.SELL,
    order_type=OrderType.STOP,
    quantity=Quantity(Decimal("0.1")),
    trigger_price=price("39000"),
    protective_stop=None,
    reduce_only=True,
    origin=Origin.GUARDIAN,
    arrival=None,
)
"""Filled ten under its trigger; nobody says when it was decided to trade."""
PLAN = AlgorithmPlan(
    "s-000002-00", "s", 2, 0, Method.TWAP, ETH, Side.BUY, Decimal(4), START, START + SECOND * 60,
    (Slice(SECOND * 0, Decimal(2)), Slice(SECOND * 30, Decimal(2))), arrival=price("2000"),
)  # fmt: skip


def child(part: int) -> OrderIntent:
    return order(
        0,
        client_id=PLAN.child_id(part),
        symbol=ETH,
        quantity=Quantity(Decimal(2)),
        arrival="2010" if part else "2000",
        origin=Origin.ALGORITHM,
        parent=PLAN.algorithm_id,
    )


def story() -> list[DeskEvent]:
    """Six orders in bitcoin and one algorithm of two parts in ether, of which the second is rejected."""
    return [
        SessionStarted("s", "paper", "c", Decimal(100_000), "USDT", False, START),
        IntentRefused(order(9), 1, NO, START),
        *sent(BOUGHT),
        fill(BOUGHT, "0.3", "40010", ("12.003", "USDT")),
        fill(BOUGHT, "0.2", "40035", ("8.007", "USDT"), after=5),
        *sent(PASSIVE, after=3),
        fill(PASSIVE, "0.2", "39900", ("0.0002", "BTC"), after=4, maker=True),
        OrderClosed(PASSIVE.client_id, BTC, "cancelled", "old", moment(60)),
        mark(61, BTC="40300"),
        *sent(SOLD),
        fill(SOLD, "0.5", "39990", ("0.01", "BNB"), after=1.5),
        *rejected(REJECTED, 1, "beta", "39990", "40010"),
        IntentRecorded(REFUSED, START),
        IntentRefused(REFUSED, 2, NO, START),
        *sent(STOP),
        fill(STOP, "0.1", "38990", ("3.899", "USDT"), after=50),
        AlgorithmStarted(PLAN, START),
        *sent(child(0), bid="1999", ask="2001"),
        fill(child(0), "2", "2002", ("4.004", "USDT")),
        *rejected(child(1), 31, "alpha", "2009", "2011"),
        AlgorithmEnded(PLAN.algorithm_id, ETH, "its time is up", Decimal(2), Decimal(2), moment(60)),
        mark(70, BTC="40300", ETH="2040"),
    ]


def rejected(made: OrderIntent, after: float, venue: str, bid: str, ask: str) -> Iterator[DeskEvent]:
    yield IntentRecorded(made, START)
    yield OrderSubmitted(made.client_id, made.symbol, moment(after), venue, price(bid), price(ask))
    yield OrderClosed(made.client_id, made.symbol, "rejected", "no", moment(after + 1))


def moment(after: float) -> datetime:
    return START + SECOND * after
