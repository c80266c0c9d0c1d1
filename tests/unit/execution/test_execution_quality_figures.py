"""Every figure of execution quality against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.algorithms import Method, Slice
from domain.errors import JournalCorrupt
from domain.events import AlgorithmEnded, AlgorithmStarted, DeskEvent, OrderClosed, OrderSubmitted
from domain.money import Quantity
from domain.orders import OrderType, Side
from domain.reconciliation import IntentReduced
from execution.quality import measure
from execution.quality_report import Quality, grouped, summary
from tests.faults.world import BTC, ETH
from tests.unit.execution.quality_story import (
    BOUGHT,
    PASSIVE,
    PLAN,
    REFUSED,
    REJECTED,
    SOLD,
    STOP,
    child,
    fill,
    mark,
    moment,
    order,
    price,
    sent,
    story,
)

PART = Slice(timedelta(0), Decimal(8000))


def one(name: str, events: list[DeskEvent] | None = None) -> Quality:
    fold = measure(events if events is not None else story())
    return summary("one", [fold.orders[name]])


def test_a_filled_order_costs_its_price_against_arrival_and_its_fees() -> None:
    seen = one(BOUGHT.client_id)
    # 0.3 at 40010 and 0.2 at 40035 are 40020 on average: 20 of 40000 are 5 bp; 20.01 of 20000 are 10.005 bp
    assert (seen.execution, seen.fees, seen.opportunity) == (
        Decimal("5.00"),
        Decimal("10.00"),
        Decimal("0.00"),
    )
    assert seen.shortfall == Decimal("15.00")
    assert (seen.expected, seen.actual) == (Decimal("2.50"), Decimal("5.00"))
    assert (seen.fill_rate, seen.maker_share) == (Decimal(1), Decimal(0))
    assert seen.filled == 1
    assert seen.value == Decimal("20010.00")


def test_what_was_missed_costs_what_the_price_did_afterwards() -> None:
    seen = one(PASSIVE.client_id)
    # of 0.5 at 40000: 0.2 bought 100 lower gain 20 (-10 bp), 0.3 missed at 40300 cost 90 (45 bp)
    assert (seen.execution, seen.opportunity) == (Decimal("-10.00"), Decimal("45.00"))
    assert seen.fees == Decimal("3.99")
    assert seen.shortfall == Decimal("38.99")
    assert (seen.fill_rate, seen.maker_share, seen.filled) == (Decimal("0.4"), Decimal(1), 0)
    assert seen.expected == seen.actual == Decimal("-25.00")  # a limit expects its own price


def test_a_sale_loses_by_a_lower_price_and_its_fee_in_a_third_currency_is_counted_apart() -> None:
    seen = one(SOLD.client_id)
    assert (seen.execution, seen.fees, seen.strange_fees) == (Decimal("2.50"), Decimal("0.00"), 1)
    assert seen.expected == Decimal("2.50")


def test_a_rejected_order_missed_everything() -> None:
    seen = one(REJECTED.client_id)
    # the mark after it was rejected says 40300: 300 of 40000
    assert (seen.rejected, seen.fill_rate, seen.opportunity) == (1, Decimal(0), Decimal("75.00"))
    assert seen.to_acknowledge.count == 0


def test_a_refused_order_was_never_sent_and_costs_nothing() -> None:
    seen = one(REFUSED.client_id)
    assert (seen.refused, seen.shortfall, seen.fill_rate, seen.to_send.count) == (1, None, None, 0)


def test_a_stop_is_measured_against_its_trigger_and_is_no_part_of_the_fill_rate() -> None:
    seen = one(STOP.client_id)
    # ten of 39000; the fee is a thousandth of 38990
    assert (seen.execution, seen.fees) == (Decimal("2.56"), Decimal("10.00"))
    assert (seen.fill_rate, seen.opportunity, seen.expected) == (None, Decimal("0.00"), Decimal("0.00"))
    assert seen.to_fill.count == 0


def test_an_algorithm_is_measured_as_one_decision() -> None:
    fold = measure(story())
    rows = {row.key: row for row in grouped(fold.parents(), lambda each: each.algorithm)}
    seen = rows["twap"]
    # of 4 at 2000: 2 bought 2 higher cost 4 (5 bp), 2 missed at 2040 cost 80 (100 bp), fees 4.004 (5.005 bp)
    assert (seen.execution, seen.opportunity, seen.fees) == (
        Decimal("5.00"),
        Decimal("100.00"),
        Decimal("5.00"),
    )
    assert (seen.orders, seen.rejected, seen.fill_rate) == (2, 1, Decimal("0.5"))
    assert rows["none"].orders == 6
    assert set(rows) == {"none", "twap"}


def test_rows_by_venue_and_symbol_add_up_to_the_whole() -> None:
    fold = measure(story())
    orders = list(fold.orders.values())
    for key in ((lambda each: each.venue or "-"), (lambda each: each.symbol)):
        rows = grouped(orders, key)
        assert sum(row.orders for row in rows) == 8
        assert sum(row.value for row in rows) == summary("all", orders).value
    assert [row.key for row in grouped(orders, lambda each: each.venue or "-")] == ["-", "alpha", "beta"]
    assert fold.vetoed == {BTC: 1}


def test_latencies_are_percentiles_of_the_desks_own_times() -> None:
    seen = summary("all", [each for each in measure(story()).orders.values() if each.symbol != ETH])
    assert seen.to_send.count == 5
    assert (seen.to_send.p50, seen.to_send.p95) == (1.0, 3.0)
    assert (seen.to_acknowledge.p50, seen.to_acknowledge.count) == (0.25, 4)
    assert seen.to_first_fill.p50 == 0.75
    assert (seen.to_fill.p50, seen.to_fill.p99) == (0.5, 4.0)


def test_an_order_that_is_open_is_counted_as_open_and_costs_nothing_yet() -> None:
    seen = one(BOUGHT.client_id, [*sent(BOUGHT), fill(BOUGHT, "0.3", "40010", ("12", "USDT"))])
    assert (seen.open, seen.filled, seen.shortfall, seen.fill_rate) == (1, 0, None, None)


def test_an_order_without_an_arrival_price_takes_the_middle_when_it_was_sent() -> None:
    made = order(6, arrival=None)
    seen = one(made.client_id, [*sent(made), fill(made, "0.5", "40010", ("0", "USDT"))])
    assert seen.execution == Decimal("2.50")
    bare = list(sent(made))
    bare[1] = OrderSubmitted(made.client_id, BTC, moment(1))
    seen = one(made.client_id, [*bare, fill(made, "0.5", "40010", ("0", "USDT"))])
    assert (seen.unmeasured, seen.shortfall) == (1, None)


def test_an_intent_that_became_smaller_wanted_only_that() -> None:
    made = order(7)
    events = [*sent(made), fill(made, "0.2", "40000", ("0", "USDT"))]
    events.insert(1, IntentReduced(made.client_id, BTC, Quantity(Decimal("0.2")), "replaced", moment(0)))
    assert one(made.client_id, events).fill_rate == 1


def test_only_the_first_marks_after_the_end_count() -> None:
    events = [*story(), mark(90, BTC="99999", ETH="9")]
    assert one(PASSIVE.client_id, events) == one(PASSIVE.client_id)


def test_a_fill_before_its_acknowledgement_took_no_time() -> None:
    made = order(8)
    seen = one(made.client_id, [*sent(made, after=4), fill(made, "0.5", "40000", ("0", "USDT"), after=1)])
    assert seen.to_first_fill.p50 == 0.0


def test_a_limit_above_the_market_expects_the_market() -> None:
    made = order(6, limit="40500", side=Side.BUY)
    seen = one(made.client_id, [*sent(made), fill(made, "0.5", "40010", ("0", "USDT"))])
    assert seen.expected == Decimal("2.50")


def test_an_event_about_an_order_nobody_recorded_is_refused() -> None:
    with pytest.raises(JournalCorrupt, match="never recorded"):
        measure([OrderSubmitted("s-x", BTC, moment(1), "alpha", price("1"), price("2"))])


def test_the_first_fill_and_the_last_are_told_apart() -> None:
    seen = one(BOUGHT.client_id)
    assert (seen.to_first_fill.p50, seen.to_fill.p50) == (0.75, 4.0)


def test_a_stop_that_was_withdrawn_halfway_missed_nothing() -> None:
    closed = OrderClosed(STOP.client_id, BTC, "cancelled", "replaced", moment(60))
    half = fill(STOP, "0.05", "38990", ("1.9495", "USDT"), after=50)
    seen = one(STOP.client_id, [*sent(STOP), half, closed, mark(61, BTC="35000")])
    assert (seen.execution, seen.opportunity) == (Decimal("2.56"), Decimal("0.00"))


def test_a_trailing_stop_has_no_price_to_be_measured_against() -> None:
    made = replace(STOP, order_type=OrderType.TRAILING_STOP, trailing=Decimal("0.05"))
    seen = one(made.client_id, [*sent(made), fill(made, "0.1", "38990", ("3.899", "USDT"))])
    assert (seen.unmeasured, seen.shortfall, seen.expected) == (1, None, None)


def test_a_sum_of_money_is_measured_as_what_it_would_have_bought_at_arrival() -> None:
    plan = replace(PLAN, method=Method.DCA, amount=Decimal(8000), in_quote=True, slices=(PART,))
    (seen,) = grouped(measure([AlgorithmStarted(plan, moment(0)), *worked()]).parents(), lambda _: "all")
    # of 4 at 2000: 2 bought 2 higher are 5 bp
    assert (seen.execution, seen.fill_rate) == (Decimal("5.00"), Decimal("0.5"))


def worked() -> list[DeskEvent]:
    """The first part is bought, the rest is not."""
    over = AlgorithmEnded(PLAN.algorithm_id, ETH, "its time is up", Decimal(4004), Decimal(3996), moment(60))
    return [*sent(child(0), bid="1999", ask="2001"), fill(child(0), "2", "2002", ("4.004", "USDT")), over]


def test_nothing_gives_no_figures() -> None:
    seen = summary("all", [])
    assert (seen.orders, seen.shortfall, seen.to_send.p50, seen.maker_share) == (0, None, None, None)
