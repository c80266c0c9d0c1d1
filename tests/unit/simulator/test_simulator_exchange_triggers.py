"""Orders that wait: stops, profit targets, trailing stops, and pairs of which one ends the other."""

from __future__ import annotations

from typing import Any

import pytest

from domain.orders import OrderStatus, OrderType, Side
from simulator.exchange.model import Ending, NewOrder, OrderList
from simulator.exchange.policy import Policy
from simulator.exchange.rejection import Reason, Rejection
from tests.unit.simulator.exchange_floor import COIN, ME, RIVAL, Floor, changes, d, floor

STOP, STOP_LIMIT, TRAIL = OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP
PROFIT = OrderType.TAKE_PROFIT


@pytest.fixture
def stage() -> Floor:
    """A deep rival: bids at 80, asks at 120."""
    made = floor()
    made.rival("buy", "80", "100")
    made.rival("sell", "120", "100")
    return made


@pytest.mark.parametrize(
    ("side", "kind", "trigger", "misses", "hits", "price"),
    [
        ("sell", STOP, "95", "95.1", "95", "80"),
        ("buy", STOP, "105", "104.9", "105", "120"),
        ("sell", PROFIT, "105", "104.9", "105", "80"),
        ("buy", PROFIT, "95", "95.1", "95", "120"),
    ],
)
def test_a_trigger_wakes_at_its_price_and_not_before(
    stage: Floor, side: str, kind: OrderType, trigger: str, misses: str, hits: str, price: str
) -> None:
    order = stage.place(side, kind, quantity="1", trigger_price=trigger).order
    stage.trade_at(misses)
    assert stage.order(order.order_id).asleep
    heard = stage.hear()
    stage.trade_at(hits)
    woken = stage.order(order.order_id)
    assert (woken.status, woken.average_price, woken.asleep) == (OrderStatus.FILLED, d(price), False)
    assert changes(heard) == [(order.order_id, "triggered"), (order.order_id, "trade")]
    assert stage.held()[("COIN" if side == "sell" else "USDT")][1] == "0"


def test_a_woken_limit_order_rests_at_its_price(stage: Floor) -> None:
    order = stage.place("sell", STOP_LIMIT, quantity="1", trigger_price="95", limit_price="94").order
    stage.trade_at("95")
    woken = stage.order(order.order_id)
    assert (woken.status, woken.asleep, stage.held()["COIN"]) == (OrderStatus.ACCEPTED, False, ("9", "1"))
    stage.rival("buy", "94", "1")
    assert stage.order(order.order_id).average_price == d("94")


def test_one_stop_wakes_the_next_the_nearest_first(stage: Floor) -> None:
    far = stage.place("sell", STOP, quantity="1", trigger_price="85").order
    near = stage.place("sell", STOP, quantity="1", trigger_price="95").order
    heard = stage.hear()
    stage.trade_at("95")  # the near one sells at 80, which wakes the far one
    assert changes(heard) == [
        (near.order_id, "triggered"),
        (near.order_id, "trade"),
        (far.order_id, "triggered"),
        (far.order_id, "trade"),
    ]


def test_a_cancelled_sleeper_never_wakes(stage: Floor) -> None:
    order = stage.place("sell", STOP, quantity="1", trigger_price="95").order
    assert stage.held()["COIN"] == ("9", "1")
    stage.exchange.cancel(ME, COIN, order_id=order.order_id)
    assert stage.held()["COIN"] == ("10", "0")
    stage.trade_at("95")
    assert stage.order(order.order_id).status is OrderStatus.CANCELLED


def test_a_sleeper_that_locked_nothing_ends_when_the_money_is_gone() -> None:
    stage = floor(Policy(locks_sleeping=False))
    stage.rival("buy", "80", "100")
    order = stage.place("sell", STOP, quantity="10", trigger_price="95").order
    assert stage.held()["COIN"] == ("10", "0")
    stage.place("sell", OrderType.MARKET, quantity="1")  # which trades at 80
    woken = stage.order(order.order_id)
    assert (woken.status, woken.ending) == (OrderStatus.EXPIRED, Ending.NO_FUNDS)
    assert stage.held()["COIN"] == ("9", "0")


def test_a_trailing_stop_follows_the_best_price(stage: Floor) -> None:
    order = stage.place("sell", TRAIL, quantity="1", trailing="0.1").order
    assert stage.order(order.order_id).stop_price == d("90")
    stage.trade_at("110")
    assert stage.order(order.order_id).stop_price == d("99")
    stage.trade_at("99.1")
    assert stage.order(order.order_id).asleep
    assert stage.order(order.order_id).stop_price == d("99")
    stage.trade_at("99")
    assert stage.order(order.order_id).average_price == d("80")


def test_a_trailing_buy_follows_downwards(stage: Floor) -> None:
    order = stage.place("buy", TRAIL, quantity="1", trailing="0.1").order
    assert stage.held()["USDT"] == ("9890", "110")
    stage.trade_at("90")
    assert stage.order(order.order_id).stop_price == d("99")
    stage.trade_at("98.9")
    assert stage.order(order.order_id).asleep
    stage.trade_at("99")
    assert stage.order(order.order_id).average_price == d("120")


@pytest.mark.parametrize(("side", "stop"), [("sell", "90.2"), ("buy", "110.4")])
def test_a_trailing_stop_between_two_ticks_stands_on_the_farther(stage: Floor, side: str, stop: str) -> None:
    stage.trade_at("100.3")  # 90.27 and 110.33
    order = stage.place(side, TRAIL, quantity="1", trailing="0.1").order
    assert stage.order(order.order_id).stop_price == d(stop)


def test_a_trailing_stop_may_wait_for_its_start(stage: Floor) -> None:
    order = stage.place("sell", TRAIL, quantity="1", trailing="0.1", trigger_price="105").order
    stage.trade_at("90")  # before it began, this is nothing
    assert stage.order(order.order_id).asleep
    stage.trade_at("105")
    assert stage.order(order.order_id).stop_price == d("94.5")
    stage.trade_at("94.5")
    assert stage.order(order.order_id).status is OrderStatus.FILLED


def pair(stage: Floor, side: str = "sell", **stop: Any) -> OrderList:
    """A target at 110 (90 to buy) and a stop at 95 (105 to buy)."""
    target, trigger = ("110", "95") if side == "sell" else ("90", "105")
    limit = NewOrder(
        COIN, Side(side), OrderType.LIMIT, quantity=d(2), limit_price=d(target), post_only=True, client_id="t"
    )
    guard = NewOrder(
        COIN,
        Side(side),
        STOP_LIMIT if stop else STOP,
        quantity=d(2),
        trigger_price=d(trigger),
        client_id="s",
        **stop,
    )
    return stage.exchange.place_list(ME, [guard, limit], "both")


def test_a_pair_locks_what_one_of_them_needs(stage: Floor) -> None:
    made = pair(stage)
    assert (stage.held()["COIN"], made.open, len(made.orders)) == (("8", "2"), True, 2)
    assert stage.exchange.order_list(ME, client_id="both").list_id == made.list_id
    stage.exchange.cancel_list(ME, list_id=made.list_id)
    assert stage.held()["COIN"] == ("10", "0")

    pair(stage, "buy", limit_price=d(106))
    assert stage.held()["USDT"] == ("9788", "212")  # the dearer leg: 2 x 106


def test_the_first_fill_of_one_ends_the_other(stage: Floor) -> None:
    made = pair(stage)
    heard = stage.hear()
    stage.rival("buy", "110", "0.5")
    target, stop = (stage.exchange.order(ME, COIN, client_id=name) for name in ("t", "s"))
    assert (target.status, stop.status, stop.ending) == (
        OrderStatus.PARTIALLY_FILLED,
        OrderStatus.EXPIRED,
        Ending.LIST,
    )
    assert stage.held()["COIN"] == ("8", "1.5")
    assert changes(heard) == [(target.order_id, "trade"), (stop.order_id, "expired")]
    stage.exchange.cancel(ME, COIN, client_id="t")
    assert not stage.exchange.order_list(ME, list_id=made.list_id).open


@pytest.mark.parametrize("side", ["sell", "buy"])
def test_the_trigger_of_one_ends_the_other(stage: Floor, side: str) -> None:
    pair(stage, side, **({"limit_price": d(106)} if side == "buy" else {}))
    heard = stage.hear()
    stage.trade_at("95" if side == "sell" else "105")
    target, stop = (stage.exchange.order(ME, COIN, client_id=name) for name in ("t", "s"))
    assert (target.status, target.ending) == (OrderStatus.EXPIRED, Ending.LIST)
    assert stop.is_open is (side == "buy")  # a limit at 106 rests below the asks
    assert changes(heard)[:2] == [(target.order_id, "expired"), (stop.order_id, "triggered")]
    assert stage.held()["USDT" if side == "buy" else "COIN"] == (
        ("9788", "212") if side == "buy" else ("8", "0")
    )


def test_cancelling_one_cancels_the_pair(stage: Floor) -> None:
    made = pair(stage)
    stage.exchange.cancel(ME, COIN, client_id="s")
    endings = [order.ending for order in stage.exchange.order_list(ME, list_id=made.list_id).orders]
    assert sorted(endings) == sorted([Ending.CANCELLED, Ending.LIST_CANCELLED])
    with pytest.raises(Rejection) as refused:
        stage.exchange.cancel_list(ME, list_id=made.list_id)
    assert refused.value.reason is Reason.ORDER_CLOSED


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"quantity": d(1)}, Reason.BAD_PARAMETER),
        ({"side": Side.BUY}, Reason.BAD_PARAMETER),
        ({"client_id": "s"}, Reason.DUPLICATE_CLIENT_ID),
        ({"limit_price": d(100)}, Reason.LIST_PRICES),
        ({"limit_price": d(94)}, Reason.LIST_PRICES),
    ],
)
def test_a_pair_that_is_none_is_refused_whole(stage: Floor, changed: dict[str, Any], reason: Reason) -> None:
    fields: dict[str, Any] = {
        "symbol": COIN,
        "side": Side.SELL,
        "order_type": OrderType.LIMIT,
        "quantity": d(2),
        "limit_price": d(110),
        "client_id": "t",
    }
    stop = NewOrder(COIN, Side.SELL, STOP, quantity=d(2), trigger_price=d(95), client_id="s")
    with pytest.raises(Rejection) as refused:
        stage.exchange.place_list(ME, [NewOrder(**(fields | changed)), stop])
    assert refused.value.reason is reason
    assert stage.exchange.orders(ME, COIN) == ()
    assert stage.held()["COIN"] == ("10", "0")


def test_a_pair_without_the_means_is_refused_whole(stage: Floor) -> None:
    stage.place("sell", OrderType.MARKET, quantity="8.5")
    stage.trade_at("100")
    with pytest.raises(Rejection) as refused:
        pair(stage)
    assert refused.value.reason is Reason.INSUFFICIENT_BALANCE
    assert stage.exchange.open_orders(ME) == ()
    assert stage.exchange.order_lists(RIVAL) == stage.exchange.order_lists(ME) == ()
