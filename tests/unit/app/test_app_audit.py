"""`desk audit`: a journal that is right passes, and one changed digit of one event is found."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from app.commands.auditing import audit_events
from domain.errors import DeskError, LedgerError
from domain.events import DeskEvent, EquityMarked, OrderFilled, SessionStarted
from domain.money import Money
from memory.journal import MemoryJournal
from tests.unit.app.desk_line import DeskLine
from tests.unit.graph.graph_rig import make_desk, run_desk, write_candles

DIGIT = Decimal("0.00000001")


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_candles(tmp_path_factory.mktemp("audit"), bars=80)


async def story(candles: Path) -> list[DeskEvent]:
    journal = MemoryJournal()
    desk = make_desk(candles, journal=journal)
    capital = desk.portfolio.capital
    at = desk.clock.now()
    started = SessionStarted("test", "paper", "", capital.amount, capital.currency, False, at)
    await run_desk(desk)
    return [started, *(event for _, event in journal.events())]


async def test_books_that_are_right_pass(candles: Path) -> None:
    events = await story(candles)
    (found,) = audit_events(events)
    fills = [event for event in events if isinstance(event, OrderFilled)]
    assert found.session == "test"
    assert found.audited.transactions == len(fills) + 1
    assert found.audited.claims == 80
    assert len(fills) > 5


async def test_a_changed_digit_anywhere_is_found(candles: Path) -> None:
    events = await story(candles)
    fills = [number for number, event in enumerate(events) if isinstance(event, OrderFilled)]
    marks = [number for number, event in enumerate(events) if isinstance(event, EquityMarked)]

    def changed(number: int, event: DeskEvent) -> list[DeskEvent]:
        return [*events[:number], event, *events[number + 1 :]]

    for number in (fills[0], fills[len(fills) // 2], fills[-1]):
        event = events[number]
        assert isinstance(event, OrderFilled)
        fee = replace(event.fill, fee=Money(event.fill.fee.amount + DIGIT, event.fill.fee.currency))
        with pytest.raises(LedgerError, match="USDT cash, the fills add up to"):
            audit_events(changed(number, replace(event, fill=fee)))
        with pytest.raises(DeskError):
            audit_events([*events[:number], *events[number + 1 :]])
    for number in (marks[0], marks[-1]):
        mark = events[number]
        assert isinstance(mark, EquityMarked)
        with pytest.raises(LedgerError, match="the books say an equity of"):
            audit_events(changed(number, replace(mark, equity=mark.equity - DIGIT)))
        with pytest.raises(LedgerError, match=r"the books say .* USDT cash|the books say an equity"):
            audit_events(changed(number, replace(mark, cash=mark.cash + DIGIT)))


async def test_a_session_that_came_back_is_one(candles: Path) -> None:
    events = await story(candles)
    half = len(events) // 2
    started = events[0]
    assert isinstance(started, SessionStarted)
    (found,) = audit_events([*events[:half], replace(started, resumed=True), *events[half:]])
    assert found.audited.claims == 80


def test_the_command_line(desk: DeskLine) -> None:
    assert desk("audit").code == 2
    for _ in range(2):
        assert desk("run", "--new", "--speed", "max", "--bars", "40").code == 0
    told = desk("audit", "--json").told
    assert told["ok"] is True
    assert len(told["sessions"]) == 2
    assert all(each["marks"] == 40 and each["balances"]["USDT"] for each in told["sessions"])
    assert "to the last digit" in desk("audit").out
