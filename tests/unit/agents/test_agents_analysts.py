"""Market and sentiment analysts: baselines, models held against their evidence, abstentions on record."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.base import AgentReport, role_of
from agents.market_analyst import ATR, MarketAnalyst, baseline
from agents.sentiment_analyst import SentimentAnalyst
from domain.opinions import Abstention, Opinion
from llm.scripted import Asked, Fails, Hangs, ScriptedModel
from tests.faults.world import BTC, ETH, INSTRUMENTS
from tests.unit.agents.agent_cases import FALLING, RISING, headline, scene
from tools.catalog import standard_tools

TOOLS = standard_tools()


def opinion(report: AgentReport, symbol: str) -> Opinion:
    (found,) = [view for view in report.views if view.symbol == symbol and isinstance(view, Opinion)]
    return found


def abstention(report: AgentReport, symbol: str | None) -> Abstention:
    (found,) = [view for view in report.views if view.symbol == symbol and isinstance(view, Abstention)]
    return found


def shown(asked: Asked, tool: str, symbol: str) -> tuple[str, dict[str, Any]]:
    """The evidence id and the data that a question showed for a tool and symbol."""
    for line in asked.user.splitlines():
        parts = line.split(" ", 3)
        if len(parts) == 4 and parts[0].startswith("ev-") and parts[1:3] == [tool, symbol]:
            return parts[0], json.loads(parts[3])
    raise LookupError(f"{tool} of {symbol} is not shown")


def view(symbol: str, claims: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    return {
        "symbol": symbol, "stance": 0.6, "confidence": 0.8, "horizon_hours": 24.0, "invalidation": 39_000.0,
        "claims": claims, "rationale": "trend up", **changes,
    }  # fmt: skip


def answering(make: Callable[[Asked], list[dict[str, Any]]]) -> Callable[[Asked], str]:
    return lambda asked: json.dumps({"summary": "BTC leads.", "views": make(asked)})


def rsi_claim(asked: Asked, symbol: str = BTC, value: float = 62.5) -> dict[str, Any]:
    return {"evidence_id": shown(asked, "indicators", symbol)[0], "name": "rsi(14)", "value": value}


# --- the market analyst's baseline ---


async def test_without_a_model_the_trend_decides() -> None:
    report = await MarketAnalyst(tools=TOOLS).consider(scene().context)
    up, down = opinion(report, BTC), opinion(report, ETH)
    assert report.source == "baseline"
    assert up.stance > 0 > down.stance
    assert up.invalidation == INSTRUMENTS[BTC].price(40_000 - 2.5 * 400)
    assert up.source == "market_analyst:baseline"
    assert role_of(up.source) == "market_analyst"
    assert set(up.evidence_ids) <= {item.evidence_id for item in report.evidence}
    assert report.calls == ()


async def test_a_warming_or_stale_symbol_has_no_view() -> None:
    features = {BTC: {name: value for name, value in RISING.items() if name != ATR}, ETH: FALLING}
    report = await MarketAnalyst(tools=TOOLS).consider(scene(features=features, stale=(ETH,)).context)
    assert "atr(14)" in abstention(report, BTC).reason
    assert "stale" in abstention(report, ETH).reason


FINITE = st.floats(-1e6, 1e6)


RANGES = st.floats(0, 1e6).filter(lambda atr: atr == 0 or atr > 1e-300)  # below, nothing of it may be left


@given(FINITE, FINITE, st.floats(0, 100), RANGES, st.floats(0, 100), st.floats(-99, 1e4))
def test_any_indicators_give_a_lawful_view(
    fast: float, slow: float, rsi: float, atr: float, adx: float, roc: float
) -> None:
    features = {
        "ema(12)": fast, "ema(26)": slow, "rsi(14)": rsi, "atr(14)": atr, "adx(14)": adx, "roc(24)": roc,
    }  # fmt: skip
    seen = replace(scene().context.snapshot.views[BTC], features=features)
    said = baseline(seen, INSTRUMENTS[BTC], "ev-1")
    if isinstance(said, Opinion) and said.invalidation is not None:
        below = said.invalidation < seen.candle.close
        assert below == (said.stance > 0)
    assert isinstance(said, Abstention) == (atr <= 0)


def test_the_smallest_range_there_is_means_no_view() -> None:
    calm = scene().context.snapshot.views[BTC]
    still = replace(calm, features={**calm.features, "atr(14)": 5e-324})
    assert isinstance(baseline(still, INSTRUMENTS[BTC], "ev-1"), Abstention)


def test_a_stretched_rally_is_leaned_on_less() -> None:
    calm = scene().context.snapshot.views[BTC]
    hot = replace(calm, features={**calm.features, "rsi(14)": 90.0})
    views = [baseline(one, INSTRUMENTS[BTC], "ev-1") for one in (calm, hot)]
    assert all(isinstance(one, Opinion) for one in views)
    stances = [one.stance for one in views if isinstance(one, Opinion)]
    assert stances[1] == pytest.approx(stances[0] - 0.3)


def test_an_indicator_that_is_not_a_number_means_no_view() -> None:
    seen = scene().context.snapshot.views[BTC]
    broken = replace(seen, features={**seen.features, "adx(14)": math.nan})
    assert isinstance(baseline(broken, INSTRUMENTS[BTC], "ev-1"), Abstention)


# --- models ---


async def test_one_call_answers_for_all_symbols_and_cites_its_evidence() -> None:
    model = ScriptedModel(
        {
            "market_analyst": [
                answering(
                    lambda asked: [
                        view(BTC, [rsi_claim(asked)]),
                        view(ETH, [rsi_claim(asked, ETH, 38.0)], stance=-0.4, invalidation=2_100.0),
                    ]
                )
            ]
        }
    )
    report = await MarketAnalyst(tools=TOOLS, model=model).consider(scene().context)
    assert len(model.asked) == 1
    assert report.source == "model"
    assert report.said == "BTC leads."
    said = opinion(report, BTC)
    assert (said.source, said.stance, said.confidence) == ("market_analyst:model", 0.6, 0.8)
    assert said.evidence_ids == (shown(model.asked[0], "indicators", BTC)[0],)
    assert opinion(report, ETH).stance == -0.4
    assert {item.tool for item in report.evidence} == {"indicators", "candles", "book"}


async def test_an_invented_id_is_struck_out_and_lowers_the_confidence() -> None:
    invented = {"evidence_id": "ev-deadbeef", "name": "rsi(14)", "value": 62.5}
    model = ScriptedModel(
        {"market_analyst": [answering(lambda asked: [view(BTC, [rsi_claim(asked), invented])])]}
    )
    said = opinion(await MarketAnalyst(tools=TOOLS, model=model).consider(scene().context), BTC)
    assert said.confidence == pytest.approx(0.4)
    assert "struck out: ev-deadbeef" in said.rationale
    assert "ev-deadbeef" not in said.evidence_ids


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"value": 71.0}, "71.0 claimed, 62.5 shown"),
        ({"name": "moon"}, "no such value"),
        ({"evidence_id": "ev-00000000"}, "no such evidence"),
    ],
)
async def test_a_view_without_one_supported_claim_is_dropped(change: dict[str, Any], why: str) -> None:
    model = ScriptedModel(
        {"market_analyst": [answering(lambda asked: [view(BTC, [{**rsi_claim(asked), **change}])])]}
    )
    report = await MarketAnalyst(tools=TOOLS, model=model).consider(scene().context)
    assert why in abstention(report, BTC).reason


async def test_evidence_about_another_symbol_supports_nothing() -> None:
    model = ScriptedModel(
        {"market_analyst": [answering(lambda asked: [view(BTC, [rsi_claim(asked, ETH, 38.0)])])]}
    )
    report = await MarketAnalyst(tools=TOOLS, model=model).consider(scene().context)
    assert "evidence about ETH/USDT" in abstention(report, BTC).reason
    assert abstention(report, ETH).reason == "no view given"


@pytest.mark.parametrize("level", [41_000.0, 40_000.0, 100.0])
async def test_an_impossible_invalidation_is_struck_out(level: float) -> None:
    model = ScriptedModel(
        {"market_analyst": [answering(lambda asked: [view(BTC, [rsi_claim(asked)], invalidation=level)])]}
    )
    said = opinion(await MarketAnalyst(tools=TOOLS, model=model).consider(scene().context), BTC)
    assert said.invalidation is None
    assert "struck out: invalidation" in said.rationale


async def test_two_views_on_one_symbol_are_none() -> None:
    model = ScriptedModel(
        {
            "market_analyst": [
                answering(
                    lambda asked: [
                        view(BTC, [rsi_claim(asked)]),
                        view(BTC, [rsi_claim(asked)], stance=-0.6),
                        view("DOGE/USDT", [rsi_claim(asked)]),
                    ]
                )
            ]
        }
    )
    report = await MarketAnalyst(tools=TOOLS, model=model).consider(scene().context)
    assert "two different views" in abstention(report, BTC).reason
    assert "DOGE/USDT" not in {one.symbol for one in report.views}


FAILURES = (
    pytest.param(Fails("401: the endpoint refused the key"), "401", id="refused"),
    pytest.param("I would buy!", "no JSON object", id="prose"),
    pytest.param('{"summary": "x", "views": [], "quantity": 3}', "quantity", id="unknown field"),
    pytest.param(Hangs(), "no answer within 0.05 s", id="hang"),
)


@pytest.mark.parametrize(("line", "why"), FAILURES)
async def test_a_failed_model_abstains_on_record_and_the_baseline_speaks(
    line: str | Fails | Hangs, why: str
) -> None:
    plain = await MarketAnalyst(tools=TOOLS).consider(scene().context)
    model = ScriptedModel({"market_analyst": [line]})
    report = await MarketAnalyst(tools=TOOLS, model=model, deadline=0.05).consider(scene().context)
    assert report.source == "baseline"
    assert report.views[0] == Abstention("market_analyst:model", None, report.calls[0].error)
    assert why in report.calls[0].error
    assert report.views[1:] == plain.views
    assert why in report.said


async def test_no_model_is_asked_about_a_market_that_is_stale() -> None:
    model = ScriptedModel({})
    report = await MarketAnalyst(tools=TOOLS, model=model).consider(scene(stale=(BTC, ETH)).context)
    assert model.asked == []
    assert all(isinstance(one, Abstention) for one in report.views)


# --- sentiment ---


async def test_good_news_is_good_and_silence_abstains() -> None:
    report = await SentimentAnalyst(tools=TOOLS).consider(
        scene(headlines=(headline("Bitcoin surges after ETF approval"),)).context
    )
    said = opinion(report, BTC)
    assert said.stance > 0
    assert said.evidence_ids == (report.evidence[0].evidence_id,)
    assert abstention(report, ETH).reason == "no headlines"


async def test_old_news_fades_against_fresh_news() -> None:
    good, bad = "Bitcoin surges after ETF approval", "Exchange hacked, funds stolen"
    fresh_bad = scene(headlines=(headline(good, hours_old=24), headline(bad, hours_old=0.5))).context
    fresh_good = scene(headlines=(headline(good, hours_old=0.5), headline(bad, hours_old=24))).context
    analyst = SentimentAnalyst(tools=TOOLS)
    assert opinion(await analyst.consider(fresh_bad), BTC).stance < 0
    assert opinion(await analyst.consider(fresh_good), BTC).stance > 0


async def test_a_model_is_asked_only_where_there_is_news_and_is_never_too_sure() -> None:
    def make(asked: Asked) -> list[dict[str, Any]]:
        found, data = shown(asked, "headlines", BTC)
        claim = {"evidence_id": found, "name": "h1", "value": data["h1"]}
        return [view(BTC, [claim], confidence=1.0, invalidation=None)]

    model = ScriptedModel({"sentiment_analyst": [answering(make)]})
    place = scene(headlines=(headline("Bitcoin surges after ETF approval"),))
    report = await SentimentAnalyst(tools=TOOLS, model=model).consider(place.context)
    assert opinion(report, BTC).confidence == 0.7
    assert abstention(report, ETH).reason == "no headlines"
    quiet = await SentimentAnalyst(tools=TOOLS, model=model).consider(scene().context)
    assert len(model.asked) == 1
    assert quiet.source == "baseline"


async def test_a_failed_sentiment_model_leaves_the_lexicon() -> None:
    news = (headline("Bitcoin surges after ETF approval"),)
    plain = await SentimentAnalyst(tools=TOOLS).consider(scene(headlines=news).context)
    model = ScriptedModel({"sentiment_analyst": [Fails("500: out of order")]})
    report = await SentimentAnalyst(tools=TOOLS, model=model).consider(scene(headlines=news).context)
    assert report.views == (
        Abstention("sentiment_analyst:model", None, "500: out of order"),
        *plain.views,
    )
