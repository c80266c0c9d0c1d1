"""Kill, restart, day change, clock step, corrupted risk state: limits hold or the desk halts.

Each row is one case: what happens to a desk that has lost more than its limits allow, or to what it knows of
that, and which rules must refuse an entry afterwards - or how the desk must refuse to start.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from domain.errors import DeskError, JournalCorrupt
from domain.events import Notice
from domain.halt import HaltState
from domain.orders import OrderStatus
from memory.aside import aside_of
from memory.chain import link
from memory.seal import seal_of
from tests.faults.boundaries import Died, Fate, MortalJournal
from tests.faults.risk_state_stage import BTC, CRASH, ETH, MONDAY, Home, write_candles
from tests.unit.app.desk_line import DeskLine
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


# --- what stands in the file was changed ---


@dataclass(frozen=True, slots=True)
class Harm:
    """What is done to a home where no desk runs, and what the next `desk run` must say instead of trading."""

    do: Callable[[Path], None]
    says: str
    code: int = 1


def rewrite(home: Path, kind: str, change: Callable[[dict[str, Any]], object], *, rechain: bool) -> None:
    """Change the newest event of a kind; with `rechain` as a program would that makes the chain itself."""
    database = home / "desk.db"
    with sqlite3.connect(database) as file:
        seq, payload = file.execute(
            "SELECT seq, payload FROM journal WHERE kind = ? ORDER BY seq DESC LIMIT 1", (kind,)
        ).fetchone()
        told = json.loads(payload)
        change(told)
        file.execute("UPDATE journal SET payload = ? WHERE seq = ?", (json.dumps(told).encode(), seq))
        if rechain:
            previous = bytes(32)
            rows = file.execute("SELECT seq, kind, at, payload FROM journal ORDER BY seq").fetchall()
            for number, name, at, body in rows:
                previous = link(previous, number, name, at, body)
                file.execute("UPDATE journal SET hash = ? WHERE seq = ?", (previous, number))
            file.execute("UPDATE journal_head SET hash = ?", (previous,))
    file.close()
    seal_of(database).unlink(missing_ok=True)


def _sql(home: Path, statement: str) -> None:
    with sqlite3.connect(home / "desk.db") as file:
        file.execute(statement)
    file.close()
    seal_of(home / "desk.db").unlink(missing_ok=True)


def _marked(name: str, value: object, *, rechain: bool = False) -> Callable[[Path], None]:
    return lambda home: rewrite(
        home, "equity_marked", lambda told: told.update({name: value}), rechain=rechain
    )


def _without(name: str) -> Callable[[Path], None]:
    return lambda home: rewrite(home, "equity_marked", lambda told: told.pop(name), rechain=True)


def _lift(home: Path) -> None:
    rewrite(home, "halt_changed", lambda told: told["halt"].update({"state": "active"}), rechain=False)


def _wider(home: Path) -> None:
    def change(told: dict[str, Any]) -> None:
        told["configured"] = json.loads(json.dumps(told["configured"]).replace("0.05", "0.50"))

    rewrite(home, "limits_declared", change, rechain=False)


def _drop(kind: str) -> Callable[[Path], None]:
    newest = f"SELECT max(seq) FROM journal WHERE kind = '{kind}'"  # noqa: S608 - a word of this file
    return lambda home: _sql(home, f"DELETE FROM journal WHERE seq = ({newest})")  # noqa: S608


def _last_events(home: Path) -> None:
    """The loss is cut off, by somebody who forgot the head."""
    _sql(home, "DELETE FROM journal WHERE seq > (SELECT max(seq) - 5 FROM journal)")


def _unused_byte(home: Path) -> None:
    """A single byte far behind the events, in a file that was closed in good order."""
    content = bytearray((home / "desk.db").read_bytes())
    content[-1] ^= 1
    (home / "desk.db").write_bytes(bytes(content))


def _garbage(home: Path) -> None:
    (home / "desk.db").write_bytes(b"not a database" * 1000)
    seal_of(home / "desk.db").unlink(missing_ok=True)


def _beside(home: Path) -> None:
    aside_of(home / "desk.db").write_bytes(b'{"seq": 1, "kind": "halt_changed"}\n' + bytes(10))


def _config(text: str) -> Callable[[Path], None]:
    def write(home: Path) -> None:
        (home.parent / "desk.toml").write_text(text)

    return write


HARMS: dict[str, Harm] = {
    "the peak is lowered": Harm(_marked("peak", "1"), "does not match its hash"),
    "the start of day is lowered": Harm(_marked("day_start", "1"), "does not match its hash"),
    "the start of week is lowered": Harm(_marked("week_start", "1"), "does not match its hash"),
    "a halt is flipped": Harm(_lift, "does not match its hash"),
    "limits on record are widened": Harm(_wider, "does not match its hash"),
    "the newest mark is missing": Harm(_drop("equity_marked"), "missing"),
    "the halt is missing": Harm(_drop("halt_changed"), "does not match its head"),
    "the newest events are missing": Harm(_last_events, "does not match its head"),
    "a byte of the file is changed": Harm(_unused_byte, ""),
    "the file is garbage": Harm(_garbage, "not a database"),
    "the peak is NaN": Harm(_marked("peak", "NaN", rechain=True), "peak of NaN"),
    "the peak is zero": Harm(_marked("peak", "0", rechain=True), "peak of 0"),
    "the peak is missing": Harm(_without("peak"), "cannot be read"),
    "the start of day is NaN": Harm(_marked("day_start", "NaN", rechain=True), "day start of NaN"),
    "the start of week is NaN": Harm(_marked("week_start", "NaN", rechain=True), "week start of NaN"),
    "the equity is no number": Harm(_marked("equity", "much", rechain=True), "cannot be read"),
    "a price is NaN": Harm(
        lambda home: rewrite(
            home, "equity_marked", lambda told: told["prices"].update({"BTC/USDT": "NaN"}), rechain=True
        ),
        "cannot be marked",
    ),
    "what lies beside the database is garbage": Harm(_beside, "cannot be read"),
    "the limits are no TOML": Harm(_config("[risk\nmax_drawdown_fraction = 0.2"), "cannot be read", 4),
    "a limit is NaN": Harm(_config("[risk]\nmax_drawdown_fraction = nan"), "max_drawdown_fraction", 4),
    "a limit is infinite": Harm(_config("[risk]\nmax_drawdown_fraction = inf"), "max_drawdown_fraction", 4),
    "a limit is negative": Harm(_config("[risk]\nmax_drawdown_fraction = -0.2"), "max_drawdown_fraction", 4),
    "a limit is beyond its ceiling": Harm(_config("[risk]\nmax_leverage_ratio = 3"), "max_leverage_ratio", 4),
    "a limit is misspelt": Harm(_config("[risk]\nmax_drawdwn_fraction = 0.2"), "max_drawdwn_fraction", 4),
    "a limit is another kind": Harm(_config('[risk]\nrequire_stop = "perhaps"'), "require_stop", 4),
    "limits contradict each other": Harm(
        _config("[risk]\nmax_daily_loss_fraction = 0.19\nmax_drawdown_fraction = 0.1"),
        "contradict each other",
        4,
    ),
}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose desk ran 40 bars, was stopped and is halted."""
    folder = tmp_path_factory.mktemp("lived")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        capture = _NoCapture()
        desk = DeskLine(patch, capture)  # type: ignore[arg-type]  # nothing is read from it
        assert desk(*RUN, "--home", folder / "home").code == 0
        assert desk("halt", "stop", "--reason", "drill", "--home", folder / "home").code == 0
    return folder


class _NoCapture:
    def readouterr(self) -> Any:
        return type("Caught", (), {"out": "", "err": ""})


RUN = ("run", "--speed", "max", "--bars", "40", "--json")


@pytest.mark.parametrize("name", HARMS)
def test_a_desk_whose_state_was_harmed_does_not_start(
    name: str,
    lived: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    harm = HARMS[name]
    shutil.copytree(lived, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    desk = DeskLine(monkeypatch, capsys)
    harm.do(home)
    before = _count(home)
    for _ in range(2):  # nor the second time: nothing was mended by the first
        said = desk("run", "--speed", "max", "--bars", "80", "--home", home, "--json")
        assert said.code == harm.code, said.err
        assert harm.says in said.err
        assert _count(home) == before, "and nothing was done"


def _count(home: Path) -> int | None:
    try:
        with sqlite3.connect(home / "desk.db") as file:
            (events,) = file.execute("SELECT count(*) FROM journal").fetchone()
            return int(events)
    except sqlite3.DatabaseError:
        return None
    finally:
        file.close()


def test_an_unharmed_home_starts_and_its_halt_stands(
    lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The control: without harm the same commands run, and the halt of the earlier life holds."""
    shutil.copytree(lived, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    desk = DeskLine(monkeypatch, capsys)
    told = desk("run", "--speed", "max", "--bars", "80", "--home", tmp_path / "home", "--json")
    assert told.code == 0, told.err
    assert (told.told["bars"], told.told["cycles"], told.told["orders"]) == (80, 0, 0)
    assert desk("status", "--home", tmp_path / "home", "--json").told["halt"]["state"] == "halted"


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
