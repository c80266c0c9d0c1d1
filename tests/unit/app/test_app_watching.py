"""The watch: what it shows the breakers, when, and what it puts on record."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.breakers import BreakerChanged, BreakerState, ViewsTaken
from domain.errors import NotFound
from domain.events import Notice, OrderAccepted, OrderSubmitted
from domain.reconciliation import Reconciled
from tests.unit.app.watching_stage import BTC, EQUITY, START, USDC, Stage


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
