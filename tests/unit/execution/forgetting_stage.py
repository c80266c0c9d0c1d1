"""Orders that end by the dozen, for tests of what a desk forgets."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.events import (
    DeskEvent,
    IntentRecorded,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderSubmitted,
)
from domain.money import Money, Price
from domain.orders import Fill, OrderIntent, OrderStatus, client_order_id
from execution import book as orders_module
from execution import settling
from execution.book import OrderBook
from execution.scripted import ScriptedVenue
from memory.journal import MemoryJournal
from portfolio.portfolio import Portfolio
from tests.faults.world import CAPITAL, INSTRUMENTS, USDT, World, intent, world


def forget_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the orders that ended two are kept, and the third takes the first away at once."""
    for module in (settling, orders_module):  # the compiled desk reads it where it is defined
        monkeypatch.setattr(module, "ENDED_KEPT", 2)
    monkeypatch.setattr(orders_module, "_TOGETHER", 1)


def scripted(at: World) -> ScriptedVenue:
    assert isinstance(at.venue, ScriptedVenue)
    return at.venue


async def next_life(w: World) -> World:
    assert isinstance(w.journal, MemoryJournal)
    w.journal.commit()
    after = world(w.journal, w.venue, feed=w.feed)
    after.desk.restore(event for _, event in w.journal.events())
    return after


def name(leg: int) -> str:
    return client_order_id("s", 1, leg)


async def expired(w: World, *legs: int) -> None:
    """Entries that the venue ended before anything of them filled."""
    for leg in legs:
        await w.desk.submit(intent(leg, quantity="0.01", at=w.clock.now()))
        scripted(w).end(name(leg), OrderStatus.EXPIRED, w.clock.now())
        await w.desk.sync()


def told(book: OrderBook, order: OrderIntent, status: OrderStatus = OrderStatus.EXPIRED) -> None:
    """An order from its intent to its end; nothing of it filled."""
    at = order.created_at
    for event in (
        IntentRecorded(order, at),
        OrderSubmitted(order.client_id, order.symbol, at),
        OrderAccepted(order.client_id, order.symbol, f"v-{order.client_id}", at),
        OrderClosed(order.client_id, order.symbol, status.value, "", at),
    ):
        book.apply(event)


def bought(book: OrderBook, order: OrderIntent) -> None:
    at = order.created_at
    events: tuple[DeskEvent, ...] = (
        IntentRecorded(order, at),
        OrderSubmitted(order.client_id, order.symbol, at),
        OrderFilled(execution(order, 1), at),
    )
    for event in events:
        book.apply(event)


def execution(order: OrderIntent, number: int) -> Fill:
    fee, price = Money(Decimal(0), USDT), Price(Decimal(40000))
    return Fill(
        f"{order.client_id}-f{number}",
        order.client_id,
        order.symbol,
        order.side,
        order.quantity,
        price,
        fee,
        order.created_at,
    )


def books(keep: int | None) -> OrderBook:
    return OrderBook(Portfolio(CAPITAL, INSTRUMENTS), keep)


# -- which
