"""Hands every event to whoever listens. The desk does not stop for a listener."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from domain.events import DeskEvent, EventSink

_log = structlog.get_logger("desk.bus")


class Bus:
    """Listeners in the order they came. One that raises is dropped, and the log says so."""

    def __init__(self) -> None:
        self._sinks: list[EventSink] = []

    def publish(self, event: DeskEvent) -> None:
        for sink in tuple(self._sinks):
            try:
                sink(event)
            except Exception as error:  # noqa: BLE001 - whatever a listener does, trading goes on
                self._sinks.remove(sink)
                _log.error("listener dropped", kind=event.kind, error=f"{type(error).__name__}: {error}")

    def subscribe(self, sink: EventSink) -> Callable[[], None]:
        """Hand every event from now on to `sink`; the result unsubscribes, and may be called twice."""
        self._sinks.append(sink)

        def unsubscribe() -> None:
            if sink in self._sinks:
                self._sinks.remove(sink)

        return unsubscribe
