"""The paper venue: refusals, one match a bar, and coming back after a restart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.errors import VenueRejected
from domain.market import Candle, OrderBook
from domain.money import Quantity, Symbol
from domain.orders import Order, OrderIntent, OrderStatus, Side, TimeInForce
from execution.paper import PaperVenue
from execution.venue import Closed, Executed, VenueReport
from simulator.costs import BookWalk, FeeSchedule, FillModel, NextOpen
from simulator.matching import MatchingCore
from tests.scenarios.stage import (
    BTC,
    COIN,
    HOUR,
    INSTRUMENT,
    START,
    USDT,
    StageFeed,
    approve,
    bar,
    book,
    order,
)

THIN = book([("99", "1")], [("101", "1")])


def stage(
    bars: dict[int, Candle] | None = None,
    *,
    model: FillModel | None = None,
    books: dict[int, OrderBook] | None = None,
    cash: str = "10000",
    coins: str = "10",
) -> tuple[PaperVenue, StageFeed, MatchingCore]:
    feed = StageFeed(bars or {i: bar(i, "100", "101", "99", "100") for i in range(9)}, books or {})
    core = MatchingCore(
        {BTC: INSTRUMENT},
        FeeSchedule(Decimal("0.001"), Decimal("0.001")),
        model or NextOpen(),
        {USDT: Decimal(cash), COIN: Decimal(coins)},
    )
    return PaperVenue(feed, core), feed, core


def executed(reports: tuple[VenueReport, ...]) -> list[tuple[str, Decimal]]:
    return [(each.fill.fill_id, each.fill.quantity) for each in reports if isinstance(each, Executed)]


def live(intent: OrderIntent, *reports: VenueReport) -> Order:
    """The desk's order after what the venue reported."""
    found = Order(intent)
    found.move(OrderStatus.SUBMITTING, START)
    found.move(OrderStatus.ACCEPTED, START)
    for report in reports:
        if isinstance(report, Executed):
            found.add_fill(report.fill)
    return found


REFUSED = [
    ("too much cash", order("a", Side.BUY, "100", limit="101"), "needs"),
    ("more coins than held", order("a", Side.SELL, "10.001"), "needs"),
    ("a reduce-only buy", order("a", Side.BUY, "1", limit="100", reduce_only=True), "reduce-only"),
]


@pytest.mark.parametrize(("intent", "why"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
async def test_the_venue_refuses_for_good(intent: OrderIntent, why: str) -> None:
    _, _, core = stage()
    with pytest.raises(VenueRejected, match=why):
        core.submit(intent, START, Decimal(100))
    assert core.find("a") is None
    assert core.free(USDT) == 10_000


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"quantity": Decimal("0.0001")}, "below the minimum"),
        ({"quantity": Decimal("1.0001")}, "off the step"),
        ({"quantity": Decimal("1001")}, "above the maximum"),
        ({"limit_price": Decimal("100.001")}, "off the tick"),
        ({"quantity": Decimal("0.04")}, "value 4.00 is below"),
        ({"limit_price": None}, "without a price"),
        ({"symbol": Symbol("XXX/USDT")}, "not listed"),
    ],
)
def test_the_venue_holds_its_filters(changes: dict[str, object], why: str) -> None:
    _, _, core = stage()
    intent = replace(order("a", Side.BUY, "1", limit="100"), **changes)  # type: ignore[arg-type]  # any field
    with pytest.raises(VenueRejected, match=why):
        core.submit(intent, START)


def test_a_market_order_without_a_price_is_refused() -> None:
    _, _, core = stage()
    with pytest.raises(VenueRejected, match="without a price"):
        core.submit(order("a", Side.BUY, "1"), START, None)


def test_a_reference_price_between_two_ticks_is_no_reason_to_refuse() -> None:
    _, _, core = stage()
    assert core.submit(order("a", Side.BUY, "1"), START, Decimal("100.005")) == "sim-a"


async def test_open_orders_reserve_what_they_may_spend() -> None:
    venue, _, core = stage(cash="1000")
    await venue.place(approve(order("a", Side.BUY, "5", limit="90")))
    assert core.free(USDT) == Decimal("549.55")
    with pytest.raises(VenueRejected, match="is free"):
        await venue.place(approve(order("b", Side.BUY, "7", limit="90")))
    await venue.cancel("a")
    assert core.free(USDT) == 1000
    await venue.place(approve(order("c", Side.BUY, "7", limit="90")))


async def test_a_reduce_only_stop_leaves_the_coins_free_to_sell() -> None:
    venue, feed, core = stage()
    await venue.place(approve(order("stop", Side.SELL, "10", trigger="90", reduce_only=True)))
    assert core.free(COIN) == 10
    await venue.place(approve(order("sale", Side.SELL, "10")))
    feed.advance()
    assert executed(await venue.poll()) == [("sale-f1", Decimal(10))]


async def test_a_bar_is_matched_once_however_often_the_venue_is_polled() -> None:
    venue, feed, _ = stage(model=BookWalk(participation=Decimal(1)), books=dict.fromkeys(range(-1, 9), THIN))
    await venue.place(approve(order("a", Side.BUY, "3")))
    feed.advance()
    assert executed(await venue.poll()) == [("a-f1", Decimal(1))]
    assert await venue.poll() == ()
    feed.advance()
    assert executed(await venue.poll()) == [("a-f2", Decimal(1))]


async def test_an_order_never_fills_on_the_bar_it_was_decided_on() -> None:
    venue, feed, _ = stage()
    feed.advance()
    await venue.place(approve(order("a", Side.BUY, "1"), feed.now))
    assert await venue.poll() == ()
    feed.advance()
    assert executed(await venue.poll()) == [("a-f1", Decimal(1))]


def test_the_core_itself_refuses_a_bar_that_opened_before_the_order() -> None:
    _, _, core = stage()
    core.submit(order("a", Side.BUY, "1"), START + HOUR, Decimal(100))
    assert core.on_bar(bar(0, "100", "100", "100", "100")) == []
    assert len(core.on_bar(bar(1, "100", "100", "100", "100"))) == 1


async def test_a_cancellation_is_reported_before_what_comes_after_it() -> None:
    venue, feed, _ = stage()
    await venue.place(approve(order("a", Side.BUY, "1", limit="50")))
    await venue.place(approve(order("b", Side.BUY, "1")))
    await venue.cancel("a")
    feed.advance()
    first, second = await venue.poll()
    assert isinstance(first, Closed)
    assert first.client_id == "a"
    assert isinstance(second, Executed)


async def test_after_a_restart_a_bar_that_is_run_again_fills_nothing_twice() -> None:
    books = dict.fromkeys(range(-1, 9), THIN)
    model = BookWalk(participation=Decimal(1))
    venue, feed, core = stage(model=model, books=books)
    intent = order("a", Side.BUY, "3")
    await venue.place(approve(intent))
    feed.advance()
    reports = await venue.poll()

    again, feed_again, core_again = stage(model=model, books=books)
    again.restore([(live(intent, *reports), None)], core.balances)
    feed_again.advance()  # the same bar once more
    assert await again.poll() == ()
    feed_again.advance()
    assert executed(await again.poll()) == [("a-f2", Decimal(1))]
    seen = await again.lookup("a")
    assert seen is not None
    assert (seen.status, seen.filled) == (OrderStatus.PARTIALLY_FILLED, Decimal(2))
    feed_again.advance()
    await again.poll()
    assert core_again.balances[COIN] == 13
    assert core_again.free(USDT) == core_again.balances[USDT]


async def test_what_forgotten_orders_traded_counts_for_the_rates_of_the_days_after() -> None:
    """Like the fills of orders that are put back, whatever order they belonged to."""
    venue, feed, core = stage()
    intent = order("a", Side.BUY, "3")
    await venue.place(approve(intent))
    feed.advance()
    reports = await venue.poll()
    fills = [each.fill for each in reports if isinstance(each, Executed)]

    again, _, core_again = stage()
    again.restore([], core.balances, fills)
    tomorrow = (START + HOUR).date() + timedelta(days=1)
    assert (
        core_again._till.turnover.of_month(tomorrow) == sum(each.price * each.quantity for each in fills) > 0
    )


async def test_the_bar_named_as_matched_is_not_matched_again() -> None:
    venue, feed, _ = stage()
    intent = order("a", Side.BUY, "1")
    venue.restore([(live(intent), START + HOUR)])
    feed.advance()
    assert await venue.poll() == ()
    feed.advance()
    assert executed(await venue.poll()) == [("a-f1", Decimal(1))]


async def test_a_stop_that_had_triggered_before_the_restart_goes_on_as_a_market_order() -> None:
    bars = {0: bar(0, "100", "101", "90", "95"), 1: bar(1, "105", "106", "104", "105")}
    model = BookWalk(participation=Decimal(1))
    venue, feed, core = stage(bars, model=model, books={-1: THIN, 0: THIN})
    intent = order("a", Side.SELL, "2", trigger="95")
    await venue.place(approve(intent))
    feed.advance()
    reports = await venue.poll()
    assert executed(reports) == [("a-f1", Decimal(1))]

    again, feed_again, _ = stage(bars, model=model, books={-1: THIN, 0: THIN})
    feed_again.advance()
    again.restore([(live(intent, *reports), START + HOUR)], core.balances)
    feed_again.advance()
    (report,) = await again.poll()
    assert isinstance(report, Executed)
    assert report.fill.price == Decimal(104)


async def test_an_at_once_order_caught_between_its_fill_and_its_end_expires() -> None:
    model = BookWalk(participation=Decimal(1))
    venue, feed, core = stage(model=model, books={-1: THIN})
    intent = order("a", Side.BUY, "3", tif=TimeInForce.IOC)
    await venue.place(approve(intent))
    feed.advance()
    reports = await venue.poll()
    assert [type(each) for each in reports] == [Executed, Closed]

    again, feed_again, _ = stage(model=model, books={-1: THIN})
    again.restore([(live(intent, reports[0]), None)], core.balances)
    feed_again.advance()
    (report,) = await again.poll()
    assert isinstance(report, Closed)
    assert report.status is OrderStatus.EXPIRED


async def test_what_the_venue_had_not_accepted_is_not_restored() -> None:
    venue, _, _ = stage()
    submitting = Order(order("a", Side.BUY, "1"))
    submitting.move(OrderStatus.SUBMITTING, START)
    venue.restore([(submitting, None)])
    assert await venue.lookup("a") is None


def test_an_order_with_nothing_left_cannot_be_restored() -> None:
    _, _, core = stage()
    intent = replace(order("a", Side.BUY, "1"), quantity=Quantity(Decimal(0)))
    with pytest.raises(VenueRejected, match="nothing left"):
        core.restore(intent, (), START, None)
