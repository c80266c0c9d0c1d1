"""What a random history is made of: its steps, its limits, its market and its venue."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.clock import to_ns
from domain.market import BookLevel, Candle, Headline, OrderBook, Quote
from domain.money import Money, Price, Quantity, Symbol
from domain.orders import Fill, Side
from execution.scripted import ScriptedVenue
from execution.venue import Executed
from market.bars import Bars
from risk.limits import DEFAULTS, RiskLimits
from tests.faults.world import BTC, ETH, INSTRUMENTS, START, StillFeed
from tests.roomy import ROOM

D = Decimal
HOUR, PAST = timedelta(hours=1), 240
SYMBOLS = (BTC, ETH)
_BASE = {**DEFAULTS, "allowed_symbols": list(SYMBOLS), "max_order_notional_quote": "30000"}
LIMIT_SETS = tuple(
    RiskLimits.from_mapping({**_BASE, **more})
    for more in (
        {},
        {"max_trade_loss_equity_fraction": "0.1", "max_position_equity_fraction": 1, "require_stop": False},
        {**ROOM, "allow_estimated_prices": False, "max_position_equity_fraction": 1},
        {"max_open_orders_count": 3, "max_orders_per_window_count": 4, "loss_cooldown_seconds": 3600},
        {"max_loss_streak_count": 1, "max_daily_loss_fraction": "0.002", "news_blackout_seconds": 14_400},
        {"max_loss_streak_count": 20, "max_weekly_loss_fraction": "0.002"},
        {"max_var_equity_fraction": "0.02", "max_cvar_equity_fraction": "0.02"},
        {"max_stressed_loss_equity_fraction": "0.1", "max_cluster_equity_fraction": "0.2"},
        {"trading_hours_utc": ["mon-fri 08:00-20:00"], "duplicate_window_seconds": 600},
        {"blackout_windows_utc": ["2024-01-01T12:00Z/2024-01-02T12:00Z"], "allowed_symbols": [ETH]},
        {"max_drawdown_fraction": "0.005", "max_volume_fraction": None},
    )
)
_OFTEN = {"trade": 7, "buy": 5, "move": 5, "fill": 4, "exit": 3, "sell": 2, "hours": 2, "limits": 2}
_SELDOM = ("crash", "halt", "outside", "trouble", "views", "news", "breaker", "book", "cancel")
KINDS = [kind for kind, times in _OFTEN.items() for _ in range(times)] + list(_SELDOM)
Step = tuple[str, int, int]
HISTORIES = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 9), st.integers(0, 99)), min_size=12, max_size=40
)
"""What happens, and two numbers that say how: see `Life.step`."""


class WalkingFeed(StillFeed):
    """Bars of an hour that went up and down before the beginning, and go where they are sent since."""

    def __init__(self) -> None:
        super().__init__()
        chance = np.random.default_rng(7)
        common = chance.normal(0, 0.006, PAST)
        self.closes: dict[Symbol, list[float]] = {}
        for symbol in SYMBOLS:
            walk = _backwards(common + chance.normal(0, 0.003, PAST))
            self.closes[symbol] = (float(self.last[symbol]) * np.exp(walk)).tolist()
        self.volumes = [20.0] * PAST
        self.first = START - (PAST - 1) * HOUR
        self.quoted = START
        self.deep = D(3)
        self.news: list[Headline] = []

    @property
    def at(self) -> datetime:
        return self.now or START

    def wait(self, span: timedelta) -> None:
        """Time passes; every full hour closes a bar at the price that stands."""
        self.now = self.at + span
        while self.first + len(self.volumes) * HOUR <= self.now:
            self.volumes.append(20.0)
            for symbol in SYMBOLS:
                self.closes[symbol].append(float(self.last[symbol]))

    def quote(self, symbol: Symbol) -> Quote | None:
        last, tick = self.last[symbol], D("0.01")
        return Quote(symbol, Price(last - tick), Price(last + tick), Price(last), self.quoted)

    def candle(self, symbol: Symbol) -> Candle | None:
        ends = self.first + (len(self.volumes) - 1) * HOUR
        price = INSTRUMENTS[symbol].price(self.closes[symbol][-1])
        return Candle(symbol, self.timeframe, ends - HOUR, ends, price, price, price, price, Quantity(D(20)))

    def book(self, symbol: Symbol) -> OrderBook | None:
        price, tick, size = self.last[symbol], D("0.01"), Quantity(self.deep * 40_000 / self.last[symbol])
        bids, asks = BookLevel(Price(price - tick), size), BookLevel(Price(price + tick), size)
        return OrderBook(symbol, self.at, (bids,), (asks,))

    def headlines(self, since: datetime) -> tuple[Headline, ...]:
        return tuple(each for each in self.news if since < each.available_at <= self.at)

    def history(self, symbol: Symbol, as_of: datetime, limit: int) -> Bars:
        count = min(len(self.volumes), (as_of - self.first) // HOUR + 1)
        start = max(0, count - limit)
        close = np.array(self.closes[symbol][start:count])
        ends = to_ns(self.first) + np.arange(start, count, dtype=np.int64) * 3_600_000_000_000
        volume = np.array(self.volumes[start:count]) * 40_000 / close
        return Bars(
            symbol, self.timeframe, ends - 3_600_000_000_000, ends, close, close, close, close, volume
        )


def _backwards(moves: NDArray[np.float64]) -> NDArray[np.float64]:
    """A walk that ends at zero."""
    walked: NDArray[np.float64] = np.cumsum(moves)
    walked -= walked[-1]
    return walked


class Till(ScriptedVenue):
    """A scripted venue that may take the fee of a buy out of what was bought."""

    in_coins = False

    def fill(
        self,
        client_id: str,
        quantity: str | Decimal,
        price: str | Decimal,
        at: datetime,
        *,
        report: bool = True,
    ) -> Fill:
        made = super().fill(client_id, quantity, price, at, report=report)
        if self.in_coins and made.side is Side.BUY:
            fee = Money(made.quantity / 1000, INSTRUMENTS[made.symbol].base)
            made = replace(made, fee=fee)
            self._orders[client_id].fills[-1] = made
            if report:
                self._reports[-1] = Executed(made)
        return made
