"""What the API says, as typed models: the JSON of every answer. Money travels as plain decimal text."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, PlainSerializer

from domain.breakers import BreakerState, Level
from domain.halt import HaltState
from domain.orders import OrderStatus, OrderType, Origin, Side, TimeInForce


def _plain_decimal(value: Decimal) -> str:
    return f"{value:f}"


Amount = Annotated[Decimal, PlainSerializer(_plain_decimal, return_type=str, when_used="json")]
"""A price, a quantity or an amount of money: text without exponent in JSON, never a float."""

Fraction = Annotated[Decimal, PlainSerializer(_plain_decimal, return_type=str, when_used="json")]
"""A share of one: 0.05 is five per cent."""

Time = AwareDatetime


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# --- the desk as a whole ---


class Health(Model):
    """`ok` is False when the desk has failed; `problems` then says what, one line each."""

    ok: bool
    state: Literal["starting", "running", "stopping", "finished", "failed"]
    problems: tuple[str, ...] = ()


class Version(Model):
    name: str = "trading-desk"
    version: str
    python: str
    api: str = "v1"


class HaltView(Model):
    state: HaltState
    reason: str
    by: str
    at: Time
    latched: bool


class AccountView(Model):
    """The account at market prices, all in `currency`.

    `profit` is equity minus capital; `drawdown` is the fall from the peak and `day_change` the move
    since UTC midnight, both as fractions of where they started.
    """

    currency: str
    capital: Amount
    equity: Amount
    cash: Amount
    realized: Amount
    unrealized: Amount
    fees: Amount
    peak: Amount
    day_start: Amount
    profit: Amount
    profit_fraction: Fraction
    day_change: Fraction
    drawdown: Fraction


class ModelUse(Model):
    """Language models since the session began. The limits are per day; None means none is set."""

    enabled: bool
    calls: int
    failures: int
    tokens: int
    cost: Amount
    limit_tokens: int | None = None
    limit_cost: Amount | None = None


class PriceView(Model):
    """The newest price of a symbol; `stale` when it is older than the desk accepts."""

    symbol: str
    last: Amount
    bid: Amount
    ask: Amount
    as_of: Time
    stale: bool


class Counts(Model):
    bars: int
    cycles: int
    orders: int
    fills: int
    refusals: int
    open_orders: int


class BreakerView(Model):
    """A breaker since it last changed. `until` is the earliest end of its wait, None when it is not open.

    `size_fraction` of the usual size is allowed, 0 forbids entries. `by` names the person who reset it.
    """

    name: str
    level: Level
    scope: str
    state: BreakerState
    size_fraction: Fraction
    cause: str
    figures: dict[str, float]
    wait_seconds: float
    until: Time | None
    at: Time
    by: str


class Status(Model):
    """What the desk is doing. `now` is the desk's own clock, simulated when `simulated` is True.

    `breakers` are those that are not closed; `frozen` is what the books and the venue do not agree on, by
    symbol, or "*" for all: no entries there until it is gone or answered for.
    """

    session: str
    mode: Literal["paper", "testnet", "live"]
    market: Literal["synthetic", "replay", "live"]
    simulated: bool
    state: Literal["starting", "running", "stopping", "finished", "failed"]
    now: Time | None
    started_at: Time | None
    timeframe: str
    speed: float | Literal["max"] | None
    symbols: tuple[str, ...]
    halt: HaltView
    account: AccountView
    counts: Counts
    breakers: tuple[BreakerView, ...] = ()
    frozen: dict[str, str] = {}
    models: ModelUse
    prices: tuple[PriceView, ...]
    version: str


class PositionView(Model):
    """An open position. `stop` is the trigger the guardian holds or watches, None when there is none.

    `stop_rule` names the rule that set it, `stop_why` says how; empty when nobody wrote that down.
    """

    symbol: str
    quantity: Amount
    average_price: Amount
    mark: Amount
    value: Amount
    weight: Fraction
    unrealized: Amount
    realized: Amount
    stop: Amount | None = None
    stop_rule: str = ""
    stop_why: str = ""


class FillView(Model):
    fill_id: str
    client_id: str
    symbol: str
    side: Side
    quantity: Amount
    price: Amount
    fee: Amount
    fee_currency: str
    filled_at: Time
    maker: bool


class BreachView(Model):
    rule: str
    limit: str
    value: str
    message: str


class OrderView(Model):
    """An order and where it stands. `cycle_id` links to the decision it came from, when there was one.

    `fees` are what was paid, by currency: a venue may take some of them in the coin that was traded.
    """

    client_id: str
    venue_id: str
    cycle_id: str | None
    symbol: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    origin: Origin
    status: OrderStatus
    quantity: Amount
    filled: Amount
    limit_price: Amount | None
    trigger_price: Amount | None
    average_price: Amount | None
    fees: dict[str, Amount]
    reduce_only: bool
    reason: str
    note: str
    created_at: Time
    updated_at: Time | None
    fills: tuple[FillView, ...] = ()


class EquityPoint(Model):
    at: Time
    equity: Amount
    cash: Amount


class CandleView(Model):
    open_time: Time
    close_time: Time
    open: Amount
    high: Amount
    low: Amount
    close: Amount
    volume: Amount


# --- agents and graph ---


class EvidenceView(Model):
    evidence_id: str
    tool: str
    symbol: str | None
    as_of: Time
    values: dict[str, float | str]


class AgentView(Model):
    """A role: its station, the model behind it (None: the baseline answers), what it did last."""

    role: str
    node: str | None
    title: str
    model: str | None
    tools: tuple[str, ...]
    calls: int
    abstentions: int
    tokens: int
    cost: Amount
    last_said: str
    last_source: Literal["model", "baseline"] | None
    last_seconds: float | None
    last_at: Time | None


class GraphNode(Model):
    """A station. `id` is the `node` that the node events name; `role` when an agent works there."""

    id: str
    title: str
    kind: Literal["code", "agent", "gate"]
    role: str | None = None


class GraphEdge(Model):
    source: str
    target: str


class Graph(Model):
    """The stations and who hands over to whom: acyclic, in the order of work."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]


# --- what an operator asks ---

HaltAction = Literal["pause", "stop", "panic"]


class HaltResult(Model):
    """The state after the request, and what was done in a sentence. `flat` is set by panic only."""

    halt: HaltView
    message: str
    flat: bool | None = None


class ProposedAction(Model):
    """Something the chat would do once confirmed: send the request again with `confirm` set to this id."""

    confirm_id: str
    action: str
    summary: str


class ChatReply(Model):
    text: str
    source: Literal["model", "baseline"]
    evidence: tuple[EvidenceView, ...] = ()
    proposed: ProposedAction | None = None
