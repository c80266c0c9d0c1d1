"""The fast event path: one rule on one symbol, bar by bar, with the desk's own gate, order desk and ledger.

A bar on which nothing is due costs a comparison; everything that trades goes the way every order goes:
intent -> gate -> order desk (second review) -> paper venue -> fill -> ledger. The account is marked on every
bar, in whole numbers of the smallest unit of value that price, quantity and fees can make, which is exact
and equal to the Decimal ledger; before the gate looks, the ledger's own marks are set from them. A test
holds this path equal to graph/engine.py, fill for fill and mark for mark.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backtest.tape import TapeFeed
from domain.clock import SimulatedClock
from domain.errors import DataError, LedgerError
from domain.events import EventSink, IntentRefused
from domain.money import ZERO, Quantity
from domain.orders import Order, OrderIntent, OrderType, Side, client_order_id
from domain.ports import Journal
from execution.facts import FactsSource
from execution.order_desk import OrderDesk
from portfolio.portfolio import Portfolio
from risk.gate import Refused, review
from risk.limits import RiskLimits

_DAY_NS: Final = 86_400_000_000_000
_WEEK_NS: Final = 7 * _DAY_NS
_MONDAY_NS: Final = 4 * _DAY_NS  # 1970 began on a Thursday
_FEE_DECIMALS: Final = 8


@dataclass(frozen=True, slots=True)
class EventRun:
    """What a run came to. `curve` is equity in units of 10**-`decimals`, one entry a bar."""

    bars: int
    orders: int
    refusals: int
    equity: Decimal
    peak: Decimal
    seconds: float
    curve: Sequence[int]
    decimals: int

    def equity_at(self, bar: int) -> Decimal:
        """Equity at the close of `bar`, in quote currency."""
        return Decimal(self.curve[bar]).scaleb(-self.decimals)


@dataclass(frozen=True, slots=True)
class EventDesk:
    """The pieces a run works with, all of one session; the desk's venue stands on `feed`."""

    session: str
    feed: TapeFeed
    clock: SimulatedClock
    portfolio: Portfolio
    facts: FactsSource
    limits: RiskLimits
    desk: OrderDesk
    journal: Journal
    publish: EventSink


def long_flat(fast: NDArray[np.float64], slow: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where the fast average is above the slow one; nowhere while either is warming up (NaN)."""
    wanted: NDArray[np.bool_] = fast > slow
    return wanted


async def run_long_flat(pieces: EventDesk, wanted: NDArray[np.bool_], quantity: Quantity) -> EventRun:
    """Hold `quantity` where `wanted` says so at a bar's close, and nothing elsewhere.

    An order decided at the close of a bar fills from the next bar on; while one is open nothing new is
    decided. Raises DataError when `wanted` is not one entry per bar or a price is off the tick grid.
    """
    path = _Path(pieces, wanted, quantity)
    collecting = gc.isenabled()
    # The messages of a run hold no cycles; passes over the growing journal would only make late orders slow.
    gc.disable()
    try:
        began = perf_counter()
        await path.run()
        return path.result(perf_counter() - began)
    finally:
        if collecting:
            gc.enable()


class _Path:
    def __init__(self, pieces: EventDesk, wanted: NDArray[np.bool_], quantity: Quantity) -> None:
        feed = pieces.feed
        if len(wanted) != len(feed.bars):
            raise DataError(f"{len(wanted)} decisions for {len(feed.bars)} bars", fix="Give one per bar")
        self.pieces = pieces
        self.symbol = feed.bars.symbol
        self.instrument = feed.instruments[self.symbol]
        self.quantity = quantity
        self.wanted: list[bool] = wanted.tolist()
        self.closes = feed.closes_in_ticks()
        self.close_ns: list[int] = feed.bars.close_ns.tolist()
        exponents = (self.instrument.tick_size * self.instrument.step_size, pieces.portfolio.cash)
        self.decimals = max(_FEE_DECIMALS, *(_decimals(value) for value in exponents))
        self.cash = self.steps = 0
        self.curve: list[int] = []
        self.orders = self.refusals = 0
        self.peak = self._units(pieces.portfolio.peak_equity)
        self.week_start = 0

    def _units(self, amount: Decimal) -> int:
        units = amount.scaleb(self.decimals)
        if units != units.to_integral_value():
            raise LedgerError(f"{amount} has more than {self.decimals} decimals")
        return int(units)

    def _read_account(self) -> None:
        """Cash and holding from the ledger, in whole units; after every fill."""
        portfolio = self.pieces.portfolio
        position = portfolio.position(self.symbol)
        self.cash = self._units(portfolio.cash)
        held = ZERO if position is None else position.quantity
        self.steps = int(held / self.instrument.step_size)
        if self.steps * self.instrument.step_size != held:
            raise LedgerError(f"{held} {self.symbol} is off the step {self.instrument.step_size}")

    async def run(self) -> None:
        pieces = self.pieces
        unit = self._units(self.instrument.tick_size * self.instrument.step_size)
        record = self.curve.append
        order: Order | None = None
        holds = False
        peak, day_start, day_end, week_end = self.peak, 0, -1, -1
        before = self._units(pieces.portfolio.equity)
        self._read_account()
        cash, per_tick = self.cash, self.steps * unit
        for bar, (ticks, close_ns, wants) in enumerate(
            zip(self.closes, self.close_ns, self.wanted, strict=True)
        ):
            if order is not None:
                pieces.clock.set(pieces.feed.stand(bar))
                if await pieces.desk.sync():
                    self._read_account()
                    cash, per_tick = self.cash, self.steps * unit
                    holds = self.steps > 0
                if order.is_terminal:
                    order = None
            equity = cash + per_tick * ticks
            if close_ns >= day_end:
                midnight = close_ns - close_ns % _DAY_NS
                day_start = equity if close_ns == midnight else before
                day_end = midnight + _DAY_NS
                if close_ns >= week_end:
                    monday = midnight - (midnight - _MONDAY_NS) % _WEEK_NS
                    self.week_start = equity if close_ns == monday else before
                    week_end = monday + _WEEK_NS
            if equity > peak:  # noqa: PLR1730 - a call to max() on every bar would be a tenth of the loop
                peak = equity
            record(equity)
            before = equity
            if wants is not holds and order is None:
                self.peak = peak
                order = await self._trade(bar, wants, day_start)
        self.peak = peak
        self._mark(len(self.closes) - 1, day_start)

    def _mark(self, bar: int, day_start: int) -> datetime:
        """Set the ledger's own marks to what the loop knows at the close of `bar`."""
        pieces = self.pieces
        at = pieces.feed.now
        if pieces.feed.bar_index() != bar or at is None:
            at = pieces.feed.stand(bar)
            pieces.clock.set(at)
        close = Decimal(self.closes[bar]) * self.instrument.tick_size
        pieces.portfolio.restore_marks(
            peak=Decimal(self.peak).scaleb(-self.decimals),
            day_start=Decimal(day_start).scaleb(-self.decimals),
            week_start=Decimal(self.week_start).scaleb(-self.decimals),
            at=at,
            prices={self.symbol: close},
        )
        return at

    async def _trade(self, bar: int, wants: bool, day_start: int) -> Order | None:
        """Buy or sell the quantity; None when the first or the second review refused it."""
        pieces = self.pieces
        now = self._mark(bar, day_start)
        cycle = bar + 1
        intent = OrderIntent(
            client_id=client_order_id(pieces.session, cycle, 0),
            session=pieces.session,
            cycle=cycle,
            leg=0,
            symbol=self.symbol,
            side=Side.BUY if wants else Side.SELL,
            quantity=self.quantity,
            order_type=OrderType.MARKET,
            created_at=now,
            reduce_only=not wants,
        )
        facts = pieces.facts.gather(self.symbol, now, pieces.desk.open_orders(), entry=wants)
        answer = review(intent, facts, pieces.limits, now)
        if isinstance(answer, Refused):
            refused = IntentRefused(intent, 1, answer.breaches, now, pieces.limits.hash)
            pieces.journal.append(refused)
            pieces.publish(refused)
            self.refusals += 1
            return None
        order = await pieces.desk.submit(intent)
        if order.is_terminal:
            self.refusals += 1
            return None
        self.orders += 1
        return order

    def result(self, seconds: float) -> EventRun:
        return EventRun(
            bars=len(self.curve),
            orders=self.orders,
            refusals=self.refusals,
            equity=self.pieces.portfolio.equity,
            peak=self.pieces.portfolio.peak_equity,
            seconds=seconds,
            curve=self.curve,
            decimals=self.decimals,
        )


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
