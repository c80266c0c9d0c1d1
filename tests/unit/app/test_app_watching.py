"""The watch: what it shows the breakers, when, and what it puts on record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from app.breakers_section import BreakersSection
from app.watching import Watch
from app.watching_machine import Machine, TimedJournal, free_bytes
from domain.breakers import BreakerChanged, BreakerState, ViewsTaken
from domain.clock import SimulatedClock
from domain.errors import NotFound
from domain.events import DeskEvent, Notice, OrderAccepted, OrderSubmitted, OrderUnknown
from domain.instrument import Instrument
from domain.market import Candle, Quote, Timeframe
from domain.money import Currency, Price, Quantity, Symbol
from domain.reconciliation import Reconciled
from market.bars import Bars, empty_bars
from memory.journal import MemoryJournal
from risk.breakers.board import BreakerBoard

BTC, USDC = Symbol("BTC/USDT"), Symbol("USDC/USDT")
START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
EQUITY = Decimal(10_000)
TINY, HUGE = Decimal("0.0001"), Decimal(10**9)


def instrument(symbol: Symbol) -> Instrument:
    base, quote = symbol.split("/")
    return Instrument(symbol, Currency(base), Currency(quote), TINY, TINY, TINY, HUGE, TINY)


class Market:
    """A feed of two symbols that shows what it was told."""

    name = "told"
    symbols = (BTC, USDC)
    timeframe = Timeframe.H1
    instruments: Mapping[Symbol, Instrument] = {symbol: instrument(symbol) for symbol in symbols}
    now: datetime | None = None

    def __init__(self) -> None:
        self.closes: dict[Symbol, str | None] = {BTC: "100", USDC: "1"}
        self.opens: dict[Symbol, str] = {}
        self.half_spread = Decimal("0.0001")
        self.quoted = START
        self.sought: list[datetime] = []

    def candle(self, symbol: Symbol) -> Candle | None:
        close = self.closes[symbol]
        if close is None or self.now is None:
            return None
        opened = Decimal(self.opens.get(symbol, close))
        last = Decimal(close)
        prices = (Price(opened), Price(max(opened, last)), Price(min(opened, last)), Price(last))
        return Candle(symbol, self.timeframe, self.now - HOUR, self.now, *prices, Quantity(Decimal(1)))

    def quote(self, symbol: Symbol) -> Quote | None:
        middle = Decimal(self.closes[symbol] or "1")
        bid, ask = middle * (1 - self.half_spread), middle * (1 + self.half_spread)
        return Quote(symbol, Price(bid), Price(ask), Price(middle), self.quoted)

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        return empty_bars(symbol, self.timeframe)

    def seek(self, as_of: datetime) -> None:
        self.sought.append(as_of)

    def advance(self) -> datetime | None:
        raise NotImplementedError

    def book(self, symbol: Symbol) -> Any:
        raise NotImplementedError

    def headlines(self, since: datetime) -> Any:
        raise NotImplementedError

    def bar_index(self) -> int:
        raise NotImplementedError


class Stage:
    """A watch on that market, an hour a bar."""

    def __init__(self, machine: Machine | None = None, market: Market | None = None, **told: Any) -> None:
        self.market = market or Market()
        self.journal = MemoryJournal()
        self.clock = SimulatedClock(START)
        self.published: list[DeskEvent] = []
        section = BreakersSection(**told)
        self.watch = Watch(
            section,
            board=BreakerBoard(section.rules(), relapse=section.relapses()),
            feed=self.market,
            journal=self.journal,
            clock=self.clock,
            publish=self.published.append,
            machine=machine,
        )

    @property
    def at(self) -> datetime:
        return self.clock.now()

    def bar(self, equity: Decimal = EQUITY) -> list[str]:
        """The next bar; the names of what is not closed then."""
        self.clock.set(self.at + HOUR)
        self.market.now = self.at
        prices = {symbol: Decimal(close) for symbol, close in self.market.closes.items() if close is not None}
        self.watch.bar(self.at, prices, equity)
        return self.troubled()

    def look(self, after: timedelta = SECOND) -> list[str]:
        self.clock.set(self.at + after)
        self.watch.look(self.at)
        return self.troubled()

    def troubled(self) -> list[str]:
        return [one.name for one in self.watch.board.troubled()]

    def kept(self) -> list[DeskEvent]:
        self.journal.commit()
        return [event for _, event in self.journal.events()]

    def see(self, *events: DeskEvent) -> None:
        for event in events:
            self.watch.see(event)

    def unknown(self, count: int) -> None:
        self.see(*[OrderUnknown(f"o{index}", BTC, "", self.at) for index in range(count)])


def test_a_quiet_market_keeps_everything_closed_and_nothing_is_written() -> None:
    stage = Stage()
    for _ in range(50):
        assert stage.bar() == []
    assert stage.kept() == []


def test_a_transition_is_in_the_journal_and_told() -> None:
    stage = Stage()
    stage.bar()
    stage.market.opens[BTC] = "90"
    assert stage.bar() == [f"price_gap:{BTC}"]
    (event,) = stage.kept()
    assert isinstance(event, BreakerChanged)
    assert stage.published == [event]
    assert event.at == stage.at


def test_what_happened_is_taken_in_at_the_next_bar_and_not_at_the_same_moment() -> None:
    stage = Stage()
    stage.bar()
    stage.unknown(5)
    assert stage.troubled() == []
    stage.watch.bar(stage.at, {}, EQUITY)
    assert stage.troubled() == [], "the bar of that very moment"
    assert stage.bar() == ["venue_errors"]


def test_one_error_less_is_not_enough() -> None:
    stage = Stage()
    stage.bar()
    stage.unknown(4)
    assert stage.bar() == []


def test_on_probation_silence_of_the_venue_proves_nothing() -> None:
    stage = Stage(system_good_count=1, venue_errors_window_seconds=60)
    stage.bar()
    stage.unknown(5)
    stage.look()
    stage.bar()
    stage.bar()
    state = stage.watch.board.state
    assert state("venue_errors", "") is BreakerState.HALF_OPEN
    for _ in range(10):
        stage.bar()
    assert state("venue_errors", "") is BreakerState.HALF_OPEN
    stage.see(OrderSubmitted("a", BTC, stage.at), OrderAccepted("a", BTC, "v", stage.at))
    assert stage.bar() == []


def test_errors_of_the_last_bar_count_however_short_the_window() -> None:
    stage = Stage(venue_errors_window_seconds=1)
    stage.bar()
    stage.unknown(5)
    assert stage.bar() == ["venue_errors"]


def test_bad_news_counts_at_every_look_good_news_at_bars_alone() -> None:
    stage = Stage(system_good_count=2, venue_errors_window_seconds=60, system_wait_seconds=1)
    stage.bar()
    stage.unknown(5)
    assert stage.look() == ["venue_errors"]
    stage.bar()
    stage.bar()
    assert stage.watch.board.troubled()[0].good == 1
    for _ in range(200):
        stage.look()
    assert stage.watch.board.troubled()[0].good == 1
    assert stage.watch.board.state("venue_errors", "") is BreakerState.OPEN
    stage.bar()
    assert stage.watch.board.state("venue_errors", "") is BreakerState.HALF_OPEN


def test_a_look_on_a_tape_reads_no_market() -> None:
    stage = Stage()
    stage.bar()
    stage.market.opens[BTC] = "50"
    stage.market.half_spread = Decimal("0.2")
    assert stage.look() == []


def test_missing_bars_open_the_data_breaker_of_that_symbol_alone() -> None:
    stage = Stage()
    stage.bar()
    stage.market.closes[BTC] = None
    assert [stage.bar() for _ in range(3)] == [[], [], [f"data_quality:{BTC}"]]
    assert stage.watch.board.facts(BTC).size_fraction == 0
    assert stage.watch.board.facts(USDC).size_fraction == 1


def test_a_spread_that_blows_out_opens_its_breaker() -> None:
    stage = Stage()
    stage.bar()
    stage.market.half_spread = Decimal("0.0049")
    assert stage.bar() == []
    stage.market.half_spread = Decimal("0.0051")
    assert stage.bar() == [f"spread_blowout:{BTC}", f"spread_blowout:{USDC}"]


def test_a_stable_coin_off_its_peg() -> None:
    stage = Stage()
    stage.bar()
    stage.market.closes[USDC] = "0.9899"
    assert stage.bar() == [f"depeg:{USDC}"]
    assert stage.watch.board.facts(BTC).size_fraction == 1


def test_what_everything_is_quoted_in_off_its_peg_concerns_everything() -> None:
    stage = Stage()
    stage.bar()
    stage.market.closes[USDC] = "1.0101"
    assert stage.bar() == ["depeg:*"]
    assert stage.watch.board.facts(BTC).open == ("depeg:*",)


def test_equity_that_falls_opens_drawdown_exactly_at_the_limit() -> None:
    stage = Stage()
    stage.bar()
    assert "drawdown" not in stage.bar(Decimal("9000.01"))
    assert "drawdown" in stage.bar(Decimal(9000))


def test_equity_that_jumps_about_opens_volatility() -> None:
    stage = Stage()
    calm = [stage.bar(EQUITY * Decimal(1 + 0.008 * (index % 2))) for index in range(40)]
    assert calm[-1] == []
    wild = [stage.bar(EQUITY * Decimal(1 + 0.02 * (index % 2))) for index in range(40)]
    assert wild[-1] == ["equity_volatility"]


def test_a_step_of_equity_out_of_all_proportion_is_said_once() -> None:
    stage = Stage()
    for _ in range(60):
        stage.bar()
    stage.bar(Decimal("10500"))
    stage.bar(Decimal("10500"))
    notices = [event for event in stage.kept() if isinstance(event, Notice)]
    assert [(each.level, each.source) for each in notices] == [("warning", "anomaly")]
    assert notices[0].message == "equity moved by +25.0 usual steps in one bar"


def test_books_that_do_not_agree_open_a_breaker_with_the_reason() -> None:
    stage = Stage()
    stage.bar()
    stage.see(Reconciled("paper", 0, 0, 0, (), {"*": "3 USDT are missing"}, {}, START, stage.at))
    assert stage.bar() == ["reconcile_mismatch"]
    assert "3 USDT are missing" in stage.watch.board.troubled()[0].cause


def test_a_losing_source_is_followed_on_paper_and_its_breaker_opens() -> None:
    stage = Stage()
    stage.bar()
    stage.see(ViewsTaken("c1", {"trend": {BTC: 1.0, USDC: 1.0}}, {}, 0, 0, stage.at))
    stage.market.closes = {BTC: "60", USDC: "1"}
    stage.market.opens = {BTC: "60"}
    stage.bar()
    assert stage.watch.paper.books["trend"].level == pytest.approx(0.799, abs=1e-9)
    stage.market.closes = {BTC: "10", USDC: "1"}
    assert "strategy_loss:trend" in stage.bar()
    assert stage.watch.board.strategy_open("trend")


def test_a_reset_is_durable_and_told_and_refused_for_what_is_closed() -> None:
    stage = Stage()
    stage.bar()
    stage.market.opens[BTC] = "90"
    stage.bar()
    event = stage.watch.reset(f"price_gap:{BTC}", reason="a listing moved", by="Ada")
    assert stage.journal.pending == 0
    assert stage.published[-1] is event
    assert (event.by, event.cause) == ("Ada", "reset: a listing moved")
    assert stage.troubled() == []
    with pytest.raises(NotFound):
        stage.watch.reset(f"price_gap:{BTC}", reason="again", by="Ada")


def test_a_session_without_a_bar_restores_nothing() -> None:
    stage = Stage()
    stage.watch.restore([])
    assert stage.market.sought == []
    assert stage.bar() == []


class Commits(MemoryJournal):
    """A journal whose commits take as long as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0
        self.takes = 0.0

    def commit(self) -> None:
        self.time += self.takes
        super().commit()


def machine(
    market: Market, folder: Path | None = None, free: int = 100
) -> tuple[Machine, Commits, list[int]]:
    commits, asked = Commits(), [free]

    def read(path: Path) -> int:
        asked.append(asked[0])
        if asked[0] < 0:
            raise OSError("the disk is gone")
        return asked[0]

    timed = TimedJournal(commits, counter=lambda: commits.time)
    made = Machine(feed=market, folder=folder, needed_bytes=100, journal=timed, free=read)
    return made, commits, asked


def measured(one: Machine, now: datetime = START) -> dict[tuple[str, str], float]:
    return {(kind, scope): value for kind, scope, value in one.measures(now)}


def test_what_is_measured_where_time_is_real() -> None:
    one, _, _ = machine(Market())
    assert measured(one, START + 7 * SECOND) == {
        ("stale_feed", BTC): 7.0,
        ("stale_feed", USDC): 7.0,
        ("slow_journal", ""): 0.0,
    }


def test_the_clocks_drift_is_known_once_the_venue_told_its_time() -> None:
    one, _, _ = machine(Market())
    one.drifted(None)
    assert ("clock_skew", "") not in measured(one)
    one.drifted(timedelta(seconds=-3))
    one.drifted(None)
    assert measured(one)["clock_skew", ""] == 3.0


def test_the_longest_of_the_last_twenty_commits() -> None:
    commits = Commits()
    timed = TimedJournal(commits, counter=lambda: commits.time)
    assert timed.longest() == 0.0
    commits.takes = 3.0
    timed.commit()
    commits.takes = 0.5
    for _ in range(19):
        timed.commit()
    assert timed.longest() == 3.0
    timed.commit()
    assert timed.longest() == 0.5


def test_a_timed_journal_keeps_what_it_is_given() -> None:
    commits = Commits()
    timed = TimedJournal(commits)
    timed.append(Notice("info", "test", "x", START))
    timed.commit()
    assert len(list(commits.events())) == 1


@pytest.mark.parametrize(("free", "opens"), [(101, False), (100, True), (1, True), (-1, True)])
def test_a_full_disk_opens_its_breaker(free: int, opens: bool, tmp_path: Path) -> None:
    market = Market()
    one, _, _ = machine(market, tmp_path, free)
    stage = Stage(machine=one, market=market)
    market.quoted = START + HOUR
    assert (stage.bar() == ["disk_full"]) is opens


def test_a_disk_that_cannot_be_asked_is_a_bad_one_and_is_asked_once_a_minute(tmp_path: Path) -> None:
    one, _, asked = machine(Market(), tmp_path, -1)
    assert isnan(measured(one)["disk_full", ""])
    assert isnan(measured(one, START + 59 * SECOND)["disk_full", ""])
    assert len(asked) == 2
    asked[0] = 50
    assert measured(one, START + 60 * SECOND)["disk_full", ""] == 2.0


def test_this_disk_has_room(tmp_path: Path) -> None:
    assert free_bytes(tmp_path) > 0


@pytest.mark.parametrize(("age", "opens"), [(119, False), (120, True)])
def test_prices_that_grow_old_open_a_breaker_between_two_bars(age: int, opens: bool) -> None:
    market = Market()
    one, _, _ = machine(market)
    stage = Stage(machine=one, market=market)
    market.quoted = START + HOUR
    assert stage.bar() == []
    expected = [f"stale_feed:{BTC}", f"stale_feed:{USDC}"] if opens else []
    assert stage.look(age * SECOND) == expected


def test_restoring_measures_nothing_of_this_machine(tmp_path: Path) -> None:
    market = Market()
    one, _, asked = machine(market, tmp_path, -1)
    stage = Stage(machine=one, market=market)
    stage.watch.restore([Notice("info", "test", "x", START)])
    assert len(asked) == 1
    assert stage.watch.machine is one
