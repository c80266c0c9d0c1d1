"""A market with two symbols, news and a book, an account behind a real gate, and a context over them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from domain.clock import to_ns
from domain.events import DeskEvent
from domain.market import BookLevel, Headline, MarketSnapshot, OrderBook, Quote, SymbolView
from domain.money import Price, Quantity, Symbol
from domain.opinions import Proposal, Target
from domain.orders import Origin
from execution.facts import FactsSource, no_breakers
from execution.ids import OwnIds
from execution.scripted import ScriptedVenue
from market.bars import Bars
from tests.faults.world import BTC, ETH, LIMITS, START, StillFeed, World, world
from tools.context import ToolContext

RISING: Mapping[str, float] = {
    "ema(12)": 40_200.0,
    "ema(26)": 39_800.0,
    "rsi(14)": 62.5,
    "atr(14)": 400.0,
    "adx(14)": 31.0,
    "roc(24)": 3.2,
}
FALLING: Mapping[str, float] = {
    **RISING,
    "ema(12)": 39_800.0,
    "ema(26)": 40_200.0,
    "roc(24)": -3.2,
    "rsi(14)": 38.0,
}
_HOUR_NS = 3_600_000_000_000


class BusyFeed(StillFeed):
    """A still feed that also has a past and a book."""

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        ends = to_ns(START) - np.arange(limit, dtype=np.int64)[::-1] * _HOUR_NS
        close = float(self.last[symbol]) * (1.0 + 0.001 * np.arange(1 - limit, 1, dtype=np.float64))
        return Bars(
            symbol, self.timeframe, ends - _HOUR_NS, ends,
            close - 1.0, close + 2.0, close - 2.0, close, np.full(limit, 10.0),
        )  # fmt: skip

    def book(self, symbol: Symbol) -> OrderBook | None:
        last = self.last[symbol]
        bids = tuple(BookLevel(Price(last - step), Quantity(Decimal(3))) for step in range(1, 6))
        asks = tuple(BookLevel(Price(last + step), Quantity(Decimal(1))) for step in range(1, 6))
        return OrderBook(symbol, self.now or START, bids, asks)


def headline(
    title: str, *, symbol: Symbol | None = BTC, hours_old: float = 1.0, source: str = "wire", name: str = ""
) -> Headline:
    at = START - timedelta(hours=hours_old)
    made = name or hashlib.sha256(f"{title}{source}{at}".encode()).hexdigest()[:12]
    return Headline(made, title, source, at, at, () if symbol is None else (symbol,))


@dataclass
class Scene:
    """A world and what a decision may see of it."""

    world: World
    context: ToolContext
    events: list[DeskEvent] = field(default_factory=list)


def scene(
    *,
    features: Mapping[Symbol, Mapping[str, float]] | None = None,
    headlines: Sequence[Headline] = (),
    stale: Sequence[Symbol] = (),
    spread: str = "0.01",
    estimated: bool = False,
) -> Scene:
    """Both symbols rising, fresh, without news, unless told otherwise."""
    feed = BusyFeed()
    made = world(venue=ScriptedVenue(), feed=feed)
    views: dict[Symbol, SymbolView] = {}
    told = features if features is not None else {BTC: RISING, ETH: FALLING}
    for symbol in (BTC, ETH):
        candle, quote = feed.candle(symbol), feed.quote(symbol)
        if candle is None or quote is None:
            raise LookupError(symbol)
        half = Decimal(spread) / 2
        views[symbol] = SymbolView(
            symbol=symbol,
            candle=candle,
            quote=Quote(
                symbol, Price(quote.last - half), Price(quote.last + half), quote.last, quote.as_of, estimated
            ),
            features=dict(told.get(symbol, {})),
            age=timedelta(seconds=5),
            stale=symbol in stale,
        )
    digest = hashlib.sha256(repr((views, headlines)).encode()).hexdigest()
    events: list[DeskEvent] = []
    facts = FactsSource(made.portfolio, feed, lambda: made.halt[0], LIMITS, breakers=no_breakers)
    context = ToolContext(
        snapshot=MarketSnapshot(START, views, tuple(headlines), digest),
        feed=feed,
        portfolio=made.portfolio,
        facts=lambda symbol: facts.gather(symbol, START, made.desk.open_orders()),
        limits=LIMITS,
        cycle_id="s-000001",
        publish=events.append,
        submit=made.desk.submit,
        session="s",
        cycle=1,
        new_id=OwnIds(made.desk, "s", Origin.OPERATOR).take,
    )
    return Scene(made, context, events)


def proposal(**weights: str) -> Proposal:
    """Targets by base currency, with stops: `proposal(BTC="0.2")`."""
    symbols = {"BTC": BTC, "ETH": ETH}
    targets = tuple(
        Target(symbols[base], Decimal(weight), Price(Decimal(1_000)), "blend")
        for base, weight in weights.items()
    )
    return Proposal("s-000001", START, targets)
