"""The limits that the journal's events add up to, and what they mean for a desk that starts again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from domain.errors import ConfigError
from domain.events import DeskEvent
from domain.limits import LimitsChanged, LimitsDeclared
from risk.changing import applied, between, is_tighter
from risk.document import LimitsDocument, refuse_beyond
from risk.limit_kinds import text_of
from risk.limit_table import LIMITS
from risk.limits import VERSION, RiskLimits


@dataclass(frozen=True, slots=True)
class LimitsRecord:
    """The newest limits on record. `doubt` says why they cannot be trusted; empty when they can.

    Fold every event of a home into it with `after`: limits outlive a session as a halt does.
    """

    configured: RiskLimits
    ceilings: RiskLimits
    current: RiskLimits
    doubt: str = ""


def after(record: LimitsRecord | None, event: DeskEvent) -> LimitsRecord | None:
    """The record once `event` has happened. Never raises: what makes no sense becomes its doubt."""
    match event:
        case LimitsDeclared():
            return _declared(record, event)
        case LimitsChanged():
            return _changed(record, event)
        case _:
            return record


def _declared(record: LimitsRecord | None, event: LimitsDeclared) -> LimitsRecord:
    unknown = record or LimitsRecord(RiskLimits(), RiskLimits(), RiskLimits())
    try:
        if event.version != VERSION:
            raise ConfigError(f"they are of version {event.version}, this desk knows {VERSION}")
        configured = RiskLimits.from_canonical(event.configured)
        ceilings = RiskLimits.from_canonical(event.ceilings)
        current = applied(configured, event.kept)
        _keep_below(current, ceilings)
        if current.hash != event.limits_hash:
            raise ConfigError("they are not those that their hash was made of")
    except ConfigError as error:
        return replace(unknown, doubt=f"the limits declared at {event.at:%Y-%m-%d %H:%M:%S}Z: {error}")
    return LimitsRecord(configured, ceilings, current, event.doubt)


def _changed(record: LimitsRecord | None, event: LimitsChanged) -> LimitsRecord:
    if record is None:
        blank = RiskLimits()
        return LimitsRecord(blank, blank, blank, "limits were changed before any were declared")
    if record.doubt:
        return record
    try:
        if record.current.hash != event.old_hash:
            raise ConfigError("it does not follow on the limits before it")
        current = applied(record.current, event.changes)
        _keep_below(current, record.ceilings)
        if current.hash != event.new_hash:
            raise ConfigError("its limits are not those that its hash was made of")
    except ConfigError as error:
        return replace(record, doubt=f"the change of limits at {event.at:%Y-%m-%d %H:%M:%S}Z: {error}")
    return replace(record, current=current)


def _keep_below(limits: RiskLimits, ceilings: RiskLimits) -> None:
    for name in LIMITS:
        refuse_beyond(name, getattr(limits, name), ceilings)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a desk starts with, and why the record of its limits cannot be trusted, if so."""

    limits: RiskLimits
    doubt: str = ""


def restored(document: LimitsDocument, record: LimitsRecord | None) -> Restored:
    """The configured limits with what still stands of the changes on record.

    A change that is tighter than the file stands. One that is looser stands while the file says the same as
    when it was made, and never above a ceiling; else the file's newer word counts. When the two cannot be
    compared (other symbols, other hours) nobody can tell which is meant: that is a doubt, and so is a record
    that makes no sense. With a doubt the configured limits are in force and the desk has to be halted.
    """
    configured = document.limits
    if record is None:
        return Restored(configured)
    if record.doubt:
        return Restored(configured, record.doubt)
    values: dict[str, Any] = {}
    unclear: list[str] = []
    for change in between(record.configured, record.current):
        name = change.name
        told, was = getattr(record.current, name), getattr(record.configured, name)
        now = getattr(configured, name)
        if told is None:
            continue
        if is_tighter(configured, name, told) or (now == was and _allowed(name, told, document.ceilings)):
            values[name] = told
        elif is_tighter(record.configured, name, told) and not LIMITS[name].kind.tighter(told, now):
            unclear.append(f"{name} was tightened to {text_of(told)}, and the file now says {text_of(now)}")
    if unclear:
        return Restored(configured, f"{'; '.join(unclear)}: neither is within the other")
    return Restored(replace(configured, **values))


def _allowed(name: str, value: object, ceilings: RiskLimits) -> bool:
    ceiling = getattr(ceilings, name)
    return ceiling is None or LIMITS[name].kind.tighter(ceiling, value)
