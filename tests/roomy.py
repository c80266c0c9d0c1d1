"""A market with room for any order, and limits that keep the gate out of a test about something else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

import numpy as np

from domain.clock import to_ns
from domain.market import BookLevel, OrderBook, Timeframe
from domain.money import Price, Quantity, Symbol
from market.bars import Bars

ROOM: Final[Mapping[str, object]] = {
    "allow_estimated_prices": True,
    "max_price_disagreement_fraction": 1,
    "max_cluster_equity_fraction": 1,
    "max_depth_fraction": 1,
    "max_volume_fraction": 1,
    "duplicate_window_seconds": 0,
    "min_reward_to_risk_ratio": 0,
    "max_trade_loss_equity_fraction": 1,
    "max_weekly_loss_fraction": "0.99",
    "max_loss_streak_count": 1000,
    "max_stressed_loss_equity_fraction": 1,
    "max_var_equity_fraction": 1,
    "max_cvar_equity_fraction": 1,
    "news_blackout_seconds": 0,
}
"""Limits that no test's order comes near."""

_DEEP: Final = Quantity(Decimal(10) ** 9)


def deep_book(symbol: Symbol, price: Decimal, at: datetime, tick: str = "0.01") -> OrderBook:
    """More than anybody wants, a tick beside `price` on both sides."""
    away = Decimal(tick)
    return OrderBook(
        symbol, at, (BookLevel(Price(price - away), _DEEP),), (BookLevel(Price(price + away), _DEEP),)
    )


def still_bars(symbol: Symbol, timeframe: Timeframe, price: Decimal, until: datetime, count: int) -> Bars:
    """`count` bars up to `until` in which much was traded and the price never moved."""
    length = timeframe.seconds * 1_000_000_000
    closes = to_ns(until) // length * length - np.arange(count, dtype=np.int64)[::-1] * length
    flat, much = np.full(count, float(price)), np.full(count, 1e9)
    return Bars(symbol, timeframe, closes - length, closes, flat, flat, flat, flat, much)
