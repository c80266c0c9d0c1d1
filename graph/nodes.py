"""The nodes of a decision cycle: async functions of (state, context), the same for LangGraph and inline.

observe -> (market | sentiment | strategies) -> propose -> risk_analyst -> risk_gate -> execution_trader
-> gate -> order_desk -> record. At most three model calls stand in sequence: analysts, risk, trader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, assert_never

from agents.base import AgentReport
from domain.errors import DataError
from domain.events import CycleRecorded, IntentRefused, OpinionGiven, ProposalMade
from domain.market import MarketSnapshot
from domain.money import ZERO, Symbol
from domain.opinions import Abstention, Opinion, Proposal
from domain.orders import Order, OrderIntent, OrderStatus, Origin, client_order_id
from domain.tactics import Tactic
from domain.verdicts import VerdictRecord
from execution.algorithms.choosing import USUAL_BARS, WORKED_IN_PARTS, plan_for
from execution.legs import legs
from graph.context import CycleContext
from graph.proposal import Blend, Outcome, blend, never_larger, percent
from graph.recording import cycle_record
from graph.state import CycleState, OrderOutcome, views_of
from graph.station import Fallback, Node, Work, station
from graph.supervision import supervise, views_taken
from risk.gate import Refused, review
from strategies.base import consult
from tools.context import ToolContext

STAGE: Final = 1
"""The graph's reviews. Stage 2 is the order desk's own, on fresh facts."""

STOP_ROOM: Final = Decimal("0.9")
"""How much of the allowed stop distance a proposal uses: the entry may be priced above the last price."""

LEGS_PER_ATTEMPT: Final = 100
"""More than the legs of any cycle, so that a second attempt never takes the id of another leg."""


async def _observe(state: CycleState, context: CycleContext) -> Work:
    snapshot = context.snapshots.freeze(state["at"], state["headlines_since"])
    stale = [symbol for symbol, view in snapshot.views.items() if view.stale]
    news = len(snapshot.headlines)
    said = f"{len(snapshot.views)} symbols, {news} headline{'' if news == 1 else 's'}"
    if stale:
        said += f"; stale: {', '.join(stale)}"
    return Work({"snapshot": snapshot}, said, (snapshot.content_hash[:12],))


async def _market(state: CycleState, context: CycleContext) -> Work:
    report = await context.market_analyst.consider(_tools(state, context))
    return _reported("market_report", report, state, context)


async def _sentiment(state: CycleState, context: CycleContext) -> Work:
    report = await context.sentiment_analyst.consider(_tools(state, context))
    return _reported("sentiment_report", report, state, context)


async def _strategies(state: CycleState, context: CycleContext) -> Work:
    snapshot = _snapshot(state)
    views = tuple(
        consult(strategy, view) for strategy in context.strategies for view in snapshot.views.values()
    )
    for view in views:
        context.publish(OpinionGiven(state["cycle_id"], view, state["at"]))
    given = sum(isinstance(view, Opinion) for view in views)
    names = tuple(strategy.name for strategy in context.strategies)
    return Work({"strategy_views": views}, f"{given} opinions, {len(views) - given} abstentions", names)


async def _propose(state: CycleState, context: CycleContext) -> Work:
    snapshot = _snapshot(state)
    fresh = {symbol: view for symbol, view in snapshot.views.items() if not view.stale}
    farthest = context.limits.max_stop_distance_fraction
    heard = supervise(views_of(state), context.breakers)
    for view in heard.muted:
        context.publish(OpinionGiven(state["cycle_id"], view, state["at"]))
    last = {symbol: view.quote.last for symbol, view in fresh.items()}
    held = _held_weights(context, last)
    footing = await context.footing(state["cycle"], snapshot, held)
    result = blend(
        cycle_id=state["cycle_id"],
        as_of=state["at"],
        views=heard.views,
        last=last,
        held=held,
        instruments=context.feed.instruments,
        policy=footing.policy,
        track=context.track,
        reduce_only=state["reduce_only"],
        farthest_stop=None if farthest is None else farthest * STOP_ROOM,
        base=footing.base,
        sizer=footing.sizer,
    )
    context.publish(ProposalMade(result.proposal, state["at"]))
    sources = tuple(dict.fromkeys(v.source for v in heard.views if isinstance(v, Opinion)))
    return Work(
        {"blended": result.symbols, "sized": result.sized, "proposed": result.proposal, "muted": heard.muted},
        _say_blend(result),
        sources,
    )


async def _risk_analyst(state: CycleState, context: CycleContext) -> Work:
    proposed = state["proposed"]
    if not proposed.targets:
        return Work({"proposal": proposed}, "nothing is proposed")
    argued, report = await context.risk_analyst.temper(_tools(state, context), proposed, views_of(state))
    tempered = never_larger(proposed, argued)
    before = {target.symbol: target.weight for target in proposed.targets}
    smaller = [target.symbol for target in tempered.targets if target.weight < before[target.symbol]]
    verdict = f"smaller: {', '.join(smaller)}" if smaller else "as proposed"
    context.publish(ProposalMade(tempered, state["at"]))
    return Work(
        {"risk_report": report, "proposal": tempered}, report.said, (report.source,), verdict, report.calls
    )


async def _risk_gate(state: CycleState, context: CycleContext) -> Work:
    """Veto what the gate would never let through, before anyone spends thought on how to trade it."""
    if not state["proposal"].targets:
        return Work({"vetoed": (), "verdicts": ()}, "nothing to review")
    drafts = _draft(state, context, {})
    verdicts = _review_all(drafts, state, context)
    refused = tuple(verdict for verdict in verdicts if not verdict.approved)
    said = f"{len(drafts)} legs, {len(refused)} vetoed"
    update = {"vetoed": tuple(verdict.client_id for verdict in refused), "verdicts": refused}
    return Work(update, said, verdict=_say_verdicts(verdicts))


async def _execution_trader(state: CycleState, context: CycleContext) -> Work:
    alive = _not_vetoed(state, context)
    if not alive.targets:
        return Work({"tactics": {}}, "nothing to trade")
    tactics, report = await context.execution_trader.choose(_tools(state, context), alive)
    chosen = {target.symbol: tactics.get(target.symbol, Tactic.MARKET) for target in alive.targets}
    said = ", ".join(f"{symbol} {tactic}" for symbol, tactic in chosen.items())
    return Work(
        {"trader_report": report, "tactics": chosen}, said, (report.source,), report.said, report.calls
    )


async def _gate(state: CycleState, context: CycleContext) -> Work:
    if not state["proposal"].targets:
        return Work({"intents": (), "approved": ()}, "nothing to review")
    vetoed = frozenset(state["vetoed"])
    intents = tuple(i for i in _draft(state, context, state["tactics"]) if i.client_id not in vetoed)
    verdicts = _review_all(intents, state, context)
    approved = tuple(verdict.client_id for verdict in verdicts if verdict.approved)
    said = f"{len(approved)} of {len(intents)} intents approved"
    update = {"intents": intents, "approved": approved, "verdicts": verdicts}
    return Work(update, said, verdict=_say_verdicts(verdicts))


async def _order_desk(state: CycleState, context: CycleContext) -> Work:
    """Withdraw what earlier cycles left open, then submit; the desk reviews again on fresh facts."""
    async with context.hands:
        return await _work_orders(state, context)


async def _work_orders(state: CycleState, context: CycleContext) -> Work:
    withdrawn = await context.algorithms.stop_older(state["cycle"], "a newer cycle decides")
    for order in context.desk.open_orders():
        intent = order.intent
        if intent.origin is Origin.CYCLE and intent.cycle < state["cycle"]:
            await context.desk.cancel(order.client_id, "a newer cycle decides")
            withdrawn += 1
    approved = frozenset(state["approved"])
    outcomes = []
    for intent in state["intents"]:
        if intent.client_id in approved:
            outcomes.append(await _carry_out(state, context, intent))
    said = f"{len(outcomes)} submitted, {withdrawn} withdrawn"
    verdict = ", ".join(f"{outcome.client_id} {outcome.status}" for outcome in outcomes)
    return Work({"orders": tuple(outcomes)}, said, verdict=verdict)


async def _carry_out(state: CycleState, context: CycleContext, intent: OrderIntent) -> OrderOutcome:
    """Send an intent as one order, or have it worked in parts when its tactic says so and it is large."""
    worker, name = context.algorithms, intent.client_id
    if not worker.knows(name) and (name in context.desk.orders or not _in_parts(state, context, intent)):
        order = await _submit(context, intent)
        return OrderOutcome(order.client_id, order.status, order.note)
    await worker.tick()
    return OrderOutcome(name, OrderStatus.ACCEPTED, f"worked in parts: {name}-00 and following")


def _in_parts(state: CycleState, context: CycleContext, intent: OrderIntent) -> bool:
    """Start the algorithm for an intent that is worked in parts; False when it is not."""
    symbol = intent.symbol
    tactic = state["tactics"].get(symbol, Tactic.MARKET)
    if tactic not in WORKED_IN_PARTS:
        return False
    feed = context.feed
    volumes = feed.history(symbol, state["at"], USUAL_BARS).volume
    plan = plan_for(
        intent,
        tactic,
        feed.instruments[symbol],
        _snapshot(state).views[symbol].quote,
        Decimal(repr(float(volumes.mean()))) if len(volumes) else ZERO,
        start=context.clock.now(),
        bar=feed.timeframe.delta,
    )
    return plan is not None and context.algorithms.start(plan)


async def _submit(context: CycleContext, intent: OrderIntent) -> Order:
    """Submit an intent, once. Its id may be known from before a crash: then the order stands as it is,
    unless the venue is certain that it never had it. Only such a one is sent again, under a further leg."""
    attempt = intent
    while (known := context.desk.orders.get(attempt.client_id)) is not None:
        if known.status is not OrderStatus.EXPIRED or known.venue_id or known.filled:
            return known
        leg = attempt.leg + LEGS_PER_ATTEMPT
        again = client_order_id(intent.session, intent.cycle, leg)
        attempt = replace(intent, leg=leg, client_id=again)
    return await context.desk.submit(attempt)


async def _record(state: CycleState, context: CycleContext) -> Work:
    record = cycle_record(state, context.session)
    digest = context.records.save(record)
    views = views_taken(state)
    context.emit(views)
    context.facts.answered(views.model_calls, views.model_failures)
    context.emit(
        CycleRecorded(state["cycle_id"], state["cycle"], digest, record.summary, state["at"]),
    )
    return Work({"record_hash": digest, "summary": record.summary}, record.summary, (digest[:12],))


def _snapshot(state: CycleState) -> MarketSnapshot:
    snapshot = state.get("snapshot")
    if snapshot is None:
        raise DataError("there is no snapshot of the market in this cycle")
    return snapshot


def _tools(state: CycleState, context: CycleContext) -> ToolContext:
    return context.toolbox(_snapshot(state), state["cycle"], state["cycle_id"])


def _reported(name: str, report: AgentReport, state: CycleState, context: CycleContext) -> Work:
    for view in report.views:
        context.publish(OpinionGiven(state["cycle_id"], view, state["at"]))
    given = sum(isinstance(view, Opinion) for view in report.views)
    verdict = f"{given} opinions, {len(report.views) - given} abstentions"
    return Work({name: report}, report.said, (report.source,), verdict, report.calls)


def _held_weights(context: CycleContext, last: Mapping[Symbol, Decimal]) -> dict[Symbol, Decimal]:
    """Fractions of equity in each symbol of `last`; nothing is held of an account worth nothing."""
    equity = context.portfolio.equity
    positions = context.portfolio.positions
    if equity <= ZERO:
        return {}
    return {
        symbol: positions[symbol].quantity * price / equity
        for symbol, price in last.items()
        if symbol in positions
    }


def _draft(
    state: CycleState, context: CycleContext, tactics: Mapping[Symbol, Tactic]
) -> tuple[OrderIntent, ...]:
    """The intents of this cycle's targets. The same targets give the same client ids with any tactics."""
    return legs(
        state["proposal"],
        context.portfolio,
        _snapshot(state),
        tactics,
        instruments=context.feed.instruments,
        session=context.session,
        cycle=state["cycle"],
        policy=context.leg_policy,
    )


def _review_all(
    intents: tuple[OrderIntent, ...], state: CycleState, context: CycleContext
) -> tuple[VerdictRecord, ...]:
    """Each intent before the gate. Only the verdict is kept: the approval is dropped here, on purpose."""
    verdicts = []
    now, held = context.clock.now(), context.limits.hash
    for intent in intents:
        name, entry = intent.client_id, not intent.reduce_only
        facts = context.gather(intent.symbol, state["cycle"], now, name, entry=entry)
        answer = review(intent, facts, context.limits, now)
        if isinstance(answer, Refused):
            context.emit(IntentRefused(intent, STAGE, answer.breaches, state["at"], held))
            verdicts.append(
                VerdictRecord(intent.client_id, STAGE, False, answer.breaches, now, limits_hash=held)
            )
        else:
            verdicts.append(VerdictRecord(intent.client_id, STAGE, True, (), now, answer.clips, held))
    return tuple(verdicts)


def _not_vetoed(state: CycleState, context: CycleContext) -> Proposal:
    """The proposal without the targets whose leg the gate vetoed or that need no trade at all."""
    proposal = state["proposal"]
    if not proposal.targets:
        return proposal
    vetoed = frozenset(state["vetoed"])
    alive = {i.symbol for i in _draft(state, context, {}) if i.client_id not in vetoed}
    targets = tuple(target for target in proposal.targets if target.symbol in alive)
    return Proposal(proposal.cycle_id, proposal.as_of, targets)


def _say_blend(result: Blend) -> str:
    words = []
    for entry in result.symbols:
        match entry.outcome:
            case Outcome.ACT:
                words.append(f"{entry.symbol} {percent(entry.held)} -> {percent(entry.weight)}")
            case Outcome.HOLD:
                words.append(f"{entry.symbol} stays at {percent(entry.held)}")
            case Outcome.NO_VIEW:
                words.append(f"{entry.symbol} no view")
            case _:
                assert_never(entry.outcome)
    return "; ".join(words) or "nothing to weigh"


def _say_verdicts(verdicts: tuple[VerdictRecord, ...]) -> str:
    words = [
        f"{verdict.client_id} {'clipped' if verdict.approved else 'refused'}: "
        + ", ".join(said.rule for said in (verdict.clips if verdict.approved else verdict.breaches))
        for verdict in verdicts
        if verdict.clips or not verdict.approved
    ]
    if words:
        return "; ".join(words)
    return "all approved" if verdicts else "nothing to review"


def _abstains(channel: str, role: str) -> Fallback:
    """A role that fails abstains on every symbol, on record."""

    def make(state: CycleState, why: str) -> Mapping[str, Any]:
        view = Abstention(role, None, why)
        return {channel: AgentReport(role, (view,), why, (), (), "baseline")}

    return Fallback(make)


def _nothing_proposed(state: CycleState, why: str) -> Mapping[str, Any]:
    return {"blended": (), "sized": (), "proposed": Proposal(state["cycle_id"], state["at"], ())}


NODES: Final[Mapping[str, Node]] = {
    "observe": station("observe", _observe, Fallback()),
    "market": station("market", _market, _abstains("market_report", "market_analyst")),
    "sentiment": station("sentiment", _sentiment, _abstains("sentiment_report", "sentiment_analyst")),
    "strategies": station(
        "strategies",
        _strategies,
        Fallback(lambda state, why: {"strategy_views": (Abstention("strategies", None, why),)}),
    ),
    "propose": station("propose", _propose, Fallback(_nothing_proposed)),
    "risk_analyst": station(
        "risk_analyst", _risk_analyst, Fallback(lambda state, why: {"proposal": state["proposed"]})
    ),
    # Past this point a failure means that nothing is traded in this cycle.
    "risk_gate": station(
        "risk_gate",
        _risk_gate,
        Fallback(
            lambda state, why: {
                "vetoed": (),
                "verdicts": (),
                "proposal": Proposal(state["cycle_id"], state["at"], ()),
            }
        ),
    ),
    "execution_trader": station(
        "execution_trader", _execution_trader, Fallback(lambda state, why: {"tactics": {}})
    ),
    "gate": station("gate", _gate, Fallback(lambda state, why: {"intents": (), "approved": ()})),
    "order_desk": station("order_desk", _order_desk, None),
    "record": station("record", _record, None),
}
"""Every node by name, in the order of their stations."""

ANALYSTS: Final = ("market", "sentiment", "strategies")
"""The nodes that run side by side, after `observe` and before `propose`."""

SEQUENCE: Final = ("propose", "risk_analyst", "risk_gate", "execution_trader", "gate", "order_desk", "record")
"""The nodes after the analysts, one after the other."""
