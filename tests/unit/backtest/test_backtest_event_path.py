"""The fast event path is the engine's path: same fills, same fees, same equity on every bar."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest.event_path import EventDesk, long_flat, run_long_flat
from backtest.tape import TapeFeed
from domain.clock import SimulatedClock, to_ns
from domain.errors import DataError, UnknownSymbol
from domain.events import DeskEvent, IntentRefused, OrderFilled
from domain.halt import HaltState
from domain.instrument import Instrument
from domain.market import Timeframe
from domain.money import Currency, Money, Quantity, Symbol
from domain.orders import Fill, OrderIntent, OrderType, Side, client_order_id
from execution.facts import FactsSource, no_breakers
from execution.order_desk import OrderDesk
from execution.paper import PaperVenue
from graph.engine import Engine
from graph.state import CycleState
from graph.tally import Tally
from market.bars import Bars
from memory.journal import MemoryJournal
from portfolio.portfolio import Portfolio
from risk.gate import Refused, review
from risk.limits import DEFAULTS, RiskLimits
from simulator.costs import FeeSchedule, NextOpen
from simulator.matching import MatchingCore
from tests.roomy import ROOM

BTC = Symbol("BTC/USDT")
USDT = Currency("USDT")
START = datetime(2026, 1, 4, 20, tzinfo=UTC)
CENT = Decimal("0.01")
INSTRUMENT = Instrument(
    BTC, Currency("BTC"), USDT, CENT, Decimal("0.0001"), Decimal("0.0001"), Decimal(1000), Decimal(5)
)
CAPITAL = Decimal(100_000)
WIDE: Mapping[str, object] = {
    **DEFAULTS,
    **ROOM,
    "allowed_symbols": [BTC],
    "require_stop": False,
    "max_order_notional_quote": CAPITAL,
    "max_position_equity_fraction": 1,
    "max_gross_exposure_equity_fraction": 1,
}


def bars_of(closes: list[int], opens: list[int] | None = None) -> Bars:
    """One-minute bars from prices in cents, each opening where the last one closed unless told."""
    close = np.array(closes) / 100
    open_ = np.concatenate((close[:1], close[:-1])) if opens is None else np.array(opens) / 100
    first = to_ns(START)
    open_ns = first + np.arange(len(close), dtype=np.int64) * 60_000_000_000
    return Bars(
        BTC,
        Timeframe.M1,
        open_ns,
        open_ns + 60_000_000_000,
        open_,
        np.maximum(open_, close),
        np.minimum(open_, close),
        close,
        np.full(len(close), 12.5),
    )


def walk(bars: int, seed: int = 3, scale: float = 40.0) -> Bars:
    random = np.random.Generator(np.random.PCG64(seed))
    closes = 2_000_000 + np.cumsum(np.rint(random.standard_normal(bars) * scale * 100)).astype(np.int64)
    return bars_of(closes.tolist())


@dataclass
class World:
    desk: EventDesk
    journal: MemoryJournal
    tally: Tally


def world(bars: Bars, limits: Mapping[str, object] | None = None) -> World:
    feed, clock, journal, tally = TapeFeed(bars, INSTRUMENT), SimulatedClock(), MemoryJournal(), Tally()
    portfolio = Portfolio(Money(CAPITAL, USDT), feed.instruments)
    held = RiskLimits.from_mapping({**WIDE, **(limits or {})})
    facts = FactsSource(portfolio, feed, lambda: HaltState.ACTIVE, held, breakers=no_breakers)
    fees = FeeSchedule(Decimal("0.001"), Decimal("0.001"))
    venue = PaperVenue(feed, MatchingCore(feed.instruments, fees, NextOpen(), portfolio.balances()))
    desk = OrderDesk(
        venue=venue,
        portfolio=portfolio,
        facts=facts,
        limits=held,
        journal=journal,
        clock=clock,
        publish=tally.see,
    )
    pieces = EventDesk("same", feed, clock, portfolio, facts, held, desk, journal, tally.see)
    return World(pieces, journal, tally)


class NoStops:
    """The rule under test has no stops, and neither has its peer."""

    async def check(self) -> None:
        return None


class NoAlgorithms:
    """The rule sends whole orders."""

    async def tick(self) -> None:
        return None


class Nothing:
    def update(self) -> None:
        return None


@dataclass
class PlainContext:
    """What the engine needs of a context, without a graph behind it."""

    session: str
    feed: TapeFeed
    portfolio: Portfolio
    desk: OrderDesk
    journal: MemoryJournal
    publish: Any
    hands: asyncio.Lock = field(default_factory=asyncio.Lock)
    algorithms: NoAlgorithms = field(default_factory=NoAlgorithms)

    def halt(self) -> HaltState:
        return HaltState.ACTIVE

    def emit(self, event: DeskEvent) -> None:
        self.journal.append(event)
        self.publish(event)


async def by_the_engine(bars: Bars, wanted: np.ndarray, quantity: Quantity, **limits: object) -> World:
    """The same rule as the engine's cycle: decide at the close, review, submit."""
    built = world(bars, limits)
    pieces = built.desk

    async def cycle(state: CycleState) -> CycleState:
        done: CycleState = {**state, "summary": ""}
        wants = bool(wanted[state["cycle"] - 1])
        holds = pieces.portfolio.position(BTC) is not None
        if wants == holds or pieces.desk.open_orders():
            return done
        intent = OrderIntent(
            client_id=client_order_id("same", state["cycle"], 0),
            session="same",
            cycle=state["cycle"],
            leg=0,
            symbol=BTC,
            side=Side.BUY if wants else Side.SELL,
            quantity=quantity,
            order_type=OrderType.MARKET,
            created_at=state["at"],
            reduce_only=not wants,
        )
        facts = pieces.facts.gather(BTC, state["at"], pieces.desk.open_orders())
        answer = review(intent, facts, pieces.limits, state["at"])
        if isinstance(answer, Refused):
            pieces.journal.append(IntentRefused(intent, 1, answer.breaches, state["at"]))
            pieces.publish(IntentRefused(intent, 1, answer.breaches, state["at"]))
        else:
            await pieces.desk.submit(intent)
        return done

    context = PlainContext("same", pieces.feed, pieces.portfolio, pieces.desk, built.journal, built.tally.see)
    engine = Engine(
        context=context,  # type: ignore[arg-type]  # the part of a context that the engine reads
        clock=pieces.clock,
        features=Nothing(),  # type: ignore[arg-type]  # the rule reads a column
        guardian=NoStops(),  # type: ignore[arg-type]  # see NoStops
        cycle_runner=cycle,
        tally=built.tally,
    )
    while await engine.step() is not None:
        pass
    return built


def fills_of(built: World) -> list[Fill]:
    return [event.fill for event in (e for _, e in built.journal.events()) if isinstance(event, OrderFilled)]


def refusals_of(built: World) -> list[tuple[str, tuple[str, ...]]]:
    events = [event for _, event in built.journal.events() if isinstance(event, IntentRefused)]
    return [(e.intent.client_id, tuple(breach.rule for breach in e.breaches)) for e in events]


async def both(bars: Bars, wanted: np.ndarray, quantity: str, **limits: object) -> World:
    """Run both paths, hold them equal, and give back the fast one."""
    amount = Quantity(Decimal(quantity))
    slow = await by_the_engine(bars, wanted, amount, **limits)
    fast = world(bars, limits)
    run = await run_long_flat(fast.desk, wanted, amount)
    fast.journal.commit()
    assert fills_of(fast) == fills_of(slow)
    assert refusals_of(fast) == refusals_of(slow)
    assert [run.equity_at(bar) for bar in range(run.bars)] == [equity for _, equity in slow.tally.curve]
    ours, theirs = fast.desk.portfolio, slow.desk.portfolio
    for name in ("equity", "cash", "peak_equity", "day_start_equity", "fees_paid", "realized"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert run.peak == theirs.peak_equity
    assert run.orders == slow.tally.orders
    ours.check()
    return fast


def averages(bars: Bars) -> np.ndarray:
    from market.features import compute

    return long_flat(compute(bars, "ema(12)"), compute(bars, "ema(26)"))


async def test_an_average_crossover_is_the_same_fill_for_fill() -> None:
    bars = walk(1_500)
    built = await both(bars, averages(bars), "1.5")
    assert len(fills_of(built)) > 40


async def test_the_day_begins_at_midnight_on_both_paths() -> None:
    bars = walk(1_000)  # from 20:00 over two midnights' worth of marks
    built = await both(bars, np.ones(1_000, bool), "1.5")
    assert built.desk.portfolio.day_start_equity != CAPITAL


async def test_what_one_path_refuses_the_other_refuses() -> None:
    bars = walk(800, scale=300.0)
    built = await both(
        bars, averages(bars), "2", max_daily_loss_fraction="0.01", max_drawdown_fraction="0.02"
    )
    rules = {rule for _, broken in refusals_of(built) for rule in broken}
    assert rules & {"daily_loss", "peak_drawdown"}


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(900_000, 1_100_000), st.booleans()), min_size=2, max_size=40),
    st.sampled_from(["0.0006", "1", "7.1234"]),
)
async def test_any_prices_and_any_wishes_are_the_same(plan: list[tuple[int, bool]], quantity: str) -> None:
    bars = bars_of([close for close, _ in plan])
    await both(bars, np.array([wants for _, wants in plan]), quantity)


def test_the_average_that_warms_up_wants_nothing() -> None:
    wanted = long_flat(np.array([np.nan, 2.0, 2.0]), np.array([np.nan, np.nan, 1.0]))
    assert wanted.tolist() == [False, False, True]


async def test_one_decision_per_bar_is_demanded() -> None:
    with pytest.raises(DataError, match="2 decisions for 3 bars"):
        await run_long_flat(world(walk(3)).desk, np.ones(2, bool), Quantity(Decimal(1)))


def test_the_tape_shows_nothing_before_its_time() -> None:
    bars = walk(10)
    feed = TapeFeed(bars, INSTRUMENT)
    assert (feed.now, feed.bar_index(), feed.candle(BTC), feed.quote(BTC)) == (None, -1, None, None)
    assert len(feed.history(BTC, START + timedelta(days=1), 99)) == 0
    at = feed.advance()
    assert at == START + timedelta(minutes=1)
    assert len(feed.history(BTC, START + timedelta(days=1), 99)) == 1
    feed.seek(START + timedelta(minutes=4))
    assert feed.bar_index() == 3
    assert feed.candle(BTC) == bars.candle(3, INSTRUMENT)
    assert len(feed.history(BTC, START + timedelta(minutes=2), 99)) == 2
    feed.seek(START)
    assert (feed.now, feed.bar_index()) == (None, -1)
    with pytest.raises(UnknownSymbol, match="ETH/USDT"):
        feed.candle(Symbol("ETH/USDT"))


@pytest.mark.parametrize("volume", [12.5, 0.0, 98_765.4321, 0.12345, 1e-5])
def test_every_candle_of_the_tape_is_the_bars_own(volume: float) -> None:
    bars = replace(walk(50), volume=np.full(50, volume))
    feed = TapeFeed(bars, INSTRUMENT)
    for index in range(50):
        feed.advance()
        found, expected = feed.candle(BTC), bars.candle(index, INSTRUMENT)
        assert found == expected
        assert found is not None
        assert (str(found.close), str(found.volume)) == (str(expected.close), str(expected.volume))


@pytest.mark.parametrize(
    ("bars", "said"),
    [
        (bars_of([100_00]).slice(0, 0), "is empty"),
        (bars_of([100_00, 0]), "off the tick"),
    ],
)
def test_a_tape_that_cannot_be_trusted_is_refused(bars: Bars, said: str) -> None:
    with pytest.raises(DataError, match=said):
        TapeFeed(bars, INSTRUMENT)


def test_a_price_between_two_ticks_is_refused() -> None:
    bars = bars_of([100_00, 101_00])
    between = replace(bars, close=bars.close + 0.003)
    with pytest.raises(DataError, match="off the tick"):
        TapeFeed(between, INSTRUMENT)
