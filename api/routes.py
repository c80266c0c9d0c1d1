"""The REST half of the API: reads, and the few things an operator may ask for."""

from __future__ import annotations

import platform
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from api.models import ChatRequest, HaltRequest, LimitsRequest, Problem, ResumeRequest
from api.service import DeskService
from app.breaker_views import BreakersView
from app.decision_views import Decision, DecisionSummary
from app.limits_views import LimitsEntryView, LimitsSet, LimitsView
from app.views import (
    AgentView,
    CandleView,
    ChatReply,
    EquityPoint,
    Graph,
    HaltResult,
    Health,
    OrderView,
    PositionView,
    Status,
    Version,
)
from domain.money import Symbol

Limit = Annotated[int, Query(ge=1, le=1_000)]
Points = Annotated[int, Query(ge=2, le=5_000)]
CycleId = Annotated[str, Path(min_length=1, max_length=200)]
_ERRORS: dict[int | str, dict[str, object]] = {
    status: {"model": Problem} for status in (401, 403, 404, 409, 413, 422, 500, 503, 504)
}


def _by(request: Request) -> str:
    caller: str | None = request.state.caller
    return caller or "api"


def router(service: DeskService, version: str) -> APIRouter:
    """Every route below /api/v1, answered by `service`."""
    routes = APIRouter(prefix="/api/v1", responses=_ERRORS)

    @routes.get("/health", summary="Is the desk well? Needs no token")
    async def health() -> Health:
        return await service.health()

    @routes.get("/version", summary="What runs here")
    async def read_version() -> Version:
        return Version(version=version, python=platform.python_version())

    @routes.get("/status", summary="Session, clock, halt state, account, counts, prices")
    async def status() -> Status:
        return await service.status()

    @routes.get("/positions", summary="Open positions at market prices")
    async def positions() -> tuple[PositionView, ...]:
        return await service.positions()

    @routes.get("/orders", summary="Orders and their fills, newest first")
    async def orders(limit: Limit = 100, open_only: bool = False) -> tuple[OrderView, ...]:
        return await service.orders(limit=limit, open_only=open_only)

    @routes.get("/decisions", summary="Decision cycles in a line each, newest first")
    async def decisions(limit: Limit = 50) -> tuple[DecisionSummary, ...]:
        return await service.decisions(limit=limit)

    @routes.get("/decision/{cycle_id}", summary="One decision from observation to fills")
    async def decision(cycle_id: CycleId) -> Decision:
        return await service.decision(cycle_id)

    @routes.get("/agents", summary="Roles, the models behind them, what they did last")
    async def agents() -> tuple[AgentView, ...]:
        return await service.agents()

    @routes.get("/graph", summary="The stations of a decision and who hands over to whom")
    async def graph() -> Graph:
        return await service.graph()

    @routes.get("/equity", summary="The equity curve, oldest first")
    async def equity(limit: Points = 1_000) -> tuple[EquityPoint, ...]:
        return await service.equity_curve(limit=limit)

    @routes.get("/candles", summary="Closed bars of a symbol, oldest first")
    async def candles(
        symbol: Annotated[str, Query(min_length=3, max_length=40)], limit: Points = 500
    ) -> tuple[CandleView, ...]:
        return await service.candles(Symbol(symbol), limit=limit)

    @routes.post("/halt", summary="Pause, stop, or panic: flatten everything and latch")
    async def halt(request: Request, asked: HaltRequest) -> HaltResult:
        return await service.halt(asked.action, reason=asked.reason, by=_by(request))

    @routes.post("/resume", summary="Trade again; a latch needs confirm")
    async def resume(request: Request, asked: ResumeRequest) -> HaltResult:
        return await service.resume(confirm=asked.confirm, reason=asked.reason, by=_by(request))

    @routes.get("/limits", summary="Every risk limit in force: value, unit, ceiling, source, use")
    async def limits() -> LimitsView:
        return await service.limits()

    @routes.get(
        "/breakers", summary="Circuit breakers: open or on probation, newest changes, what is watched"
    )
    async def breakers() -> BreakersView:
        return await service.breakers()

    @routes.get("/limits/history", summary="Every start and change of the limits, oldest first")
    async def limits_history() -> tuple[LimitsEntryView, ...]:
        return await service.limits_history()

    @routes.post("/limits", summary="Tighten limits, or loosen them up to their ceiling with a reason")
    async def change_limits(request: Request, asked: LimitsRequest) -> LimitsSet:
        return await service.change_limits(asked.limits, asked.back, reason=asked.reason, by=_by(request))

    @routes.post("/chat", summary="Ask the desk, or tell it something")
    async def chat(request: Request, asked: ChatRequest) -> ChatReply:
        return await service.chat(asked.text, confirm=asked.confirm, by=_by(request))

    return routes
