"""Everything that happens is one of these, told apart by `kind`.

An event whose class says `durable` belongs in the hash-chained journal; the others are only streamed
to whoever is watching (the dashboard shows who is working, the journal keeps what was decided).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Literal

from domain.algorithms import AlgorithmPlan, PartRouted
from domain.allocation import AllocationMade
from domain.breakers import BreakerChanged, ViewsTaken
from domain.frozen import quick
from domain.halt import Halt
from domain.limits import LimitsChanged, LimitsDeclared
from domain.money import Price, Quantity, Symbol
from domain.opinions import Abstention, Opinion, Proposal
from domain.orders import Fill, OrderIntent
from domain.reconciliation import FillAdopted, IntentReduced, Reconciled, Unprotected
from domain.verdicts import Breach


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """A session began, or came back after a stop or a crash (`resumed`)."""

    kind: ClassVar[Literal["session_started"]] = "session_started"
    durable: ClassVar[bool] = True
    session: str
    mode: str
    config_hash: str
    capital: Decimal
    currency: str
    resumed: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class SessionStopped:
    kind: ClassVar[Literal["session_stopped"]] = "session_stopped"
    durable: ClassVar[bool] = True
    session: str
    reason: str
    equity: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class CycleStarted:
    kind: ClassVar[Literal["cycle_started"]] = "cycle_started"
    durable: ClassVar[bool] = True
    cycle_id: str
    cycle: int
    at: datetime


@dataclass(frozen=True, slots=True)
class CycleRecorded:
    """A cycle ended and its full record was stored; `record_hash` is the SHA-256 of that record."""

    kind: ClassVar[Literal["cycle_recorded"]] = "cycle_recorded"
    durable: ClassVar[bool] = True
    cycle_id: str
    cycle: int
    record_hash: str
    summary: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NodeStarted:
    """A node of the graph began to work. Wall time, for people who watch."""

    kind: ClassVar[Literal["node_started"]] = "node_started"
    durable: ClassVar[bool] = False
    cycle_id: str
    node: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NodeFinished:
    """A node of the graph is done: what it said in a sentence, its sources, and how long it took."""

    kind: ClassVar[Literal["node_finished"]] = "node_finished"
    durable: ClassVar[bool] = False
    cycle_id: str
    node: str
    said: str
    sources: tuple[str, ...]
    verdict: str
    seconds: float
    tokens: int
    cost: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class ToolCalled:
    kind: ClassVar[Literal["tool_called"]] = "tool_called"
    durable: ClassVar[bool] = False
    cycle_id: str
    role: str
    tool: str
    evidence_id: str
    seconds: float
    at: datetime


@dataclass(frozen=True, slots=True)
class OpinionGiven:
    kind: ClassVar[Literal["opinion_given"]] = "opinion_given"
    durable: ClassVar[bool] = False
    cycle_id: str
    view: Opinion | Abstention
    at: datetime


@dataclass(frozen=True, slots=True)
class ProposalMade:
    kind: ClassVar[Literal["proposal_made"]] = "proposal_made"
    durable: ClassVar[bool] = False
    proposal: Proposal
    at: datetime


@quick
@dataclass(frozen=True, slots=True)
class IntentRecorded:
    """An intent and its client id, durable before anything is sent."""

    kind: ClassVar[Literal["intent_recorded"]] = "intent_recorded"
    durable: ClassVar[bool] = True
    intent: OrderIntent
    at: datetime


@dataclass(frozen=True, slots=True)
class IntentRefused:
    """The gate said no. Stage 1 is the review in the graph, stage 2 the one at the desk.

    `limits_hash` is the SHA-256 of the limits it held.
    """

    kind: ClassVar[Literal["intent_refused"]] = "intent_refused"
    durable: ClassVar[bool] = True
    intent: OrderIntent
    stage: int
    breaches: tuple[Breach, ...]
    at: datetime
    limits_hash: str = ""


@quick
@dataclass(frozen=True, slots=True)
class OrderSubmitted:
    """The second approval was given and the order is being sent to `venue`, at this `bid` and `ask`."""

    kind: ClassVar[Literal["order_submitted"]] = "order_submitted"
    durable: ClassVar[bool] = True
    client_id: str
    symbol: Symbol
    at: datetime
    venue: str = ""
    bid: Price | None = None
    ask: Price | None = None


@quick
@dataclass(frozen=True, slots=True)
class OrderAccepted:
    kind: ClassVar[Literal["order_accepted"]] = "order_accepted"
    durable: ClassVar[bool] = True
    client_id: str
    symbol: Symbol
    venue_id: str
    at: datetime


@quick
@dataclass(frozen=True, slots=True)
class OrderFilled:
    kind: ClassVar[Literal["order_filled"]] = "order_filled"
    durable: ClassVar[bool] = True
    fill: Fill
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderClosed:
    """An order ended without (further) fills: cancelled, rejected or expired."""

    kind: ClassVar[Literal["order_closed"]] = "order_closed"
    durable: ClassVar[bool] = True
    client_id: str
    symbol: Symbol
    status: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderUnknown:
    """No answer came: the order may or may not exist at the venue until it has been looked up."""

    kind: ClassVar[Literal["order_unknown"]] = "order_unknown"
    durable: ClassVar[bool] = True
    client_id: str
    symbol: Symbol
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CancelRequested:
    kind: ClassVar[Literal["cancel_requested"]] = "cancel_requested"
    durable: ClassVar[bool] = True
    client_id: str
    symbol: Symbol
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AlgorithmStarted:
    """An execution algorithm was given its plan, durable before its first child order."""

    kind: ClassVar[Literal["algorithm_started"]] = "algorithm_started"
    durable: ClassVar[bool] = True
    plan: AlgorithmPlan
    at: datetime


@dataclass(frozen=True, slots=True)
class AlgorithmStopping:
    """An algorithm was told to stop: it sends nothing more, and what it has open is withdrawn."""

    kind: ClassVar[Literal["algorithm_stopping"]] = "algorithm_stopping"
    durable: ClassVar[bool] = True
    algorithm_id: str
    symbol: Symbol
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AlgorithmEnded:
    """An algorithm is over and none of its orders is open: `done` and `rest` are in the plan's unit."""

    kind: ClassVar[Literal["algorithm_ended"]] = "algorithm_ended"
    durable: ClassVar[bool] = True
    algorithm_id: str
    symbol: Symbol
    reason: str
    done: Decimal
    rest: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class StopArmed:
    """The guardian holds this stop for a position; `client_id` is the resting order, empty while it watches.

    `rule` names what set the price: the entry, its trailing distance, the default, or a rule of the stop
    plan; `why` says how, with the numbers.
    """

    kind: ClassVar[Literal["stop_armed"]] = "stop_armed"
    durable: ClassVar[bool] = True
    symbol: Symbol
    quantity: Quantity
    trigger_price: Price
    client_id: str
    at: datetime
    rule: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class StopsResumed:
    """After a start, every open position has its stop again. Comes before the first cycle."""

    kind: ClassVar[Literal["stops_resumed"]] = "stops_resumed"
    durable: ClassVar[bool] = True
    positions: int
    armed: int
    at: datetime


@dataclass(frozen=True, slots=True)
class HaltChanged:
    kind: ClassVar[Literal["halt_changed"]] = "halt_changed"
    durable: ClassVar[bool] = True
    halt: Halt
    at: datetime


@dataclass(frozen=True, slots=True)
class EquityMarked:
    """The account at market prices, once a bar. Peak and starts of day and week feed the loss limits."""

    kind: ClassVar[Literal["equity_marked"]] = "equity_marked"
    durable: ClassVar[bool] = True
    bar: int
    equity: Decimal
    cash: Decimal
    peak: Decimal
    day_start: Decimal
    week_start: Decimal
    prices: Mapping[Symbol, Decimal]
    at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """Something an operator should know; `level` is info, warning or error."""

    kind: ClassVar[Literal["notice"]] = "notice"
    durable: ClassVar[bool] = True
    level: Literal["info", "warning", "error"]
    source: str
    message: str
    at: datetime


DeskEvent = (
    SessionStarted
    | SessionStopped
    | CycleStarted
    | CycleRecorded
    | NodeStarted
    | NodeFinished
    | ToolCalled
    | OpinionGiven
    | ProposalMade
    | IntentRecorded
    | IntentRefused
    | OrderSubmitted
    | OrderAccepted
    | OrderFilled
    | OrderClosed
    | OrderUnknown
    | CancelRequested
    | IntentReduced
    | FillAdopted
    | Reconciled
    | Unprotected
    | AlgorithmStarted
    | AlgorithmStopping
    | AlgorithmEnded
    | PartRouted
    | StopArmed
    | StopsResumed
    | AllocationMade
    | HaltChanged
    | LimitsDeclared
    | LimitsChanged
    | BreakerChanged
    | ViewsTaken
    | EquityMarked
    | Notice
)

EventSink = Callable[[DeskEvent], None]
"""Whoever listens. A sink must not raise: the desk does not stop for a listener."""
