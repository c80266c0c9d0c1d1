"""The gate's facts about the book: correlations, the variance of what is held, what scenarios would cost.

How assets move together is worked out once an hour (or bar, when that is longer) and only when an entry asks;
what is held is put in again when a fill or a mark changed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import numpy as np

from domain.money import ZERO, Symbol
from market.feed import Feed
from portfolio.portfolio import Portfolio
from risk.comovement import Comovement, bars_needed, comovement
from risk.facts import BookFacts, ScenarioFacts
from risk.stress.scenarios import SCENARIOS, Scenario

_NO_LOSSES: Final = (ZERO,) * len(SCENARIOS)


class BookSource:
    """Facts about the book of one portfolio, over the symbols of one feed."""

    def __init__(self, portfolio: Portfolio, feed: Feed) -> None:
        self._portfolio = portfolio
        self._feed = feed
        self._place = {symbol: place for place, symbol in enumerate(feed.symbols)}
        assets = [feed.instruments[symbol].base for symbol in feed.symbols]
        self._falls = np.array(
            [[-float(scenario.shock(asset)) for asset in assets] for scenario in SCENARIOS],
            dtype=np.float64,
        ).reshape(len(SCENARIOS), len(assets))
        self._scenarios = {
            symbol: tuple(_scenario(each, asset, assets) for each in SCENARIOS)
            for symbol, asset in zip(feed.symbols, assets, strict=True)
        }
        self._hour: datetime | None = None
        self._moves = Comovement(np.empty((0, 0)), np.empty((0, 0)), np.empty(0))
        self._worst = ZERO
        self._related: dict[Symbol, tuple[Mapping[Symbol, Decimal], Decimal]] = {}
        self._version = -1
        self._variance = ZERO
        self._with_book: list[float] | None = None
        self._losses: tuple[Decimal, ...] = _NO_LOSSES
        self._known: dict[Symbol, BookFacts] = {}

    def facts(self, symbol: Symbol, now: datetime) -> BookFacts:
        """How `symbol` moves with what is held, at `now`. Raises KeyError for a symbol the feed has not."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        version = self._portfolio.version
        if hour != self._hour or version != self._version:
            if hour != self._hour:
                self._measure(hour)
            self._weigh(version)
        known = self._known.get(symbol)
        if known is None:
            correlations, variance = self._relate(symbol)
            with_book = self._with_book
            known = self._known[symbol] = BookFacts(
                correlations,
                self._scenarios[symbol],
                self._losses,
                self._variance,
                ZERO if with_book is None else Decimal(with_book[self._place[symbol]]),
                variance,
                self._worst,
            )
        return known

    def _measure(self, hour: datetime) -> None:
        feed = self._feed
        limit = bars_needed(feed.timeframe.seconds)
        self._moves = comovement([feed.history(symbol, hour, limit) for symbol in feed.symbols])
        self._worst = Decimal(float(self._moves.deviations.max()))
        self._related.clear()
        self._hour = hour

    def _weigh(self, version: int) -> None:
        """Put in what is held now."""
        self._known.clear()
        self._version = version
        held = self._portfolio.held()
        if not held:
            self._variance, self._with_book, self._losses = ZERO, None, _NO_LOSSES
            return
        values = np.zeros(len(self._place))
        for symbol, quantity, mark in held:
            values[self._place[symbol]] = quantity * mark
        with_book = self._moves.covariance @ values
        self._with_book = with_book.tolist()
        self._variance = Decimal(float(values @ with_book))
        self._losses = tuple(map(Decimal, (self._falls @ values).tolist()))

    def _relate(self, symbol: Symbol) -> tuple[Mapping[Symbol, Decimal], Decimal]:
        """The correlations of a symbol with the others, and its variance."""
        related = self._related.get(symbol)
        if related is None:
            place = self._place[symbol]
            row = self._moves.correlation[place].tolist()
            correlations = {other: Decimal(row[at]) for other, at in self._place.items() if other != symbol}
            variance = Decimal(float(self._moves.covariance[place, place]))
            related = self._related[symbol] = (correlations, variance)
        return related


def _scenario(scenario: Scenario, asset: str, assets: Sequence[str]) -> ScenarioFacts:
    worst = max(-scenario.shock(each) for each in assets)
    return ScenarioFacts(scenario.name, -scenario.shock(asset), worst)
