"""A round trip folded from fills: average cost, fees in three currencies, what was bought and what left."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Currency, Money, Price, Quantity
from domain.orders import Fill, Side
from execution.stops.trip import Trip, after
from portfolio.portfolio import Portfolio
from tests.faults.world import BTC, CAPITAL, INSTRUMENTS, START

D = Decimal
COIN = INSTRUMENTS[BTC]


def fill(number: int, side: Side, quantity: str, price: str, fee: str = "0", paid_in: str = "USDT") -> Fill:
    return Fill(
        f"f{number}",
        f"o{number}",
        BTC,
        side,
        Quantity(D(quantity)),
        Price(D(price)),
        Money(D(fee), Currency(paid_in)),
        START + timedelta(minutes=number),
    )


def fold(*fills: Fill) -> Trip | None:
    trip: Trip | None = None
    for each in fills:
        trip = after(trip, each, COIN, D("0.001"))
    return trip


def test_entries_add_up_and_a_sale_takes_its_share() -> None:
    trip = fold(
        fill(0, Side.BUY, "1", "100", "1"),
        fill(1, Side.BUY, "1", "110", "3"),
        fill(2, Side.SELL, "0.5", "130", "9"),
    )
    assert trip == Trip(START, D("1.5"), D("157.5"), D(3), D(2), D(110))
    assert (trip.entry, trip.sold) == (D(105), D("0.5"))


@pytest.mark.parametrize(
    ("fee", "paid_in", "held", "fees"),
    [("1", "USDT", "1", "1"), ("0.1", "BTC", "0.9", "10"), ("7", "BNB", "1", "0.1")],
)
def test_a_fee_counts_in_whatever_it_was_paid(fee: str, paid_in: str, held: str, fees: str) -> None:
    trip = fold(fill(0, Side.BUY, "1", "100", fee, paid_in))
    assert trip is not None
    assert (trip.held, trip.bought, trip.fees, trip.entry) == (D(held), D(held), D(fees), D(100))


def test_a_fee_in_base_leaves_with_the_sale() -> None:
    trip = fold(fill(0, Side.BUY, "1", "100"), fill(1, Side.SELL, "0.4", "100", "0.1", "BTC"))
    assert trip is not None
    assert (trip.held, trip.sold) == (D("0.5"), D("0.5"))


def test_a_fee_that_eats_all_that_was_bought_begins_nothing() -> None:
    assert fold(fill(0, Side.BUY, "1", "100", "1", "BTC")) is None


@pytest.mark.parametrize(("left", "goes_on"), [("0.100", True), ("0.099", False), ("0", False)])
def test_what_is_too_little_to_be_sold_ends_the_trip(left: str, goes_on: bool) -> None:
    trip = fold(fill(0, Side.BUY, "1", "100"), fill(1, Side.SELL, str(1 - D(left)), "100"))
    assert (trip is not None) == goes_on


@pytest.mark.parametrize(("left", "goes_on"), [("0.001", True), ("0.0009", False)])
def test_the_smallest_quantity_is_still_a_position(left: str, goes_on: bool) -> None:
    trip = fold(fill(0, Side.BUY, "1", "20000"), fill(1, Side.SELL, str(1 - D(left)), "20000"))
    assert (trip is not None) == goes_on


def test_the_next_entry_begins_a_new_one() -> None:
    trip = fold(
        fill(0, Side.BUY, "1", "100"), fill(1, Side.SELL, "1", "90"), fill(2, Side.BUY, "2", "80", "1")
    )
    assert trip == Trip(START + timedelta(minutes=2), D(2), D(160), D(1), D(2), D(80))


def test_a_sale_of_what_was_never_entered_is_nobodys_trip() -> None:
    assert fold(fill(0, Side.SELL, "1", "100")) is None


sizes = st.integers(1, 500).map(lambda steps: str(D(steps) / 100))
prices = st.integers(5_000, 50_000).map(lambda ticks: str(D(ticks) / 100))


@given(st.lists(st.tuples(st.booleans(), sizes, prices), min_size=1, max_size=12))
def test_the_trip_agrees_with_the_books(steps: list[tuple[bool, str, str]]) -> None:
    portfolio = Portfolio(CAPITAL, INSTRUMENTS)
    trip: Trip | None = None
    for number, (buys, size, price) in enumerate(steps):
        position = portfolio.position(BTC)
        if not buys and (position is None or position.quantity < D(size)):
            continue
        each = fill(number, Side.BUY if buys else Side.SELL, size, price, "0.01")
        portfolio.book(each)
        trip = after(trip, each, COIN, D("0.001"))
        position = portfolio.position(BTC)
        if trip is None:
            assert position is None or not portfolio.sellable(BTC, D(price))
            return  # dust is left: from here on the two count differently, on purpose
        assert position is not None
        assert trip.held == position.quantity
        assert abs(trip.entry - position.average_price) < D("1e-12")
        assert trip.fees >= 0
        assert trip.bought >= trip.held
