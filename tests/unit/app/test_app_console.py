"""The terminal while the desk runs: a line for what matters, silence for the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from app.console import Console
from domain.events import CycleRecorded, DeskEvent, EquityMarked, HaltChanged, Notice, OpinionGiven
from domain.halt import Halt, HaltState
from domain.opinions import Abstention

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)


def _said(*events: DeskEvent) -> list[str]:
    lines: list[str] = []
    console = Console(lines.append)
    for event in events:
        console.see(event)
    return lines


def _cycle(number: int, summary: str) -> CycleRecorded:
    return CycleRecorded(f"s-{number:06d}", number, "0" * 64, summary, AT)


def test_a_model_that_fails_is_named_with_its_reason() -> None:
    view = Abstention("market_analyst:model", None, "no answer from 127.0.0.1")
    assert _said(OpinionGiven("s-000001", view, AT)) == [
        "2026-01-05 12:00:00Z  abstains  market_analyst:model: no answer from 127.0.0.1"
    ]


def test_halts_and_notices_are_said() -> None:
    halt = Halt(HaltState.HALTED, "fire", "me", AT, latched=True)
    lines = _said(HaltChanged(halt, AT), Notice("error", "guardian", "BTC/USDT has no stop", AT))
    assert lines[0].endswith("halt      halted, latched: fire (by me)")
    assert lines[1].endswith("error     BTC/USDT has no stop")


def test_doing_nothing_is_said_now_and_then_and_marks_never() -> None:
    quiet = [_cycle(number, "no change") for number in range(1, 41)]
    lines = _said(*quiet, _cycle(41, "BTC/USDT to 5.0 %; 1 order"))
    assert [line.partition("decision  ")[2] for line in lines] == [
        "no change, 20 times in a row",
        "no change, 40 times in a row",
        "BTC/USDT to 5.0 %; 1 order",
    ]
    one = Decimal(1)
    assert _said(EquityMarked(0, one, one, one, one, one, {}, AT)) == []
