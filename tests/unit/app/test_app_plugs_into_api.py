"""The API is loaded by name, so the type checker is asked here whether the desk fits it."""

from __future__ import annotations

from api.service import DeskService
from app.activity import Activity
from app.backtesting import in_memory
from app.service import LiveDesk
from app.session import SessionRun
from app.settings import Settings
from memory.records import MemoryRecords


def test_the_live_desk_is_what_the_api_needs() -> None:
    desk = in_memory(Settings())
    service: DeskService = LiveDesk(SessionRun(desk), MemoryRecords(), Activity(desk.tools, None))
    wanted = {name for name in vars(DeskService) if not name.startswith("_")}
    assert wanted <= set(dir(service))
