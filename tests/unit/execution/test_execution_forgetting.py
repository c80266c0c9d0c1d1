"""Orders that ended long ago are forgotten: which are, and which never."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.algorithms import AlgorithmPlan, Method, Slice
from domain.events import (
    AlgorithmEnded,
    IntentRecorded,
    OrderClosed,
    OrderFilled,
    OrderSubmitted,
)
from domain.orders import OrderStatus, Origin, Side
from execution.book import ENDED_KEPT, OrderBook
from portfolio.portfolio import Portfolio
from tests.faults.world import BTC, CAPITAL, INSTRUMENTS, START, intent, sell, world
from tests.unit.execution.forgetting_stage import (
    books,
    bought,
    execution,
    forget_sooner,
    name,
    told,
)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_sooner(monkeypatch)


def test_the_newest_that_ended_are_kept_and_the_others_go_some_at_a_time() -> None:
    book = books(100)
    for leg in range(163):
        told(book, intent(leg))
    assert len(book.orders) == 163
    assert not book.forgotten
    told(book, intent(163))
    assert [*book.orders] == [name(leg) for leg in range(64, 164)]
    assert [*book.forgotten] == [name(leg) for leg in range(64)]
    for leg in range(164, 227):
        told(book, intent(leg))
    assert len(book.orders) == 163
    told(book, intent(227))
    assert len(book.orders) == 100


def test_a_running_desk_keeps_as_many_as_its_api_tells_at_once_and_a_history_keeps_all() -> None:
    """A limit of the API's: `ge=1, le=1_000` orders."""
    assert ENDED_KEPT == 1000
    assert world().desk._book._keep == ENDED_KEPT
    history = OrderBook(Portfolio(CAPITAL, INSTRUMENTS))
    for leg in range(1200):
        told(history, intent(leg))
    assert len(history.orders) == 1200
    assert not history.forgotten


def test_what_ended_last_is_kept_however_old_it_is() -> None:
    """The order of the ends counts: of the one that just ended executions may still come."""
    book = books(1)
    old = intent(0)
    book.apply(IntentRecorded(old, START))
    for leg in range(1, 65):
        told(book, intent(leg))
    book.apply(OrderClosed(old.client_id, BTC, OrderStatus.EXPIRED.value, "", START))
    assert [*book.orders] == [old.client_id]


@pytest.mark.usefixtures("few")
def test_an_open_order_is_never_forgotten_nor_the_one_it_replaces() -> None:
    book = books(2)
    book.apply(IntentRecorded(intent(0), START))
    told(book, intent(1))
    waits = replace(intent(2), replaces=name(1))
    book.apply(IntentRecorded(waits, START))
    for leg in range(3, 12):
        told(book, intent(leg))
    assert {name(0), name(1), name(2)} <= set(book.orders)
    assert len(book.orders) == 2 + 3
    book.apply(OrderClosed(name(2), BTC, OrderStatus.EXPIRED.value, "", START))
    assert book.filled_before == {name(2): 0}
    for leg in range(12, 16):
        told(book, intent(leg))
    assert not {name(1), name(2)} & set(book.orders)
    assert name(0) in book.orders
    assert book.filled_before == {}


@pytest.mark.usefixtures("few")
def test_the_entries_of_a_position_stay_as_long_as_it_does() -> None:
    book = books(2)
    bought(book, intent(0, stop="39000"))
    bought(book, intent(1, stop="38000"))
    for leg in range(2, 12):
        told(book, intent(leg))
    assert {name(0), name(1)} <= set(book.orders), "the tightest stop, and the newest entry"
    out = sell(12, "1")
    book.apply(IntentRecorded(out, START))
    book.apply(OrderSubmitted(out.client_id, BTC, START))
    book.apply(OrderFilled(execution(out, 1), START))
    for leg in range(13, 18):
        told(book, intent(leg))
    assert [*book.orders] == [name(16), name(17)]
    assert len(book.fills) == 3, "executions are never forgotten"


def plan(number: str) -> AlgorithmPlan:
    return AlgorithmPlan(
        number,
        "s",
        1,
        0,
        Method.TWAP,
        BTC,
        Side.BUY,
        Decimal(1),
        START,
        START + timedelta(hours=1),
        (Slice(timedelta(0), Decimal(1)),),
    )


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("origin", [Origin.ALGORITHM, Origin.OPERATOR])
def test_the_parts_of_an_algorithm_stay_until_it_ends(origin: Origin) -> None:
    book = books(2)
    works = plan("a-1")
    told(book, replace(intent(0), parent=works.algorithm_id, origin=origin))
    for leg in range(1, 12):
        told(book, intent(leg))
    assert name(0) in book.orders
    assert len(book.orders) == 3
    done = AlgorithmEnded(works.algorithm_id, BTC, "done", Decimal(1), Decimal(0), START)
    book.apply(done)
    for leg in range(12, 16):
        told(book, intent(leg))
    assert [*book.orders] == [name(14), name(15)]


@pytest.mark.usefixtures("few")
def test_a_stop_that_was_replaced_goes_though_its_entry_stays() -> None:
    """A guard's parent is the entry it protects, which is no algorithm."""
    book = books(2)
    bought(book, intent(0))
    for leg in range(1, 6):
        guard = replace(sell(leg), parent=name(0), origin=Origin.GUARDIAN)
        told(book, guard, OrderStatus.CANCELLED)
    assert len(book.orders) == 3
    assert name(0) in book.orders


def test_many_that_are_needed_are_not_looked_at_for_every_order_that_ends() -> None:
    book, looks = books(2), 0
    for leg in range(1600):
        before = book._needed
        told(book, replace(intent(leg), parent="a-1", origin=Origin.ALGORITHM))
        looks += len(before) if book._needed is not before else 0
    assert len(book.orders) == 1600
    assert looks < 8 * 1600
    for leg in range(1600, 1900):
        told(book, intent(leg))
    assert name(1899) in book.orders
    assert name(1898) in book.orders
    assert 1600 + 2 <= len(book.orders) <= 1600 + 2 + 1600 // 8, "they take no place of the newest"


# -- its id
