"""Worlds outside the process: a scripted venue of any kind, and the paper venue on written bars."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from domain.clock import SimulatedClock, to_ns
from domain.instrument import Instrument
from domain.market import Candle
from domain.money import Currency, Money, Price, Quantity, Symbol
from domain.orders import TERMINAL, OrderType, Side
from execution.order_desk import OrderDesk
from execution.paper import PaperVenue
from execution.scripted import ScriptedVenue
from execution.venue import Capabilities, Venue
from market.bars import Bars
from portfolio.portfolio import Portfolio
from risk.limits import RiskLimits
from simulator.costs import FeeSchedule, NextOpen
from simulator.matching import MatchingCore
from simulator.resting import Resting
from tests.faults.ground import Seen
from tests.faults.world import BTC, CAPITAL, INSTRUMENTS, LIMITS, START, USDT, StillFeed

HOUR = timedelta(hours=1)
_BEFORE = 48
"""Bars before a story begins."""


class ScriptedGround:
    """Half a bitcoin at 40,000, on a venue that does what `does` says."""

    symbol: Symbol = BTC
    instruments: Mapping[Symbol, Instrument] = INSTRUMENTS
    capital: Money = CAPITAL
    limits: RiskLimits = LIMITS
    price = Decimal(40_000)
    quantity = Decimal("0.5")
    moment = timedelta(seconds=6)
    forgets = False

    def __init__(self, does: Capabilities) -> None:
        self.venue = ScriptedVenue(capabilities=does)
        self.feed = StillFeed()
        self.clock = SimulatedClock(START)

    def connect(self) -> Venue:
        return self.venue

    def put_back(self, venue: Venue, desk: OrderDesk, portfolio: Portfolio) -> None:
        return

    def pass_time(self) -> None:
        self.clock.set(self.clock.now() + self.moment)
        self.feed.now = self.clock.now()
        for name, kept in tuple(self.venue._orders.items()):
            if kept.intent.order_type is OrderType.MARKET and kept.status not in TERMINAL:
                self._fill(name, kept.intent.quantity, self.feed.last[BTC])

    def fill_bids(self, quantity: Decimal) -> None:
        for name, kept in tuple(self.venue._orders.items()):
            if kept.intent.side is Side.BUY and kept.intent.limit_price and kept.status not in TERMINAL:
                self._fill(name, quantity, kept.intent.limit_price)

    def rise(self) -> None:
        self.feed.last[BTC] = self.price * Decimal("1.2") + 1
        for name, kept in tuple(self.venue._orders.items()):
            limit = kept.intent.limit_price
            if kept.intent.side is Side.SELL and limit and kept.status not in TERMINAL:
                self._fill(name, kept.intent.quantity, limit)

    def fall(self) -> None:
        self.feed.last[BTC] = self.price * Decimal("0.9") - 1
        for name, kept in tuple(self.venue._orders.items()):
            trigger = kept.intent.trigger_price
            if kept.intent.side is Side.SELL and trigger and kept.status not in TERMINAL:
                self._fill(name, kept.intent.quantity, trigger)

    def _fill(self, name: str, quantity: Decimal, price: Decimal) -> None:
        kept = self.venue._orders[name]
        left = min(quantity, kept.intent.quantity - kept.filled)
        if kept.intent.side is Side.SELL:
            left = min(left, self.held().get(Currency("BTC"), Decimal(0)))
        if left:
            self.venue.fill(name, left, price, self.clock.now())

    def orders(self) -> list[Seen]:
        return [
            Seen(
                name,
                kept.intent.order_type.value,
                kept.intent.side.value,
                kept.intent.limit_price or kept.intent.trigger_price,
                kept.intent.quantity - kept.filled,
                kept.filled,
                kept.status not in TERMINAL,
            )
            for name, kept in self.venue._orders.items()
        ]

    def held(self) -> Mapping[Currency, Decimal]:
        return {name: self.venue._balance(name).total for name in (USDT, Currency("BTC"))}


class _BarFeed(StillFeed):
    """Bars as they are written while the story goes on; the newest is the one it stands on."""

    def __init__(self) -> None:
        super().__init__()
        self.bars: list[Candle] = []
        price, much = Price(self.last[BTC]), Quantity(Decimal(10**6))
        self._before = [
            Candle(BTC, self.timeframe, at, at + HOUR, price, price, price, price, much)
            for at in (START - hours * HOUR for hours in range(_BEFORE, 0, -1))
        ]

    def candle(self, symbol: Symbol) -> Candle | None:
        return self.bars[-1] if symbol == BTC and self.bars else None

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        told = [each for each in (*self._before, *self.bars) if each.close_time <= as_of][-limit:]
        columns = [
            [float(getattr(each, name)) for each in told]
            for name in ("open", "high", "low", "close", "volume")
        ]
        opens = np.array([to_ns(each.open_time) for each in told], dtype=np.int64)
        closes = np.array([to_ns(each.close_time) for each in told], dtype=np.int64)
        return Bars(
            symbol, self.timeframe, opens, closes, *(np.array(each, dtype=np.float64) for each in columns)
        )


class PaperGround:
    """The paper venue, which dies with its process: only the tape and the journal live on.

    What the account holds is then what the newest line says; orders that never reached a line are not there.
    """

    symbol: Symbol = BTC
    instruments: Mapping[Symbol, Instrument] = INSTRUMENTS
    capital: Money = CAPITAL
    limits: RiskLimits = LIMITS
    price = Decimal(40_000)
    quantity = Decimal("0.5")
    moment = HOUR
    forgets = True

    def __init__(self) -> None:
        self.feed = _BarFeed()
        self.clock = SimulatedClock(START)
        self._core = self._new_core()

    def _new_core(self) -> MatchingCore:
        fee = Decimal("0.001")
        return MatchingCore(
            INSTRUMENTS, FeeSchedule(fee, fee), NextOpen(), {CAPITAL.currency: CAPITAL.amount}
        )

    def connect(self) -> Venue:
        self._core = self._new_core()
        return PaperVenue(self.feed, self._core)

    def put_back(self, venue: Venue, desk: OrderDesk, portfolio: Portfolio) -> None:
        assert isinstance(venue, PaperVenue)
        venue.restore(((order, portfolio.marked_at) for order in desk.orders.values()), portfolio.balances())

    def _bar(self, low: Decimal | None = None, high: Decimal | None = None) -> None:
        start, price = self.clock.now(), self.feed.last[BTC]
        end = start + self.moment
        bottom, top = min(price, low or price), max(price, high or price)
        bar = Candle(
            BTC,
            self.feed.timeframe,
            start,
            end,
            Price(price),
            Price(top),
            Price(bottom),
            Price(price),
            Quantity(Decimal(1000)),
        )
        self.feed.bars.append(bar)
        self.clock.set(end)
        self.feed.now = end

    def pass_time(self) -> None:
        self._bar()

    def fill_bids(self, quantity: Decimal) -> None:
        self._bar(low=self.price - 10)

    def rise(self) -> None:
        self._bar(high=self.price * Decimal("1.2") + 1)
        self.feed.last[BTC] = self.price * Decimal("1.2") + 1

    def fall(self) -> None:
        self._bar(low=self.price * Decimal("0.9") - 1)

    def orders(self) -> list[Seen]:
        return [_seen(order) for order in self._core.orders()]

    def held(self) -> Mapping[Currency, Decimal]:
        return self._core.balances


def _seen(order: Resting) -> Seen:
    intent = order.intent
    return Seen(
        intent.client_id,
        intent.order_type.value,
        intent.side.value,
        intent.limit_price or intent.trigger_price,
        order.remaining,
        intent.quantity - order.remaining,
        order.status not in TERMINAL,
    )
