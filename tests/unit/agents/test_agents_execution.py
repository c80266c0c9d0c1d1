"""The execution trader: a tactic for every target, from a list; exits do not wait."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from agents.execution_trader import ExecutionTrader, TacticsAnswer
from domain.money import Money, Price, Quantity
from domain.opinions import Abstention
from domain.orders import Fill, Side
from domain.tactics import Tactic
from llm.scripted import Fails, ScriptedModel
from tests.faults.world import BTC, ETH, START, USDT
from tests.unit.agents.agent_cases import Scene, proposal, scene
from tools.catalog import standard_tools

TOOLS = standard_tools()


def holding(place: Scene) -> Scene:
    """The scene with half a bitcoin held: a fifth of the equity."""
    place.world.portfolio.book(
        Fill(
            "f1", "s-000001-00", BTC, Side.BUY, Quantity(Decimal("0.5")), Price(Decimal(40_000)),
            Money(Decimal(0), USDT), START,
        )
    )  # fmt: skip
    return place


def chooses(*choices: tuple[str, str]) -> ScriptedModel:
    told = [{"symbol": symbol, "tactic": tactic, "reason": "because"} for symbol, tactic in choices]
    return ScriptedModel({"execution_trader": [json.dumps({"summary": "patient", "choices": told})]})


@pytest.mark.parametrize(
    ("spread", "estimated", "tactic"),
    [
        ("0.02", False, Tactic.LIMIT_AT_TOUCH),
        ("50", False, Tactic.LIMIT_AT_TOUCH),
        ("80", False, Tactic.LIMIT_PASSIVE),
        ("80", True, Tactic.LIMIT_AT_TOUCH),
    ],
)
async def test_the_spread_that_was_seen_decides_an_entry(
    spread: str, estimated: bool, tactic: Tactic
) -> None:
    place = scene(spread=spread, estimated=estimated)
    tactics, report = await ExecutionTrader(tools=TOOLS).choose(place.context, proposal(BTC="0.20"))
    assert tactics == {BTC: tactic}
    assert report.source == "baseline"


@pytest.mark.parametrize(
    ("volume", "tactic"),
    [
        ("25.1", Tactic.LIMIT_AT_TOUCH),  # half a bitcoin is just under a fiftieth of it
        ("24.9", Tactic.TWAP),
        ("0", Tactic.LIMIT_AT_TOUCH),  # a volume that is not known makes nothing large
    ],
)
async def test_an_entry_that_is_large_against_the_volume_is_worked_in_parts(
    volume: str, tactic: Tactic
) -> None:
    place = scene()
    view = place.context.snapshot.views[BTC]
    view = replace(view, candle=replace(view.candle, volume=Quantity(Decimal(volume))))
    snapshot = replace(place.context.snapshot, views={BTC: view})
    place.context.snapshot = snapshot
    tactics, _ = await ExecutionTrader(tools=TOOLS).choose(place.context, proposal(BTC="0.20"))
    assert tactics == {BTC: tactic}


async def test_a_large_exit_still_goes_to_market() -> None:
    place = holding(scene())
    view = place.context.snapshot.views[BTC]
    view = replace(view, candle=replace(view.candle, volume=Quantity(Decimal(1))))
    place.context.snapshot = replace(place.context.snapshot, views={BTC: view})
    tactics, _ = await ExecutionTrader(tools=TOOLS).choose(place.context, proposal(BTC="0"))
    assert tactics == {BTC: Tactic.MARKET}


@pytest.mark.parametrize("weight", ["0", "0.10"])
async def test_getting_smaller_goes_to_market(weight: str) -> None:
    place = holding(scene(spread="80"))
    tactics, _ = await ExecutionTrader(tools=TOOLS).choose(place.context, proposal(BTC=weight, ETH="0.1"))
    assert tactics[BTC] is Tactic.MARKET
    assert set(tactics) == {BTC, ETH}


async def test_a_model_chooses_for_entries() -> None:
    model = chooses((BTC, "limit_passive"), (ETH, "market"))
    tactics, report = await ExecutionTrader(tools=TOOLS, model=model).choose(
        scene().context, proposal(BTC="0.2", ETH="0.1")
    )
    assert tactics == {BTC: Tactic.LIMIT_PASSIVE, ETH: Tactic.MARKET}
    assert report.source == "model"


async def test_a_model_cannot_make_an_exit_wait() -> None:
    model = chooses((BTC, "limit_passive"), (ETH, "market"))
    tactics, report = await ExecutionTrader(tools=TOOLS, model=model).choose(
        holding(scene()).context, proposal(BTC="0", ETH="0.1")
    )
    assert tactics[BTC] is Tactic.MARKET
    assert "struck out: BTC/USDT gets smaller" in report.said


async def test_no_model_is_asked_when_there_is_nothing_to_choose() -> None:
    model = chooses()
    await ExecutionTrader(tools=TOOLS, model=model).choose(holding(scene()).context, proposal(BTC="0"))
    assert model.asked == []


async def test_a_stray_symbol_and_a_contradiction_are_struck_out() -> None:
    model = chooses(("DOGE/USDT", "market"), (BTC, "market"), (BTC, "limit_passive"))
    tactics, report = await ExecutionTrader(tools=TOOLS, model=model).choose(
        scene().context, proposal(BTC="0.2")
    )
    assert tactics == {BTC: Tactic.LIMIT_AT_TOUCH}
    assert "DOGE/USDT is not a target" in report.said
    assert "two tactics for BTC/USDT" in report.said


async def test_a_tactic_that_is_not_on_the_list_makes_the_model_abstain() -> None:
    model = chooses((BTC, "all_in"))
    tactics, report = await ExecutionTrader(tools=TOOLS, model=model).choose(
        scene().context, proposal(BTC="0.2")
    )
    assert tactics == {BTC: Tactic.LIMIT_AT_TOUCH}
    assert isinstance(report.views[0], Abstention)
    assert "tactic" in report.views[0].reason


async def test_a_failed_model_leaves_the_baseline() -> None:
    model = ScriptedModel({"execution_trader": [Fails("no answer within 20 s")]})
    tactics, report = await ExecutionTrader(tools=TOOLS, model=model).choose(
        scene().context, proposal(BTC="0.2")
    )
    assert tactics == {BTC: Tactic.LIMIT_AT_TOUCH}
    assert report.source == "baseline"
    assert report.calls[0].error == "no answer within 20 s"


def test_there_is_no_place_for_a_quantity_in_the_answer() -> None:
    words = json.dumps(TacticsAnswer.model_json_schema()).lower()
    assert "number" not in words
    assert "integer" not in words
    assert "quantity" not in words
