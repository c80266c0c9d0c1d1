"""Desks whose limits are looked at and changed, and what their journals then say."""

from __future__ import annotations

from functools import partial
from typing import Any

from app.backtesting import in_memory
from app.bootstrap import Desk, build_desk
from app.history import fold
from app.session import SessionRun
from app.settings import Settings
from domain.events import DeskEvent
from graph.inline import run_inline
from memory.journal import MemoryJournal
from memory.records import MemoryRecords

DAILY = "max_daily_loss_fraction"


def make(risk: dict[str, Any] | None = None, **more: Any) -> Settings:
    return Settings.model_validate({"market": {"seed": 11, "speed": "max"}, "risk": risk or {}, **more})


def again(desk: Desk, settings: Settings) -> SessionRun:
    """A new process over the journal of an old one."""
    history = fold(told(desk))
    later = build_desk(
        settings,
        session="later",
        journal=desk.journal,
        records=MemoryRecords(),
        cycles=lambda context: partial(run_inline, context),
        halt=history.halt,
        recorded_limits=history.limits,
    )
    return SessionRun(later)


def told(desk: Desk) -> list[DeskEvent]:
    """Everything on record, the open batch included."""
    journal = desk.journal
    assert isinstance(journal, MemoryJournal)
    journal.commit()
    return [event for _, event in journal.events()]


def events_of(desk: Desk, kind: type[Any]) -> list[Any]:
    return [event for event in told(desk) if isinstance(event, kind)]


async def running(**more: Any) -> SessionRun:
    """A desk that has just started."""
    run = SessionRun(in_memory(make()), **more)
    await run.start()
    return run
