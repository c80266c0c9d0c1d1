"""What is told of an order: each execution once, ends last, and no memory that grows for ever."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import DataError
from domain.money import Money, Price, Quantity
from domain.orders import Fill, Order, OrderStatus, Side
from execution.exchanges.known import ENDED_KEPT, Known, KnownOrders
from execution.exchanges.profiles import PROFILES
from execution.venue import Closed, Executed
from tests.scenarios.stage import BTC, START, USDT
from tests.unit.execution.exchange_stage import bid


def orders() -> KnownOrders:
    return KnownOrders(PROFILES["binance"].client_ids)


def part(known: Known, number: int, quantity: str = "0.1", seconds: int = 0) -> Fill:
    return Fill(
        f"binance:BTC/USDT:{number}:1",
        known.client_id,
        BTC,
        Side.BUY,
        Quantity(Decimal(quantity)),
        Price(Decimal(95)),
        Money(Decimal(0), USDT),
        START + timedelta(seconds=seconds),
    )


@given(st.lists(st.lists(st.integers(0, 19), max_size=25), max_size=8))
def test_each_execution_is_told_once_whatever_is_repeated(answers: list[list[int]]) -> None:
    held = orders()
    known = held.add(bid())
    told: list[str] = []
    for answer in answers:
        held.executed(known, [part(known, number, seconds=number % 3) for number in answer])
        told += [each.fill.fill_id for each in held.due() if isinstance(each, Executed)]
    assert len(told) == len(set(told)) == len({number for answer in answers for number in answer})
    assert known.filled == Decimal("0.1") * len(told)


@given(st.permutations([(1, 5), (2, 5), (10, 5), (3, 1), (4, 9)]))
def test_reports_come_in_the_order_of_the_market(arrived: list[tuple[int, int]]) -> None:
    held = orders()
    known = held.add(bid())
    held.executed(known, [part(known, number, seconds=at) for number, at in arrived])
    held.settled(known, OrderStatus.CANCELLED, "done", START + timedelta(seconds=9))
    *fills, end = held.due()
    numbers = [each.fill.fill_id.split(":")[2] for each in fills if isinstance(each, Executed)]
    assert numbers == ["3", "1", "2", "10", "4"]
    assert isinstance(end, Closed)


def test_more_than_was_ordered_is_not_believed() -> None:
    held = orders()
    known = held.add(bid(quantity="1"))
    held.executed(known, [part(known, 1, "1")])
    with pytest.raises(DataError, match="overfilled"):
        held.executed(known, [part(known, 2, "0.001")])
    assert known.filled == 1


def test_an_end_is_told_once_and_a_filled_order_has_none() -> None:
    held = orders()
    one, two = held.add(bid("one")), held.add(bid("two"))
    for _ in range(2):
        held.settled(one, OrderStatus.EXPIRED, "late", START)
        held.settled(two, OrderStatus.FILLED, "", START)
    (end,) = held.due()
    assert isinstance(end, Closed)
    assert (end.client_id, end.status, end.reason) == ("one", OrderStatus.EXPIRED, "late")
    assert held.live() == ()
    assert held.due() == ()


def test_ended_orders_are_remembered_for_a_while_and_not_for_ever() -> None:
    held = orders()
    for number in range(3000):
        known = held.add(bid(f"id-{number}"))
        held.named(known, str(number))
        held.dirty.add(known.client_id)
        held.settled(known, OrderStatus.CANCELLED, "", START)
    assert len(held.due()) == 3000
    assert held.get("id-0") is None
    assert held.of_venue_id(BTC, "0") is None
    assert held.of_venue_client_id("id-0") is None
    assert held.get("id-2999") is not None
    assert held.of_venue_id(BTC, "2999") is not None
    assert not held.dirty
    kept = [known.client_id for known in held]
    assert kept == [f"id-{number}" for number in range(3000 - ENDED_KEPT, 3000)]
    assert len(held._by_venue) == len(held._by_client) == ENDED_KEPT


def test_an_order_that_is_not_over_is_never_forgotten_and_no_report_is_lost() -> None:
    """However many came and went since: resting, of unknown fate, to be asked about."""
    held = orders()
    resting, lost = held.add(bid("resting")), held.add(bid("lost"))
    held.named(resting, "r")
    held.dirty |= {"resting", "lost"}
    first = held.add(bid("first"))
    held.named(first, "f")
    held.executed(first, [part(first, 1)])
    held.settled(first, OrderStatus.CANCELLED, "", START)
    for number in range(ENDED_KEPT):
        held.settled(held.add(bid(f"id-{number}")), OrderStatus.EXPIRED, "", START)
    assert held.get("first") is None
    assert held.of_venue_id(BTC, "f") is None
    assert held.live() == (resting, lost)
    assert held.of_venue_id(BTC, "r") is resting
    assert held.dirty == {"resting", "lost"}
    told = [each for each in held.due() if isinstance(each, Executed)]
    assert [each.fill.client_id for each in told] == ["first"]


def test_an_order_that_never_was_leaves_no_name() -> None:
    held = orders()
    known = held.add(bid("x" * 50))
    held.named(known, "1")
    held.named(known, "2", became=True)
    assert held.of_venue_id(BTC, "2") is known
    assert held.of_venue_id("ETH/USDT", "2") is None
    held.forget(known)
    assert held.get("x" * 50) is None
    assert held.of_venue_id(BTC, "1") is None
    assert held.of_venue_id(BTC, "2") is None


def test_names_at_the_venue_are_turned_into_ours() -> None:
    held = orders()
    digest = held.add(bid("x" * 50))
    assert held.client_id_of(digest.venue_client_id) == "x" * 50
    assert held.client_id_of("session-000001-00") == "session-000001-00"
    assert held.client_id_of("", BTC, "77") == "77"
    assert held.client_id_of("a stranger's") == "a stranger's"


def test_a_restart_takes_over_what_is_open_with_what_was_booked() -> None:
    held = orders()
    resting = Order(bid("resting"), OrderStatus.ACCEPTED, venue_id="5")
    over = Order(bid("over"), OrderStatus.CANCELLED, venue_id="6")
    lost = Order(bid("lost"), OrderStatus.UNKNOWN)
    resting.add_fill(part(Known(resting.intent, ""), 1))
    held.restore([resting, over, lost])
    held.restore([resting])
    assert [known.client_id for known in held.live()] == ["resting", "lost"]
    known = held.of_venue_id(BTC, "5")
    assert known is not None
    assert (known.filled, known.checked) == (Decimal("0.1"), True)
    assert held.dirty == {"resting", "lost"}
    held.executed(known, [part(known, 1)])
    assert held.due() == ()
