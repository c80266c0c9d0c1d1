"""From the desk's own types to what is shown: one function a view, for the API and the command line alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from app.decision_views import (
    Decision,
    DecisionSummary,
    HeadlineView,
    IntentView,
    ModelCallView,
    NodeView,
    Observation,
    OpinionView,
    SymbolObservation,
    TargetView,
    VerdictView,
)
from app.views import (
    AccountView,
    BreachView,
    EquityPoint,
    EvidenceView,
    FillView,
    HaltView,
    OrderView,
    PositionView,
)
from domain.events import StopArmed
from domain.halt import Halt
from domain.market import MarketSnapshot
from domain.money import ZERO, Symbol
from domain.opinions import Evidence, Opinion, Proposal, View
from domain.orders import Fill, Order, OrderIntent, Origin
from domain.verdicts import Breach, VerdictRecord
from portfolio.portfolio import Portfolio

if TYPE_CHECKING:
    from memory.records import CycleRecord

ROLES: Final = {
    "market": "market_analyst",
    "sentiment": "sentiment_analyst",
    "risk_analyst": "risk_analyst",
    "execution_trader": "execution_trader",
}
"""The role that works at a station of the graph."""

_PLACES = Decimal("1e-6")


def fraction(part: Decimal, whole: Decimal) -> Decimal:
    """A share to six decimals; zero of nothing."""
    return (part / whole).quantize(_PLACES) if whole else ZERO


def halt_view(halt: Halt) -> HaltView:
    return HaltView(state=halt.state, reason=halt.reason, by=halt.by, at=halt.at, latched=halt.latched)


def account_view(portfolio: Portfolio, *, peak: Decimal, day_start: Decimal) -> AccountView:
    """The account at its marks; `peak` and `day_start` as the loss limits see them."""
    equity, capital = portfolio.equity, portfolio.capital
    profit = equity - capital.amount
    return AccountView(
        currency=capital.currency,
        capital=capital.amount,
        equity=equity,
        cash=portfolio.cash,
        realized=portfolio.realized,
        unrealized=portfolio.unrealized,
        fees=portfolio.fees_paid,
        peak=peak,
        day_start=day_start,
        profit=profit,
        profit_fraction=fraction(profit, capital.amount),
        day_change=fraction(equity - day_start, day_start),
        drawdown=fraction(peak - equity, peak),
    )


def position_views(
    portfolio: Portfolio, orders: Iterable[Order], armed: Callable[[Symbol], StopArmed | None]
) -> tuple[PositionView, ...]:
    """What is held, and what protects it: the highest of the stops among `orders`, or the one watched.

    `armed` gives the newest stop that was armed for a symbol.
    """
    equity, resting = portfolio.equity, stops_of(orders)
    return tuple(
        PositionView(
            symbol=symbol,
            quantity=held.quantity,
            average_price=held.average_price,
            mark=held.mark,
            value=held.value,
            weight=fraction(held.value, equity),
            unrealized=held.unrealized,
            realized=held.realized,
            **_protection(resting.get(symbol), armed(symbol)),
        )
        for symbol, held in portfolio.positions.items()
    )


def _protection(resting: Decimal | None, armed: StopArmed | None) -> dict[str, Any]:
    if armed is None or (resting is None and armed.client_id):
        return {"stop": resting}  # a stop that was armed and rests no more protects nothing
    if resting is not None and resting != armed.trigger_price:
        return {"stop": resting}
    return {"stop": armed.trigger_price, "stop_rule": armed.rule, "stop_why": armed.why}


def stops_of(orders: Iterable[Order]) -> dict[Symbol, Decimal]:
    """The highest resting reduce-only trigger of each symbol."""
    found: dict[Symbol, Decimal] = {}
    for order in orders:
        intent = order.intent
        if intent.reduce_only and intent.trigger_price is not None and not order.is_terminal:
            found[intent.symbol] = max(found.get(intent.symbol, ZERO), intent.trigger_price)
    return found


def cycle_id(session: str, cycle: int) -> str:
    """The name of a decision, as its record has it."""
    return f"{session}-{cycle:06d}"


def fill_view(fill: Fill) -> FillView:
    return FillView(
        fill_id=fill.fill_id,
        client_id=fill.client_id,
        symbol=fill.symbol,
        side=fill.side,
        quantity=fill.quantity,
        price=fill.price,
        fee=fill.fee.amount,
        fee_currency=fill.fee.currency,
        filled_at=fill.filled_at,
        maker=fill.maker,
    )


def order_view(order: Order) -> OrderView:
    intent = order.intent
    decided = intent.origin is Origin.CYCLE
    return OrderView(
        client_id=intent.client_id,
        venue_id=order.venue_id,
        cycle_id=cycle_id(intent.session, intent.cycle) if decided else None,
        symbol=intent.symbol,
        side=intent.side,
        order_type=intent.order_type,
        time_in_force=intent.time_in_force,
        origin=intent.origin,
        status=order.status,
        quantity=intent.quantity,
        filled=order.filled,
        limit_price=intent.limit_price,
        trigger_price=intent.trigger_price,
        average_price=order.average_price,
        fees={str(currency): paid for currency, paid in order.fees.items()},
        reduce_only=intent.reduce_only,
        reason=intent.reason,
        note=order.note,
        created_at=intent.created_at,
        updated_at=order.updated_at,
        fills=tuple(fill_view(fill) for fill in order.fills),
    )


def intent_view(intent: OrderIntent) -> IntentView:
    return IntentView(
        client_id=intent.client_id,
        symbol=intent.symbol,
        side=intent.side,
        quantity=intent.quantity,
        order_type=intent.order_type,
        time_in_force=intent.time_in_force,
        origin=intent.origin,
        reduce_only=intent.reduce_only,
        limit_price=intent.limit_price,
        trigger_price=intent.trigger_price,
        protective_stop=intent.protective_stop,
        reason=intent.reason,
        created_at=intent.created_at,
    )


def breach_views(breaches: Iterable[Breach]) -> tuple[BreachView, ...]:
    return tuple(
        BreachView(rule=item.rule, limit=item.limit, value=item.value, message=item.message)
        for item in breaches
    )


def verdict_view(verdict: VerdictRecord) -> VerdictView:
    return VerdictView(
        client_id=verdict.client_id,
        stage=verdict.stage,
        approved=verdict.approved,
        breaches=breach_views(verdict.breaches),
        at=verdict.at,
        limits_hash=verdict.limits_hash,
        clips=tuple(str(clip) for clip in verdict.clips),
    )


def observation(snapshot: MarketSnapshot) -> Observation:
    return Observation(
        as_of=snapshot.as_of,
        content_hash=snapshot.content_hash,
        symbols=tuple(
            SymbolObservation(
                symbol=symbol,
                last=view.quote.last,
                bid=view.quote.bid,
                ask=view.quote.ask,
                age_seconds=view.age.total_seconds(),
                stale=view.stale,
                features=dict(view.features),
            )
            for symbol, view in snapshot.views.items()
        ),
        headlines=tuple(
            HeadlineView(
                headline_id=item.headline_id,
                title=item.title,
                source=item.source,
                available_at=item.available_at,
                symbols=item.symbols,
                url=item.url,
            )
            for item in snapshot.headlines
        ),
    )


def evidence_view(item: Evidence) -> EvidenceView:
    return EvidenceView(
        evidence_id=item.evidence_id,
        tool=item.tool,
        symbol=item.symbol,
        as_of=item.as_of,
        values=dict(item.values),
    )


def opinion_view(view: View) -> OpinionView:
    if not isinstance(view, Opinion):
        return OpinionView(source=view.source, symbol=view.symbol, abstained=True, rationale=view.reason)
    return OpinionView(
        source=view.source,
        symbol=view.symbol,
        abstained=False,
        rationale=view.rationale,
        stance=view.stance,
        confidence=view.confidence,
        horizon_seconds=view.horizon.total_seconds(),
        invalidation=view.invalidation,
        evidence_ids=view.evidence_ids,
    )


def target_views(proposal: Proposal | None) -> tuple[TargetView, ...]:
    if proposal is None:
        return ()
    return tuple(
        TargetView(symbol=item.symbol, weight=item.weight, stop=item.stop, reason=item.reason)
        for item in proposal.targets
    )


def decision_summary(record: CycleRecord) -> DecisionSummary:
    abstentions = sum(not isinstance(view, Opinion) for view in record.views)
    return DecisionSummary(
        cycle_id=record.cycle_id,
        cycle=record.cycle,
        at=record.at,
        summary=record.summary,
        opinions=len(record.views) - abstentions,
        abstentions=abstentions,
        orders=len(record.orders),
        refusals=len({verdict.client_id for verdict in record.verdicts if not verdict.approved}),
        seconds=sum(record.timings.values()),
        tokens=record.tokens,
        cost=record.cost,
    )


def decision_view(record: CycleRecord, record_hash: str, orders: Mapping[str, Order]) -> Decision:
    """A decision as recorded; its orders as they stand now."""
    said = {item.role: item for item in record.said}
    intents = {intent.client_id for intent in record.intents}
    return Decision(
        cycle_id=record.cycle_id,
        cycle=record.cycle,
        at=record.at,
        record_hash=record_hash,
        summary=record.summary,
        observation=observation(record.snapshot) if record.snapshot is not None else None,
        evidence=tuple(evidence_view(item) for item in record.evidence),
        opinions=tuple(opinion_view(view) for view in record.views),
        proposed=target_views(record.proposed),
        targets=target_views(record.proposal),
        intents=tuple(intent_view(intent) for intent in record.intents),
        verdicts=tuple(verdict_view(verdict) for verdict in record.verdicts),
        orders=tuple(
            order_view(order)
            for name, order in orders.items()
            if name in intents or order.intent.parent in intents
        ),
        calls=tuple(
            ModelCallView(
                role=call.role,
                model=call.model,
                prompt_hash=call.prompt_hash,
                error=call.error or None,
                attempts=call.attempts,
                tokens=call.prompt_tokens + call.completion_tokens,
                cost=call.cost,
                seconds=call.seconds,
            )
            for call in record.calls
        ),
        nodes=tuple(
            NodeView(
                node=node,
                said=said[role].text if (role := ROLES.get(node, node)) in said else "",
                verdict="",
                sources=(),
                seconds=seconds,
                tokens=0,
                cost=ZERO,
            )
            for node, seconds in record.timings.items()
        ),
    )


def equity_points(curve: Sequence[tuple[datetime, Decimal, Decimal]], limit: int) -> tuple[EquityPoint, ...]:
    """The curve thinned evenly to `limit` points, first and last kept, times rising strictly."""
    count = len(curve)
    if count > limit > 1:
        chosen = [curve[index * (count - 1) // (limit - 1)] for index in range(limit)]
    else:
        chosen = list(curve[-limit:])
    points: list[EquityPoint] = []
    for at, equity, cash in chosen:
        if not points or at > points[-1].at:
            points.append(EquityPoint(at=at, equity=equity, cash=cash))
    return tuple(points)
