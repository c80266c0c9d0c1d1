"""What a tool may look at, frozen for one decision or one question."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from domain.events import DeskEvent, EventSink
from domain.market import MarketSnapshot
from domain.money import Symbol
from domain.orders import Order, OrderIntent

if TYPE_CHECKING:
    from market.feed import Feed
    from portfolio.portfolio import Portfolio
    from risk.facts import RiskFacts
    from risk.limits import RiskLimits
    from tools.registry import ToolResult

Submit = Callable[[OrderIntent], Awaitable[Order]]
"""The order desk's door, `OrderDesk.submit`: every intent is journaled and reviewed behind it."""


def nobody_listens(event: DeskEvent) -> None:
    """An event sink for contexts that nobody watches."""


@dataclass(slots=True)
class ToolContext:
    """Handed in by the graph for a cycle, or by the chat for a question.

    `facts` gathers what the gate would see for a symbol, now. `submit` is None where no order may be
    asked for at all; `new_id` then gives each order its number and client id and never repeats one. Every
    tool reads at `snapshot.as_of`, so the same context gives the same evidence; answers are kept for the
    life of the context.
    """

    snapshot: MarketSnapshot
    feed: Feed
    portfolio: Portfolio
    facts: Callable[[Symbol], RiskFacts]
    limits: RiskLimits
    cycle_id: str = ""
    publish: EventSink = nobody_listens
    submit: Submit | None = None
    session: str = ""
    cycle: int = 0
    new_id: Callable[[], tuple[int, str]] | None = None
    answers: dict[tuple[str, object], ToolResult] = field(default_factory=dict)
