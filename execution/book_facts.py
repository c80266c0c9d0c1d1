"""The gate's facts about the book: correlations, the variance of what is held, what scenarios would cost.

How assets move together is worked out four times a day, at 0, 6, 12 and 18 o'clock UTC, and only when an
entry asks: a decay of 0.94 a day changes little in less. What is held is put in again when a fill or a mark
changed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from operator import mul
from typing import Final

import numpy as np

from domain.money import ZERO, Symbol
from market.feed import Feed
from risk.comovement import Comovement, bars_needed, comovement
from risk.facts import BookFacts, PositionFacts, ScenarioFacts
from risk.stress.scenarios import SCENARIOS, Scenario

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_HOURS: Final = 6
_SPAN: Final = timedelta(hours=_HOURS)
_FEW: Final = 8
"""A session of so many symbols is weighed without numpy: for so few numbers calling it costs more than they
do, most of all after the desk has waited for a venue."""
_rounded: Final = Context(prec=15).create_decimal_from_float
"""A float as a Decimal of 15 digits: more would be noise, and slow to count with."""


class BookSource:
    """Facts about what is held of the symbols of one feed."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._place = {symbol: place for place, symbol in enumerate(feed.symbols)}
        assets = [feed.instruments[symbol].base for symbol in feed.symbols]
        scenarios = telling(SCENARIOS, assets)
        self._falls = [[-float(scenario.shock(asset)) for asset in assets] for scenario in scenarios]
        self._shocks = np.array(self._falls)
        self._few = len(assets) <= _FEW
        self._covariance: list[list[float]] = []
        self._scenarios = {
            symbol: tuple(_scenario(each, asset, assets) for each in scenarios)
            for symbol, asset in zip(feed.symbols, assets, strict=True)
        }
        self._no_losses = (ZERO,) * len(scenarios)
        self._since = self._until = _LONG_AGO
        self._moves = Comovement(np.empty((0, 0)), np.empty((0, 0)), np.empty(0))
        self._worst = ZERO
        self._related: dict[Symbol, tuple[Mapping[Symbol, Decimal], Decimal]] = {}
        self._positions: Mapping[Symbol, PositionFacts] | None = None
        self._values = [0.0] * len(assets)
        self._variance = ZERO
        self._with_book: list[float] | None = None
        self._losses = self._no_losses
        self._known: dict[Symbol, BookFacts] = {}

    def facts(self, symbol: Symbol, positions: Mapping[Symbol, PositionFacts], now: datetime) -> BookFacts:
        """How `symbol` moves with what is held, at `now`. Raises KeyError for a symbol the feed has not.

        `positions` stays the same object while nothing in it changes, and so does each holding in it.
        """
        if not self._since <= now < self._until:
            self._measure(now.replace(hour=now.hour // _HOURS * _HOURS, minute=0, second=0, microsecond=0))
            self._weigh(positions)
        elif positions is not self._positions:
            self._weigh(positions)
        known = self._known.get(symbol)
        if known is None:
            correlations, variance = self._relate(symbol)
            with_book = self._with_book
            known = self._known[symbol] = BookFacts(
                correlations,
                self._scenarios[symbol],
                self._losses,
                self._variance,
                ZERO if with_book is None else _rounded(with_book[self._place[symbol]]),
                variance,
                self._worst,
            )
        return known

    def keep_up(self, positions: Mapping[Symbol, PositionFacts]) -> None:
        """Put in what is held now, if how assets move was ever worked out: the next order asks for it."""
        if self._until is not _LONG_AGO and positions is not self._positions:
            self._weigh(positions)

    def _measure(self, since: datetime) -> None:
        feed = self._feed
        limit = bars_needed(feed.timeframe.seconds)
        self._moves = comovement([feed.history(symbol, since, limit) for symbol in feed.symbols])
        self._worst = _rounded(float(self._moves.deviations.max()))
        self._covariance = self._moves.covariance.tolist()
        self._related.clear()
        self._since, self._until = since, since + _SPAN

    def _weigh(self, positions: Mapping[Symbol, PositionFacts]) -> None:
        """Put in what is held now."""
        values, place = self._values, self._place
        before = self._positions or {}
        for symbol in before.keys() - positions.keys():
            values[place[symbol]] = 0.0
        for symbol, position in positions.items():
            if before.get(symbol) is not position:
                values[place[symbol]] = float(position.quantity * position.price)
        self._known.clear()
        if not positions:
            self._variance, self._with_book, self._losses = ZERO, None, self._no_losses
        else:
            if self._few:
                with_book, losses = _times(self._covariance, values), _times(self._falls, values)
                variance = sum(map(mul, values, with_book))
            else:
                held = np.array(values)
                product = self._moves.covariance @ held
                with_book, losses = product.tolist(), (self._shocks @ held).tolist()
                variance = float(held @ product)
            self._with_book, self._variance = with_book, _rounded(variance)
            self._losses = tuple(map(_rounded, losses))
        self._positions = positions  # last: what failed on the way is worked out again

    def _relate(self, symbol: Symbol) -> tuple[Mapping[Symbol, Decimal], Decimal]:
        """The correlations of a symbol with the others, and its variance."""
        related = self._related.get(symbol)
        if related is None:
            place = self._place[symbol]
            row = self._moves.correlation[place].tolist()
            correlations = {other: _rounded(row[at]) for other, at in self._place.items() if other != symbol}
            variance = _rounded(float(self._moves.covariance[place, place]))
            related = self._related[symbol] = (correlations, variance)
        return related


def _times(rows: Iterable[Sequence[float]], values: Sequence[float]) -> list[float]:
    """A matrix times a vector."""
    return [sum(map(mul, row, values)) for row in rows]


def telling(scenarios: Iterable[Scenario], assets: Sequence[str]) -> tuple[Scenario, ...]:
    """The scenarios that can be the worst for a book of these assets, bought and never sold short.

    One in which every asset falls at least as far in another scenario is never worse than that one.
    """
    kept: list[Scenario] = []
    for scenario in scenarios:
        if any(_beyond(other, scenario, assets) for other in kept):
            continue
        kept = [other for other in kept if not _beyond(scenario, other, assets)]
        kept.append(scenario)
    return tuple(kept)


def _beyond(one: Scenario, other: Scenario, assets: Sequence[str]) -> bool:
    return all(one.shock(asset) <= other.shock(asset) for asset in assets)


def _scenario(scenario: Scenario, asset: str, assets: Sequence[str]) -> ScenarioFacts:
    worst = max(-scenario.shock(each) for each in assets)
    return ScenarioFacts(scenario.name, -scenario.shock(asset), worst)
