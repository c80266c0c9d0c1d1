"""A desk that plays a seeded story: prices move, agents speak, the gate refuses now and then, orders fill.

It implements DeskService without any other room, so the tests of API and dashboard stand on their own.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from app.breaker_views import BreakerLog, BreakersView
from app.decision_views import Decision, DecisionSummary
from app.limits_views import LimitsEntryView, LimitsSet, LimitsView
from app.views import (
    AccountView,
    AgentView,
    CandleView,
    ChatReply,
    Counts,
    EquityPoint,
    Graph,
    HaltAction,
    HaltResult,
    HaltView,
    Health,
    ModelUse,
    OrderView,
    PositionView,
    PriceView,
    ProposedAction,
    Status,
)
from domain.breakers import BreakerChanged
from domain.errors import DeskError, NotFound, UnknownSymbol
from domain.events import CycleRecorded, CycleStarted, DeskEvent, EquityMarked, EventSink, HaltChanged, Notice
from domain.halt import Halt, HaltState
from domain.money import ZERO, Symbol
from tests.e2e.demo_cycle import MODEL, play_cycle
from tests.e2e.demo_graph import ROLES, graph
from tests.e2e.demo_limits import DemoLimits
from tests.e2e.demo_peer import DemoPeer
from tests.e2e.demo_record import Script

START = datetime(2024, 3, 4, 0, 0, tzinfo=UTC)
BAR = timedelta(minutes=15)
CAPITAL = Decimal(10_000)
CENT = Decimal("0.01")
SYMBOLS = (Symbol("BTC/USDT"), Symbol("ETH/USDT"), Symbol("SOL/USDT"))
_FIRST = {SYMBOLS[0]: Decimal("64210.50"), SYMBOLS[1]: Decimal("3412.80"), SYMBOLS[2]: Decimal("131.42")}


@dataclass
class DemoDesk:
    """`await step()` plays one bar with its cycle; `pace` is the pause between two stations, in seconds."""

    pace: float = 0.0
    seed: int = 7
    sinks: list[EventSink] = field(default_factory=list)
    orders_: list[OrderView] = field(default_factory=list)
    decisions_: list[Decision] = field(default_factory=list)
    curve: list[EquityPoint] = field(default_factory=list)
    bars: dict[Symbol, list[CandleView]] = field(default_factory=lambda: {symbol: [] for symbol in SYMBOLS})
    holdings: dict[Symbol, tuple[Decimal, Decimal]] = field(default_factory=dict)
    halts: list[tuple[str, str, str]] = field(default_factory=list)
    said: list[tuple[str, str | None, str]] = field(default_factory=list)
    failing: BaseException | None = None

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - a story, not a secret
        self.prices = dict(_FIRST)
        self.cash = CAPITAL
        self.peak = CAPITAL
        self.fees = ZERO
        self.refusals = 0
        self.bar = 0
        self.halt_ = Halt(HaltState.ACTIVE, "session started", "desk", START)
        self.limits_ = DemoLimits(SYMBOLS, START, self.emit)
        self.peer = DemoPeer()
        self.breakers_ = BreakerLog()

    # --- the story ---

    @property
    def now(self) -> datetime:
        return START + BAR * self.bar

    @property
    def equity(self) -> Decimal:
        held = sum((quantity * self.prices[s] for s, (quantity, _) in self.holdings.items()), ZERO)
        return (self.cash + held).quantize(CENT)

    def emit(self, event: DeskEvent) -> None:
        for sink in self.sinks:
            sink(event)

    def trip(self, event: BreakerChanged) -> None:
        """A circuit breaker changes."""
        self.breakers_.see(event)
        self.emit(event)

    async def step(self) -> None:
        """The tape moves a bar; the account is marked; a cycle runs unless the desk is halted."""
        self._move_prices()
        self.bar += 1
        self.peak = max(self.peak, self.equity)
        self.curve.append(EquityPoint(at=self.now, equity=self.equity, cash=self.cash.quantize(CENT)))
        self.emit(
            EquityMarked(
                self.bar, self.equity, self.cash, self.peak, CAPITAL, CAPITAL, dict(self.prices), self.now
            )
        )
        if self.halt_.state is not HaltState.HALTED:
            await self._cycle()

    async def warm(self, bars: int) -> None:
        """Play `bars` without pauses."""
        pace, self.pace = self.pace, 0.0
        for _ in range(bars):
            await self.step()
        self.pace = pace

    async def play(self, seconds: float) -> None:
        """Play for ever, a bar every `seconds`, until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(seconds)

    def _move_prices(self) -> None:
        for symbol in SYMBOLS:
            open_ = self.prices[symbol]
            close = (open_ * Decimal(str(round(1 + self.random.gauss(0.0006, 0.006), 6)))).quantize(CENT)
            high = (max(open_, close) * Decimal("1.0015")).quantize(CENT)
            low = (min(open_, close) * Decimal("0.9985")).quantize(CENT)
            self.prices[symbol] = close
            candle = CandleView(
                open_time=self.now,
                close_time=self.now + BAR,
                open=open_,
                high=high,
                low=low,
                close=close,
                volume=Decimal(self.random.randint(20, 900)),
            )
            self.bars[symbol].append(candle)

    async def _cycle(self) -> None:
        cycle = len(self.decisions_) + 1
        cycle_id = f"demo-{cycle:06d}"
        self.emit(CycleStarted(cycle_id, cycle, self.now))
        script = Script(
            cycle_id=cycle_id,
            cycle=cycle,
            now=self.now,
            prices=self.prices,
            holdings=self.holdings,
            equity=self.equity,
            random=self.random,
            reducing=self.halt_.state is HaltState.REDUCING,
        )
        decision = await play_cycle(script, self.emit, self.pace)
        for order in decision.orders:
            self._book(order)
        self.refusals += sum(not verdict.approved for verdict in decision.verdicts)
        self.decisions_.append(decision)
        self.emit(CycleRecorded(cycle_id, cycle, decision.record_hash, decision.summary, self.now))

    def _book(self, order: OrderView) -> None:
        self.orders_.append(order)
        for fill in order.fills:
            held, average = self.holdings.get(Symbol(fill.symbol), (ZERO, ZERO))
            signed = fill.quantity if fill.side == "buy" else -fill.quantity
            after = held + signed
            self.cash -= signed * fill.price + fill.fee
            self.fees += fill.fee
            if after == ZERO:
                self.holdings.pop(Symbol(fill.symbol), None)
                continue
            if signed > 0:
                average = ((held * average + signed * fill.price) / after).quantize(CENT)
            self.holdings[Symbol(fill.symbol)] = (after, average)

    # --- DeskService ---

    def _fail_if_told(self) -> None:
        if self.failing is not None:
            raise self.failing

    async def health(self) -> Health:
        return Health(ok=True, state="running")

    async def status(self) -> Status:
        self._fail_if_told()
        equity = self.equity
        unrealized = sum(((self.prices[s] - avg) * q for s, (q, avg) in self.holdings.items()), ZERO)
        calls = [call for decision in self.decisions_ for call in decision.calls]
        account = AccountView(
            currency="USDT",
            capital=CAPITAL,
            equity=equity,
            cash=self.cash.quantize(CENT),
            realized=(equity - CAPITAL - unrealized).quantize(CENT),
            unrealized=unrealized.quantize(CENT),
            fees=self.fees.quantize(CENT),
            peak=self.peak,
            day_start=CAPITAL,
            profit=equity - CAPITAL,
            profit_fraction=(equity / CAPITAL - 1).quantize(Decimal("0.000001")),
            day_change=(equity / CAPITAL - 1).quantize(Decimal("0.000001")),
            drawdown=(1 - equity / self.peak).quantize(Decimal("0.000001")),
        )
        return Status(
            session="demo",
            mode="paper",
            market="synthetic",
            simulated=True,
            state="running",
            now=self.now,
            started_at=START,
            timeframe="15m",
            speed=450.0,
            symbols=SYMBOLS,
            halt=self._halt_view(),
            account=account,
            counts=Counts(
                bars=self.bar,
                cycles=len(self.decisions_),
                orders=len(self.orders_),
                fills=sum(len(order.fills) for order in self.orders_),
                refusals=self.refusals,
                open_orders=sum(order.status == "accepted" for order in self.orders_),
            ),
            breakers=self.breakers_.troubled(),
            models=ModelUse(
                enabled=True,
                calls=len(calls),
                failures=sum(call.error is not None for call in calls),
                tokens=sum(call.tokens for call in calls),
                cost=sum((call.cost for call in calls), ZERO),
                limit_tokens=2_000_000,
                limit_cost=Decimal(5),
            ),
            prices=tuple(
                PriceView(
                    symbol=symbol,
                    last=price,
                    bid=price - CENT,
                    ask=price + CENT,
                    as_of=self.now,
                    stale=False,
                )
                for symbol, price in self.prices.items()
            ),
            version="0.1.0",
        )

    def _halt_view(self) -> HaltView:
        halt = self.halt_
        return HaltView(state=halt.state, reason=halt.reason, by=halt.by, at=halt.at, latched=halt.latched)

    async def positions(self) -> tuple[PositionView, ...]:
        return tuple(
            PositionView(
                symbol=symbol,
                quantity=quantity,
                average_price=average,
                mark=self.prices[symbol],
                value=(quantity * self.prices[symbol]).quantize(CENT),
                weight=(quantity * self.prices[symbol] / self.equity).quantize(Decimal("0.0001")),
                unrealized=((self.prices[symbol] - average) * quantity).quantize(CENT),
                realized=ZERO,
                stop=(average * Decimal("0.97")).quantize(CENT),
            )
            for symbol, (quantity, average) in self.holdings.items()
        )

    async def orders(self, *, limit: int, open_only: bool) -> tuple[OrderView, ...]:
        found = [order for order in reversed(self.orders_) if not open_only or order.status == "accepted"]
        return tuple(found[:limit])

    async def decisions(self, *, limit: int) -> tuple[DecisionSummary, ...]:
        return tuple(
            DecisionSummary(
                cycle_id=decision.cycle_id,
                cycle=decision.cycle,
                at=decision.at,
                summary=decision.summary,
                opinions=sum(not view.abstained for view in decision.opinions),
                abstentions=sum(view.abstained for view in decision.opinions),
                orders=len(decision.orders),
                refusals=sum(not verdict.approved for verdict in decision.verdicts),
                seconds=sum(node.seconds for node in decision.nodes),
                tokens=sum(call.tokens for call in decision.calls),
                cost=sum((call.cost for call in decision.calls), ZERO),
            )
            for decision in list(reversed(self.decisions_))[:limit]
        )

    async def decision(self, cycle_id: str) -> Decision:
        for decision in self.decisions_:
            if decision.cycle_id == cycle_id:
                return decision
        raise NotFound(f"no cycle {cycle_id!r} is on record", fix="desk status names the latest cycle")

    async def agents(self) -> tuple[AgentView, ...]:
        return tuple(
            AgentView(
                role=role,
                node=node,
                title=role.replace("_", " ").capitalize(),
                model=MODEL if node != "sentiment" else None,
                tools=("candles", "indicators"),
                calls=len(self.decisions_),
                abstentions=0,
                tokens=1200 * len(self.decisions_),
                cost=Decimal("0.0004") * len(self.decisions_),
                last_said="",
                last_source="model" if node != "sentiment" else "baseline",
                last_seconds=None,
                last_at=None,
            )
            for node, role in ROLES.items()
        )

    async def graph(self) -> Graph:
        return graph()

    async def equity_curve(self, *, limit: int) -> tuple[EquityPoint, ...]:
        return tuple(self.curve[-limit:])

    async def candles(self, symbol: Symbol, *, limit: int) -> tuple[CandleView, ...]:
        if symbol not in self.bars:
            raise UnknownSymbol(f"{symbol} is not traded here", fix=f"Choose one of {', '.join(SYMBOLS)}")
        return tuple(self.bars[symbol][-limit:])

    async def halt(self, action: HaltAction, *, reason: str, by: str) -> HaltResult:
        self.halts.append((action, reason, by))
        state = HaltState.REDUCING if action == "pause" else HaltState.HALTED
        if action == "panic":
            for symbol, (quantity, _) in list(self.holdings.items()):
                self.cash += quantity * self.prices[symbol]
                del self.holdings[symbol]
        self._set(Halt(state, reason, by, self.now, latched=action == "panic"))
        told = {"pause": "only getting smaller now", "stop": "no more decisions", "panic": "flat"}
        return HaltResult(
            halt=self._halt_view(), message=told[action], flat=True if action == "panic" else None
        )

    async def resume(self, *, confirm: bool, reason: str, by: str) -> HaltResult:
        if self.halt_.latched and not confirm:
            raise DeskError("the halt is latched", fix="Say why it is safe, and confirm")
        self.halts.append(("resume", reason, by))
        self._set(Halt(HaltState.ACTIVE, reason, by, self.now))
        return HaltResult(halt=self._halt_view(), message="trading again")

    def _set(self, halt: Halt) -> None:
        self.halt_ = halt
        self.emit(HaltChanged(halt, self.now))
        self.emit(Notice("info", "halt", f"{halt.state}: {halt.reason}", self.now))

    async def breakers(self) -> BreakersView:
        self._fail_if_told()
        return self.breakers_.view()

    async def limits(self) -> LimitsView:
        self._fail_if_told()
        return self.limits_.view()

    async def limits_history(self) -> tuple[LimitsEntryView, ...]:
        return self.limits_.history()

    async def change_limits(
        self, told: Mapping[str, object] | None, back: tuple[str, ...] | None, *, reason: str, by: str
    ) -> LimitsSet:
        self._fail_if_told()
        return self.limits_.change(told, back, reason=reason, by=by)

    async def chat(self, text: str, *, confirm: str | None, by: str) -> ChatReply:
        self._fail_if_told()
        self.said.append((text, confirm, by))
        if confirm:
            await self.halt("pause", reason="asked for in the chat", by=by)
            return ChatReply(text="Paused: the desk only gets smaller now.", source="baseline")
        if "pause" in text.lower():
            asked = ProposedAction(confirm_id="pause-1", action="pause", summary="Pause the desk")
            return ChatReply(text="I can pause the desk. Shall I?", source="baseline", proposed=asked)
        last = self.decisions_[-1] if self.decisions_ else None
        evidence = last.evidence[:2] if last else ()
        return ChatReply(
            text=f"Equity is {self.equity} USDT after {len(self.decisions_)} decisions. You asked: {text}",
            source="model",
            evidence=evidence,
        )

    def subscribe(self, sink: EventSink) -> Callable[[], None]:
        self.sinks.append(sink)
        return lambda: self.sinks.remove(sink)
