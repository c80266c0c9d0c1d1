"""A decision as it is shown: from what was observed to the orders that came of it."""

from __future__ import annotations

from app.views import Amount, BreachView, EvidenceView, Fraction, Model, OrderView, Time
from domain.orders import OrderType, Origin, Side, TimeInForce


class DecisionSummary(Model):
    """One decision cycle in a line."""

    cycle_id: str
    cycle: int
    at: Time
    summary: str
    opinions: int
    abstentions: int
    orders: int
    refusals: int
    seconds: float
    tokens: int
    cost: Amount


class SymbolObservation(Model):
    symbol: str
    last: Amount
    bid: Amount
    ask: Amount
    age_seconds: float
    stale: bool
    features: dict[str, float]


class HeadlineView(Model):
    headline_id: str
    title: str
    source: str
    available_at: Time
    symbols: tuple[str, ...]
    url: str = ""


class Observation(Model):
    """The frozen snapshot the decision looked at; `content_hash` is its SHA-256."""

    as_of: Time
    content_hash: str
    symbols: tuple[SymbolObservation, ...]
    headlines: tuple[HeadlineView, ...]


class OpinionView(Model):
    """A view of one source. An abstention has `abstained` True, its reason as `rationale`, and no stance."""

    source: str
    symbol: str | None
    abstained: bool
    rationale: str
    stance: float | None = None
    confidence: float | None = None
    horizon_seconds: float | None = None
    invalidation: Amount | None = None
    evidence_ids: tuple[str, ...] = ()


class TargetView(Model):
    symbol: str
    weight: Fraction
    stop: Amount | None
    reason: str


class IntentView(Model):
    client_id: str
    symbol: str
    side: Side
    quantity: Amount
    order_type: OrderType
    time_in_force: TimeInForce
    origin: Origin
    reduce_only: bool
    limit_price: Amount | None
    trigger_price: Amount | None
    protective_stop: Amount | None
    reason: str
    created_at: Time


class VerdictView(Model):
    """A review by the gate: stage 1 in the graph, stage 2 at the order desk.

    `limits_hash` is the SHA-256 of the limits that were held; empty when that is not on record. `clips` are
    the rules that let the order through smaller than it was asked for, each in words.
    """

    client_id: str
    stage: int
    approved: bool
    breaches: tuple[BreachView, ...]
    at: Time
    limits_hash: str = ""
    clips: tuple[str, ...] = ()


class ModelCallView(Model):
    role: str
    model: str
    prompt_hash: str
    error: str | None
    attempts: int
    tokens: int
    cost: Amount
    seconds: float


class NodeView(Model):
    """What a station of the graph did in this cycle."""

    node: str
    said: str
    verdict: str
    sources: tuple[str, ...]
    seconds: float
    tokens: int
    cost: Amount


class Decision(Model):
    """A decision from observation to fills. `proposed` is before the risk analyst, `targets` after."""

    cycle_id: str
    cycle: int
    at: Time
    record_hash: str
    summary: str
    observation: Observation | None
    evidence: tuple[EvidenceView, ...]
    opinions: tuple[OpinionView, ...]
    proposed: tuple[TargetView, ...]
    targets: tuple[TargetView, ...]
    intents: tuple[IntentView, ...]
    verdicts: tuple[VerdictView, ...]
    orders: tuple[OrderView, ...]
    calls: tuple[ModelCallView, ...]
    nodes: tuple[NodeView, ...]
