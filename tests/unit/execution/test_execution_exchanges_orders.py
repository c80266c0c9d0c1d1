"""Ids, requests and what a venue really does: nothing is dropped, cut or guessed on the way out."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigError
from domain.money import Price, Quantity, Symbol
from domain.orders import OrderIntent, OrderStatus, OrderType, Side, TimeInForce
from execution.exchanges.client_ids import from_venue, to_venue
from execution.exchanges.orders import bounded, mismatches, problems, ticket
from execution.exchanges.parse import Seen
from execution.exchanges.profiles import PROFILES, profile
from execution.venue import Terms
from simulator.wire.server import venue_module
from tests.scenarios.stage import BTC, INSTRUMENT, START, order

RULES = {name: each.client_ids for name, each in PROFILES.items()}
TYPES = tuple(OrderType)


def intent(kind: OrderType, side: Side = Side.SELL, **changes: object) -> OrderIntent:
    """A complete intent of any type."""
    base = order("session-000012-03", side, "1.5")
    limit = Price(Decimal("89.50")) if "LIMIT" in kind.name else None
    trigger = Price(Decimal("90.10")) if kind not in (OrderType.MARKET, OrderType.LIMIT) else None
    trailing = Decimal("0.0125") if kind is OrderType.TRAILING_STOP else None
    made = replace(base, order_type=kind, limit_price=limit, trigger_price=trigger, trailing=trailing)
    return replace(made, **changes)  # type: ignore[arg-type]  # names and types are the test's


@pytest.mark.parametrize("name", sorted(PROFILES))
@given(st.text(alphabet=st.characters(min_codepoint=1, max_codepoint=0x2FF), min_size=1, max_size=60))
def test_an_id_fits_the_venue_and_is_turned_back_or_remembered(name: str, client_id: str) -> None:
    rule = RULES[name]
    sent = to_venue(client_id, rule)
    assert sent == to_venue(client_id, rule)
    assert len(sent) <= rule.longest
    assert sent.startswith(rule.prefix)
    assert re.fullmatch(f"{rule.alphabet}+", sent[len(rule.prefix) :], re.ASCII)
    assert from_venue(sent, rule) in (client_id, None)


@pytest.mark.parametrize("name", sorted(PROFILES))
@given(st.lists(st.text(alphabet="ab-h0.:é", min_size=1, max_size=40), unique=True, max_size=12))
def test_two_ids_never_become_one(name: str, client_ids: list[str]) -> None:
    assert len({to_venue(each, RULES[name]) for each in client_ids}) == len(client_ids)


@pytest.mark.parametrize("name", sorted(PROFILES))
@pytest.mark.parametrize("client_id", ["session-000012-03", "t-session-000001-00", "tea-000001-00"])
def test_the_desks_usual_ids_are_readable_at_the_venue(name: str, client_id: str) -> None:
    sent = to_venue(client_id, RULES[name])
    assert sent == RULES[name].prefix + client_id
    assert from_venue(sent, RULES[name]) == client_id


def test_what_is_not_ours_is_nobodys() -> None:
    assert from_venue("web", RULES["gate"]) is None
    assert from_venue("t-", RULES["gate"]) is None
    assert from_venue("h-abc", RULES["binance"]) is None
    digest = to_venue("x" * 50, RULES["binance"])
    assert digest.startswith("h-")
    assert from_venue(digest, RULES["binance"]) is None
    assert to_venue("h-abc", RULES["binance"]) != "h-abc"  # it would look like a digest


@pytest.mark.parametrize("wire", ["gate", "binance", "mexc"])
def test_the_simulated_venues_take_our_ids(wire: str) -> None:
    try:
        rule = venue_module(wire).POLICY.client_ids
    except ModuleNotFoundError:
        pytest.skip(f"{wire} is not simulated")
    for client_id in ("session-000012-03", "x" * 80, "é", "h-1", "a:b/c"):
        rule.check(to_venue(client_id, RULES[wire]))


def test_every_venue_is_found_by_name_and_no_other() -> None:
    assert {profile(name).name for name in PROFILES} == set(PROFILES)
    with pytest.raises(ConfigError, match="binance-testnet"):
        profile("binanse")
    assert {name for name, each in PROFILES.items() if each.live} == {"binance", "gate", "mexc", "coinbase"}


@pytest.mark.parametrize("name", ["mexc", "coinbase"])
@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind not in (OrderType.MARKET, OrderType.LIMIT)])
def test_a_venue_without_stops_refuses_a_stop_before_anything_is_sent(name: str, kind: OrderType) -> None:
    assert any(kind.value in said for said in problems(intent(kind), profile(name), INSTRUMENT))
    assert not profile(name).capabilities.stops


@pytest.mark.parametrize("name", ["binance", "gate"])
def test_what_the_profiles_promise_is_what_the_connector_knows(name: str) -> None:
    import ccxt

    knows = getattr(ccxt, name)().features["spot"]["createOrder"]
    assert knows["stopLossPrice"]
    assert knows["takeProfitPrice"]
    assert profile(name).capabilities.stops
    assert not getattr(ccxt, "mexc")().features["spot"]["createOrder"]["stopLossPrice"]  # noqa: B009


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", ["binance", "gate", "mexc", "coinbase"])
def test_a_type_is_either_refused_or_sent_whole(name: str, kind: OrderType) -> None:
    """Every number of an order that is not refused is somewhere in the request, to the last digit."""
    each, wanted = profile(name), intent(kind)
    if problems(wanted, each, INSTRUMENT):
        assert kind not in each.capabilities.order_types
        return
    request = ticket(wanted, each, "id-1")
    assert (request.symbol, request.side, request.amount) == (BTC, "sell", "1.5")
    assert request.params[each.client_id_key] == "id-1"
    assert request.kind == ("limit" if "LIMIT" in kind.name else "market")
    if wanted.limit_price is not None:
        assert request.price == "89.50"
    if kind in (OrderType.STOP, OrderType.STOP_LIMIT):
        assert request.params["stopLossPrice"] == "90.10"
    if kind in (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT):
        assert request.params["takeProfitPrice"] == "90.10"
    if kind is OrderType.TRAILING_STOP:
        assert Decimal(request.params["trailingPercent"]) == Decimal("1.25")


def test_tiny_and_huge_numbers_are_written_plainly() -> None:
    wanted = intent(
        OrderType.LIMIT, quantity=Quantity(Decimal("1E+3")), limit_price=Price(Decimal("0.00000010"))
    )
    request = ticket(wanted, profile("binance"), "x")
    assert (request.amount, request.price) == ("1000", "0.00000010")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"quantity": Quantity(Decimal("1.0001"))}, "off the step"),
        ({"quantity": Quantity(Decimal(0))}, "within"),
        ({"quantity": Quantity(Decimal(1001))}, "within"),
        ({"limit_price": Price(Decimal("89.501"))}, "off the tick"),
        ({"limit_price": Price(Decimal(-1))}, "off the tick"),
        ({"limit_price": None}, "no limit price"),
        ({"time_in_force": TimeInForce.GTD, "expires_at": START + timedelta(days=1)}, "gtd"),
        ({"post_only": True, "time_in_force": TimeInForce.IOC}, "post-only"),
        ({"group": "oco"}, "one-cancels-other"),
    ],
)
@pytest.mark.parametrize("name", ["binance", "gate", "mexc"])
def test_bad_input_is_refused_in_words(name: str, changes: dict[str, Any], word: str) -> None:
    said = "; ".join(problems(intent(OrderType.LIMIT, **changes), profile(name), INSTRUMENT))
    assert word in said


def test_more_that_no_venue_does_in_silence() -> None:
    binance, gate = profile("binance"), profile("gate")
    assert problems(intent(OrderType.LIMIT), binance, None)
    assert problems(intent(OrderType.MARKET, post_only=True), binance, INSTRUMENT)
    assert problems(intent(OrderType.MARKET, time_in_force=TimeInForce.FOK), binance, INSTRUMENT)
    assert problems(intent(OrderType.STOP, time_in_force=TimeInForce.IOC), binance, INSTRUMENT)
    assert problems(intent(OrderType.STOP, trigger_price=None), binance, INSTRUMENT)
    assert problems(intent(OrderType.STOP, Side.BUY), gate, INSTRUMENT)
    assert not problems(intent(OrderType.STOP, Side.BUY), binance, INSTRUMENT)
    assert not problems(intent(OrderType.STOP_LIMIT, Side.BUY), gate, INSTRUMENT)
    for trailing in (None, Decimal(0), Decimal("0.00005"), Decimal("-0.01")):
        assert problems(intent(OrderType.TRAILING_STOP, trailing=trailing), binance, INSTRUMENT)


def test_a_market_buy_where_only_spending_is_possible_is_a_bounded_limit() -> None:
    gate = profile("gate")
    assert gate.market_buy_bound is not None
    bound = bounded(Decimal("100.01"), gate.market_buy_bound, INSTRUMENT)
    assert bound == Decimal("102.02")  # 102.0102 would pay less than the bound says; the grid is met above
    request = ticket(intent(OrderType.MARKET, Side.BUY), gate, "t-x", bound)
    assert (request.kind, request.amount, request.price) == ("limit", "1.5", "102.02")
    assert request.params["timeInForce"] == "IOC"


def seen(wanted: OrderIntent, **terms: object) -> Seen:
    trailing = wanted.order_type is OrderType.TRAILING_STOP
    kept = Terms(
        wanted.side,
        wanted.order_type,
        wanted.quantity,
        wanted.limit_price,
        None if trailing else wanted.trigger_price,
    )
    return Seen(
        "1",
        "x",
        BTC,
        OrderStatus.ACCEPTED,
        Decimal(0),
        wanted.quantity,
        START,
        replace(kept, **terms),  # type: ignore[arg-type]  # names and types are the test's
        trailing=wanted.trailing,
    )


@pytest.mark.parametrize("kind", TYPES)
def test_an_order_as_it_was_meant_has_no_mismatch(kind: OrderType) -> None:
    assert mismatches(intent(kind), seen(intent(kind))) == ()


@pytest.mark.parametrize(
    ("terms", "word"),
    [
        ({"side": Side.BUY}, "side"),
        ({"order_type": OrderType.TAKE_PROFIT_LIMIT}, "type"),
        ({"quantity": Decimal("1.499")}, "quantity"),
        ({"trigger_price": Decimal("90.11")}, "trigger"),
        ({"trigger_price": None}, "trigger"),
        ({"limit_price": Decimal("89.51")}, "limit"),
    ],
)
def test_every_difference_of_a_stop_is_named(terms: dict[str, object], word: str) -> None:
    wanted = intent(OrderType.STOP_LIMIT)
    (said,) = mismatches(wanted, seen(wanted, **terms))
    assert word in said


def test_a_stop_elsewhere_or_untold_is_no_stop() -> None:
    wanted = intent(OrderType.STOP)
    assert mismatches(wanted, replace(seen(wanted), symbol=Symbol("ETH/USDT")))
    assert mismatches(wanted, replace(seen(wanted), terms=None))
    trailing = intent(OrderType.TRAILING_STOP)
    assert mismatches(trailing, replace(seen(trailing), trailing=Decimal("0.02")))


@pytest.mark.parametrize("kind", TYPES)
def test_binance_is_asked_for_its_shortest_answer(kind: OrderType) -> None:
    sent = ticket(intent(kind), profile("binance-testnet"), "id")
    assert sent.params["newOrderRespType"] == "ACK"  # the desk reads the order's number and nothing else
    assert "newOrderRespType" not in ticket(intent(kind), profile("gate-testnet"), "id").params
