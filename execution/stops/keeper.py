"""What a stop plan asks for each position now: the rules fed from fills, armed stops, tape and features.

Nothing in here has to be kept over a restart. Round trips are folded from the portfolio's fills, highs are
read from the tape, and what was armed stands in the journal: the same past gives the same advice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.clock import to_ns
from domain.money import ZERO, Price, Symbol
from execution.stops.plan import StopKind, StopPlan
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


class StopKeeper:
    """Keeps the round trips and answers for each what the plan asks. It sends nothing and arms nothing.

    `features` gives the named features of a symbol at the bar the feed stands on; `first_stop` the price of
    the first stop armed for its position.
    """

    def __init__(
        self,
        plan: StopPlan,
        portfolio: Portfolio,
        feed: Feed,
        features: Callable[[Symbol], Mapping[str, float]],
        first_stop: Callable[[Symbol], Price | None],
    ) -> None:
        self.plan = plan
        self._portfolio = portfolio
        self._feed = feed
        self._features = features
        self._first_stop = first_stop
        self._atr = f"atr({plan.atr_bars})" if plan.has(StopKind.ATR) else ""
        self._chandelier_atr = f"atr({plan.chandelier_bars})" if plan.has(StopKind.CHANDELIER) else ""
        self._regime = plan.has(StopKind.REGIME)
        self._fast, self._slow = f"vol({plan.regime_fast_bars})", f"vol({plan.regime_slow_bars})"
        self._bar = feed.timeframe.delta
        self._folded = 0
        self._trips: dict[Symbol, Trip] = {}
        self._highs: dict[Symbol, _High] = {}

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
                else:
                    self._trips[symbol] = trip
        return self._trips

    def _standing(self, symbol: Symbol, trip: Trip) -> Standing:
        entry, first, now = trip.entry, self._first_stop(symbol), self._feed.now
        risk = entry - first if first is not None and first < entry else None
        bars = 0 if now is None else max(0, (now - trip.opened_at) // self._bar)
        return Standing(entry, trip.fees / trip.held, risk, self._high(symbol, trip, now), bars)

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
        bid = None if quote is None else quote.bid
        if not (self._atr or self._chandelier_atr):
            return Seen(bid)
        values = self._features(symbol)
        return Seen(
            bid,
            _decimal(values.get(self._atr)),
            _decimal(values.get(self._chandelier_atr)),
            _ratio(values.get(self._fast), values.get(self._slow)) if self._regime else None,
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


def _ratio(fast: float | None, slow: float | None) -> Decimal | None:
    return None if fast is None or slow is None or slow <= 0 else Decimal(repr(fast / slow))
