"""The limits in force: kept in the journal, handed to whoever reviews, changed by a person's word.

Anyone may tighten, at once. Loosening needs a reason, ends at the ceiling, and is in force only once it is
written down; a chat cannot do it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from domain.clock import Clock
from domain.errors import ConfigError, StorageError
from domain.events import DeskEvent, EventSink
from domain.limits import LimitChange, LimitsChanged, LimitsDeclared
from domain.ports import Journal
from risk.changing import Change, between, consider, is_tighter
from risk.document import LimitsDocument
from risk.limits import VERSION, RiskLimits, refuse_unknown
from risk.record import LimitsRecord, restored

Taker = Callable[[RiskLimits], None]
"""Takes over new limits, in force from its next review on."""


class Limiting:
    """The limits of a desk with their record.

    `doubt` says why the limits on record could not be trusted: then the desk must not trade until `reset`.
    `unwritten` is why the newest tightening is not on record yet; the next commit that works writes it.
    """

    def __init__(
        self,
        document: LimitsDocument,
        record: LimitsRecord | None,
        journal: Journal,
        clock: Clock,
        publish: EventSink,
    ) -> None:
        """`record` is what the journal of the home says; None for one without limits on record."""
        start = restored(document, record)
        self.document = document
        self.current = start.limits
        self.doubt = start.doubt
        self.unwritten: StorageError | None = None
        self._journal = journal
        self._clock = clock
        self._publish = publish
        self._takers: list[Taker] = []

    def hand_to(self, *takers: Taker) -> None:
        """Call each with the limits whenever they change."""
        self._takers.extend(takers)

    @property
    def changed(self) -> tuple[LimitChange, ...]:
        """How the limits in force differ from the configured ones."""
        return between(self.document.limits, self.current)

    def declare(self) -> None:
        """Put on record what is in force, with its ceilings, so that the journal alone can tell it later."""
        event = self._declaration(self.current, self.doubt)
        self._journal.append(event)
        self._publish(event)

    def _declaration(
        self, limits: RiskLimits, doubt: str, *, by: str = "", reason: str = ""
    ) -> LimitsDeclared:
        configured = self.document.limits
        return LimitsDeclared(
            version=VERSION,
            limits_hash=limits.hash,
            configured=configured.canonical(),
            ceilings=self.document.ceilings.canonical(),
            kept=between(configured, limits),
            at=self._clock.now(),
            by=by,
            reason=reason,
            doubt=doubt,
        )

    def hold(self) -> str:
        """Why the desk may not trade on these limits, and what to do; empty when it may."""
        return f"{self.doubt}. Look at desk limits, then desk limits reset --reason ..." if self.doubt else ""

    def set(
        self, told: Mapping[str, object], *, by: str, reason: str = "", may_loosen: bool = True
    ) -> LimitsChanged | None:
        """Change limits, written as in a configuration file; what was changed, None when nothing was.

        A tightening never fails for its record: `unwritten` says why it is not there yet. Raises ConfigError
        for what `risk.changing.consider` refuses, and for loosening where that may not be or without a
        reason; StorageError when a loosening cannot be written down, and then nothing has changed.
        """
        return self._make(consider(self.current, self.document.ceilings, told), by, reason, may_loosen)

    def change(
        self,
        told: Mapping[str, object] | None,
        back: tuple[str, ...] | None,
        *,
        by: str,
        reason: str,
        may_loosen: bool = True,
    ) -> LimitsChanged | None:
        """What a person asked for: `set` what is told, or `reset` the names in `back`."""
        if told is not None:
            return self.set(told, by=by, reason=reason, may_loosen=may_loosen)
        return self.reset(*(back or ()), by=by, reason=reason)

    def reset(self, *names: str, by: str, reason: str) -> LimitsChanged | None:
        """Back to what the file says, for some limits or all; what was changed, None when nothing was.

        In doubt about the record it is all of them, and the doubt is over. Raises as `set` does.
        """
        if not self.doubt:
            return self._make(_back(self.current, self.document.limits, names), by, reason, may_loosen=True)
        if not reason.strip():
            raise ConfigError("the limits on record are in doubt", fix="Say why to start anew, with --reason")
        limits = self.document.limits
        event = self._declaration(limits, "", by=by, reason=reason.strip())
        self._write_first(event, self._declaration(self.current, self.doubt))
        self.doubt = ""
        self._take(limits)
        self._publish(event)
        return None

    def _make(self, change: Change, by: str, reason: str, may_loosen: bool) -> LimitsChanged | None:
        if not change.changes:
            return None
        loosened = ", ".join(change.loosened)
        if loosened and not may_loosen:
            raise ConfigError(
                f"this would loosen {loosened}, and a chat only tightens",
                fix="Use desk limits set, with a reason",
            )
        if loosened and not reason.strip():
            raise ConfigError(f"loosening {loosened} needs a reason", fix="Say why, with --reason")
        if loosened and self.doubt:
            raise ConfigError(f"nothing is loosened while the limits are in doubt: {self.hold()}")
        before, at = self.current, self._clock.now()
        event = LimitsChanged(before.hash, change.limits.hash, change.changes, by, reason.strip(), at)
        if loosened:
            undone = tuple(LimitChange(each.name, each.new, each.old) for each in event.changes)
            back = LimitsChanged(event.new_hash, event.old_hash, undone, by, "not written down", at)
            self._write_first(event, back)
            self._take(change.limits)
        else:
            self._take(change.limits)
            self._write_after(event)
        self._publish(event)
        return event

    def _take(self, limits: RiskLimits) -> None:
        self.current = limits
        for taker in self._takers:
            taker(limits)

    def _write_first(self, event: DeskEvent, otherwise: DeskEvent) -> None:
        """Make an event durable before it counts. A batch that could not be written is kept and may be later:
        then its last word is `otherwise`, which is what stays in force.
        """
        try:
            self._journal.append(event)
            self._journal.commit()
        except StorageError:
            self._journal.append(otherwise)
            raise

    def _write_after(self, event: LimitsChanged) -> None:
        try:
            self._journal.append(event)
            self._journal.commit()
            self.unwritten = None
        except StorageError as error:
            self.unwritten = error


def _back(limits: RiskLimits, configured: RiskLimits, names: tuple[str, ...]) -> Change:
    """The change back to the configured limits; of all when no name is told."""
    refuse_unknown(names)
    changes = tuple(each for each in between(limits, configured) if not names or each.name in names)
    values: dict[str, Any] = {each.name: getattr(configured, each.name) for each in changes}
    looser = tuple(
        name for name, value in values.items() if value is None or not is_tighter(limits, name, value)
    )
    return Change(replace(limits, **values), changes, looser)
