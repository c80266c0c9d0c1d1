"""The background of a simulated market: makers that quote around the tape, takers that trade with them.

At every point of the tape the makers take their quotes out and put new ones in: `LEVELS` a side, further
apart and thinner when the market is nervous. Then takers sell and buy at the touch. Customers' orders stand
in the same book: a maker's new quote meets those the price has reached, a taker those at the touch.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np

from simulator import depth
from simulator.exchange.floor import MAKERS, TAKERS, Floor
from simulator.exchange.market import Market
from simulator.exchange.tape import Point, Tape
from simulator.orderbook.messages import Tif

LEVELS: Final = 25
_GAP_SHARE: Final = 0.00003
_SPREAD_OF_SIZES: Final = 0.6


class Background:
    """The makers and takers of every market; their orders have negative numbers."""

    def __init__(self, tape: Tape, floor: Floor) -> None:
        self._tape = tape
        self._floor = floor
        self._next = -1
        self._quotes: dict[str, list[int]] = {}

    def step(self, market: Market, at: datetime) -> None:
        """Bring one market to the point of the tape at this time."""
        point = self._tape.point(market.symbol, at)
        draws = np.random.default_rng(point.noise).lognormal(-0.18, _SPREAD_OF_SIZES, 2 * LEVELS + 1)
        self._quote(market, point, draws.tolist())
        self._flow(market, point, float(draws[-1]))

    def _quote(self, market: Market, point: Point, draws: list[float]) -> None:
        for order_id in self._quotes.get(market.symbol, ()):
            market.book.cancel(order_id)
        bid, ask = depth.best(point.middle, point.spread)
        gap = max(round(point.middle * _GAP_SHARE * point.stress), 1)
        kept: list[int] = []
        for level in range(LEVELS):
            growth = point.touch * (1.0 + 0.18 * level)
            for buy, price, draw in (
                (True, bid - level * gap, draws[level]),
                (False, ask + level * gap, draws[LEVELS + level]),
            ):
                if price > 0:
                    lots = max(round(growth * draw), 1)
                    kept.append(self._limit(market, MAKERS, buy, price, lots, Tif.GTC))
        self._quotes[market.symbol] = kept
        market.changes += 1

    def _flow(self, market: Market, point: Point, draw: float) -> None:
        """Takers on both sides, more on the side the draw leans to."""
        share = min(max(draw / 2.0, 0.1), 0.9)
        bought = round(point.flow * share)
        for buy, lots in ((True, bought), (False, point.flow - bought)):
            best = market.book.best_ask if buy else market.book.best_bid
            if lots > 0 and best is not None:
                self._limit(market, TAKERS, buy, best, lots, Tif.IOC)

    def _limit(self, market: Market, owner: int, buy: bool, price: int, lots: int, tif: Tif) -> int:
        self._next -= 1
        result = market.book.limit(self._next, owner, buy, price, lots, tif=tif)
        if result.trades:
            self._floor.clear(market, result, None, buy)
        return self._next
