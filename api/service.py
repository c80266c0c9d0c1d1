"""What the API needs of a running desk. The application implements it; the tests have a demo desk.

Every method may raise a DeskError, which becomes a one-line JSON error; NotFound becomes 404. Everything
runs in the one event loop of the desk, so nothing here may block it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from api.peers import PeerService
from app.breaker_views import BreakersView
from app.decision_views import Decision, DecisionSummary
from app.limits_views import LimitsEntryView, LimitsSet, LimitsView
from app.views import (
    AgentView,
    CandleView,
    ChatReply,
    EquityPoint,
    Graph,
    HaltAction,
    HaltResult,
    Health,
    OrderView,
    PositionView,
    Status,
)
from domain.events import EventSink
from domain.money import Symbol


class DeskService(Protocol):
    """The running desk, as seen from outside. Reads show the state now."""

    @property
    def peer(self) -> PeerService:
        """What it does for other desks."""
        ...

    async def health(self) -> Health:
        """Asked without a token, so it names no money and no symbol."""
        ...

    async def status(self) -> Status: ...

    async def positions(self) -> tuple[PositionView, ...]: ...

    async def orders(self, *, limit: int, open_only: bool) -> tuple[OrderView, ...]:
        """Newest first."""
        ...

    async def decisions(self, *, limit: int) -> tuple[DecisionSummary, ...]:
        """Newest first."""
        ...

    async def decision(self, cycle_id: str) -> Decision:
        """Raises NotFound."""
        ...

    async def agents(self) -> tuple[AgentView, ...]: ...

    async def graph(self) -> Graph:
        """The stations by the names that the node events use."""
        ...

    async def equity_curve(self, *, limit: int) -> tuple[EquityPoint, ...]:
        """The whole curve, oldest first, thinned evenly to `limit` points; times rise strictly."""
        ...

    async def candles(self, symbol: Symbol, *, limit: int) -> tuple[CandleView, ...]:
        """The newest closed bars of the desk's timeframe, oldest first. Raises UnknownSymbol."""
        ...

    async def halt(self, action: HaltAction, *, reason: str, by: str) -> HaltResult:
        """Returns when the state is durable; panic when the desk is flat, or has said why it is not."""
        ...

    async def resume(self, *, confirm: bool, reason: str, by: str) -> HaltResult:
        """Raises DeskError when a latch is set and `confirm` is not."""
        ...

    async def breakers(self) -> BreakersView: ...

    async def limits(self) -> LimitsView: ...

    async def limits_history(self) -> tuple[LimitsEntryView, ...]:
        """Oldest first."""
        ...

    async def change_limits(
        self,
        told: Mapping[str, object] | None,
        back: tuple[str, ...] | None,
        *,
        reason: str,
        by: str,
    ) -> LimitsSet:
        """Set the limits in `told`, or take those in `back` to the file's. Raises ConfigError."""
        ...

    async def chat(self, text: str, *, confirm: str | None, by: str) -> ChatReply:
        """Answer a question, or propose an action and do it when `confirm` names it."""
        ...

    def subscribe(self, sink: EventSink) -> Callable[[], None]:
        """Hand every DeskEvent from now on to `sink`, in the event loop; the result unsubscribes."""
        ...
