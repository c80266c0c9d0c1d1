"""What a stop plan asks for each position now: the rules fed from fills, armed stops, tape and features.

Nothing in here has to be kept over a restart. Round trips are folded from the portfolio's fills, highs are
read from the tape, and what was armed stands in the journal: the same past gives the same advice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from domain.clock import to_ns
from domain.events import StopArmed
from domain.frozen import quick
from domain.money import ZERO, Price, Symbol
from execution.stops.plan import StopKind, StopPlan
from execution.stops.rough import MORE, Rough
from execution.stops.rules import (
    Seen,
    Standing,
    Trigger,
    fraction_due,
    overstays,
    regime_factor,
    tightest,
)
from execution.stops.trip import Trip, after
from market.feed import Feed
from portfolio.portfolio import Portfolio

TRAIL_STEP: Final = Decimal("0.001")
"""An armed stop moves when it can move by this fraction of itself: not with every tick."""

Features = Callable[[Symbol, tuple[str, ...]], tuple[float | None, ...]]
"""The named features of a symbol at the bar the feed stands on, None while one warms up."""


@quick
@dataclass(frozen=True, slots=True)
class Advice:
    """What the plan asks for a position: a stop no lower than `trigger`, and what to sell.

    `leave` says why all of it is to be closed, empty to stay. `due` is how much of the holding, in base
    currency, the ladder wants sold now; what other orders are selling already is not taken off.
    """

    trigger: Trigger | None
    standing: Standing
    seen: Seen
    leave: str
    due: Decimal


@dataclass(slots=True)
class _High:
    """The highest high of the bars of one trip, as of a bar's close."""

    opened_at: datetime
    as_of: datetime
    price: Decimal


@dataclass(slots=True)
class _Basis:
    """What rarely changes: a trip's prices per unit, its stop and its high, exactly and in floats."""

    trip: Trip
    first: Price | None
    entry: Decimal
    costs: Decimal
    risk: Decimal | None
    rough: tuple[float, float, float | None]
    armed: StopArmed | None = None
    armed_rough: float = 0.0
    high: Decimal | None = None
    high_rough: float = 0.0


class StopKeeper:
    """Keeps the round trips and answers for each what the plan asks. It sends nothing and arms nothing.

    `first_stop` gives the price of the first stop armed for a symbol's position.
    """

    def __init__(
        self,
        plan: StopPlan,
        portfolio: Portfolio,
        feed: Feed,
        features: Features,
        first_stop: Callable[[Symbol], Price | None],
    ) -> None:
        self.plan = plan
        self._portfolio = portfolio
        self._feed = feed
        self._features = features
        self._first_stop = first_stop
        self._names = plan.features
        self._rough = Rough(plan, TRAIL_STEP)
        places: dict[str, int] = {name: place for place, name in enumerate(self._names)}
        self._atr = places.get(f"atr({plan.atr_bars})")
        self._chandelier_atr = places.get(f"atr({plan.chandelier_bars})")
        self._fast = places.get(f"vol({plan.regime_fast_bars})")
        self._slow = places.get(f"vol({plan.regime_slow_bars})")
        self._bar = feed.timeframe.delta
        self._folded = 0
        self._trips: dict[Symbol, Trip] = {}
        self._highs: dict[Symbol, _High] = {}
        self._bases: dict[Symbol, _Basis] = {}

    def stirs(self, symbol: Symbol, armed: StopArmed | None) -> bool:
        """Whether `advise` may ask for something that is not so yet. Cheap; a no is never wrong."""
        trip = self._trips.get(symbol)
        if trip is None or armed is None:
            return trip is not None
        basis, now, quote = self._basis(symbol, trip), self._feed.now, self._feed.quote(symbol)
        if basis.armed is not armed:
            basis.armed, basis.armed_rough = armed, float(armed.trigger_price)
        high = self._high(symbol, trip, now)
        if high is not basis.high:
            basis.high, basis.high_rough = high, float(high) * MORE
        bid = None if quote is None else float(quote.bid) * MORE
        standing: Any = Standing(*basis.rough, basis.high_rough, self._bars(trip, now))  # type: ignore[arg-type]  # in floats
        seen: Any = Seen(bid, *self._market(symbol))  # type: ignore[arg-type]  # in floats
        return self._rough.stirs(trip, standing, seen, basis.armed_rough)

    def advise(self, symbol: Symbol) -> Advice | None:
        """What the plan asks for the position in `symbol`; None when none was entered."""
        trip = self.trips().get(symbol)
        if trip is None:
            return None
        plan, standing = self.plan, self._standing(symbol, trip)
        seen = self._seen(symbol)
        leave = ""
        if overstays(plan, standing):
            leave = f"no progress of {plan.time_r_ratio:f} R in {standing.bars} bars"
        part = fraction_due(plan, standing, seen)
        due = max(part * trip.bought - trip.sold, ZERO) if part else ZERO
        return Advice(tightest(plan, standing, seen), standing, seen, leave, due)

    def trips(self) -> Mapping[Symbol, Trip]:
        """The round trips under way, with every fill that is booked."""
        fills = self._portfolio.fills(self._folded)
        if fills:
            self._folded += len(fills)
            for fill in fills:
                symbol = fill.symbol
                instrument = self._feed.instruments[symbol]
                trip = after(self._trips.get(symbol), fill, instrument, self.plan.break_even_exit_fraction)
                if trip is None:
                    self._trips.pop(symbol, None)
                    self._highs.pop(symbol, None)
                    self._bases.pop(symbol, None)
                else:
                    self._trips[symbol] = trip
        return self._trips

    def _standing(self, symbol: Symbol, trip: Trip) -> Standing:
        basis, now = self._basis(symbol, trip), self._feed.now
        high, bars = self._high(symbol, trip, now), self._bars(trip, now)
        return Standing(basis.entry, basis.costs, basis.risk, high, bars)

    def _basis(self, symbol: Symbol, trip: Trip) -> _Basis:
        basis, first = self._bases.get(symbol), self._first_stop(symbol)
        if basis is None or basis.trip is not trip or basis.first != first:
            entry, costs = trip.entry, trip.fees / trip.held
            risk = entry - first if first is not None and first < entry else None
            rough = (float(entry), float(costs), None if risk is None else float(risk))
            basis = self._bases[symbol] = _Basis(trip, first, entry, costs, risk, rough)
        return basis

    def _bars(self, trip: Trip, now: datetime | None) -> int:
        return 0 if now is None else max(0, (now - trip.opened_at) // self._bar)

    def _high(self, symbol: Symbol, trip: Trip, now: datetime | None) -> Decimal:
        """The highest price since the beginning: bar by bar, or read back from the tape after a jump."""
        if now is None:
            return trip.top
        kept = self._highs.get(symbol)
        if kept is None or kept.opened_at != trip.opened_at or not now - kept.as_of <= self._bar:
            kept = self._highs[symbol] = _High(trip.opened_at, now, self._highest(symbol, trip, now))
        elif kept.as_of != now:
            kept.as_of = now
            candle = self._feed.candle(symbol)
            if candle is not None and candle.open_time >= trip.opened_at and candle.high > kept.price:
                kept.price = candle.high
        return max(kept.price, trip.top)

    def _highest(self, symbol: Symbol, trip: Trip, now: datetime) -> Decimal:
        limit = (now - trip.opened_at) // self._bar
        if limit <= 0:
            return ZERO
        bars = self._feed.history(symbol, now, limit)
        first = int(bars.open_ns.searchsorted(to_ns(trip.opened_at)))
        if first == len(bars):
            return ZERO
        return bars.candle(first + int(bars.high[first:].argmax()), self._feed.instruments[symbol]).high

    def _seen(self, symbol: Symbol) -> Seen:
        quote = self._feed.quote(symbol)
        atr, chandelier_atr, turbulence = self._market(symbol)
        return Seen(
            None if quote is None else quote.bid,
            _decimal(atr),
            _decimal(chandelier_atr),
            _decimal(turbulence),
        )

    def _market(self, symbol: Symbol) -> tuple[float | None, float | None, float | None]:
        """Average true range for either rule, and turbulence, of the newest closed bar."""
        if not self._names:
            return None, None, None
        values = self._features(symbol, self._names)
        fast = None if self._fast is None else values[self._fast]
        slow = None if self._slow is None else values[self._slow]
        return (
            None if self._atr is None else values[self._atr],
            None if self._chandelier_atr is None else values[self._chandelier_atr],
            fast / slow if fast is not None and slow is not None and slow > 0 else None,
        )


def why(plan: StopPlan, advice: Advice) -> str:
    """How the advised price came about, with its numbers, for the journal and for people."""
    trigger, standing, seen = advice.trigger, advice.standing, advice.seen
    if trigger is None:
        return ""
    match trigger.kind:
        case StopKind.FIXED:
            return f"{plan.fixed_distance_fraction:f} under the entry at {_plain(standing.entry)}"
        case StopKind.ATR:
            factor = plan.atr_ratio * regime_factor(plan, seen)
            return f"entry {_plain(standing.entry)} - {factor:f} x ATR {_plain(seen.atr)}"
        case StopKind.CHANDELIER:
            factor = plan.chandelier_ratio * regime_factor(plan, seen)
            return f"high {_plain(standing.high)} - {factor:f} x ATR {_plain(seen.chandelier_atr)}"
        case StopKind.TRAILING:
            return f"{plan.trailing_distance_fraction:f} under the bid at {_plain(seen.bid)}"
        case StopKind.BREAK_EVEN:
            return f"{plan.break_even_r_ratio:f} R gained: entry {_plain(standing.entry)} and its costs"
        case _:
            return trigger.kind.value


def _plain(value: Decimal | None) -> str:
    return "unknown" if value is None else f"{value:.8g}"


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(repr(value))
