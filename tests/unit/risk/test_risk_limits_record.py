"""Limits on record: a chain of hashes leads to those in force, and what a restart makes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.errors import ConfigError
from domain.events import DeskEvent, Notice
from domain.limits import LimitChange, LimitsChanged, LimitsDeclared
from domain.money import Symbol
from risk.changing import between, consider, is_tighter
from risk.document import LimitsDocument
from risk.limits import RiskLimits
from risk.record import LimitsRecord, after, restored
from tests.unit.risk.limit_tables import document

AT = datetime(2026, 3, 18, tzinfo=UTC)
DAILY = "max_daily_loss_fraction"
FILE = document()


def declared(told: LimitsDocument = FILE, **more: Any) -> LimitsDeclared:
    return replace(
        LimitsDeclared(1, told.limits.hash, told.limits.canonical(), told.ceilings.canonical(), (), AT),
        **more,
    )


def changed(before: RiskLimits, told: dict[str, object]) -> tuple[RiskLimits, LimitsChanged]:
    change = consider(before, FILE.ceilings, told)
    event = LimitsChanged(before.hash, change.limits.hash, change.changes, "a person", "why", AT)
    return change.limits, event


def fold(events: Sequence[DeskEvent]) -> LimitsRecord:
    record: LimitsRecord | None = None
    for event in events:
        record = after(record, event)
    assert record is not None
    return record


def test_the_chain_of_changes_leads_to_the_limits_in_force() -> None:
    one, first = changed(FILE.limits, {DAILY: "0.03"})
    two, second = changed(one, {DAILY: "0.04", "allowed_symbols": "BTC/USDT", "require_stop": True})
    record = fold([declared(), first, Notice("info", "test", "between", AT), second])
    assert (record.current, record.configured, record.doubt) == (two, FILE.limits, "")
    assert [change.name for change in second.changes] == [DAILY, "allowed_symbols"]


def test_nothing_on_record_is_no_record() -> None:
    assert after(None, Notice("info", "test", "nothing", AT)) is None
    assert restored(FILE, None).limits is FILE.limits


def _broken(change: Any) -> str:
    told = json.loads(FILE.limits.canonical())
    change(told)
    return json.dumps(told)


ONE, FIRST = changed(FILE.limits, {DAILY: "0.03"})
CORRUPT: dict[str, list[DeskEvent]] = {
    "a newer version": [declared(version=2)],
    "a version of none": [declared(version=0)],
    "a document of a newer version": [declared(configured=_broken(lambda told: told.update(version=2)))],
    "a document without version": [declared(configured=_broken(lambda told: told.pop("version")))],
    "a document that is none": [declared(configured="{")],
    "a missing limit": [declared(configured=_broken(lambda told: told["limits"].pop(DAILY)))],
    "ceilings that are none": [declared(ceilings="")],
    "another hash": [declared(limits_hash="0" * 64)],
    "other limits than hashed": [
        declared(configured=_broken(lambda told: told["limits"].update({DAILY: "0.051"})))
    ],
    "a kept change of what was not there": [declared(kept=(LimitChange(DAILY, "0.06", "0.03"),))],
    "limits above their ceiling": [
        declared(limits_hash=document(max_daily_loss_fraction="0.05").limits.hash,
                 ceilings=_broken(lambda told: told["limits"].update({DAILY: "0.04"})))
    ],
    "a change before any": [FIRST],
    "a change of other limits": [declared(), replace(FIRST, old_hash="0" * 64)],
    "a change to other limits": [declared(), replace(FIRST, new_hash="0" * 64)],
    "a change lost": [declared(), changed(ONE, {DAILY: "0.02"})[1]],
    "a change from another value": [
        declared(), replace(FIRST, changes=(LimitChange(DAILY, "0.06", "0.03"),))
    ],
    "a change of an unknown limit": [declared(), replace(FIRST, changes=(LimitChange("more", "1", "2"),))],
    "a change out of range": [declared(), replace(FIRST, changes=(LimitChange(DAILY, "0.05", "5"),))],
    "a change above the ceiling": [
        declared(),
        LimitsChanged(
            FILE.limits.hash,
            RiskLimits.from_mapping({**FILE.limits.as_mapping(), DAILY: "0.21"}).hash,
            (LimitChange(DAILY, "0.05", "0.21"),), "x", "y", AT,
        ),
    ],
    "a doubt that nobody has cleared": [declared(doubt="as before")],
}  # fmt: skip


@pytest.mark.parametrize("events", CORRUPT.values(), ids=CORRUPT)
def test_a_record_that_makes_no_sense_is_a_doubt_and_stays_one(events: list[DeskEvent]) -> None:
    record = fold(events)
    assert record.doubt
    start = restored(FILE, record)
    assert (start.limits, start.doubt) == (FILE.limits, record.doubt)
    later = after(after(record, FIRST), declared(doubt=record.doubt))
    assert later is not None
    assert later.doubt == record.doubt


def test_in_doubt_not_even_a_change_that_would_follow_counts() -> None:
    record = fold([declared(doubt="as before"), FIRST])
    assert (record.doubt, record.current) == ("as before", FILE.limits)


def test_a_new_declaration_without_doubt_is_a_fresh_start() -> None:
    record = fold([declared(limits_hash="0" * 64), declared()])
    assert (record.doubt, record.current) == ("", FILE.limits)


def _after_changes(*changes: dict[str, object]) -> LimitsRecord:
    limits, events = FILE.limits, [declared()]
    told: list[DeskEvent] = list(events)
    for change in changes:
        limits, event = changed(limits, change)
        told.append(event)
    return fold(told)


def test_a_restart_with_the_same_file_keeps_every_change() -> None:
    record = _after_changes({DAILY: "0.03"}, {"max_drawdown_fraction": "0.25"})
    start = restored(FILE, record)
    assert (start.limits, start.doubt) == (record.current, "")


@pytest.mark.parametrize(
    ("change", "file", "in_force"),
    [
        ("0.03", "0.05", "0.03"),  # a tightening stays
        ("0.03", "0.06", "0.03"),  # also when the file is looser now
        ("0.03", "0.02", "0.02"),  # the file is tighter now
        ("0.08", "0.05", "0.08"),  # a loosening stays while the file says what it said
        ("0.08", "0.06", "0.06"),  # the file was changed since: its newer word counts
        ("0.08", "0.09", "0.08"),  # what was loosened once is within the file now
    ],
)
def test_what_a_changed_file_makes_of_a_change(change: str, file: str, in_force: str) -> None:
    start = restored(document({DAILY: file}), _after_changes({DAILY: change}))
    assert start.doubt == ""
    assert str(start.limits.max_daily_loss_fraction) == in_force


def test_a_loosening_above_a_lower_ceiling_does_not_stand() -> None:
    lower = document(ceilings={DAILY: "0.06"})
    start = restored(lower, _after_changes({DAILY: "0.08"}))
    assert start.limits.max_daily_loss_fraction == lower.limits.max_daily_loss_fraction


def test_what_cannot_be_compared_is_a_doubt() -> None:
    record = _after_changes({"allowed_symbols": "BTC/USDT"})
    assert restored(FILE, record).limits.allowed_symbols == frozenset({Symbol("BTC/USDT")})
    start = restored(document(allowed_symbols="ETH/USDT"), record)
    assert "allowed_symbols was tightened to BTC/USDT, and the file now says ETH/USDT" in start.doubt


def test_the_other_position_limit_may_be_added_and_stays() -> None:
    record = _after_changes({"max_position_notional_quote": 500})
    assert restored(FILE, record).limits == record.current
    assert between(FILE.limits, record.current)[0].old == ""


def test_a_change_is_told_apart_from_none() -> None:
    same = consider(FILE.limits, FILE.ceilings, {DAILY: "0.050"})
    assert (same.changes, same.loosened) == ((), ())
    tighter = consider(FILE.limits, FILE.ceilings, {DAILY: "0.0499"})
    assert tighter.loosened == ()
    looser = consider(FILE.limits, FILE.ceilings, {DAILY: "0.0501"})
    assert looser.loosened == (DAILY,)


def test_loosening_into_a_contradiction_is_refused_and_tightening_into_one_is_not() -> None:
    with pytest.raises(ConfigError, match=r"that would contradict: max_daily_loss_fraction = 0.11 is above"):
        consider(FILE.limits, FILE.ceilings, {DAILY: "0.11"})
    tight = consider(FILE.limits, FILE.ceilings, {"max_weekly_loss_fraction": "0.01"})
    assert tight.limits.max_weekly_loss_fraction is not None
    # What was a contradiction before does not forbid another loosening.
    assert consider(tight.limits, FILE.ceilings, {"max_open_orders_count": 21}).loosened


def test_an_unset_limit_refuses_everything_so_a_value_loosens_it() -> None:
    assert not is_tighter(RiskLimits(), DAILY, FILE.limits.max_daily_loss_fraction)
    assert not is_tighter(RiskLimits(), "max_position_notional_quote", FILE.limits.max_order_notional_quote)
    assert is_tighter(FILE.limits, "max_position_notional_quote", FILE.limits.max_order_notional_quote)
    with pytest.raises(ConfigError, match="cannot be unset"):
        consider(FILE.limits, FILE.ceilings, {DAILY: None})
