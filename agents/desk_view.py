"""What the operator's chat may see of the desk and ask of it. The application implements it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from agents.base import Source
from domain.halt import HaltState
from domain.opinions import Evidence
from domain.orders import OrderStatus, OrderType, Side
from llm.calls import ModelCall


class DeskAction(StrEnum):
    """What an operator can ask the desk to do. RESUME is recognised, and not done from a chat."""

    PAUSE = "pause"
    STOP = "stop"
    RESUME = "resume"
    PANIC = "panic"


class HaltFacts(Protocol):
    @property
    def state(self) -> HaltState: ...
    @property
    def reason(self) -> str: ...
    @property
    def by(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def latched(self) -> bool: ...


class AccountFacts(Protocol):
    """The account at market prices, in `currency`; `drawdown` and `day_change` are fractions."""

    @property
    def currency(self) -> str: ...
    @property
    def equity(self) -> Decimal: ...
    @property
    def cash(self) -> Decimal: ...
    @property
    def realized(self) -> Decimal: ...
    @property
    def unrealized(self) -> Decimal: ...
    @property
    def fees(self) -> Decimal: ...
    @property
    def profit(self) -> Decimal: ...
    @property
    def profit_fraction(self) -> Decimal: ...
    @property
    def day_change(self) -> Decimal: ...
    @property
    def drawdown(self) -> Decimal: ...


class StatusFacts(Protocol):
    @property
    def session(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def now(self) -> datetime | None: ...
    @property
    def halt(self) -> HaltFacts: ...
    @property
    def account(self) -> AccountFacts: ...


class PositionFacts(Protocol):
    @property
    def symbol(self) -> str: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def average_price(self) -> Decimal: ...
    @property
    def mark(self) -> Decimal: ...
    @property
    def value(self) -> Decimal: ...
    @property
    def weight(self) -> Decimal: ...
    @property
    def unrealized(self) -> Decimal: ...
    @property
    def stop(self) -> Decimal | None: ...


class OrderFacts(Protocol):
    @property
    def client_id(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def side(self) -> Side: ...
    @property
    def order_type(self) -> OrderType: ...
    @property
    def status(self) -> OrderStatus: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def filled(self) -> Decimal: ...
    @property
    def average_price(self) -> Decimal | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def note(self) -> str: ...


class DecisionFacts(Protocol):
    @property
    def cycle_id(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def summary(self) -> str: ...


class DeskView(Protocol):
    """The running desk as a conversation sees it. Reads show the state now and change nothing."""

    async def status(self) -> StatusFacts: ...

    async def positions(self) -> Sequence[PositionFacts]: ...

    async def orders(self, *, limit: int, open_only: bool) -> Sequence[OrderFacts]:
        """Newest first."""
        ...

    async def decisions(self, *, limit: int) -> Sequence[DecisionFacts]:
        """Newest first."""
        ...

    async def limits(self) -> Mapping[str, object]:
        """The risk limits in force, by name."""
        ...

    async def explain(self, name: str) -> str:
        """The story of an order (client id) or a decision (cycle id), in lines. Raises NotFound."""
        ...

    async def act(self, action: DeskAction, *, reason: str, by: str, confirm: bool) -> str:
        """Do it, and say in a sentence what was done. Raises DeskError when the desk refuses."""
        ...

    async def tighten(self, name: str, value: str, *, reason: str, by: str) -> str:
        """Make a risk limit stricter, and say what was changed. Raises DeskError for anything looser."""
        ...


@dataclass(frozen=True, slots=True)
class Pending:
    """Something the chat will do once a person confirms it by its id (`confirm <id>`)."""

    confirm_id: str
    action: str
    summary: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to the operator. `pending` waits for a confirmation; `done` names what was just done."""

    text: str
    source: Source
    evidence: tuple[Evidence, ...] = ()
    calls: tuple[ModelCall, ...] = ()
    pending: Pending | None = None
    done: str = ""
