"""The API is loaded by name, so the type checker is asked here whether the desk fits it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from api.service import DeskService
from app import service as page
from app.activity import Activity
from app.backtesting import in_memory
from app.service import LiveDesk
from app.session import SessionRun
from app.settings import Settings
from domain.events import EquityMarked, IntentRefused
from memory.records import MemoryRecords
from tests.faults.world import START, intent


def test_the_live_desk_is_what_the_api_needs() -> None:
    desk = in_memory(Settings())
    service: DeskService = LiveDesk(SessionRun(desk), MemoryRecords(), Activity(desk.tools, None))
    wanted = {name for name in vars(DeskService) if not name.startswith("_")}
    assert wanted <= set(dir(service))


def test_what_it_keeps_for_the_page_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The curve keeps its ends and loses every second point of its older half; refusals, the newest."""
    monkeypatch.setattr(page, "_CURVE_KEPT", 8)
    monkeypatch.setattr(page, "_REFUSED_KEPT", 3)
    desk = in_memory(Settings())
    live = LiveDesk(SessionRun(desk), MemoryRecords(), Activity(desk.tools, None))
    for number in range(8):
        live.see(marked(number))
    assert [at.hour for at, _, _ in live._curve] == [*range(8)]
    live.see(marked(8))
    assert [at.hour for at, _, _ in live._curve] == [0, 2, 4, 5, 6, 7, 8]
    for leg in range(4):
        live.see(IntentRefused(intent(leg), 1, (), START, ""))
    assert live.refused(intent(0).client_id) is None
    assert live.find_order(intent(0).client_id) is None
    assert all(live.refused(intent(leg).client_id) == (1, (), "") for leg in (1, 2, 3))


def marked(hour: int) -> EquityMarked:
    one = Decimal(1)
    return EquityMarked(hour, one, one, one, one, one, {}, START + timedelta(hours=hour))
