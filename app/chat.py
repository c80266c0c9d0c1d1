"""The conversation with a running desk: the operator agent over the live state, with and without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from agents.asking import DEFAULT_DEADLINE
from agents.desk_view import DeskAction
from agents.operator import NO_RESUME, Operator
from app.decision_views import DecisionSummary
from app.explaining import decision_lines, explanation, explanation_lines, record_of
from app.limits_views import set_view
from app.session import SessionRun
from app.viewing import evidence_view
from app.views import ChatReply, OrderView, PositionView, ProposedAction, Status
from domain.errors import ConfigError
from domain.orders import Origin
from execution.ids import OwnIds
from tools.context import ToolContext

if TYPE_CHECKING:
    from app.service import LiveDesk
    from memory.records import Records

_NEWS = timedelta(days=1)


class LiveView:
    """The running desk as the operator agent sees it."""

    def __init__(self, service: LiveDesk, run: SessionRun, records: Records) -> None:
        self._service = service
        self._run = run
        self._records = records

    async def status(self) -> Status:
        return await self._service.status()

    async def positions(self) -> Sequence[PositionView]:
        return await self._service.positions()

    async def orders(self, *, limit: int, open_only: bool) -> Sequence[OrderView]:
        return await self._service.orders(limit=limit, open_only=open_only)

    async def decisions(self, *, limit: int) -> Sequence[DecisionSummary]:
        return await self._service.decisions(limit=limit)

    async def limits(self) -> Mapping[str, object]:
        return self._run.desk.limits.as_mapping()

    async def explain(self, name: str) -> str:
        order = self._service.find_order(name)
        if order is None:
            return "\n".join(decision_lines(self._records.get(name)))
        told = explanation(order, record_of(order, self._records), self._service.refused(name))
        return "\n".join(explanation_lines(told))

    async def act(self, action: DeskAction, *, reason: str, by: str, confirm: bool) -> str:
        if action.value == "resume":
            raise ConfigError(NO_RESUME)
        halt = await self._run.halt(action.value, reason=reason, by=by, confirm=confirm)
        return str(self._run.describe(halt)["message"])

    async def tighten(self, name: str, value: str, *, reason: str, by: str) -> str:
        limiting = self._run.desk.limiting
        changed = limiting.set({name: value}, by=by, reason=reason, may_loosen=False)
        return set_view(limiting, changed).message


class Chat:
    """Answers one question at a time over one running session."""

    def __init__(self, service: LiveDesk, run: SessionRun, records: Records) -> None:
        desk = run.desk
        self._desk = desk
        self._view = LiveView(service, run, records)
        deadline = desk.model_settings.deadline_seconds if desk.model_settings else DEFAULT_DEADLINE
        self._operator = Operator(tools=desk.tools, model=desk.model, deadline=deadline)
        self._ids = OwnIds(desk.orders, desk.session, Origin.OPERATOR)

    async def answer(self, text: str, *, confirm: str | None, by: str) -> ChatReply:
        reply = await self._operator.answer(self._context(), text, self._view, confirm=confirm, by=by)
        pending = reply.pending
        return ChatReply(
            text=reply.text,
            source=reply.source,
            evidence=tuple(evidence_view(item) for item in reply.evidence),
            proposed=ProposedAction(
                confirm_id=pending.confirm_id, action=pending.action, summary=pending.summary
            )
            if pending is not None
            else None,
        )

    def _context(self) -> ToolContext | None:
        """What the tools may look at now; None before the first bar."""
        desk = self._desk
        now = desk.feed.now
        if now is None:
            return None
        return ToolContext(
            snapshot=desk.context.snapshots.freeze(now, now - _NEWS),
            feed=desk.feed,
            portfolio=desk.portfolio,
            facts=lambda symbol: desk.context.facts.gather(symbol, now, desk.orders.open_orders()),
            limits=desk.limits,
            publish=desk.bus.publish,
            submit=desk.orders.submit,
            session=desk.session,
            new_id=self._ids.take,
        )
