"""Sizing inside a cycle: where its facts come from, its record, and that the gate has the last word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.bootstrap import Desk
from domain.market import MarketSnapshot
from domain.money import Price, Symbol
from domain.opinions import Opinion
from domain.orders import OrderStatus, Side
from graph.proposal import BlendPolicy, Wanted
from graph.sizing import SENTIMENT_SOURCE, Judged, Sizer, diversification, no_record, sizing_features
from memory.records import CycleRecord, MemoryRecords
from portfolio.sizing import STAGES, Answer, Sized, Sizing, SizingFacts, SizingPolicy, TrackRecord
from tests.unit.graph.graph_rig import SYMBOLS, make_desk, run_desk, write_candles

BTC, ETH, SOL = (Symbol(name) for name in SYMBOLS)


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_candles(tmp_path_factory.mktemp("sizing"), bars=160)


async def warm(candles: Path, bars: int = 60) -> Desk:
    desk = make_desk(candles)
    await run_desk(desk, bars=bars)
    return desk


def snapshot_of(desk: Desk) -> MarketSnapshot:
    now = desk.clock.now()
    return desk.context.snapshots.freeze(now, now)


def wanted(
    desk: Desk, symbol: Symbol = BTC, weight: str = "0.2000", *opinions: Opinion, **more: Any
) -> Wanted:
    quote = desk.feed.quote(symbol)
    assert quote is not None
    stop = Price(quote.last * Decimal("0.95"))
    given_wanted = Wanted(symbol, 0.8, 0.5, Decimal(weight), Decimal(0), quote.last, stop, tuple(opinions))
    return replace(given_wanted, **more)


class Seen:
    """A pipeline of one stage that only looks at its facts."""

    def __init__(self, name: str) -> None:
        self.facts: list[SizingFacts] = []
        self.sizing = Sizing(SizingPolicy(stages=(name,)), {name: self._look})

    def _look(self, weight: float, facts: SizingFacts, policy: SizingPolicy) -> Answer:
        self.facts.append(facts)
        return Answer(weight, "looked", {})


def look(desk: Desk, stage: str, *asked: Wanted, judged: Judged = no_record) -> list[SizingFacts]:
    seen = Seen(stage)
    sizer = Sizer(
        seen.sizing,
        snapshot=snapshot_of(desk),
        feed=desk.feed,
        portfolio=desk.portfolio,
        max_weight=0.25,
        judged=judged,
    )
    sizer(asked)
    return seen.facts


async def test_facts_come_from_the_tape_and_the_books(candles: Path) -> None:
    desk = await warm(candles)
    want = wanted(desk, held=Decimal("0.05"))
    (facts,) = look(desk, "volatility_target", want)
    assert facts.symbol == BTC
    assert facts.held == 0.05
    assert facts.max_weight == 0.25
    assert (facts.stance, facts.conviction) == (0.8, 0.5)
    assert facts.equity_quote == float(desk.portfolio.equity)
    assert facts.stop_distance_fraction == pytest.approx(0.05)
    peak, equity = desk.portfolio.peak_equity, desk.portfolio.equity
    assert facts.drawdown_fraction == pytest.approx(float(1 - equity / peak))
    closes = desk.feed.history(BTC, desk.clock.now(), 10_000).close
    squares = np.diff(np.log(closes)) ** 2
    level = squares[:33].mean()
    for square in squares[33:]:
        level += (square - level) * 2 / 34  # lambda = 0.9412
    assert facts.annual_volatility_fraction == pytest.approx(float(np.sqrt(level * 365 * 24)))


async def test_what_no_stage_reads_is_not_worked_out(candles: Path) -> None:
    desk = await warm(candles, 3)
    (facts,) = look(desk, "drawdown", wanted(desk))
    assert (facts.day_volume_quote, facts.sentiment, facts.record, facts.diversification_ratio) == (None,) * 4
    assert sizing_features(SizingPolicy(stages=("drawdown",))) == ()
    assert sizing_features(SizingPolicy(volatility_span_bars=50)) == ("ewma_vol(50)",)


async def test_the_volume_is_that_of_24_hours(candles: Path) -> None:
    desk = await warm(candles, 30)
    (facts,) = look(desk, "liquidity", wanted(desk))
    bars = desk.feed.history(BTC, desk.clock.now(), 24)
    assert facts.day_volume_quote == pytest.approx(float((bars.close * bars.volume).sum()))


async def test_sentiment_is_the_sentiment_analysts_alone(candles: Path) -> None:
    desk = await warm(candles, 3)

    def by(source: str, stance: float) -> Opinion:
        return Opinion(source, BTC, stance, 0.5, timedelta(hours=1), "why")

    heard = wanted(desk, BTC, "0.2000", by("breakout", 1.0), by(SENTIMENT_SOURCE, -0.4))
    silent = wanted(desk, ETH, "0.2000", by("breakout", 1.0))
    facts = look(desk, "sentiment", heard, silent)
    assert [each.sentiment for each in facts] == [-0.2, 0.0]


async def test_records_of_those_who_argue_for_it_are_added_up(candles: Path) -> None:
    desk = await warm(candles, 3)
    known = {"a": TrackRecord(10, 6), "b": TrackRecord(30, 20), "c": TrackRecord(99, 1)}
    voices = [
        Opinion(source, BTC, stance, 0.5, timedelta(hours=1), "why")
        for source, stance in (("a", 0.1), ("b", 0.9), ("c", -0.5), ("nobody", 0.5), ("idle", 0.0))
    ]
    (facts,) = look(desk, "kelly", wanted(desk, BTC, "0.2000", *voices), judged=known.get)
    assert facts.record == TrackRecord(40, 26)
    (facts,) = look(desk, "kelly", wanted(desk, BTC, "0.2000", *voices[2:]), judged=known.get)
    assert facts.record is None


class Tape:
    """A feed of nothing but closes, aligned unless bars are taken away."""

    def __init__(self, columns: Mapping[str, Any], missing: Mapping[str, int] | None = None) -> None:
        self._columns = columns
        self._missing = missing or {}

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Any:
        close = np.asarray(self._columns[symbol], dtype=np.float64)
        close_ns = np.arange(len(close), dtype=np.int64)
        keep = close_ns != self._missing.get(symbol, -1)

        class Bars:
            def __init__(self) -> None:
                self.close, self.close_ns = close[keep][-limit:], close_ns[keep][-limit:]

            def __len__(self) -> int:
                return len(self.close)

        return Bars()


NOW = datetime(2026, 1, 5, tzinfo=UTC)
WINDOW = SizingPolicy(correlation_window_bars=200)


def walk(seed: int, count: int = 201) -> Any:
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, count)))


def ratios(columns: Mapping[str, Any], weights: Mapping[str, float], **more: Any) -> Any:
    return diversification(Tape(columns, **more), weights, NOW, WINDOW)  # type: ignore[arg-type]  # a smaller feed


def test_diversification_of_one_of_twins_and_of_strangers() -> None:
    one = walk(1)
    assert ratios({"a": one}, {"a": 0.2}) == {"a": pytest.approx(1.0)}
    twins = ratios({"a": one, "b": one * 3}, {"a": 0.2, "b": 0.2})
    assert twins == {"a": pytest.approx(2**-0.5), "b": pytest.approx(2**-0.5)}
    opposite = ratios({"a": one, "b": 1 / one}, {"a": 0.2, "b": 0.1})
    assert opposite["a"] > 1.5
    strangers = ratios({name: walk(seed) for seed, name in enumerate("abc")}, dict.fromkeys("abc", 0.2))
    assert strangers["a"] == pytest.approx(1.0, abs=0.15)


def test_diversification_by_hand() -> None:
    columns, weights = {"a": walk(1), "b": walk(1) * walk(2) / 100}, {"a": 0.1, "b": 0.25}
    moves = np.array([np.diff(np.log(columns[name])) * weights[name] for name in "ab"])
    alone, together = np.sqrt((moves.std(axis=1) ** 2).sum()), moves.sum(axis=0).std()
    assert ratios(columns, weights)["b"] == pytest.approx(alone / together)


def test_a_symbol_with_too_short_a_history_has_no_ratio() -> None:
    whole = {"a": walk(1), "b": walk(2)}
    assert set(ratios({**whole, "c": walk(3, 200)}, dict.fromkeys("abc", 0.2))) == {"a", "b"}
    assert ratios({"c": walk(3, 200)}, {"c": 0.2}) == {}
    assert ratios({"c": np.full(201, 5.0)}, {"c": 0.2}) == {}, "a price that does not move says nothing"


def test_gaps_leave_the_bars_that_all_share() -> None:
    one = walk(1, 260)
    found = ratios({"a": one, "b": one}, {"a": 0.2, "b": 0.2}, missing={"a": 230})
    assert found["a"] == pytest.approx(2**-0.5)


async def test_every_stage_of_every_cycle_is_on_record_and_comes_back(candles: Path) -> None:
    records = MemoryRecords()
    told = {"stages": list(STAGES), "volatility_target_annual_fraction": 0.2, "correlation_window_bars": 20}
    desk = make_desk(candles, sizing=told)
    desk.context.records = records
    await run_desk(desk, bars=100)
    sized = [each for record in records.recent(100) for each in record.sizing]
    assert {step.stage for each in sized for step in each.stages} == set(STAGES)
    assert any(each.weight < each.blended for each in sized)
    for record in records.recent(100):
        assert CycleRecord.model_validate_json(record.body()) == record
        weights = {each.symbol: each.weight for each in record.sizing}
        for target in record.proposed.targets if record.proposed else ():
            if target.weight:
                assert target.weight == weights[target.symbol]
                if weights[target.symbol] < next(
                    e.blended for e in record.sizing if e.symbol == target.symbol
                ):
                    assert "; sized from" in target.reason


async def test_a_tape_that_is_still_warming_up_is_recorded_too(tmp_path: Path) -> None:
    records = MemoryRecords()
    desk = make_desk(write_candles(tmp_path / "cold", bars=60, warmup=0), sizing={"stages": list(STAGES)})
    desk.context.records = records
    await run_desk(desk)
    cold = [step for record in records.recent(60) for each in record.sizing for step in each.stages]
    assert any(step.why == "volatility is unknown: nothing is added" and not step.figures for step in cold)
    assert len(records.recent(100)) == 60


async def test_without_stages_nothing_is_sized(candles: Path) -> None:
    desk = make_desk(candles, sizing={"stages": []})
    assert desk.context.sizing is None
    await run_desk(desk, bars=20)
    assert desk.context.sizer(snapshot_of(desk)) is None


async def test_sizing_decides_the_same_twice(candles: Path) -> None:
    prints = set()
    for _ in range(2):
        desk = make_desk(candles, sizing={"stages": list(STAGES), "correlation_window_bars": 40})
        await run_desk(desk)
        prints.add(desk.tally.fingerprint())
    assert len(prints) == 1


class Shouting:
    """A pipeline gone mad: always the same answer, whatever the facts."""

    def __init__(self, says: Decimal) -> None:
        self.policy = SizingPolicy()
        self._says = says

    def size(self, weight: Decimal, facts: SizingFacts) -> Sized:
        return Sized(facts.symbol, weight, self._says, ())


@settings(deadline=None, max_examples=8)
@given(st.sampled_from(["-5", "0", "0.0001", "0.25", "0.3", "1", "7", "1e12"]))
async def test_whatever_sizing_says_approved_orders_keep_the_limits(candles: Path, says: str) -> None:
    # The blend lets a weight of one pass here: what holds the position is the gate alone.
    desk = make_desk(candles, decision={"rebalance_band": "0", "max_weight": "1"})
    desk.context.sizing = Shouting(Decimal(says))  # type: ignore[assignment]  # not a pipeline: that is the point
    await run_desk(desk, bars=40)
    desk.portfolio.check()
    limits = desk.context.limits
    assert limits.max_order_notional_quote is not None
    assert limits.max_gross_exposure_equity_fraction is not None
    most = limits.max_position_equity_fraction
    assert most is not None
    for order in desk.orders.orders.values():
        intent = order.intent
        if intent.side is Side.BUY and order.status is not OrderStatus.REFUSED:
            price = intent.limit_price or intent.arrival
            assert price is not None
            assert intent.quantity * price <= limits.max_order_notional_quote
    for position in desk.portfolio.positions.values():
        assert position.quantity > 0
        assert position.quantity * position.average_price <= most * desk.portfolio.peak_equity * Decimal(
            "1.02"
        )
    held = sum(position.value for position in desk.portfolio.positions.values())
    assert held <= limits.max_gross_exposure_equity_fraction * desk.portfolio.equity * Decimal("1.02")


def test_the_blend_holds_a_mad_sizer_to_its_bounds() -> None:
    from graph.proposal import _settle  # the last thing between a sizer and a proposal

    want = Wanted(BTC, 0.8, 0.5, Decimal("0.1"), Decimal(0), Decimal(100), Price(Decimal(95)), ())
    for says, expected in (("-1", "0"), ("0.2500", "0.2500"), ("0.2501", "0.2500"), ("9", "0.2500")):
        sized = Sized(BTC, want.weight, Decimal(says), ())
        assert _settle(want, sized, BlendPolicy(), reduce_only=False).weight == Decimal(expected)
    kept = _settle(want, Sized(BTC, want.weight, Decimal("0.2"), ()), BlendPolicy(), reduce_only=True)
    assert kept.weight == 0
