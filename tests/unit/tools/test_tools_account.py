"""What is held, what is left of each limit, and the one tool that acts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.errors import DeskError
from domain.halt import HaltState
from domain.money import Money, Price, Quantity
from domain.orders import Fill, Order, OrderIntent, OrderStatus, Origin, Side
from risk.facts import RiskFacts
from risk.limits import RiskLimits
from tests.faults.world import BTC, CAPITAL, ETH, LIMITS, START, USDT, intent
from tests.unit.agents.agent_cases import scene
from tools.account import room_for
from tools.catalog import standard_tools
from tools.registry import ToolRefused

BUY = {"symbol": BTC, "side": "buy", "quantity": "0.25", "protective_stop": "38000", "reason": "asked"}


def bought(quantity: str = "0.5", price: str = "40000") -> Fill:
    return Fill(
        "f1", "s-000001-00", BTC, Side.BUY, Quantity(Decimal(quantity)), Price(Decimal(price)),
        Money(Decimal(0), USDT), START,
    )  # fmt: skip


def test_the_portfolio_is_told_exactly() -> None:
    place = scene()
    place.world.portfolio.book(bought())
    values = standard_tools().call("operator", "portfolio", {}, place.context).evidence.values
    assert Decimal(str(values["equity"])) == CAPITAL.amount
    assert Decimal(str(values["cash"])) == 80_000
    assert values["BTC/USDT quantity"] == "0.5"
    assert values["BTC/USDT weight"] == 0.2


def test_what_is_left_of_each_limit() -> None:
    place = scene()
    place.world.portfolio.book(bought())
    place.world.portfolio.mark({BTC: Decimal(38_000)}, START)
    values = standard_tools().call("operator", "limits_left", {"symbol": BTC}, place.context).evidence.values
    assert values["halt"] == "active"
    assert values["drawdown"] == 0.01
    assert values["position_left"] == f"{Decimal('0.30') * 99_000 - 19_000:.2f}"
    assert values["exposure_left"] == f"{Decimal('0.90') * 99_000 - 19_000:.2f}"
    assert values["open_orders_left"] == 20.0


async def test_entries_that_may_still_fill_use_up_room() -> None:
    place = scene()
    await place.world.desk.submit(intent(quantity="0.5", limit="39000"))
    facts = place.context.facts(BTC)
    room = room_for(BTC, facts, LIMITS)
    assert room.position == Decimal("0.30") * 100_000 - Decimal("0.5") * 39_000
    assert room.open_orders == 19


def test_unknown_is_said_never_guessed() -> None:
    facts = RiskFacts(None, None, None, None, None, None)
    room = room_for(BTC, facts, RiskLimits())
    assert {getattr(room, name) for name in room.__slots__} == {None}
    place = scene()
    place.context.facts = lambda symbol: facts
    values = standard_tools().call("operator", "limits_left", {"symbol": BTC}, place.context).evidence.values
    assert {values[name] for name in ("halt", "drawdown", "position_left", "open_orders_left")} == {"unknown"}


async def test_an_intent_goes_through_the_desk_and_its_gate() -> None:
    place = scene()
    found = await standard_tools().act("operator", "submit_intent", BUY, place.context)
    order = place.world.desk.orders[str(found.evidence.values["client_id"])]
    assert order.intent.origin is Origin.OPERATOR
    assert order.intent.quantity == Decimal("0.25")
    assert found.evidence.values["status"] == order.status.value != OrderStatus.REFUSED.value


@pytest.mark.parametrize(
    ("change", "why"),
    [({"quantity": "5"}, "allowed are 25000"), ({"protective_stop": None}, "needs a protective stop")],
)
async def test_what_the_gate_refuses_is_an_answer_that_says_why(change: dict[str, object], why: str) -> None:
    place = scene()
    found = await standard_tools().act("operator", "submit_intent", {**BUY, **change}, place.context)
    assert found.evidence.values["status"] == "refused"
    assert why in str(found.evidence.values["note"])


async def test_a_halted_desk_refuses_the_tool_too() -> None:
    place = scene()
    place.world.halt[0] = HaltState.HALTED
    found = await standard_tools().act("operator", "submit_intent", BUY, place.context)
    assert found.evidence.values["status"] == "refused"


async def test_two_equal_requests_are_two_orders() -> None:
    place = scene()
    tools = standard_tools()
    ids = [
        (await tools.act("operator", "submit_intent", BUY, place.context)).evidence.values["client_id"]
        for _ in "ab"
    ]
    assert ids[0] != ids[1]


async def test_without_a_door_nothing_can_be_asked_for() -> None:
    context = scene().context
    context.submit = None
    with pytest.raises(ToolRefused, match="cannot be asked for here"):
        await standard_tools().act("operator", "submit_intent", BUY, context)


@pytest.mark.parametrize("role", ["market_analyst", "sentiment_analyst", "risk_analyst"])
async def test_an_analyst_cannot_act(role: str) -> None:
    place = scene()
    with pytest.raises(ToolRefused, match=f"{role} may not call submit_intent"):
        await standard_tools().act(role, "submit_intent", BUY, place.context)
    assert not place.world.desk.orders


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": "0"},
        {"quantity": "-1"},
        {"quantity": "NaN"},
        {"quantity": "Infinity"},
        {"order_type": "limit"},
        {"limit_price": "39000"},
        {"side": "short"},
        {"leverage": 10},
    ],
)
async def test_an_impossible_order_is_refused_before_the_desk(change: dict[str, object]) -> None:
    place = scene()
    with pytest.raises(ToolRefused):
        await standard_tools().act("operator", "submit_intent", {**BUY, **change}, place.context)
    assert not place.world.desk.orders


async def test_what_was_looked_up_before_an_order_is_looked_up_again_after_it() -> None:
    place = scene()
    tools = standard_tools()
    before = tools.call("operator", "limits_left", {"symbol": ETH}, place.context)
    await tools.act(
        "operator", "submit_intent", {**BUY, "order_type": "limit", "limit_price": "39000"}, place.context
    )
    after = tools.call("operator", "limits_left", {"symbol": ETH}, place.context)
    assert after.evidence.values["open_orders_left"] != before.evidence.values["open_orders_left"]


async def test_prices_are_rounded_by_the_instrument_away_from_paying_more() -> None:
    sent: list[OrderIntent] = []

    async def submit(asked: OrderIntent) -> Order:
        sent.append(asked)
        return Order(asked)

    place = scene()
    context = replace(place.context, submit=submit)
    args = {**BUY, "order_type": "limit", "limit_price": "39000.019", "quantity": "0.2509"}
    await standard_tools().act("operator", "submit_intent", args, context)
    assert (sent[0].limit_price, sent[0].quantity) == (Decimal("39000.01"), Decimal("0.250"))
    with pytest.raises(DeskError):
        await standard_tools().act("operator", "submit_intent", {**args, "symbol": "XRP/USDT"}, context)
