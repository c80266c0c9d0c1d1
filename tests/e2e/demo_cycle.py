"""One cycle of the demo desk: events in the order the real graph sends them, and the record they leave."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal

from app.decision_views import Decision, ModelCallView, NodeView, OpinionView, VerdictView
from app.views import BreachView, EvidenceView, FillView, OrderView
from domain.events import (
    EventSink,
    IntentRecorded,
    IntentRefused,
    NodeFinished,
    NodeStarted,
    OpinionGiven,
    OrderAccepted,
    OrderFilled,
    OrderSubmitted,
    ProposalMade,
    ToolCalled,
)
from domain.money import ZERO, Currency, Money, Price, Quantity, Symbol
from domain.opinions import Abstention, Opinion, Proposal, Target
from domain.orders import Fill, OrderIntent, OrderStatus, OrderType, Origin, Side, client_order_id
from domain.verdicts import Breach
from tests.e2e.demo_record import HEADLINES, Script, content_hash, decision_of

MODEL = "openai/gpt-oss-120b"
WALL = datetime(2025, 1, 1, 12, 0, tzinfo=UTC)
_STEPS = {"BTC/USDT": Decimal("0.00001"), "ETH/USDT": Decimal("0.0001"), "SOL/USDT": Decimal("0.01")}


async def play_cycle(script: Script, emit: EventSink, pace: float) -> Decision:
    """Emit a whole cycle, `pace` seconds a station, and return its record."""
    focus = list(script.prices)[script.cycle % len(script.prices)]
    stance = round(script.random.uniform(-0.7, 0.9), 2)

    await _station(script, emit, pace, "observe", "3 symbols, 2 headlines", (content_hash(script)[:12],), "")
    await asyncio.gather(
        _market(script, emit, pace, focus, stance),
        _sentiment(script, emit, pace, focus),
        _strategies(script, emit, pace, focus, stance),
    )
    weight = (Decimal(str(max(0.0, stance))) * Decimal("0.25")).quantize(Decimal("0.0001"))
    proposed = _target(focus, weight, script)
    tempered = _target(focus, (weight * Decimal("0.8")).quantize(Decimal("0.0001")), script)
    emit(ProposalMade(Proposal(script.cycle_id, script.now, (proposed,)), script.now))
    said = f"{focus} to {weight:.1%} of equity, from {len(script.opinions)} views"
    await _station(script, emit, pace, "propose", said, ("market_analyst:model", "ma_crossover"), "")
    emit(ProposalMade(Proposal(script.cycle_id, script.now, (tempered,)), script.now))
    said = f"Realised volatility is in its upper quartile; {focus} a fifth smaller keeps the loss limit far."
    await _station(script, emit, pace * 1.6, "risk_analyst", said, ("model",), f"smaller: {focus}", 742)
    intent = _intent(script, focus, tempered)
    refused = intent is not None and ((script.reducing and intent.side is Side.BUY) or script.cycle % 6 == 0)
    said, verdict = ("no leg to trade", "") if intent is None else ("1 legs, 0 vetoed", "1 approved")
    await _station(script, emit, pace, "risk_gate", said, (), verdict)
    said = "nothing to trade" if intent is None else f"{focus} limit_at_touch"
    worked = 0 if intent is None else 318
    await _station(script, emit, pace, "execution_trader", said, ("model",) if worked else (), "", worked)
    await _decide(script, emit, pace, intent, refused)
    filled = [order for order in script.orders if order.status is OrderStatus.FILLED]
    summary = _summary(focus, intent, refused, filled)
    await _station(script, emit, pace, "record", summary, (content_hash(script)[:12],), "")
    return decision_of(script, summary, proposed, tempered)


async def _market(script: Script, emit: EventSink, pace: float, focus: Symbol, stance: float) -> None:
    ids = tuple(_evidence(script, emit, "market_analyst", tool, focus) for tool in ("candles", "indicators"))
    way = "above" if stance > 0 else "below"
    told = f"{focus} closes {way} its 26-bar average with the range widening; momentum agrees on 1h and 4h."
    view = Opinion(
        "market_analyst:model",
        focus,
        stance,
        0.64,
        timedelta(hours=6),
        told,
        ids,
        Price((script.prices[focus] * Decimal("0.97")).quantize(Decimal("0.01"))),
    )
    _give(script, emit, view)
    await _station(script, emit, pace * 2, "market", told, ("model", *ids), "", 1311)


async def _sentiment(script: Script, emit: EventSink, pace: float, focus: Symbol) -> None:
    found = _evidence(script, emit, "sentiment_analyst", "headlines", None)
    _give(script, emit, Abstention("sentiment_analyst:model", None, "the model did not answer within 20 s"))
    told = "Headlines lean mildly positive; one of them tries to give orders and is ignored."
    view = Opinion("sentiment_analyst:baseline", focus, 0.18, 0.3, timedelta(hours=4), told, (found,))
    _give(script, emit, view)
    await _station(script, emit, pace * 1.4, "sentiment", told, ("baseline", found), "")


async def _strategies(script: Script, emit: EventSink, pace: float, focus: Symbol, stance: float) -> None:
    for name, share in (("ma_crossover", 0.5), ("breakout", 0.3)):
        told = f"{name} on {focus}: fast average over slow"
        view = Opinion(name, focus, round(stance * share, 2), 0.5, timedelta(hours=8), told)
        _give(script, emit, view)
    await _station(
        script, emit, pace, "strategies", "2 opinions, 0 abstentions", ("ma_crossover", "breakout"), ""
    )


async def _decide(
    script: Script, emit: EventSink, pace: float, intent: OrderIntent | None, refused: bool
) -> None:
    if intent is None:
        await _station(script, emit, pace, "gate", "0 of 0 intents approved", (), "")
        await _station(script, emit, pace, "order_desk", "0 submitted, 0 withdrawn", (), "")
        return
    script.intents.append(intent)
    breaches = (
        (
            Breach(
                "gross_exposure",
                "0.60",
                "0.64",
                f"{intent.symbol} would bring gross exposure to 64 %, over the limit of 60 %",
            ),
        )
        if refused
        else ()
    )
    for stage in (1,) if refused else (1, 2):
        told = tuple(
            BreachView(rule=b.rule, limit=b.limit, value=b.value, message=b.message) for b in breaches
        )
        script.verdicts.append(
            VerdictView(
                client_id=intent.client_id, stage=stage, approved=not refused, breaches=told, at=script.now
            )
        )
    emit(IntentRecorded(intent, script.now))
    if refused:
        emit(IntentRefused(intent, 1, breaches, script.now))
        await _station(script, emit, pace, "gate", "0 of 1 intents approved", (), "1 refused: gross_exposure")
        await _station(script, emit, pace, "order_desk", "0 submitted, 0 withdrawn", (), "")
        return
    await _station(script, emit, pace, "gate", "1 of 1 intents approved", (), "1 approved")
    resting = script.cycle % 4 == 3
    fill = None if resting else _fill(script, intent)
    emit(OrderSubmitted(intent.client_id, intent.symbol, script.now))
    emit(OrderAccepted(intent.client_id, intent.symbol, f"v{script.cycle}", script.now))
    if fill is not None:
        emit(OrderFilled(fill, script.now))
    script.orders.append(_order(script, intent, fill))
    status = "accepted" if resting else "filled"
    await _station(
        script, emit, pace, "order_desk", "1 submitted, 0 withdrawn", (), f"{intent.client_id} {status}"
    )


async def _station(
    script: Script,
    emit: EventSink,
    pace: float,
    node: str,
    said: str,
    sources: tuple[str, ...],
    verdict: str,
    tokens: int = 0,
) -> None:
    emit(NodeStarted(script.cycle_id, node, WALL))
    if pace:
        await asyncio.sleep(pace)
    seconds = round(1.1 + script.random.random(), 2) if tokens else 0.0008
    cost = Decimal(tokens) * Decimal("0.0000004")
    emit(NodeFinished(script.cycle_id, node, said, sources, verdict, seconds, tokens, cost, WALL))
    script.nodes.append(
        NodeView(
            node=node,
            said=said,
            verdict=verdict,
            sources=sources,
            seconds=seconds,
            tokens=tokens,
            cost=cost,
        )
    )
    if tokens:
        script.calls.append(
            ModelCallView(
                role=node,
                model=MODEL,
                prompt_hash=content_hash(script),
                error=None,
                attempts=1,
                tokens=tokens,
                cost=cost,
                seconds=seconds,
            )
        )


def _evidence(script: Script, emit: EventSink, role: str, tool: str, symbol: Symbol | None) -> str:
    found = f"e{len(script.evidence) + 1}-{tool}"
    values: dict[str, float | str] = {"ema(12)": 64110.2, "ema(26)": 63890.7, "rsi(14)": 58.4}
    if tool == "headlines":
        values = {"mean score": 0.21, "count": 2.0, "latest": HEADLINES[script.cycle % 4]}
    script.evidence.append(
        EvidenceView(evidence_id=found, tool=tool, symbol=symbol, as_of=script.now, values=values)
    )
    emit(ToolCalled(script.cycle_id, role, tool, found, 0.0004, WALL))
    return found


def _give(script: Script, emit: EventSink, view: Opinion | Abstention) -> None:
    emit(OpinionGiven(script.cycle_id, view, script.now))
    if isinstance(view, Abstention):
        told = OpinionView(source=view.source, symbol=view.symbol, abstained=True, rationale=view.reason)
    else:
        told = OpinionView(
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
    script.opinions.append(told)


def _target(symbol: Symbol, weight: Decimal, script: Script) -> Target:
    stop = Price((script.prices[symbol] * Decimal("0.97")).quantize(Decimal("0.01")))
    return Target(symbol, weight, stop, "blend of views by track record")


def _intent(script: Script, symbol: Symbol, target: Target) -> OrderIntent | None:
    price = script.prices[symbol]
    held = script.holdings.get(symbol, (ZERO, ZERO))[0]
    wanted = (target.weight * script.equity / price).quantize(_STEPS[symbol], ROUND_FLOOR)
    change = wanted - held
    if abs(change * price) < 60:
        return None
    buying = change > 0
    return OrderIntent(
        client_id=client_order_id("demo", script.cycle, 1),
        session="demo",
        cycle=script.cycle,
        leg=1,
        symbol=symbol,
        side=Side.BUY if buying else Side.SELL,
        quantity=Quantity(abs(change)),
        order_type=OrderType.LIMIT,
        created_at=script.now,
        origin=Origin.CYCLE,
        reduce_only=not buying,
        limit_price=Price(price),
        protective_stop=target.stop if buying else None,
        reason=f"{symbol} to {target.weight:.1%}",
    )


def _fill(script: Script, intent: OrderIntent) -> Fill:
    price = Price(script.prices[intent.symbol])
    fee = (intent.quantity * price * Decimal("0.001")).quantize(Decimal("0.0001"))
    return Fill(
        f"f{script.cycle}",
        intent.client_id,
        intent.symbol,
        intent.side,
        intent.quantity,
        price,
        Money(fee, Currency("USDT")),
        script.now,
    )


def _order(script: Script, intent: OrderIntent, fill: Fill | None) -> OrderView:
    fills: tuple[FillView, ...] = ()
    if fill is not None:
        fills = (
            FillView(
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
            ),
        )
    return OrderView(
        client_id=intent.client_id,
        venue_id=f"v{script.cycle}",
        cycle_id=script.cycle_id,
        symbol=intent.symbol,
        side=intent.side,
        order_type=intent.order_type,
        time_in_force=intent.time_in_force,
        origin=intent.origin,
        status=OrderStatus.FILLED if fill else OrderStatus.ACCEPTED,
        quantity=intent.quantity,
        filled=fill.quantity if fill else ZERO,
        limit_price=intent.limit_price,
        trigger_price=None,
        average_price=fill.price if fill else None,
        fees={fill.fee.currency: fill.fee.amount} if fill else {},
        reduce_only=intent.reduce_only,
        reason=intent.reason,
        note="",
        created_at=intent.created_at,
        updated_at=script.now,
        fills=fills,
    )


def _summary(focus: Symbol, intent: OrderIntent | None, refused: bool, filled: list[OrderView]) -> str:
    if intent is None:
        return "hold: no leg is worth its costs"
    if refused:
        return f"{intent.side} {focus} refused: gross_exposure"
    done = "filled" if filled else "resting"
    return f"{intent.side} {intent.quantity} {focus} at {intent.limit_price}, {done}"
