"""The desk's own doings: what its events come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from domain.breakers import ViewsTaken
from domain.events import (
    DeskEvent,
    IntentRecorded,
    IntentRefused,
    OrderAccepted,
    OrderClosed,
    OrderFilled,
    OrderSubmitted,
    OrderUnknown,
)
from domain.money import Currency, Money, Price, Quantity, Symbol
from domain.orders import Fill, OrderIntent, OrderType, Origin, Side
from domain.reconciliation import IntentReduced, Reconciled
from risk.anomalies.doings import Alert, Doings, DoingsPolicy
from risk.anomalies.paper_books import PaperBooks

BTC = Symbol("BTC/USDT")
START = datetime(2026, 1, 5, tzinfo=UTC)
POLICY = DoingsPolicy(
    errors_window=timedelta(hours=1),
    slippage_allowance=0.005,
    error_window=20,
    same_answers=0.86,
    same_answers_window=10,
)
INTENT = OrderIntent(
    client_id="s-000001-00",
    session="s",
    cycle=1,
    leg=0,
    origin=Origin.CYCLE,
    symbol=BTC,
    side=Side.BUY,
    order_type=OrderType.MARKET,
    quantity=Quantity(Decimal(2)),
    reduce_only=False,
    reason="",
    created_at=START,
)


def doings() -> Doings:
    return Doings(POLICY, PaperBooks((BTC,), cost_fraction=0.0))


def feed(one: Doings, *events: DeskEvent) -> list[object]:
    return [seen for event in events for seen in one.take(event)]


def bar(one: Doings, at: datetime = START) -> dict[str, float]:
    told = {kind: value for kind, _, value, _ in one.bar(at)}
    one.end_bar(())
    return told


def submitted(client_id: str = INTENT.client_id, at: datetime = START) -> OrderSubmitted:
    return OrderSubmitted(client_id, BTC, at, "paper", Price(Decimal(99)), Price(Decimal(101)))


def fill(
    price: str, *, side: Side = Side.BUY, quantity: str = "2", maker: bool = False, number: int = 1
) -> OrderFilled:
    told = Fill(
        fill_id=f"f{number}",
        client_id=INTENT.client_id,
        symbol=BTC,
        side=side,
        quantity=Quantity(Decimal(quantity)),
        price=Price(Decimal(price)),
        fee=Money(Decimal(0), Currency("USDT")),
        filled_at=START,
        maker=maker,
    )
    return OrderFilled(told, START)


def views(
    stances: Mapping[str, Mapping[Symbol, float]],
    *,
    cycle: int = 1,
    failed: Mapping[str, int] | None = None,
    calls: int = 0,
    failures: int = 0,
) -> ViewsTaken:
    return ViewsTaken(f"s-{cycle:06d}", stances, failed or {}, calls, failures, START)


def test_a_quiet_bar() -> None:
    assert bar(doings()) == {"order_rate": 0.0, "venue_errors": 0.0, "slippage": 0.0}


def test_orders_refused_or_unanswered_by_the_venue_are_its_errors_for_an_hour() -> None:
    one = doings()
    feed(one, OrderUnknown("a", BTC, "timed out", START))
    feed(one, OrderClosed("b", BTC, "rejected", "no", START))
    feed(
        one,
        OrderClosed("c", BTC, "cancelled", "we asked", START),
        OrderClosed("d", BTC, "expired", "", START),
    )
    assert bar(one)["venue_errors"] == 2.0
    assert bar(one, START + timedelta(hours=1))["venue_errors"] == 0.0


def test_the_time_to_an_answer_is_told_when_there_is_a_new_one() -> None:
    one = doings()
    for index in range(5):
        feed(one, submitted(f"o{index}"), OrderAccepted(f"o{index}", BTC, "v", START + timedelta(seconds=7)))
    assert bar(one)["latency"] == 7.0
    assert "latency" not in bar(one)


def test_where_time_runs_faster_an_answer_is_told_in_this_machines_seconds() -> None:
    one = Doings(replace(POLICY, speed=10.0), PaperBooks((BTC,), cost_fraction=0.0))
    for index in range(5):
        feed(one, submitted(f"o{index}"), OrderAccepted(f"o{index}", BTC, "v", START + timedelta(seconds=7)))
    assert bar(one)["latency"] == 0.7


def test_a_request_that_times_out_took_its_time_too() -> None:
    one = doings()
    for index in range(4):
        feed(one, submitted(f"o{index}"), OrderAccepted(f"o{index}", BTC, "v", START))
    feed(one, submitted("o9"), OrderUnknown("o9", BTC, "", START + timedelta(seconds=30)))
    assert "latency" in bar(one)


def test_only_an_accepted_order_is_an_answer() -> None:
    one = doings()
    feed(one, submitted("a"), OrderUnknown("a", BTC, "", START))
    assert not one.answered
    feed(one, submitted("b"), OrderAccepted("b", BTC, "v", START))
    assert one.answered
    bar(one)
    assert not one.answered


def test_many_orders_in_a_bar_are_out_of_the_ordinary() -> None:
    one = doings()
    for _ in range(100):
        feed(one, submitted("a"))
        told = bar(one)
    assert told["order_rate"] == 0.0
    feed(one, *[submitted(f"o{index}") for index in range(13)])
    assert bar(one)["order_rate"] == 12.0
    assert bar(one)["order_rate"] == -1.0


@pytest.mark.parametrize(
    ("side", "price", "total"),
    [
        (Side.BUY, "101", 0.0),
        (Side.BUY, "102.515", 2.0),
        (Side.BUY, "95", 0.0),
        (Side.SELL, "97.515", 2.0),
        (Side.SELL, "103", 0.0),
        (Side.BUY, "202", 3.0),
    ],
)
def test_slippage_is_against_the_touch_at_which_it_was_sent(side: Side, price: str, total: float) -> None:
    one = doings()
    feed(one, IntentRecorded(replace(INTENT, side=side), START), submitted(), fill(price, side=side))
    assert one.filled
    assert bar(one)["slippage"] == pytest.approx(total)


def test_a_stop_is_measured_against_its_trigger() -> None:
    one = doings()
    stop = replace(INTENT, side=Side.SELL, order_type=OrderType.STOP, trigger_price=Price(Decimal(90)))
    feed(one, IntentRecorded(stop, START), submitted(), fill("88.2", side=Side.SELL))
    assert bar(one)["slippage"] == pytest.approx(0.02 / 0.005 - 1.0)


def test_limits_makers_and_strangers_do_not_slip() -> None:
    one = doings()
    limit = replace(INTENT, order_type=OrderType.LIMIT, limit_price=Price(Decimal(90)))
    feed(one, IntentRecorded(limit, START), submitted(), fill("200"))
    one_more = replace(INTENT, client_id=INTENT.client_id)
    feed(one, IntentRecorded(one_more, START), submitted(), fill("200", maker=True))
    feed(one, fill("200", number=9))
    feed(one, IntentRecorded(INTENT, START), fill("200"))
    assert not one.filled, "never sent: nothing was expected of it"
    assert bar(one)["slippage"] == 0.0


def test_an_order_filled_in_parts_is_measured_in_parts_until_it_is_full() -> None:
    one = doings()
    feed(one, IntentRecorded(INTENT, START), submitted(), fill("102.515", quantity="0.5"))
    feed(one, fill("102.515", quantity="1.5", number=2))
    assert bar(one)["slippage"] == pytest.approx(4.0)
    feed(one, fill("102.515", quantity="1", number=3))
    assert bar(one)["slippage"] == pytest.approx(4.0), "it was full: this is a stranger's"


def test_an_order_that_ended_is_forgotten() -> None:
    one = doings()
    feed(
        one,
        IntentRecorded(INTENT, START),
        submitted(),
        OrderClosed(INTENT.client_id, BTC, "cancelled", "", START),
    )
    feed(one, fill("200"))
    assert not one.filled


def test_an_order_that_the_gate_made_smaller_is_full_sooner_and_one_it_refused_is_forgotten() -> None:
    """Nothing more is expected of either: what was remembered would never be asked for again."""
    one = doings()
    smaller = IntentReduced(INTENT.client_id, BTC, Quantity(Decimal(1)), "clipped", START)
    feed(one, IntentRecorded(INTENT, START), smaller, submitted(), fill("100", quantity="0.5"))
    assert one._expected[INTENT.client_id].left == Decimal("0.5")
    feed(one, fill("100", quantity="0.5", number=2))
    assert not one._expected
    other = replace(INTENT, client_id="s-000002-00")
    feed(one, IntentRecorded(other, START), IntentRefused(other, 2, (), START, ""))
    assert not one._expected
    feed(one, smaller)
    assert not one._expected, "an order that is over"


def test_the_sum_begins_anew_when_its_breaker_opened() -> None:
    one = doings()
    feed(one, IntentRecorded(INTENT, START), submitted(), fill("150"))
    one.end_bar(("latency",))
    assert bar(one)["slippage"] == 3.0
    one.end_bar(("slippage",))
    assert bar(one)["slippage"] == 0.0


def test_differences_nobody_can_explain_are_counted_with_their_reasons() -> None:
    event = Reconciled(
        "paper", 0, 0, 0, (), {"*": "3 USDT are missing", "BTC/USDT": "0.1 too many"}, {}, START, START
    )
    assert feed(doings(), event) == [("reconcile_mismatch", "", 2.0, "3 USDT are missing; 0.1 too many")]
    assert feed(doings(), replace(event, frozen={})) == [("reconcile_mismatch", "", 0.0, "")]


def test_the_share_of_answers_on_which_a_strategy_broke() -> None:
    one = doings()
    told = []
    for cycle in range(1, 7):
        failed = {"bad": 1} if cycle > 2 else {}
        stances: dict[str, dict[Symbol, float]] = {"bad": {} if failed else {BTC: 0.5}, "good": {BTC: 0.5}}
        told.append(feed(one, views(stances, cycle=cycle, failed=failed)))
    assert told[:4] == [[]] * 4, "five answers have to be known"
    assert told[4] == [("strategy_errors", "bad", 0.6, ""), ("strategy_errors", "good", 0.0, "")]
    assert told[5][0] == ("strategy_errors", "bad", pytest.approx(4 / 6), "")


def test_a_cycle_that_a_crash_made_say_it_twice_counts_once() -> None:
    one, other = doings(), doings()
    for cycle in range(1, 7):
        event = views({"bad": {}}, cycle=cycle, failed={"bad": 1}, calls=4, failures=4)
        feed(one, event, event)
        expected = feed(other, event)
    assert feed(one, views({"bad": {}}, cycle=7)) == feed(other, views({"bad": {}}, cycle=7))
    assert expected


def test_models_are_out_when_most_of_their_calls_have_no_answer() -> None:
    one = doings()
    assert feed(one, views({}, cycle=1, calls=3, failures=3)) == []
    assert feed(one, views({}, cycle=2, calls=1, failures=1)) == [("model_outage", "", 1.0, "")]
    assert feed(one, views({}, cycle=3, calls=4, failures=0)) == [("model_outage", "", 0.5, "")]
    assert feed(one, views({}, cycle=4)) == [], "a desk without models asks none"


def test_a_model_whose_answers_are_all_the_same_is_an_alert_and_a_rule_is_not() -> None:
    one = doings()
    alerts: list[Alert] = []
    for cycle in range(1, 25):
        stance = 0.5 if cycle <= 12 else cycle / 100
        stances = {"market_analyst:model": {BTC: stance}, "breakout": {BTC: 1.0}}
        alerts += [seen for seen in feed(one, views(stances, cycle=cycle)) if isinstance(seen, Alert)]
    assert {alert.name for alert in alerts} == {"same_answers:market_analyst:model"}
    assert [alert.on for alert in alerts] == [False] * 9 + [True] * 4 + [False] * 11
    assert "same answer (0.5) to 100% of the last 10 questions" in alerts[9].message


def test_a_model_without_a_view_gave_no_answer() -> None:
    one = doings()
    for cycle in range(1, 30):
        assert feed(one, views({"market_analyst:model": {}}, cycle=cycle)) in (
            [],
            [("strategy_errors", "market_analyst:model", 0.0, "")],
        )


@pytest.mark.parametrize(("share", "on"), [(0.9, True), (0.91, False)])
def test_as_many_same_answers_as_the_limit_are_an_alert(share: float, on: bool) -> None:
    one = Doings(replace(POLICY, same_answers=share), PaperBooks((BTC,), cost_fraction=0.0))
    alerts: list[object] = []
    for cycle in range(1, 11):
        stances = {"market_analyst:model": {BTC: 0.1 if cycle == 1 else 0.5}}
        alerts += feed(one, views(stances, cycle=cycle))
    assert [alert.on for alert in alerts if isinstance(alert, Alert)][-1] is on
