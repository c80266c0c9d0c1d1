"""Limits of a running desk: in force at once, on record, back after a restart, the same by every door."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from app import control
from app.activity import Activity
from app.backtesting import in_memory
from app.bootstrap import Desk
from app.chat import Chat
from app.history import fold
from app.limits_section import document_of, limits_of
from app.limits_views import effective_lines
from app.service import LiveDesk
from app.session import SessionRun
from app.settings import Settings, load
from domain.errors import ConfigError, StorageError
from domain.events import HaltChanged, IntentRefused, SessionStarted
from domain.halt import HaltState
from domain.limits import LimitsChanged, LimitsDeclared
from domain.orders import OrderIntent, OrderStatus
from memory.records import MemoryRecords
from risk.record import LimitsRecord
from tests.unit.app.limits_stage import DAILY, again, events_of, make, running, told

# -- in force


async def _bought(run: SessionRun) -> OrderIntent:
    for _ in range(400):
        await run.advance()
        for order in run.desk.orders.orders.values():
            if order.status is OrderStatus.FILLED and not order.intent.reduce_only:
                return order.intent
    raise AssertionError("nothing was bought in 400 bars")


async def test_a_tightened_limit_is_held_by_the_next_review_of_the_order_desk() -> None:
    run = await running()
    intent = await _bought(run)
    desk = run.desk
    before = desk.limits.hash
    changed = desk.limiting.set(
        {"max_order_notional_quote": 1, "order_rate_window_seconds": 86_400}, by="test"
    )
    assert changed is not None
    assert desk.limits.max_order_notional_quote == Decimal(1)
    assert desk.context.limits is desk.limits
    assert desk.limits.hash == changed.new_hash != before == changed.old_hash
    order = await desk.orders.submit(replace(intent, client_id="test-000001-00", created_at=desk.clock.now()))
    assert order.status is OrderStatus.REFUSED
    refused = events_of(desk, IntentRefused)[-1]
    assert "order_notional" in [breach.rule for breach in refused.breaches]
    assert refused.limits_hash == desk.limits.hash
    # The longer window counts what was sent before it was made longer.
    assert desk.context.facts.recent_orders(desk.clock.now()) == desk.tally.orders


async def test_the_cycle_reviews_by_the_limits_in_force_and_says_which() -> None:
    run = await running()
    run.desk.limiting.set({"price_collar_fraction": "0.000001"}, by="test")
    for _ in range(200):
        await run.advance()
    refused = events_of(run.desk, IntentRefused)
    assert refused
    assert {event.limits_hash for event in refused} == {run.desk.limits.hash}
    assert not run.desk.portfolio.positions


async def test_a_start_declares_the_limits_after_the_session() -> None:
    run = SessionRun(in_memory(make({DAILY: "0.04"})))
    await run.start()
    started, declared = told(run.desk)[:2]
    assert isinstance(started, SessionStarted)
    assert isinstance(declared, LimitsDeclared)
    assert (declared.version, declared.limits_hash, declared.kept) == (1, run.desk.limits.hash, ())
    assert json.loads(declared.configured)["limits"][DAILY] == "0.04"
    assert json.loads(declared.ceilings)["limits"][DAILY] == "0.2"


# -- restarts


async def test_a_restart_keeps_what_was_changed_also_in_a_new_session() -> None:
    run = await running()
    run.desk.limiting.set({DAILY: "0.03"}, by="test")
    run.desk.limiting.set({"max_drawdown_fraction": "0.3"}, by="test", reason="a wide market")
    later = again(run.desk, make())
    assert later.desk.limits == run.desk.limits
    await later.start()
    declared = events_of(later.desk, LimitsDeclared)[-1]
    assert {change.name for change in declared.kept} == {DAILY, "max_drawdown_fraction"}
    assert declared.limits_hash == run.desk.limits.hash
    assert effective_lines(later.desk.limiting)[1:] == [
        f"Limit changed: {DAILY} 0.05 -> 0.03.",
        "Limit changed: max_drawdown_fraction 0.2 -> 0.3.",
    ]


@pytest.fixture
async def doubtful() -> Desk:
    """A desk whose journal has limits that are not those of their hash."""
    run = await running()
    run.desk.limiting.set({DAILY: "0.03"}, by="test")
    changed = events_of(run.desk, LimitsChanged)[-1]
    run.desk.journal.append(replace(changed, old_hash=changed.new_hash, new_hash="0" * 64))
    return run.desk


async def test_limits_that_cannot_be_trusted_halt_the_desk_until_a_person_starts_them_anew(
    doubtful: Desk,
) -> None:
    run = again(doubtful, make())
    await run.start()
    desk = run.desk
    assert desk.limiting.doubt
    assert desk.halts.state() is HaltState.HALTED
    assert "the limits on record are in doubt" in events_of(desk, HaltChanged)[-1].halt.reason
    for _ in range(100):
        await run.advance()
    assert not desk.tally.orders
    with pytest.raises(ConfigError, match="desk limits reset"):
        await run.halt("resume", reason="looks fine", by="test", confirm=True)
    with pytest.raises(ConfigError, match="in doubt"):
        desk.limiting.set({DAILY: "0.06"}, by="test", reason="looser")
    with pytest.raises(ConfigError, match="Say why"):
        desk.limiting.reset(by="test", reason=" ")
    assert desk.limiting.set({DAILY: "0.02"}, by="test") is not None  # tightening always goes
    desk.limiting.reset(by="test", reason="the journal was restored from a copy")
    assert (desk.limiting.doubt, desk.limits) == ("", limits_of(make()))
    await run.halt("resume", reason="limits are clear", by="test", confirm=True)
    assert desk.halts.state() is HaltState.ACTIVE
    third = again(desk, make())
    assert (third.desk.limiting.doubt, third.desk.limits) == ("", limits_of(make()))


async def test_a_doubt_outlives_a_restart(doubtful: Desk) -> None:
    second = again(doubtful, make())
    await second.start()
    second.desk.limiting.set({DAILY: "0.02"}, by="test")
    third = again(second.desk, make())
    assert third.desk.limiting.doubt == second.desk.limiting.doubt != ""


async def test_a_doubt_is_not_cleared_when_that_cannot_be_written_down(
    doubtful: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = again(doubtful, make())
    await run.start()
    doubt = run.desk.limiting.doubt
    with monkeypatch.context() as patch:
        patch.setattr(run.desk.journal, "commit", _full)
        with pytest.raises(StorageError):
            run.desk.limiting.reset(by="test", reason="clear")
    assert run.desk.limiting.doubt == doubt
    assert again(run.desk, make()).desk.limiting.doubt == doubt


def _full() -> None:
    raise StorageError("the disk is full")


# -- the section of the settings


def test_the_section_takes_its_defaults_from_the_session() -> None:
    limits = limits_of(make())
    assert limits.allowed_symbols == frozenset(Settings().session.symbols)
    assert limits.max_quote_age_seconds == 45 * 60
    assert limits.allow_estimated_prices is True


def test_a_venue_is_never_traded_on_estimated_prices() -> None:
    venue = {"name": "gate-testnet"}
    assert limits_of(make(venue=venue, market={})).allow_estimated_prices is False
    with pytest.raises(ConfigError, match="allow_estimated_prices = true is looser than its ceiling false"):
        document_of(make({"allow_estimated_prices": True}, venue=venue, market={}))


def test_an_allowed_symbol_must_be_one_that_is_traded() -> None:
    with pytest.raises(ConfigError, match=r"BTC/USDTT, which is not in session.symbols") as error:
        document_of(make({"allowed_symbols": ["BTC/USDTT"]}))
    assert error.value.fix == "Did you mean BTC/USDT?"


def test_ceilings_stand_in_the_file_below_risk(tmp_path: Path) -> None:
    file = tmp_path / "desk.toml"
    file.write_text(
        "[risk]\nversion = 1\nmax_daily_loss_fraction = 0.02\n"
        '[risk.ceilings]\nmax_daily_loss_fraction = "0.03"\n'
    )
    document = document_of(load(file))
    assert document.limits.max_daily_loss_fraction == Decimal("0.02")
    assert document.ceilings.max_daily_loss_fraction == Decimal("0.03")


# -- the doors of a running desk


async def test_a_request_from_another_process_is_answered(tmp_path: Path) -> None:
    run = await running(requests=tmp_path)
    asked = {"limits": {DAILY: "0.03"}, "back": [], "reason": "", "by": "cli", "may_loosen": True}
    (tmp_path / "one.request").write_text(json.dumps(asked))
    (tmp_path / "two.request").write_text(
        json.dumps({**asked, "limits": {DAILY: "0.05"}, "may_loosen": False})
    )
    (tmp_path / "three.request").write_text(
        json.dumps({**asked, "limits": None, "back": [DAILY], "reason": "calm"})
    )
    for name in ("one", "two", "three"):
        assert (tmp_path / f"{name}.request").exists()
    await run.look_at_requests()
    answers = {
        name: json.loads((tmp_path / f"{name}.answer").read_text()) for name in ("one", "two", "three")
    }
    assert answers["one"]["changes"] == [{"name": DAILY, "old": "0.05", "new": "0.03"}]
    assert answers["one"]["running"] is True
    assert "a chat only tightens" in answers["two"]["error"]
    assert answers["three"]["changes"] == [{"name": DAILY, "old": "0.03", "new": "0.05"}]
    assert [event.by for event in events_of(run.desk, LimitsChanged)] == ["cli", "cli"]


async def test_a_request_left_for_an_earlier_run_changes_nothing(tmp_path: Path) -> None:
    asked = {"limits": {DAILY: "0.06"}, "back": [], "reason": "calm", "by": "cli", "may_loosen": True}
    (tmp_path / "one.request").write_text(json.dumps(asked))
    run = await running(requests=tmp_path)
    await run.look_at_requests()
    assert "restarted" in json.loads((tmp_path / "one.answer").read_text())["error"]
    assert not events_of(run.desk, LimitsChanged)
    assert list(control.pending(tmp_path)) == []


def live(run: SessionRun) -> LiveDesk:
    service = LiveDesk(run, MemoryRecords(), Activity(run.desk.tools, None))
    run.desk.bus.subscribe(service.see)
    return service


async def test_the_api_shows_and_changes_them() -> None:
    run = SessionRun(in_memory(make()))
    service = live(run)
    await run.start()
    await _bought(run)
    told = await service.change_limits({DAILY: "0.02"}, None, reason="", by="api")
    assert (told.hash, told.written) == (run.desk.limits.hash, True)
    seen = await service.limits()
    value = {each.name: each.value for each in seen.limits}
    assert (value[DAILY], seen.hash) == ("0.02", told.hash)
    used = {each.name: each for each in seen.uses}
    assert used[DAILY].allowed == Decimal("0.02")
    assert used["max_gross_exposure_equity_fraction"].used > 0
    with pytest.raises(ConfigError, match="needs a reason"):
        await service.change_limits(None, (DAILY,), reason="", by="api")
    await service.change_limits(None, (), reason="back to the file", by="api")
    entries = await service.limits_history()
    assert [(entry.what, entry.by) for entry in entries] == [
        ("declared", ""),
        ("changed", "api"),
        ("changed", "api"),
    ]


async def test_a_chat_tightens_and_never_loosens() -> None:
    run = SessionRun(in_memory(make()))
    service = live(run)
    await run.start()
    chat = Chat(service, run, MemoryRecords())
    told = await chat.answer(f"tighten {DAILY} to 0.03", confirm=None, by="dashboard")
    assert told.text == f"In force from the next review on: {DAILY} 0.05 -> 0.03."
    for words in (f"set {DAILY} 0.05", f"raise {DAILY} to 0.031", "limit max_open_orders_count 21"):
        told = await chat.answer(words, confirm=None, by="dashboard")
        assert "a chat only tightens" in told.text
    assert (
        "Did you mean"
        in (await chat.answer("tighten max_dayly_loss 0.01", confirm=None, by="dashboard")).text
    )
    assert f"{DAILY} = 0.03" in (await chat.answer("limits", confirm=None, by="dashboard")).text
    (event,) = events_of(run.desk, LimitsChanged)
    assert (event.by, event.new_hash) == ("dashboard", run.desk.limits.hash)


async def test_a_tightening_that_cannot_be_written_down_is_in_force_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = SessionRun(in_memory(make()))
    service = live(run)
    await run.start()
    with monkeypatch.context() as patch:
        patch.setattr(run.desk.journal, "commit", _full)
        answer = await service.change_limits({DAILY: "0.02"}, None, reason="", by="api")
        with pytest.raises(StorageError):
            await service.change_limits({"max_open_orders_count": 21}, None, reason="why", by="api")
    assert (answer.written, run.desk.limits.max_open_orders_count) == (False, 20)
    assert "not on record yet: the disk is full" in answer.message
    assert run.desk.limits.max_daily_loss_fraction == Decimal("0.02")
    record = fold(told(run.desk)).limits
    assert isinstance(record, LimitsRecord)
    assert (record.current, record.doubt) == (run.desk.limits, "")
