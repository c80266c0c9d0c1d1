"""The running desk as the API sees it: reads show the state now, actions go through the session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from app.activity import Activity, graph_view
from app.breaker_views import BreakerLog, BreakersView, source_views
from app.chat import Chat
from app.decision_views import Decision, DecisionSummary
from app.explaining import Refused
from app.limits_views import LimitsEntryView, LimitsSet, LimitsView, entry_view, limits_view, set_view
from app.peer_side import PeerSide
from app.session import SessionRun
from app.version import desk_version
from app.viewing import (
    account_view,
    decision_summary,
    decision_view,
    equity_points,
    halt_view,
    order_view,
    position_views,
)
from app.views import (
    AgentView,
    CandleView,
    ChatReply,
    Counts,
    EquityPoint,
    Graph,
    HaltAction,
    HaltResult,
    Health,
    ModelUse,
    OrderView,
    PositionView,
    PriceView,
    Status,
)
from domain.breakers import BreakerChanged
from domain.errors import UnknownSymbol
from domain.events import CycleRecorded, DeskEvent, EquityMarked, EventSink, IntentRefused
from domain.limits import LimitsChanged, LimitsDeclared
from domain.money import Symbol
from domain.orders import Order, OrderStatus

if TYPE_CHECKING:
    from memory.records import Records

_DECISIONS_SHOWN = 200
_REFUSED_KEPT = 1_000
_CURVE_KEPT = 20_000
"""Points of the equity curve; beyond them every second one of the older half is left out."""


class LiveDesk:
    """Implements the API's `DeskService` over one running session."""

    def __init__(self, run: SessionRun, records: Records, activity: Activity) -> None:
        self._run = run
        self._desk = run.desk
        self._records = records
        self._activity = activity
        self._chat = Chat(self, run, records)
        self.peer = PeerSide(run.desk.context, run.desk.venue)
        self._started_at: datetime | None = None
        self._curve: list[tuple[datetime, Decimal, Decimal]] = []
        self._hashes: dict[str, str] = {}
        self._vetoed: dict[str, IntentRefused] = {}
        self._limits: list[LimitsEntryView] = []
        self._breakers = BreakerLog()

    def see(self, event: DeskEvent) -> None:
        """Listen: the curve with its cash is kept for the chart, the hash of each decision for its view."""
        match event:
            case EquityMarked():
                self._curve.append((event.at, event.equity, event.cash))
                if len(self._curve) > _CURVE_KEPT:
                    del self._curve[1 : _CURVE_KEPT // 2 : 2]
                self._started_at = self._started_at or event.at
            case CycleRecorded():
                self._hashes[event.cycle_id] = event.record_hash
            case IntentRefused():
                self._vetoed[event.intent.client_id] = event
                if len(self._vetoed) > _REFUSED_KEPT:
                    del self._vetoed[next(iter(self._vetoed))]
            case LimitsDeclared() | LimitsChanged():
                self._limits.append(entry_view(event))
            case BreakerChanged():
                self._breakers.see(event)
            case _:
                return

    def find_order(self, client_id: str) -> Order | None:
        """An order by its client id, those that the gate refused in the graph included."""
        known = self._desk.orders.orders.get(client_id)
        vetoed = self._vetoed.get(client_id)
        if known is not None or vetoed is None:
            return known
        order = Order(vetoed.intent)
        order.move(OrderStatus.REFUSED, vetoed.at, "; ".join(item.message for item in vetoed.breaches))
        return order

    def refused(self, client_id: str) -> Refused | None:
        """At which stage the gate refused an intent and why; None when it did not."""
        event = self._vetoed.get(client_id)
        return None if event is None else (event.stage, event.breaches, event.limits_hash)

    async def health(self) -> Health:
        problems = (self._run.problem,) if self._run.problem else ()
        return Health(ok=self._run.state != "failed", state=self._run.state, problems=problems)

    async def status(self) -> Status:
        desk, settings = self._desk, self._desk.settings
        portfolio, tally = desk.portfolio, desk.tally
        now = desk.clock.now() if desk.feed.now is not None else None
        on_paper = settings.mode == "paper"
        return Status(
            session=desk.session,
            mode=settings.mode,
            market=settings.market.source if on_paper else "live",
            simulated=on_paper,
            state=self._run.state,
            now=now,
            started_at=tally.first.at if tally.first is not None else self._started_at,
            timeframe=settings.session.timeframe.value,
            speed="max" if settings.speed == float("inf") else settings.speed,
            symbols=settings.session.symbols,
            halt=halt_view(desk.halts.current),
            account=account_view(portfolio, peak=portfolio.peak_equity, day_start=portfolio.day_start_equity),
            counts=Counts(
                bars=tally.bars,
                cycles=tally.cycles,
                orders=tally.orders,
                fills=len(tally.fills),
                refusals=len(tally.refusals),
                open_orders=len(desk.orders.open_orders()),
            ),
            breakers=self._breakers.troubled(),
            frozen=dict(self._desk.orders.frozen),
            models=self._models(),
            prices=tuple(self._prices(now)) if now is not None else (),
            version=desk_version(),
        )

    def _models(self) -> ModelUse:
        seen, budget = self._activity, self._desk.budget
        return ModelUse(
            enabled=self._desk.model is not None,
            calls=seen.calls,
            failures=seen.failures,
            tokens=seen.tokens,
            cost=seen.cost,
            limit_tokens=budget.daily_tokens if budget is not None else None,
            limit_cost=budget.daily_cost if budget is not None else None,
        )

    def _prices(self, now: datetime) -> list[PriceView]:
        oldest = self._desk.settings.max_age()
        quotes = [quote for symbol in self._desk.feed.symbols if (quote := self._desk.feed.quote(symbol))]
        return [
            PriceView(
                symbol=quote.symbol,
                last=quote.last,
                bid=quote.bid,
                ask=quote.ask,
                as_of=quote.as_of,
                stale=now - quote.as_of > oldest,
            )
            for quote in quotes
        ]

    async def positions(self) -> tuple[PositionView, ...]:
        orders = self._desk.orders
        return position_views(self._desk.portfolio, orders.open_orders(), orders.armed_stop)

    async def orders(self, *, limit: int, open_only: bool) -> tuple[OrderView, ...]:
        orders = self._desk.orders
        known = orders.open_orders() if open_only else tuple(orders.orders.values())
        return tuple(order_view(order) for order in reversed(known[-limit:]))

    async def decisions(self, *, limit: int) -> tuple[DecisionSummary, ...]:
        found = self._records.recent(min(limit, _DECISIONS_SHOWN))
        return tuple(decision_summary(record) for record in found if record.session == self._desk.session)

    async def decision(self, cycle_id: str) -> Decision:
        record = self._records.get(cycle_id)
        return decision_view(record, self._hashes.get(cycle_id, ""), self._desk.orders.orders)

    async def agents(self) -> tuple[AgentView, ...]:
        return self._activity.agents()

    async def graph(self) -> Graph:
        return graph_view()

    async def equity_curve(self, *, limit: int) -> tuple[EquityPoint, ...]:
        return equity_points(self._curve, limit)

    async def candles(self, symbol: Symbol, *, limit: int) -> tuple[CandleView, ...]:
        feed = self._desk.feed
        instrument = feed.instruments.get(symbol)
        if instrument is None:
            raise UnknownSymbol(f"{symbol} is not traded here", fix=f"Use one of {', '.join(feed.symbols)}")
        if feed.now is None:
            return ()
        bars = feed.history(symbol, feed.now, limit)
        candles = [bars.candle(index, instrument) for index in range(len(bars))]
        return tuple(
            CandleView(
                open_time=candle.open_time,
                close_time=candle.close_time,
                open=candle.open,
                high=candle.high,
                low=candle.low,
                close=candle.close,
                volume=candle.volume,
            )
            for candle in candles
        )

    async def halt(self, action: HaltAction, *, reason: str, by: str) -> HaltResult:
        halt = await self._run.halt(action, reason=reason, by=by)
        told = self._run.describe(halt)
        flat = self._run.is_flat if action == "panic" else None
        return HaltResult(halt=halt_view(halt), message=str(told["message"]), flat=flat)

    async def resume(self, *, confirm: bool, reason: str, by: str) -> HaltResult:
        halt = await self._run.halt("resume", reason=reason, by=by, confirm=confirm)
        return HaltResult(halt=halt_view(halt), message=str(self._run.describe(halt)["message"]))

    async def breakers(self) -> BreakersView:
        watch = self._desk.watch
        return self._breakers.view(source_views(watch.paper, watch.board))

    async def limits(self) -> LimitsView:
        limiting, told = self._desk.limiting, self._desk.settings.risk
        return limits_view(limiting.current, limiting.document, told, limiting.doubt, self._desk.portfolio)

    async def limits_history(self) -> tuple[LimitsEntryView, ...]:
        return tuple(self._limits)

    async def change_limits(
        self,
        told: Mapping[str, object] | None,
        back: tuple[str, ...] | None,
        *,
        reason: str,
        by: str,
    ) -> LimitsSet:
        limiting = self._desk.limiting
        return set_view(limiting, limiting.change(told, back, by=by, reason=reason))

    async def chat(self, text: str, *, confirm: str | None, by: str) -> ChatReply:
        return await self._chat.answer(text, confirm=confirm, by=by)

    def subscribe(self, sink: EventSink) -> Callable[[], None]:
        return self._desk.bus.subscribe(sink)
