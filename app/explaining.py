"""Why an order exists: observation, evidence, opinions, sizing, proposal, intent, verdicts, order, fills."""

from __future__ import annotations

from typing import Any

from app.decision_views import (
    IntentView,
    Observation,
    OpinionView,
    SymbolObservation,
    TargetView,
    VerdictView,
)
from app.render import amount, text
from app.sizing_views import sizing_lines, sizing_view
from app.viewing import (
    breach_views,
    cycle_id,
    evidence_view,
    fill_view,
    intent_view,
    observation,
    opinion_view,
    order_view,
    target_views,
    verdict_view,
)
from app.views import EvidenceView, FillView, OrderView
from domain.errors import NotFound
from domain.orders import Order, OrderStatus, Origin
from domain.verdicts import Breach, VerdictRecord
from memory.records import CycleRecord, Records

_PARTS = ("observation", "evidence", "opinions", "sizing", "proposal", "intent", "verdicts", "order", "fills")

Refused = tuple[int, tuple[Breach, ...], str]
"""At which stage an intent was refused, why, and the hash of the limits that were held."""


def explanation(order: Order, record: CycleRecord | None, refused: Refused | None) -> dict[str, Any]:
    """The whole path of one order, as JSON-ready views in the order of the story.

    `record` is that of the cycle it came from. An order that no decision made (the guardian's, an
    operator's) has none, and no opinions: its intent says who asked for it and why.
    """
    intent = order.intent
    told: dict[str, Any] = dict.fromkeys(_PARTS)
    told["client_id"] = intent.client_id
    told["origin"] = intent.origin
    told["cycle_id"] = record.cycle_id if record else None
    if record is not None:
        if record.snapshot is not None:
            seen = observation(record.snapshot)
            about = [item for item in seen.symbols if item.symbol == intent.symbol]
            told["observation"] = seen.model_copy(update={"symbols": tuple(about)})
        views = [view for view in record.views if view.symbol in (intent.symbol, None)]
        cited = {name for view in views for name in getattr(view, "evidence_ids", ())}
        told["evidence"] = [
            evidence_view(item)
            for item in record.evidence
            if item.symbol == intent.symbol or item.evidence_id in cited
        ]
        told["opinions"] = [opinion_view(view) for view in views]
        told["sizing"] = sizing_view(each for each in record.sizing if each.symbol == intent.symbol)
        told["proposal"] = {
            "proposed": [view for view in target_views(record.proposed) if view.symbol == intent.symbol],
            "after_risk_analyst": [v for v in target_views(record.proposal) if v.symbol == intent.symbol],
        }
    told["intent"] = intent_view(intent)
    told["verdicts"] = _verdicts(order, record, refused)
    told["order"] = order_view(order)
    told["fills"] = [fill_view(fill) for fill in order.fills]
    return told


def record_of(order: Order, records: Records) -> CycleRecord | None:
    """The record of the decision behind an order; None when no decision made it, or it never ended."""
    if order.intent.origin not in (Origin.CYCLE, Origin.ALGORITHM):
        return None
    try:
        return records.get(cycle_id(order.intent.session, order.intent.cycle))
    except NotFound:
        return None


def _verdicts(order: Order, record: CycleRecord | None, refused: Refused | None) -> list[VerdictView]:
    """Stage 1 from the cycle's record, stage 2 from what the journal shows the order desk did."""
    intent = order.intent
    given: dict[int, VerdictRecord] = {}
    if record is not None:
        given = {item.stage: item for item in record.verdicts if item.client_id == intent.client_id}
    views = [verdict_view(verdict) for verdict in given.values()]
    stage, breaches, held = refused or (0, (), "")
    at = order.updated_at or intent.created_at
    if stage == 2:
        views.append(
            VerdictView(
                client_id=intent.client_id,
                stage=2,
                approved=False,
                breaches=breach_views(breaches),
                at=at,
                limits_hash=held,
            )
        )
    elif order.status not in (OrderStatus.INTENDED, OrderStatus.REFUSED):
        views.append(
            VerdictView(client_id=intent.client_id, stage=2, approved=True, breaches=(), at=intent.created_at)
        )
    return views


def decision_lines(record: CycleRecord) -> list[str]:
    """A decision as text: what was seen, said, proposed and refused."""
    lines = [f"{record.cycle_id} at {text(record.at)}: {record.summary}"]
    lines += _part(
        "opinions", [f"{view.symbol or 'all'} {_said(opinion_view(view))}" for view in record.views]
    )
    lines += _part("sizing", sizing_lines(sizing_view(record.sizing)))
    lines += _part("proposal", [_target(view) for view in target_views(record.proposal)])
    verdicts = [line for verdict in record.verdicts for line in _judged(verdict_view(verdict))]
    lines += _part("verdicts", verdicts)
    lines += _part("orders", [f"{order.client_id}: {order.status}" for order in record.orders])
    return lines


def explanation_lines(told: dict[str, Any]) -> list[str]:
    """The same story as text, station by station."""
    order: OrderView = told["order"]
    intent: IntentView = told["intent"]
    lines = [f"{order.client_id}: {order.side} {amount(order.quantity)} {order.symbol}, {order.status}"]
    seen: Observation | None = told["observation"]
    if seen is None:
        lines += _part("observation", [], f"asked for by the {told['origin']}, not by a decision")
    else:
        first = f"as of {text(seen.as_of)}, snapshot {seen.content_hash[:12]}"
        lines += _part("observation", [first, *map(_observed, seen.symbols)])
    lines += _part("evidence", [_cited(item) for item in told["evidence"] or ()])
    lines += _part("opinions", [_said(item) for item in told["opinions"] or ()])
    lines += _part("sizing", sizing_lines(told["sizing"] or ()))
    targets = [
        f"{name.replace('_', ' ')}: {_target(view)}"
        for name, views in (told["proposal"] or {}).items()
        for view in views
    ]
    lines += _part("proposal", targets)
    lines += _part("intent", [_intended(intent), f"because {intent.reason or 'no reason was given'}"])
    lines += _part("verdicts", [line for verdict in told["verdicts"] for line in _judged(verdict)])
    lines += _part("order", [_ordered(order)])
    return lines + _part("fills", [_filled(fill) for fill in told["fills"]])


def _part(name: str, lines: list[str], absent: str = "none") -> list[str]:
    return ["", name, *(f"  {line}" for line in lines or [absent])]


def _target(view: TargetView) -> str:
    return f"{view.symbol} weight {view.weight:f}, stop {text(view.stop)} ({view.reason})"


def _intended(intent: IntentView) -> str:
    price = intent.limit_price or intent.trigger_price
    at = f" at {text(price)}" if price is not None else ""
    reduce = ", reduce only" if intent.reduce_only else ""
    stop = f", stop {text(intent.protective_stop)}" if intent.protective_stop is not None else ""
    return f"{intent.side} {amount(intent.quantity)} {intent.symbol} {intent.order_type}{at}{stop}{reduce}"


def _ordered(order: OrderView) -> str:
    price = f" at {text(order.average_price)}" if order.average_price is not None else ""
    note = f" ({order.note})" if order.note else ""
    return f"{order.status}, {amount(order.filled)} of {amount(order.quantity)} filled{price}{note}"


def _filled(fill: FillView) -> str:
    fee = f"{text(fill.fee)} {fill.fee_currency}"
    return f"{text(fill.filled_at)}  {amount(fill.quantity)} at {text(fill.price)}, fee {fee}"


def _observed(item: SymbolObservation) -> str:
    features = ", ".join(f"{name} {value:.6g}" for name, value in sorted(item.features.items()))
    return f"{item.symbol} last {text(item.last)}, bid {text(item.bid)}, ask {text(item.ask)}; {features}"


def _cited(item: EvidenceView) -> str:
    values = ", ".join(
        f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in sorted(item.values.items())
    )
    return f"{item.evidence_id} {item.tool}: {values if len(values) < 160 else values[:157] + '...'}"


def _said(item: OpinionView) -> str:
    if item.stance is None or item.confidence is None:
        return f"{item.source}: abstains, {item.rationale}"
    cited = f" [{', '.join(item.evidence_ids)}]" if item.evidence_ids else ""
    return (
        f"{item.source}: stance {item.stance:+.2f}, confidence {item.confidence:.2f}, {item.rationale}{cited}"
    )


def _judged(verdict: VerdictView) -> list[str]:
    where = "gate, before trading" if verdict.stage == 1 else "gate, at the order desk"
    held = f", limits {verdict.limits_hash[:12]}" if verdict.limits_hash else ""
    if verdict.approved:
        smaller = f", made smaller: {'; '.join(verdict.clips)}" if verdict.clips else ""
        return [f"{where}: approved at {text(verdict.at)}{held}{smaller}"]
    return [f"{where}: refused at {text(verdict.at)}{held}"] + [
        f"  {breach.rule}: {breach.message} (limit {breach.limit}, seen {breach.value})"
        for breach in verdict.breaches
    ]
