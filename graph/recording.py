"""The record of a cycle, from its state: all that was seen, said, refused and sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from agents.base import AgentReport
from domain.money import ZERO
from domain.opinions import Evidence
from domain.verdicts import VerdictRecord
from graph.proposal import percent
from graph.state import CycleState, views_of
from memory.records import CycleRecord, OrderRecord, Said


def cycle_record(state: CycleState, session: str) -> CycleRecord:
    """Everything that `desk explain` shows of a cycle. Reads only the state."""
    reports = [
        report
        for name in ("market_report", "sentiment_report", "risk_report", "trader_report")
        if isinstance(report := state.get(name), AgentReport)
    ]
    calls = tuple(call for report in reports for call in report.calls)
    stations = state["stations"]
    return CycleRecord(
        cycle_id=state["cycle_id"],
        cycle=state["cycle"],
        session=session,
        at=state["at"],
        snapshot=state.get("snapshot"),
        views=(*views_of(state), *state.get("muted", ())),
        evidence=_evidence(reports),
        said=(
            *(Said(role=report.role, text=report.said, source=report.source) for report in reports),
            *(Said(role=s.node, text=s.said, source="baseline") for s in stations),
        ),
        sizing=state.get("sized", ()),
        proposed=state.get("proposed"),
        proposal=state.get("proposal"),
        tactics={symbol: tactic.value for symbol, tactic in state.get("tactics", {}).items()},
        intents=state.get("intents", ()),
        verdicts=state["verdicts"],
        orders=tuple(
            OrderRecord(client_id=o.client_id, status=o.status, note=o.note) for o in state.get("orders", ())
        ),
        calls=calls,
        timings={station.node: station.seconds for station in stations},
        tokens=sum(station.tokens for station in stations),
        cost=sum((station.cost for station in stations), ZERO),
        summary=summary(state),
    )


def summary(state: CycleState) -> str:
    """One line on what the cycle came to."""
    targets = state["proposal"].targets if "proposal" in state else ()
    refused = _refused(state["verdicts"])
    failed = [station.node for station in state["stations"] if station.failed]
    parts = [", ".join(f"{target.symbol} to {percent(target.weight)}" for target in targets) or "no change"]
    if orders := state.get("orders", ()):
        parts.append(f"{len(orders)} order{'s' if len(orders) > 1 else ''}")
    if refused:
        parts.append(f"{refused} refused")
    if failed:
        parts.append(f"failed: {', '.join(failed)}")
    return "; ".join(parts)


def _refused(verdicts: tuple[VerdictRecord, ...]) -> int:
    return len({verdict.client_id for verdict in verdicts if not verdict.approved})


def _evidence(reports: Iterable[AgentReport]) -> tuple[Evidence, ...]:
    """All evidence once, its read-only values as plain mappings, which the record can be written with."""
    found = {evidence.evidence_id: evidence for report in reports for evidence in report.evidence}
    return tuple(replace(evidence, values=dict(evidence.values)) for evidence in found.values())
