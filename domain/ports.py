"""What the desk needs from outside, as protocols. Each has one contract suite for all implementations."""

from __future__ import annotations

from typing import Protocol

from domain.events import DeskEvent


class Journal(Protocol):
    """The record that survives a crash."""

    def append(self, event: DeskEvent) -> None:
        """Add a durable event to the open batch. Raises StorageError when it cannot."""
        ...

    def commit(self) -> None:
        """Return when every appended event would survive a power cut. Raises StorageError."""
        ...
