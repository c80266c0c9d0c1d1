"""An account on a market with a past, a book and headlines, and the source of its facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from domain.clock import to_ns
from domain.halt import HaltState
from domain.market import BookLevel, Headline, OrderBook
from domain.money import Price, Quantity, Symbol
from execution.facts import FactsSource
from market.bars import Bars
from portfolio.portfolio import Portfolio
from risk.facts import BookFacts, BreakerFacts, MarketFacts, RiskFacts
from risk.limits import DEFAULTS, RiskLimits
from tests.faults.world import BTC, CAPITAL, ETH, INSTRUMENTS, START, StillFeed

D = Decimal
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LIMITS = RiskLimits.from_mapping({**DEFAULTS, "allowed_symbols": [BTC, ETH]})
BARS = 200


class Market(StillFeed):
    """A past in which the price walked, a book of three levels, and headlines; it counts what is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.news: list[Headline] = []
        self.levels: Mapping[str, tuple[str, str]] = {"bids": ("39999", "2"), "asks": ("40001", "3")}
        chance = np.random.default_rng(4)
        moves = {symbol: chance.normal(0, 0.01, BARS) for symbol in self.symbols}
        self.past = {symbol: 100 * np.exp(np.cumsum(each)) for symbol, each in moves.items()}
        self.ends = to_ns(START) + np.arange(1 - BARS, 1, dtype=np.int64) * 3_600_000_000_000

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        self.asked.append(f"history {symbol}")
        close = self.past[symbol]
        length = 3_600_000_000_000
        bars = Bars(
            symbol,
            self.timeframe,
            self.ends - length,
            self.ends,
            close,
            close,
            close,
            close,
            np.full(BARS, 2.0),
        )
        known = bars.upto(as_of)
        return known.slice(max(0, len(known) - limit), len(known))

    def book(self, symbol: Symbol) -> OrderBook | None:
        self.asked.append(f"book {symbol}")
        if not self.levels:
            return None
        sides = {
            name: tuple(BookLevel(Price(D(price) + step), Quantity(D(size))) for step in range(3))
            for name, (price, size) in self.levels.items()
        }
        return OrderBook(symbol, self.now or START, sides["bids"], sides["asks"])

    def headlines(self, since: datetime) -> tuple[Headline, ...]:
        self.asked.append("headlines")
        now = self.now or START
        return tuple(each for each in self.news if since < each.available_at <= now)


class Place:
    """An account on that market, and the source of its facts."""

    def __init__(self, limits: RiskLimits = LIMITS) -> None:
        self.feed = Market()
        self.portfolio = Portfolio(CAPITAL, INSTRUMENTS)
        self.breakers = BreakerFacts(D(1), ())
        self.source = FactsSource(
            self.portfolio, self.feed, lambda: HaltState.ACTIVE, limits, breakers=lambda symbol: self.breakers
        )

    def facts(self, symbol: Symbol = BTC, now: datetime | None = None, **more: Any) -> RiskFacts:
        return self.source.gather(symbol, now or self.feed.now or START, (), **more)

    def market(self, now: datetime | None = None) -> MarketFacts:
        told = self.facts(now=now).market
        assert told is not None
        return told

    def book(self, symbol: Symbol = BTC, now: datetime | None = None) -> BookFacts:
        told = self.facts(symbol, now).book
        assert told is not None
        return told
