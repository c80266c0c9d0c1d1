"""The composition root: the only place where the rooms are wired together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.bus import Bus
from app.halts import Halts
from app.limiting import Limiting
from app.limits_section import document_of
from app.settings import ModelKey, Settings
from app.watching import Watch, watch_over
from app.worlds import World
from domain.clock import EPOCH, LiveClock, SimulatedClock
from domain.errors import DataError
from domain.events import DeskEvent
from domain.halt import Halt
from domain.money import Currency, Money, Symbol
from domain.orders import Order
from domain.ports import Journal
from graph.context import CycleContext, RecordSink, declared_features
from graph.engine import BarClock, CycleRunner, Engine
from graph.proposal import BlendPolicy
from graph.sizing import sizing_features
from graph.tally import Tally
from portfolio.sizing import Sizing
from risk.record import LimitsRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from execution.guardian import StopGuardian
    from execution.order_desk import OrderDesk
    from execution.paper import PaperVenue
    from execution.patience import Patience
    from execution.venue import Venue
    from llm.budget import Budget
    from llm.calls import Model
    from llm.config import ModelSettings
    from market.feed import Feed
    from portfolio.portfolio import Portfolio
    from risk.limits import RiskLimits
    from tools.registry import Registry

SYNTHETIC_START = datetime(2026, 1, 5, tzinfo=UTC)
"""Where the simulated market begins when nobody says: its time is a function of its tape, not of today."""


@dataclass(slots=True)
class Desk:
    """One wired session. `resumed` tells whether it goes on where an earlier run stopped."""

    session: str
    settings: Settings
    feed: Feed
    clock: BarClock
    portfolio: Portfolio
    limiting: Limiting
    venue: Venue
    orders: OrderDesk
    guardian: StopGuardian
    journal: Journal
    halts: Halts
    bus: Bus
    tally: Tally
    context: CycleContext
    engine: Engine
    model: Model | None
    model_settings: ModelSettings | None
    budget: Budget | None
    tools: Registry
    watch: Watch
    resumed: bool

    @property
    def limits(self) -> RiskLimits:
        """The limits in force."""
        return self.limiting.current


def model_settings(settings: Settings, key: ModelKey | None) -> ModelSettings | None:
    """Which endpoint answers; None when models are switched off or no key stands in the environment."""
    from domain.errors import ConfigError
    from llm.config import build, from_preset

    told = settings.models
    if not told.enabled or key is None:
        return None
    given: dict[str, object] = {
        "base_url": told.base_url,
        "model": told.model,
        "roles": told.roles or None,
        "deadline_seconds": told.deadline_seconds,
        "max_tokens": told.max_tokens,
        "temperature": told.temperature,
    }
    preset = told.preset or key.preset
    if preset != "custom":
        return from_preset(preset, key.secret, given)
    missing = [name for name in ("base_url", "model") if given[name] is None]
    if missing:
        raise ConfigError(f"models.preset is custom, but models.{missing[0]} is not set", fix="Name both")
    return build(
        {name: value for name, value in {**given, "api_key": key.secret}.items() if value is not None}
    )


def costs_of(settings: Settings) -> dict[str, str]:
    """What trading is assumed to cost, in words for a report."""
    if settings.mode != "paper":
        return {"fees": f"those of {settings.venue.name}"}
    from simulator.fees import rates

    costs = settings.costs
    fees, _ = rates(costs.venue, costs.turnover, costs.maker, costs.taker)
    said = {"maker": f"{fees.maker:f}", "taker": f"{fees.taker:f}", "slippage": costs.slippage}
    if costs.slippage == "none":
        return said
    return {**said, "impact": f"{costs.impact:f}", "latency": f"{costs.latency_ms} ms"}


def build_feed(settings: Settings) -> Feed:
    """The market that the settings name. Raises UnknownSymbol, or DataError for files with holes, too."""
    symbols = tuple(Symbol(symbol) for symbol in settings.session.symbols)
    market, timeframe = settings.market, settings.session.timeframe
    if market.source == "replay" and market.candles is not None:
        from market.replay import ReplayFeed

        replay = ReplayFeed(market.candles, symbols, timeframe, market.start, market.end, market.stamps)
        if market.gaps == "refuse" and not replay.report.clean:
            raise DataError(
                "; ".join(replay.report.sentences()),
                fix='Fill the files, or accept it: gaps = "allow" in [market], or DESK_MARKET__GAPS=allow',
            )
        return replay
    from simulator.synthetic import SyntheticFeed

    return SyntheticFeed(
        seed=market.seed, symbols=symbols, timeframe=timeframe, start=market.start or SYNTHETIC_START
    )


def remarks_on(feed: Feed, settings: Settings) -> tuple[str, ...]:
    """What a person should know about the market's data before trusting a result: one sentence each."""
    if settings.market.source == "replay":
        from market.replay import ReplayFeed

        if isinstance(feed, ReplayFeed):
            return feed.report.sentences()
    return ()


def build_desk(
    settings: Settings,
    *,
    session: str,
    journal: Journal,
    records: RecordSink,
    cycles: Callable[[CycleContext], CycleRunner],
    key: ModelKey | None = None,
    halt: Halt | None = None,
    recorded_limits: LimitsRecord | None = None,
    past: Sequence[DeskEvent] = (),
    world: World | None = None,
    folder: Path | None = None,
) -> Desk:
    """Wire one session. `past` are its journaled events when it goes on after a stop or a crash,
    `recorded_limits` what the journal says of the limits in this home.

    Without a `world` it trades on paper, on the market of the settings. `folder` is where state is kept.

    Raises ConfigError, DataError, or JournalCorrupt when the past contradicts itself.
    """
    from app.peers import connect
    from app.stopping import guardian_of
    from execution.facts import FactsSource
    from execution.loss_limit import LossLimit
    from execution.order_desk import OrderDesk
    from market.features import FeatureEngine
    from market.snapshot import SnapshotBuilder
    from portfolio.portfolio import Portfolio
    from strategies.catalog import make_all
    from tools.catalog import standard_tools

    world = world or PaperWorld(settings)
    feed, clock, bus, tally = world.feed, world.clock, Bus(), Tally()
    capital = Money(settings.session.capital, Currency(settings.session.currency))
    portfolio = Portfolio(capital, feed.instruments)
    watch, journal = watch_over(
        settings, feed=feed, journal=journal, clock=clock, publish=bus.publish, folder=folder
    )
    halts = Halts(halt, journal, clock, bus.publish)
    limiting = Limiting(document_of(settings), recorded_limits, journal, clock, bus.publish)
    limits = limiting.current
    halts.hold(limiting.hold)
    facts = FactsSource(portfolio, feed, halts.state, limits, breakers=watch.board.facts)
    venue = world.venue(portfolio)
    orders = OrderDesk(
        venue=venue,
        portfolio=portfolio,
        facts=facts,
        limits=limits,
        journal=journal,
        clock=clock,
        publish=bus.publish,
        patience=_patience(settings),
        reconcile_every=world.reconcile_every,
    )
    chosen, budget, model = _model(settings, key)
    tools = standard_tools()
    agents = _agents(tools, model, chosen)
    strategies = make_all(settings.decision.strategies)
    sizing = Sizing(settings.sizing.policy())
    named = (
        *declared_features(strategies, *agents.values()),
        *sizing_features(sizing.policy),
        *settings.stops.plan().features,
    )
    features = FeatureEngine(feed, named)
    losses = LossLimit(portfolio, limits, clock, feed.quote)
    guardian = guardian_of(
        settings,
        limits,
        orders=orders,
        portfolio=portfolio,
        feed=feed,
        clock=clock,
        features=features,
        session=session,
        bound=world.bound,
        losses=losses,
    )
    context = CycleContext(
        session=session,
        feed=feed,
        clock=clock,
        snapshots=SnapshotBuilder(feed, features, settings.max_age()),
        portfolio=portfolio,
        facts=facts,
        limits=limits,
        desk=orders,
        journal=journal,
        records=records,
        publish=bus.publish,
        halt=halts.state,
        strategies=strategies,
        policy=BlendPolicy(settings.decision.max_weight, settings.decision.rebalance_band),
        sizing=sizing if sizing.policy.stages else None,
        allocator=settings.allocation.allocator(feed),
        breakers=watch.board,
        **agents,
    )
    limiting.hand_to(orders.limit_to, facts.limit_to, context.limit_to, losses.limit_to)
    bus.subscribe(tally.see)
    bus.subscribe(watch.see)
    engine = Engine(
        context=context,
        clock=clock,
        features=features,
        guardian=guardian,
        cycle_runner=cycles(context),
        tally=tally,
        decide_every=settings.session.decide_every,
        watch=watch,
    )
    if settings.peers:
        connect(context, venue, settings.peers, live=settings.mode == "live")
    if past:
        orders.restore(past)
        watch.restore(past)
        engine.resume(past)
        last = tally.last.at if tally.last is not None else None
        world.put_back(orders.orders.values(), last, portfolio)
    return Desk(
        session=session,
        settings=settings,
        feed=feed,
        clock=clock,
        portfolio=portfolio,
        limiting=limiting,
        venue=venue,
        orders=orders,
        guardian=guardian,
        journal=journal,
        halts=halts,
        bus=bus,
        tally=tally,
        context=context,
        engine=engine,
        model=model,
        model_settings=chosen,
        budget=budget,
        tools=tools,
        watch=watch,
        resumed=bool(past),
    )


def _patience(settings: Settings) -> Patience | None:
    """How long a limit entry may rest; None: until the next decision."""
    from execution.patience import Patience, Then

    told = settings.decision
    if not told.entry_patience:
        return None
    return Patience(timedelta(seconds=told.entry_patience), Then(told.entry_unfilled))


class PaperWorld:
    """The market that the settings name, simulated or replayed, and paper orders on its bars."""

    reconcile_every = None
    bound = None

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.feed = build_feed(settings)
        self.clock = SimulatedClock(_beginning(settings))
        self._venue: PaperVenue | None = None

    def venue(self, portfolio: Portfolio) -> PaperVenue:
        from execution.paper import PaperVenue

        self._venue = PaperVenue(self.feed, _matching(self._settings, self.feed, portfolio))
        return self._venue

    def put_back(self, orders: Iterable[Order], last: datetime | None, portfolio: Portfolio) -> None:
        if self._venue is not None:
            known = {order.client_id: order for order in orders}
            earlier = (fill for fill in portfolio.fills() if fill.client_id not in known)
            self._venue.restore(((order, last) for order in known.values()), portfolio.balances(), earlier)


def _beginning(settings: Settings) -> datetime:
    """The desk's time before its first bar."""
    market = settings.market
    return market.start or (SYNTHETIC_START if market.source == "synthetic" else EPOCH)


def _matching(settings: Settings, feed: Feed, portfolio: Portfolio) -> Any:
    from simulator.costs import BookWalk, NextOpen
    from simulator.fees import rates
    from simulator.impact import Impact
    from simulator.latency import Latency
    from simulator.matching import MatchingCore

    costs = settings.costs
    walk = BookWalk(
        impact=Impact(costs.impact) if costs.impact else None,
        latency=Latency(timedelta(milliseconds=costs.latency_ms)) if costs.latency_ms else None,
        queue=costs.queue,
    )
    fees, ladder = rates(costs.venue, costs.turnover, costs.maker, costs.taker)
    return MatchingCore(
        feed.instruments,
        fees,
        walk if costs.slippage == "book" else NextOpen(),
        portfolio.balances(),
        ladder=ladder,
        turnover=costs.turnover,
        venue=costs.venue,
    )


def _model(
    settings: Settings, key: ModelKey | None
) -> tuple[ModelSettings | None, Budget | None, Model | None]:
    chosen = model_settings(settings, key)
    if chosen is None:
        return None, None, None
    from llm.budget import Budget
    from llm.client import ModelClient

    told = settings.models
    budget = Budget(daily_tokens=told.daily_tokens, daily_cost=told.daily_cost, clock=LiveClock())
    return chosen, budget, ModelClient(chosen, budget=budget)


def _agents(tools: Registry, model: Model | None, chosen: ModelSettings | None) -> dict[str, Any]:
    from agents.asking import DEFAULT_DEADLINE
    from agents.execution_trader import ExecutionTrader
    from agents.market_analyst import MarketAnalyst
    from agents.risk_analyst import RiskAnalyst
    from agents.sentiment_analyst import SentimentAnalyst

    deadline = chosen.deadline_seconds if chosen is not None else DEFAULT_DEADLINE
    return {
        "market_analyst": MarketAnalyst(tools=tools, model=model, deadline=deadline),
        "sentiment_analyst": SentimentAnalyst(tools=tools, model=model, deadline=deadline),
        "risk_analyst": RiskAnalyst(tools=tools, model=model, deadline=deadline),
        "execution_trader": ExecutionTrader(tools=tools, model=model, deadline=deadline),
    }
