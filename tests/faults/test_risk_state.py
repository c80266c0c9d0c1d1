"""Kill, restart, day change, clock step, corrupted risk state: limits hold or the desk halts.

Each row is one case: what happens to a desk that has lost more than its limits allow, or to what it knows of
that, and which rules must refuse an entry afterwards. What was changed in the file is in
test_risk_state_files.py.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from domain.errors import DeskError, JournalCorrupt
from domain.events import Notice
from domain.halt import HaltState
from domain.orders import OrderStatus
from tests.faults.boundaries import Died, Fate, MortalJournal
from tests.faults.risk_state_stage import BTC, CRASH, ETH, MONDAY, Home, write_candles
from tests.unit.app.venue_stage import VenueStage

ALL_THREE = {"daily_loss", "weekly_loss", "peak_drawdown"}


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_candles(tmp_path_factory.mktemp("market") / "candles")


@pytest.fixture
def home(tmp_path: Path, candles: Path) -> Home:
    return Home(tmp_path, candles)


# --- what happens to a desk that has lost too much ---


async def nothing(home: Home) -> None:
    """It just goes on."""


async def killed(home: Home) -> None:
    home.dies()
    await home.born()


async def killed_twice(home: Home) -> None:
    await killed(home)
    await killed(home)


async def stopped_and_started(home: Home) -> None:
    home.run.stop()
    await home.run.close()
    home.journal.close()
    await home.born()


async def over_midnight(home: Home) -> None:
    await home.to(MONDAY + timedelta(days=2, hours=1))


async def killed_before_midnight(home: Home) -> None:
    await home.to(MONDAY + timedelta(days=1, hours=23))
    await killed(home)
    await over_midnight(home)


async def killed_after_midnight(home: Home) -> None:
    await over_midnight(home)
    await killed(home)


async def killed_on_sunday(home: Home) -> None:
    await home.to(MONDAY + timedelta(days=6, hours=23))
    await killed(home)


async def a_new_week(home: Home) -> None:
    await home.to(MONDAY + timedelta(days=7, hours=1))


async def killed_over_sunday(home: Home) -> None:
    await killed_on_sunday(home)
    await a_new_week(home)
    await killed(home)


async def killed_as_the_week_begins(home: Home) -> None:
    await home.to(MONDAY + timedelta(days=7))
    await killed(home)
    await a_new_week(home)


HISTORIES: dict[str, tuple[Callable[[Home], Awaitable[None]], set[str], set[str]]] = {
    # what happens, the rules that must refuse, those that no longer may
    "it goes on": (nothing, ALL_THREE, set()),
    "it is killed": (killed, ALL_THREE, set()),
    "it is killed twice": (killed_twice, ALL_THREE, set()),
    "it is stopped and started": (stopped_and_started, ALL_THREE, set()),
    "the day changes": (over_midnight, {"weekly_loss", "peak_drawdown"}, {"daily_loss"}),
    "killed, then the day changes": (
        killed_before_midnight,
        {"weekly_loss", "peak_drawdown"},
        {"daily_loss"},
    ),
    "the day changes, then killed": (killed_after_midnight, {"weekly_loss", "peak_drawdown"}, {"daily_loss"}),
    "killed on Sunday": (killed_on_sunday, {"weekly_loss", "peak_drawdown"}, {"daily_loss"}),
    "the week changes": (a_new_week, {"peak_drawdown"}, {"daily_loss", "weekly_loss"}),
    "killed over Sunday": (killed_over_sunday, {"peak_drawdown"}, {"daily_loss", "weekly_loss"}),
    "killed as the week begins": (
        killed_as_the_week_begins,
        {"peak_drawdown"},
        {"daily_loss", "weekly_loss"},
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
async def test_what_was_lost_stays_lost(home: Home, name: str) -> None:
    happens, holds, over = HISTORIES[name]
    await home.born()
    await home.lose()
    before = home.run.desk.portfolio
    await happens(home)
    now = home.run.desk.portfolio
    refused = await home.refusal()
    assert holds <= refused
    assert not over & refused
    assert now.peak_equity == before.peak_equity


@pytest.mark.parametrize("moment", ["before equity_marked", "after equity_marked", "before commit"])
async def test_killed_in_the_very_bar_of_the_loss(home: Home, moment: str) -> None:
    """What the bar came to was not on record yet: it is run again, and comes to the same."""
    await home.born()
    await home.to(MONDAY + timedelta(days=1, hours=8))
    for symbol in (BTC, ETH):
        await home.buy(symbol, Decimal(1250))
    await home.to(CRASH - timedelta(hours=1))
    fate = Fate()
    context = home.run.desk.context
    context.journal = MortalJournal(context.journal, fate)
    fate.deadly_name = (moment, 1)
    with pytest.raises(Died):
        await home.to(CRASH)
    home.dies()
    await home.born()
    await home.to(CRASH + timedelta(hours=1))
    assert await home.refusal() >= ALL_THREE


# --- what the desk holds in memory is nonsense ---

NAN = Decimal("NaN")
NONSENSE: dict[str, tuple[str, Decimal]] = {
    "equity is NaN": ("_equity", NAN),
    "equity is infinite": ("_equity", Decimal("Infinity")),
    "equity is zero": ("_equity", Decimal(0)),
    "the peak is NaN": ("_peak", NAN),
    "the peak is missing": ("_peak", Decimal(0)),
    "the start of day is NaN": ("_day_start", NAN),
    "the start of day is missing": ("_day_start", Decimal(0)),
    "the start of week is NaN": ("_week_start", NAN),
    "the start of week is missing": ("_week_start", Decimal(0)),
}


@pytest.mark.parametrize("name", NONSENSE)
async def test_an_account_that_makes_no_sense_takes_on_nothing(home: Home, name: str) -> None:
    attribute, value = NONSENSE[name]
    await home.born()
    await home.to(MONDAY + timedelta(days=1, hours=8))
    assert await home.refusal() == set(), "before, an entry is taken in"
    portfolio = home.run.desk.portfolio
    assert hasattr(portfolio, attribute)
    setattr(portfolio, attribute, value)
    portfolio._version += 1
    assert await home.refusal(ETH)


# --- the clock of the venue steps ---


@pytest.mark.parametrize(
    "step", [timedelta(days=1), timedelta(days=-1), timedelta(hours=2), timedelta(hours=-2)]
)
async def test_a_step_of_the_venues_clock_is_not_believed(step: timedelta) -> None:
    """A day that did not pass gives back no loss limit, and none is taken twice."""
    stage = VenueStage(pace=1)
    run = await stage.run(decide_every=1000)
    await run.start()
    stage.data.counter.seconds += 3600
    await run.beat()
    desk = run.desk
    day, marked, before = desk.portfolio.day_start_equity, desk.portfolio.marked_at, desk.clock.now()
    stage.data.skew += step
    for _ in range(3):
        stage.data.counter.seconds += 61
        await run.beat()
    passed = desk.clock.now() - before
    assert timedelta(0) <= passed <= timedelta(minutes=5)
    assert (desk.portfolio.day_start_equity, desk.portfolio.marked_at) == (day, marked)
    assert any("jumped" in event.message for event in stage.events() if isinstance(event, Notice))


@pytest.mark.parametrize("back", [timedelta(hours=3), timedelta(days=3)])
async def test_a_restart_under_a_clock_that_went_back_does_not_trade(back: timedelta) -> None:
    """The last mark lies ahead of now: the account cannot be valued, so nothing is taken on."""
    stage = VenueStage(pace=1)
    run = await stage.run(decide_every=1000)
    await run.start()
    for _ in range(3):
        stage.data.counter.seconds += 3600
        await run.beat()
    assert run.desk.tally.bars == 3
    placed = list(stage.filling.placed)
    stage.data.skew -= back

    async def go_on() -> None:
        again = await stage.run(past=stage.events(), decide_every=1000)
        await again.start()
        stage.data.counter.seconds += 3600
        await again.beat()

    with pytest.raises((DeskError, ValueError)):
        await go_on()
    assert stage.filling.placed == placed


# --- halts ---


@pytest.mark.parametrize("action", ["pause", "stop", "panic"])
@pytest.mark.parametrize(
    "happens", [killed, killed_twice, stopped_and_started, over_midnight, killed_over_sunday]
)
async def test_a_halt_outlives_everything_but_a_persons_word(
    home: Home, action: str, happens: Callable[[Home], Awaitable[None]]
) -> None:
    await home.born()
    await home.to(MONDAY + timedelta(hours=8))
    await home.run.halt(action, reason="drill", by="anna")  # type: ignore[arg-type]  # one of the actions
    await happens(home)
    halt = home.run.desk.halts.current
    wanted = HaltState.REDUCING if action == "pause" else HaltState.HALTED
    assert (halt.state, halt.latched, halt.flatten, halt.by) == (wanted, True, action == "panic", "anna")
    assert "halt_state" in await home.refusal()


async def test_a_resume_that_was_not_written_down_is_none(home: Home) -> None:
    await home.born()
    await home.run.halt("stop", reason="drill", by="anna")
    journal = home.run.desk.journal
    halts = home.run.desk.halts

    def broken() -> None:
        raise JournalCorrupt("the disk is gone")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "commit", broken)
        with pytest.raises(JournalCorrupt):
            await home.run.halt("resume", reason="checked", by="anna", confirm=True)
        assert halts.state() is HaltState.HALTED
    journal.commit()
    await killed(home)
    assert home.run.desk.halts.state() is HaltState.HALTED


async def test_shrinking_is_possible_in_every_halt(home: Home) -> None:
    await home.born()
    await home.to(MONDAY + timedelta(days=1, hours=8))
    assert (await home.buy(BTC, Decimal(500))).status is not OrderStatus.REFUSED
    await home.to(MONDAY + timedelta(days=1, hours=9))
    assert home.run.desk.portfolio.holds(BTC)
    await home.run.halt("panic", reason="drill", by="anna")
    assert not home.run.desk.portfolio.holds(BTC)
