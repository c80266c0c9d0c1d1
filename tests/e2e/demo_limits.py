"""The limits of the demo desk: the product's own, with a journal in memory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from app.limiting import Limiting
from app.limits_views import LimitsEntryView, LimitsSet, LimitsView, entry_view, limits_view, set_view
from domain.clock import SimulatedClock
from domain.events import EventSink
from domain.limits import LimitsChanged, LimitsDeclared
from memory.journal import MemoryJournal
from risk.document import LimitsDocument
from risk.limits import DEFAULTS


class DemoLimits:
    """Limits that can be read and changed, as the API wants to do it."""

    def __init__(self, symbols: tuple[str, ...], at: datetime, emit: EventSink) -> None:
        self.told: dict[str, object] = {"max_daily_loss_fraction": "0.04"}
        document = LimitsDocument.read(self.told, defaults={**DEFAULTS, "allowed_symbols": symbols})
        self._journal = MemoryJournal()
        self.limiting = Limiting(document, None, self._journal, SimulatedClock(at), emit)
        self.limiting.declare()

    def view(self) -> LimitsView:
        return limits_view(self.limiting.current, self.limiting.document, self.told)

    def history(self) -> tuple[LimitsEntryView, ...]:
        events = (event for _, event in self._journal.events())
        return tuple(
            entry_view(event) for event in events if isinstance(event, LimitsDeclared | LimitsChanged)
        )

    def change(
        self, told: Mapping[str, object] | None, back: tuple[str, ...] | None, *, reason: str, by: str
    ) -> LimitsSet:
        return set_view(self.limiting, self.limiting.change(told, back, by=by, reason=reason))
