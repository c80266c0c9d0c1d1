"""Who may call which tool, and what a call leaves behind."""

from __future__ import annotations

import pytest

from domain.errors import DataError, UnknownSymbol
from domain.events import ToolCalled
from domain.market import OrderBook
from domain.money import Symbol
from tests.faults.world import BTC, ETH
from tests.unit.agents.agent_cases import FALLING, RISING, BusyFeed, headline, scene
from tools import catalog
from tools.account import NoArguments
from tools.catalog import standard_tools
from tools.market import BookArguments, CandlesArguments, SymbolArguments
from tools.news import HeadlinesArguments
from tools.registry import Registry, ToolRefused

ROLES = (
    catalog.MARKET_ANALYST,
    catalog.SENTIMENT_ANALYST,
    catalog.RISK_ANALYST,
    catalog.EXECUTION_TRADER,
    catalog.OPERATOR,
)
MAY = {
    "candles": {"market_analyst", "risk_analyst", "execution_trader", "operator"},
    "indicators": {"market_analyst", "risk_analyst", "execution_trader", "operator"},
    "book": {"market_analyst", "risk_analyst", "execution_trader", "operator"},
    "headlines": {"sentiment_analyst", "operator"},
    "portfolio": {"risk_analyst", "execution_trader", "operator"},
    "limits_left": {"risk_analyst", "execution_trader", "operator"},
    "submit_intent": {"execution_trader", "operator"},
}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_its_tools_and_no_others(role: str) -> None:
    tools = standard_tools()
    assert set(tools.allowed(role)) == {name for name, roles in MAY.items() if role in roles}
    assert {tool["name"] for tool in tools.describe(role)} == set(tools.allowed(role))


@pytest.mark.parametrize("role", ["market_analyst", "risk_analyst", "execution_trader"])
def test_text_from_outside_does_not_reach_the_roles_that_shape_orders(role: str) -> None:
    with pytest.raises(ToolRefused, match=f"{role} may not call headlines"):
        standard_tools().call(role, "headlines", {"symbol": BTC}, scene().context)


@pytest.mark.parametrize(
    ("name", "args", "named"),
    [
        ("teleport", {}, "no tool 'teleport'"),
        ("candles", {"symbol": BTC, "limit": 100_000}, "limit"),
        ("candles", {"symbol": BTC, "limti": 5}, "limti"),
        ("candles", {}, "symbol"),
        ("submit_intent", {}, "cannot be called while looking"),
    ],
)
def test_a_wrong_call_is_refused_and_named(name: str, args: dict[str, object], named: str) -> None:
    with pytest.raises(ToolRefused) as caught:
        standard_tools().call("operator", name, args, scene().context)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_symbol_is_named() -> None:
    with pytest.raises(UnknownSymbol, match="DOGE/USDT is not in the snapshot"):
        standard_tools().call("operator", "indicators", {"symbol": "DOGE/USDT"}, scene().context)


def test_the_same_snapshot_gives_the_same_evidence_ids() -> None:
    def ids() -> list[str]:
        tools, context = standard_tools(), scene(headlines=(headline("Bitcoin rallies"),)).context
        asked = [
            ("candles", CandlesArguments(symbol=BTC)),
            ("candles", CandlesArguments(symbol=BTC, limit=10)),
            ("indicators", SymbolArguments(symbol=BTC)),
            ("indicators", SymbolArguments(symbol=ETH)),
            ("book", BookArguments(symbol=BTC)),
            ("headlines", HeadlinesArguments(symbol=BTC)),
            ("portfolio", NoArguments()),
            ("limits_left", SymbolArguments(symbol=BTC)),
        ]
        return [tools.call("operator", name, args, context).evidence.evidence_id for name, args in asked]

    first = ids()
    assert first == ids()
    assert len(set(first)) == len(first)
    assert all(len(one) == 11 and one.startswith("ev-") for one in first)


def test_other_values_have_another_evidence_id() -> None:
    tools = standard_tools()
    args = SymbolArguments(symbol=BTC)
    rising = tools.call("operator", "indicators", args, scene().context)
    falling = tools.call("operator", "indicators", args, scene(features={BTC: FALLING}).context)
    assert rising.evidence.evidence_id != falling.evidence.evidence_id


def test_every_call_is_an_event_and_a_repeated_one_is_answered_once() -> None:
    place = scene()
    tools = standard_tools()
    first = tools.call("market_analyst", "indicators", {"symbol": BTC}, place.context)
    again = tools.call("risk_analyst", "indicators", SymbolArguments(symbol=BTC), place.context)
    assert again is first
    called = [event for event in place.events if isinstance(event, ToolCalled)]
    assert [(event.role, event.tool) for event in called] == [
        ("market_analyst", "indicators"),
        ("risk_analyst", "indicators"),
    ]
    assert {event.evidence_id for event in called} == {first.evidence.evidence_id}
    assert {event.cycle_id for event in called} == {"s-000001"}


def test_evidence_cannot_be_changed_afterwards() -> None:
    found = standard_tools().call("operator", "indicators", {"symbol": BTC}, scene().context).evidence
    with pytest.raises(TypeError):
        found.values["close"] = 1.0  # type: ignore[index]  # the point of the test


def test_two_tools_of_one_name_are_refused() -> None:
    tool = standard_tools()._tools["book"]
    with pytest.raises(ToolRefused, match="two tools are called book"):
        Registry((tool, tool))


def test_indicators_show_what_the_snapshot_holds() -> None:
    values = standard_tools().call("operator", "indicators", {"symbol": BTC}, scene().context).evidence.values
    assert values["close"] == 40_000.0
    assert all(values[name] == value for name, value in RISING.items())


def test_candles_add_up() -> None:
    found = standard_tools().call("operator", "candles", {"symbol": BTC, "limit": 5}, scene().context)
    rows = found.data["open_high_low_close_volume"]
    values = found.evidence.values
    assert len(rows) == values["bars"] == 5
    assert values["high"] == max(row[1] for row in rows)
    assert values["low"] == min(row[2] for row in rows)
    assert values["change_percent"] == pytest.approx((rows[-1][3] / rows[0][0] - 1) * 100, abs=1e-3)


def test_the_book_is_measured() -> None:
    values = standard_tools().call("operator", "book", {"symbol": BTC}, scene().context).evidence.values
    assert (values["bid"], values["ask"]) == (39_999.0, 40_001.0)
    assert values["spread_bps"] == pytest.approx(0.5)
    assert values["imbalance"] == pytest.approx(0.5, abs=0.001)


def test_a_missing_book_is_a_data_error() -> None:
    class Bookless(BusyFeed):
        def book(self, symbol: Symbol) -> OrderBook | None:
            return None

    context = scene().context
    context.feed = Bookless()
    with pytest.raises(DataError, match="BTC/USDT has no order book"):
        standard_tools().call("operator", "book", {"symbol": BTC}, context)
